"""Mean and principal axes of a reference: what every detector of a shape stands on.

The contract: axes are sorted by falling variance; those without variance (to rounding) are not kept; with fewer rows
than dimensions the smaller matrix of products is taken apart, to the same result. The last few are kept, because most
detectors of a run start from the same one and taking it apart is most of their time.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import GraphError

_BLOCK = 4096
_FLAT = 1e-6
_MOST_KEPT = 6


@dataclass(frozen=True)
class Basis:
    """The ellipsoid of R unit vectors.

    Attributes:
        mean: ``[D]`` float32.
        axes: ``[D, r]`` float32, orthonormal columns.
        variances: ``[r]`` float64, falling, all positive: variance along each axis (divided by R, not R - 1).
        rows: R.
        fourth: Mean fourth power of the distance from the mean, for `shrinkage`.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    variances: NDArray[np.float64]
    rows: int
    fourth: float

    @classmethod
    def of(cls, units: Tensor, title: str) -> Basis:
        """Take the covariance of ``[R, D]`` float32 rows apart, or remember it; do not change its arrays.

        Raises:
            GraphError: all rows are the same, so that nothing can be said of any other.
        """
        rows = np.ascontiguousarray(units.numpy())
        key = _key(rows)
        with _LOCK:
            if key in _KEPT:
                _KEPT.move_to_end(key)
                return _KEPT[key]
        found = cls._taken_apart(units, title)
        with _LOCK:
            _KEPT[key] = found
            while len(_KEPT) > _MOST_KEPT:
                _KEPT.popitem(last=False)
        return found

    @classmethod
    def _taken_apart(cls, units: Tensor, title: str) -> Basis:
        rows, width = units.shape
        mean = units.double().mean(dim=0)
        centred = units - mean.float()
        fourth = float(centred.double().square().sum(dim=1).square().mean())
        wide = width >= rows
        size = rows if wide else width
        products = torch.zeros(size, size, dtype=torch.float64)
        if wide:
            products = centred.double() @ centred.double().T
        else:
            for start in range(0, rows, _BLOCK):
                part = centred[start : start + _BLOCK].double()
                products += part.T @ part
        values, vectors = torch.linalg.eigh(products / rows)
        values, vectors = values.flip(0), vectors.flip(1)
        # The mean and the rows are rounded to float32: below about 1e-7 squared there is only rounding.
        kept = values > max(_FLAT * float(values[0]), 1e-12)
        if not bool(kept.any()):
            raise GraphError(
                f"{title} learns from differences between reference regions, but all {rows} are the same picture; "
                "choose a reference that varies"
            )
        values, vectors = values[kept], vectors[:, kept]
        axes = centred.T.double() @ vectors / (values * rows).sqrt() if wide else vectors
        return cls(mean.float().numpy(), axes.float().numpy(), values.numpy(), rows, fourth)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.mean)

    @property
    def shrinkage(self) -> float:
        """How far the covariance is drawn towards a ball, in [0, 1]; 1 when it tells nothing.

        Source: Ledoit & Wolf 2004, doi 10.1016/S0047-259X(03)00096-4, written with the eigenvalues alone.
        """
        total, squares = float(self.variances.sum()), float((self.variances**2).sum())
        distance = squares - total**2 / self.dimension
        error = (self.fourth - squares) / self.rows
        return 1.0 if distance <= 0.0 else min(1.0, max(0.0, error / distance))

    def spread(self, share: float) -> int:
        """The fewest axes that hold `share` of the variance, at least one."""
        held = np.cumsum(self.variances) / self.variances.sum()
        return min(len(held), int(np.searchsorted(held, share - 1e-9)) + 1)


def _key(rows: NDArray[np.float32]) -> bytes:
    state = hashlib.blake2b(f"{rows.shape} {torch.get_num_threads()}".encode(), digest_size=16)
    state.update(rows.data)
    return state.digest()


_KEPT: OrderedDict[bytes, Basis] = OrderedDict()
_LOCK = Lock()
