"""Maps drawn over the image they belong to, through the run's own input geometry.

The contract:
- a cell's value stands at the cell's centre in the network's input, and is carried back to the image's pixels by
  `InputGeometry`; between centres it is linear, beyond the outermost it stays;
- what the network did not see (outside of the region) is NaN in arrays and untouched in pictures;
- signed maps are blue (more familiar) to orange (stranger), which people with any colour vision can tell apart, with 0
  transparent; the sum is written under the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.embed.geometry import Box, InputGeometry

_FAMILIAR = ((33, 102, 172), (146, 197, 222))
_STRANGE = ((253, 174, 97), (230, 97, 1))
_PLAIN = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Ends of ColorBrewer's blue and orange, and viridis in five steps."""
_FOOT = 46


def draw_cells(
    cells: NDArray[np.floating], geometry: InputGeometry, size: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """A map in pixels of its image.

    Args:
        cells: ``[h, w]``, laid evenly over the whole input.
        size: ``(width, height)`` of the result, a smaller or larger copy of the image; the image's own by default.

    Returns:
        ``[height, width]`` float32, NaN outside of the region.
    """
    width, height = size or (geometry.image_width, geometry.image_height)
    rows = _along(height, geometry.image_height, geometry.top, geometry.height)
    columns = _along(width, geometry.image_width, geometry.left, geometry.width)
    across, down = geometry.scale
    at_row = (geometry.content_top + (rows - geometry.top) * down) * cells.shape[0] / geometry.input_height - 0.5
    at_column = (geometry.content_left + (columns - geometry.left) * across) * cells.shape[
        1
    ] / geometry.input_width - 0.5
    values: NDArray[np.float32] = _interpolate(_interpolate(np.asarray(cells, np.float32), at_row).T, at_column).T
    values[np.isnan(rows)] = np.nan
    values[:, np.isnan(columns)] = np.nan
    return values


def _along(count: int, length: int, start: float, extent: float) -> NDArray[np.float64]:
    """Centres of `count` pixels over a side of `length` image pixels; NaN outside of the region."""
    places = (np.arange(count) + 0.5) * length / count
    return np.where((places >= start) & (places <= start + extent), places, np.nan)


def _interpolate(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of `values` at fractional row numbers (NaN counts as 0), clamped to the first and last."""
    last = values.shape[0] - 1
    inside = np.clip(np.nan_to_num(places), 0, last)
    below = np.minimum(inside.astype(np.int64), max(0, last - 1))
    share = (inside - below).astype(np.float32)[:, None]
    result: NDArray[np.float32] = values[below] * (1 - share) + values[np.minimum(below + 1, last)] * share
    return result


def overlay(
    image: Image.Image,
    cells: NDArray[np.floating],
    geometry: InputGeometry,
    *,
    signed: bool = True,
    opacity: float = 0.75,
    limit: float | None = None,
    caption: str = "",
) -> Image.Image:
    """A map over its image, with a colour scale and a caption under it where there is one.

    Args:
        image: The whole upright image, at any size of its own shape.
        signed: Whether 0 is the middle of the scale (else the smallest value is transparent).
        opacity: Of the largest value, in [0, 1]; the opacity of others falls with their size.
        limit: Value at full colour; the map's own largest by default. Give one to compare several maps.
        caption: For example the sum; when empty, the picture keeps its size.
    """
    values = draw_cells(cells, geometry, image.size)
    known = np.isfinite(values)
    low = 0.0 if signed else (float(values[known].min()) if known.any() else 0.0)
    shifted = np.where(known, values, low) - low
    full = limit if limit is not None else float(np.abs(shifted).max(initial=0.0))
    share = np.clip(shifted / full, -1, 1) if full > 0 else np.zeros_like(shifted)
    tint, alpha = colours(share, signed), np.abs(share) * opacity * known
    ground = np.asarray(image.convert("RGB"), np.float32)
    mixed = ground * (1 - alpha[..., None]) + tint * alpha[..., None]
    picture = Image.fromarray(np.rint(mixed).astype(np.uint8))
    return _with_scale(picture, full, low, signed, caption) if caption else picture


def colours(share: NDArray[np.floating], signed: bool = True) -> NDArray[np.float32]:
    """Values in [-1, 1] (unsigned: [0, 1]) to ``[..., 3]`` colours in [0, 255]."""
    stops = [*_FAMILIAR, *_STRANGE] if signed else list(_PLAIN)
    places = [-1.0, -0.02, 0.02, 1.0] if signed else list(np.linspace(0, 1, len(_PLAIN)))
    table = np.asarray(stops, np.float32)
    return np.stack([np.interp(share, places, table[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def _with_scale(picture: Image.Image, full: float, low: float, signed: bool, caption: str) -> Image.Image:
    """The picture with a strip under it: caption, colour scale, and the values at its ends."""
    font = ImageFont.load_default(12)
    canvas = Image.new("RGB", (picture.width, picture.height + _FOOT), (250, 250, 250))
    canvas.paste(picture, (0, 0))
    pen = ImageDraw.Draw(canvas)
    pen.text((6, picture.height + 4), caption, fill=(30, 30, 30), font=font)
    ends = (-full, full) if signed else (low, low + full)
    left, right = f"{ends[0]:.3g}", f"{ends[1]:+.3g}" if signed else f"{ends[1]:.3g}"
    begin = 12 + int(pen.textlength(left, font=font))
    end = picture.width - 12 - int(pen.textlength(right, font=font))
    top = picture.height + 26
    if end - begin >= 8:
        ramp = np.tile(np.linspace(-1 if signed else 0, 1, end - begin), (12, 1))
        canvas.paste(Image.fromarray(np.rint(colours(ramp, signed)).astype(np.uint8)), (begin, top))
        pen.text((6, top - 1), left, fill=(30, 30, 30), font=font)
        pen.text((end + 6, top - 1), right, fill=(30, 30, 30), font=font)
    return canvas


def strongest_box(cells: NDArray[np.floating], geometry: InputGeometry, *, largest: bool = True, span: int = 3) -> Box:
    """Where to crop the image to show the strongest place of a map.

    Args:
        largest: The place of the largest sum (strangest), else of the smallest (most familiar).
        span: Cells along each side of the crop, cut to the map's size.

    Returns:
        ``(x, y, width, height)`` in image pixels; the whole region when the place shows only padding.
    """
    high, wide = (min(span, side) for side in cells.shape)
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(cells, np.float64), (high, wide)).sum((2, 3))
    place = windows.argmax() if largest else windows.argmin()
    row, column = np.unravel_index(place, windows.shape)
    corners = [
        geometry.cell_box(int(row) + down, int(column) + across, *cells.shape)
        for down in range(high)
        for across in range(wide)
    ]
    seen = [box for box in corners if box is not None]
    if not seen:
        return geometry.left, geometry.top, geometry.width, geometry.height
    left, top = min(box[0] for box in seen), min(box[1] for box in seen)
    right, bottom = max(box[0] + box[2] for box in seen), max(box[1] + box[3] for box in seen)
    return left, top, right - left, bottom - top
