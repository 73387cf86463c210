"""The tree that HDBSCAN's hierarchy is read from, for large flat maps: exact, from few pairs of points.

Mutual reachability is the larger of a distance and both ends' core distances (Campello et al. 2013). An edge (p, q) of
its minimum spanning tree is one of three:
- no longer than a core distance of its ends: one end is among the nearest of the other;
- longer, and the circle over it is empty: p and q are neighbours in the Delaunay triangulation (Gabriel & Sokal 1969);
- longer, with a point s in that circle: then s is nearer to both than they are to each other, and unless its own core
  distance is at least |pq|, p-s-q would be a better way; so p and q are both among the nearest of s.
(de Berg, Gunawan & Roeloffzen 2019, arXiv 1702.08607, find the same by triangulations of higher order.)
The contract: one thread, no chance, ties by distance and then by row: equal maps give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def spanning_tree(points: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """The minimum spanning tree of mutual reachability.

    Args:
        points: ``[N, 2]`` finite, N >= 2; any may coincide, all may lie on a line. Where places lie nearer to each
            other than a 1e-8th of the map's width, a slightly longer edge may stand for one.
        neighbours: Whose distance is a point's core distance (``min_samples``), ``1 <= neighbours < N``.

    Returns:
        ``[N - 1, 3]``: two rows and the mutual reachability between them, the smallest first.
    """
    from scipy.spatial import cKDTree

    order = np.lexsort((np.arange(len(points)), points[:, 1], points[:, 0]))
    new = np.append(True, (points[order[1:]] != points[order[:-1]]).any(axis=1))
    rows = order[new]  # the first row of each place
    others, at = order[~new], (np.cumsum(new) - 1)[~new]  # the other rows, and their place
    places = points[rows]
    core = cKDTree(points).query(places, k=[neighbours + 1], workers=1)[0][:, 0]
    low, high, reach, apart = _between_places(places, core, neighbours)
    starts, ends = np.concatenate([rows[low], rows[at]]), np.concatenate([rows[high], others])
    reach, apart = np.concatenate([reach, core[at]]), np.concatenate([apart, np.zeros(len(others))])
    least = np.lexsort((apart, reach))
    return np.stack([starts[least].astype(np.float64), ends[least].astype(np.float64), reach[least]], axis=1)


def _between_places(
    places: NDArray[np.float64], core: NDArray[np.float64], neighbours: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The tree over places no two of which are one: both ends, reachability and distance, each ``[P - 1]``."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial import cKDTree

    count = len(places)
    if count == 1:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
    tree = cKDTree(places)
    distances, nearest = tree.query(places, k=min(neighbours + 2, count), workers=1)
    near = np.stack([np.repeat(np.arange(count), nearest.shape[1]), nearest.ravel()])
    edges = [near, _level(tree, core, distances), _adjacent(places), *_across(places, core, distances, nearest)]
    low, high = _pairs(np.concatenate(edges, axis=1), count)
    apart = np.sqrt(((places[low] - places[high]) ** 2).sum(axis=1))
    reach = np.maximum(np.maximum(core[low], core[high]), apart)
    order = np.lexsort((apart, reach))
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)  # no two alike and none zero, which scipy would take for no edge
    found = minimum_spanning_tree(csr_array((rank, (low, high)), shape=(count, count)))
    chosen = order[np.sort(found.data).astype(np.int64) - 1]
    return low[chosen], high[chosen], reach[chosen], apart[chosen]


def _level(tree: cKDTree, core: NDArray[np.float64], distances: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs ``[2, E]`` no further apart than a core distance, for places with more such pairs than were asked for."""
    more = np.flatnonzero(distances[:, -1] <= core)
    if not len(more):
        return np.empty((2, 0), np.int64)
    found = tree.query_ball_point(tree.data[more], core[more] * (1 + 1e-12), workers=1)
    sizes = np.array([len(one) for one in found])
    return np.stack([np.repeat(more, sizes), np.concatenate(found).astype(np.int64)])


def _pairs(edges: NDArray[np.integer], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of two rows once, the lower row first, in the order of rows."""
    low, high = edges.min(axis=0).astype(np.int64), edges.max(axis=0).astype(np.int64)
    code = (low * count + high)[low < high]
    code.sort()
    code = code[np.append(True, code[1:] != code[:-1])]
    return code // count, code % count


def _adjacent(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """``[2, E]``: neighbours of the triangulation; places are given in the order of their coordinates."""
    from scipy.spatial import Delaunay, QhullError

    rows = np.arange(len(places))
    line = np.stack([rows[:-1], rows[1:]])
    if len(places) < 4:  # too few to triangulate: each with each
        return np.concatenate([line, rows[[0, -1]][:, None]], axis=1)
    try:
        found = Delaunay(places)
    except QhullError:  # all on one line, where neighbours are those before and after
        return line
    corners = found.simplices.T.astype(np.int64)
    left_out = found.coplanar[:, [0, 2]].T.astype(np.int64)  # too near to another place, and that place
    return np.concatenate([line, left_out, corners[[0, 1]], corners[[1, 2]], corners[[2, 0]]], axis=1)


def _across(
    places: NDArray[np.float64],
    core: NDArray[np.float64],
    distances: NDArray[np.float64],
    nearest: NDArray[np.integer],
) -> Iterator[NDArray[np.int64]]:
    """Pairs ``[2, E]`` of the nearest of a place that lies between them and is more isolated than they are apart."""
    squares, limit = distances**2, core**2
    cores = core[nearest]
    for one, other in combinations(range(1, nearest.shape[1]), 2):
        least = squares[:, one] + squares[:, other]  # of |pq|², the place being in the circle over p and q
        higher = np.maximum(cores[:, one], cores[:, other])
        some = np.flatnonzero((least < limit) & (higher < core) & (higher < distances[:, one] + distances[:, other]))
        p, q = nearest[some, one], nearest[some, other]
        apart = ((places[p] - places[q]) ** 2).sum(axis=1)
        fits = (apart > least[some]) & (apart <= limit[some]) & (apart > higher[some] ** 2)
        yield np.stack([p[fits], q[fits]]).astype(np.int64)
