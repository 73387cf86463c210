"""Bootstrap intervals by group: frames of one dive rise and fall together, so whole dives are drawn, not frames.

The contract:
- groups are drawn with replacement within strata (for separations: groups of known, of unknown, of both), so that no
  resample lacks a side;
- a resample is a row of weights, how often each group was drawn, so that a statistic sorts its data only once;
- the same seed gives the same resamples, whatever the statistic.

Source: percentile bootstrap over clusters, Field & Welsh 2007, doi 10.1111/j.1467-9868.2007.00593.x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A figure and the range that it varies in when other groups had been looked at.

    Attributes:
        value: The figure on the data as they are.
        low, high: Ends of the percentile interval; equal to `value` where there is only one group to draw.
        level: Share of resamples inside, in (0, 1).
        groups: Independent groups behind it.
    """

    value: float
    low: float
    high: float
    level: float
    groups: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, float]:
        """Rounded to four digits, for tables and files."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def group_weights(
    groups: NDArray[np.integer],
    strata: NDArray[np.integer] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """How often each item takes part in each resample of whole groups.

    Args:
        groups: ``[N]`` integers.
        strata: ``[N]`` integers, equal within a group; each stratum keeps its number of groups.

    Returns:
        ``[resamples, N]`` float64 counts.

    Raises:
        SettingsError: there is no item, no resample is asked for, or a group lies in two strata.
    """
    if len(groups) == 0 or resamples < 1:
        raise SettingsError(
            f"a bootstrap needs at least one item and one resample, got {len(groups)} items and {resamples} resamples"
        )
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    of_group = np.zeros(len(first), np.int64) if strata is None else np.asarray(strata)[first]
    if strata is not None and not np.array_equal(of_group[member], strata):
        raise SettingsError("a group must lie in one stratum, but the strata given divide one")
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(first)))
    for stratum in np.unique(of_group):
        place = np.flatnonzero(of_group == stratum)
        counts[:, place] = rng.multinomial(len(place), np.full(len(place), 1.0 / len(place)), size=resamples)
    return counts[:, member]


def interval_of(value: float, resampled: NDArray[np.floating], groups: int, level: float = LEVEL) -> Interval:
    """The percentile interval of a statistic's resampled values; those that are not finite are left out."""
    finite = resampled[np.isfinite(resampled)]
    if len(finite) == 0:
        return Interval(float(value), float("nan"), float("nan"), level, groups)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(finite, [tail, 100.0 - tail])
    return Interval(float(value), float(low), float(high), level, groups)


def group_mean(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """The mean over groups of each group's mean, with its interval: every dive counts once, however long it was."""
    named, member = np.unique(groups, return_inverse=True)
    if len(named) == 0:
        raise SettingsError("a mean needs at least one value")
    means = np.bincount(member, weights=values) / np.bincount(member)
    drawn = group_weights(np.arange(len(named)), resamples=resamples, seed=seed) @ means / len(named)
    return interval_of(float(means.mean()), drawn, len(named), level)
