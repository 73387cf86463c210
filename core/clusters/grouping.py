"""A run's clusters as people have arranged them: the run's own, changed by edits one after the other.

The contract:
- the run is never changed; edits are replayed over its labels, so the same edits always give the same clusters;
- a cluster's number is never used twice: those of the run come first, each new one takes the next;
- an edit that no longer makes sense (its cluster is gone) changes nothing; undo takes the last standing edit away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import SelectionError
from core.space.clusters import CondensedTree

KINDS = ("name", "merge", "split", "cut", "parts", "undo")
LONGEST_NAME = 120


@dataclass(frozen=True)
class Edit:
    """One thing that a person did.

    Attributes:
        key: Made by the client, once for each edit.
        kind: ``name`` (the first of `clusters`), ``merge`` (all of them), ``split`` (the first, where the tree parts),
            ``cut`` (the tree's `node` becomes one cluster), ``parts`` (the first, into `parts`), or ``undo``.
        name: The new name; for ``merge`` and ``cut`` it may be empty.
        parts: Rows of each part, as text ``0-9,12``; what is in none becomes noise.
        actor, at: Who, and when (UTC, ISO).
    """

    key: str
    kind: str
    actor: str
    at: str
    clusters: tuple[int, ...] = ()
    name: str = ""
    node: int | None = None
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SelectionError(f"an edit of clusters is one of {', '.join(KINDS)}, got {self.kind[:40]!r}")
        if len(self.name) > LONGEST_NAME:
            raise SelectionError(f"a cluster's name has up to {LONGEST_NAME} letters, got {len(self.name)}")


@dataclass(frozen=True)
class Grouping:
    """Clusters as they stand.

    Attributes:
        labels: ``[N]`` int32, a cluster's number or -1 for noise.
        names: Those that a person gave, by number.
        nodes: The tree's node that a cluster is, by number; ``None`` where it is no single one.
        next: The number that the next new cluster takes.
    """

    labels: NDArray[np.int32]
    names: Mapping[int, str]
    nodes: Mapping[int, int | None]
    next: int

    def numbers(self) -> list[int]:
        """Clusters with anything in them, largest first, then by number."""
        found, counts = np.unique(self.labels[self.labels >= 0], return_counts=True)
        return [int(number) for number in found[np.lexsort((found, -counts))]]

    def members(self, number: int) -> NDArray[np.int64]:
        """Rows of a cluster (-1: of the noise)."""
        return np.flatnonzero(self.labels == number)


@dataclass(frozen=True)
class Tree:
    """A condensed tree made ready for questions."""

    tree: CondensedTree
    rows: int
    children: Mapping[int, tuple[int, ...]] = field(init=False)
    parents: Mapping[int, int] = field(init=False)

    def __post_init__(self) -> None:
        inner = self.tree.child >= self.rows
        children: dict[int, list[int]] = {}
        for parent, child in zip(self.tree.parent[inner].tolist(), self.tree.child[inner].tolist(), strict=True):
            children.setdefault(parent, []).append(child)
        object.__setattr__(self, "children", {node: tuple(below) for node, below in children.items()})
        object.__setattr__(self, "parents", {child: node for node, below in children.items() for child in below})

    def below(self, node: int) -> list[int]:
        """The node and all under it."""
        found, wait = [], [node]
        while wait:
            found.append(wait.pop())
            wait.extend(self.children.get(found[-1], ()))
        return found

    def members(self, node: int) -> NDArray[np.int64]:
        """Rows that leave the tree at the node or below it, ascending."""
        leaves = (self.tree.child < self.rows) & np.isin(self.tree.parent, self.below(node))
        return np.sort(self.tree.child[leaves]).astype(np.int64)


def standing(edits: Sequence[Edit]) -> list[Edit]:
    """Edits that count: each undo takes away the last one that still did."""
    kept: list[Edit] = []
    for edit in edits:
        if edit.kind != "undo":
            kept.append(edit)
        elif kept:
            kept.pop()
    return kept


def replay(
    labels: NDArray[np.integer], nodes: Sequence[int], tree: CondensedTree | None, edits: Sequence[Edit]
) -> Grouping:
    """The clusters after all edits.

    Args:
        labels: ``[N]`` the run's own, noise -1.
        nodes: ``[C]`` each of its clusters' node; empty without a tree.
        tree: The run's condensed tree; without one, cuts and splits by it change nothing.
    """
    count = int(labels.max(initial=-1)) + 1
    known: dict[int, int | None] = {
        number: (int(nodes[number]) if number < len(nodes) else None) for number in range(count)
    }
    now = Grouping(np.array(labels, np.int32), {}, known, count)
    shape = Tree(tree, len(labels)) if tree is not None and len(tree.parent) else None
    for edit in standing(edits):
        now = _applied(now, edit, shape)
    return now


def _applied(now: Grouping, edit: Edit, tree: Tree | None) -> Grouping:
    there = set(np.unique(now.labels).tolist()) - {-1}
    clusters = [number for number in edit.clusters if number in there]
    if edit.kind == "cut":
        return (
            now if tree is None or edit.node is None else _regrouped(now, [tree.members(edit.node)], [edit.node], edit)
        )
    if not clusters:
        return now
    if edit.kind == "name":
        names = {**now.names, clusters[0]: edit.name}
        return Grouping(now.labels, {n: name for n, name in names.items() if name}, now.nodes, now.next)
    if edit.kind == "merge":
        return _merged(now, clusters, edit) if len(clusters) > 1 else now
    if edit.kind == "split":
        node = now.nodes.get(clusters[0])
        below = tree.children.get(node, ()) if tree is not None and node is not None else ()
        if len(below) < 2 or tree is None:
            return now
        rest = _emptied(now, clusters[0])
        return _regrouped(rest, [tree.members(child) for child in below], list(below), edit, named=False)
    parts = [np.array(rows_of(text, len(now.labels)), np.int64) for text in edit.parts]
    inside = now.labels == clusters[0]
    parts = [part[inside[part]] for part in parts]
    if sum(len(part) > 0 for part in parts) < 2:
        return now
    return _regrouped(_emptied(now, clusters[0]), parts, [None] * len(parts), edit, named=False)


def _merged(now: Grouping, clusters: Sequence[int], edit: Edit) -> Grouping:
    largest = max(clusters, key=lambda number: (int((now.labels == number).sum()), -number))
    name = edit.name or now.names.get(largest, "")
    labels = np.where(np.isin(now.labels, clusters), now.next, now.labels).astype(np.int32)
    names = {**now.names, now.next: name} if name else now.names
    return Grouping(labels, names, {**now.nodes, now.next: None}, now.next + 1)


def _emptied(now: Grouping, number: int) -> Grouping:
    return Grouping(np.where(now.labels == number, -1, now.labels).astype(np.int32), now.names, now.nodes, now.next)


def _regrouped(
    now: Grouping, parts: Sequence[NDArray[np.int64]], nodes: Sequence[int | None], edit: Edit, *, named: bool = True
) -> Grouping:
    """New clusters of given rows, whatever those belonged to."""
    labels, names, known, number = now.labels.copy(), dict(now.names), dict(now.nodes), now.next
    for part, node in zip(parts, nodes, strict=True):
        if len(part):
            labels[part] = number
            known[number] = node
            if named and edit.name:
                names[number] = edit.name
            number += 1
    return Grouping(labels, names, known, number)


def rows_text(rows: NDArray[np.integer]) -> str:
    """Ascending rows as ``0-9,12``."""
    if not len(rows):
        return ""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    runs = np.split(np.asarray(rows), breaks)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def rows_of(text: str, total: int) -> list[int]:
    """The inverse of `rows_text`.

    Raises:
        SelectionError: not written like that, or past the end.
    """
    rows: list[int] = []
    for piece in text.split(",") if text else []:
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) >= total:
            raise SelectionError(f"rows are written like 0-9,12 and end before {total}, got {piece[:30]!r}")
        rows.extend(range(int(first), int(last or first) + 1))
    return rows
