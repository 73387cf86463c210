"""Which pictures stand for a cluster, which lie at its edge, and kinds within it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import EmbeddingError
from core.settings import ClusterSettings
from core.space.clusters import cluster

_MOST = 20_000
_AXES = 8


def unit_rows_of(embeddings: NDArray[np.floating], rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """``[M, D]`` unit vectors of some rows, read from a memory map."""
    part = np.asarray(embeddings[np.asarray(rows)], dtype=np.float32)
    length = np.linalg.norm(part, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (part / np.where(length > 0, length, 1.0)).astype(np.float32)
    return unit


def representatives(
    embeddings: NDArray[np.floating], rows: NDArray[np.integer], groups: NDArray[np.integer], most: int = 12
) -> NDArray[np.int64]:
    """Members most like the cluster's mean vector, no two groups taking turns unevenly: the first of every group before
    the second of any.

    Args:
        embeddings: ``[N, D]``, any length.
        rows: ``[M]`` members; beyond 20,000 an even sample is looked at.
        groups: ``[N]`` codes.

    Returns:
        Up to `most` rows.
    """
    rows = _sampled(np.asarray(rows, np.int64))
    if not len(rows):
        return rows
    vectors = unit_rows_of(embeddings, rows)
    order = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")
    seen: dict[int, int] = {}
    turn = np.empty(len(order), np.int64)
    for place, at in enumerate(order):
        group = int(groups[rows[at]])
        turn[place] = seen.get(group, 0)
        seen[group] = int(turn[place]) + 1
    # From the inner half alone: a lone frame of another group at the edge is no representative.
    inner = order[: max(most, len(order) // 2)]
    chosen: NDArray[np.int64] = rows[inner[np.argsort(turn[: len(inner)], kind="stable")][:most]].astype(np.int64)
    return chosen


def edge(outlier_scores: NDArray[np.floating], rows: NDArray[np.integer], most: int = 12) -> NDArray[np.int64]:
    """Members least typical of any cluster (GLOSH), the least typical first; ties by row."""
    rows = np.asarray(rows, dtype=np.int64)
    scores = np.nan_to_num(np.asarray(outlier_scores, float)[rows], nan=-1.0)
    chosen: NDArray[np.int64] = rows[np.argsort(-scores, kind="stable")[:most]].astype(np.int64)
    return chosen


def kinds_within(embeddings: NDArray[np.floating], rows: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Kinds within a cluster: HDBSCAN of its own principal axes, where distances of the whole map do not drown them.

    Args:
        embeddings: ``[N, D]``, any length.
        rows: ``[M]`` members, at most 20,000.

    Returns:
        Rows of each kind, largest first; fewer than two when the cluster is of one kind. Rows in none are left out.

    Raises:
        EmbeddingError: more than 20,000 members; split the cluster first.
    """
    rows = np.asarray(rows, np.int64)
    if len(rows) > _MOST:
        raise EmbeddingError(f"kinds are looked for in up to {_MOST:,} regions, got {len(rows):,}; split it first")
    if len(rows) < 10:
        return []
    vectors = unit_rows_of(embeddings, rows)
    centred = vectors - vectors.mean(axis=0)
    axes = min(_AXES, *centred.shape)
    left, stretch, _ = np.linalg.svd(centred, full_matrices=False)
    points = (left[:, :axes] * stretch[:axes]).astype(np.float64)
    # the sign of an axis is free: fixed, so that equal vectors give equal kinds
    points *= np.where(points[np.abs(points).argmax(axis=0), np.arange(axes)] < 0, -1.0, 1.0)
    smallest = max(5, round(0.05 * len(rows)))
    found = cluster(points, ClusterSettings(min_cluster_size=smallest, min_samples=3))
    return [rows[found.labels == label] for label in range(found.count)]


def _sampled(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows if len(rows) <= _MOST else rows[np.linspace(0, len(rows) - 1, _MOST).astype(np.int64)]
