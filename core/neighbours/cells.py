"""Cells of similar vectors, and which cells to look into for the neighbours of a cell's rows.

The inverted file of Jégou, Douze & Schmid 2011 (doi 10.1109/TPAMI.2010.57) without its codes: vectors are divided by
the nearest of a few centroids (spherical k-means on a sample), and neighbours are sought in the cells that most of a
cell's rows have among their nearest centroids. How many cells is not guessed: the exact neighbours of a sample of rows
say how many are needed for the wanted share of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.neighbours.vectors import Nodes, similarity

_ROUNDS = 8
_PER_CELL = 64  # rows of the sample for each centroid
_READ = 4096
_VOTES = 16  # nearest centroids of a row that vote for their cells
_ROWS_IN_A_CELL = 512
_MOST_CELLS = 4096  # their order takes the square of this


@dataclass(frozen=True)
class Cells:
    """A division of U nodes into C cells.

    Attributes:
        members: ``[U]`` int64 nodes by cell, ascending within one, so reference nodes come first there.
        begins: ``[C + 1]`` int64, where each cell begins in `members`.
        known: ``[C]`` int64, reference nodes of each cell.
        order: ``[C, C]`` int32, for each cell all cells, the most promising first, itself always the first.
    """

    members: NDArray[np.int64]
    begins: NDArray[np.int64]
    known: NDArray[np.int64]
    order: NDArray[np.int32]

    @property
    def count(self) -> int:
        """C."""
        return len(self.known)

    def of(self, cell: int, *, known: bool = False) -> NDArray[np.int64]:
        """Nodes of a cell, or only those that hold reference rows."""
        begin = self.begins[cell]
        return self.members[begin : begin + self.known[cell] if known else self.begins[cell + 1]]

    def cell_of_node(self) -> NDArray[np.int32]:
        """``[U]``: the cell of every node."""
        cell = np.empty(len(self.members), np.int32)
        cell[self.members] = np.repeat(np.arange(self.count, dtype=np.int32), np.diff(self.begins))
        return cell


def divide(nodes: Nodes, seed: int, cells: int | None = None) -> Cells:
    """Divide nodes into cells of about 512 (or into `cells`); the same cells for the same nodes and seed."""
    usual = min(round(nodes.count / _ROWS_IN_A_CELL), _MOST_CELLS)
    count = min(max(1, usual if cells is None else cells), nodes.count)
    centroids = _centroids(nodes, count, seed)
    cell = np.empty(nodes.count, np.int64)
    votes = np.zeros((count, count), np.int32)
    similar = similarity(centroids, centroids).cpu().numpy()
    nearest = min(_VOTES, count)
    for start in range(0, nodes.count, _READ):
        part = nodes.block(start, min(start + _READ, nodes.count))
        best = torch.topk(similarity(part, centroids), nearest, dim=1).indices.cpu().numpy()
        cell[start : start + len(best)] = best[:, 0]
        np.add.at(votes, (np.repeat(best[:, 0], nearest), best.ravel()), 1)
    members = np.argsort(cell, kind="stable")
    size = np.bincount(cell, minlength=count)
    known = np.bincount(cell[: nodes.references], minlength=count)
    order = np.empty((count, count), np.int32)
    for own in range(count):
        # Cells without a vote follow by the similarity of their centroids, which is below 2.
        promise = votes[own] * 4.0 + similar[own]
        promise[own] = np.inf
        order[own] = np.argsort(-promise, kind="stable")
    return Cells(members, np.concatenate([[0], np.cumsum(size)]), known, order)


def _centroids(nodes: Nodes, count: int, seed: int) -> Tensor:
    """``[count, D]`` unit vectors: spherical k-means (Dhillon & Modha 2001) on a sample of the nodes."""
    rng = np.random.default_rng(seed)
    wanted = min(nodes.count, _PER_CELL * count)
    picked = np.sort(rng.choice(nodes.count, wanted, replace=False))
    sample = nodes.pick(picked)
    centroids = sample[torch.from_numpy(rng.choice(wanted, count, replace=False)).to(sample.device)].clone()
    for _ in range(_ROUNDS):
        parts = [sample[start : start + _READ] for start in range(0, wanted, _READ)]
        nearest = torch.cat([similarity(part, centroids).argmax(dim=1) for part in parts])
        sums = torch.zeros_like(centroids).index_add_(0, nearest, sample)
        length = torch.linalg.vector_norm(sums, dim=1, keepdim=True)
        # A centroid that lost all its rows stays where it was.
        centroids = torch.where(length > 0, sums / length.clamp(min=1e-12), centroids)
    return centroids


def enough(cells: Cells, own: NDArray[np.int32], found: NDArray[np.int32], recall: float, *, known: bool) -> int:
    """How many cells of `Cells.order` hold the wanted share of some rows' neighbours.

    Args:
        own: ``[n]`` cells of a sample of rows.
        found: ``[n, k]`` cells of their exact neighbours.
        recall: Share wanted, in (0, 1].
        known: Whether only cells with reference nodes count.
    """
    ranks = np.empty(found.shape, np.int64)
    for row, (cell, others) in enumerate(zip(own, found, strict=True)):
        place = np.empty(cells.count, np.int64)
        order = cells.order[cell]
        place[order] = np.cumsum(cells.known[order] > 0) - 1 if known else np.arange(cells.count)
        ranks[row] = place[others]
    return int(np.sort(ranks, axis=None)[max(0, int(np.ceil(recall * ranks.size)) - 1)]) + 1


def lists(cells: Cells, cell: int, probes: int, *, known: bool, at_least: int) -> NDArray[np.int32]:
    """The cells to look into: the first `probes`, and more until they hold `at_least` nodes."""
    order = cells.order[cell]
    size = cells.known[order] if known else np.diff(cells.begins)[order]
    order, size = order[size > 0], size[size > 0]
    need = int(np.searchsorted(np.cumsum(size), at_least)) + 1
    found: NDArray[np.int32] = order[: max(probes, need)]
    return found


def chunks(nodes: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """The same nodes in pieces of at most `most`."""
    for start in range(0, len(nodes), most):
        yield nodes[start : start + most]
