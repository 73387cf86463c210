"""Runs of near-duplicate regions of a finished run: what one look decides for all.

The contract: only regions of one group and one dataset are joined, and only when they are closer than the nearest
pictures of *different* groups nearly ever are; the threshold is the run's own, as distances differ between networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.neighbours.duplicates import near_duplicates
from core.neighbours.graph import Graph

if TYPE_CHECKING:
    from core.runs import Run

SHARE = 0.01
"""Share of regions whose nearest of another group is closer than the threshold."""


def repeat_threshold(run: Run) -> float:
    """The cosine distance, in [0, 2], up to which two regions of one group count as near-duplicates.

    It is the `SHARE` quantile of the distance to the nearest reference region of another group; 0 without any.
    """
    distances = np.asarray(run.graph_reference.distances)
    nearest = distances[:, 0] if distances.shape[1] else np.empty(0)
    known = nearest[np.isfinite(nearest)]
    return float(np.quantile(known, SHARE)) if len(known) else 0.0


def repeats(run: Run) -> np.ndarray:
    """``[N]`` int32: number of each region's run of near-duplicates, -1 for a region that is alone.

    Regions without a group are joined with none: nobody says that they belong together.
    """
    graph = Graph(np.asarray(run.graph_all.indices), np.asarray(run.graph_all.distances))
    return near_duplicates(graph, repeat_threshold(run), groups=group_numbers(run))


def group_numbers(run: Run) -> np.ndarray:
    """``[N]`` a number for each group of a dataset; a region without a group has one of its own."""
    table = run.table
    named = (table["dataset"].astype(str) + "\x00" + table["group"].astype(str)).to_numpy()
    _, groups = np.unique(named, return_inverse=True)
    alone = (table["group"] == "").to_numpy()
    return np.where(alone, groups.max(initial=0) + 1 + np.arange(len(table)), groups)


def run_of(numbers: np.ndarray, row: int) -> np.ndarray:
    """``[M]`` rows of the run of near-duplicates that a row is in, itself first."""
    if numbers[row] < 0:
        return np.array([row])
    members = np.flatnonzero(numbers == numbers[row])
    return np.concatenate([[row], members[members != row]])
