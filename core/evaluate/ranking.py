"""Average precision and AUROC under resampling: one table of steps, then one product a resample.

Between two positives it does not matter how the negatives are ordered, only how many they are: scores are cut into
steps at the positives, which is exact. Values are scikit-learn's to rounding, as the tests hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.resampling import Resamples, share

_STEPS = 1500
"""Most steps at positives; more common concepts are cut at evenly spaced positives, the value itself stays exact."""


@dataclass(frozen=True)
class Ranked:
    """How well scores put positives first, each ``[B + 1]``; NaN where a resample lacks a kind.

    Attributes:
        ap: Average precision in [0, 1]; guessing gives the share of positives.
        auroc: Chance that a positive scores above a negative, in [0, 1]; ties count half.
    """

    ap: NDArray[np.float64]
    auroc: NDArray[np.float64]


def rank(scores: NDArray[np.floating], positive: NDArray[np.bool_], resamples: Resamples) -> Ranked:
    """Rank scores, the larger the surer.

    Args:
        scores: ``[N]`` finite.
        positive: ``[N]`` bool.
        resamples: Of the same N regions; several scores of a region (micro averages) come as `rank_pairs`.
    """
    return rank_pairs(scores, positive, resamples, np.arange(len(scores)))


def rank_pairs(
    scores: NDArray[np.floating],
    positive: NDArray[np.bool_],
    resamples: Resamples,
    regions: NDArray[np.integer],
) -> Ranked:
    """As `rank` for ``[M]`` scores, each of the region that `regions` names."""
    none = np.full(len(resamples.weights), np.nan)
    if not positive.any():
        return Ranked(none, none.copy())
    scores = np.asarray(scores, np.float64)
    steps = np.unique(scores[positive])
    exact = len(steps) <= _STEPS
    if not exact:
        steps = np.unique(np.quantile(steps, np.linspace(0, 1, _STEPS)))
    # Ascending places: 2k + 1 on step k, 2k between the steps k - 1 and k; turned round, so that the surest come first.
    below = np.searchsorted(steps, scores, side="left")
    on = below < len(steps)
    on[on] = steps[below[on]] == scores[on]
    last = 2 * len(steps)
    place = last - (2 * below + on)
    among = Resamples(resamples.weights, resamples.member[regions], resamples.level)
    hits = np.cumsum(among.counts(place, positive.astype(np.float64), last + 1), axis=1)
    alarms = np.cumsum(among.counts(place, (~positive).astype(np.float64), last + 1), axis=1)
    recall, fallout = share(hits, hits[:, -1:]), share(alarms, alarms[:, -1:])
    gained = np.diff(recall, axis=1, prepend=0.0)
    before = np.concatenate([np.zeros((len(fallout), 1)), fallout[:, :-1]], axis=1)
    seen = hits + alarms
    precision = np.divide(hits, seen, out=np.ones_like(hits), where=seen > 0)
    ap, auroc = (gained * precision).sum(axis=1), (gained * (1.0 - (before + fallout) / 2.0)).sum(axis=1)
    if not exact:
        ap[0], auroc[0] = _exact(scores, positive)
    return Ranked(ap, auroc)


def _exact(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    one_kind = bool(positive.all())
    return float(average_precision_score(positive, scores)), (
        float("nan") if one_kind else float(roc_auc_score(positive, scores))
    )
