"""What the command line leaves in a folder: a map's cells, its picture, its facts and its boxes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import select, update

from core.artefacts import write_atomically
from core.catalogue.annotating import ensure_concepts
from core.catalogue.schema import Annotation, Dataset, new_uid
from core.catalogue.schema import Image as ImageRow
from core.errors import SettingsError, WorkspaceError
from core.explain.boxes import FoundBox, find_boxes
from core.explain.detectors import EXACT, KNN, flagging_detectors
from core.explain.maps import OF_DETECTORS, MapSettings, WhyMap
from core.explain.regions import explain_image, explain_regions
from core.explain.subjects import row_of_image, subject_of_row
from core.images.decode import open_image
from core.ood.registry import DETECTORS
from core.runs import Run
from core.workspace import Workspace

_LONGEST = 1600
STRANGE = "strange"
"""What boxes of a map that is no class's are called."""
_NEEDS_ROW = "name an image of the run"


def explain_into(
    run: Run,
    workspace: Workspace,
    image: str,
    settings: MapSettings,
    out: Path,
    *,
    other: str | None = None,
    detector: str | None = None,
    store: bool = False,
) -> dict[str, Any]:
    """Explain one image and write ``map.npy``, ``overlay.png``, ``map.json`` and ``boxes.json``.

    Args:
        image: An image's id, its path as the catalogue knows it, or a file that is not in the run.
        settings: Which map.
        out: A folder, made when it is not there; files of these names in it are replaced.
        other: For ``match``: the id or path of an image of the run; the nearest reference region by default.
        detector: Whose score; by default the first that flagged the image, kNN where none did.
        store: Keep the boxes as a model's annotations too, see `store_boxes`.

    Returns:
        `WhyMap.to_json`, how many boxes were found, and the files written.

    Raises:
        WorkspaceError: there is no such image.
        CoreError: the image or the map cannot be made.
    """
    if other is not None and settings.kind != "match":
        raise SettingsError(f"a second image belongs to a match map, not to {settings.kind!r}; use --kind match")
    partner = None if other is None else _row(run, other)
    row = row_of_image(run, image)
    if row is None and store:
        raise SettingsError(f"boxes are kept for images of the catalogue, and {image!r} is not in run {run.id}")
    settings = replace(settings, detector=detector or _flagging(run, row, settings))
    if row is None:
        path = Path(image).expanduser()
        if not path.is_file():
            raise WorkspaceError(f"run {run.id} holds no image {image!r} and there is no such file; {_NEEDS_ROW}")
        one = explain_image(run, workspace, path, settings=settings, other=partner)
    else:
        batch = explain_regions(run, workspace, [row], settings=settings, others=[partner])
        if batch.maps[0] is None:
            raise SettingsError(batch.failures[0])
        one, path = batch.maps[0], Path(str(subject_of_row(run, workspace, row).source))
    facts = write_map(one, open_image(path, longest=_LONGEST), out)
    if store and row is not None:
        facts["stored"] = store_boxes(
            workspace, run, row, one.concept or STRANGE, one.kind, find_boxes(one.pixels()), actor="benthoscope explain"
        )
    return facts


def _flagging(run: Run, row: int | None, settings: MapSettings) -> str:
    """The detector that flagged a row, of those that such a map can be made of."""
    if row is None or settings.kind not in OF_DETECTORS or settings.grid == "tiles":
        return KNN
    usable = (name for name in flagging_detectors(run, row) if name in EXACT or settings.kind != "ood-features")
    return next((name for name in usable if not DETECTORS[name].needs_logits), KNN)


def _row(run: Run, words: str) -> int:
    row = row_of_image(run, words)
    if row is None:
        raise WorkspaceError(f"run {run.id} holds no image {words!r}; {_NEEDS_ROW}, by its id or path")
    return row


def write_map(one: WhyMap, image: Image.Image, out: Path) -> dict[str, Any]:
    """Write a map's files; returns its facts and their names.

    Raises:
        WorkspaceError: the folder cannot be written.
    """
    boxes = find_boxes(one.pixels())
    files = {
        "map.npy": npy(one.cells),
        "overlay.png": png(one.over(image)),
        "boxes.json": coco_boxes(one, boxes),
    }
    facts = one.to_json() | {"caption": one.caption, "boxes": len(boxes)}
    files["map.json"] = json.dumps(facts, indent=1, allow_nan=False).encode()
    try:
        for name, content in files.items():
            write_atomically(out / name, content)
    except OSError as error:
        raise WorkspaceError(f"{out} cannot be written ({error.strerror or error}); name another with --out") from error
    return facts | {"files": sorted(str(out / name) for name in files)}


def coco_boxes(one: WhyMap, boxes: list[FoundBox], name: str = "") -> bytes:
    """Boxes of a map as a COCO file with one image, of this file name."""
    image = {"id": 1, "file_name": name, "width": one.geometry.image_width, "height": one.geometry.image_height}
    coco = {
        "images": [image],
        "categories": [{"id": 1, "name": one.concept or STRANGE}],
        "annotations": [
            box.coco(image_id=1, category_id=1, annotation_id=place) for place, box in enumerate(boxes, start=1)
        ],
    }
    return json.dumps(coco, allow_nan=False).encode()


def npy(cells: np.ndarray) -> bytes:
    """Cells as a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(cells, np.float32), allow_pickle=False)
    return buffer.getvalue()


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def store_boxes(
    workspace: Workspace, run: Run, row: int, concept: str, kind: str, boxes: list[FoundBox], *, actor: str
) -> int:
    """Keep boxes as a model's annotations of their image; those that this kind of map left before are superseded.

    Args:
        concept: Name in the label set of the image's dataset; made when it is new.
        kind: Of the map; with the run's embedder it names the model.

    Returns:
        How many were written.
    """
    image_id = int(run.table["image_id"].iloc[row])
    region_id = int(run.table["region_id"].iloc[row])
    model = f"{run.manifest['embedder']['name']}:{run.manifest['embedder']['key']}:{kind}"
    now = datetime.now(UTC)
    with workspace.database.write() as session:
        owner = select(Dataset.label_set_id).join(ImageRow, ImageRow.dataset_id == Dataset.id)
        label_set = session.scalar(owner.where(ImageRow.id == image_id))
        if label_set is None:
            raise WorkspaceError(f"image {image_id} has no label set to name its boxes from; import it again")
        concepts = ensure_concepts(session, label_set, [], [concept])
        session.execute(
            update(Annotation)
            .where(
                Annotation.image_id == image_id,
                Annotation.region_id == region_id,
                Annotation.concept_id == concepts[concept],
                Annotation.model == model,
                Annotation.superseded_at.is_(None),
            )
            .values(superseded_at=now)
        )
        session.add_all(
            Annotation(
                uid=new_uid(),
                image_id=image_id,
                region_id=region_id,
                concept_id=concepts[concept],
                geometry=box.geometry(),
                score=box.score,
                source="model",
                model=model,
                run_id=run.id,
                actor=actor,
                created_at=now,
                extra={},
            )
            for box in boxes
        )
    return len(boxes)
