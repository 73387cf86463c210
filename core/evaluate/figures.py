"""Every figure of merit under every resample: overall and concept by concept.

The contract:
- a figure is an array ``[B + 1]`` (concept by concept ``[B + 1, C]``), row 0 on the data as they are;
- only what is known counts, see `core.evaluate.cases`; a figure without anything to count is NaN;
- macro averages are over the concepts that are truly there at least once in the resample; micro averages are over all
  pairs of region and concept.

Sources: `MAP@20` of `core.evaluate.retrieval`; calibration error over bins of equally many pairs, Nixon et al. 2019,
arXiv 1904.01685 (most probabilities of many concepts are near 0, where bins of one width would hide everything); Brier
1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.cases import PRESENT, UNKNOWN, Cases
from core.evaluate.ranking import rank, rank_pairs
from core.evaluate.resampling import Resamples, mean_known, share
from core.evaluate.retrieval import map_at_20
from core.evaluate.separation import figures_of

STUDY_THRESHOLD = 0.1
BINS = 15
_CELLS = 1 << 22
_LEAST = 1e-7
"""Probabilities are taken at least this far from 0 and 1 where their logarithm counts."""


@dataclass(frozen=True)
class Meaning:
    """What a figure is called and which way is good.

    Attributes:
        better: 1 where larger is better, -1 where smaller is.
    """

    title: str
    text: str
    better: int = 1


OVERALL: Mapping[str, Meaning] = {
    "map20": Meaning("MAP@20", "how far up the true concepts stand in each picture's list"),
    "sauc": Meaning("sAUC", "how well the OOD score tells strange from familiar; 0 is guessing"),
    "final": Meaning("MAP@20 and sAUC, their mean", "the figure that the FathomNet competition ranks by"),
    "auroc": Meaning("AUROC of the OOD score", "chance that a strange picture scores above a familiar one"),
    "aupr": Meaning("AUPR of the OOD score", "average precision of the OOD score"),
    "fpr95": Meaning("FPR@95TPR of the OOD score", "familiar pictures flagged when 95 % of the strange are", -1),
    "accuracy": Meaning("Accuracy", "pictures whose most probable concept is the true one"),
    "accuracy_multi": Meaning("Accuracy over all labels", "share of right yes and no, at the model's thresholds"),
    "accuracy_multi_study": Meaning("Accuracy over all labels at 0.1", "the same at the first study's threshold"),
    "weighted_accuracy": Meaning("Weighted accuracy", "the same with every concept, there or not, weighing alike"),
    "precision_micro": Meaning("Precision, micro", "of all that the model says, how much is true"),
    "recall_micro": Meaning("Recall, micro", "of all that is there, how much the model says"),
    "f1_micro": Meaning("F1, micro", "precision and recall in one"),
    "ap_micro": Meaning("Average precision, micro", "all pairs of picture and concept in one ranking"),
    "precision_macro": Meaning("Precision, macro", "mean over concepts"),
    "recall_macro": Meaning("Recall, macro", "mean over concepts"),
    "f1_macro": Meaning("F1, macro", "mean over concepts"),
    "ap_macro": Meaning("Average precision, macro", "mean over concepts, however rare"),
    "cross_entropy": Meaning("Cross-entropy", "how surprised the probabilities are by the truth, in nats", -1),
    "brier": Meaning("Brier score", "mean squared distance of probability and truth", -1),
    "ece": Meaning("Calibration error (ECE)", "how far probabilities lie from what comes true", -1),
    "ece_raw": Meaning("Calibration error before calibration", "the same of the raw probabilities", -1),
}
"""Figures of a whole evaluation, in the order to show them."""

CONCEPT: Mapping[str, Meaning] = {
    "precision": Meaning("precision", "of what the model says, how much is true"),
    "recall": Meaning("recall", "of what is there, how much the model says"),
    "f1": Meaning("F1", "precision and recall in one"),
    "ap": Meaning("AP", "average precision: how well the concept's pictures come first"),
    "auroc": Meaning("AUROC", "chance that a picture with the concept has a higher probability than one without"),
}
"""Figures of one concept."""

Figures = dict[str, NDArray[np.float64]]


def draw_for(cases: Cases, *, resamples: int, seed: int = 0) -> Resamples:
    """The resamples that fit the cases: neither side of the OOD truth is ever missing.

    Raises:
        SettingsError: there is no region.
    """
    kinds = None
    if cases.outside is not None and cases.ood is not None:
        kinds = np.where(np.isfinite(cases.ood), cases.outside, UNKNOWN)
    return Resamples.draw(cases.groups, kinds, resamples=resamples, seed=seed)


def overall(cases: Cases, resamples: Resamples) -> Figures:
    """The figures of `OVERALL` that these cases have, by key."""
    exact = cases.columns(cases.judged)
    found: Figures = {}
    if cases.ranked.any():
        found["map20"] = _map20(cases, resamples)
    found |= _separation(cases, resamples)
    if "sauc" in found and "map20" in found:
        found["final"] = (found["map20"] + found["sauc"]) / 2
    if exact.concepts and (exact.truth != UNKNOWN).any():
        found |= _accuracies(exact, resamples)
        found |= _averages(exact, resamples)
        found |= _probabilistic(exact, resamples)
    return {key: found[key] for key in OVERALL if key in found}


def by_concept(cases: Cases, resamples: Resamples) -> Figures:
    """The figures of `CONCEPT`, ``[B + 1, C]`` for all columns of the cases."""
    found = _counted(_table(cases, resamples))
    ranked = [_column(cases, place, resamples) for place in range(len(cases.concepts))]
    none = np.empty((len(resamples.weights), 0))
    found["ap"] = np.stack([one[0] for one in ranked], axis=1) if ranked else none
    found["auroc"] = np.stack([one[1] for one in ranked], axis=1) if ranked else none
    return found


def image_precision(cases: Cases) -> NDArray[np.float64]:
    """``[N]`` average precision of each region's list of exact concepts, NaN without a true one.

    A region's truth holds concepts that the model does not know; its list holds the known ones, surest first, ties by
    column. Concepts whose truth is unknown for the region are in neither.
    """
    columns = np.flatnonzero(cases.ranked)
    truth = (cases.truth if cases.stated is None else cases.stated)[:, columns]
    known = cases.known[columns]
    order = np.argsort(-cases.probabilities[:, columns], axis=1, kind="stable")
    wanted = [set(np.flatnonzero(row == PRESENT).tolist()) for row in truth]
    listed = [
        [int(c) for c in ranking if known[c] and row[c] != UNKNOWN] for ranking, row in zip(order, truth, strict=True)
    ]
    found = map_at_20(wanted, listed)
    values = np.full(cases.count, np.nan)
    values[found.counted] = found.per_image
    return values


def calibration_error(
    probabilities: NDArray[np.floating], truth: NDArray[np.int8], resamples: Resamples
) -> NDArray[np.float64]:
    """``[B + 1]``: share-weighted gap of probability and truth over `BINS` bins of equally many pairs.

    Args:
        probabilities, truth: ``[N, C]``.
    """
    values = np.asarray(probabilities, np.float64)[truth != UNKNOWN]
    places = np.empty(len(values), np.int64)
    for place, part in enumerate(np.array_split(np.argsort(values, kind="stable"), min(BINS, max(1, len(values))))):
        places[part] = place
    number, probability, true = np.moveaxis(_binned(values, places, truth, resamples), 1, 0)
    return share(np.abs(probability - true).sum(axis=1), number.sum(axis=1))


def reliability_bins(
    probabilities: NDArray[np.floating], truth: NDArray[np.int8], resamples: Resamples
) -> NDArray[np.float64]:
    """``[B + 1, 3, BINS]``: pairs, sum of probabilities and sum of truth in each bin of `bin_of`."""
    values = np.asarray(probabilities, np.float64)[truth != UNKNOWN]
    return _binned(values, bin_of(values), truth, resamples)


def bin_of(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """The bin of one width of each probability; a bin holds its upper edge, the first one 0 too."""
    return np.clip(np.ceil(np.asarray(values, np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _binned(
    values: NDArray[np.float64], places: NDArray[np.int64], truth: NDArray[np.int8], resamples: Resamples
) -> NDArray[np.float64]:
    """``[B + 1, 3, BINS]`` of pairs in the order of the known cells of `truth`."""
    regions, columns = np.nonzero(truth != UNKNOWN)
    among = Resamples(resamples.weights, resamples.member[regions], resamples.level)
    true = (truth[regions, columns] == PRESENT).astype(np.float64)
    return np.stack([among.counts(places, part, BINS) for part in (np.ones_like(values), values, true)], axis=1)


def _map20(cases: Cases, resamples: Resamples) -> NDArray[np.float64]:
    values = image_precision(cases)
    counted = np.isfinite(values)
    return share(resamples.sums(np.where(counted, values, 0.0)), resamples.sums(counted))


def _separation(cases: Cases, resamples: Resamples) -> Figures:
    if cases.ood is None or cases.outside is None:
        return {}
    kept = np.isfinite(cases.ood) & (cases.outside != UNKNOWN)
    strange = cases.outside[kept] == PRESENT
    if strange.all() or not strange.any():
        return {}
    member, step = resamples.member[kept], max(1, _CELLS // int(kept.sum()))
    parts = [resamples.weights[i : i + step] for i in range(0, len(resamples.weights), step)]
    table = np.concatenate([figures_of(cases.ood[kept], strange, part[:, member]) for part in parts], axis=1)
    return dict(zip(("auroc", "sauc", "aupr", "fpr95"), table, strict=True))


def _table(cases: Cases, resamples: Resamples) -> Figures:
    """``[B + 1, C]`` hits, misses, false alarms and right silences."""
    said, known = cases.said(), cases.truth != UNKNOWN
    true = cases.truth == PRESENT
    return {
        "hits": resamples.sums(said & true),
        "misses": resamples.sums(~said & true),
        "alarms": resamples.sums(said & ~true & known),
        "silences": resamples.sums(~said & ~true & known),
    }


def _counted(table: Figures) -> Figures:
    """Precision, recall and F1 of counts. What is never said has precision 0 where it is there, none elsewhere."""
    hits, misses, alarms = table["hits"], table["misses"], table["alarms"]
    said, true = hits + alarms, hits + misses
    precision = np.where((said == 0) & (true > 0), 0.0, share(hits, said))
    return {"precision": precision, "recall": share(hits, true), "f1": share(2 * hits, said + true)}


def _accuracies(exact: Cases, resamples: Resamples) -> Figures:
    known, true = exact.truth != UNKNOWN, exact.truth == PRESENT
    right = known & (exact.said() == true)
    study = known & ((exact.probabilities >= STUDY_THRESHOLD) == true)
    pairs = resamples.sums(known.sum(axis=1).astype(np.float64))
    found = {
        "accuracy_multi": share(resamples.sums(right.sum(axis=1).astype(np.float64)), pairs),
        "accuracy_multi_study": share(resamples.sums(study.sum(axis=1).astype(np.float64)), pairs),
    }
    table = _table(exact, resamples)
    recall = share(table["hits"], table["hits"] + table["misses"])
    if exact.exclusive:
        one = true.any(axis=1)
        hit = (exact.said() & true).any(axis=1)
        # Weights by inverse frequency of the one true concept: its mean recall.
        return {
            "accuracy": share(resamples.sums(hit & one), resamples.sums(one)),
            "weighted_accuracy": mean_known(recall),
        }
    silence = share(table["silences"], table["silences"] + table["alarms"])
    return found | {"weighted_accuracy": mean_known((recall + silence) / 2)}


def _averages(exact: Cases, resamples: Resamples) -> Figures:
    each = by_concept(exact, resamples)
    there = np.isfinite(each["recall"])
    found = {f"{key}_macro": mean_known(np.where(there, each[key], np.nan)) for key in ("precision", "recall", "f1")}
    found["ap_macro"] = mean_known(each["ap"])
    table = {key: counts.sum(axis=1) for key, counts in _table(exact, resamples).items()}
    found |= {f"{key}_micro": value for key, value in _counted(table).items()}
    regions, columns = np.nonzero(exact.truth != UNKNOWN)
    pairs = exact.probabilities[regions, columns], exact.truth[regions, columns] == PRESENT
    found["ap_micro"] = rank_pairs(*pairs, resamples, regions).ap
    return found


def _probabilistic(exact: Cases, resamples: Resamples) -> Figures:
    known, true = exact.truth != UNKNOWN, (exact.truth == PRESENT).astype(np.float64)
    values = np.asarray(exact.probabilities, np.float64)
    safe = np.clip(values, _LEAST, 1 - _LEAST)
    if exact.exclusive:
        known = known & true.any(axis=1, keepdims=True)
        surprise = -(true * np.log(safe)).sum(axis=1)
        squared = (((values - true) ** 2) * known).sum(axis=1)
        number = resamples.sums(true.any(axis=1))
        surprise = np.where(true.any(axis=1), surprise, 0.0)
    else:
        surprise = (-(true * np.log(safe) + (1 - true) * np.log1p(-safe)) * known).sum(axis=1)
        squared = (((values - true) ** 2) * known).sum(axis=1)
        number = resamples.sums(known.sum(axis=1).astype(np.float64))
    found = {
        "cross_entropy": share(resamples.sums(surprise), number),
        "brier": share(resamples.sums(squared), number),
        "ece": calibration_error(values, exact.truth, resamples),
    }
    if exact.raw is not None:
        found["ece_raw"] = calibration_error(exact.raw, exact.truth, resamples)
    return found


def _column(cases: Cases, place: int, resamples: Resamples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = cases.truth[:, place] != UNKNOWN
    none = np.full(len(resamples.weights), np.nan)
    if not known.any() or not cases.known[place]:
        return none, none
    among = Resamples(resamples.weights, resamples.member[known], resamples.level)
    found = rank(cases.probabilities[known, place], cases.truth[known, place] == PRESENT, among)
    return found.ap, found.auroc
