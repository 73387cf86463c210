"""The workspace: one folder that holds a catalogue and everything computed from it.

    workspace/
      catalogue.sqlite      images (as links), metadata, annotations, selections, runs
      artefacts/            results of stages, by key
      embeddings/           vectors of regions, by embedder
      thumbnails/           two sizes of every image, in few large files
      runs/                 one folder a run: its table and its manifest
      models/               trained models
      predictions/          what models say of regions
      clusters/             people's edits of clusters, one list a run
      placed/               pictures that people placed on a run's map, small copies, one folder a run

Images stay where they are; the workspace may be moved or copied as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from core.artefacts import ArtefactStore
from core.catalogue.database import Database
from core.catalogue.journal import Journal
from core.catalogue.schema import Annotation, Concept, Dataset, Image
from core.errors import ImageError, WorkspaceError
from core.images.thumbnails import ThumbnailStore
from core.runs import Run, RunInfo

if TYPE_CHECKING:
    pass

CATALOGUE = "catalogue.sqlite"


@dataclass(frozen=True)
class ImageEntry:
    """One image of the catalogue, as far as showing it goes.

    Attributes:
        path: Where the file is now; it lies inside its dataset's folder.
        name: The path as the catalogue knows it, relative to that folder. Text from a stranger: show, never interpret.
    """

    id: int
    path: Path
    name: str
    content_hash: str
    width: int
    height: int


@dataclass(frozen=True)
class AnnotationEntry:
    """One statement about an image.

    Attributes:
        geometry: As `core.catalogue.records.AnnotationRecord` describes; ``None`` for the whole image.
        source: ``person``, ``model`` or ``import``.
    """

    concept: str
    geometry: dict[str, Any] | None
    source: str
    actor: str
    score: float | None


@dataclass(frozen=True)
class DatasetEntry:
    """A line about a dataset; counts are of images by status."""

    id: int
    name: str
    root: Path
    images: int
    absent: int
    unusable: int


class Workspace:
    """An open workspace; safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = Database(root / CATALOGUE)
        self.artefacts = ArtefactStore(root / "artefacts")
        self.thumbnails = ThumbnailStore(root / "thumbnails")
        self.journal = Journal(self.database)

    def runs(self) -> list[RunInfo]:
        """All runs, newest first."""
        return self.journal.runs()

    def run_folder(self, run_id: int) -> Path:
        """Where a run's table and manifest are."""
        return self.root / "runs" / f"{run_id:06d}"

    def open_run(self, run_id: int) -> Run:
        """A finished run.

        Raises:
            WorkspaceError: there is no such run, or it is not finished.
        """
        info = self.journal.run(run_id)
        if info.state != "done":
            raise WorkspaceError(
                f"run {run_id} is {info.state}; run the pipeline again with the same words to finish it"
            )
        return Run(info, self.run_folder(run_id), self.artefacts)

    def datasets(self) -> list[DatasetEntry]:
        """All datasets that are not archived, by name."""
        with self.database.read() as session:
            entries = []
            for dataset in session.scalars(select(Dataset).where(Dataset.archived_at.is_(None)).order_by(Dataset.name)):
                of_each = select(Image.status, func.count()).where(Image.dataset_id == dataset.id)
                states = dict(session.execute(of_each.group_by(Image.status)).all())
                counts = {state: states.get(state, 0) for state in ("ok", "absent", "unusable")}
                entries.append(
                    DatasetEntry(
                        dataset.id, dataset.name, Path(dataset.root), counts["ok"], counts["absent"], counts["unusable"]
                    )
                )
            return entries

    def image(self, image_id: int) -> ImageEntry | None:
        """A usable image, or ``None``: unknown id, a file that is gone, or a link that leaves the dataset's folder."""
        from core.images.files import within

        with self.database.read() as session:
            row = session.execute(
                select(Image, Dataset.root).join(Dataset, Dataset.id == Image.dataset_id).where(Image.id == image_id)
            ).one_or_none()
            if row is None or row.Image.status != "ok":
                return None
            image, root = row.Image, Path(row.root)
        try:
            path = within(root, root / image.path)
        except ImageError:
            return None
        if not path.is_file():
            return None
        return ImageEntry(image.id, path, image.path, image.content_hash, image.width, image.height)

    def annotations(self, image_id: int) -> list[AnnotationEntry]:
        """What is stated about an image now, oldest first."""
        with self.database.read() as session:
            rows = session.execute(
                select(Annotation, Concept.name)
                .join(Concept, Concept.id == Annotation.concept_id)
                .where(Annotation.image_id == image_id, Annotation.superseded_at.is_(None))
                .order_by(Annotation.id)
            ).all()
        return [AnnotationEntry(name, note.geometry, note.source, note.actor, note.score) for note, name in rows]

    def close(self) -> None:
        """Give file handles back."""
        self.database.close()
        self.thumbnails.close()


def open_workspace(path: Path | str, *, create: bool = True, adopt: str | None = None) -> Workspace:
    """Open a workspace folder, making it when it is new.

    Args:
        create: Make it when there is none.
        adopt: A folder inside that a new workspace may find there already.

    Raises:
        WorkspaceError: the folder is not a workspace and ``create`` is false, cannot be written, holds something else,
            or was made by a newer version.
    """
    root = Path(path).expanduser().resolve()
    if not (root / CATALOGUE).is_file():
        if not create:
            raise WorkspaceError(
                f"{root} is not a workspace; import images first, or name another with --workspace DIR"
            )
        if root.exists() and not root.is_dir():
            raise WorkspaceError(f"{root} is a file; a workspace is a folder, name another with --workspace DIR")
        if root.is_dir() and any(item.name != adopt for item in root.iterdir()):
            raise WorkspaceError(f"{root} holds other files; a new workspace needs an empty or new folder")
    try:
        root.mkdir(parents=True, exist_ok=True)
        return Workspace(root)
    except OSError as error:
        raise WorkspaceError(f"the workspace {root} cannot be used ({error.strerror or error})") from error
