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


def ks_shift(
    values: NDArray[np.floating[Any]],
    member: NDArray[np.integer[Any]],
    names: tuple[str, ...],
    rows: NDArray[np.bool_],
) -> tuple[Verdict, tuple[Feature, ...]]:
    """Kolmogorov-Smirnov on each feature, and on the most changed of them.

    Args:
        values: ``[n, F]`` finite.
        member: ``[n]`` groups in [0, G), each with a row; the batch's come first.
        names: Of the F features.
        rows: ``[B, G]`` from `core.drift.permuting.assignments`.
    """
    groups = rows.shape[1]
    statistics = np.empty((len(rows), len(names)))
    for place in range(len(names)):
        column = values[:, place]
        grid = np.unique(column)
        if len(grid) > GRID:
            grid = np.unique(np.quantile(column, np.linspace(0.0, 1.0, GRID)))
        below = group_means((column[:, None] <= grid[None]).astype(float), member, groups)
        statistics[:, place] = np.abs(mean_differences(below, rows)).max(axis=1)
    means = group_means(values, member, groups)
    batch, reference = means[rows[0]].mean(axis=0), means[~rows[0]].mean(axis=0)
    known = values[~rows[0][member]]
    spread = np.where(known.std(axis=0) > 1e-9, known.std(axis=0), 1.0)
    found, p = adjusted(statistics)
    return found, tuple(
        Feature(name, float(statistics[0, i]), float(p[i]), float(batch[i]), float(reference[i]), float(change))
        for i, (name, change) in enumerate(zip(names, (batch - reference) / spread, strict=True))
    )


def prior_shift(
    concepts: NDArray[np.floating[Any]],
    member: NDArray[np.integer[Any]],
    names: tuple[str, ...],
    rows: NDArray[np.bool_],
) -> tuple[Verdict, tuple[Feature, ...]]:
    """Label-prior shift: do concepts come as often in the batch as in the reference?

    Each concept's difference of shares is divided by its spread over groups, so that a rare one can be the most
    changed.

    Args:
        concepts: ``[n, C]`` 0 or 1 (or probabilities) of labelled regions.
        member, names, rows: As in `ks_shift`.
    """
    shares = group_means(concepts, member, rows.shape[1])
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
