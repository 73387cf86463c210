"""Light under water: the lamps' beams, colour lost with distance, the veil of scattered light, snow, and the camera.

Picture formation follows the usual model for artificially lit water (Jaffe 1990, IEEE J. Oceanic Eng. 15:101): what
arrives from a surface at distance r is its colour times beam, spreading and ``exp(-c r)``, plus the veil
``v (1 - exp(-b r))`` that the water itself sends back; c and v differ by colour, red being lost first. All light is
linear until `develop`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from core.demo.raster import Lamps

Float = NDArray[np.float32]
_NEAREST = 1.15


@dataclass(frozen=True)
class Water:
    """One dive's water: loss a metre by colour, colour and build-up of the veil, particles in a full picture."""

    loss: tuple[float, float, float]
    veil: tuple[float, float, float]
    build_up: float
    particles: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Water:
        """Clear to milky, blue to green."""
        murk = float(rng.beta(1.6, 3.4))
        green = float(rng.beta(1.3, 2.2))
        loss = (0.40 + 0.25 * murk, 0.115 + 0.16 * murk - 0.02 * green, 0.10 + 0.17 * murk + 0.09 * green)
        strength = 0.018 + 0.075 * murk
        veil = (strength * 0.22, strength * (0.72 + 0.26 * green), strength * (1.0 - 0.3 * green))
        return cls(loss, veil, 0.35 + 0.3 * murk, int(110 + 700 * murk * rng.uniform(0.5, 1.3)))


@dataclass(frozen=True)
class Beam:
    """The lamps of one dive: where their pools lie in the picture (shares of its size), how wide, how strong."""

    left: float
    right: float
    height: float
    spread: float
    balance: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Beam:
        """Two lamps, seldom equally strong."""
        middle = float(rng.normal(0.5, 0.05))
        apart = float(rng.uniform(0.10, 0.24))
        return cls(
            middle - apart,
            middle + apart,
            float(rng.uniform(0.5, 0.68)),
            float(rng.uniform(0.20, 0.33)),
            float(np.clip(rng.normal(0.5, 0.13), 0.2, 0.8)),
        )

    def at(self, column: Float | float, row: Float | float) -> Float:
        """Light at a place of the picture (shares of width and height), 1 in the pools' middles."""
        y = (np.asarray(row, dtype=np.float32) - self.height) * 0.72
        total: Any = 0.055
        for x0, strength in ((self.left, self.balance), (self.right, 1 - self.balance)):
            x = np.asarray(column, dtype=np.float32) - x0
            total = total + strength * 1.25 * np.exp(-(x * x + y * y) / (2 * self.spread**2))
        return np.asarray(total, dtype=np.float32)

    def lamps(self) -> Lamps:
        """The same lamps for shading shapes."""
        return Lamps(0.3 + 0.55 * self.balance, 0.3 + 0.55 * (1 - self.balance), 0.26)


@dataclass(frozen=True)
class Sensor:
    """A camera: gains by colour, curve, noise and compression.

    Attributes:
        gains: Multiplies linear red, green, blue (white balance and cast).
        black: Level of black after the curve, by colour, in [0, 255].
        gamma: Exponent of the curve.
        contrast: Steepness about the middle.
        grain: Standard deviation of noise in grey levels.
        soft: Blur of the optics in pixels at 540 rows.
        quality: JPEG quality.
    """

    gains: tuple[float, float, float]
    black: tuple[float, float, float]
    gamma: float
    contrast: float
    grain: float
    soft: float
    quality: int


SENSORS: dict[str, Sensor] = {
    "tern-hd1": Sensor((1.18, 0.98, 1.02), (6, 8, 10), 2.15, 1.06, 3.0, 0.0, 84),
    "tern-hd2": Sensor((1.24, 0.98, 0.94), (7, 9, 9), 2.05, 1.00, 3.8, 0.35, 80),
    "skua-4k": Sensor((0.92, 1.22, 0.62), (22, 30, 18), 2.6, 0.74, 1.6, 0.55, 90),
}


@dataclass(frozen=True)
class Light:
    """Water and beam as one frame is lit; `exposure` is the camera's own gain, `daylight` what reaches down."""

    water: Water
    beam: Beam
    exposure: float
    daylight: float = 0.0

    def carry(self, metres: Float | float, column: Float | float, row: Float | float) -> tuple[Float, Float]:
        """What a surface's colour is multiplied by, and what the water adds, each ``[3, ...]``; distances in metres."""
        r = np.maximum(np.asarray(metres, dtype=np.float32), np.float32(0.5))
        pool = self.beam.at(column, row)
        spread = pool * (np.float32(1.9) / (r + np.float32(0.45))) ** 1.6
        glow = (0.10 + 0.80 * pool) * (1 - np.exp(-np.float32(self.water.build_up) * r))
        gain = np.stack([spread * np.exp(-np.float32(1.55 * c) * np.maximum(r - _NEAREST, 0)) for c in self.water.loss])
        veil = np.stack([np.float32(v) * glow for v in self.water.veil])
        if self.daylight > 0.002:
            above = (
                np.float32(self.daylight)
                * np.clip(1.15 - np.asarray(row, dtype=np.float32), 0, 1) ** 1.5
                * (1 - np.exp(-r / 6))
            )
            veil = veil + np.stack([np.float32(c) * above for c in (0.015, 0.11, 0.16)])
        return np.asarray(gain * self.exposure, dtype=np.float32), np.asarray(veil * self.exposure, dtype=np.float32)


def fields(light: Light, metres: Float, size: tuple[int, int]) -> tuple[Float, Float]:
    """`Light.carry` for a coarse distance picture, brought to full size: two ``[3, H, W]`` float32."""
    rows, columns = metres.shape
    column = ((np.arange(columns, dtype=np.float32) + 0.5) / columns)[None, :]
    row = ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]
    gain, veil = light.carry(metres, column, row)

    def enlarge(coarse: Float) -> Float:
        planes = [Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR) for plane in coarse]
        return np.stack([np.asarray(plane) for plane in planes])

    return enlarge(gain), enlarge(veil)


@lru_cache(maxsize=1)
def _flecks() -> list[Float]:
    """Particles from sharp grains to wide discs out of focus; each sums to about its own area."""
    flecks = []
    rng = np.random.default_rng(5)
    for radius in (0.7, 0.9, 1.2, 1.6, 2.2, 3.2, 4.6, 6.5, 9.0):
        for _ in range(3):
            half = int(np.ceil(radius * 1.7)) + 1
            span = np.arange(-half, half + 1, dtype=np.float32)
            x, y = np.meshgrid(span + rng.uniform(-0.5, 0.5), span + rng.uniform(-0.5, 0.5))
            squeeze = rng.uniform(0.7, 1.4)
            d = np.sqrt((x * squeeze) ** 2 + (y / squeeze) ** 2) / radius
            fleck = (
                np.exp(-1.4 * d * d)
                if radius < 3
                else 1 / (1 + np.exp((d - 1) * 5.0)) * (0.75 + 0.25 * np.minimum(d, 1))
            )
            flecks.append(fleck.astype(np.float32))
    return flecks


def snow(picture: Float, light: Light, rng: np.random.Generator) -> None:
    """Add marine snow to a ``[3, H, W]`` linear picture: many fine grains, few wide blurred discs close to the lens."""
    _, height, width = picture.shape
    scale = height / 540
    flecks = _flecks()
    count = int(light.water.particles * scale)
    xs, ys = rng.uniform(0, width, count), rng.uniform(0, height, count)
    kinds = np.minimum((rng.beta(0.9, 3.2, count) * 9).astype(int), 8)
    shapes = kinds * 3 + rng.integers(0, 3, count)
    pool = light.beam.at(xs / width, ys / height)
    strength = (
        pool
        * rng.gamma(1.3, 0.55, count)
        * np.array([0.30, 0.30, 0.26, 0.2, 0.13, 0.06, 0.034, 0.02, 0.012])[kinds]
        * light.exposure
    )
    tint = np.array([0.72, 1.0, 0.96], dtype=np.float32)[:, None, None]
    for x, y, shape, bright in zip(xs.astype(int), ys.astype(int), shapes, strength, strict=True):
        fleck = flecks[shape]
        half = fleck.shape[0] // 2
        top, left = max(0, y - half), max(0, x - half)
        bottom, right = min(height, y + half + 1), min(width, x + half + 1)
        part = fleck[top - y + half : bottom - y + half, left - x + half : right - x + half]
        picture[:, top:bottom, left:right] += part * np.float32(bright) * tint


@lru_cache(maxsize=4)
def _curves(sensor: Sensor) -> NDArray[np.uint8]:
    """``[3, 4096]`` from linear light in [0, 1.6) to grey levels."""
    light = np.arange(4096, dtype=np.float64) / 4095 * 1.6
    table = []
    for gain, black in zip(sensor.gains, sensor.black, strict=True):
        x = light * gain
        shoulder = np.where(x < 0.6, x, 0.6 + 0.4 * np.tanh((x - 0.6) / 0.4))
        level = np.clip(shoulder, 0, 1) ** (1 / sensor.gamma)
        level = np.clip((level - 0.42) * sensor.contrast + 0.42, 0, 1)
        table.append(black + level * (255 - black))
    return np.clip(np.round(table), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _grain() -> NDArray[np.int8]:
    """``[1024, 1024, 3]`` sensor noise, mostly common to the colours, sixteen units a standard deviation."""
    rng = np.random.default_rng(9)
    common, *own = (
        ndimage.gaussian_filter(rng.standard_normal((1024, 1024)), width, mode="wrap")
        for width in (0.55, 0.9, 0.9, 0.9)
    )
    planes = [0.85 * common / common.std() + 0.5 * plane / plane.std() for plane in own]
    return np.asarray(np.clip(np.stack(planes, axis=2) * 16, -127, 127), dtype=np.int8)


def develop(
    picture: Float, sensor: Sensor, rng: np.random.Generator, *, blur: float, drag: tuple[float, float]
) -> Image.Image:
    """From linear light ``[3, H, W]`` to the camera's picture.

    Args:
        picture: Linear light, 1 is white; changed in place.
        sensor: The camera.
        rng: For its noise.
        blur: Radius of focus blur in pixels, 0 for none.
        drag: Motion during the exposure in pixels, right and down; (0, 0) for none.

    Returns:
        An RGB picture.
    """
    _, height, width = picture.shape
    np.multiply(picture, np.float32(4095 / 1.6), out=picture)
    np.clip(picture, 0, 4095, out=picture)
    index = picture.astype(np.uint16)
    curves = _curves(sensor)
    levels = np.empty((height, width, 3), dtype=np.uint8)
    for channel in range(3):
        levels[..., channel] = curves[channel][index[channel]]
    radius = float(np.hypot(blur, sensor.soft * height / 540))
    if radius > 0.2 or drag != (0.0, 0.0):
        image = Image.fromarray(levels)
        if drag != (0.0, 0.0):
            image = _dragged(image, drag)
        if radius > 0.2:
            image = image.filter(ImageFilter.GaussianBlur(radius))
        levels = np.asarray(image)
    tile = _grain()
    y, x = int(rng.integers(1024)), int(rng.integers(1024))
    rows, columns = (np.arange(height) + y) % 1024, (np.arange(width) + x) % 1024
    speckle = tile[rows][:, columns].astype(np.int16)
    np.multiply(speckle, round(sensor.grain * 16), out=speckle)
    np.right_shift(speckle, 8, out=speckle)
    np.add(speckle, levels, out=speckle)
    np.clip(speckle, 0, 255, out=speckle)
    return Image.fromarray(speckle.astype(np.uint8))


def _dragged(image: Image.Image, drag: tuple[float, float]) -> Image.Image:
    """The mean of shifted copies along the motion."""
    width, height = image.size
    margin = int(np.ceil(max(abs(drag[0]), abs(drag[1])))) + 1
    # Edges are continued outwards first: there is light beyond the picture too.
    wide = Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    for level in range(2 if np.hypot(*drag) < 5 else 3):
        share = 0.5 ** (level + 1)
        step = (1, 0, drag[0] * share, 0, 1, drag[1] * share)
        wide = Image.blend(
            wide, wide.transform(wide.size, Image.Transform.AFFINE, step, Image.Resampling.BILINEAR), 0.5
        )
    return wide.crop((margin, margin, margin + width, margin + height))
