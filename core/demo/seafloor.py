"""Grounds: tileable pictures of mud, ripples, cobbles and rock, and how a camera sees one of them.

A ground holds four channels in [0, 255]: brightness, slope across, slope along (128 is level), and tint (0 grey-green,
255 rusty). The slopes are lit after the projection, so the same ground looks right from every side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from core.demo import noise
from core.demo.camera import Camera

TILE = 1024
TILE_METRES = 4.2
KINDS = ("mud", "ripples", "burrows", "cobbles", "rock")
_COPIES = (2, 3, 6)

Bytes = NDArray[np.uint8]
Float = NDArray[np.float32]


def _stamp(
    height: Float, albedo: Float, x: int, y: int, dome: NDArray[Any], tone: NDArray[Any] | None, *, pile: bool
) -> None:
    """Set a small height picture into the tile, wrapping; `pile` keeps the higher of both, else it is added."""
    rows = (np.arange(dome.shape[0]) + y) % TILE
    columns = (np.arange(dome.shape[1]) + x) % TILE
    window = np.ix_(rows, columns)
    if pile:
        above = dome > height[window]
        height[window] = np.where(above, dome, height[window])
        if tone is not None:
            albedo[window] = np.where(above, tone, albedo[window])
    else:
        height[window] += dome
        if tone is not None:
            albedo[window] *= tone


def _disc(radius: int, squeeze: float, turn: float) -> Float:
    """Squared distance from the centre in units of the radius, ``[2r+1, 2r+1]``."""
    span = np.linspace(-1.15, 1.15, 2 * radius + 1, dtype=np.float32)
    x, y = np.meshgrid(span, span)
    u = x * np.cos(turn) + y * np.sin(turn)
    v = (-x * np.sin(turn) + y * np.cos(turn)) / squeeze
    return np.asarray(u * u + v * v, dtype=np.float32)


def _relief(kind: str, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """Height (pixels), brightness and tint of one tile."""
    fine = noise.spectral(TILE, 0.6, rng, low=20)
    rolling = noise.spectral(TILE, 2.1, rng, low=2)
    patches = noise.spectral(TILE, 1.6, rng, low=2, high=60)
    height = rolling * 5.0 + fine * 0.32
    albedo = 0.50 + 0.035 * patches + 0.03 * fine
    tint = 0.42 + 0.09 * noise.spectral(TILE, 1.8, rng, low=2, high=40)
    if kind == "ripples":
        y = np.linspace(0, 2 * np.pi, TILE, endpoint=False, dtype=np.float32)[:, None]
        bend = noise.spectral(TILE, 2.4, rng, low=1, high=12)
        wave = np.sin(34 * y + 1.9 * bend)
        strength = np.clip(0.65 + 0.35 * noise.spectral(TILE, 2.0, rng, low=1, high=8), 0.1, 1.3)
        height += 2.6 * strength * (wave + 0.35 * np.sin(68 * y + 3.8 * bend + 0.8))
        albedo += 0.035 * strength * wave
    if kind == "burrows":
        for _ in range(46):
            r = int(rng.integers(18, 62))
            d = _disc(r, rng.uniform(0.75, 1.0), rng.uniform(0, 3))
            mound = np.exp(-2.6 * d) * r * rng.uniform(0.25, 0.5)
            _stamp(
                height,
                albedo,
                int(rng.integers(TILE)),
                int(rng.integers(TILE)),
                mound,
                1 + 0.10 * np.exp(-3 * d),
                pile=False,
            )
        for _ in range(90):
            r = int(rng.integers(5, 13))
            d = _disc(r, rng.uniform(0.6, 1.0), rng.uniform(0, 3))
            hole = np.clip(1.3 * (1 - d), 0, 1)
            _stamp(
                height, albedo, int(rng.integers(TILE)), int(rng.integers(TILE)), -hole * 5, 1 - 0.8 * hole, pile=False
            )
        for _ in range(9):
            crawl_x, crawl_y, heading = rng.uniform(0, TILE), rng.uniform(0, TILE), rng.uniform(0, 6.3)
            groove = 1 - 1.6 * np.exp(-5 * _disc(6, 1.0, 0.0))
            for _ in range(160):
                heading += rng.normal(0, 0.12)
                crawl_x, crawl_y = crawl_x + 3.2 * np.cos(heading), crawl_y + 3.2 * np.sin(heading)
                _stamp(height, albedo, int(crawl_x), int(crawl_y), (groove - 1) * 0.55, None, pile=False)
    if kind == "cobbles":
        height *= 0.6
        for radius in sorted(rng.gamma(1.6, 7.0, size=620) + 5):
            r = int(min(radius, 60))
            d = _disc(r, rng.uniform(0.6, 1.0), rng.uniform(0, 3)) + 0.18 * noise.patch(
                "soft", 2 * r + 1, 2 * r + 1, (int(rng.integers(512)), 3)
            )
            dome = np.where(d < 1, np.sqrt(np.clip(1 - d, 0, None)) * r * 0.62, -1e3).astype(np.float32)
            tone = np.full_like(dome, rng.uniform(0.30, 0.62)) + 0.05 * noise.patch(
                "fine", 2 * r + 1, 2 * r + 1, (r, r)
            )
            _stamp(
                height,
                albedo,
                int(rng.integers(TILE)),
                int(rng.integers(TILE)),
                dome,
                tone.astype(np.float32),
                pile=True,
            )
        tint += 0.10 * (albedo < 0.42)
    if kind == "rock":
        ledges = noise.spectral(TILE, 1.9, rng, low=2, high=90)
        steps = np.floor(ledges * 2.6 + 0.35 * rolling) / 2.6
        joints = 1 - np.exp(-np.abs(noise.spectral(TILE, 1.5, rng, low=3, high=60)) * 14)
        height = 15 * ledges + 10 * steps + 4.0 * noise.spectral(TILE, 1.5, rng, low=10) + 7 * joints + 0.25 * fine
        hollow = np.clip(0.5 - 0.9 * (height - ndimage.gaussian_filter(height, 14, mode="wrap")) / 8, 0, 1)
        dust = hollow * np.clip(0.6 + 0.5 * patches, 0, 1)
        height = height * (1 - 0.55 * dust) + 0.55 * dust * ndimage.gaussian_filter(height, 6, mode="wrap")
        albedo = (0.25 + 0.05 * patches + 0.03 * fine) * (0.55 + 0.45 * joints) + 0.24 * dust
        tint = np.clip(0.55 + 0.2 * noise.spectral(TILE, 1.9, rng, low=2, high=50) - 0.2 * dust, 0, 1)
        for _ in range(170):
            r = int(rng.integers(4, 18))
            bloom = np.clip(1.4 * (1 - _disc(r, rng.uniform(0.6, 1), rng.uniform(0, 3)) - 0.3 * rng.random()), 0, 1)
            _stamp(
                height,
                albedo,
                int(rng.integers(TILE)),
                int(rng.integers(TILE)),
                bloom * 2,
                1 + rng.uniform(-0.2, 0.6) * bloom,
                pile=False,
            )
    else:
        for _ in range(260):
            r = int(rng.integers(2, 6))
            pebble = np.clip(1 - _disc(r, rng.uniform(0.6, 1), rng.uniform(0, 3)), 0, 1)
            _stamp(
                height,
                albedo,
                int(rng.integers(TILE)),
                int(rng.integers(TILE)),
                pebble * r * 0.8,
                1 + rng.uniform(-0.5, 0.5) * pebble,
                pile=False,
            )
    return height.astype(np.float32), albedo.astype(np.float32), tint.astype(np.float32)


@lru_cache(maxsize=len(KINDS))
def ground(kind: str) -> tuple[Image.Image, ...]:
    """The ground at three scales (each half as fine as the one before), repeated so that any view fits."""
    rng = np.random.default_rng([11, KINDS.index(kind)])
    height, albedo, tint = _relief(kind, rng)
    across = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / 2
    along = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / 2
    channels = [albedo * 255, 128 + 84 * np.tanh(across * 0.85), 128 + 84 * np.tanh(along * 0.85), tint * 255]
    tile = Image.fromarray(np.stack([np.clip(c, 0, 255) for c in channels], axis=2).astype(np.uint8), mode="CMYK")
    levels = []
    for level, copies in enumerate(_COPIES):
        small = tile if level == 0 else tile.reduce(2**level)
        side = small.size[0]
        sheet = Image.new("CMYK", (side * copies, side * copies))
        for row in range(copies):
            for column in range(copies):
                sheet.paste(small, (column * side, row * side))
        levels.append(sheet)
    return tuple(levels)


@dataclass(frozen=True)
class Spot:
    """Where and how a stretch of ground lies: metres into the tile and the turn of its grain."""

    kind: str
    x: float
    y: float
    turn: float


def photograph(spot: Spot, camera: Camera) -> tuple[Bytes, int]:
    """The ground seen by a camera, before light and water.

    Returns:
        ``[H, W, 4]`` uint8 channels as above (slopes in the ground's own axes), and the first row that shows ground:
        rows above it are open water.
    """
    width, height = camera.size
    levels = ground(spot.kind)
    first = camera.horizon(14.0)
    picture = np.zeros((height, width, 4), dtype=np.uint8)
    edges = [height, max(first, camera.horizon(2.3)), max(first, camera.horizon(5.2)), first]
    cos, sin = np.cos(spot.turn), np.sin(spot.turn)
    rotation = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    for level in range(3):
        bottom, top = edges[level], edges[level + 1]
        top = max(0, top - (6 if level < 2 else 0))
        if bottom <= top:
            continue
        to_ground = rotation @ camera.to_ground()
        middle = to_ground @ np.array([width / 2, (top + bottom) / 2, 1.0])
        centre = middle[:2] / middle[2]
        sheet = levels[level]
        pixels = TILE / TILE_METRES / 2**level
        place = np.array([spot.x, spot.y]) + centre
        # Where the view's middle lands: the repeat nearest to the middle of the sheet, so that the whole band fits.
        least = TILE_METRES * (_COPIES[level] - 1) / 2
        home = np.mod(place - least, TILE_METRES) + least
        shift = np.eye(3)
        shift[:2, 2] = home - centre
        scale = np.diag([pixels, pixels, 1.0])
        start = np.array([[1.0, 0, 0.0], [0, 1.0, float(top)], [0, 0, 1.0]])
        matrix = scale @ shift @ to_ground @ start
        matrix /= matrix[2, 2]
        band = sheet.transform(
            (width, bottom - top),
            Image.Transform.PERSPECTIVE,
            tuple(matrix.ravel()[:8].tolist()),
            Image.Resampling.BILINEAR,
        )
        pixels_band = np.asarray(band)
        feather = min(6, bottom - top) if level > 0 else 0
        if feather:
            weight = np.linspace(1, 0, feather, dtype=np.float32)[:, None, None]
            old = picture[bottom - feather : bottom]
            mixed = pixels_band[-feather:] * weight + old * (1 - weight)
            picture[top : bottom - feather] = pixels_band[:-feather]
            picture[bottom - feather : bottom] = mixed.astype(np.uint8)
        else:
            picture[top:bottom] = pixels_band
    return picture, first
