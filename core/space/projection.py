"""The collection on a plane: UMAP from the shared neighbour graph.

McInnes, Healy & Melville 2018, arXiv 1802.03426, by umap-learn. The contract:
- umap-learn never searches neighbours: it is given exactly ``n_neighbors`` columns of the graph (wider arrays would be
  used whole below 4,096 rows, narrower ones silently searched again), copied (it writes into them), itself first;
- no point is cut off (umap-learn drops cosine neighbours at distance 2 and then places such a point nowhere);
- with a seed (the default) the layout runs on one thread and gives the same bytes again; the fast mode uses all threads
  and differs from call to call;
- collections too small or too uniform for UMAP get the plane that is left to draw them on.
"""

from __future__ import annotations

import threading
import warnings

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.graph import Graph
from core.neighbours.vectors import Vectors, check_shape
from core.settings import ProjectionSettings
from core.space.start import principal_plane, start_positions

_TOO_FEW = 5
# Two layouts at once can end the process where numba has only its own thread pool.
_ONE_AT_A_TIME = threading.Lock()


def project(graph: Graph, embeddings: Vectors, settings: ProjectionSettings | None = None) -> NDArray[np.float32]:
    """Lay the collection out on a plane.

    Args:
        graph: The whole collection's graph (`Graphs.all`), each row itself first, with at least
            ``min(n_neighbors, N - 1)`` columns.
        embeddings: ``[N, D]`` floating; only where the points begin depends on them, the rest on the graph.
        settings: ``n_neighbors`` counts the point itself and is clamped below N.

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
    if count >= _TOO_FEW:
        near = graph.first(min(settings.n_neighbors, count - 1))
        if not np.array_equal(near.indices[:, 0], np.arange(count)):
            raise GraphError("every row of the graph must begin with itself; pass the graph of the whole collection")
        if bool(near.distances.any()) or not _all_equal(embeddings):
            return _umap(near, start_positions(embeddings, near, seed=settings.seed), settings)
    points = principal_plane(embeddings, seed=settings.seed)
    width = np.abs(points).max()
    # Equal rows differ here by rounding only; an angle is seen from about 1e-3 on.
    return (points / width if width > 1e-4 else np.zeros_like(points)).astype(np.float32)


def _all_equal(embeddings: Vectors) -> bool:
    """Whether all rows have one direction, told by their spread along the principal axis."""
    return bool(np.abs(principal_plane(embeddings, seed=0)).max() < 1e-4)


def _umap(near: Graph, start: NDArray[np.float32], settings: ProjectionSettings) -> NDArray[np.float32]:
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # About threads given up for a seed and a search index not given: both are meant.
        warnings.simplefilter("ignore")
        from umap import UMAP

        layout = UMAP(
            n_neighbors=near.k,
            min_dist=settings.min_dist,
            metric="cosine",
            init=start,
            random_state=None if settings.fast else settings.seed,
            n_jobs=-1 if settings.fast else 1,
            disconnection_distance=np.inf,
            precomputed_knn=(
                near.indices.astype(np.int32, copy=True),
                near.distances.astype(np.float32, copy=True),
                None,
            ),
        )
        # The start stands in for the embeddings, of which only the number of rows is read when neighbours are given.
        placed = layout.fit_transform(start)
    return np.ascontiguousarray(placed, dtype=np.float32)
