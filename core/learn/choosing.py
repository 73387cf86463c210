"""What validation decides: calibration, thresholds, and the figures that stand in the model's facts.

The contract: only validation groups are looked at; whether calibration helps is measured by fitting it on half of them
and looking at the other half; what does not help, beyond what other groups could have shown by chance, is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluate.cases import ABSENT, PRESENT, UNKNOWN
from core.evaluate.figures import calibration_error
from core.evaluate.intervals import Interval
from core.evaluate.resampling import Resamples
from core.learn.calibration import (
    Calibration,
    CalibrationMethod,
    cross_fitted,
    expected_calibration_error,
    fit_calibration,
    reliability,
)
from core.learn.heads import HeadSpec
from core.learn.labels import LabelTree
from core.learn.thresholds import ThresholdRule, Thresholds, choose_thresholds

DRAWS = 300
"""Resamples of groups behind the gain of calibration."""


@dataclass(frozen=True)
class Chosen:
    """What validation decided.

    Attributes:
        facts: ``ece_before``, ``ece_after`` (measured on groups that the map was not fitted on; ``None`` where they
            could not be), ``kept`` (the method used) and ``sentence``.
        figures: Validation figures by name.
    """

    calibration: Calibration
    thresholds: Thresholds
    facts: dict[str, Any]
    figures: dict[str, Any]


def choose(
    logits: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    groups: NDArray[np.integer],
    heads: Sequence[HeadSpec],
    tree: LabelTree,
    *,
    calibration: CalibrationMethod | Literal["auto"],
    rule: ThresholdRule,
    precision: float,
    seed: int = 0,
) -> Chosen:
    """Calibration and thresholds from the logits ``[N, C]`` of validation examples."""
    raw = Calibration().apply(logits, heads, tree)
    before = expected_calibration_error(raw, targets, known)
    wished: list[CalibrationMethod] = ["temperature", "isotonic"] if calibration == "auto" else [calibration]
    after: dict[CalibrationMethod, float] = {}
    unseen: dict[CalibrationMethod, NDArray[np.float32]] = {}
    for method in wished:
        p = None if method == "none" else cross_fitted(logits, targets, known, groups, heads, tree, method, seed=seed)
        if p is not None:
            unseen[method], after[method] = p, expected_calibration_error(p, targets, known)
    best: CalibrationMethod = min(after, key=lambda name: after[name]) if after else "none"
    gain = _gain(raw, unseen[best], targets, known, groups, seed) if after else None
    kept: CalibrationMethod = best if gain is not None and gain.low > 0 else "none"
    fitted = fit_calibration(logits, targets, known, heads, tree, kept)
    probabilities = fitted.apply(logits, heads, tree)
    thresholds = choose_thresholds(probabilities, targets, known, rule, precision=precision)
    facts = {
        "kept": kept,
        "tried": {name: _plain(value) for name, value in after.items()},
        "ece_before": _plain(before),
        "ece_after": _plain(after[best]) if after else None,
        "gain": gain.to_json() if gain is not None else None,
        "sentence": _sentence(kept, before, after.get(best), gain),
        "reliability_before": reliability(raw, targets, known),
        "reliability_after": reliability(probabilities, targets, known),
    }
    return Chosen(fitted, thresholds, facts, validation_figures(probabilities, targets, known, tree))


def _gain(
    raw: NDArray[np.floating],
    calibrated: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    groups: NDArray[np.integer],
    seed: int,
) -> Interval | None:
    """By how much calibration lowers ECE, with its interval over groups; ``None`` without a known cell."""
    if not known.any():
        return None
    truth = np.where(known, np.where(targets, PRESENT, ABSENT), UNKNOWN).astype(np.int8)
    drawn = Resamples.draw(groups, resamples=DRAWS, seed=seed)
    return drawn.interval(calibration_error(raw, truth, drawn) - calibration_error(calibrated, truth, drawn))


def _sentence(kept: str, before: float, after: float | None, gain: Interval | None) -> str:
    if after is None or gain is None:
        return "The probabilities are raw: there are too few validation groups to calibrate and to check it."
    change = f"ECE {before:.3f} before, {after:.3f} after; gain {gain}, drawn over groups"
    if kept == "none":
        helped = "did not help" if after >= before else "did not help clearly"
        return f"Calibration {helped} ({change}): the raw probabilities are kept."
    return f"Calibrated ({kept}): on groups that it was not fitted on it helps ({change})."


def validation_figures(
    probabilities: NDArray[np.floating], targets: NDArray[np.bool_], known: NDArray[np.bool_], tree: LabelTree
) -> dict[str, Any]:
    """Average precision of each concept, its mean over the stated ones, and counts."""
    found = average_precisions(probabilities, targets, known)
    fine = [value for value, stated in zip(found, tree.stated, strict=True) if stated and np.isfinite(value)]
    return {
        "images": len(targets),
        "mean_average_precision": _plain(float(np.mean(fine))) if fine else None,
        "average_precision": {
            name: _plain(value) for name, value in zip(tree.names, found, strict=True) if np.isfinite(value)
        },
    }


def average_precisions(
    scores: NDArray[np.floating], targets: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """``[C]`` average precision in [0, 1] where a concept is known; NaN where it is never present."""
    from sklearn.metrics import average_precision_score

    result = np.full(targets.shape[1], np.nan)
    for column in range(targets.shape[1]):
        rows = known[:, column]
        if targets[rows, column].any():
            result[column] = average_precision_score(targets[rows, column], scores[rows, column])
    return result


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
