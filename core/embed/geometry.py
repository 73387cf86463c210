"""How a region of an image becomes a network's input, and the way back from the input to the image.

The contract:
- nothing is cropped that was not asked for: every pixel of the region reaches the network, whatever its shape;
- the geometry is plain numbers, made from sizes alone: the same sizes and settings always give the same input;
- coordinates are continuous and measured at pixel edges: ``(0, 0)`` is the upper left corner of the upper left pixel,
  ``(width, height)`` the lower right corner of the last one. Images are upright (as displayed, EXIF rotation applied).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.errors import SettingsError
from core.processing.steps import crop_of, without_crop
from core.settings import EmbedSettings

Box = tuple[float, float, float, float]
"""``(x, y, width, height)`` in pixels of the upright image."""


@dataclass(frozen=True)
class InputGeometry:
    """Where a region lies in its image, and where it lies in the network's input.

    Attributes:
        image_width, image_height: Size of the whole upright image, in its pixels.
        left, top, width, height: The region within it, in image pixels.
        input_width, input_height: Size of the network's input, in input pixels.
        content_left, content_top, content_width, content_height: The part of the input that shows the region, in input
            pixels; the rest is padding of one plain colour.
        steps: Preprocessing of that part (`core.processing`); a crop is no part of it, the region is cropped already.
    """

    image_width: int
    image_height: int
    left: float
    top: float
    width: float
    height: float
    input_width: int
    input_height: int
    content_left: int
    content_top: int
    content_width: int
    content_height: int
    steps: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` of the input, in input pixels: regions of one shape share a batch."""
        return self.input_height, self.input_width

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per image pixel, across and down; they differ by the stretch, at most 1/14 at 224 pixels."""
        return self.content_width / self.width, self.content_height / self.height

    @property
    def decode_longest(self) -> int:
        """Longest side, in pixels, to decode the whole image to: a half, quarter or eighth where that loses no detail.

        These are the sizes that a JPEG decoder reaches without resampling, so the picture is interpolated once only.
        """
        longest = max(self.image_width, self.image_height)
        needed = longest * max(self.scale)
        return next((longest // part for part in (8, 4, 2) if longest // part >= needed), longest)

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Image pixels of a point given in input pixels; points of the padding fall outside the region."""
        across, down = self.scale
        return self.left + (x - self.content_left) / across, self.top + (y - self.content_top) / down

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """Input pixels of a point given in image pixels: the inverse of `to_image`."""
        across, down = self.scale
        return self.content_left + (x - self.left) * across, self.content_top + (y - self.top) * down

    def cell_box(self, row: int, column: int, rows: int, columns: int) -> Box | None:
        """The part of the image under one cell of a map laid over the whole input.

        Args:
            row, column: The cell, counted from the upper left.
            rows, columns: Size of the map, which covers the input evenly.

        Returns:
            ``(x, y, width, height)`` in image pixels, cut to the region; ``None`` when the cell shows only padding.
        """
        left, top = self.to_image(column * self.input_width / columns, row * self.input_height / rows)
        right, bottom = self.to_image((column + 1) * self.input_width / columns, (row + 1) * self.input_height / rows)
        left, right = max(left, self.left), min(right, self.left + self.width)
        top, bottom = max(top, self.top), min(bottom, self.top + self.height)
        return (left, top, right - left, bottom - top) if right > left and bottom > top else None

    def cell_shares(self, rows: int, columns: int) -> np.ndarray:
        """How much of each cell of a map shows the region and not padding: ``[rows, columns]`` float64 in [0, 1]."""
        down = _overlap(rows, self.input_height, self.content_top, self.content_height)
        across = _overlap(columns, self.input_width, self.content_left, self.content_width)
        return np.outer(down, across)


def geometry_for(
    width: int, height: int, box: Box | None, settings: EmbedSettings, *, square: bool, multiple: int
) -> InputGeometry:
    """The geometry of one region.

    The region is resized with its aspect kept. Its shorter side becomes ``settings.short_side``, rounded to a
    multiple of `multiple`; its longer side is rounded to one too, so the picture is stretched by at most
    ``multiple / (2 * short_side)``: 1/14 for 32 and 224. A region longer than ``settings.max_aspect`` times its shorter
    side is not stretched: the input keeps that aspect and the rest is padding, as it is for `square` networks.

    Args:
        width, height: Size of the whole upright image in pixels, both at least 1.
        box: The region in image pixels, cut to the image; ``None`` is the whole image.
        square: Whether the network demands equal sides.
        multiple: Both sides of the input are multiples of this, in input pixels.

    Raises:
        SettingsError: the image is empty, or the box lies outside it.
    """
    if width < 1 or height < 1:
        raise SettingsError(f"an image must have at least one pixel, got {width} x {height}; import it again")
    left, top, region_width, region_height = _middle(_cut(box, width, height), crop_of(settings.steps))
    short = _to_multiple(settings.short_side, multiple)
    long_side, short_side = max(region_width, region_height), min(region_width, region_height)
    aspect = long_side / short_side
    if square:
        long_input, short_input = short, short
        long_content, short_content = short, max(1, round(short / aspect))
    elif aspect <= settings.max_aspect:
        long_input, short_input = max(short, _to_multiple(short * aspect, multiple)), short
        long_content, short_content = long_input, short_input
    else:
        long_input, short_input = max(short, _to_multiple(short * settings.max_aspect, multiple)), short
        long_content, short_content = long_input, min(short, max(1, round(long_input / aspect)))
    lying = region_width >= region_height
    input_width, input_height = (long_input, short_input) if lying else (short_input, long_input)
    content_width, content_height = (long_content, short_content) if lying else (short_content, long_content)
    return InputGeometry(
        image_width=width,
        image_height=height,
        left=left,
        top=top,
        width=region_width,
        height=region_height,
        input_width=input_width,
        input_height=input_height,
        content_left=(input_width - content_width) // 2,
        content_top=(input_height - content_height) // 2,
        content_width=content_width,
        content_height=content_height,
        steps=without_crop(settings.steps),
    )


def _cut(box: Box | None, width: int, height: int) -> Box:
    if box is None:
        return 0.0, 0.0, float(width), float(height)
    x, y, w, h = box
    left, right = max(0.0, x), min(float(width), x + w)
    top, bottom = max(0.0, y), min(float(height), y + h)
    if not (right > left and bottom > top and all(map(math.isfinite, box))):
        raise SettingsError(f"box {box} (x, y, width, height) has no area inside an image of {width} x {height} pixels")
    return left, top, right - left, bottom - top


def _middle(box: Box, share: float) -> Box:
    x, y, w, h = box
    return x + w * (1 - share) / 2, y + h * (1 - share) / 2, w * share, h * share


def _to_multiple(length: float, multiple: int) -> int:
    """The multiple nearest to a length, halves upwards, at least one."""
    return max(1, math.floor(length / multiple + 0.5)) * multiple


def _overlap(cells: int, length: int, start: int, extent: int) -> np.ndarray:
    """Share of each of `cells` equal parts of ``[0, length]`` that ``[start, start + extent]`` covers."""
    edges = np.arange(cells + 1) * (length / cells)
    covered = np.minimum(edges[1:], start + extent) - np.maximum(edges[:-1], start)
    shares: np.ndarray = np.clip(covered / (length / cells), 0.0, 1.0)
    return shares
