"""What pages say about OOD scores, as small tables and curves: pure functions, larger is stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard import counting
from dashboard.summaries import coded, is_flagged, is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.summaries import By

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def scores(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Scores of reference and of target, float64, NaN where not judged."""
    values = frame["ood_score"].to_numpy(dtype=float)
    return values[is_reference(frame)], values[is_target(frame)]


def score_groups(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    """Scores of reference and target a category.

    Returns:
        One row a category and set with images: ``category``, ``set``, ``images``, ``groups``, ``q05``, ``q25``,
        ``median``, ``q75``, ``q95`` of the score, ``flagged``, ``share`` flagged in [0, 1]; in the categories' order.
    """
    import pandas as pd

    places, order = coded(frame, by)
    values = frame["ood_score"].to_numpy(dtype=float)
    usable, flagged, group = np.isfinite(values) & (places >= 0), is_flagged(frame), counting.codes(frame, "group")[0]
    tables = []
    for kind, mask in (("reference", is_reference(frame)), ("target", is_target(frame))):
        chosen = np.flatnonzero(mask & usable)
        chosen = chosen[np.lexsort((values[chosen], places[chosen]))]
        place = places[chosen]
        images = np.bincount(place, minlength=len(order))
        there = np.flatnonzero(images)
        lone = group[chosen] >= 0
        tables.append(
            pd.DataFrame(
                {
                    "category": there,
                    "set": kind,
                    "images": images[there],
                    "groups": counting.different_each(place[lone], group[chosen][lone], len(order))[there],
                    **_quantiles(values[chosen], images[there]),
                    "flagged": np.bincount(place[flagged[chosen]], minlength=len(order))[there],
                }
            )
        )
    result = pd.concat(tables, ignore_index=True)
    result["share"] = result["flagged"] / result["images"]
    result["category"] = pd.Categorical.from_codes(result["category"].astype(int), order, ordered=True)
    return result.sort_values(["category", "set"], kind="stable").reset_index(drop=True)


def _quantiles(ordered: np.ndarray, sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Quantiles of consecutive parts of a column, each part sorted and not empty, between neighbours by their share."""
    starts = np.cumsum(sizes) - sizes
    found = {}
    for name, share in QUANTILES.items():
        at = share * (sizes - 1)
        below = np.floor(at).astype(np.int64)
        above = np.minimum(below + 1, sizes - 1)
        low, high = ordered[starts + below], ordered[starts + above]
        found[name] = low + (high - low) * (at - below)
    return found


def density(scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Gaussian kernel density on an even grid, by binning; Silverman's bandwidth. Zero for fewer than two scores."""
    scores = scores[np.isfinite(scores)]
    step = float(grid[1] - grid[0])
    spread = (
        min(float(scores.std()), float(np.subtract(*np.percentile(scores, [75, 25]))) / 1.34) if len(scores) > 1 else 0
    )
    width = max(0.9 * spread * len(scores) ** -0.2, 1.5 * step) if len(scores) > 1 else 0.0
    if width == 0:
        return np.zeros_like(grid)
    counts, _ = np.histogram(scores, bins=len(grid), range=(grid[0] - step / 2, grid[-1] + step / 2))
    reach = np.arange(-int(4 * width / step) - 1, int(4 * width / step) + 2) * step
    kernel = np.exp(-0.5 * (reach / width) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum())[len(reach) // 2 :][: len(grid)]
    result: np.ndarray = smooth / (len(scores) * step)
    return result


def cumulative(scores: np.ndarray, most: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Points of the cumulative distribution: scores, and the share at or below each; at most ``most`` of them."""
    ordered = np.sort(scores[np.isfinite(scores)])
    if not len(ordered):
        return np.empty(0), np.empty(0)
    places = np.unique(np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int))
    return ordered[places], (places + 1) / len(ordered)
