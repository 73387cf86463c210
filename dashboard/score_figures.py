"""Figures of OOD scores: how they spread over reference and target, and over categories.

The contract: larger is stranger and lies right; reference grey-blue, target orange, thresholds as upright lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard import score_summaries, words
from dashboard.figures import blank, faded, plain
from dashboard.theme import Theme

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 30
AXIS = "OOD score: more familiar ← → stranger"

Line = tuple[float, str, str, str]
"""A marked score: where, its label, the palette's name of its colour, plotly's dash."""


def score_histogram(
    reference: np.ndarray, target: np.ndarray, lines: Sequence[Line], theme: Theme, axis: str = AXIS
) -> go.Figure:
    """Shares of reference and target a score bin, overlaid."""
    figure = blank(theme, 380, barmode="overlay", bargap=0)
    low, high = _span(reference, target)
    edges = np.linspace(low, high, 61)
    centres = (edges[:-1] + edges[1:]) / 2
    for name, scores, colour, opacity in _sets(reference, target, theme):
        counts, _ = np.histogram(scores, edges)
        share = counts / max(1, len(scores))
        figure.add_bar(
            x=centres,
            y=share,
            name=f"{name} ({words.count(len(scores))})",
            width=edges[1] - edges[0],
            marker={"color": faded(colour, opacity), "line": {"width": 0}},
            customdata=np.stack([counts, edges[:-1], edges[1:]], axis=1),
            hovertemplate=f"{name}<br>score %{{customdata[1]:.4~g}} to %{{customdata[2]:.4~g}}<br>"
            "%{customdata[0]:,} images (%{y:.1%})<extra></extra>",
        )
    figure.update_yaxes(title_text="share of its set", tickformat=".0%", rangemode="tozero")
    return _with_lines(_score_axis(figure, low, high, axis), lines, theme)


def score_density(
    reference: np.ndarray, target: np.ndarray, lines: Sequence[Line], theme: Theme, axis: str = AXIS
) -> go.Figure:
    """Smoothed distributions of reference and target."""
    figure = blank(theme, 380)
    low, high = _span(reference, target)
    grid = np.linspace(low, high, 401)
    for name, scores, colour, _ in _sets(reference, target, theme):
        figure.add_scatter(
            x=grid,
            y=score_summaries.density(scores, grid),
            name=f"{name} ({words.count(len(scores))})",
            mode="lines",
            line={"color": colour, "width": 2.5},
            fill="tozeroy",
            fillcolor=faded(colour, 0.22),
            hovertemplate=f"{name}<br>score %{{x:.4~g}}<extra></extra>",
        )
    figure.update_yaxes(title_text="density", showticklabels=False, rangemode="tozero")
    return _with_lines(_score_axis(figure, low, high, axis), lines, theme)


def score_cumulative(
    reference: np.ndarray, target: np.ndarray, lines: Sequence[Line], theme: Theme, axis: str = AXIS
) -> go.Figure:
    """Share of images at or below each score."""
    figure = blank(theme, 380)
    low, high = _span(reference, target)
    for name, scores, colour, _ in _sets(reference, target, theme):
        at, share = score_summaries.cumulative(scores)
        figure.add_scatter(
            x=at,
            y=share,
            name=f"{name} ({words.count(len(scores))})",
            mode="lines",
            line={"color": colour, "width": 2.5, "shape": "hv"},
            hovertemplate=f"{name}<br>%{{y:.1%}} score %{{x:.4~g}} or less<extra></extra>",
        )
    figure.update_yaxes(title_text="share at or below", tickformat=".0%", range=[0, 1.02])
    return _with_lines(_score_axis(figure, low, high, axis), lines, theme)


def _sets(reference: np.ndarray, target: np.ndarray, theme: Theme) -> list[tuple[str, np.ndarray, str, float]]:
    p = theme.palette
    both = [("reference", reference, p.reference, 0.8), ("target", target, p.target, 0.6)]
    return [
        (name, scores[np.isfinite(scores)], colour, opacity) for name, scores, colour, opacity in both if len(scores)
    ]


def _span(reference: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    scores = np.concatenate([reference, target])
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return 0.0, 1.0
    low, high = float(scores.min()), float(scores.max())
    margin = max((high - low) * 0.04, 1e-3 * max(abs(high), 1.0))
    return (max(0.0, low - margin) if low >= 0.0 else low - margin), high + margin


def _score_axis(figure: go.Figure, low: float, high: float, axis: str) -> go.Figure:
    figure.update_xaxes(title_text=axis, range=[low, high], showgrid=False)
    return figure


def _with_lines(figure: go.Figure, lines: Sequence[Line], theme: Theme) -> go.Figure:
    """Vertical lines, their labels at the top, one below the other so that they never meet."""
    figure.update_layout(margin_t=36 + round(22 * theme.scale))
    low, high = figure.layout.xaxis.range
    roomy = low + 0.75 * (high - low)  # further right a label would leave the plot
    for step, (value, label, colour, dash) in enumerate(sorted(lines)):
        ink = getattr(theme.palette, colour)
        figure.add_vline(x=value, line={"color": ink, "width": 2, "dash": dash})
        right = step == len(lines) - 1 and value < roomy
        figure.add_annotation(
            x=value,
            y=0.98 - 0.085 * step * theme.scale,
            yref="paper",
            text=escape(label, quote=False),
            showarrow=False,
            xanchor="left" if right else "right",
            xshift=6 if right else -6,
            font={"color": getattr(theme.palette, f"{colour}_text", ink), "size": 12.5 * theme.scale},
            bgcolor=faded(theme.palette.surface, 0.85),
        )
    figure.update_layout(legend={"y": 1.06})
    return figure


def shown_categories(groups: pd.DataFrame, *, ordered: bool) -> list[str]:
    """The categories that are drawn: all, or the strangest `MOST_CATEGORIES` by median score, target before reference.

    Args:
        ordered: Keep the categories' own order (depth, time); otherwise the strangest comes first.
    """
    target = groups[groups["set"] == "target"]
    medians = (target if len(target) else groups).groupby("category", observed=True)["median"].max()
    rest = groups[~groups["category"].isin(medians.index)].groupby("category", observed=True)["median"].max()
    ranked = [
        *medians.sort_values(ascending=False, kind="stable").index,
        *rest.sort_values(ascending=False, kind="stable").index,
    ][:MOST_CATEGORIES]
    return [str(name) for name in groups["category"].cat.categories if name in ranked] if ordered else ranked


def score_by(
    groups: pd.DataFrame, threshold: float | None, theme: Theme, *, ordered: bool = True, axis: str = AXIS
) -> go.Figure:
    """Scores of each category as boxes (middle half; whiskers hold nine of ten), reference and target side by side."""
    names = shown_categories(groups, ordered=ordered)
    shown = set(names)
    figure = blank(theme, 150 + 46 * len(names), boxmode="group", boxgap=0.35, boxgroupgap=0.15)
    for kind, colour in (("reference", theme.palette.reference), ("target", theme.palette.target)):
        part = groups[(groups["set"] == kind) & groups["category"].astype(str).isin(shown)]
        if part.empty:
            continue
        figure.add_box(
            y=[plain(name) for name in part["category"]],
            q1=part["q25"],
            median=part["median"],
            q3=part["q75"],
            lowerfence=part["q05"],
            upperfence=part["q95"],
            orientation="h",
            name=kind,
            line={"color": colour, "width": 1.6},
            fillcolor=faded(colour, 0.35),
            width=0.32,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=part["median"],
            y=[plain(name) for name in part["category"]],
            mode="markers",
            marker={"size": 14, "color": "rgba(0,0,0,0)"},
            customdata=np.stack([part["images"], part["flagged"], part["share"], part["median"]], axis=1),
            hovertemplate=f"%{{y}}, {kind}<br>%{{customdata[0]:,}} images, median score %{{customdata[3]:.4~g}}"
            "<br>%{customdata[1]:,} flagged (%{customdata[2]:.1%})<extra></extra>",
            showlegend=False,
        )
    target = groups[(groups["set"] == "target") & groups["category"].astype(str).isin(shown)]
    for _, row in target.iterrows():
        figure.add_annotation(
            x=1,
            xref="paper",
            y=plain(row["category"]),
            text=f"{row['flagged']} of {row['images']}",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={
                "size": 12 * theme.scale,
                "color": theme.palette.flagged_text if row["flagged"] else theme.palette.muted,
            },
        )
    if len(target):
        figure.add_annotation(
            x=1,
            xref="paper",
            y=1,
            yref="paper",
            yshift=12,
            text="target flagged",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={"size": 12 * theme.scale, "color": theme.palette.muted},
        )
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": theme.palette.flagged, "width": 2})
    low = float(groups["q05"].min()) if len(groups) else 0.0
    figure.update_xaxes(title_text=axis, rangemode="tozero" if low >= 0.0 else "normal")
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=[plain(name) for name in names],
        autorange="reversed",
        showgrid=False,
    )
    figure.update_layout(margin_r=round(92 * theme.scale), legend={"y": 1.03})
    return figure
