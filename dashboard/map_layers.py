"""Which regions of a run lie on its map in which way: points, density behind them, rings, names.

The contract: pure functions of a run's table and masks over it; the byte of a region says how it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.hexagons import hexagons
from dashboard.summaries import is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

POINT, BEHIND, CHOSEN = 1, 2, 4
"""Bits of a region's byte: drawn as a point; of the reference, drawn as density; in the current selection."""
STRANGEST = 100
_ACROSS = 72


@dataclass(frozen=True)
class Ground:
    """What of a run's map does not depend on the selection.

    Attributes:
        positions: ``[N, 2]`` float32, NaN for what has no place.
        kinds: ``[N]`` uint8: `POINT`, `BEHIND` or 0 for what has no place. Where nothing but reference is there, it is
            drawn as points.
        bounds: ``left, low, right, high`` of all places.
        density: Hexagons of the reference: ``x, y, n`` lists and ``width``; empty without any.
    """

    positions: np.ndarray
    kinds: np.ndarray
    bounds: tuple[float, float, float, float]
    density: dict[str, Any]


def ground(table: pd.DataFrame) -> Ground:
    """Lay out a run's table."""
    x, y = (table[name].to_numpy(dtype=np.float32, na_value=np.nan) for name in ("x", "y"))
    placed = np.isfinite(x) & np.isfinite(y)
    alone = is_reference(table) & ~is_target(table)
    if not (placed & ~alone).any():
        alone = np.zeros(len(table), bool)
    kinds = np.where(placed, np.where(alone, BEHIND, POINT), 0).astype(np.uint8)
    bounds = tuple(float(f(v[placed])) for f in (np.min, np.max) for v in (x, y)) if placed.any() else (0.0,) * 4
    left, low, right, high = bounds
    behind = kinds == BEHIND
    density: dict[str, Any] = {}
    if behind.any():
        cells = hexagons(x[behind], y[behind], max(right - left, high - low, 1e-6) / _ACROSS)
        density = {
            "x": np.round(cells.x, 4).tolist(),
            "y": np.round(cells.y, 4).tolist(),
            "n": cells.counts.tolist(),
            "width": cells.width,
        }
    positions = np.ascontiguousarray(np.stack([x, y], axis=1))
    return Ground(positions, kinds, (left, low, right, high), density)


def flags(kinds: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``[N]`` uint8: how each region is drawn."""
    return np.where(chosen & (kinds > 0), kinds | CHOSEN, kinds).astype(np.uint8)


def strangest(scores: np.ndarray, flags: np.ndarray, most: int = STRANGEST) -> np.ndarray:
    """Rows of the points in the selection that score highest, highest first; ties by row."""
    rows = np.flatnonzero((flags == (POINT | CHOSEN)) & np.isfinite(scores))
    if len(rows) > 4 * most:  # a full sort of a million is felt at every click
        least = np.partition(scores[rows], len(rows) - most)[len(rows) - most]
        rows = rows[scores[rows] >= least]
    return rows[np.argsort(-scores[rows], kind="stable")][:most]


def places(positions: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Where each cluster's name stands: at the median of its points; largest first as the labels are."""
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(len(names) + 1))
    found = []
    for label, name in enumerate(names):
        members = positions[order[ends[label] : ends[label + 1]]]
        members = members[np.isfinite(members).all(axis=1)]
        if len(members):
            x, y = np.median(members, axis=0)
            found.append({"x": float(x), "y": float(y), "text": name, "count": len(members)})
    return found
