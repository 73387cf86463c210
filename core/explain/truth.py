"""What is known to be where: masks of annotated objects, to judge maps by.

The contract: of the targets' annotations those of concepts that no reference region shows count, since those should
make a region strange; where there are none, every annotation with a place counts, and the sentence says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sqlalchemy import select

from core.catalogue.regions import geometry_box
from core.catalogue.schema import Annotation, Concept
from core.errors import SettingsError
from core.explain.boxes import decode_mask
from core.explain.novelty import bank_rows
from core.runs import Run
from core.stages import group_codes
from core.workspace import Workspace

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


def known_places(run: Run, workspace: Workspace, limit: int) -> tuple[list[Truth], str]:
    """Regions with annotated places, evenly from the groups.

    Returns:
        At most `limit`, in the order of rows, and a sentence about which annotations count.

    Raises:
        SettingsError: no target region has an annotation with a place.
    """
    table, codes = run.table, group_codes(run.table)
    located = _located(workspace, [int(image) for image in table["image_id"].unique()])
    held = [located.get(int(image), frozenset()) for image in table["image_id"]]
    kept = table["set"].isin(["reference", "both"])
    known = {str(concept) for concepts in table.loc[kept, "concepts"] for concept in concepts}
    known |= {concept for concepts, reference in zip(held, kept, strict=True) if reference for concept in concepts}
    judged = table["set"].isin(["target", "both"]).to_numpy()
    places = [row for row, concepts in enumerate(held) if concepts and (judged[row] or not judged.any())]
    new = {concept for row in places for concept in held[row]} - known
    if new:
        fresh = [row for row in places if held[row] & new]
        found = _places(run, workspace, np.array(fresh, np.int64), codes, limit, new)
        if found:
            return found, f"places of {len(new)} concepts that no reference region shows"
    found = _places(run, workspace, np.array(places, np.int64), codes, limit, None)
    if not found:
        raise SettingsError(
            f"no target region of run {run.id} has an annotation with a box or a mask to judge maps by; "
            "import some (COCO), or look at the maps by eye"
        )
    return found, "places of every annotated concept (all of them are in the reference too)"


def _located(workspace: Workspace, images: list[int]) -> dict[int, frozenset[str]]:
    """By image the concepts that people or imports gave a place in it."""
    found: dict[int, set[str]] = defaultdict(set)
    wanted = set(images)
    with workspace.database.read() as session:
        statements = session.execute(
            select(Annotation.image_id, Concept.name)
            .join(Concept, Concept.id == Annotation.concept_id)
            .where(Annotation.superseded_at.is_(None), Annotation.source != "model", Annotation.geometry.is_not(None))
        )
        for image_id, name in statements:
            if image_id in wanted:
                found[image_id].add(name)
    return {image: frozenset(names) for image, names in found.items()}


def _places(
    run: Run,
    workspace: Workspace,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
    limit: int,
    concepts: set[str] | None,
) -> list[Truth]:
    found = []
    # Some will turn out to have no place: a few more are looked at than are needed.
    for row in bank_rows(rows, codes[rows], 2 * limit) if len(rows) else []:
        line = run.table.iloc[int(row)]
        width, height = int(line["width"]), int(line["height"])
        share = min(1.0, LONGEST / max(width, height))
        size = (max(1, round(width * share)), max(1, round(height * share)))
        mask, objects = np.zeros(size[::-1], bool), []
        for note in workspace.annotations(int(line["image_id"])):
            box = geometry_box(note.geometry)
            counted = note.source != "model" and (concepts is None or note.concept in concepts)
            if note.geometry is None or box is None or not counted:
                continue
            mask |= rasterised(note.geometry, (width, height), size)
            across, down = size[0] / width, size[1] / height
            objects.append((note.concept, (box[0] * across, box[1] * down, box[2] * across, box[3] * down)))
        mask &= _inside(line, size, (width, height))
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
