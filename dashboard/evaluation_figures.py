"""Figures of evaluations: curves, reliability, confusion, strata, differences; whole numbers for what opens pictures.

The contract: points that open pictures carry a whole number as customdata, their row in the table behind the figure,
as lists (numpy rows come back from a browser as objects); intervals are 95 %, drawn over groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures import blank, faded, plain
from dashboard.theme import Theme, contrast, sequential

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from core.evaluate.confusing import Confusion

MOST = 26
"""Concepts drawn in a confusion; the rest is in the table that downloads."""


def precision_recall(table: pd.DataFrame, theme: Theme, base: float | None = None) -> go.Figure:
    """Precision over recall of one concept or of all; `base` is the precision of guessing."""
    figure = blank(theme, 340, showlegend=False)
    ordered = table.sort_values("threshold", ascending=False)
    if base is not None:
        figure.add_hline(y=base, line={"color": theme.palette.muted, "dash": "dot", "width": 1.5})
    figure.add_scatter(
        x=ordered["recall"],
        y=ordered["precision"],
        mode="lines+markers",
        marker={"size": 5 * theme.scale},
        line={"color": theme.palette.accent, "width": 2.2, "shape": "vh"},
        customdata=ordered["threshold"],
        hovertemplate="from %{customdata:.2f} on<br>recall %{x:.2f}, precision %{y:.2f}<extra></extra>",
    )
    figure.update_xaxes(title_text="recall: found of what is there", range=[-0.02, 1.02])
    figure.update_yaxes(title_text="precision: true of what is said", range=[-0.02, 1.04])
    return figure


def roc(table: pd.DataFrame, theme: Theme) -> go.Figure:
    """Recall over false alarms of one concept or of all."""
    figure = blank(theme, 340, showlegend=False)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": theme.palette.muted, "dash": "dot"}, hoverinfo="skip"
    )
    ordered = table.sort_values("threshold", ascending=False)
    figure.add_scatter(
        x=ordered["false_alarms"],
        y=ordered["recall"],
        mode="lines",
        line={"color": theme.palette.accent, "width": 2.2},
        customdata=ordered["threshold"],
        hovertemplate="from %{customdata:.2f} on<br>%{x:.1%} false alarms, recall %{y:.2f}<extra></extra>",
    )
    figure.update_xaxes(title_text="false alarms of what is not there", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(title_text="recall", range=[-0.02, 1.04])
    return figure


def reliability(table: pd.DataFrame, theme: Theme) -> go.Figure:
    """What comes true over what is said, with intervals; before calibration pale."""
    p = theme.palette
    figure = blank(theme, 400)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": p.muted, "dash": "dot"},
        name="comes true as often as said",
        hoverinfo="skip",
    )
    kinds = ((False, "before calibration", faded(p.reference, 0.75)), (True, "as shown", p.accent))
    for calibrated, name, colour in kinds:
        part = table[table["calibrated"] == calibrated]
        if part.empty:
            continue
        up, down = part["true_high"] - part["true"], part["true"] - part["true_low"]
        figure.add_scatter(
            x=part["probability"],
            y=part["true"],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2},
            marker={"size": (9 if calibrated else 6) * theme.scale, "color": colour},
            error_y={"array": up.clip(lower=0), "arrayminus": down.clip(lower=0), "color": colour, "thickness": 1.2}
            if calibrated
            else None,
            customdata=np.stack([part.index, part["pairs"]], axis=1).tolist(),
            hovertemplate="said %{x:.2f}, came true %{y:.2f}<br>%{customdata[1]:,} pairs<extra></extra>",
        )
    figure.update_xaxes(title_text="probability that is said", range=[-0.02, 1.02])
    figure.update_yaxes(title_text="share that is there", range=[-0.02, 1.04])
    return figure


def drawn_cells(found: Confusion) -> pd.DataFrame:
    """The cells of a confusion that are drawn: ``row, column, count, share`` of the row, `MOST` rows at most."""
    import pandas as pd

    totals = found.counts.sum(axis=1)
    rows = np.argsort(-totals, kind="stable")[:MOST]
    named = {found.rows[row] for row in rows}
    use = [place for place, name in enumerate(found.columns) if name in named or found.counts[rows, place].any()]
    table = [
        (found.rows[row], found.columns[column], int(found.counts[row, column]))
        for row in rows
        for column in use
        if found.counts[row, column]
    ]
    frame = pd.DataFrame(table, columns=["row", "column", "count"])
    whole = dict(zip(found.rows, np.maximum(totals, 1), strict=True))
    frame["share"] = [count / whole[row] for row, count in zip(frame["row"], frame["count"], strict=True)]
    return frame


def confusion(cells: pd.DataFrame, found: Confusion, theme: Theme) -> go.Figure:
    """Squares of what is taken for what; rows what is there, columns what is said."""
    rows = list(dict.fromkeys(cells["row"]))
    present = set(cells["column"])
    columns = [name for name in found.columns if name in present]
    columns = [*(name for name in rows if name in present), *(name for name in columns if name not in set(rows))]
    p = theme.palette
    height = 170 + 25 * len(rows)
    figure = blank(theme, height, showlegend=False)
    scale = sequential(theme)
    dark_text = [contrast(p.text, _at(scale, share)) >= 4.5 for share in cells["share"]]
    figure.add_scatter(
        x=[plain(name) for name in cells["column"]],
        y=[plain(name) for name in cells["row"]],
        mode="markers+text",
        marker={
            "symbol": "square",
            "size": 23 * theme.scale,
            "color": cells["share"],
            "colorscale": scale,
            "cmin": 0,
            "cmax": 1,
            "opacity": 1,
        },
        text=[f"{count:,}" for count in cells["count"]],
        textfont={"size": 11 * theme.scale, "color": [p.text if dark else p.surface for dark in dark_text]},
        customdata=np.stack([np.arange(len(cells)), cells["share"]], axis=1).tolist(),
        hovertemplate="is there: %{y}<br>is said: %{x}<br>%{text} pictures, %{customdata[1]:.0%} of its row"
        "<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.55}},
    )
    figure.update_xaxes(
        categoryorder="array",
        categoryarray=[plain(name) for name in columns],
        type="category",
        tickangle=-45,
        side="bottom",
        title_text="what the model says",
        range=[-0.6, len(columns) - 0.4],
    )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[plain(name) for name in rows],
        type="category",
        autorange=False,
        range=[len(rows) - 0.4, -0.6],
        title_text="what is there",
    )
    return figure


def _at(scale: list[list[object]], share: float) -> str:
    """The scale's colour nearest to a share."""
    return str(scale[round(float(share) * (len(scale) - 1))][1])


def dots(
    table: pd.DataFrame, theme: Theme, *, value: str, title: str, name: str = "value", zero: bool = False
) -> go.Figure:
    """A dot and its interval a row: columns `name`, `value`, ``VALUE_low``, ``VALUE_high`` (or ``low``, ``high``).

    Args:
        zero: Draw the line of no difference.
    """
    p = theme.palette
    low, high = (f"{value}_low", f"{value}_high") if f"{value}_low" in table else ("low", "high")
    figure = blank(theme, 90 + 30 * max(1, len(table)), showlegend=False, margin_t=10)
    values = table[value].astype(float)
    up = (table[high].astype(float) - values).clip(lower=0).fillna(0)
    down = (values - table[low].astype(float)).clip(lower=0).fillna(0)
    if zero:
        figure.add_vline(x=0, line={"color": p.muted, "width": 1.5, "dash": "dot"})
    figure.add_scatter(
        x=values,
        y=[plain(text) for text in table[name]],
        mode="markers",
        marker={"size": 11 * theme.scale, "color": p.accent},
        error_x={"array": up, "arrayminus": down, "color": p.accent, "thickness": 1.6},
        customdata=np.stack([np.arange(len(table)), table[low], table[high]], axis=1).astype(float).tolist(),
        hovertemplate="%{y}<br>%{x:.3f} (%{customdata[1]:.3f} to %{customdata[2]:.3f})<extra></extra>",
    )
    figure.update_xaxes(title_text=title)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure
