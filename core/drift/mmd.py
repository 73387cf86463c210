"""Has the content changed? Maximum mean discrepancy between a batch and the reference, over groups.

    MMD² = E k(b, b') + E k(r, r') - 2 E k(b, r),   k(x, y) = exp(-|e(x) - e(y)|² / 2w²)

with every group counting once: the kernel is averaged over the frames of each pair of groups, and pairs of different
groups (or, where a side is one group, of different frames) make the expectations. Gretton et al. 2012, JMLR 13,
723-773; the width w is the median distance between frames of different groups, as there. The witness function
``E k(x, b) - E k(x, r)`` of the same paper says which images drive the change. It is written here, in a few lines,
because the libraries that have it permute frames where whole groups must be, or need an older numpy (frouros).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import EmbeddingError
from core.neighbours.vectors import Vectors, full_precision, unit_rows

FRAMES = 40
"""Most frames of a group that are looked at, drawn with a seed: enough for its mean, and time stays bounded."""
GROUPS = 400
"""Most groups of a reference or batch that are looked at, drawn likewise."""
_BLOCK = 2048


def sample_rows(
    groups: NDArray[np.integer[Any]], rows: NDArray[np.integer[Any]], *, seed: int = 0
) -> NDArray[np.int64]:
    """At most `FRAMES` rows of each of at most `GROUPS` groups, in their order."""
    rng = np.random.default_rng(seed)
    named = np.unique(groups[rows])
    if len(named) > GROUPS:
        rows = rows[np.isin(groups[rows], rng.choice(named, GROUPS, replace=False))]
    order = rng.permutation(len(rows))
    own = groups[rows][order]
    by_group = np.argsort(own, kind="stable")
    begins = np.flatnonzero(np.diff(own[by_group], prepend=own[by_group][:1] - 1)) if len(rows) else np.zeros(0, int)
    place = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
    found: NDArray[np.int64] = np.sort(rows[order[by_group[place < FRAMES]]]).astype(np.int64)
    return found


def unit_sample(embeddings: Vectors, rows: NDArray[np.integer[Any]]) -> Tensor:
    """``[n, D]`` float32 unit vectors of some rows.

    Raises:
        EmbeddingError: a row is zero or not finite.
    """
    if len(rows) == 0:
        raise EmbeddingError("there is no region to compare; choose a batch and a reference that hold some")
    return unit_rows(embeddings[rows], slice(0, len(rows)), torch.device("cpu"), name="the regions")


def kernel_width(units: Tensor, groups: NDArray[np.integer[Any]], *, seed: int = 0, most: int = 1000) -> float:
    """Median distance between frames of different groups (of any, where there is one group); 1 when it is zero."""
    chosen = np.random.default_rng(seed).permutation(len(units))[:most]
    some, own = units[torch.from_numpy(chosen)], groups[chosen]
    distances = _squared(some, some).numpy()
    apart = own[:, None] != own[None]
    if not apart.any():
        apart = ~np.eye(len(own), dtype=bool)
    width = float(np.sqrt(np.median(distances[apart]))) if apart.any() else 0.0
    return width if width > 1e-6 else 1.0


def kernel_means(units: Tensor, member: NDArray[np.integer[Any]], groups: int, width: float) -> NDArray[np.float64]:
    """``[G, G]``: the kernel's mean over the frames of each pair of groups; within a group, over different frames.

    Args:
        units: ``[n, D]``.
        member: ``[n]`` in [0, groups), every group present. A group of a single frame has 1 on the diagonal.
    """
    means = cross_means(units, member, groups, units, member, groups, width)
    sizes = np.bincount(member, minlength=groups).astype(float)
    # A frame's kernel with itself is 1 and says nothing of its group.
    within = (np.diag(means) * sizes - 1.0) / np.maximum(sizes - 1.0, 1.0)
    np.fill_diagonal(means, np.where(sizes > 1, within, 1.0))
    return means


def cross_means(
    left: Tensor,
    left_member: NDArray[np.integer[Any]],
    left_groups: int,
    right: Tensor,
    right_member: NDArray[np.integer[Any]],
    right_groups: int,
    width: float,
) -> NDArray[np.float64]:
    """``[G, H]``: the kernel's mean over the frames of each group of one side with each of the other."""
    columns = _indicator(right_member, right_groups)
    rows = _indicator(left_member, left_groups)
    sums = torch.zeros(left_groups, right_groups, dtype=torch.float64)
    with torch.inference_mode(), full_precision():
        for start in range(0, len(left), _BLOCK):
            part = slice(start, start + _BLOCK)
            kernel = (-_squared(left[part], right) / (2.0 * width**2)).exp()
            sums += rows[part].T @ (kernel @ columns.float()).double()
    sizes = np.outer(rows.sum(dim=0).numpy(), columns.sum(dim=0).numpy())
    means: NDArray[np.float64] = sums.numpy() / sizes
    return means


def _indicator(member: NDArray[np.integer[Any]], groups: int) -> Tensor:
    found = torch.zeros(len(member), groups, dtype=torch.float64)
    found[torch.arange(len(member)), torch.from_numpy(member.astype(np.int64))] = 1.0
    return found


def squared_mmd(means: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``[B]`` MMD² for each assignment of ``[B, G]`` groups to the batch; may fall a little below 0."""
    batch = rows.astype(float)
    rest = 1.0 - batch
    found: NDArray[np.float64] = (
        _mean_within(means, batch) + _mean_within(means, rest) - 2.0 * _mean_across(means, batch, rest)
    )
    return found


def witness(units: Tensor, batch: Tensor, reference: Tensor, width: float) -> NDArray[np.float64]:
    """``[n]``: how much more like the batch than like the reference each row is; larger drives the change more.

    Args:
        units: ``[n, D]``; rows that are in `batch` or `reference` count themselves.
        batch, reference: ``[m, D]`` each, at least one row.
    """
    found = np.empty(len(units))
    with torch.inference_mode(), full_precision():
        for start in range(0, len(units), _BLOCK):
            rows = units[start : start + _BLOCK]
            near, far = (
                (-_squared(rows, side) / (2.0 * width**2)).exp().double().mean(dim=1) for side in (batch, reference)
            )
            found[start : start + _BLOCK] = (near - far).numpy()
    return found


def _squared(left: Tensor, right: Tensor) -> Tensor:
    """Squared Euclidean distances of unit rows."""
    return (2.0 - 2.0 * (left @ right.T)).clamp_(min=0.0)


def _mean_within(means: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonal = np.diag(means)
    size = side.sum(axis=1)
    whole = ((side @ means) * side).sum(axis=1)
    own = side @ diagonal
    pairs = np.maximum(size * (size - 1.0), 1.0)
    return np.where(size > 1, (whole - own) / pairs, own)


def _mean_across(
    means: NDArray[np.float64], batch: NDArray[np.float64], rest: NDArray[np.float64]
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = ((batch @ means) * rest).sum(axis=1) / (batch.sum(axis=1) * rest.sum(axis=1))
    return found
