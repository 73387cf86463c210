"""Boxes from maps: weakly supervised localisation.

Threshold, connected components, tight boxes, as in the class activation maps of Zhou et al. 2016 (arXiv 1512.04150) and
the sea-floor study of 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

_EVERY_NEIGHBOUR = np.ones((3, 3), int)


@dataclass(frozen=True)
class FoundBox:
    """One place that stands out of a map.

    Attributes:
        box: ``(x, y, width, height)`` in whole pixels, tight around the component.
        score: Mean of the map inside the box, in the map's own unit; comparable within one kind of map.
        mask: ``[H, W]`` bool of the component, over the whole image.
    """

    box: tuple[int, int, int, int]
    score: float
    mask: NDArray[np.bool_]

    def geometry(self) -> dict[str, Any]:
        """As annotations keep it: the component's run-length mask with its box."""
        return {"type": "rle", **encode_mask(self.mask), "box": list(self.box)}

    def coco(self, *, image_id: int, category_id: int, annotation_id: int) -> dict[str, Any]:
        """As one annotation of a COCO file."""
        return {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": list(self.box),
            "area": int(self.mask.sum()),
            "segmentation": encode_mask(self.mask),
            "iscrowd": 0,
            "score": self.score,
        }


def find_boxes(
    pixels: NDArray[np.floating], *, threshold: float = 0.5, least_share: float = 0.001, most: int = 20
) -> list[FoundBox]:
    """The places of an image where a map is high.

    Args:
        pixels: ``[H, W]`` map in image pixels, NaN where unknown (`core.explain.drawing.draw_cells`).
        threshold: Share of the largest value from which a pixel belongs, in (0, 1].
        least_share: Components smaller than this share of the image are left out.
        most: At most this many, the highest scores first.

    Returns:
        None where the map is nowhere positive.

    Raises:
        SettingsError: the threshold is out of range.
    """
    from scipy.ndimage import find_objects, label

    if not 0 < threshold <= 1:
        raise SettingsError(f"a box's threshold must be in (0, 1], got {threshold}")
    values = np.nan_to_num(np.asarray(pixels, np.float64))
    highest = values.max(initial=0.0)
    if highest <= 0:
        return []
    components, _ = label(values >= threshold * highest, structure=_EVERY_NEIGHBOUR)
    found = []
    for number, place in enumerate(find_objects(components), start=1):
        mask = components == number
        if mask.sum() < least_share * mask.size:
            continue
        rows, columns = place
        box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        found.append(FoundBox(box, float(values[place].mean()), mask))
    return sorted(found, key=lambda one: (-one.score, one.box))[:most]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes ``(x, y, width, height)``, in [0, 1]."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    whole = one[2] * one[3] + other[2] * other[3] - shared
    return shared / whole if whole > 0 else 0.0


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's uncompressed run-length code: column by column, counts of off and on in turns, off first."""
    flat = np.concatenate([[False], np.asarray(mask, bool).ravel(order="F")])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], edges, [flat.size - 1]]))
    return {"counts": [int(count) for count in counts], "size": [int(side) for side in mask.shape]}


def decode_mask(code: dict[str, Any]) -> NDArray[np.bool_]:
    """The inverse of `encode_mask`: ``[H, W]`` bool."""
    counts = np.asarray(code["counts"], np.int64)
    values: NDArray[np.bool_] = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return values.reshape(tuple(code["size"]), order="F")
