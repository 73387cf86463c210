"""Tileable random fields: the one source of texture for sea floor, rock, skin and light.

All fields are deterministic by their seed and wrap around at their edges.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

Field = NDArray[np.float32]


def spectral(size: int, exponent: float, rng: np.random.Generator, *, low: float = 1.0, high: float = np.inf) -> Field:
    """Noise whose amplitude falls as ``frequency ** -exponent``, zero mean, unit variance, wrapping.

    Args:
        size: Side in pixels.
        exponent: 0 is white, 1 is rough, 2 is rolling.
        rng: Source of randomness.
        low, high: Frequencies kept, in cycles per tile.

    Returns:
        ``[size, size]`` float32.
    """
    fy = fft.fftfreq(size, 1.0 / size)[:, None]
    fx = fft.rfftfreq(size, 1.0 / size)[None, :]
    radius = np.hypot(fy, fx)
    amplitude = np.where((radius >= low) & (radius <= high), np.maximum(radius, 1.0) ** -exponent, 0.0).astype(
        np.float32
    )
    white = rng.standard_normal((size, size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white) * amplitude, s=(size, size)).astype(np.float32)
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-9), dtype=np.float32)


@lru_cache(maxsize=8)
def skin(kind: str) -> Field:
    """A shared ``[512, 512]`` field: ``fine`` grain, ``soft`` blotches or ``rough`` bumps; unit variance."""
    exponents = {"fine": (0.7, 24.0, 160.0), "soft": (1.4, 6.0, 60.0), "rough": (1.2, 3.0, 200.0)}
    exponent, low, high = exponents[kind]
    return spectral(512, exponent, np.random.default_rng([7, len(kind), ord(kind[0])]), low=low, high=high)


def patch(kind: str, height: int, width: int, offset: tuple[int, int], step: float = 1.0) -> Field:
    """A ``[height, width]`` piece of `skin`, wrapping; `step` is how far the field advances a pixel."""
    tile = skin(kind)
    if step == 1.0:
        rows, columns = np.arange(height) + offset[0], np.arange(width) + offset[1]
        return tile[(rows % 512)[:, None], (columns % 512)[None, :]]
    rows, columns = np.arange(int(height * step) + 2) + offset[0], np.arange(int(width * step) + 2) + offset[1]
    piece = Image.fromarray(tile[(rows % 512)[:, None], (columns % 512)[None, :]])
    return np.asarray(piece.resize((width, height), Image.Resampling.BILINEAR))
