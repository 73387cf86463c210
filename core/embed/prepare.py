"""From an opened image to the bytes that a network is shown: crop, antialiased resize, preprocessing, padding.

The contract:
- the same pixels and geometry give the same bytes, whatever thread does it;
- padding has the colour on which the decoder lays transparent pictures;
- an image that was decoded smaller than it is (JPEG's draft mode) is placed by its share of the full size;
- an image whose shape is not that of its geometry was changed since the import: an error, never a distorted input.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from core.embed.geometry import InputGeometry
from core.errors import ImageError
from core.images.pixels import GROUND
from core.processing.applying import applied

PREPARATION_VERSION = 1
"""Raised whenever `prepare` or `geometry_for` gives other bytes than before: it is part of every embedder's key."""


def prepare(image: Image.Image, geometry: InputGeometry) -> torch.Tensor:
    """The input of one region, before normalisation.

    Args:
        image: The whole upright image, RGB, at its full size or decoded smaller.
        geometry: Where the region lies in it.

    Returns:
        ``[3, H, W]`` uint8, RGB, stored with the channels last (so that batches need no copy to channels_last).

    Raises:
        ImageError: ``unreadable``, when the image's shape is not the geometry's.
    """
    canvas = np.empty((*geometry.shape, 3), dtype=np.uint8)
    prepare_into(canvas, image, geometry)
    return torch.from_numpy(canvas).permute(2, 0, 1)


def prepare_into(canvas: np.ndarray, image: Image.Image, geometry: InputGeometry) -> None:
    """As `prepare`, into ``[H, W, 3]`` uint8: a place of a batch that is being filled."""
    across, down = image.width / geometry.image_width, image.height / geometry.image_height
    # A reduced size is rounded, so each side may be off by a pixel from the other's share of it.
    wide = abs(image.width - geometry.image_width * down) > 1 + down
    high = abs(image.height - geometry.image_height * across) > 1 + across
    if wide and high:
        raise ImageError(
            "unreadable",
            f"the picture is no longer of the shape that was imported ({geometry.image_width} x "
            f"{geometry.image_height} pixels); import the dataset again",
        )
    box = (
        geometry.left * across,
        geometry.top * down,
        min(float(image.width), (geometry.left + geometry.width) * across),
        min(float(image.height), (geometry.top + geometry.height) * down),
    )
    # Pillow's resize is antialiased; the reducing gap only shortens very large reductions.
    size = (geometry.content_width, geometry.content_height)
    content = image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
    if geometry.shape != (geometry.content_height, geometry.content_width):
        canvas[:] = GROUND
    rows = slice(geometry.content_top, geometry.content_top + geometry.content_height)
    columns = slice(geometry.content_left, geometry.content_left + geometry.content_width)
    pixels = np.asarray(content)
    canvas[rows, columns] = applied(pixels, geometry.steps) if geometry.steps else pixels
