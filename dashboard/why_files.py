"""Files of why-maps for people to take home, crops of their strongest places, and maps of single features."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.errors import ImageError, SelectionError
from dashboard import why

if TYPE_CHECKING:
    from PIL import Image

    from core.explain.maps import WhyMap
    from core.runs import Run
    from core.workspace import Workspace

End = Literal["strange", "familiar"]
ENDS: Mapping[str, End] = MappingProxyType({"strange": "strange", "familiar": "familiar"})
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "overlay": ("png", "image/png"),
        "map": ("npy", "application/octet-stream"),
        "boxes": ("json", "application/json"),
    }
)
"""What can be taken home: its ending and content type."""
_LONGEST = 1600
_CROP = 420


@dataclass(frozen=True)
class Download:
    """One file.

    Attributes:
        body: Its content.
        name: What it is to be called.
        media_type: Of its content.
    """

    body: bytes
    name: str
    media_type: str


def download(space: Workspace, run: Run, row: int, asked: why.Wanted, what: str) -> Download:
    """A map as a picture over its image, as its raw cells, or as boxes in COCO.

    Args:
        what: From `FILES`.

    Raises:
        CoreError: the image or the map cannot be made.
    """
    from core.explain.boxes import find_boxes
    from core.explain.export import coco_boxes, npy, png

    ending, media_type = FILES[what]
    found = why.explained(space, run, row, asked)
    path = PurePosixPath(str(run.table["path"].iloc[row]))
    if what == "overlay":
        body = png(found.over(_picture(space, run, row)))
    elif what == "map":
        body = npy(found.cells)
    else:
        body = coco_boxes(found, find_boxes(found.pixels()), str(path))
    # What a stranger named is cut to what every file system takes.
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "_" for sign in path.stem)[:60]
    return Download(body, f"{plain or 'picture'}-{asked.kind}.{ending}", media_type)


def crop(space: Workspace, run: Run, row: int, end: End, detector: str = "knn") -> bytes:
    """The place that makes a picture strangest, or most familiar, as a JPEG of at most 420 pixels a side."""
    found = why.explained(space, run, row, why.Wanted("ood-centred", detector))
    x, y, width, height = strongest(found, end)
    image = _picture(space, run, row)
    scale = image.width / found.geometry.image_width
    part = image.crop(tuple(round(edge * scale) for edge in (x, y, x + width, y + height)))
    part.thumbnail((_CROP, _CROP))
    out = io.BytesIO()
    part.save(out, "JPEG", quality=90)
    return out.getvalue()


def strongest(found: WhyMap, end: End) -> tuple[float, float, float, float]:
    """Box of a quarter of the map's sides around its highest, or lowest, place, in image pixels."""
    from core.explain.drawing import strongest_box

    span = max(1, round(min(found.cells.shape) / 4))
    return strongest_box(found.cells, found.geometry, largest=end == "strange", span=span)


def share_inside(found: WhyMap, box: tuple[float, float, float, float], end: End) -> float:
    """Share of all that makes a picture stranger (or more familiar) that lies in a box, in [0, 1]."""
    from core.explain.faithfulness import energy_inside

    height = max(1, round(480 * found.geometry.image_height / found.geometry.image_width))
    pixels = found.pixels((480, height)) * (1 if end == "strange" else -1)
    scale = 480 / found.geometry.image_width
    left, top, right, bottom = (round(edge * scale) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    mask = np.zeros(pixels.shape, bool)
    mask[top:bottom, left:right] = True
    return energy_inside(pixels, mask)


def feature(space: Workspace, run: Run, row: int, place: int, detector: str = "knn") -> bytes:
    """The map of one of the features that add most to the score, as a PNG with transparency.

    Raises:
        SelectionError: there is no such feature in the list.
        CoreError: the map cannot be made.
    """
    found = why.explained(space, run, row, why.Wanted("ood-features", detector))
    if not 0 <= place < len(found.features):
        raise SelectionError(f"{len(found.features)} features are listed; open the picture again")
    return why.over_frame(found, found.features[place].cells, signed=False)


def _picture(space: Workspace, run: Run, row: int) -> Image.Image:
    from core.images.decode import open_image

    entry = space.image(int(run.table["image_id"].iloc[row]))
    if entry is None:
        raise ImageError("missing", "the picture's file is not there any more")
    return open_image(entry.path, longest=_LONGEST)
