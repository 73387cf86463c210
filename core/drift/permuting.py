"""How often chance would make a batch differ this much: permutations of whole groups.

Frames of one dive resemble each other, so shuffling frames would call every dive a change. Here the unit is the group:
if nothing changed, the batch's b groups are b of all G + b groups drawn at random, and the statistic of the true
assignment is one of equals among those of all others. With one group in the batch there are G + 1 assignments and all
are looked at; the smallest possible p is then 1 / (G + 1).

Source: permutation of exchangeable blocks, Winkler et al. 2015, doi 10.1016/j.neuroimage.2015.05.092; several features
at once by the largest, Westfall & Young 1993.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError

PERMUTATIONS = 999
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What one test says of one batch.

    Attributes:
        statistic: Of the batch as it is; larger is more changed.
        p_value: In (0, 1]; smaller is more changed.
        smallest_p: What it can be at least.
    """

    statistic: float
    p_value: float
    smallest_p: float


def assignments(batch: int, reference: int, permutations: int = PERMUTATIONS, seed: int = 0) -> NDArray[np.bool_]:
    """Which groups stand for the batch.

    Args:
        batch, reference: Groups of either; the batch's come first.
        permutations: Drawn at random when there are more than that.

    Returns:
        ``[B, batch + reference]`` bool; row 0 is how things are. All assignments where there are at most
        ``permutations + 1``, else the true one and `permutations` random ones.

    Raises:
        GraphError: either side has no group.
    """
    if batch < 1 or reference < 1:
        raise GraphError(
            "a change is measured between a batch and a reference of at least one other group, got "
            f"{batch} and {reference} groups; choose another reference or larger batches"
        )
    total = batch + reference
    if comb(total, batch) <= permutations + 1:
        chosen = np.array(list(combinations(range(total), batch)))  # the first is 0 .. batch - 1
    else:
        rng = np.random.default_rng(seed)
        drawn = np.argsort(rng.random((permutations, total)), axis=1)[:, :batch]
        chosen = np.concatenate([np.arange(batch)[None], drawn])
    rows = np.zeros((len(chosen), total), bool)
    np.put_along_axis(rows, chosen, True, axis=1)
    return rows


def verdict(statistics: NDArray[np.floating[Any]]) -> Verdict:
    """The p-value of the first of ``[B]`` statistics: the share that is at least as large, itself included."""
    least = statistics[0] - _ROUNDING * max(1.0, abs(float(statistics[0])))
    return Verdict(float(statistics[0]), float(np.mean(statistics >= least)), 1.0 / len(statistics))


def adjusted(statistics: NDArray[np.floating[Any]]) -> tuple[Verdict, NDArray[np.float64]]:
    """Several features at once: the verdict on the largest, and each feature's p adjusted for having looked at all.

    Args:
        statistics: ``[B, F]``, row 0 as things are; features on one scale.

    Returns:
        The verdict, and ``[F]`` p-values in (0, 1].
    """
    largest = statistics.max(axis=1)
    own = statistics[0] - _ROUNDING * np.maximum(1.0, np.abs(statistics[0]))
    p: NDArray[np.float64] = (largest[:, None] >= own[None]).mean(axis=0)
    return verdict(largest), p


def group_means(
    values: NDArray[np.floating[Any]], member: NDArray[np.integer[Any]], groups: int
) -> NDArray[np.float64]:
    """``[groups, F]``: the mean of each group's rows of ``[n, F]``; NaN for a group without rows."""
    order = np.argsort(member, kind="stable")
    present, begins = np.unique(member[order], return_index=True)
    means = np.full((groups, values.shape[1]), np.nan)
    if len(present):
        sizes = np.diff(np.append(begins, len(member)))
        means[present] = np.add.reduceat(values[order].astype(np.float64), begins, axis=0) / sizes[:, None]
    return means


def mean_differences(means: NDArray[np.floating[Any]], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``[B, F]``: the batch's mean over groups less the reference's, of ``[G + b, F]`` group means."""
    batch = rows.astype(float)
    rest = 1.0 - batch
    difference: NDArray[np.float64] = batch @ means / batch.sum(axis=1, keepdims=True) - rest @ means / rest.sum(
        axis=1, keepdims=True
    )
    return difference
