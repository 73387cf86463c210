"""What ``benthoscope predict`` does: a model, files or regions, and where the answers go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageError, SettingsError
from core.learn.models import Model, find_model, load_model
from core.learn.predicting import image_files, predict_files, predict_regions
from core.learn.predictions import PredictionSet
from core.learn.writing import Row, rows_json, write_predictions
from core.progress import Progress

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace

Strangeness = Callable[["Run", Sequence[Path]], Sequence[float | None]]
NO_OSD = (
    "osd is empty: no run has OOD scores of these pictures; with --run RUN each is compared with that run's reference."
)
_SHOWN = 20


@dataclass(frozen=True)
class PredictWish:
    """What was asked for.

    Attributes:
        paths: Files and folders.
        out: File to write.
        kind: ``csv``, ``json`` or ``fathomnet``; by the ending of `out` if ``None``.
        run: All regions of this run; with `paths` the files alone, and how strange each is beside the run's reference.
        datasets: Whole images of these instead of files.
        threshold: One threshold for all concepts.
        fallback: Name the likeliest concept where none reaches its threshold.
    """

    paths: tuple[Path, ...]
    out: Path | None
    kind: str | None
    run: int | None
    datasets: tuple[str, ...]
    threshold: float | None
    fallback: bool

    def __post_init__(self) -> None:
        files_or_run = bool(self.paths) or self.run is not None
        if files_or_run == bool(self.datasets):
            raise SettingsError(
                "name image files, or --run RUN, or --dataset NAME: one of them; with files, --run RUN says beside "
                "which reference they are strange"
            )
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise SettingsError(f"a threshold is a probability in [0, 1], got {self.threshold}")
        if self.paths and self.out is None and self.kind is not None:
            raise SettingsError("--format says how a file is written; name the file with --out FILE")
        if self.kind is None and self.out is not None and self.out.suffix.lower() not in (".csv", ".json"):
            raise SettingsError(f"{self.out.name} ends neither in .csv nor in .json; say which with --format")


@dataclass(frozen=True)
class Predicted:
    """What came of it.

    Attributes:
        rows: Lines, in the order asked.
        failed: Lines without an answer.
        stored: Id of the stored predictions, when regions were asked about.
        notes: Sentences about what could not be said.
    """

    model: Model
    rows: tuple[Row, ...]
    failed: int
    out: Path | None
    stored: str | None
    thresholds: NDArray[np.float32]
    fallback: bool
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        lines = []
        if self.out is None and self.stored is None:
            for entry in rows_json(self.rows[:_SHOWN], self.model.tree, self.thresholds, fallback=self.fallback):
                said = ", ".join(f"{one['concept']} {one['probability']:.2f}" for one in entry["concepts"])
                lines.append(f"{entry['path']}: {entry['reason'] or said or 'nothing above its threshold'}")
        done = len(self.rows) - self.failed
        lines.append(f"predicted {done:,} of {len(self.rows):,} images with {self.model.name}")
        lines += [f"wrote {self.out}"] if self.out else []
        lines += [f"stored as predictions {self.stored}"] if self.stored else []
        lines += self.notes
        if self.failed:
            first = next(row for row in self.rows if row.reason)
            lines.append(f"{self.failed:,} could not be used; the first: {first.reason}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """For programs; the predictions themselves only when no file holds them."""
        result: dict[str, Any] = {
            "model": self.model.name,
            "images": len(self.rows),
            "failed": self.failed,
            "file": str(self.out) if self.out else None,
            "predictions_id": self.stored,
            "notes": list(self.notes),
        }
        if self.out is None and self.stored is None:
            shown = rows_json(self.rows, self.model.tree, self.thresholds, fallback=self.fallback)
            result |= {"predictions": shown}
        return result


def predict_into(
    workspace: Workspace | None,
    model_name: str,
    wish: PredictWish,
    *,
    strangeness: Strangeness,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress,
) -> Predicted:
    """Predict and write or store.

    Args:
        strangeness: OOD scores of files beside a run's reference, in [0, 2], ``None`` where one cannot be opened.

    Raises:
        ModelError: there is no such model, or it cannot be opened.
        ImageError: a path does not exist, or none of the files can be used.
        WorkspaceError: a run or dataset does not exist, or nothing can be written.
    """
    model = load_model(find_model(model_name, workspace), device=device)
    thresholds = model.thresholds
    if wish.threshold is not None:
        thresholds = np.full_like(thresholds, wish.threshold)
    stored = None
    run = None if wish.run is None or workspace is None else workspace.open_run(wish.run)
    if wish.paths:
        files = image_files(wish.paths)
        rows = list(_file_rows(model, files, workers, progress))
        if run is not None:
            scores = strangeness(run, files)
            rows = [_strange(row, score) for row, score in zip(rows, scores, strict=True)]
    else:
        assert workspace is not None
        found = predict_regions(workspace, model, run=run, datasets=wish.datasets, workers=workers, progress=progress)
        rows, stored = _stored_rows(found, run), found.id
    failed = sum(bool(row.reason) for row in rows)
    if failed == len(rows):
        more = f" (and {failed - 1:,} more)" if failed > 1 else ""
        raise ImageError("unreadable", f"none of the images could be used: {rows[0].reason}{more}")
    notes: tuple[str, ...] = ()
    if wish.out is not None:
        kind = wish.kind or wish.out.suffix.lower().removeprefix(".")
        fallback = wish.fallback or bool(model.facts["thresholds"].get("fallback", False))
        write_predictions(wish.out, kind, rows, model.tree, thresholds, model=model.name, fallback=fallback)
        if kind == "fathomnet" and all(row.osd is None for row in rows):
            notes = (NO_OSD,)
    return Predicted(model, tuple(rows), failed, wish.out, stored, thresholds, wish.fallback, notes)


def _strange(row: Row, score: float | None) -> Row:
    """A file's line with its OOD score halved, so that it lies in [0, 1]."""
    return row if row.reason or score is None else replace(row, osd=score / 2.0)


def _file_rows(model: Model, paths: Sequence[Path], workers: int | None, progress: Progress) -> Iterator[Row]:
    for one in predict_files(model, paths, workers=workers, progress=progress):
        yield Row(str(one.path), one.probabilities, one.spread, None, one.reason)


def _stored_rows(found: PredictionSet, run: Run | None) -> list[Row]:
    """Lines of stored predictions; with a run, its OOD score halved is how strange a region is, in [0, 1]."""
    strange = None if run is None else run.table["ood_score"].to_numpy(float) / 2.0
    rows = []
    for place, (path, region, reason) in enumerate(
        zip(found.rows["path"], found.rows["region"], found.rows["reason"], strict=True)
    ):
        name = path if region == "image" else f"{path}#{region}"
        osd = None if strange is None or not np.isfinite(strange[place]) else float(strange[place])
        row = Row(name, None, None, osd, reason)
        if not reason:
            spread = None if found.spread is None else found.spread[place]
            row = replace(row, probabilities=found.probabilities[place], spread=spread)
        rows.append(row)
    return rows
