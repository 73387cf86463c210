"""Do detectors agree? Ranks among the reference, their spread, and how alike two detectors order the regions.

A score says nothing beside another detector's, its rank does: the share of the reference that scores lower. Where the
ranks of a region lie far apart, detectors disagree about it, and none should be believed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError


@dataclass(frozen=True)
class Agreement:
    """What M detectors say together of N regions.

    Attributes:
        ranks: ``[N, M]`` in [0, 1]: share of reference regions that score lower, ties by half; larger is stranger.
        spread: ``[N]`` in [0, 1]: largest less smallest rank; 0 is agreement.
        flagged_by: ``[N]`` int64: how many detectors flag the region.
        correlation: ``[M, M]`` Spearman's rank correlation over the regions judged, in [-1, 1]; NaN where a score is
            the same everywhere.
    """

    ranks: NDArray[np.float64]
    spread: NDArray[np.float64]
    flagged_by: NDArray[np.int64]
    correlation: NDArray[np.float64]


def agreement(
    scores: NDArray[np.floating[Any]],
    flagged: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    judged: NDArray[np.bool_] | None = None,
) -> Agreement:
    """Compare detectors.

    Args:
        scores: ``[N, M]`` finite, larger is stranger.
        flagged: ``[N, M]`` bool.
        reference: ``[N]`` bool.
        judged: ``[N]`` bool, over which the correlation is taken; all regions when ``None``.

    Raises:
        GraphError: there is no reference region, no detector, or shapes differ.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or scores.shape != np.shape(flagged) or len(scores) != len(reference) or not scores.shape[1]:
        raise GraphError(
            f"scores and flags must have one row a region and one column a detector, got shapes {scores.shape} and "
            f"{np.shape(flagged)} for {len(reference)} regions"
        )
    known = scores[np.asarray(reference, bool)]
    if not len(known):
        raise GraphError("ranks are taken among reference regions, and there are none; choose another reference")
    ranks = np.empty(scores.shape)
    for column in range(scores.shape[1]):
        ordered = np.sort(known[:, column])
        below = np.searchsorted(ordered, scores[:, column], "left") + np.searchsorted(
            ordered, scores[:, column], "right"
        )
        ranks[:, column] = below / (2.0 * len(ordered))
    asked = scores if judged is None or not np.any(judged) else scores[np.asarray(judged, bool)]
    return Agreement(
        ranks, np.ptp(ranks, axis=1), np.asarray(flagged, bool).sum(axis=1), _spearman(np.asarray(asked, np.float64))
    )


def _spearman(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    order = np.asarray(rankdata(scores, axis=0))
    order = order - order.mean(axis=0)
    length = np.sqrt((order**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (order.T @ order) / np.outer(length, length)
    return found
