"""What is known to be where: masks of annotated objects, to judge maps by.

The contract: of the targets' annotations those of concepts that no reference region shows count, since those should
make a region strange; where there are none, every annotation with a place counts, and the sentence says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sqlalchemy import select

from core.catalogue.regions import geometry_box
from core.catalogue.schema import Annotation, Concept
from core.demo.collection import Collection
from core.errors import SettingsError
from core.explain.boxes import decode_mask
from core.explain.novelty import bank_rows
from core.runs import Run
from core.stages import group_codes
from core.workspace import Workspace

Statements: TypeAlias = Mapping[int, Sequence[tuple[str, Mapping[str, Any]]]]
"""By image id: concept and geometry (as `core.catalogue.records` describes)."""
LONGEST = 480
"""Masks are drawn, and maps judged, on a copy of the image with at most this longer side, in pixels."""


@dataclass(frozen=True)
class Truth:
    """What is in one region.

    Attributes:
        row: Of the run.
        group: Of the region.
        size: ``(width, height)`` of the mask.
        mask: ``[height, width]`` bool: any of the objects.
        objects: Concept and box ``(x, y, width, height)`` in pixels of the mask.
    """

    row: int
    group: int
    size: tuple[int, int]
    mask: NDArray[np.bool_]
    objects: tuple[tuple[str, tuple[float, float, float, float]], ...]


def known_places(run: Run, workspace: Workspace, limit: int, truth: Path | None = None) -> tuple[list[Truth], str]:
    """Regions with annotated places, evenly from the groups.

    Args:
        truth: A COCO file with the places, its files named as in the catalogue; the catalogue's own annotations, or
            the truth that a rendered demonstration lies beside, when it is ``None``.

    Returns:
        At most `limit`, in the order of rows, and a sentence about which annotations count.

    Raises:
        SettingsError: no target region has an annotation with a place.
        FormatError: the file cannot be read.
    """
    table, codes = run.table, group_codes(run.table)
    statements = located_statements(run, workspace, truth)
    held = [{concept for concept, _ in statements.get(int(image), ())} for image in table["image_id"]]
    kept = table["set"].isin(["reference", "both"])
    known = {str(concept) for concepts in table.loc[kept, "concepts"] for concept in concepts}
    known |= {concept for concepts, reference in zip(held, kept, strict=True) if reference for concept in concepts}
    judged = table["set"].isin(["target", "both"]).to_numpy()
    places = [row for row, concepts in enumerate(held) if concepts and (judged[row] or not judged.any())]
    new = {concept for row in places for concept in held[row]} - known
    if new:
        fresh = [row for row in places if held[row] & new]
        found = _places(run, statements, np.array(fresh, np.int64), codes, limit, new)
        if found:
            return found, f"places of {len(new)} concepts that no reference region shows"
    found = _places(run, statements, np.array(places, np.int64), codes, limit, None)
    if not found:
        raise SettingsError(
            f"no target region of run {run.id} has an annotation with a box or a mask to judge maps by; import some "
            "(COCO), name a COCO file with --truth, or look at the maps by eye"
        )
    return found, "places of every annotated concept (all of them are in the reference too)"


def located_statements(run: Run, workspace: Workspace, truth: Path | None = None) -> Statements:
    """By image id what people, imports or a file of truth say is where."""
    if truth is None:
        found = _catalogued(workspace, {int(image) for image in run.table["image_id"]})
        beside = None if found else rendered_truth(run, workspace)
        if beside is None:
            return found
        truth = beside
    from core.catalogue.formats.coco import read_coco
    from core.catalogue.records import ReadOptions

    reading = read_coco(truth, ReadOptions(images=_root(run, workspace)))
    by_path = {record.path: record for record in reading.records}
    stated: dict[int, list[tuple[str, Mapping[str, Any]]]] = {}
    for image, path in zip(run.table["image_id"], run.table["path"], strict=True):
        record = by_path.get(str(path))
        notes = (
            [] if record is None else [(n.concept, n.geometry) for n in record.annotations if n.geometry is not None]
        )
        if notes:
            stated[int(image)] = notes
    return stated


def rendered_truth(run: Run, workspace: Workspace) -> Path | None:
    """The truth that a rendered demonstration lies beside; ``None`` for every other collection."""
    root = _root(run, workspace)
    found = None if root is None else Collection(root.parent, {}).coco
    return found if found is not None and found.is_file() else None


def _root(run: Run, workspace: Workspace) -> Path | None:
    """The folder that the run's paths are relative to (the first dataset's)."""
    entry = workspace.image(int(run.table["image_id"].iloc[0]))
    return None if entry is None else entry.path.parents[len(PurePosixPath(str(run.table["path"].iloc[0])).parts) - 1]


def _catalogued(workspace: Workspace, wanted: set[int]) -> Statements:
    found: dict[int, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    with workspace.database.read() as session:
        statements = session.execute(
            select(Annotation.image_id, Concept.name, Annotation.geometry)
            .join(Concept, Concept.id == Annotation.concept_id)
            .where(Annotation.superseded_at.is_(None), Annotation.source != "model")
            .order_by(Annotation.id)
        )
        for image_id, name, geometry in statements:
            if image_id in wanted and geometry_box(geometry) is not None:
                found[image_id].append((name, geometry))
    return found


def _places(
    run: Run,
    statements: Statements,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
    limit: int,
    concepts: set[str] | None,
) -> list[Truth]:
    found = []
    # Some will turn out to have no place inside their region: a few more are looked at than are needed.
    for row in bank_rows(rows, codes[rows], 2 * limit) if len(rows) else []:
        line = run.table.iloc[int(row)]
        width, height = int(line["width"]), int(line["height"])
        share = min(1.0, LONGEST / max(width, height))
        size = (max(1, round(width * share)), max(1, round(height * share)))
        inside = _inside(line, size, (width, height))
        mask, objects = np.zeros(size[::-1], bool), []
        for concept, geometry in statements[int(line["image_id"])]:
            box = geometry_box(dict(geometry))
            shape = rasterised(geometry, (width, height), size) & inside
            if box is None or not shape.any() or (concepts is not None and concept not in concepts):
                continue
            mask |= shape
            across, down = size[0] / width, size[1] / height
            objects.append((concept, (box[0] * across, box[1] * down, box[2] * across, box[3] * down)))
        if mask.any() and not mask.all():
            found.append(Truth(int(row), int(codes[row]), size, mask, tuple(objects)))
        if len(found) == limit:
            break
    return sorted(found, key=lambda one: one.row)


def _inside(line: Any, size: tuple[int, int], full: tuple[int, int]) -> NDArray[np.bool_]:
    corners = [float(line[name]) for name in ("box_x", "box_y", "box_w", "box_h")]
    if np.isnan(corners[0]):
        return np.ones(size[::-1], bool)
    box = dict(zip(("type", "x", "y", "w", "h"), ("box", *corners), strict=True))
    return rasterised(box, full, size)


def rasterised(geometry: Mapping[str, Any], full: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """An annotation's geometry as a mask.

    Args:
        geometry: As `core.catalogue.records` describes.
        full: ``(width, height)`` of the image that it is measured in.
        size: ``(width, height)`` of the mask, a smaller copy.
    """
    kind = geometry["type"]
    if kind == "rle":
        whole = Image.fromarray(decode_mask(dict(geometry)))
        return np.asarray(whole.resize(size, Image.Resampling.NEAREST), bool)
    across, down = size[0] / full[0], size[1] / full[1]
    canvas = Image.new("1", size)
    pen = ImageDraw.Draw(canvas)
    if kind in ("polygon", "multipolygon"):
        for part in [geometry["points"]] if kind == "polygon" else geometry["parts"]:
            pen.polygon([(x * across, y * down) for x, y in part], fill=1)
    else:
        x, y, w, h = geometry_box(dict(geometry)) or (0.0, 0.0, 0.0, 0.0)
        right, bottom = (x + w) * across - 1, (y + h) * down - 1
        pen.rectangle((x * across, y * down, max(x * across, right), max(y * down, bottom)), fill=1)
    return np.asarray(canvas, bool)
