"""New images on an old map: where they would lie, approximately.

The contract:
- the old map does not move: a new region is put at the mean of its nearest old regions, weighted as UMAP weighs its
  graph; it stands where UMAP's own transform begins, before any optimisation, so it is said to be approximate;
- it takes the cluster that carries most of that weight, or noise;
- nothing but the run's stored vectors and coordinates is needed, so it works the same after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import EmbeddingError
from core.neighbours.search import search

_STEPS = 48


@dataclass(frozen=True)
class Placed:
    """New regions on an old map.

    Attributes:
        xy: ``[Q, 2]`` float32.
        labels: ``[Q]`` int32, an old cluster or -1.
        certainty: ``[Q]`` float32 in [0, 1], the share of the weight that its cluster (or noise) carries.
        distance: ``[Q]`` float32, cosine distance to the nearest old region: far ones have no true place on the map.
        rows: ``[Q, k]`` int64, the old regions that a place rests on, nearest first.
        shares: ``[Q, k]`` float32, the share of the weight that each of them carries; a row's add up to 1.
    """

    xy: NDArray[np.float32]
    labels: NDArray[np.int32]
    certainty: NDArray[np.float32]
    distance: NDArray[np.float32]
    rows: NDArray[np.int64]
    shares: NDArray[np.float32]


def place(
    new: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    projection: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    neighbours: int = 15,
) -> Placed:
    """Place new vectors.

    Args:
        new: ``[Q, D]``, any length; from the same network as the old.
        embeddings: ``[N, D]`` of the map's regions; projection: ``[N, 2]``; labels: ``[N]``, noise -1.
        neighbours: Old regions that a place rests on; clamped to N.

    Raises:
        EmbeddingError: the arrays do not belong together, or come from another network.
    """
    if len(projection) != len(embeddings) or len(labels) != len(embeddings):
        raise EmbeddingError("the map's vectors, coordinates and clusters must have equally many rows")
    near = search(new, embeddings, min(neighbours, len(embeddings)))
    weights = _weights(near.distances.astype(np.float64))
    share = weights / weights.sum(axis=1, keepdims=True)
    xy = (np.asarray(projection, np.float64)[near.indices] * share[:, :, None]).sum(axis=1)
    best, certainty = joined(np.asarray(labels)[near.indices], share)
    rows = near.indices.astype(np.int64)
    return Placed(xy.astype(np.float32), best, certainty, near.distances[:, 0], rows, share.astype(np.float32))


def joined(labels: NDArray[np.integer], shares: NDArray[np.floating]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The cluster (or noise, -1) that carries most of the weight, the smallest number among equals, and its share.

    Args:
        labels: ``[Q, k]`` clusters of the old regions that a place rests on; noise -1.
        shares: ``[Q, k]`` the weight that each of them carries.

    Returns:
        ``[Q]`` int32 and ``[Q]`` float32.
    """
    best, certainty = np.full(len(labels), -1, np.int32), np.full(len(labels), -1.0)
    for label in np.unique(labels):
        carried = (shares * (labels == label)).sum(axis=1)
        better = carried > certainty
        best[better], certainty[better] = label, carried[better]
    return best, certainty.astype(np.float32)


def _weights(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """``exp(-(d - nearest) / width)`` with the width that makes a row's weights add up to log2(k) (McInnes et al. 2018,
    algorithm 3), by bisection."""
    beyond = distances - distances[:, :1]
    wanted = np.log2(max(2, distances.shape[1]))
    low, high = np.full(len(distances), 1e-12), np.full(len(distances), 1e3)
    for _ in range(_STEPS):
        middle = np.sqrt(low * high)
        total = np.exp(-beyond / middle[:, None]).sum(axis=1)
        low, high = np.where(total < wanted, middle, low), np.where(total < wanted, high, middle)
    weights: NDArray[np.float64] = np.exp(-beyond / np.sqrt(low * high)[:, None])
    return weights
