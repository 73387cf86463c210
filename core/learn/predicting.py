"""Predicting: files from anywhere, or regions of the workspace, by the same model and the same way.

The contract:
- pictures are read `BLOCK` at a time, so memory stays constant however many there are;
- blocks are fixed by the order of what is asked, so a resumed prediction ends in the same bytes;
- a file that cannot be read has a reason instead of probabilities, and the others go on.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.artefacts import digest
from core.catalogue.regions import dataset_ids, ensure_regions, region_table
from core.embed.loop import RegionJob
from core.errors import ImageError, WorkspaceError
from core.images.files import is_image_name
from core.learn.gathering import jobs_of
from core.learn.models import Model
from core.learn.predictions import (
    ROW_COLUMNS,
    PredictionSet,
    PredictionWriter,
    open_predictions,
    predictions_folder,
)
from core.learn.scoring import score_regions
from core.learn.sizes import upright_size
from core.progress import Progress, silent
from core.settings import RegionSettings

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from core.workspace import Workspace

BLOCK = 256
"""Regions scored at a time."""


@dataclass(frozen=True)
class FilePrediction:
    """What a model says of one file.

    Attributes:
        logits, probabilities: ``[C]`` float32; ``None`` when the file could not be used.
        spread: ``[C]`` float32 for ensembles.
        reason: Why it could not be used, or empty.
    """

    path: Path
    logits: NDArray[np.float32] | None
    probabilities: NDArray[np.float32] | None
    spread: NDArray[np.float32] | None
    reason: str = ""


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The files that some paths mean: files as they are, folders with all images below them by name.

    Raises:
        ImageError: a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if is_image_name(item) and item.is_file())
            if not inside:
                raise ImageError("missing", f"the folder {path.name!r} holds no image; name another")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ImageError("missing", f"there is no file {str(path)!r}; check the path")
    return list(dict.fromkeys(found))


def predict_files(
    model: Model,
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> Iterator[FilePrediction]:
    """Predictions of image files, one after the other in the order given.

    Args:
        paths: Files (see `image_files` for folders).
        progress: Called with files done and asked for; may raise `core.errors.Cancelled`.
    """
    for start in range(0, len(paths), BLOCK):
        part = [Path(path) for path in paths[start : start + BLOCK]]
        jobs: list[RegionJob] = []
        places: list[int] = []
        reasons: dict[int, str] = {}
        for place, path in enumerate(part):
            try:
                width, height = upright_size(path)
            except ImageError as error:
                reasons[place] = str(error)
            else:
                jobs.append(RegionJob(f"file {start + place}", path, width, height))
                places.append(place)

        def report(done: int, total: int, before: int = start) -> None:
            progress(before + done, len(paths))

        scored = score_regions(model, jobs, workers=workers, progress=report)
        of = {place: row for row, place in enumerate(places)}
        for place, path in enumerate(part):
            row = of.get(place)
            reason = reasons.get(place, "") if row is None else scored.reasons.get(row, "")
            if row is None or reason:
                yield FilePrediction(path, None, None, None, reason)
            else:
                spread = None if scored.spread is None else scored.spread[row]
                yield FilePrediction(path, scored.logits[row], scored.probabilities[row], spread)
    progress(len(paths), len(paths))


def predict_regions(
    workspace: Workspace,
    model: Model,
    *,
    run: Run | None = None,
    image_ids: Sequence[int] | None = None,
    datasets: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress = silent,
) -> PredictionSet:
    """Predictions of regions of the workspace, stored; the same question is answered from the store.

    Args:
        run: All regions of this run, in its order; row ``i`` of the predictions is row ``i`` of the run.
        image_ids: Only these images; without `run` and `datasets`, whole images from anywhere in the catalogue.
        datasets: Whole images of these datasets.
        progress: Called with regions done and asked for; may raise `core.errors.Cancelled`.

    Raises:
        WorkspaceError: nothing is left to predict, or the disk refuses.
    """
    table, source = _asked(workspace, run, image_ids, datasets)
    return predict_table(workspace, model, table, source, workers=workers, progress=progress)


def predict_table(
    workspace: Workspace,
    model: Model,
    table: pd.DataFrame,
    source: Mapping[str, Any],
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> PredictionSet:
    """Predictions of the regions of a table, row by row, stored; the same question is answered from the store.

    Args:
        table: One row a region, with the columns of `core.catalogue.regions.region_table`.
        source: What was asked about, for the manifest: ``kind`` and what names it.
        progress: Called with regions done and asked for; may raise `core.errors.Cancelled`.

    Raises:
        WorkspaceError: the table is empty, or the disk refuses.
    """
    if table.empty:
        raise WorkspaceError("there is no usable image to predict; choose other images")
    jobs = jobs_of(workspace, table)
    buffer = io.BytesIO()
    rows = table[[name for name in ROW_COLUMNS if name != "reason"]].reset_index(drop=True)
    rows.to_parquet(buffer, index=False, compression=None)
    prediction_id = digest("predictions", model.key, buffer.getvalue(), *(job.key for job in jobs))[:16]
    root = predictions_folder(workspace)
    if (root / prediction_id / "manifest.json").is_file():
        progress(len(jobs), len(jobs))
        return open_predictions(workspace, prediction_id)
    try:
        writer = PredictionWriter(root, prediction_id, rows, len(model.tree), spread=model.members > 1)
        for start in range(writer.done, len(jobs), BLOCK):

            def report(done: int, total: int, before: int = start) -> None:
                progress(before + done, len(jobs))

            scored = score_regions(
                model,
                jobs[start : start + BLOCK],
                embeddings=workspace.root / "embeddings",
                workers=workers,
                progress=report,
            )
            arrays = {"logits": scored.logits, "probabilities": scored.probabilities, "spread": scored.spread}
            writer.write(start, arrays, {start + row: reason for row, reason in scored.reasons.items()})
        writer.finish(
            {
                "model": {"name": model.name, "key": model.key},
                "groups": {use: list(names) for use, names in model.groups.items()},
                "source": dict(source),
                "label_tree": model.tree.to_json(),
                "thresholds": [float(value) for value in model.thresholds],
                "members": model.members,
                "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    except OSError as error:
        raise WorkspaceError(
            f"the predictions could not be stored ({error.strerror or error}); free some disk space and predict again"
        ) from error
    progress(len(jobs), len(jobs))
    return open_predictions(workspace, prediction_id)


def _asked(
    workspace: Workspace, run: Run | None, image_ids: Sequence[int] | None, datasets: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of regions, and how the manifest says what was asked."""
    source: dict[str, Any] = {"kind": "images"}
    if run is not None:
        table, source = run.table, {"kind": "run", "run": run.id, "name": run.name}
    else:
        names = list(datasets) or [dataset.name for dataset in workspace.datasets()]
        ids = dataset_ids(workspace.database, names)
        scheme = RegionSettings()
        ensure_regions(workspace.database, ids, scheme)
        table = region_table(workspace.database, ids, scheme)
        if datasets:
            source = {"kind": "datasets", "datasets": list(datasets)}
    if image_ids is not None:
        wanted = set(image_ids)
        table = table[[image in wanted for image in table["image_id"]]]
        source = source | {"images": len(wanted)}
    return table.reset_index(drop=True), source
