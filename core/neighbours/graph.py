"""The neighbour graph: one pass over blocks of similarities, two selectors.

The contract:
- ``all`` holds every row's nearest rows of the whole collection, itself first, also among hundreds of equal rows;
- ``reference`` holds its nearest reference rows outside its own group, which is masked before the selection;
- ties break by row id; distances are ``1 - e·e'`` in float32, 0 between rows with the same bits;
- a product of two blocks serves the rows of both, so each pair of rows is multiplied once;
- consumers slice; asking a graph for more columns than it has is a `GraphError`, never a second search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import EmbeddingError, GraphError
from core.neighbours.identical import Members, to_rows
from core.neighbours.select import MASKED, SELF, NearestColumns
from core.neighbours.vectors import Nodes, Vectors, check_shape, find_nodes, full_precision, graph_device, similarity
from core.progress import Progress, silent

_BLOCK = {"cpu": 2048, "cuda": 8192}


@dataclass(frozen=True)
class Graph:
    """Neighbours of N rows.

    Attributes:
        indices: ``[N, K]`` int32 row ids, nearest first, ties by id.
        distances: ``[N, K]`` float32 cosine distances in [0, 2]; larger is further.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]

    @property
    def k(self) -> int:
        """Columns of the graph."""
        return int(self.indices.shape[1])

    def first(self, k: int) -> Graph:
        """The nearest `k` columns, as views.

        Raises:
            GraphError: the graph has fewer than `k` columns, or `k` is below 1.
        """
        if not 1 <= k <= self.k:
            raise GraphError(
                f"k must be in [1, {self.k}] for this neighbour graph, got {k}; "
                "choose a smaller k or compute the graph with more columns"
            )
        return Graph(self.indices[:, :k], self.distances[:, :k])


@dataclass(frozen=True)
class Graphs:
    """What one pass over the similarities leaves: see the module's contract for the two graphs."""

    all: Graph
    reference: Graph


def largest_k(groups: NDArray[np.integer] | None, reference: NDArray[np.bool_]) -> int:
    """The largest k that every row can be scored with: min over groups g of the reference rows outside g.

    Args:
        groups: ``[N]`` group of every row; ``None`` when each row is its own.
        reference: ``[N]`` which rows are reference.

    Returns:
        0 when there is no reference, or when one group holds all of it.
    """
    reference = np.asarray(reference, bool)
    total = int(reference.sum())
    if total == 0:
        return 0
    if groups is None:
        return total - 1
    return total - int(np.unique(np.asarray(groups)[reference], return_counts=True)[1].max())


def similarity_graphs(
    embeddings: Vectors,
    *,
    reference: NDArray[np.bool_],
    k_all: int,
    k_reference: int,
    groups: NDArray[np.integer] | None = None,
    device: str | torch.device = "cpu",
    block: int | None = None,
    keep_bytes: int | None = None,
    progress: Progress = silent,
) -> Graphs:
    """Compare the collection with itself once.

    Args:
        embeddings: ``[N, D]`` floating array or tensor, of any length; a memory map is read block by block.
        reference: ``[N]`` bool, which rows are reference.
        k_all: Columns of ``all``, the row itself included, at least 1; N when larger.
        k_reference: Columns of ``reference``, at most `largest_k`; 0 leaves that graph empty.
        groups: ``[N]`` integers, rows that are not independent of each other; ``None``: each row its own group.
        device: ``cuda`` computes and selects there; everything else runs on the CPU.
        block: Rows in one product; peak extra memory is about ``8 * block**2`` bytes. Results agree within 1e-6 between
            block sizes, and are byte-equal for the same block, device and thread count.
        keep_bytes: Unit vectors are kept on the device when they need no more than this (default: 4 GiB on the CPU,
            half of the free memory on CUDA); otherwise blocks are read again.
        progress: Called with (products done, products in total).

    Returns:
        Two graphs of N rows.

    Raises:
        EmbeddingError: wrong shape, or a row that is zero or not finite (the first is named).
        GraphError: a k is out of range; the message names the range and the way out.
    """
    if k_all < 1:
        raise GraphError(f"k_all must be at least 1, got {k_all}: the first neighbour is the row itself")
    return _compare(embeddings, reference, groups, k_all, k_reference, device, block, keep_bytes, progress)


def reference_graph(
    embeddings: Vectors,
    *,
    reference: NDArray[np.bool_],
    k: int,
    groups: NDArray[np.integer] | None = None,
    device: str | torch.device = "cpu",
    block: int | None = None,
    keep_bytes: int | None = None,
    progress: Progress = silent,
) -> Graph:
    """The ``reference`` graph of `similarity_graphs` alone; rows outside the reference do not meet each other."""
    return _compare(embeddings, reference, groups, 0, k, device, block, keep_bytes, progress).reference


def _compare(
    embeddings: Vectors,
    reference: NDArray[np.bool_],
    groups: NDArray[np.integer] | None,
    k_all: int,
    k_reference: int,
    device: str | torch.device,
    block: int | None,
    keep_bytes: int | None,
    progress: Progress,
) -> Graphs:
    reference, own_groups = checked(embeddings, reference, groups, k_reference)
    where = graph_device(device)
    step = _BLOCK[where.type] if block is None else block
    if step < 1:
        raise GraphError(f"block must be at least 1, got {step}")
    with full_precision():
        nodes = find_nodes(embeddings, reference, where, keep_bytes)
        work = Pass(nodes, reference, own_groups, min(k_all, len(reference)), k_reference)
        work.run(step, progress)
        return Graphs(work.whole_graph(), work.reference_graph(step))


def checked(
    embeddings: Vectors, reference: NDArray[np.bool_], groups: NDArray[np.integer] | None, k_reference: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """``[N]`` reference and groups, the latter numbered from 0, once they and `k_reference` fit the embeddings."""
    count, _ = check_shape(embeddings)
    reference = np.asarray(reference, bool)
    own_groups = np.arange(count) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if reference.shape != (count,) or own_groups.shape != (count,):
        raise EmbeddingError(
            f"groups and reference must have one entry for each of {count} embeddings, "
            f"got shapes {own_groups.shape} and {reference.shape}"
        )
    _check_reference(k_reference, largest_k(groups, reference), reference)
    return reference, own_groups.astype(np.int64)


def _check_reference(k: int, largest: int, reference: NDArray[np.bool_]) -> None:
    if 0 <= k <= largest:
        return
    if not reference.any():
        raise GraphError("there is no reference to compare with; choose reference conditions that some region meets")
    if largest == 0:
        raise GraphError(
            "the whole reference is one group, so nothing outside a region's own group remains to compare with; "
            "give a reference of two or more groups"
        )
    raise GraphError(
        f"k must be in [1, {largest}] for this reference set, got {k}; choose a smaller k or a larger reference"
    )


class Pass:
    """One pass over the pairs of nodes; holds the selectors while it runs."""

    def __init__(
        self,
        nodes: Nodes,
        reference: NDArray[np.bool_],
        groups: NDArray[np.int64],
        k_all: int,
        k_reference: int,
    ) -> None:
        self.nodes, self.groups, self.k_all, self.k_reference = nodes, groups, k_all, k_reference
        device, count = nodes.device, nodes.count
        rows = np.arange(len(groups))
        self.members = Members.of(nodes.of_row, np.zeros_like(groups), rows, count, k_all)
        self.known = Members.of(nodes.of_row, groups, np.flatnonzero(reference), count, k_reference)
        # The group of a node's rows as queries, and of its reference rows as neighbours; -2 and -1 when several.
        self.row_group = Members.of(nodes.of_row, groups, rows, count, 1).group
        self.row_group = np.where(self.row_group < 0, -2, self.row_group)
        self.columns = torch.from_numpy(self.members.first).to(device)
        self.known_columns = torch.from_numpy(self.known.first).to(device)
        self.query_group = torch.from_numpy(self.row_group).to(device)
        self.column_group = torch.from_numpy(self.known.group).to(device)
        self.width = min(k_reference, nodes.references)

    def run(self, step: int, progress: Progress) -> None:
        """All pairs of blocks, each once."""
        count, device = self.nodes.count, self.nodes.device
        self.all = NearestColumns(count if self.k_all else 0, min(self.k_all, count), device, self_first=True)
        self.near = NearestColumns(count if self.k_reference else 0, self.width, device)
        tiles = [(start, min(start + step, self.nodes.count)) for start in range(0, self.nodes.count, step)]
        reach = len(tiles) if self.k_all else (-(-self.nodes.references // step) if self.k_reference else 0)
        total = sum(len(tiles) - first for first in range(reach))
        done = 0
        for first in range(reach):
            left = self.nodes.block(*tiles[first])
            for second in range(first, len(tiles)):
                progress(done, total)
                right = left if second == first else self.nodes.block(*tiles[second])
                tile = similarity(left, right)
                if second == first:
                    tile.fill_diagonal_(SELF)
                self._offer(tiles[first], tiles[second], tile)
                if second != first:
                    self._offer(tiles[second], tiles[first], tile.T)
                done += 1
        progress(total, total)

    def _offer(self, rows: tuple[int, int], columns: tuple[int, int], tile: Tensor) -> None:
        """Give both selectors one tile: rows and columns are ranges of nodes."""
        if self.k_all:
            self.all.take(rows[0], tile, self.columns[slice(*columns)])
        begin, end = columns[0], min(columns[1], self.nodes.references)
        if self.k_reference and begin < end:
            known = mask_own(tile[:, : end - begin], self.query_group[slice(*rows)], self.column_group[begin:end])
            self.near.take(rows[0], known, self.known_columns[begin:end])

    def whole_graph(self) -> Graph:
        """Rows by rows: the nearest of everything, the row itself first."""
        if not self.k_all:
            return _empty(len(self.groups))
        nodes, distances = self.found(self.all)
        of_row = self.nodes.of_row
        everyone = np.arange(len(of_row))
        return Graph(
            *to_rows(nodes[of_row], distances[of_row], self.members, self.k_all, row_group=self.groups, own=everyone)
        )

    def reference_graph(self, step: int) -> Graph:
        """Rows by reference rows outside the row's own group."""
        if not self.k_reference:
            return _empty(len(self.groups))
        nodes, distances = self.found(self.near)
        nodes, distances = nodes[self.nodes.of_row], distances[self.nodes.of_row]
        mixed = np.flatnonzero(self.row_group[self.nodes.of_row] == -2)
        if len(mixed):
            nodes[mixed], distances[mixed] = self.exact_reference(mixed, step)
        known = to_rows(nodes, distances, self.known, self.k_reference, row_group=self.groups, groups=self.groups)
        return Graph(*known)

    def found(self, selector: NearestColumns) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A selector's columns as nodes, -1 for none, and their distances."""
        rows, distances = selector.result()
        return np.where(rows >= 0, self.nodes.of_row[rows], -1), distances

    def exact_reference(self, rows: NDArray[np.int64], step: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """``[n, K]`` nodes and distances of rows, each compared with the whole reference less its own group.

        Needed where a row's vector also occurs in another group, and where an approximate search needs the truth.
        """
        pairs = np.stack([self.nodes.of_row[rows], self.groups[rows]])
        (node, group), inverse = np.unique(pairs, axis=1, return_inverse=True)
        inverse = inverse.reshape(-1)
        found = NearestColumns(len(node), self.width, self.nodes.device)
        node_here = torch.from_numpy(node).to(self.nodes.device)
        group_here = torch.from_numpy(group).to(self.nodes.device)
        for begin in range(0, self.nodes.references, step):
            end = min(begin + step, self.nodes.references)
            right = self.nodes.block(begin, end)
            ids = torch.arange(begin, end, device=self.nodes.device)
            for start in range(0, len(node), step):
                part = slice(start, start + step)
                tile = similarity(self.nodes.pick(node[part]), right)
                tile.masked_fill_(node_here[part, None] == ids, SELF)
                tile = mask_own(tile, group_here[part], self.column_group[begin:end])
                found.take(start, tile, self.known_columns[begin:end])
        nodes, distances = self.found(found)
        return nodes[inverse], distances[inverse]


def mask_own(tile: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The tile with pairs of one group masked; the tile itself where there is no such pair."""
    if not bool(torch.isin(rows, columns).any()):
        return tile
    return tile.masked_fill(rows[:, None] == columns, MASKED)


def _empty(rows: int) -> Graph:
    return Graph(np.empty((rows, 0), np.int32), np.empty((rows, 0), np.float32))
