"""The size of a picture from outside, by its header: what its way into a network is fixed by."""

from __future__ import annotations

from pathlib import Path

from core.images import decode
from core.images.files import read_file

MOST_PIXELS = 150_000_000
"""A larger file from outside is refused by its header: several are open at once. Imported images may be larger."""


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as displayed.

    Raises:
        ImageError: the file is missing, no image, or larger than `MOST_PIXELS`.
    """
    content, _ = read_file(path)
    return decode.upright_size(content, name=repr(path.name), max_pixels=MOST_PIXELS)
