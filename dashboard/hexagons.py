"""Hexagonal bins: how dense points lie, as a few hundred marks instead of a million."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hexagons:
    """Bins with points in them.

    Attributes:
        x, y: ``[M]`` float64 centres.
        counts: ``[M]`` int64 points in each, at least 1.
        width: Distance of neighbouring centres: a hexagon's width from flat to flat, standing on a corner.
    """

    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray
    width: float


def hexagons(x: np.ndarray, y: np.ndarray, width: float) -> Hexagons:
    """Count points in a hexagonal grid with a centre at the origin.

    Each point belongs to its nearest centre: the grid is two interleaved rectangular ones, and the nearer of the two
    candidates wins (Carr et al. 1987, JASA 82, 424).

    Args:
        x, y: ``[N]`` coordinates; points that are not finite are left out.
        width: From flat to flat, > 0.
    """
    known = np.isfinite(x) & np.isfinite(y)
    across, up = np.asarray(x, float)[known] / width, np.asarray(y, float)[known] / (width * np.sqrt(3))
    even = np.rint(across), np.rint(up)
    odd = np.floor(across) + 0.5, np.floor(up) + 0.5
    nearer = _squared(across, up, even) <= _squared(across, up, odd)
    # in halves, so that the centres of both grids are whole numbers
    column = np.where(nearer, 2 * even[0], 2 * odd[0]).astype(np.int64)
    line = np.where(nearer, 2 * even[1], 2 * odd[1]).astype(np.int64)
    # One whole number for both, which sorts ten times faster than pairs do.
    low, lines = (int(line.min()), int(np.ptp(line)) + 1) if len(line) else (0, 1)
    keys, counts = np.unique(column * lines + (line - low), return_counts=True)
    columns, above = np.divmod(keys, lines)
    return Hexagons(columns * width / 2, (above + low) * width * np.sqrt(3) / 2, counts, width)


def _squared(across: np.ndarray, up: np.ndarray, centre: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    result: np.ndarray = (across - centre[0]) ** 2 + 3 * (up - centre[1]) ** 2
    return result
