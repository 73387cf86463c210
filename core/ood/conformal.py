"""Flags with a guarantee: conformal p-values that count groups, not frames.

Frames of one dive resemble each other, so a frame-wise threshold breaks on new dives. Here the group is the
exchangeable unit: hierarchical conformal prediction, Lee, Barber & Willett 2023, arXiv 2306.06342; outlier p-values,
Bates et al. 2023, arXiv 2104.08279. With reference scores ``a_i``, each computed without its own group, and G groups of
``n_g`` regions,

    p(x) = (1 + sum over g of (1/n_g) #{i in g : a_i >= s(x)}) / (G + 1),

where the group of x takes part neither in the sum nor in G. For a random region of a random new group,
P(p <= alpha) <= alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Flags:
    """The verdict on N regions, with what it rests on.

    Attributes:
        p_value: ``[N]`` float64 in (0, 1]; smaller is stranger.
        flagged: ``[N]`` bool, by `flag_rule`.
        flag_rule: ``conformal p<=ALPHA`` or ``percentile PERCENT``, for example ``conformal p<=0.05`` and
            ``percentile 95``; stored with the run and never changed.
        alpha: The false-alarm rate asked for.
        groups: Independent reference groups G.
        regions: Reference regions in them.
        certified: Whether G groups suffice for ``p <= alpha`` on a new group; otherwise `flag_rule` is the percentile.
        smallest_p: ``1 / (G + 1)``, the smallest p a region of a new group can get.
        threshold: A score; a region of a group outside the reference is flagged when its score is larger.
    """

    p_value: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    flag_rule: str
    alpha: float
    groups: int
    regions: int
    certified: bool
    smallest_p: float
    threshold: float


def p_values(
    scores: NDArray[np.floating],
    groups: NDArray[np.integer],
    reference_scores: NDArray[np.floating],
    reference_groups: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Group-weighted conformal p-values of N regions against R calibration regions.

    Args:
        scores: ``[N]``, larger is stranger.
        groups: ``[N]`` integers in the numbering of `reference_groups`.
        reference_scores: ``[R]``, each computed without its own group.
        reference_groups: ``[R]`` integers.

    Returns:
        ``[N]`` float64 in (0, 1]; 1 where no other group is left to compare with. Equal scores count as "at least as
        strange", so ties raise p. O((N + R) log(N + R)) time.
    """
    named, group_of = np.unique(reference_groups, return_inverse=True)
    sizes = np.bincount(group_of, minlength=len(named))
    own = np.searchsorted(named, groups)
    known = np.isin(groups, named)
    # Shares 1/n are kept as integers, so that taking the own group's part away again leaves an exact zero; a float sum
    # would leave 1e-17 and push p = 1/20 above alpha = 0.05. Rounded down by less than 1e-12 in all.
    unit = 1 << (62 - len(named).bit_length())
    share = unit // np.maximum(sizes, 1)

    order = np.argsort(reference_scores, kind="stable")
    above = np.concatenate([np.cumsum(share[group_of[order]][::-1])[::-1], [0]])
    counted = above[np.searchsorted(reference_scores[order], scores, side="left")]
    others = np.full(len(scores), len(named))
    counted[known] -= share[own[known]] * _own_above(
        scores[known], own[known], np.asarray(reference_scores), group_of, sizes
    )
    others[known] -= 1
    result: NDArray[np.float64] = (1.0 + counted / unit) / (others + 1)
    return result


def _own_above(
    scores: NDArray[np.floating],
    own: NDArray[np.intp],
    reference_scores: NDArray[np.floating],
    group_of: NDArray[np.intp],
    sizes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """``[n]``: how many regions of a query's own group score at least as high, by one sort of both together."""
    queries = len(scores)
    group = np.concatenate([own, group_of])
    score = np.concatenate([scores, reference_scores])
    is_reference = np.concatenate([np.zeros(queries, bool), np.ones(len(group_of), bool)])
    # A query sorts before reference regions of the same score, which then are not counted as below it.
    order = np.lexsort((is_reference, score, group))
    below_or_before = np.cumsum(is_reference[order]) - is_reference[order]
    rank = np.empty(len(order), np.int64)
    rank[order] = below_or_before
    begin = np.cumsum(sizes) - sizes
    result: NDArray[np.int64] = sizes[own] - (rank[:queries] - begin[own])
    return result


def percentiles(scores: NDArray[np.floating], reference_scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """``[N]`` in [0, 100]: 100 times the share of reference scores at or below each score; larger is stranger.

    Raises:
        GraphError: there are no reference scores.
    """
    _check_reference(len(reference_scores))
    below = np.searchsorted(np.sort(reference_scores), scores, side="right")
    result: NDArray[np.float64] = 100.0 * below / len(reference_scores)
    return result


def flag(
    scores: NDArray[np.floating],
    groups: NDArray[np.integer] | None,
    reference: NDArray[np.bool_],
    alpha: float = 0.05,
) -> Flags:
    """p-values and flags of a whole run, reference regions included (each judged without its own group).

    Below ``ceil(1/alpha) - 1`` reference groups (19 at 0.05) no p can reach alpha: then the ``1 - alpha`` quantile of
    the reference scores is the threshold, and `Flags.flag_rule` says so.

    Args:
        scores: ``[N]``, larger is stranger, each computed without its own group.
        groups: ``[N]`` integers, or ``None`` when each region is its own group.
        reference: ``[N]`` bool.
        alpha: False-alarm rate, in (0, 1).

    Raises:
        GraphError: no region is reference, or lengths differ.
    """
    reference = np.asarray(reference, bool)
    groups = np.arange(len(scores)) if groups is None else np.asarray(groups)
    if not len(scores) == len(groups) == len(reference):
        raise GraphError(
            f"scores, groups and reference must be of one length, got {len(scores)}, {len(groups)}, {len(reference)}"
        )
    known, known_groups = scores[reference], groups[reference]
    _check_reference(len(known))
    count = len(np.unique(known_groups))
    smallest = 1.0 / (count + 1)
    certified = smallest <= alpha + _ROUNDING
    p = p_values(scores, groups, known, known_groups)
    if certified:
        flagged = p <= alpha + _ROUNDING
        threshold = _conformal_threshold(known, known_groups, alpha)
        rule = f"conformal p<={alpha:g}"
    else:
        rank = int(np.ceil((1.0 - alpha) * len(known) - 1e-9))
        threshold = float(np.sort(known)[max(rank, 1) - 1])
        flagged = scores > threshold
        rule = f"percentile {100.0 * (1.0 - alpha):g}"
    return Flags(p, flagged, rule, alpha, count, len(known), certified, smallest, threshold)


def _conformal_threshold(known: NDArray[np.floating], groups: NDArray[np.integer], alpha: float) -> float:
    """The largest reference score that would not be flagged in a new group; every larger score would be."""
    newcomer = np.full(len(known), groups.max() + 1)
    return float(known[p_values(known, newcomer, known, groups) > alpha + _ROUNDING].max())


def _check_reference(count: int) -> None:
    if count == 0:
        raise GraphError("there is no reference to compare with; choose reference conditions that some region meets")


def rule_in_words(rule: str) -> str:
    """A stored ``flag_rule`` for people, in a few words."""
    kind, _, value = rule.partition(" ")
    if kind == "conformal":
        return f"conformal, {value.replace('<=', ' ≤ ')}"
    return f"above percentile {value} of the reference" if kind == "percentile" else rule


def explain_rule(flags: Flags) -> str:
    """What "flagged" means in this run, in plain sentences for the page, with the number of groups behind it."""
    rate = f"{100.0 * flags.alpha:g} %"
    needed = int(np.ceil(1.0 / flags.alpha - 1e-9)) - 1
    single = flags.groups == flags.regions
    unit, units = ("image", "images") if single else ("group", "groups")
    counted = f"{flags.groups} independent reference {unit if flags.groups == 1 else units}"
    if flags.certified:
        text = (
            f"Flagged means p ≤ {flags.alpha:g}: of a new {unit} with nothing new in it, at most {rate} of the regions "
            f"are flagged, on average over such {units}. This rests on {counted}; "
            f"the smallest possible p is {flags.smallest_p:.2g}."
        )
    else:
        text = (
            f"A false-alarm rate of {rate} cannot be certified with {counted}: at least {needed} are needed, and the "
            f"smallest possible p is {flags.smallest_p:.2g}. Flagged means a score above {flags.flag_rule} of the "
            f"reference ({flags.threshold:.3g}) instead; of a new {unit} with nothing new in it, more than {rate} "
            "may be flagged."
        )
    if single:
        text += (
            " Every reference image counts as independent here: where images come from the same dive or transect, "
            "name that field as the group, or more will be flagged than should be."
        )
    return text
