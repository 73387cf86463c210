"""The collection on a plane: UMAP from the shared neighbour graph, with labels or without, or its two widest axes.

McInnes, Healy & Melville 2018, arXiv 1802.03426, by umap-learn. The contract:
- umap-learn lays out, and only that: neighbours come from the shared graph, exactly ``n_neighbors`` columns of it, and
  their weights from `memberships`;
- no point is cut off (umap-learn would drop cosine neighbours at distance 2 and then place such a point nowhere);
- the layout runs on one thread and gives the same bytes again, by umap-learn or, when fast, by `core.space.layout`;
- collections too small or too uniform for UMAP get the plane that is left to draw them on.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.graph import Graph
from core.neighbours.vectors import Vectors, check_shape
from core.settings import ProjectionSettings
from core.space.memberships import memberships
from core.space.start import principal_plane, start_positions
from core.space.supervised import meet_labels

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_TOO_FEW = 5
_SPREAD = 1.0


def project(
    graph: Graph,
    embeddings: Vectors,
    settings: ProjectionSettings | None = None,
    labels: NDArray[np.integer] | None = None,
) -> NDArray[np.float32]:
    """Lay the collection out on a plane.

    Args:
        graph: The whole collection's graph (`Graphs.all`), each row itself first, with at least
            ``min(n_neighbors, N - 1)`` columns.
        embeddings: ``[N, D]`` floating; only where the points begin depends on them, the rest on the graph.
        settings: ``n_neighbors`` counts the point itself and is clamped below N.
        labels: ``[N]`` codes, -1 where unknown, for ``supervised``; without any known label the map is UMAP's.

    Returns:
        ``[N, 2]`` float32, finite, without unit: near points are similar, far ones need not differ in proportion. Fewer
        than five rows lie on their principal plane; rows that are all equal lie on one point.

    Raises:
        GraphError: the graph has too few columns, other rows than the embeddings, or a row that does not begin with
            itself.
        EmbeddingError: wrong shape, or a row that is zero or not finite.
    """
    settings = settings or ProjectionSettings()
    count, _ = check_shape(embeddings)
    if len(graph.indices) != count:
        raise GraphError(f"the graph has {len(graph.indices)} rows and the embeddings {count}; compute the graph again")
    if count >= _TOO_FEW and settings.method != "pca":
        near = graph.first(min(settings.n_neighbors, count - 1))
        if not np.array_equal(near.indices[:, 0], np.arange(count)):
            raise GraphError("every row of the graph must begin with itself; pass the graph of the whole collection")
        if bool(near.distances.any()) or not _all_equal(embeddings):
            weights = memberships(near)
            if settings.method == "supervised" and labels is not None and (np.asarray(labels) >= 0).any():
                weights = meet_labels(weights, np.asarray(labels))
            lay_out = _fast if settings.fast else _umap
            return lay_out(weights, start_positions(embeddings, near, seed=settings.seed), settings)
    points = principal_plane(embeddings, seed=settings.seed)
    width = np.abs(points).max()
    # Equal rows differ here by rounding only; an angle is seen from about 1e-3 on.
    return (points / width if width > 1e-4 else np.zeros_like(points)).astype(np.float32)


def _all_equal(embeddings: Vectors) -> bool:
    """Whether all rows have one direction, told by their spread along the principal axis."""
    return bool(np.abs(principal_plane(embeddings, seed=0)).max() < 1e-4)


def _umap(weights: coo_matrix, start: NDArray[np.float32], settings: ProjectionSettings) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        # About threads given up for a seed: they are meant to be.
        warnings.simplefilter("ignore")
        from umap.umap_ import find_ab_params, simplicial_set_embedding

        slope, power = find_ab_params(_SPREAD, settings.min_dist)
        placed, _ = simplicial_set_embedding(
            start,
            weights,
            n_components=2,
            initial_alpha=1.0,
            a=slope,
            b=power,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=None,
            init=start,
            random_state=np.random.RandomState(settings.seed),
            metric="cosine",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
        )
    return np.ascontiguousarray(placed, dtype=np.float32)


def _fast(weights: coo_matrix, start: NDArray[np.float32], settings: ProjectionSettings) -> NDArray[np.float32]:
    # numba's compiler is loaded only where it is used.
    from core.space.layout import lay_out

    return lay_out(weights, start, spread=_SPREAD, min_dist=settings.min_dist, seed=settings.seed)
