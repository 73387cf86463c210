"""The weighted graph that UMAP lays out, from neighbours and their distances.

McInnes, Healy & Melville 2018, arXiv 1802.03426, section 3.1 and algorithms 2 and 3: each point's distances are taken
relative to its nearest neighbour's and scaled so that the weights to its neighbours add up to log2(k); the two
directed weights of a pair are joined as probabilities. The numbers are those of umap-learn's `fuzzy_simplicial_set`,
which would be compiled anew in every process: 3.7 s of a map of 10.6 s, against 0.1 s here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.neighbours.graph import Graph

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_STEPS = 64
_CLOSE = 1e-5
_LEAST_SCALE = 1e-3
_ROWS = 1 << 16


def memberships(graph: Graph) -> coo_matrix:
    """The symmetric graph of N points.

    Args:
        graph: ``[N, k]`` neighbours, each row itself first, at distance 0.

    Returns:
        ``[N, N]`` sparse float32, weights in (0, 1], larger is nearer, the diagonal empty.
    """
    from scipy.sparse import csr_matrix

    count, k = graph.indices.shape
    overall = float(graph.distances.mean(dtype=np.float64))
    weights = np.empty((count, k), np.float32)
    for start in range(0, count, _ROWS):
        part = slice(start, start + _ROWS)
        weights[part] = _directed(graph.distances[part], np.log2(k), overall)
    weights[graph.indices == np.arange(count)[:, None]] = 0.0
    directed = csr_matrix(
        (weights.ravel(), graph.indices.ravel(), np.arange(0, count * k + 1, k)), shape=(count, count)
    )
    directed.eliminate_zeros()
    turned = directed.T.tocsr()
    joined = directed + turned - directed.multiply(turned)
    return joined.tocoo()


def _directed(distances: NDArray[np.float32], wanted: float, overall: float) -> NDArray[np.float64]:
    """``[n, k]`` weights of each row's neighbours, 1 for the nearest that is not a copy."""
    apart = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest = np.where(np.isfinite(apart), apart, 0.0)
    beyond = np.maximum(distances - nearest[:, None], 0.0).astype(np.float64)
    own = distances.mean(axis=1, dtype=np.float64)
    least = _LEAST_SCALE * np.where(nearest > 0, own, overall)
    scale = np.maximum(_scales(beyond[:, 1:], wanted), least)[:, None]
    return np.exp(-np.divide(beyond, scale, out=np.zeros_like(beyond), where=scale > 0))


def _scales(beyond: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """``[n]``: the scale at which the weights ``exp(-beyond / scale)`` of a row add up to `wanted`, by bisection."""
    scale = np.ones(len(beyond))
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    left = np.arange(len(beyond))
    for _ in range(_STEPS):
        off = np.exp(-beyond[left] / scale[left, None]).sum(axis=1) - wanted
        left, off = left[np.abs(off) >= _CLOSE], off[np.abs(off) >= _CLOSE]
        if not len(left):
            break
        high[left] = np.where(off > 0, scale[left], high[left])
        low[left] = np.where(off > 0, low[left], scale[left])
        unbounded = np.isinf(high[left])
        scale[left] = np.where(unbounded, 2.0 * scale[left], (low[left] + np.where(unbounded, 0.0, high[left])) / 2.0)
    return scale
