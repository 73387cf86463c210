"""How well a score tells unknown from known: AUROC, sAUC, AUPR and FPR@95TPR with intervals by group.

The contract:
- larger scores are stranger; "unknown" is the positive class; ties count half in AUROC;
- weights may be any non-negative numbers, so that a bootstrap is one sort and one pass per resample; the figures are
  scikit-learn's (`roc_auc_score`, `average_precision_score`, `roc_curve`) to rounding, as the tests hold.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.evaluate.intervals import LEVEL, RESAMPLES, Interval, group_weights, interval_of

_RECALL = 0.95
_CELLS = 1 << 22


@dataclass(frozen=True)
class Separation:
    """How one score separates known from unknown regions.

    Attributes:
        auroc: Chance that an unknown region scores above a known one, in [0, 1]; 0.5 is guessing, larger is better.
        sauc: ``2 AUROC - 1``, in [-1, 1]; 0 is guessing (the first study's figure).
        aupr: Average precision with unknown as positive, in [0, 1]; guessing gives the share of unknown regions.
        fpr95: Share of known regions flagged when 95 % of the unknown ones are, in [0, 1]; smaller is better.
        known, unknown: Regions of each kind.
        known_groups, unknown_groups: Independent groups that hold each kind.
    """

    auroc: Interval
    sauc: Interval
    aupr: Interval
    fpr95: Interval
    known: int
    unknown: int
    known_groups: int
    unknown_groups: int

    def to_json(self) -> dict[str, object]:
        """Plain JSON."""
        return asdict(self) | {name: getattr(self, name).to_json() for name in ("auroc", "sauc", "aupr", "fpr95")}


def separation(
    scores: NDArray[np.floating],
    unknown: NDArray[np.bool_],
    groups: NDArray[np.integer] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Separation:
    """Compare the scores of known and unknown regions.

    Args:
        scores: ``[N]`` finite, larger is stranger.
        unknown: ``[N]`` bool, the truth.
        groups: ``[N]`` integers; ``None`` when each region is its own group.

    Raises:
        SettingsError: lengths differ, a score is not finite, or all regions are of one kind.
    """
    scores, unknown = np.asarray(scores, np.float64), np.asarray(unknown, bool)
    groups = np.arange(len(scores)) if groups is None else np.asarray(groups)
    if not len(scores) == len(unknown) == len(groups):
        raise SettingsError(
            f"scores, truth and groups must be of one length, got {len(scores)}, {len(unknown)}, {len(groups)}"
        )
    if not np.isfinite(scores).all():
        raise SettingsError(
            f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite; leave them out"
        )
    if unknown.all() or not unknown.any():
        kind = "unknown" if unknown.any() else "known"
        raise SettingsError(
            f"all {len(scores)} regions are {kind}: there is nothing to tell apart; choose another truth"
        )
    member = np.unique(groups, return_inverse=True)[1]
    strange = np.bincount(member, weights=unknown) > 0
    familiar = np.bincount(member, weights=~unknown) > 0
    strata = (strange + 2 * familiar)[member]
    here = figures_of(scores, unknown, np.ones((1, len(scores))))[:, 0]
    weights = group_weights(groups, strata, resamples=resamples, seed=seed)
    drawn = figures_of(scores, unknown, weights)
    auroc, sauc, aupr, fpr95 = (interval_of(v, d, len(strange), level) for v, d in zip(here, drawn, strict=True))
    known_count = int((~unknown).sum())
    return Separation(
        auroc, sauc, aupr, fpr95, known_count, len(scores) - known_count, int(familiar.sum()), int(strange.sum())
    )


def auroc_gain(
    scores: NDArray[np.floating],
    baseline: NDArray[np.floating],
    unknown: NDArray[np.bool_],
    groups: NDArray[np.integer],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """AUROC of `scores` less that of `baseline` on the same regions, each resample drawn for both.

    Args and errors are those of `separation`.
    """
    both = [separation(s, unknown, groups, resamples=1, seed=seed).auroc for s in (scores, baseline)]
    member = np.unique(groups, return_inverse=True)[1]
    strange, familiar = np.bincount(member, weights=unknown) > 0, np.bincount(member, weights=~unknown) > 0
    weights = group_weights(groups, (strange + 2 * familiar)[member], resamples=resamples, seed=seed)
    ours, theirs = (_Curve.of(np.asarray(s), unknown).figures(weights)[0] for s in (scores, baseline))
    return interval_of(both[0].value - both[1].value, ours - theirs, both[0].groups, level)


def figures_of(
    scores: NDArray[np.floating], unknown: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``[4, B]`` AUROC, sAUC, AUPR and FPR@95TPR under each of ``[B, N]`` weights; both kinds have some weight in each.

    Args:
        scores: ``[N]`` finite, larger is stranger.
        unknown: ``[N]`` bool, the truth; both kinds.
    """
    curve = _Curve.of(np.asarray(scores, np.float64), np.asarray(unknown, bool))
    step = max(1, _CELLS // len(scores))
    return np.concatenate([curve.figures(weights[i : i + step]) for i in range(0, len(weights), step)], axis=1)


@dataclass(frozen=True)
class _Curve:
    """Items sorted from the strangest down; `ends` are the last items of each run of equal scores."""

    order: NDArray[np.intp]
    unknown: NDArray[np.bool_]
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, scores: NDArray[np.floating], unknown: NDArray[np.bool_]) -> _Curve:
        order = np.argsort(-scores, kind="stable")
        sorted_scores = scores[order]
        ends = np.flatnonzero(np.append(sorted_scores[1:] != sorted_scores[:-1], True))
        return cls(order, unknown[order], ends)

    def figures(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[4, B]``: AUROC, sAUC, AUPR, FPR@95TPR under each of ``[B, N]`` weights; both sides have some weight."""
        sorted_weights = weights[:, self.order]
        hits = np.cumsum(sorted_weights * self.unknown, axis=1)[:, self.ends]
        alarms = np.cumsum(sorted_weights * ~self.unknown, axis=1)[:, self.ends]
        recall, fallout = hits / hits[:, -1:], alarms / alarms[:, -1:]
        gained = np.diff(recall, axis=1, prepend=0.0)
        # An unknown item beats what comes after its run of ties, and half of its own run.
        before = np.concatenate([np.zeros((len(weights), 1)), fallout[:, :-1]], axis=1)
        auroc = (gained * (1.0 - (before + fallout) / 2.0)).sum(axis=1)
        seen = hits + alarms
        precision = np.divide(hits, seen, out=np.ones_like(hits), where=seen > 0)
        aupr = (gained * precision).sum(axis=1)
        reached = np.argmax(recall >= _RECALL - 1e-12, axis=1)
        fpr95 = fallout[np.arange(len(weights)), reached]
        return np.stack([auroc, 2.0 * auroc - 1.0, aupr, fpr95])
