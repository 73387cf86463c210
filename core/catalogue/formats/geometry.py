"""Boxes, polygons and run-length masks of COCO, checked.

Source: the run-length code is that of pycocotools (``maskApi.c``, `rleFrString`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.catalogue.formats.report import shown

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

Tell = Callable[[str], None]
_EDGE = 1.0  # pixels by which tools round a box over the image's edge


def number(value: Any) -> float | None:
    """A JSON number as it is if it is finite, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def read_geometry(
    bbox: Any, segmentation: Any, size: tuple[int, int] | None, tell: Tell, brushed: Tell
) -> dict[str, Any] | None:
    """The geometry of one annotation, as `core.catalogue.records` writes it.

    Args:
        bbox: ``[x, y, width, height]`` or nothing.
        segmentation: Polygons, a run-length mask, or nothing.
        size: Width and height of the image, where known.
        tell: Told what is wrong; that part is then left out.
        brushed: Told of a box that passes the edge by at most a pixel and was cut there.

    Returns:
        ``None`` when neither part can be used: the whole image.
    """
    box = None if bbox is None or bbox == [] else _box(bbox, size, tell, brushed)
    shape = None if not segmentation else _shape(segmentation, size, tell)
    if shape is None:
        return None if box is None else dict(zip(("type", "x", "y", "w", "h"), ("box", *box), strict=True))
    if box is None:
        box = _around(shape)
    return {**shape, "box": list(box)} if box else None


def decode_counts(text: str) -> list[int]:
    """Runs of a compressed mask.

    Raises:
        ValueError: the text is not such a mask.
    """
    counts: list[int] = []
    at = 0
    while at < len(text):
        value = shift = 0
        while True:
            code = ord(text[at]) - 48 if at < len(text) else -1
            if not 0 <= code < 64 or shift > 35:
                raise ValueError("the compressed mask is damaged")
            value |= (code & 0x1F) << shift
            shift += 5
            at += 1
            if not code & 0x20:
                if code & 0x10:
                    value -= 1 << shift
                break
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def _box(bbox: Any, size: tuple[int, int] | None, tell: Tell, brushed: Tell) -> Box | None:
    values = [number(value) for value in bbox] if isinstance(bbox, list) else []
    if len(values) != 4 or None in values:
        tell(f"the box {shown(str(bbox)[:200])} is not four finite numbers; only its label was kept")
        return None
    x, y, width, height = (value for value in values if value is not None)
    if width <= 0 or height <= 0:
        tell(f"the box {shown(str(bbox))} has no area; only its label was kept")
        return None
    if size is None:
        return x, y, width, height
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, size[0]), min(y + height, size[1])
    if right <= left or bottom <= top:
        tell(f"the box {shown(str(bbox))} lies outside the image of {size[0]}×{size[1]}; only its label was kept")
        return None
    over = max(left - x, top - y, x + width - right, y + height - bottom)
    if over <= 0:
        return x, y, width, height
    words = f"the box {shown(str(bbox))} passes the edge of the image of {size[0]}×{size[1]} and was cut there"
    (brushed if over <= _EDGE else tell)(words)
    return left, top, right - left, bottom - top


def _shape(segmentation: Any, size: tuple[int, int] | None, tell: Tell) -> dict[str, Any] | None:
    try:
        if isinstance(segmentation, Mapping):
            return _mask(segmentation, size)
        return _polygons(segmentation)
    except ValueError as error:
        tell(f"{error}; only the box was kept")
        return None


def _polygons(segmentation: Any) -> dict[str, Any]:
    if not isinstance(segmentation, list):
        raise ValueError("the outline is neither polygons nor a mask")
    flat = [segmentation] if segmentation and not isinstance(segmentation[0], list) else segmentation
    parts = []
    for outline in flat:
        values = [number(value) for value in outline] if isinstance(outline, list) else []
        if len(values) < 6 or len(values) % 2 or None in values:
            raise ValueError("an outline is not a row of three or more finite points")
        parts.append([list(point) for point in zip(values[::2], values[1::2], strict=True)])
    if len(parts) == 1:
        return {"type": "polygon", "points": parts[0]}
    return {"type": "multipolygon", "parts": parts}


def _mask(segmentation: Mapping[str, Any], size: tuple[int, int] | None) -> dict[str, Any]:
    counts, shape = segmentation.get("counts"), segmentation.get("size")
    sides = shape if isinstance(shape, list) and all(type(side) is int and side > 0 for side in shape) else []
    if len(sides) != 2:
        raise ValueError("the mask's size is not [height, width]")
    if size is not None and sides != [size[1], size[0]]:
        raise ValueError(f"the mask is {sides[1]}×{sides[0]} and the image {size[0]}×{size[1]}")
    runs = decode_counts(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("the mask's runs are not whole numbers from 0 on")
    if sum(runs) != sides[0] * sides[1]:
        raise ValueError("the mask's runs do not fill the image")
    return {"type": "rle", "counts": runs, "size": sides}


def _around(shape: Mapping[str, Any]) -> Box | None:
    """The smallest box around an outline or mask; ``None`` when it is empty."""
    if shape["type"] == "rle":
        return _around_runs(shape["counts"], shape["size"][0])
    points = shape["points"] if shape["type"] == "polygon" else [point for part in shape["parts"] for point in part]
    across, down = ([point[axis] for point in points] for axis in (0, 1))
    width, height = max(across) - min(across), max(down) - min(down)
    return (min(across), min(down), width, height) if width > 0 and height > 0 else None


def _around_runs(counts: Sequence[int], height: int) -> Box | None:
    """Box of the foreground of column-major runs."""
    left = top = right = bottom = -1
    at = 0
    for index, run in enumerate(counts):
        if index % 2 and run:
            first, last = divmod(at, height), divmod(at + run - 1, height)
            whole_column = last[0] > first[0]
            low, high = (0, height - 1) if whole_column else (first[1], last[1])
            left = first[0] if left < 0 else left
            right = last[0]
            top, bottom = low if top < 0 else min(top, low), max(bottom, high)
        at += run
    return None if left < 0 else (left, top, right - left + 1, bottom - top + 1)
