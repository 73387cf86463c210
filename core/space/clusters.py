"""Clusters on the map, by HDBSCAN.

Campello, Moulavi & Sander 2013; McInnes & Healy 2017, arXiv 1705.07321; outlier scores are GLOSH, Campello et al. 2015.
The contract:
- the minimum spanning tree is exact and built on one thread, so equal maps give equal clusters, byte for byte. Past
  `FLAT_PAST` points a map's tree is found among few pairs (`core.space.spanning`): 32 s instead of 177 at a million
  points, two thirds of the time at 200,000 (`benchmarks/hdbscan_beside.py`). It is as short as hdbscan's; among edges
  that are equally long hdbscan goes by row, and finds somewhat other clusters where rows are ordered otherwise (ARI
  0.991 at 200,000), `spanning` by distance; the two agree as well as that (0.990; 0.992 at a million). fast_hdbscan on
  two threads does not find the same twice, even when asked to; hdbscan's default approximate tree on four processes
  gives other labels (ARI 0.84);
- labels are numbered by size, largest first, then by lowest row id; noise is -1;
- points that all coincide are one cluster; fewer points than the smallest cluster are noise.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import EmbeddingError
from core.settings import ClusterSettings
from core.space.spanning import spanning_tree

FLAT_PAST = 200_000
"""Points of a map past which its spanning tree is found as that of a flat one."""
_MOST_NEIGHBOURS = 32
"""Beyond, what `core.space.spanning` looks at grows too many."""


@dataclass(frozen=True)
class CondensedTree:
    """How clusters split as the density rises; one entry for each point or cluster that leaves its parent.

    Attributes:
        parent: ``[T]`` int32 cluster node, from N (the root) on.
        child: ``[T]`` int32, a row id below N or a cluster node.
        density: ``[T]`` float64, one over the distance at which the child leaves, finite: points that coincide leave at
            twice the largest density between points that do not.
        size: ``[T]`` int32 rows in the child.
    """

    parent: NDArray[np.int32]
    child: NDArray[np.int32]
    density: NDArray[np.float64]
    size: NDArray[np.int32]


@dataclass(frozen=True)
class Clusters:
    """Clusters of N points.

    Attributes:
        labels: ``[N]`` int32, 0 the largest cluster, -1 noise.
        probabilities: ``[N]`` float32 in [0, 1], strength of membership; 0 for noise.
        outlier_scores: ``[N]`` float32 in [0, 1] (GLOSH), larger is further from the next cluster's core; comparable
            within one map only.
        persistence: ``[C]`` float32 in [0, 1], larger is a cluster that lasts over more densities.
        nodes: ``[C]`` int32, each cluster's node in the tree.
        tree: The condensed tree, empty when there were too few points for one.
        min_cluster_size, min_samples: The sizes used, after defaults and clamping.
    """

    labels: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    outlier_scores: NDArray[np.float32]
    persistence: NDArray[np.float32]
    nodes: NDArray[np.int32]
    tree: CondensedTree
    min_cluster_size: int
    min_samples: int

    @property
    def count(self) -> int:
        """Clusters, noise not counted."""
        return len(self.persistence)


def cluster(projection: NDArray[np.floating], settings: ClusterSettings | None = None) -> Clusters:
    """Find clusters on a map.

    Args:
        projection: ``[N, 2]`` coordinates (any number of dimensions works).
        settings: Sizes left at ``None`` follow the number of points, see `ClusterSettings`.

    Raises:
        EmbeddingError: not a 2-D array, or a coordinate that is not finite.
    """
    settings = settings or ClusterSettings()
    points = np.ascontiguousarray(projection, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise EmbeddingError(f"a map must be finite coordinates of shape (N, 2), got shape {points.shape}")
    count = len(points)
    smallest, core = _sizes(count, settings)
    if count < max(smallest, 3):
        return _one_verdict(count, -1, smallest, core)
    if bool((points == points[0]).all()):
        return _one_verdict(count, 0, smallest, core)
    return _hdbscan(points, settings, smallest, core)


def found_flat(count: int, settings: ClusterSettings) -> bool:
    """Whether the tree of a map of so many points is found as that of a flat one (`core.space.spanning`)."""
    return count > FLAT_PAST and _sizes(count, settings)[1] <= _MOST_NEIGHBOURS


def _sizes(count: int, settings: ClusterSettings) -> tuple[int, int]:
    """The smallest cluster and the neighbours that make a place dense."""
    smallest = settings.min_cluster_size or int(np.clip(round(0.01 * count), 5, 50))
    return smallest, max(1, min(settings.min_samples or min(smallest, 10), count - 1))


def _hdbscan(points: NDArray[np.float64], settings: ClusterSettings, smallest: int, core: int) -> Clusters:
    flat = points.shape[1] == 2 and found_flat(len(points), settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = (_of_flat_tree if flat else _of_exact_tree)(points, settings, smallest, core)
        outlying = np.nan_to_num(_glosh(found.raw), nan=0.0, posinf=1.0, neginf=0.0)
    tree = _tree(found.raw)
    order = _by_size(found.labels)
    renumbered = np.full(len(order) + 1, -1, np.int32)
    renumbered[order] = np.arange(len(order))
    labels = renumbered[found.labels]
    persistence = np.nan_to_num(np.asarray(found.persistence)[order], nan=1.0, posinf=1.0)
    return Clusters(
        labels,
        np.nan_to_num(found.probabilities, nan=1.0).astype(np.float32),
        np.clip(outlying, 0.0, 1.0).astype(np.float32),
        np.clip(persistence, 0.0, 1.0).astype(np.float32),
        _nodes(tree, labels, len(order)),
        tree,
        smallest,
        core,
    )


@dataclass(frozen=True)
class _Found:
    """What hdbscan finds: ``[N]`` labels and probabilities, ``[C]`` persistence, and its own condensed tree."""

    labels: NDArray[np.integer]
    probabilities: NDArray[np.float64]
    persistence: NDArray[np.float64]
    raw: NDArray[Any]


def _of_exact_tree(points: NDArray[np.float64], settings: ClusterSettings, smallest: int, core: int) -> _Found:
    from hdbscan import HDBSCAN

    found = HDBSCAN(
        min_cluster_size=smallest,
        min_samples=core,
        cluster_selection_method=settings.method,
        cluster_selection_epsilon=float(settings.epsilon),
        algorithm="boruvka_kdtree",
        approx_min_span_tree=False,
        core_dist_n_jobs=1,
    ).fit(points)
    return _Found(found.labels_, found.probabilities_, found.cluster_persistence_, found.condensed_tree_.to_numpy())


def _of_flat_tree(points: NDArray[np.float64], settings: ClusterSettings, smallest: int, core: int) -> _Found:
    """hdbscan's own steps after the spanning tree, over ours; it has no public way to be given one."""
    from hdbscan._hdbscan_linkage import label
    from hdbscan.hdbscan_ import _tree_to_labels

    labels, probabilities, persistence, raw, _ = _tree_to_labels(
        points,
        label(spanning_tree(points, core)),
        smallest,
        settings.method,
        cluster_selection_epsilon=float(settings.epsilon),
    )
    return _Found(labels, probabilities, persistence, raw)


def _glosh(raw: NDArray[Any]) -> NDArray[np.float64]:
    from hdbscan._hdbscan_tree import outlier_scores

    scores: NDArray[np.float64] = outlier_scores(raw)
    return scores


def _by_size(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """The old labels in their new order: by size, largest first, then by lowest row."""
    named, first, size = np.unique(labels, return_index=True, return_counts=True)
    real = named >= 0
    order: NDArray[np.int64] = named[real][np.lexsort((first[real], -size[real]))].astype(np.int64)
    return order


def _tree(raw: NDArray[Any]) -> CondensedTree:
    density = raw["lambda_val"].astype(np.float64)
    finite = np.isfinite(density)
    density[~finite] = 2.0 * density[finite].max() if finite.any() else 1.0
    return CondensedTree(
        raw["parent"].astype(np.int32), raw["child"].astype(np.int32), density, raw["child_size"].astype(np.int32)
    )


def _nodes(tree: CondensedTree, labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """``[count]``: the node where each cluster's rows meet. A parent's number is always below its child's."""
    rows = len(labels)
    above = dict(zip(tree.child[tree.child >= rows].tolist(), tree.parent[tree.child >= rows].tolist(), strict=True))
    leaving = tree.child < rows
    left_from = np.empty(rows, np.int64)
    left_from[tree.child[leaving]] = tree.parent[leaving]
    nodes = np.empty(count, np.int32)
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(count + 1))
    for label in range(count):
        meeting = set(np.unique(left_from[order[ends[label] : ends[label + 1]]]).tolist())
        while len(meeting) > 1:
            deepest = max(meeting)
            meeting.remove(deepest)
            meeting.add(above[deepest])
        nodes[label] = meeting.pop()
    return nodes


def _one_verdict(count: int, label: int, smallest: int, core: int) -> Clusters:
    """All points noise (-1), without a tree, or all one cluster (0), which is then the root."""
    together = label == 0
    rows = count if together else 0
    tree = CondensedTree(
        np.full(rows, count, np.int32), np.arange(rows, dtype=np.int32), np.ones(rows), np.ones(rows, np.int32)
    )
    return Clusters(
        np.full(count, label, np.int32),
        np.full(count, 1.0 if together else 0.0, np.float32),
        np.zeros(count, np.float32),
        np.ones(int(together), np.float32),
        np.full(int(together), count, np.int32),
        tree,
        smallest,
        core,
    )
