"""From logits to probabilities that mean what they say.

`temperature`: ``p = sigmoid((z - b) / T)`` (softmax without b), two numbers a head (Guo et al. 2017, arXiv 1706.04599;
the shift undoes what weighted losses do to the base rate). `isotonic`: per concept, Zadrozny & Elkan 2002, doi
10.1145/775047.775151, where there are enough examples, temperature for the rest. `none`: the raw probabilities.

The contract:
- fitted on validation examples alone; that it helps is measured on groups that it was not fitted on (`cross_fitted`);
- a map is monotone, so the order of images within a concept stays (isotonic may join neighbours);
- parents are raised above their children afterwards, never before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, SettingsError
from core.learn.heads import HeadSpec, raw_probabilities
from core.learn.labels import LabelTree

CalibrationMethod = Literal["none", "temperature", "isotonic"]
Array = NDArray[np.float64]
ENOUGH = 20
"""Positive and negative examples that a concept needs for an isotonic map of its own."""
BINS = 15


@dataclass(frozen=True)
class Calibration:
    """A fitted map from logits to probabilities.

    Attributes:
        method: ``none``, ``temperature`` or ``isotonic``.
        temperatures, shifts: One number a head.
        knots: By column: logits and probabilities of an isotonic map.
    """

    method: CalibrationMethod = "none"
    temperatures: tuple[float, ...] = ()
    shifts: tuple[float, ...] = ()
    knots: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]] | None = None

    def apply(self, logits: NDArray[np.floating], heads: Sequence[HeadSpec], tree: LabelTree) -> NDArray[np.float32]:
        """``[N, C]`` float32 probabilities in [0, 1], no parent below its children.

        Args:
            logits: ``[N, C]``.
        """
        values = np.array(logits, np.float64)
        if self.method != "none":
            for place, head in enumerate(heads):
                columns = head.answering(tree)
                values[:, columns] = (values[:, columns] - self.shifts[place]) / self.temperatures[place]
        result = raw_probabilities(values, heads, tree)
        for column, (x, y) in (self.knots or {}).items():
            result[:, column] = np.interp(np.asarray(logits[:, column], np.float64), x, y)
        return np.asarray(tree.enforce(np.clip(result, 0.0, 1.0)), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "method": self.method,
            "temperatures": list(self.temperatures),
            "shifts": list(self.shifts),
            "knots": {str(column): [list(x), list(y)] for column, (x, y) in (self.knots or {}).items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_json`.

        Raises:
            ModelError: the object is not a calibration.
        """
        try:
            knots = {int(c): (tuple(map(float, x)), tuple(map(float, y))) for c, (x, y) in data["knots"].items()}
            method = data["method"]
            if method not in ("none", "temperature", "isotonic"):
                raise ValueError(f"unknown method {method!r}")
            return cls(method, tuple(map(float, data["temperatures"])), tuple(map(float, data["shifts"])), knots)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"the model's calibration cannot be understood ({error}); train the model again") from None


def fit_calibration(
    logits: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    heads: Sequence[HeadSpec],
    tree: LabelTree,
    method: CalibrationMethod,
) -> Calibration:
    """Fit a map on validation examples.

    Args:
        logits: ``[N, C]``.
        targets, known: ``[N, C]``: what is stated, and where anything is.

    Raises:
        SettingsError: the method is unknown.
    """
    if method not in ("none", "temperature", "isotonic"):
        raise SettingsError(f"calibration is none, temperature or isotonic, got {method!r}")
    if method == "none":
        return Calibration()
    values = np.asarray(logits, np.float64)
    fitted = [_temperature(values, targets, known, head, tree) for head in heads]
    knots: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {}
    if method == "isotonic":
        for head in heads:
            if head.kind == "multi":
                knots |= _isotonic(values, targets, known, head.columns)
    return Calibration(method, tuple(t for t, _ in fitted), tuple(b for _, b in fitted), knots)


def _temperature(
    logits: Array, targets: NDArray[np.bool_], known: NDArray[np.bool_], head: HeadSpec, tree: LabelTree
) -> tuple[float, float]:
    """Temperature and shift with the least cross-entropy; (1, 0) where there is nothing to fit."""
    from scipy.optimize import minimize

    columns = head.answering(tree)
    if head.kind == "multi":
        use = known[:, columns]
        z, y = logits[:, columns][use], targets[:, columns][use].astype(np.float64)
        if len(z) == 0 or y.min() == y.max():
            return 1.0, 0.0

        def loss(p: Array) -> float:
            scaled = (z - p[1]) * np.exp(-p[0])
            return float(np.mean(np.logaddexp(0.0, scaled) - y * scaled))

        found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=((-3.0, 3.0), (-10.0, 10.0)))
        return float(np.exp(found.x[0])), float(found.x[1])
    rows = known[:, columns].all(1) & (targets[:, columns].sum(1) == 1)
    z, truth = logits[rows][:, columns], targets[rows][:, columns].argmax(1)
    if len(z) == 0:
        return 1.0, 0.0

    def entropy(p: Array) -> float:
        scaled = z * np.exp(-p[0])
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(z)), truth]))

    found = minimize(entropy, np.zeros(1), method="L-BFGS-B", bounds=((-3.0, 3.0),))
    return float(np.exp(found.x[0])), 0.0


def _isotonic(
    logits: Array, targets: NDArray[np.bool_], known: NDArray[np.bool_], columns: Sequence[int]
) -> dict[int, tuple[tuple[float, ...], tuple[float, ...]]]:
    from sklearn.isotonic import IsotonicRegression

    found = {}
    for column in columns:
        rows = known[:, column]
        z, y = logits[rows, column], targets[rows, column]
        if min(y.sum(), (~y).sum()) < ENOUGH:
            continue
        # A Laplace-like margin keeps the ends off 0 and 1, which no number of examples proves.
        margin = 1.0 / (len(y) + 2)
        fitted = IsotonicRegression(y_min=margin, y_max=1.0 - margin, out_of_bounds="clip").fit(z, y)
        found[int(column)] = (
            tuple(np.asarray(fitted.X_thresholds_, float).tolist()),
            tuple(np.asarray(fitted.y_thresholds_, float).tolist()),
        )
    return found


def expected_calibration_error(
    probabilities: NDArray[np.floating], targets: NDArray[np.bool_], known: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Share-weighted gap between stated and observed frequency over all known cells, in [0, 1]; smaller is better.

    ``bins`` bins hold equally many cells each: most probabilities of many concepts are near 0, where bins of equal
    width would hide everything (Nixon et al. 2019, arXiv 1904.01685). NaN where nothing is known.
    """
    p, y = np.asarray(probabilities, np.float64)[known], targets[known].astype(np.float64)
    if len(p) == 0:
        return float("nan")
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, min(bins, len(p)))
    return float(sum(len(part) * abs(p[part].mean() - y[part].mean()) for part in parts) / len(p))


def cross_fitted(
    logits: NDArray[np.floating],
    targets: NDArray[np.bool_],
    known: NDArray[np.bool_],
    groups: NDArray[np.integer],
    heads: Sequence[HeadSpec],
    tree: LabelTree,
    method: CalibrationMethod,
    *,
    seed: int = 0,
) -> NDArray[np.float32] | None:
    """Calibrated probabilities of each half of the groups by a map fitted on the other; ``None`` with one group."""
    names = np.unique(groups)
    if len(names) < 2:
        return None
    first = np.isin(groups, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
    result = np.zeros(np.shape(logits), np.float32)
    for side in (first, ~first):
        fitted = fit_calibration(logits[~side], targets[~side], known[~side], heads, tree, method)
        result[side] = fitted.apply(logits[side], heads, tree)
    return result


def reliability(
    probabilities: NDArray[np.floating], targets: NDArray[np.bool_], known: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, float]]:
    """Points of a reliability plot: ``stated`` and ``observed`` frequency and ``count`` of equally filled bins."""
    p, y = np.asarray(probabilities, np.float64)[known], targets[known].astype(np.float64)
    order = np.argsort(p, kind="stable")
    return [
        {"stated": float(p[part].mean()), "observed": float(y[part].mean()), "count": len(part)}
        for part in np.array_split(order, min(bins, len(p)))
        if len(part)
    ]
