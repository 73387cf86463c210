"""From which probability on a concept is said to be there: one threshold a concept, chosen on validation examples.

The contract: a threshold lies in (0, 1]; where validation shows too little of a concept to choose, it gets the one
threshold that is best over all concepts together, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

ThresholdRule = Literal["best-f1", "precision", "global", "study"]
STUDY = 0.1
"""The FathomNet study's threshold for every concept."""
FEWEST = 3
"""Validation examples with the concept below which none is chosen for it."""


@dataclass(frozen=True)
class Thresholds:
    """One threshold a concept.

    Attributes:
        values: ``[C]`` float32 in (0, 1].
        shared: ``[C]`` bool: concepts that got the common threshold for want of examples.
        common: The best one threshold for all concepts.
    """

    values: NDArray[np.float32]
    shared: NDArray[np.bool_]
    common: float


def choose_thresholds(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rule: ThresholdRule,
    *,
    precision: float = 0.9,
) -> Thresholds:
    """Thresholds by a rule.

    Args:
        probabilities: ``[N, C]`` of validation examples.
        targets, known: ``[N, C]`` bool.
        rule: ``best-f1`` of each concept; ``precision``: the lowest threshold of each whose precision reaches the wish
            (1 where none does); ``global``: one with the best micro-averaged F1; ``study``: 0.1.

    Raises:
        SettingsError: the rule is unknown or the wished precision outside (0, 1].
    """
    if rule not in ("best-f1", "precision", "global", "study"):
        raise SettingsError(f"thresholds are chosen by best-f1, precision, global or study, got {rule!r}")
    if not 0.0 < precision <= 1.0:
        raise SettingsError(f"a wished precision is in (0, 1], got {precision}")
    count = probabilities.shape[1]
    p = np.asarray(probabilities, np.float64)
    if rule == "study":
        return Thresholds(np.full(count, STUDY, np.float32), np.zeros(count, bool), STUDY)
    common = best_f1(p[known], targets[known]) if (targets & known).any() else 0.5
    values = np.full(count, common)
    shared = np.ones(count, bool)
    if rule == "global":
        return Thresholds(values.astype(np.float32), np.zeros(count, bool), float(common))
    for column in range(count):
        rows = known[:, column]
        if targets[rows, column].sum() < FEWEST:
            continue
        shared[column] = False
        of = p[rows, column], targets[rows, column]
        values[column] = best_f1(*of) if rule == "best-f1" else lowest_with_precision(*of, precision)
    return Thresholds(values.astype(np.float32), shared, float(common))


def best_f1(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The threshold with the largest F1, half way to the next lower probability; the larger of equals."""
    p, tp, said = _sweep(probabilities, truth)
    f1 = 2 * tp / (said + truth.sum())
    return _between(p, int(np.argmax(f1)))


def lowest_with_precision(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], wish: float) -> float:
    """The lowest threshold at which precision reaches the wish; 1.0 where none does."""
    p, tp, said = _sweep(probabilities, truth)
    good = np.flatnonzero(tp / said >= wish)
    return _between(p, int(good[-1])) if len(good) else 1.0


def _sweep(
    probabilities: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Distinct probabilities downwards, and what saying yes from each on brings: true and all positives."""
    order = np.argsort(-probabilities, kind="stable")
    p, y = probabilities[order], truth[order].astype(np.float64)
    last = np.append(p[1:] != p[:-1], True)
    said: NDArray[np.float64] = np.flatnonzero(last).astype(np.float64) + 1.0
    return p[last], np.cumsum(y)[last], said


def _between(p: NDArray[np.float64], place: int) -> float:
    below = p[place + 1] if place + 1 < len(p) else 0.0
    return float(np.clip((p[place] + below) / 2, 1e-6, 1.0))
