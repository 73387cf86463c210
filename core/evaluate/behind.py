"""The regions behind a figure, worst first, and what is to be written under their pictures."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluate.cases import ABSENT, PRESENT, UNKNOWN, Cases
from core.evaluate.figures import bin_of, image_precision
from core.evaluate.resampling import share

Outcome = Literal["hits", "misses", "false alarms", "all that show it"]
OUTCOMES: tuple[Outcome, ...] = ("misses", "false alarms", "hits", "all that show it")


def surprise(cases: Cases, concept: str = "") -> NDArray[np.float64]:
    """``[N]`` how wrong the model is about each region: mean cross-entropy of its exact concepts, NaN if unknown.

    Args:
        concept: Of this one alone, of whatever level.
    """
    exact = cases.columns(np.array([cases.concepts.index(concept)]) if concept else cases.ranked)
    known = exact.truth != UNKNOWN
    values = np.clip(np.where(exact.known, exact.probabilities, 0.0).astype(np.float64), 1e-7, 1 - 1e-7)
    loss = np.where(exact.truth == PRESENT, -np.log(values), -np.log1p(-values)) * known
    return share(loss.sum(axis=1), known.sum(axis=1))


def worst_first(cases: Cases) -> NDArray[np.int64]:
    """All regions with a known truth: worst average precision first, then the most surprising; ties by row."""
    precision, wrong = image_precision(cases), surprise(cases)
    # Regions without a true concept have no average precision; they stand where a false alarm puts them.
    said = (cases.said() & cases.ranked).any(axis=1)
    place = np.where(np.isfinite(precision), precision, np.where(said, 0.0, 1.0))
    order = np.lexsort((-np.nan_to_num(wrong), place))
    chosen: NDArray[np.int64] = order[np.isfinite(wrong[order])]
    return chosen


def worse_first(first: Cases, second: Cases, concept: str = "") -> NDArray[np.int64]:
    """Rows of `first` that it is more wrong about than `second` is about the same region, largest difference first.

    Args:
        concept: Judged by this one alone; by all exact ones if left out, or where one of the two lacks it.
    """
    name = concept if concept in first.concepts and concept in second.concepts else ""
    _, here, there = np.intersect1d(first.keys, second.keys, return_indices=True)
    gap = np.nan_to_num(surprise(first, name)[here] - surprise(second, name)[there], nan=-np.inf)
    order = np.argsort(-gap, kind="stable")
    return np.asarray(here[order][gap[order] > 0], dtype=np.int64)


def of_concept(cases: Cases, concept: str, outcome: Outcome) -> NDArray[np.int64]:
    """Regions behind a concept's counts; the most convinced first, for misses the least."""
    place = cases.concepts.index(concept)
    said, truth = cases.said()[:, place], cases.truth[:, place]
    chosen = {
        "hits": said & (truth == PRESENT),
        "misses": ~said & (truth == PRESENT),
        "false alarms": said & (truth == ABSENT),
        "all that show it": truth == PRESENT,
    }[outcome]
    rows = np.flatnonzero(chosen)
    surest = cases.probabilities[rows, place]
    return rows[np.argsort(surest if outcome == "misses" else -surest, kind="stable")]


def of_bin(cases: Cases, place: int, *, calibrated: bool = True) -> NDArray[np.int64]:
    """Regions with an exact concept whose probability falls into a bin of the reliability curve."""
    exact = cases.columns(cases.judged)
    values = exact.probabilities if calibrated or exact.raw is None else exact.raw
    return np.flatnonzero(((bin_of(values) == place) & (exact.truth != UNKNOWN)).any(axis=1))


def of_stratum(cases: Cases, stratum: str, value: str) -> NDArray[np.int64]:
    """Regions of one depth band, site or camera, worst first."""
    order = worst_first(cases)
    chosen: NDArray[np.int64] = order[(cases.strata[stratum] == value)[order]]
    return chosen


def truth_line(cases: Cases, row: int, most: int = 3) -> str:
    """What is there: ``true: crab, urchin``."""
    return truth_lines(cases, np.array([row]), most)[0]


def truth_lines(cases: Cases, rows: NDArray[np.integer], most: int = 3) -> list[str]:
    """`truth_line` of each of some regions."""
    exact = cases.rows(rows).columns(cases.ranked)
    lines = []
    for truth in exact.truth:
        there = [exact.concepts[place] for place in np.flatnonzero(truth == PRESENT)]
        nothing = "true: nothing" if bool((truth != UNKNOWN).any()) else "true: not known"
        lines.append(f"true: {_listed(there, most)}" if there else nothing)
    return lines


def said_line(cases: Cases, row: int, most: int = 3) -> str:
    """What the model says: ``said: crab 0.91, sea pen 0.40``; the best guess where nothing reaches its threshold."""
    return said_lines(cases, np.array([row]), most)[0]


def said_lines(cases: Cases, rows: NDArray[np.integer], most: int = 3) -> list[str]:
    """`said_line` of each of some regions."""
    exact = cases.rows(rows).columns(cases.judged)
    both = zip(exact.probabilities, exact.said(), strict=True)
    return [said_words(probabilities, said, exact.concepts, most) for probabilities, said in both]


def said_words(
    probabilities: NDArray[np.floating],
    said: NDArray[np.bool_],
    concepts: tuple[str, ...],
    most: int = 3,
    spread: NDArray[np.floating] | None = None,
) -> str:
    """One region's prediction in words, surest first.

    Args:
        probabilities, said: ``[C]``.
        spread: ``[C]``, how far an ensemble's members lie apart: ``crab 0.91 ± 0.04``.
    """
    order = np.argsort(-probabilities, kind="stable")
    apart = [""] * len(order) if spread is None else [f" ± {value:.2f}" for value in spread]
    there = [f"{concepts[place]} {probabilities[place]:.2f}{apart[place]}" for place in order if said[place]]
    if there:
        return f"said: {_listed(there, most)}"
    if not len(order):
        return "said: nothing"
    return f"said: nothing; nearest {concepts[order[0]]} {probabilities[order[0]]:.2f}"


def _listed(names: list[str], most: int) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
