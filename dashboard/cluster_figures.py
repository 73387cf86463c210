"""Clusters as figures: the condensed tree whose bars can be pressed, and what a cluster is made of beside the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures import blank, plain
from dashboard.theme import CATEGORIES, Theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.clusters.grouping import Tree
    from core.clusters.naming import Trait

MOST_NODES = 160


def tree_nodes(tree: Tree) -> list[tuple[int, int, float, float]]:
    """``(node, size, birth, death)`` of the largest nodes of a condensed tree, the root first; density as its log10."""
    shape = tree.tree
    inner = shape.child >= tree.rows
    root = int(shape.parent.min())
    birth = {root: float(shape.density.min())}
    birth |= {int(c): float(d) for c, d in zip(shape.child[inner], shape.density[inner], strict=True)}
    size = {root: tree.rows}
    size |= {int(c): int(s) for c, s in zip(shape.child[inner], shape.size[inner], strict=True)}
    nodes, first = np.unique(shape.parent, return_inverse=True)
    death = np.full(len(nodes), -np.inf)
    np.maximum.at(death, first, shape.density)
    died = dict(zip(nodes.tolist(), death.tolist(), strict=True))
    for node, below in tree.children.items():  # what parts ends where it parts
        died[node] = min(birth[child] for child in below)
    kept = sorted(size, key=lambda node: (-size[node], node))[:MOST_NODES]
    log = {
        node: (np.log10(max(birth[node], 1e-12)), np.log10(max(died.get(node, birth[node]), 1e-12))) for node in kept
    }
    return [(node, size[node], *(float(v) for v in log[node])) for node in kept]


def condensed_tree(tree: Tree, nodes: Mapping[int, int | None], names: Mapping[int, str], theme: Theme) -> go.Figure:
    """The tree: each bar is a group of regions from the density where it appears to where it parts or dissolves.

    Args:
        nodes: Which node each cluster is, as in `core.clusters.grouping.Grouping`.
        names: Of the clusters, by number; their bars are coloured.

    A bar carries its node as ``customdata``.
    """
    shown = tree_nodes(tree)
    kept = {node for node, *_ in shown}
    place = _places(tree, kept)
    cluster_of = {node: number for number, node in nodes.items() if node is not None and number in names}
    order = {number: at for at, number in enumerate(names)}
    figure = blank(theme, 420, hovermode="closest")
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    born = {node: birth for node, _, birth, _ in shown}
    for child, parent in tree.parents.items():
        if child in kept and parent in kept:
            lines_x += [place[parent], place[child], None]
            lines_y += [born[child], born[child], None]
    line = {"color": theme.palette.muted, "width": 1}
    figure.add_scatter(x=lines_x, y=lines_y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    colours, texts = [], []
    for node, size, *_ in shown:
        number = cluster_of.get(node)
        colours.append(CATEGORIES[order[number] % 7] if number is not None else theme.palette.reference)
        said = plain(names[number]) if number is not None else "not a cluster of its own"
        does = "a click shows it" if number is not None else "a click cuts here: all of it becomes one cluster"
        texts.append(f"{said}<br>{size:,} regions<br>{does}")
    most = max(size for _, size, *_ in shown)
    figure.add_bar(
        x=[place[node] for node, *_ in shown],
        y=[max(death - birth, 0.01) for _, _, birth, death in shown],
        base=[birth for _, _, birth, _ in shown],
        width=[0.18 + 0.66 * np.sqrt(size / most) for _, size, *_ in shown],
        marker={"color": colours, "opacity": [0.95 if node in cluster_of else 0.35 for node, *_ in shown]},
        customdata=[node for node, *_ in shown],
        hovertext=texts,
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(title_text="density on the map (closer together downwards)", autorange="reversed", tickvals=[])
    return figure


def _places(tree: Tree, kept: set[int]) -> dict[int, float]:
    """Where each node stands across: leaves side by side, a parent over the middle of its children."""
    place: dict[int, float] = {}
    root = min(kept)
    stack, next_leaf = [(root, False)], 0
    while stack:
        node, seen = stack.pop()
        below = [child for child in tree.children.get(node, ()) if child in kept]
        if not below:
            place[node] = float(next_leaf)
            next_leaf += 1
        elif seen:
            place[node] = float(np.mean([place[child] for child in below]))
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(below))
    return place


def composition(traits: Sequence[Trait], theme: Theme) -> go.Figure:
    """Shares inside of a cluster beside those of all other regions."""
    figure = blank(theme, 60 + 44 * max(1, len(traits)), barmode="group")
    names = [plain(trait.said if len(trait.said) < 40 else trait.said[:38] + "…") for trait in traits]
    p = theme.palette
    for called, shares, colour in (
        ("all others", [trait.outside for trait in traits], p.reference),
        ("this cluster", [trait.inside for trait in traits], p.accent),
    ):
        figure.add_bar(y=names, x=shares, name=called, orientation="h", marker={"color": colour}, hoverinfo="x+name")
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title_text="share of regions where it is known")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(legend={"traceorder": "reversed"})
    return figure
