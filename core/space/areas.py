"""Areas drawn on a map: polygons added and taken away, and which points lie inside.

The contract:
- a point is inside by the even-odd rule; a point with ``low y <= y < high y`` of an edge can cross it, so of two
  areas that share an edge exactly one holds a point on it;
- the arithmetic is that of the browser's own count, term by term in float64, so both count the same;
- an area and its text are inverse; the text holds only letters, digits and ``. _ ~ -``, which a URL leaves as they are.

Points are kept in the order of y, so an edge looks only at points that it can cross: a million points and a lasso of a
hundred corners take some hundredths of a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SelectionError

MOST_CORNERS = 400
MOST_AREAS = 12


@dataclass(frozen=True)
class Area:
    """One polygon in the coordinates of a map.

    Attributes:
        corners: At least three ``(x, y)``; the last is joined to the first.
        adds: Whether what lies inside is added to, or taken from, the areas before.
    """

    corners: tuple[tuple[float, float], ...]
    adds: bool = True

    def __post_init__(self) -> None:
        if not 3 <= len(self.corners) <= MOST_CORNERS:
            raise SelectionError(f"an area has 3 to {MOST_CORNERS} corners, got {len(self.corners)}; draw it again")
        if not all(math.isfinite(value) for corner in self.corners for value in corner):
            raise SelectionError("the corners of an area must be finite numbers; draw it again")

    def to_text(self) -> str:
        """``a1.5_2~3_4~5_0``: ``a`` adds, ``s`` subtracts; nine digits a number."""
        return ("a" if self.adds else "s") + "~".join(f"{x:.9g}_{y:.9g}".replace("+", "") for x, y in self.corners)

    @classmethod
    def from_text(cls, text: str) -> Area:
        """The inverse of `to_text`.

        Raises:
            SelectionError: the text is no area.
        """
        try:
            corners = [tuple(float(value) for value in corner.split("_")) for corner in text[1:].split("~")]
            if text[:1] not in ("a", "s") or len(text) > 30 * MOST_CORNERS or any(len(c) != 2 for c in corners):
                raise ValueError
        except ValueError:
            raise SelectionError(f"an area is written a1_2~3_4~5_6, got {text[:40]!r}; draw it again") from None
        return cls(tuple((x, y) for x, y in corners), text[0] == "a")

    @classmethod
    def from_numbers(cls, flat: Sequence[Any], adds: bool = True) -> Area:
        """An area from ``x, y, x, y, …`` as the browser sends it, rounded to what its text holds.

        Raises:
            SelectionError: not numbers, an odd count, or too few or many.
        """
        if len(flat) % 2 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in flat):
            raise SelectionError("an area is a list of pairs of numbers; draw it again")
        values = [float(f"{value:.9g}") for value in flat]
        return cls(tuple(zip(values[::2], values[1::2], strict=True)), adds)


@dataclass(frozen=True)
class Plane:
    """The points of a map, made ready for areas.

    Attributes:
        count: N, points that have no place included.
        order: ``[M]`` rows of the points that have a place, by y.
        x, y: ``[M]`` float64 in that order.
    """

    count: int
    order: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def plane(x: NDArray[np.floating], y: NDArray[np.floating]) -> Plane:
    """Points by their ``[N]`` coordinates; what is not finite lies in no area."""
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    order = rows[np.argsort(y[rows], kind="stable")]
    return Plane(len(x), order, np.asarray(x, np.float64)[order], np.asarray(y, np.float64)[order])


def inside(points: Plane, area: Area) -> NDArray[np.bool_]:
    """``[N]`` which points lie in one polygon, whether it adds or subtracts."""
    odd = np.zeros(len(points.order), bool)
    corners = area.corners
    for (xi, yi), (xj, yj) in zip(corners, (corners[-1], *corners[:-1]), strict=True):
        if yi == yj:
            continue
        low, high = np.searchsorted(points.y, (min(yi, yj), max(yi, yj)), side="left")
        part = slice(int(low), int(high))
        odd[part] ^= points.x[part] < (xj - xi) * (points.y[part] - yi) / (yj - yi) + xi
    found = np.zeros(points.count, bool)
    found[points.order[odd]] = True
    return found


def within(points: Plane, areas: Iterable[Area]) -> NDArray[np.bool_]:
    """``[N]`` which points are chosen by areas one after the other; beginning by taking away begins with all."""
    chosen: NDArray[np.bool_] | None = None
    for area in areas:
        if chosen is None:
            chosen = np.zeros(points.count, bool)
            if not area.adds:
                chosen[points.order] = True
        held = inside(points, area)
        chosen = chosen | held if area.adds else chosen & ~held
    return np.ones(points.count, bool) if chosen is None else chosen
