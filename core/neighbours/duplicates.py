"""Runs of near-identical rows, read off the neighbour graph.

The contract: two rows are joined when one is among the other's neighbours at no more than the threshold (and, where
asked for, in the same group and close in time); a run is what such joins connect. A row has as many chances to join as
the graph has columns, so more equal rows than columns still form one run: all of them share their lowest neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.graph import Graph


def near_duplicates(
    graph: Graph,
    threshold: float,
    *,
    groups: NDArray[np.integer] | None = None,
    times: NDArray[np.floating] | None = None,
    gap: float | None = None,
) -> NDArray[np.int32]:
    """Number the runs of near-duplicates.

    Args:
        graph: The whole collection's graph (`Graphs.all`): neighbours of N rows among the same N rows.
        threshold: Largest cosine distance of two joined rows, in [0, 2].
        groups: ``[N]`` integers; given, only rows of one group are joined.
        times: ``[N]`` seconds, NaN where unknown (such a row is joined to none when `gap` is given).
        gap: Largest difference of the times of two joined rows, in seconds; needs `times`.

    Returns:
        ``[N]`` int32, runs numbered from 0 by their lowest row id, -1 for a row that is alone.

    Raises:
        GraphError: the threshold is not in [0, 2], `gap` comes without `times`, or a length differs from the graph's.
    """
    count = len(graph.indices)
    if not 0.0 <= threshold <= 2.0:
        raise GraphError(f"the near-duplicate threshold is a cosine distance in [0, 2], got {threshold}")
    if gap is not None and times is None:
        raise GraphError("a time gap needs the times of all regions; give times or leave the gap out")
    for name, values in (("groups", groups), ("times", times)):
        if values is not None and np.shape(values) != (count,):
            raise GraphError(f"{name} must have one entry for each of {count} rows, got shape {np.shape(values)}")
    left, column = np.nonzero(graph.distances <= threshold)
    right = graph.indices[left, column].astype(np.int64)
    joined = left != right
    if groups is not None:
        group = np.asarray(groups)
        joined &= group[left] == group[right]
    if gap is not None and times is not None:
        time = np.asarray(times, np.float64)
        joined &= np.abs(time[left] - time[right]) <= gap
    lowest = _components(count, left[joined], right[joined])
    size = np.bincount(lowest, minlength=count)
    number = np.cumsum(size > 1) - 1
    return np.where(size[lowest] > 1, number[lowest], -1).astype(np.int32)


def _components(count: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """``[count]``: the lowest row that each row is connected with."""
    label = np.arange(count)
    while True:
        # Labels spread along edges and between the labels themselves, then jump: rounds grow as the logarithm.
        least = np.minimum(label[left], label[right])
        spread = label.copy()
        for ends in (left, right, label[left], label[right]):
            np.minimum.at(spread, ends, least)
        spread = spread[spread]
        if np.array_equal(spread, label):
            return label
        label = spread
