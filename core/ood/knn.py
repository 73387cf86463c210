"""The kNN score: how far a region is, on average, from its nearest reference regions.

``s(x; R) = (1/k) sum over the k nearest e' in R of (1 - e·e')``; Kuan & Mueller 2022, arXiv 2207.03061 and, with the
k-th distance alone, Sun et al. 2022, arXiv 2204.06507.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.search import search
from core.neighbours.vectors import Vectors

USUAL_K = 100


def default_k(largest: int) -> int:
    """100, the first study's k, or the largest that every group allows (see `core.neighbours.graph.largest_k`).

    Raises:
        GraphError: no k is possible.
    """
    return choose_k(None, largest)


def choose_k(asked: int | None, largest: int) -> int:
    """The k of a run: as asked for, or `default_k` when ``None``.

    Raises:
        GraphError: `asked` is not in [1, `largest`], or `largest` is 0.
    """
    if largest < 1:
        raise GraphError(
            "no reference region remains outside a region's own group; "
            "choose a reference of two or more groups (without groups, of two or more images)"
        )
    if asked is None:
        return min(USUAL_K, largest)
    _check_k(asked, largest, "this reference set", "choose a smaller k or a larger reference")
    return asked


def knn_scores(distances: NDArray[np.floating], k: int) -> NDArray[np.float32]:
    """Mean distance to the nearest `k` reference regions, from the reference graph.

    Args:
        distances: ``[N, K]`` cosine distances, nearest first, own group left out (`Graphs.reference`).
        k: Neighbours averaged, ``1 <= k <= K``.

    Returns:
        ``[N]`` float32 in [0, 2]; larger is stranger. Comparable within one run: one reference, one k.

    Raises:
        GraphError: the graph has fewer than `k` columns, or `k` is below 1.
    """
    if distances.ndim != 2:
        raise GraphError(f"distances must have shape (N, K), got {distances.shape}")
    _check_k(k, distances.shape[1], "this neighbour graph", "choose a smaller k or compute the graph with more columns")
    scores: NDArray[np.float32] = distances[:, :k].mean(axis=1, dtype=np.float64).astype(np.float32)
    return scores


def knn_scores_of(
    queries: Vectors, reference: Vectors, *, k: int = USUAL_K, device: str | torch.device = "cpu", block: int = 4096
) -> NDArray[np.float32]:
    """Score vectors that are not part of a graph.

    Args:
        queries: ``[Q, D]`` floating, any length.
        reference: ``[R, D]`` floating; must not hold the queries themselves or regions of their groups.
        k: Neighbours averaged, ``1 <= k <= R``.
        block: Rows on either side of one product. Results agree within 1e-6 between block sizes.

    Returns:
        ``[Q]`` float32 in [0, 2]; larger is stranger.

    Raises:
        EmbeddingError: dimensions differ, or a row is zero or not finite.
        GraphError: `k` is out of range.
    """
    _check_k(k, len(reference), "this reference set", "choose a smaller k or a larger reference")
    return knn_scores(search(queries, reference, k, device=device, block=block).distances, k)


def _check_k(k: int, largest: int, where: str, way_out: str) -> None:
    if not 1 <= k <= largest:
        raise GraphError(f"k must be in [1, {largest}] for {where}, got {k}; {way_out}")
