"""Scores by category as ridges: one smoothed distribution above the other, reference and target in their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard import score_summaries
from dashboard.figures import blank, faded, plain
from dashboard.summaries import categories, is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.score_figures import Line
    from dashboard.summaries import By
    from dashboard.theme import Theme

GRID = 161
_TALL = 1.7
"""How far a ridge may reach, in rows: a little over the one above."""


def ridges(frame: pd.DataFrame, by: By, names: Sequence[str]) -> pd.DataFrame:
    """Smoothed distributions of some categories.

    Args:
        names: The categories, first one first.

    Returns:
        ``category``, ``set``, ``images``, ``score`` and ``density`` (its highest of all is 1): `GRID` rows a category
        and set; fewer than two scores make no ridge, but one row each at density 0.
    """
    import pandas as pd

    chosen, _ = categories(frame, by)
    values = frame["ood_score"].to_numpy(dtype=float)
    usable = np.isfinite(values) & chosen.isin(list(names)).to_numpy()
    columns = ["category", "set", "images", "score", "density"]
    if not usable.any():
        return pd.DataFrame(columns=columns)
    low, high = float(values[usable].min()), float(values[usable].max())
    margin = max((high - low) * 0.12, 1e-9)
    grid = np.linspace(max(0.0, low - margin) if low >= 0.0 else low - margin, high + margin, GRID)
    parts = []
    for kind, mask in (("reference", is_reference(frame)), ("target", is_target(frame))):
        for name in names:
            scores = values[usable & mask & (chosen == name).to_numpy()]
            if len(scores) > 1:
                density = score_summaries.density(scores, grid)
                parts.append(pd.DataFrame({"score": grid, "density": density}).assign(category=name, set=kind))
            elif len(scores):
                parts.append(pd.DataFrame({"score": scores, "density": [0.0]}).assign(category=name, set=kind))
            if len(scores):
                parts[-1]["images"] = len(scores)
    table = pd.concat(parts, ignore_index=True)[columns]
    table["density"] /= max(float(table["density"].max()), 1e-12)
    return table


def figure(table: pd.DataFrame, names: Sequence[str], lines: Sequence[Line], theme: Theme, axis: str) -> go.Figure:
    """The ridges, the first category at the top.

    Args:
        table: Of `ridges`.
        lines: Thresholds, drawn through all of them.
        axis: What the score is.
    """
    drawn = blank(theme, 130 + 38 * len(names))
    p = theme.palette
    shown: set[str] = set()
    tallest = table.groupby(["category", "set"])["density"].max() if len(table) else {}
    for place, name in enumerate(names):
        base = len(names) - 1 - place
        for kind, colour in (("reference", p.reference), ("target", p.target)):
            part = table[(table["category"] == name) & (table["set"] == kind)]
            if part.empty:
                continue
            first = kind not in shown
            shown.add(kind)
            many = int(part["images"].iloc[0])
            hover = f"{plain(name)}, {kind}: {many:,} {'image' if many == 1 else 'images'}<extra></extra>"
            if len(part) == 1:
                drawn.add_scatter(
                    x=part["score"],
                    y=[base],
                    mode="markers",
                    name=kind,
                    legendgroup=kind,
                    showlegend=first,
                    marker={"color": colour, "size": 8},
                    hovertemplate=hover,
                )
                continue
            # Between equal heights and equal areas: one narrow ridge must not flatten all others.
            tall = float(tallest[(name, kind)])
            height = _TALL * tall**0.3 / max(tall, 1e-12)
            drawn.add_scatter(
                x=np.concatenate([part["score"], part["score"].iloc[::-1]]),
                y=np.concatenate([base + height * part["density"], np.full(len(part), float(base))]),
                mode="lines",
                fill="toself",
                name=kind,
                legendgroup=kind,
                showlegend=first,
                line={"color": colour, "width": 1.4},
                fillcolor=faded(colour, 0.4),
                hoveron="fills",
                text=hover.removesuffix("<extra></extra>"),
                hoverinfo="text",
            )
    for value, _, colour, dash in lines:
        drawn.add_vline(x=value, line={"color": getattr(p, colour), "width": 1.8, "dash": dash})
    drawn.update_xaxes(title_text=axis, showgrid=False)
    drawn.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[plain(name) for name in reversed(names)],
        range=[-0.3, len(names) - 1 + _TALL + 0.1],
        showgrid=True,
    )
    drawn.update_layout(legend={"y": 1.0 + 12 / (130 + 38 * len(names))})
    return drawn
