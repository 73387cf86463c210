"""What an animal, a rock or a piece of the vehicle is made of: tubes, balls and sheets in three dimensions.

The contract:
- a body is about one unit long; X is right, Y away along the ground, H up, and the ground is ``H = 0``;
- colours are linear light, what the surface sends back under white light, in [0, 1];
- shapes are data; `core.demo.raster` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Skin:
    """How a surface looks.

    Attributes:
        colour: One colour, or several spread evenly along a tube.
        belly: Colour of the underside, where it differs.
        alpha: Opacity seen face on; `rim`: opacity at the silhouette (glassy bodies are clearest in the middle).
        mottle: Strength of blotches, `grain` of fine speckle, `rough` of bumps, all 0 to about 1.
        gloss: Strength of the highlight.
        bands: Darker bands along a tube as ``(count, strength)``.
        glow: Share of light that is scattered inside and ignores the surface's tilt.
    """

    colour: Colour | Sequence[Colour]
    belly: Colour | None = None
    alpha: float = 1.0
    rim: float | None = None
    mottle: float = 0.0
    grain: float = 0.0
    rough: float = 0.0
    gloss: float = 0.1
    bands: tuple[int, float] = (0, 0.0)
    glow: float = 0.15


@dataclass(frozen=True)
class Tube:
    """A bent tube of changing radius; `radii` is ``[N]``, or ``[N, 2]`` for half width and half height."""

    points: Points
    radii: NDArray[np.float64]
    skin: Skin
    lift: float = 0.0


@dataclass(frozen=True)
class Ball:
    """An ellipsoid; the columns of `axes` are its three half axes."""

    centre: Points
    axes: NDArray[np.float64]
    skin: Skin
    lift: float = 0.0


@dataclass(frozen=True)
class Sheet:
    """A filled outline, flat or swollen by `inflate` (share of its half width); `rays` draws fin rays across it."""

    points: Points
    skin: Skin
    inflate: float = 0.0
    rays: int = 0
    lift: float = 0.0


Shape = Tube | Ball | Sheet


@dataclass
class Body:
    """Shapes that belong together; `lift` of a shape draws it later than its distance alone would."""

    shapes: list[Shape] = field(default_factory=list)

    def tube(self, points: Any, radii: Any, skin: Skin, lift: float = 0.0) -> None:
        """Add a tube; a single radius holds for all points."""
        path = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        width = np.asarray(radii, dtype=np.float64)
        if width.ndim == 0:
            width = np.full(len(path), float(width))
        self.shapes.append(Tube(path, width, skin, lift))

    def ball(self, centre: Any, radius: Any, skin: Skin, lift: float = 0.0, axes: Any = None) -> None:
        """Add a ball of one radius, an ellipsoid of three along X, Y, H, or any with `axes`."""
        half = np.diag(np.broadcast_to(np.asarray(radius, dtype=np.float64), 3)) if axes is None else np.asarray(axes)
        self.shapes.append(Ball(np.asarray(centre, dtype=np.float64), half, skin, lift))

    def sheet(self, points: Any, skin: Skin, inflate: float = 0.0, rays: int = 0, lift: float = 0.0) -> None:
        """Add a filled outline."""
        self.shapes.append(Sheet(np.asarray(points, dtype=np.float64).reshape(-1, 3), skin, inflate, rays, lift))

    def turned(self, yaw: float, rise: float = 0.0, roll: float = 0.0) -> Body:
        """The same body turned by `yaw` about H, tipped by `roll` in its X-H plane first, then raised by `rise`."""
        cy, sy, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
        about_h = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
        in_xh = np.array([[cr, 0.0, -sr], [0.0, 1.0, 0.0], [sr, 0.0, cr]])
        matrix = about_h @ in_xh
        offset = np.array([0.0, 0.0, rise])
        turned: list[Shape] = []
        for shape in self.shapes:
            if isinstance(shape, Ball):
                turned.append(replace(shape, centre=matrix @ shape.centre + offset, axes=matrix @ shape.axes))
            else:
                turned.append(replace(shape, points=shape.points @ matrix.T + offset))
        return Body(turned)

    def cast(self, along: float, across: float) -> Body:
        """Its shadow on the ground: every point moves by `across`, `along` times its height and loses the height."""
        flatten = np.array([[1.0, 0.0, across], [0.0, 1.0, along], [0.0, 0.0, 0.0]])
        flat: list[Shape] = []
        for shape in self.shapes:
            if isinstance(shape, Ball):
                flat.append(replace(shape, centre=flatten @ shape.centre, axes=flatten @ shape.axes))
            else:
                flat.append(replace(shape, points=shape.points @ flatten.T))
        return Body(flat)


def offset(x: float, y: float, h: float) -> Points:
    """A place or an offset, ``[3]`` float64."""
    return np.array([x, y, h], dtype=np.float64)


def smooth(points: Any, count: int) -> Points:
    """A Catmull-Rom curve through `points`, ``[N, 3]`` to ``[count, 3]``."""
    knots = np.asarray(points, dtype=np.float64)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    position = np.linspace(0, len(knots) - 1, count)
    index = np.minimum(position.astype(int), len(knots) - 2)
    t = (position - index)[:, None]
    p0, p1, p2, p3 = (padded[index + shift] for shift in range(4))
    return np.asarray(
        0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    )


def wander(rng: np.random.Generator, start: Any, direction: Any, length: float, bend: float, count: int = 10) -> Points:
    """A path of `count` points that starts along `direction` and turns at random by about `bend` radians in all."""
    step = np.asarray(direction, dtype=np.float64)
    step = step / np.linalg.norm(step)
    turn = rng.normal(0, bend / np.sqrt(count), size=(count, 3))
    curl = rng.normal(0, 0.6 * bend / count, size=3)
    path = [np.asarray(start, dtype=np.float64)]
    for index in range(count - 1):
        step = step + 0.45 * turn[index] + curl
        step = step / np.linalg.norm(step)
        path.append(path[-1] + step * length / (count - 1))
    return np.array(path)


def vary(rng: np.random.Generator, colour: Colour, by: float = 0.12) -> Colour:
    """The colour of another individual: brightness and hue moved by about `by`."""
    bright = float(np.exp(rng.normal(0, by)))
    hue = np.exp(rng.normal(0, by * 0.4, size=3))
    r, g, b = np.clip(np.array(colour) * bright * hue, 0.0, 1.0)
    return float(r), float(g), float(b)
