"""Figures of predictions: probabilities as bars, with the threshold that each has to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures import blank, faded, plain
from dashboard.theme import Theme

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from core.learn.labels import LabelTree

MOST = 8


def bars_table(
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    tree: LabelTree,
    *,
    parents: bool,
    spread: np.ndarray | None = None,
    among: np.ndarray | None = None,
    most: int = MOST,
) -> pd.DataFrame:
    """The likeliest concepts of one level: ``concept, probability, threshold, said, spread``, surest first.

    Args:
        parents: The concepts that hold others, instead of those that pictures are labelled with.
        among: ``[C]`` mask of the concepts that are spoken of; all by default.
    """
    import pandas as pd

    mask = tree.parent_level & ~tree.fine_level if parents else tree.fine_level
    columns = np.flatnonzero(mask if among is None else mask & among)
    order = columns[np.argsort(-probabilities[columns], kind="stable")][:most]
    return pd.DataFrame(
        {
            "concept": [tree.names[place] for place in order],
            "probability": probabilities[order].astype(float),
            "threshold": thresholds[order].astype(float),
            "said": probabilities[order] >= thresholds[order],
            "spread": np.zeros(len(order)) if spread is None else spread[order].astype(float),
        }
    )


def bars(table: pd.DataFrame, theme: Theme) -> go.Figure:
    """Bars of `bars_table`; what reaches its threshold is drawn full, the rest pale, the threshold as a mark.

    The figures stand in a column of their own, right of 1, where no spread or threshold is drawn over them.
    """
    p = theme.palette
    large = theme.scale > 1  # then long names take two lines, lest nothing is left for the bars
    figure = blank(theme, 58 + (34 if large else 30) * max(1, len(table)), showlegend=False, margin_t=8)
    names = [plain(name).replace(" ", "<br>", 1) if large else plain(name) for name in table["concept"]]
    figure.add_bar(
        x=table["probability"],
        y=names,
        orientation="h",
        marker_color=[p.accent if said else faded(p.muted, 0.45) for said in table["said"]],
        error_x=_whiskers(table, p.text) if table["spread"].any() else None,
        customdata=table["threshold"],
        hovertemplate="%{y}<br>probability %{x:.2f}, says so from %{customdata:.2f} on<extra></extra>",
    )
    figure.add_scatter(
        x=table["threshold"],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 17 * theme.scale, "line": {"width": 2.5, "color": p.target}},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[1.04] * len(names),
        y=names,
        mode="text",
        text=[f"{value:.2f}" for value in table["probability"]],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.update_xaxes(
        range=[0, 1.3 if large else 1.2],
        tickvals=[0, 0.5, 1] if large else [0, 0.25, 0.5, 0.75, 1],
        tickformat=".2~f",
        tickangle=0,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def _whiskers(table: pd.DataFrame, colour: str) -> dict[str, object]:
    """The spread to both sides, as far as a probability can lie."""
    return {
        "array": np.minimum(table["spread"], 1 - table["probability"]),
        "arrayminus": np.minimum(table["spread"], table["probability"]),
        "symmetric": False,
        "color": colour,
        "thickness": 1.2,
    }
