"""From neighbours among distinct vectors to neighbours among rows, where several rows have the same vector.

The contract: the nearest k rows lie within the nearest k distinct vectors that hold an eligible row, so a list of k
vectors is enough; each is replaced by its rows in order of their ids, less the row itself or its own group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ENTRIES = 4_000_000  # rows of the flattened lists held at once


@dataclass(frozen=True)
class Members:
    """Which rows have a node's vector, at most ``2 k`` of them, by id.

    Of each group at most k rows are kept, and of those the first 2 k: a row that leaves out one group still finds its
    first k there.

    Attributes:
        rows: ``[M]`` int64, grouped by node. start, size: ``[U]`` int64.
        sure: ``[U]`` int64, how many of them at least remain whichever single group is left out.
        group: ``[U]`` int64, the one group of all rows of a node, or -1 for several.
        first: ``[U]`` int64, the lowest row id, -1 for a node without rows.
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    sure: NDArray[np.int64]
    group: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(
        cls, node_of_row: NDArray[np.int64], groups: NDArray[np.int64], rows: NDArray[np.int64], nodes: int, k: int
    ) -> Members:
        """Members among `rows` (ascending ids) only, for nodes ``0 … nodes - 1``."""
        node, group = node_of_row[rows], groups[rows]
        by_group = np.lexsort((rows, group, node))
        rank = np.empty(len(rows), np.int64)
        rank[by_group] = _rank_in_runs(node[by_group], group[by_group])
        per_group = rank < k
        rows, node, group = rows[per_group], node[per_group], group[per_group]
        by_node = np.lexsort((rows, node))
        rows, node, group = rows[by_node], node[by_node], group[by_node]
        within = _rank_in_runs(node) < 2 * k
        rows, node, group = rows[within], node[within], group[within]

        size = np.bincount(node, minlength=nodes)
        start = np.cumsum(size) - size
        first = np.full(nodes, -1, np.int64)
        first[size > 0] = rows[start[size > 0]]
        one = np.full(nodes, -1, np.int64)
        one[node[::-1]] = group[::-1]
        several = np.zeros(nodes, bool)
        several[node[group != one[node]]] = True
        largest = np.zeros(nodes, np.int64)
        pair = np.lexsort((group, node))
        np.maximum.at(largest, node[pair], _rank_in_runs(node[pair], group[pair]) + 1)
        sure = np.where(several, size - largest, size)
        return cls(rows, start, size, sure, np.where(several, -1, one), first)


def _rank_in_runs(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of every entry within its run of equal keys."""
    count = len(keys[0])
    new = np.ones(count, bool)
    if count:
        new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    places = np.arange(count)
    return places - np.maximum.accumulate(np.where(new, places, 0))


def to_rows(
    nodes: NDArray[np.int64],
    distances: NDArray[np.float32],
    members: Members,
    k: int,
    *,
    row_group: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
    own: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Replace neighbouring nodes by their rows.

    Args:
        nodes: ``[n, K]`` nearest nodes, -1 for none; distances: ``[n, K]``, ascending.
        k: Columns of the result.
        row_group: ``[N]`` the group of every row that can be a neighbour.
        groups: ``[n]`` the group that each query leaves out, or ``None``.
        own: ``[n]`` the query's own row, put first at distance 0, or ``None``.

    Returns:
        ``[n, k]`` int32 row ids and float32 distances, by distance and then id.
    """
    indices = np.where(nodes[:, :k] >= 0, members.first[nodes[:, :k]], -1).astype(np.int32)
    out = distances[:, :k].copy()
    if indices.shape[1] < k:
        missing = ((0, 0), (0, k - indices.shape[1]))
        indices = np.pad(indices, missing, constant_values=-1)
        out = np.pad(out, missing, constant_values=np.inf)
    if own is not None:
        indices[:, 0], out[:, 0] = own, 0.0
    size = np.where(nodes >= 0, members.size[nodes], 0)
    several = np.flatnonzero((size > 1).any(axis=1))
    longest = size[several].sum(axis=1)
    chunk = np.cumsum(longest) // _ENTRIES
    for part in np.split(several, np.flatnonzero(np.diff(chunk)) + 1):
        if len(part):
            indices[part], out[part] = _flatten(
                nodes[part],
                distances[part],
                members,
                k,
                row_group,
                None if groups is None else groups[part],
                None if own is None else own[part],
            )
    return indices, out


def _flatten(
    nodes: NDArray[np.int64],
    distances: NDArray[np.float32],
    members: Members,
    k: int,
    row_group: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    own: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    size = np.where(nodes >= 0, members.size[nodes], 0)
    # Nodes behind enough strictly nearer rows cannot contribute (the row itself may be one of those, hence k + 1).
    sure = np.where(nodes >= 0, members.sure[nodes], 0)
    before = np.cumsum(sure, axis=1) - sure
    nearer = np.ones(nodes.shape, bool)
    nearer[:, 1:] = distances[:, 1:] != distances[:, :-1]
    size[np.maximum.accumulate(np.where(nearer, before, 0), axis=1) > k] = 0

    flat = size.ravel()
    query = np.repeat(np.repeat(np.arange(len(nodes)), nodes.shape[1]), flat)
    offset = np.arange(flat.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
    row = members.rows[np.repeat(members.start[nodes].ravel(), flat) + offset]
    distance = np.repeat(distances.ravel(), flat)
    fits = np.ones(len(row), bool) if groups is None else row_group[row] != groups[query]
    ahead = 0
    if own is not None:
        fits &= row != own[query]
        ahead = 1
    query, row, distance = query[fits], row[fits], distance[fits]
    order = np.lexsort((row, distance, query))
    query, row, distance = query[order], row[order], distance[order]
    place = _rank_in_runs(query) + ahead
    taken = place < k
    indices = np.full((len(nodes), k), -1, np.int32)
    out = np.full((len(nodes), k), np.inf, np.float32)
    indices[query[taken], place[taken]] = row[taken]
    out[query[taken], place[taken]] = distance[taken]
    if own is not None:
        indices[:, 0], out[:, 0] = own, 0.0
    return indices, out
