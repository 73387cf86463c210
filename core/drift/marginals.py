"""Which single numbers have changed? Two-sample Kolmogorov-Smirnov per feature, and shares of concepts, over groups.

``D = max over t of |F_batch(t) - F_reference(t)|`` with F the mean of the groups' own distribution functions, so that
every group counts once; with groups of equal size it is `scipy.stats.ks_2samp`'s statistic. Its usual p-value takes
frames for independent; here chance is measured by permuting groups (`core.drift.permuting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.drift.permuting import Verdict, adjusted, group_means, mean_differences

GRID = 256
"""Places at which distribution functions are compared; all values where there are no more."""
_SMALLEST_SPREAD = 0.02


@dataclass(frozen=True)
class Feature:
    """What became of one feature or concept.

    Attributes:
        name: The feature's.
        statistic: Kolmogorov-Smirnov's D in [0, 1], or of a concept the standardised difference of its share.
        p_value: In (0, 1], adjusted for having looked at all features.
        batch, reference: Mean over groups of the feature, or the share of labelled regions with the concept.
        change: Batch less reference: of a feature in standard deviations of the reference, of a concept in shares.
    """

    name: str
    statistic: float
    p_value: float
    batch: float
    reference: float
    change: float


@dataclass(frozen=True)
class Distributions:
    """Distribution functions of F features in each of G groups.

    Attributes:
        below: ``[G, F, GRID]``: share of a group's rows at or below each place of a feature's grid.
        means: ``[G, F]``: mean of a group's rows.
    """

    below: NDArray[np.float64]
    means: NDArray[np.float64]

    def __getitem__(self, groups: NDArray[Any]) -> Distributions:
        return Distributions(self.below[groups], self.means[groups])

    def then(self, other: Distributions) -> Distributions:
        """These groups, and after them the other ones."""
        return Distributions(np.concatenate([self.below, other.below]), np.concatenate([self.means, other.means]))


def grids(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """``[F, GRID]``: where the distribution functions of ``[n, F]`` values are compared, the largest value repeated."""
    found = np.empty((values.shape[1], GRID))
    for place, column in enumerate(values.T):
        known = np.unique(column)
        if len(known) > GRID:
            known = np.quantile(column, np.linspace(0.0, 1.0, GRID))
        found[place] = np.concatenate([known, np.full(GRID - len(known), known[-1])])
    return found


def distributions(
    values: NDArray[np.floating[Any]], member: NDArray[np.integer[Any]], groups: int, at: NDArray[np.float64]
) -> Distributions:
    """Distribution functions of ``[n, F]`` finite values in each group, every group with a row.

    Args:
        member: ``[n]`` in [0, groups).
        at: From `grids`.
    """
    below = [
        group_means(column[:, None] <= grid[None], member, groups) for column, grid in zip(values.T, at, strict=True)
    ]
    return Distributions(np.stack(below, axis=1), group_means(values, member, groups))


def ks_shift(
    of: Distributions, spread: NDArray[np.floating[Any]], names: tuple[str, ...], rows: NDArray[np.bool_]
) -> tuple[Verdict, tuple[Feature, ...]]:
    """Kolmogorov-Smirnov on each feature, and on the most changed of them.

    Args:
        of: Of G groups, the batch's first.
        spread: ``[F]`` what a change is measured in; 0 counts as 1.
        names: Of the F features.
        rows: ``[B, G]`` from `core.drift.permuting.assignments`.
    """
    apart = mean_differences(of.below.reshape(len(of.below), -1), rows)
    statistics = np.abs(apart).reshape(len(rows), len(names), -1).max(axis=2)
    batch, reference = of.means[rows[0]].mean(axis=0), of.means[~rows[0]].mean(axis=0)
    found, p = adjusted(statistics)
    change = (batch - reference) / np.where(spread > 1e-9, spread, 1.0)
    return found, tuple(
        Feature(name, float(statistics[0, i]), float(p[i]), float(batch[i]), float(reference[i]), float(change[i]))
        for i, name in enumerate(names)
    )


def prior_shift(
    shares: NDArray[np.floating[Any]], names: tuple[str, ...], rows: NDArray[np.bool_]
) -> tuple[Verdict, tuple[Feature, ...]]:
    """Label-prior shift: do concepts come as often in the batch as in the reference?

    Each concept's difference of shares is divided by its spread over groups, so that a rare one can be the most
    changed.

    Args:
        shares: ``[G, C]`` share of each group's labelled regions with each concept (or mean probability), the batch's
            groups first.
        names, rows: As in `ks_shift`.
    """
    spread = np.maximum(shares.std(axis=0), _SMALLEST_SPREAD)
    differences = mean_differences(shares, rows)
    found, p = adjusted(np.abs(differences) / spread)
    batch, reference = shares[rows[0]].mean(axis=0), shares[~rows[0]].mean(axis=0)
    return found, tuple(
        Feature(
            name,
            float(abs(differences[0, i]) / spread[i]),
            float(p[i]),
            float(batch[i]),
            float(reference[i]),
            float(differences[0, i]),
        )
        for i, name in enumerate(names)
    )
