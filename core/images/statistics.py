"""A picture in eight numbers: enough to tell a changed camera or changed water from changed animals.

The contract:
- all eight are measured on one small version, longer side `SIDE`, so that cameras of different size compare;
- each number is finite for every picture, a single pixel or a single colour included;
- pixel values are taken as stored (sRGB, gamma kept), scaled to [0, 1] or compared as ratios.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 256
"""Longer side in pixels of the version that is measured."""

_HALVINGS = 3
_LEVELS = np.arange(256)
_SQUARES = _LEVELS**2
_Grey = npt.NDArray[Any]


@dataclass(frozen=True)
class ImageStatistics:
    """Eight measures of one picture; which way each points is said beside it.

    Attributes:
        brightness: Mean luminance, in [0, 1]; larger is brighter.
        contrast: Standard deviation of luminance, in [0, 0.5]; larger is richer in contrast.
        sharpness: Standard deviation of luminance's Laplacian, in [0, 4); larger is sharper (or noisier), small is
            blurred. The square root of the variance of Pech-Pacheco et al. 2000, doi 10.1109/ICPR.2000.903548.
        red_green: log2 of mean red over mean green, in [-8, 8]; 0 is neutral, -1 is half as much red.
        blue_green: log2 of mean blue over mean green, in [-8, 8]; 0 is neutral, 1 is twice as much blue.
        saturation: Share of colour in the light, sum of (max - min) over sum of max, in [0, 1]; 0 is grey.
        haze: Mean of the dark channel over mean of the bright one, in [0, 1]: how bright the darkest of green and blue
            is within blocks of 8 x 8 pixels; larger is more veiled (or emptier) water. Red is left out because water
            swallows it: Drews et al. 2013, doi 10.1109/ICCVW.2013.113, after He et al. 2009.
        vignette: log2 of mean luminance in the middle (a third by a third) over that in the four corners (a fifth by
            a fifth), in [-8, 8]; 1 is half as bright towards the edge, 0 is even.
    """

    brightness: float
    contrast: float
    sharpness: float
    red_green: float
    blue_green: float
    saturation: float
    haze: float
    vignette: float

    def as_tuple(self) -> tuple[float, ...]:
        """The values in the order of `FIELDS`."""
        return astuple(self)


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(ImageStatistics))
"""Names of the measures, in an order that is kept: columns of every table of statistics."""


def image_statistics(image: Image.Image) -> ImageStatistics:
    """Measure an RGB picture of any size; one whose longer side is not `SIDE` pixels is brought to it first."""
    width, height = image.size
    if max(width, height) != SIDE:
        scale = SIDE / max(width, height)
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = image.resize(small, Image.Resampling.BILINEAR)
    red, green, blue = (np.asarray(band) for band in image.split())
    luminance = image.convert("L")
    grey = np.asarray(luminance)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    brightness, contrast = _mean_and_deviation(luminance.histogram())
    light = _mean(brightest)
    return ImageStatistics(
        brightness=brightness / 255,
        contrast=contrast / 255,
        sharpness=_sharpness(grey),
        red_green=_ratio(red, green),
        blue_green=_ratio(blue, green),
        saturation=(light - _mean(darkest)) / max(light, 1e-9),
        haze=_haze(green, blue),
        vignette=_vignette(grey),
    )


def _mean(values: _Grey) -> float:
    """Exact: at most ``SIDE ** 2 * 255`` is added up, which 32 bits hold."""
    return int(values.sum(dtype=np.uint32)) / values.size


def _mean_and_deviation(histogram: list[int]) -> tuple[float, float]:
    """Of 8-bit values, from how often each occurs; exact up to the last division."""
    counts = np.array(histogram)
    size, total, squares = int(counts.sum()), int(counts @ _LEVELS), int(counts @ _SQUARES)
    return total / size, math.sqrt(squares * size - total * total) / size


def _sharpness(grey: _Grey) -> float:
    if min(grey.shape) < 3:
        return 0.0
    values = grey.astype(np.int16)
    inner = values[1:-1, 1:-1]
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:] - 4 * inner
    total, squares = int(laplacian.sum(dtype=np.int64)), int(np.square(laplacian, dtype=np.int32).sum(dtype=np.int64))
    return math.sqrt(squares * laplacian.size - total * total) / laplacian.size / 255


def _ratio(above: _Grey, below: _Grey) -> float:
    """log2 of two means, each a grey level above zero so that black stays finite."""
    return math.log2((_mean(above) + 1) / (_mean(below) + 1))


def _haze(green: _Grey, blue: _Grey) -> float:
    dark, bright = np.minimum(green, blue), np.maximum(green, blue)
    for _ in range(_HALVINGS):  # minima of pairs of pairs of pairs: of blocks of eight
        if dark.shape[0] > 1:
            dark = np.minimum(dark[:-1:2], dark[1::2])
    for _ in range(_HALVINGS):
        if dark.shape[1] > 1:
            dark = np.minimum(dark[:, :-1:2], dark[:, 1::2])
    return min(1.0, _mean(dark) / max(_mean(bright), 1e-9))


def _vignette(grey: _Grey) -> float:
    height, width = grey.shape
    rows, columns = max(1, height // 5), max(1, width // 5)
    corners = np.concatenate(
        [grey[r, c].ravel() for r in (slice(rows), slice(-rows, None)) for c in (slice(columns), slice(-columns, None))]
    )
    middle = grey[height // 3 : height - height // 3, width // 3 : width - width // 3]
    return _ratio(middle, corners)
