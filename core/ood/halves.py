"""Detectors in a run: fitted on one half of the reference groups, calibrated on the other.

A detector that estimates a density or a covariance scores what it was fitted on too low, so calibrating on the same
regions would flag more than promised. Every region is therefore scored by the fit that saw nothing of its group:
regions of groups in the first half by the fit on the second, all others, new groups among them, by the fit on the
first; and its p-value counts the half that its fit did not see (`core.ood.conformal`; split conformal prediction).

A classifier is surer of what it was trained on, so a detector that reads its logits is calibrated on the reference
groups that served nothing while the classifier was made; what it estimates besides is fitted on those that served.
Where all served there is nothing to calibrate on, and no rate is certified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.vectors import Vectors
from core.ood.conformal import Flags, explain_rule, flag
from core.ood.detector import Detector, Logits, Scores, group_numbers


def half_of_groups(groups: NDArray[np.integer[Any]], seed: int = 0) -> NDArray[np.bool_]:
    """``[N]`` bool: which rows lie in the first half of the groups.

    Groups are sorted from the largest down, equals in a seeded order, and dealt out in turns: the halves differ by at
    most one group and by little in regions.

    Raises:
        GraphError: there are fewer than two groups.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise GraphError(
            "a detector is fitted on half of the reference's groups and calibrated on the other half, but the whole "
            "reference is one group; choose a reference of two or more groups"
        )
    order = np.lexsort((np.random.default_rng(seed).permutation(len(sizes)), -sizes))
    first = np.zeros(len(sizes), bool)
    first[order[1::2]] = True  # the second half, on which targets are judged, gets the odd group
    halves: NDArray[np.bool_] = first[member.reshape(-1)]
    return halves


@dataclass(frozen=True)
class Detected:
    """What a detector says of N regions.

    Attributes:
        name: The detector's.
        score: ``[N]`` float64, larger is stranger; comparable between regions outside the reference. Of a halved
            detector the two halves of the reference have a fit each.
        p_value: ``[N]`` float64 in (0, 1].
        flagged: ``[N]`` bool.
        facts: As a run's manifest has them: ``flag_rule, alpha, groups, certified, smallest_p, threshold, sentence``.
    """

    name: str
    score: Scores
    p_value: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    facts: Mapping[str, Any]


def detect(
    detector: Detector,
    embeddings: Vectors,
    reference: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]] | None = None,
    *,
    alpha: float = 0.05,
    logits: Logits | None = None,
    served: NDArray[np.bool_] | None = None,
    seed: int = 0,
    counted: NDArray[np.bool_] | None = None,
) -> Detected:
    """Score, p-value and flag of every region.

    Args:
        embeddings: ``[N, D]`` floating, any length.
        reference: ``[N]`` bool.
        groups: ``[N]`` integers; ``None``: each region its own group.
        logits: ``[N, C]``, where the detector reads them.
        served: ``[N]`` bool, regions of groups that the classifier behind the logits was made with; ``None``: none.
        seed: Of the halving.
        counted: ``[N]`` bool, the part of the reference that p-values count; the rest is fitted on alone. All of it by
            default.

    Raises:
        EmbeddingError: a row is zero or not finite, or lengths differ.
        GraphError: there is no reference, it is one group, or it does not suffice for this detector.
    """
    reference = np.asarray(reference, bool)
    counted = reference if counted is None else reference & np.asarray(counted, bool)
    own = group_numbers(groups, len(embeddings))
    if not counted.any():
        raise GraphError("there is no reference to compare with; choose reference conditions that some region meets")
    if detector.needs_logits and served is not None and (served & reference).any():
        return _beside_classifier(detector, embeddings, reference, own, alpha, logits, served, counted)
    if not detector.halved:
        fitted = detector.fit(embeddings[reference], _some(logits, reference), own[reference])
        flags = flag(scores := fitted.score(embeddings, logits), own, counted, alpha)
        return _detected(detector, scores, flags.p_value, flags.flagged, flags, explain_rule(flags))
    first = _first_half(own, reference, counted, seed)
    scores, p, flagged = np.empty(len(own)), np.empty(len(own)), np.zeros(len(own), bool)
    judged: list[tuple[NDArray[np.bool_], Flags]] = []
    for learn, judge in ((reference & ~first, first), (reference & first, ~first)):
        fitted = detector.fit(embeddings[learn], _some(logits, learn), own[learn])
        scores[judge] = fitted.score(embeddings[judge], _some(logits, judge))
        judged.append((judge, flag(scores[judge], own[judge], counted[judge], alpha)))
    if not all(flags.certified for _, flags in judged):
        judged = [(judge, _by_percentile(flags, scores[judge], counted[judge])) for judge, flags in judged]
    for judge, flags in judged:
        p[judge], flagged[judge] = flags.p_value, flags.flagged
    flags = judged[-1][1]
    total = sum(flags.groups for _, flags in judged)
    return _detected(detector, scores, p, flagged, flags, _explained(detector, flags, total))


def _first_half(
    own: NDArray[np.int64], reference: NDArray[np.bool_], counted: NDArray[np.bool_], seed: int
) -> NDArray[np.bool_]:
    """``[N]`` bool: rows of the first half's groups; groups that only teach are dealt out for themselves, so that as
    many groups are counted on either side as without them."""
    first_half = np.zeros(len(own), bool)
    first_half[counted] = half_of_groups(own[counted], seed)
    teaching = reference & ~np.isin(own, own[counted])
    if len(np.unique(own[teaching])) > 1:
        first_half[teaching] = half_of_groups(own[teaching], seed)
    else:
        first_half |= teaching
    first: NDArray[np.bool_] = np.isin(own, own[first_half])
    return first


def _beside_classifier(
    detector: Detector,
    embeddings: Vectors,
    reference: NDArray[np.bool_],
    groups: NDArray[np.int64],
    alpha: float,
    logits: Logits | None,
    served: NDArray[np.bool_],
    counted: NDArray[np.bool_],
) -> Detected:
    """Fitted on the reference that served the classifier, calibrated on the rest of it."""
    learn, judge = reference & served, counted & ~served
    fitted = detector.fit(embeddings[learn], _some(logits, learn), groups[learn])
    scores = fitted.score(embeddings, logits)
    total, left = len(np.unique(groups[counted])), len(np.unique(groups[judge]))
    if left:
        flags = flag(scores, groups, judge, alpha)
        said = (
            f"{explain_rule(flags)} Of the {total} reference groups {total - left} served to make the classifier that "
            f"the {detector.title} reads, so it was calibrated on the other {left}."
        )
        return _detected(detector, scores, flags.p_value, flags.flagged, flags, said)
    flags = _by_percentile(flag(scores, groups, counted, alpha), scores, counted)
    said = (
        f"No false-alarm rate can be certified: all {total} reference groups served to make the classifier that the "
        f"{detector.title} reads, and it is surer of those than of anything new. Flagged means a score above "
        f"{flags.flag_rule} of the reference ({flags.threshold:.3g}); expect more false alarms than {100 * alpha:g} %. "
        "Train with more groups kept apart to calibrate on them."
    )
    return _detected(detector, scores, flags.p_value, flags.flagged, flags, said)


def _some(logits: Logits | None, rows: NDArray[np.bool_]) -> Logits | None:
    return None if logits is None else logits[rows]


def _by_percentile(flags: Flags, scores: Scores, reference: NDArray[np.bool_]) -> Flags:
    """The same region's flags without a guarantee, as `core.ood.conformal.flag` gives them below its limit."""
    known = np.sort(scores[reference])
    threshold = float(known[max(int(np.ceil((1.0 - flags.alpha) * len(known) - 1e-9)), 1) - 1])
    rule = f"percentile {100.0 * (1.0 - flags.alpha):g}"
    return replace(flags, flagged=scores > threshold, flag_rule=rule, certified=False, threshold=threshold)


def _explained(detector: Detector, flags: Flags, total: int) -> str:
    needed = 2 * (int(np.ceil(1.0 / flags.alpha - 1e-9)) - 1)
    return (
        f"{explain_rule(flags)} The {detector.title} was fitted on one half of the {total} reference groups and "
        f"calibrated on the other half, so {needed} reference groups are needed for a certified rate of "
        f"{100.0 * flags.alpha:g} %."
    )


def _detected(
    detector: Detector,
    scores: Scores,
    p_value: NDArray[np.float64],
    flagged: NDArray[np.bool_],
    flags: Flags,
    sentence: str,
) -> Detected:
    facts = {
        "flag_rule": flags.flag_rule,
        "alpha": flags.alpha,
        "groups": flags.groups,
        "certified": flags.certified,
        "smallest_p": flags.smallest_p,
        "threshold": flags.threshold if np.isfinite(flags.threshold) else None,
        "halved": detector.halved,
        "sentence": sentence,
    }
    return Detected(detector.name, scores, p_value, flagged, facts)
