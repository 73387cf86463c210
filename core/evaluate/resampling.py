"""One set of resamples of whole groups for every figure, so that two models can be compared on the same draws.

The contract:
- row 0 of whatever comes out is the data as they are, the rows after it are the resamples;
- figures are functions of sums over regions, so a resample costs a product of matrices over groups and no new pass over
  the regions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.evaluate.intervals import LEVEL, RESAMPLES, Interval, group_weights, interval_of


@dataclass(frozen=True)
class Resamples:
    """How often each group takes part.

    Attributes:
        weights: ``[B + 1, G]`` float64 counts; row 0 is all ones.
        member: ``[N]`` int64, place of each region's group.
        level: Share of resamples inside an interval.
    """

    weights: NDArray[np.float64]
    member: NDArray[np.int64]
    level: float = LEVEL

    @classmethod
    def draw(
        cls,
        groups: NDArray[np.integer],
        kinds: NDArray[np.integer] | None = None,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
        level: float = LEVEL,
    ) -> Resamples:
        """Draw groups with replacement.

        Args:
            groups: ``[N]`` integers, N at least 1.
            kinds: ``[N]`` 1 or 0, -1 unknown: groups with one kind, the other, both and neither are drawn apart, so
                that no resample lacks a kind.

        Raises:
            SettingsError: there is no region.
        """
        named, member = np.unique(np.asarray(groups), return_inverse=True)
        if len(named) == 0:
            raise SettingsError("a figure needs at least one region with a known truth")
        strata = None
        if kinds is not None:
            one = np.bincount(member, weights=kinds == 1, minlength=len(named)) > 0
            other = np.bincount(member, weights=kinds == 0, minlength=len(named)) > 0
            strata = one + 2 * other
        drawn = group_weights(np.arange(len(named)), strata, resamples=resamples, seed=seed)
        return cls(np.concatenate([np.ones((1, len(named))), drawn]), member.astype(np.int64), level)

    @property
    def groups(self) -> int:
        """Independent groups."""
        return int(self.weights.shape[1])

    def sums(self, values: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """``[N]`` or ``[N, K]`` to their sums ``[B + 1]`` or ``[B + 1, K]``."""
        flat = np.asarray(values, np.float64).reshape(len(self.member), -1)
        order = np.argsort(self.member, kind="stable")
        starts = np.searchsorted(self.member[order], np.arange(self.groups))
        total: NDArray[np.float64] = self.weights @ np.add.reduceat(flat[order], starts, axis=0)
        return total[:, 0] if np.ndim(values) == 1 else total

    def counts(self, places: NDArray[np.integer], values: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """``[B + 1, size]`` sums of `values` at `places`, both ``[N]``; places outside ``[0, size)`` do not count."""
        from scipy.sparse import coo_matrix

        kept = (places >= 0) & (places < size)
        table = coo_matrix((values[kept], (places[kept], self.member[kept])), shape=(size, self.groups)).tocsr()
        result: NDArray[np.float64] = np.asarray((table @ self.weights.T).T)
        return result

    def interval(self, figure: NDArray[np.floating]) -> Interval:
        """``[B + 1]`` values of a figure as the figure and its interval."""
        return interval_of(float(figure[0]), figure[1:], self.groups, self.level)


def share(part: NDArray[np.floating], whole: NDArray[np.floating]) -> NDArray[np.float64]:
    """``part / whole``, NaN where the whole is 0."""
    result: NDArray[np.float64] = np.divide(
        part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole != 0
    )
    return result


def mean_known(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """``[..., C]`` to the mean over the last axis of what is not NaN; NaN where nothing is."""
    finite = np.isfinite(values)
    return share(np.where(finite, values, 0.0).sum(axis=-1), finite.sum(axis=-1).astype(np.float64))
