"""The condensed tree as a figure whose bars can be pressed: whole where it is small, else the way to large clusters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures import blank, plain
from dashboard.theme import CATEGORIES, Theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.clusters.grouping import Tree

MOST_BARS = 160
"""Nodes of a tree that is drawn whole."""
MOST_CLUSTERS = 60
"""Clusters drawn of a tree that is not."""
_LEAST_DENSITY = 1e-12


@dataclass(frozen=True)
class Bar:
    """A group of regions, from the density where it appears to where it parts into others or dissolves.

    Attributes:
        node: Of the tree, where the group appears.
        above: Node of the bar that it comes from; ``None`` for the root.
        size: Regions where it appears.
        birth, death: log10 of the densities.
    """

    node: int
    above: int | None
    size: int
    birth: float
    death: float


def bars(tree: Tree, clusters: Collection[int]) -> list[Bar]:
    """A tree's bars, the root first.

    Args:
        clusters: Nodes that are clusters. Of a tree above `MOST_BARS` nodes only the `MOST_CLUSTERS` largest of them
            are drawn, with what they part from; where a group merely loses regions and small clusters, it is one bar.
    """
    shape = tree.tree
    inner = shape.child >= tree.rows
    root = int(shape.parent.min())
    ids = np.concatenate([[root], shape.child[inner]]).tolist()
    size = dict(zip(ids, [tree.rows, *shape.size[inner].tolist()], strict=True))
    birth = dict(zip(ids, [float(shape.density.min()), *shape.density[inner].tolist()], strict=True))
    nodes, place = np.unique(shape.parent, return_inverse=True)
    last = np.full(len(nodes), -np.inf)
    np.maximum.at(last, place, shape.density)
    death = dict(zip(nodes.tolist(), last.tolist(), strict=True))
    death |= {node: min(birth[child] for child in below) for node, below in tree.children.items()}  # where it parts

    def bar(node: int, above: int | None, end: int) -> Bar:
        edges = (birth[node], death.get(end, birth[end]))
        return Bar(node, above, size[node], *(float(np.log10(max(edge, _LEAST_DENSITY))) for edge in edges))

    if len(size) <= MOST_BARS:
        return [bar(n, tree.parents.get(n), n) for n in sorted(size, key=lambda node: (-size[node], node))]
    drawn = set(sorted(set(clusters) & size.keys(), key=lambda node: (-size[node], node))[:MOST_CLUSTERS])
    ways = {root}
    for start in drawn:
        node = start
        while node not in ways:
            ways.add(node)
            node = tree.parents[node]

    def below(node: int) -> list[int]:
        return [] if node in drawn else [child for child in tree.children.get(node, ()) if child in ways]

    found, wait = [], [(root, None)]
    while wait:
        node, above = wait.pop(0)
        end = node
        while end not in drawn and len(only := below(end)) == 1 and only[0] not in drawn:
            end = only[0]
        found.append(bar(node, above, end))
        wait.extend((child, node) for child in below(end))
    return found


def figure(drawn: list[Bar], nodes: Mapping[int, int | None], names: Mapping[int, str], theme: Theme) -> go.Figure:
    """The tree; a bar carries its node as ``customdata``.

    Args:
        nodes: Which node each cluster is, as in `core.clusters.grouping.Grouping`.
        names: Of the clusters, by number; their bars are coloured.
    """
    across = _places(drawn)
    cluster_of = {node: number for number, node in nodes.items() if node is not None and number in names}
    order = {number: at for at, number in enumerate(names)}
    shown = blank(theme, 420, hovermode="closest")
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    for bar in drawn:
        if bar.above is not None:
            lines_x += [across[bar.above], across[bar.node], None]
            lines_y += [bar.birth, bar.birth, None]
    line = {"color": theme.palette.muted, "width": 1}
    shown.add_scatter(x=lines_x, y=lines_y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    colours, texts = [], []
    for bar in drawn:
        number = cluster_of.get(bar.node)
        colours.append(CATEGORIES[order[number] % 7] if number is not None else theme.palette.reference)
        said = plain(names[number]) if number is not None else "not a cluster of its own"
        does = "a click shows it" if number is not None else "a click cuts here: all of it becomes one cluster"
        texts.append(f"{said}<br>{bar.size:,} regions<br>{does}")
    most = max(bar.size for bar in drawn)
    shown.add_bar(
        x=[across[bar.node] for bar in drawn],
        y=[max(bar.death - bar.birth, 0.01) for bar in drawn],
        base=[bar.birth for bar in drawn],
        width=[0.18 + 0.66 * np.sqrt(bar.size / most) for bar in drawn],
        marker={"color": colours, "opacity": [0.95 if bar.node in cluster_of else 0.35 for bar in drawn]},
        customdata=[bar.node for bar in drawn],
        hovertext=texts,
        hoverinfo="text",
        showlegend=False,
    )
    shown.update_xaxes(visible=False)
    shown.update_yaxes(title_text="density on the map (closer together downwards)", autorange="reversed", tickvals=[])
    return shown


def _places(drawn: list[Bar]) -> dict[int, float]:
    """Where each bar stands across: those without others below side by side, the rest over the middle of these."""
    below: dict[int | None, list[int]] = {}
    for bar in drawn:
        below.setdefault(bar.above, []).append(bar.node)
    place: dict[int, float] = {}
    stack, leaves = [(drawn[0].node, False)], 0
    while stack:
        node, seen = stack.pop()
        under = sorted(below.get(node, ()))
        if not under:
            place[node] = float(leaves)
            leaves += 1
        elif seen:
            place[node] = float(np.mean([place[child] for child in under]))
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(under))
    return place
