"""Curves to look at: precision and recall, ROC, reliability; thinned to what a figure shows.

scikit-learn computes the first two; reliability is drawn over bins of one width, which reach up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.evaluate.cases import PRESENT, UNKNOWN, Cases
from core.evaluate.figures import BINS, reliability_bins
from core.evaluate.resampling import Resamples, share

if TYPE_CHECKING:
    import pandas as pd

ALL = ""
"""The name under which curves of all concepts together stand."""
_POINTS = 120


@dataclass(frozen=True)
class Curves:
    """Tables to draw.

    Attributes:
        precision_recall: ``concept, recall, precision, threshold``; `ALL` is all pairs of region and concept.
        roc: ``concept, false_alarms, recall, threshold`` (shares in [0, 1]).
        reliability: ``calibrated, bin, low, high, pairs, probability, true, true_low, true_high``: bins with
            something in them; ``true`` is the share that is there, with its interval over groups.
    """

    precision_recall: pd.DataFrame
    roc: pd.DataFrame
    reliability: pd.DataFrame


def curves(cases: Cases, resamples: Resamples) -> Curves:
    """The curves of all concepts together and of each that the model knows and that is there at least once."""
    import pandas as pd

    exact = cases.columns(cases.judged)
    precise, roc = [], []
    regions, columns = np.nonzero(exact.truth != UNKNOWN)
    pairs = exact.probabilities[regions, columns], exact.truth[regions, columns] == PRESENT
    parts = [(ALL, *pairs)]
    for place in np.flatnonzero(cases.known):
        known = cases.truth[:, place] != UNKNOWN
        parts.append((cases.concepts[place], cases.probabilities[known, place], cases.truth[known, place] == PRESENT))
    for name, scores, true in parts:
        if true.any():
            precise.append(_precision_recall(name, scores, true))
        if true.any() and not true.all():
            roc.append(_roc(name, scores, true))
    kinds = [(True, exact.probabilities), *([(False, exact.raw)] if exact.raw is not None else [])]
    bins = [_reliability(kind, values, exact.truth, resamples) for kind, values in kinds]
    return Curves(
        _joined(precise, ["concept", "recall", "precision", "threshold"]),
        _joined(roc, ["concept", "false_alarms", "recall", "threshold"]),
        pd.concat(bins, ignore_index=True),
    )


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _precision_recall(name: str, scores: NDArray[np.floating], true: NDArray[np.bool_]) -> pd.DataFrame:
    import pandas as pd
    from sklearn.metrics import precision_recall_curve

    precision, recall, threshold = precision_recall_curve(true, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point is drawn by convention, at no threshold
    kept = _thinned(recall)
    columns = {"concept": name, "recall": recall[kept], "precision": precision[kept], "threshold": threshold[kept]}
    return pd.DataFrame(columns)


def _roc(name: str, scores: NDArray[np.floating], true: NDArray[np.bool_]) -> pd.DataFrame:
    import pandas as pd
    from sklearn.metrics import roc_curve

    alarms, recall, threshold = roc_curve(true, scores)
    kept = _thinned(alarms)
    threshold = np.where(np.isfinite(threshold), threshold, 1.0)
    columns = {"concept": name, "false_alarms": alarms[kept], "recall": recall[kept], "threshold": threshold[kept]}
    return pd.DataFrame(columns)


def _thinned(values: NDArray[np.floating]) -> NDArray[np.intp]:
    """Places of at most `_POINTS` points, evenly over the points, both ends kept."""
    return np.unique(np.linspace(0, len(values) - 1, min(_POINTS, len(values))).round().astype(np.intp))


def _reliability(
    calibrated: bool, values: NDArray[np.floating], truth: NDArray[np.int8], resamples: Resamples
) -> pd.DataFrame:
    import pandas as pd

    table = reliability_bins(values, truth, resamples)
    number, probability, true = table[0]
    drawn = share(table[:, 2], table[:, 0])
    rows = []
    for place in np.flatnonzero(number):
        come_true = resamples.interval(drawn[:, place])
        mean, share_true = probability[place] / number[place], true[place] / number[place]
        ends = (mean, share_true, come_true.low, come_true.high)
        rows.append((calibrated, int(place), place / BINS, (place + 1) / BINS, int(number[place]), *ends))
    columns = ["calibrated", "bin", "low", "high", "pairs", "probability", "true", "true_low", "true_high"]
    return pd.DataFrame(rows, columns=columns)
