"""The k nearest columns of every row, fed tile by tile.

The contract:
- a candidate is one 64-bit key, distance in the high half and column id in the low half, so that comparing keys
  compares distances first and breaks ties by id, exactly, also at the k-th place;
- tiles may come in any order and any shape; the result is that of one sort over all columns;
- distances are ``1 - similarity``, clipped to [0, 2].
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SELF = 2.0
"""A similarity that no two unit vectors reach: it marks a row's own column."""
MASKED = -2.0
"""A similarity below all others: such a column is never taken."""

_NOTHING = torch.iinfo(torch.int64).max
_LOWEST = -1.5
# 1 - s rounds: similarities this close may share a distance, so both must become candidates.
_ROUNDING = 2.0**-22


class NearestColumns:
    """Running result for ``rows`` rows: the `k` nearest columns seen so far."""

    def __init__(self, rows: int, k: int, device: torch.device, *, self_first: bool = False) -> None:
        """Args: ``self_first``: a column whose similarity is `SELF` comes before all others, at distance 0."""
        self.k = k
        self._self_first = self_first
        self._keys = torch.full((rows, k), _NOTHING, dtype=torch.int64, device=device)

    def take(self, start: int, similarities: Tensor, columns: Tensor) -> None:
        """Offer one tile.

        Args:
            start: First of the tile's rows.
            similarities: ``[T, W]`` float32; transposed views are fine. Not changed.
            columns: ``[W]`` int64, the ids of the columns.
        """
        rows, width = similarities.shape
        if rows == 0 or width == 0 or self.k == 0:
            return
        keys = self._keys[start : start + rows]
        bar = self._bar(keys[:, -1])
        if bool((keys[:, -1] == _NOTHING).any()):
            bar = torch.maximum(bar, _kth_largest(similarities, min(self.k, width)) - _ROUNDING)
        # The mask of a transposed tile is transposed as bytes, four times cheaper than the tile itself.
        inside = (similarities >= bar[:, None]).contiguous()
        row, column = inside.nonzero(as_tuple=True)
        if len(row) == 0:
            return
        found = similarities[row, column]
        distance = 1.0 - found.clamp(-1.0, 1.0)
        key = (distance.view(torch.int32).long() << 32) | columns[column]
        if self._self_first:
            key = torch.where(found == SELF, columns[column] - _NOTHING, key)
        self._merge(keys, row, key)

    @staticmethod
    def _bar(worst: Tensor) -> Tensor:
        """``[T]`` float32: the least similarity that could still enter a row whose k-th key is `worst`."""
        distance = (worst >> 32).int().view(torch.float32)
        bar = torch.where(worst == _NOTHING, _LOWEST, 1.0 - distance - _ROUNDING)
        return torch.where(worst < 0, SELF, bar).clamp_(min=_LOWEST)

    @staticmethod
    def _merge(keys: Tensor, row: Tensor, key: Tensor) -> None:
        """Write into `keys` the best of itself and of the new ``key``s, whose rows ascend."""
        count, k = keys.shape
        added = torch.bincount(row, minlength=count)
        begin = added.cumsum(0) - added
        offset = torch.arange(len(row), device=row.device) - begin[row]
        pool = torch.full((count, k + int(added.max())), _NOTHING, dtype=torch.int64, device=keys.device)
        pool[:, :k] = keys
        pool[row, k + offset] = key
        keys.copy_(_smallest(pool, k))

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """``[rows, k]`` column ids (-1 where there were too few columns) and float32 distances (infinite there)."""
        own = self._keys < 0
        nothing = self._keys == _NOTHING
        ids = torch.where(own, self._keys + _NOTHING, self._keys & 0xFFFFFFFF).masked_fill_(nothing, -1)
        bits = (self._keys >> 32).masked_fill_(own, 0).int()
        distances = bits.view(torch.float32).masked_fill_(nothing, torch.inf)
        return ids.cpu().numpy(), distances.cpu().numpy()


# On the CPU numpy's vectorised selection and sorting of rows is four to eight times faster than torch's.


def _kth_largest(values: Tensor, k: int) -> Tensor:
    """``[T]``: the k-th largest value of every row of ``[T, W]``."""
    if values.device.type != "cpu":
        return torch.topk(values, k, dim=1).values[:, -1]
    place = values.shape[1] - k
    return torch.from_numpy(np.partition(values.contiguous().numpy(), place, axis=1)[:, place].copy())


def _smallest(keys: Tensor, k: int) -> Tensor:
    """``[T, k]``: the k smallest of every row of ``[T, W]``, ascending."""
    if keys.device.type != "cpu":
        return torch.topk(keys, k, dim=1, largest=False, sorted=True).values
    return torch.from_numpy(np.sort(keys.numpy(), axis=1)[:, :k])
