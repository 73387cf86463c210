"""Images and what is known of them, from a source into the catalogue.

The contract:
- nothing is copied or changed: images are linked by their path below the dataset's folder;
- importing again changes nothing, and a killed import goes on where it was: files of known size and time are not read;
- a changed file keeps its id and gets its new content; a moved file is found by its content and keeps its id;
- every row and file that could not be used is in the report, with its reason; none stops the import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.catalogue.annotating import ensure_concepts, write_annotations
from core.catalogue.editing import standing
from core.catalogue.filling import file_facts, file_values, metadata, with_exif, with_stored
from core.catalogue.formats.navigation import Navigation
from core.catalogue.records import ImageRecord, Problem, Reading, ReadOptions
from core.catalogue.schema import Dataset, Image, Import, ImportProblem, LabelSet
from core.errors import FormatError, ImageError, SettingsError, WorkspaceError
from core.images.files import within
from core.images.probe import Probe, Unusable, probe_many
from core.progress import Progress, silent

if TYPE_CHECKING:
    from core.workspace import Workspace

T = TypeVar("T")

_BATCH = 256


@dataclass(frozen=True)
class ImportPlan:
    """A source that was read but not yet imported: what a preview shows.

    Attributes:
        root: The folder that paths are relative to.
        reading: Records, problems and notes from the source.
        navigation: The vehicle's log, to fill position and depth by time.
    """

    source: Path
    root: Path
    reading: Reading
    navigation: Navigation | None
    options: ReadOptions


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        counts: ``rows, images, new, changed, moved, unchanged, updated, absent, unusable, unlabelled,
            annotations_added, annotations_superseded, problems``.
        problems: Everything that could not be used, with reasons.
        notes: What was assumed, in sentences.
    """

    dataset: str
    counts: Mapping[str, int]
    problems: Sequence[Problem]
    notes: Sequence[str]


def plan_import(source: Path, options: ReadOptions, format_name: str | None = None) -> ImportPlan:
    """Read a source without touching the catalogue.

    Raises:
        FormatError: the source as a whole cannot be read.
    """
    from core.catalogue.formats.registry import read

    source = source.expanduser()
    if not source.exists():
        raise FormatError(f"there is no file or folder {source}; check the path")
    if options.images is not None and not options.images.is_dir():
        raise FormatError(f"{options.images} is not a folder of images; name the right one with --images DIR")
    reading = read(source, options, format_name)
    navigation = Navigation.read(options.nav, options) if options.nav else None
    return ImportPlan(source, reading.root.resolve(), reading, navigation, options)


def import_images(
    workspace: Workspace,
    plan: ImportPlan,
    *,
    dataset: str,
    actor: str,
    now: datetime,
    workers: int,
    progress: Progress = silent,
) -> ImportReport:
    """Write a plan into the catalogue; safe to repeat and to interrupt.

    Args:
        dataset: Its name; made when new, otherwise added to.
        now: The time noted with what is written, aware.
        workers: Processes that read image files.

    Raises:
        SettingsError: the name cannot be used.
        WorkspaceError: the dataset lives in another folder that still exists.
        Cancelled: raised by ``progress``; batches finished so far are kept.
    """
    if not dataset.strip() or len(dataset) > 200:
        raise SettingsError("a dataset's name has between 1 and 200 characters")
    flow = _Import(workspace, plan, actor, now)
    flow.open(dataset)
    flow.run(workers, progress)
    return flow.close(dataset)


class _Import:
    def __init__(self, workspace: Workspace, plan: ImportPlan, actor: str, now: datetime) -> None:
        self.workspace, self.plan, self.actor, self.now = workspace, plan, actor, now
        self.problems: list[Problem] = list(plan.reading.problems)
        self.counts: Counter[str] = Counter(rows=plan.reading.counts.get("rows", len(plan.reading.records)))
        self.dataset_id = 0
        self.concepts: dict[str, int] = {}
        self.known: dict[str, Any] = {}
        self.edited: dict[int, dict[str, Any]] = {}

    def open(self, name: str) -> None:
        """Find or make the dataset, its label set and concepts; remember the images it has."""
        used = [note.concept for record in self.plan.reading.records for note in record.annotations]
        with self.workspace.database.write() as session:
            row = session.scalar(select(Dataset).where(Dataset.name == name))
            if row is None:
                label_set = LabelSet(name=name)
                session.add(label_set)
                session.flush()
                row = Dataset(
                    name=name,
                    root=str(self.plan.root),
                    label_set_id=label_set.id,
                    actor=self.actor,
                    created_at=self.now,
                )
                session.add(row)
                session.flush()
            elif row.root != str(self.plan.root):
                if Path(row.root).is_dir():
                    raise WorkspaceError(
                        f"dataset {name!r} has its images in {row.root}; import {self.plan.root} under another name, "
                        "or move the old folder away if this is where the images live now"
                    )
                row.root = str(self.plan.root)
            self.dataset_id = row.id
            self.concepts = ensure_concepts(session, row.label_set_id, self.plan.reading.concepts, used)
        with self.workspace.database.read() as session:
            rows = session.scalars(select(Image).where(Image.dataset_id == self.dataset_id).order_by(Image.id))
            self.known = {image.path: image for image in rows}
            self.edited = standing(session, [image.id for image in self.known.values()])

    def run(self, workers: int, progress: Progress) -> None:
        """Known files first, then the ones to be read, in batches that are each written whole."""
        records = self._unique()
        total = len(records)
        to_read: list[ImageRecord] = []
        done = 0
        for batch in _batches(records, _BATCH):
            settled: list[tuple[ImageRecord, Any]] = []
            for record in batch:
                outcome = self._without_reading(record)
                if outcome is None:
                    to_read.append(record)
                else:
                    settled.append((record, outcome))
            self._write(settled)
            done += len(settled)
            progress(done, total)
        probes = probe_many(
            [self.plan.root / record.path for record in to_read], self.plan.root, workers=workers, progress=silent
        )
        for group in _batches(zip(to_read, probes, strict=True), _BATCH):
            self.workspace.thumbnails.append(
                [(item.content_hash, item.thumbnails) for _, item in group if isinstance(item, Probe)]
            )
            self._write(group)
            done += len(group)
            progress(done, total)
        self._note_absent({record.path for record in records})

    def _unique(self) -> list[ImageRecord]:
        """Records with distinct paths; readers join rows of one file, so a repeat is a repeat in spelling."""
        seen: dict[str, ImageRecord] = {}
        for record in self.plan.reading.records:
            if record.path in seen:
                self.problems.append(Problem("repeated-id", record.where, f"{record.path} was listed before"))
            else:
                seen[record.path] = record
        return list(seen.values())

    def _without_reading(self, record: ImageRecord) -> Any:
        """What is known without opening the file: the stored image, `Unusable`, or ``None`` when it must be read."""
        if record.absent:
            return Unusable(self.plan.root / record.path, "missing", "the file is not here")
        try:
            path = within(self.plan.root, self.plan.root / record.path)
            status = path.stat()
        except ImageError as error:
            return Unusable(self.plan.root / record.path, error.code, str(error))
        except (OSError, ValueError):
            return Unusable(self.plan.root / record.path, "missing", "there is no such file")
        known = self.known.get(record.path)
        if known is not None and (known.bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return known
        return None

    def _write(self, batch: Sequence[tuple[ImageRecord, Any]]) -> None:
        if not batch:
            return
        with self.workspace.database.write() as session:
            rows = [self._settle(session, record, outcome) for record, outcome in batch]
            session.flush()
            stated = {row.id: record for row, (record, _) in zip(rows, batch, strict=True)}
            self.counts += write_annotations(session, stated, self.concepts, self.actor, self.now)

    def _settle(self, session: Session, record: ImageRecord, outcome: Any) -> Image:
        """Insert or update one image, its record completed from the file and the navigation log."""
        stored = self.known.get(record.path)
        if isinstance(outcome, Probe) and stored is None:
            stored = self._moved(outcome)
        values: dict[str, Any] = {"path": record.path}
        if isinstance(outcome, Probe):
            record = with_exif(record, outcome, self.plan.options.timezone)
            values |= file_values(outcome)
            kind = "new" if stored is None else "moved" if stored.path != record.path else "changed"
        elif isinstance(outcome, Unusable):
            absent = outcome.code == "missing"
            kind = "absent" if absent else "unusable"
            if not record.absent:  # the reader has reported those
                self.problems.append(Problem(outcome.code, record.path, outcome.reason))
            values |= {
                "status": kind,
                "code": outcome.code,
                "reason": outcome.reason,
                **file_facts(self.plan.root / record.path),
            }
        else:
            kind = "unchanged"
            if outcome.status == "unusable":
                kind = "unusable"
                self.problems.append(Problem(outcome.code, record.path, outcome.reason))
            record = with_stored(record, outcome)
        if self.plan.navigation is not None:
            record, problem = self.plan.navigation.fill(record)
            self.problems += [problem] if problem else []
        values |= metadata(record)
        if stored is None:
            row = Image(dataset_id=self.dataset_id, **values)
            session.add(row)
        else:
            row = stored
            values |= self.edited.get(row.id, {})
            session.add(row)  # known from an earlier session; what differs is written, nothing is read again
            before = {name: getattr(row, name) for name in values}
            for name, value in values.items():
                if before[name] != value:
                    setattr(row, name, value)
            if kind == "unchanged" and before != values:
                kind = "updated"
        self.known[record.path] = row
        self.counts[kind] += 1
        self.counts["unlabelled"] += not record.labelled
        return row

    def _moved(self, probe: Probe) -> Any:
        """The image with the same content whose own file is gone."""
        for image in self.known.values():
            if image.content_hash == probe.content_hash and not (self.plan.root / image.path).exists():
                del self.known[image.path]
                return image
        return None

    def _note_absent(self, listed: set[str]) -> None:
        """Images known from before that the source no longer lists and whose file is gone."""
        gone = [
            image
            for path, image in self.known.items()
            if path not in listed and image.status == "ok" and not (self.plan.root / path).exists()
        ]
        if not gone:
            return
        with self.workspace.database.write() as session:
            for image in gone:
                row = session.get_one(Image, image.id)
                row.status, row.code, row.reason = "absent", "missing", "the file is gone since an earlier import"
                self.problems.append(Problem("missing", image.path, row.reason))
        self.counts["absent"] += len(gone)

    def close(self, name: str) -> ImportReport:
        """Write the report down."""
        self.counts["images"] = sum(self.counts[kind] for kind in ("new", "changed", "moved", "unchanged", "updated"))
        self.counts["problems"] = len(self.problems)
        counts = {
            kind: self.counts[kind]
            for kind in (
                *("rows", "images", "new", "changed", "moved", "unchanged", "updated", "absent", "unusable"),
                *("unlabelled", "annotations_added", "annotations_superseded", "problems"),
            )
        }
        with self.workspace.database.write() as session:
            row = Import(
                dataset_id=self.dataset_id,
                source=str(self.plan.source),
                options=self.plan.options.to_json(),
                counts=counts,
                notes={"notes": list(self.plan.reading.notes)},
                actor=self.actor,
                created_at=self.now,
            )
            session.add(row)
            session.flush()
            if self.problems:
                session.execute(
                    insert(ImportProblem),
                    [
                        {"import_id": row.id, "kind": problem.kind, "place": problem.where, "reason": problem.reason}
                        for problem in self.problems
                    ],
                )
        return ImportReport(name, counts, self.problems, self.plan.reading.notes)


def _batches(items: Any, size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
