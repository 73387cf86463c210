"""Figures: pure functions, data in, plotly figure out.

The contract:
- a figure says what it shows by its axes and its hover; titles belong to the page;
- reference is grey-blue, target orange, flagged green, in the same order on every figure;
- catalogue text enters through `plain`: plotly reads labels as markup.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from dashboard import words
from dashboard.theme import Theme, plotly_template, sequential

if TYPE_CHECKING:
    import pandas as pd


MOST_CONCEPTS = 24
MOST_COLUMNS = 40
MOST_WRITTEN = 14
"""Columns of a table drawn as colours up to which the numbers are written into it."""


def plain(value: object) -> str:
    """Text as plotly shows it letter for letter, shortened where it would push the plot away."""
    shown = words.text(value)
    return escape(shown if len(shown) <= 32 else shown[:30] + "…", quote=False)


def blank(theme: Theme, height: int, **layout: Any) -> go.Figure:
    """An empty figure in the theme; ``height`` is in pixels at normal type."""
    figure = go.Figure()
    figure.update_layout(template=plotly_template(theme), height=round(height * theme.scale), **layout)
    return figure


def faded(colour: str, opacity: float) -> str:
    """A ``#rrggbb`` colour with opacity in [0, 1], as CSS."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def concept_profile(profile: pd.DataFrame, theme: Theme) -> go.Figure:
    """Kite diagram: for each concept a spindle down the depth axis, as wide as the share of images that show it."""
    concepts = list(dict.fromkeys(profile["concept"]))
    figure = blank(theme, 520, showlegend=False)
    widest = max(float(profile["share"].max()), 1e-9) if len(profile) else 1.0
    bands = profile.sort_values("low")
    rows_of = bands.groupby("concept", sort=False).indices
    numbers = bands[["seen", "images", "share", "low", "high"]].to_numpy(dtype=float, na_value=np.nan)
    rows, places = [], []
    for place, concept in enumerate(concepts):
        part = numbers[rows_of[concept]]
        rows.append(part)
        places.append(np.full(len(part), place))
        share, low, high = np.nan_to_num(part[:, 2]), part[:, 3], part[:, 4]
        own = max(float(share.max()), 1e-9)
        depth, side = _spindle(low, high, 0.46 * share / own)
        colour = theme.palette.accent
        figure.add_scatter(
            x=np.concatenate([place - side, (place + side)[::-1]]),
            y=np.concatenate([depth, depth[::-1]]),
            mode="lines",
            fill="toself",
            fillcolor=faded(colour, 0.25 + 0.5 * (own / widest) ** 0.5),
            line={"color": colour, "width": 1},
            hoverinfo="skip",
        )
    if rows:
        every, at = np.nan_to_num(np.concatenate(rows)), np.concatenate(places)
        figure.add_scatter(
            x=at,
            y=(every[:, 3] + every[:, 4]) / 2,
            mode="markers",
            marker={"size": 18, "color": "rgba(0,0,0,0)"},
            text=[plain(concepts[place]) for place in at],
            customdata=every,
            hovertemplate="%{text}, %{customdata[3]:,.0f}–%{customdata[4]:,.0f} m<br>"
            "in %{customdata[0]:,} of %{customdata[1]:,} labelled images (%{customdata[2]:.1%})<extra></extra>",
        )
    figure.update_xaxes(
        tickvals=list(range(len(concepts))),
        ticktext=[plain(concept) for concept in concepts],
        tickangle=-35 if len(concepts) > 7 else 0,
        showgrid=False,
        range=[-0.7, len(concepts) - 0.3],
        tickmode="array",
        side="top",
    )
    figure.update_yaxes(title_text="depth (m)", autorange="reversed", tickformat=",d")
    figure.update_layout(margin_r=round(70 * theme.scale))
    return figure


def _spindle(low: np.ndarray, high: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depths and half widths of a kite: band centres, tips at the outer edges of the bands where it begins and ends."""
    present = np.flatnonzero(half > 0)
    first, last = (int(present[0]), int(present[-1])) if len(present) else (0, 0)
    inner = slice(first, last + 1)
    ends = (0.0 if first else half[0]), (0.0 if last < len(half) - 1 else half[-1])
    depth = np.concatenate([[low[first]], (low[inner] + high[inner]) / 2, [high[last]]])
    return depth, np.concatenate([[ends[0]], half[inner], [ends[1]]])


def sets_by_depth(bands: pd.DataFrame, theme: Theme) -> go.Figure:
    """Images of reference and target in each depth band, the flagged part of the target ringed in green."""
    p = theme.palette
    figure = blank(theme, 520, barmode="overlay")
    figure.add_bar(
        y=bands["band"],
        x=-bands["reference"],
        orientation="h",
        name="reference",
        marker_color=p.reference,
        customdata=bands["reference"],
        hovertemplate="%{y}<br>%{customdata:,} reference images<extra></extra>",
    )
    figure.add_bar(
        y=bands["band"],
        x=bands["target"],
        orientation="h",
        name="target",
        marker_color=p.target,
        customdata=bands["target"],
        hovertemplate="%{y}<br>%{customdata:,} target images<extra></extra>",
    )
    figure.add_bar(
        y=bands["band"],
        x=bands["flagged"].where(bands["flagged"] > 0),
        orientation="h",
        name="flagged in the target",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": p.flagged, "width": 2.5}},
        customdata=bands["flagged"],
        hovertemplate="%{y}<br>%{customdata:,} flagged<extra></extra>",
    )
    most = max(int(bands["reference"].max()), int(bands["target"].max()), 1) if len(bands) else 1
    ticks = _ticks(most)
    figure.update_xaxes(
        title_text="images: reference ← → target",
        tickvals=[*(-tick for tick in ticks[::-1] if tick), *ticks],
        ticktext=[*(f"{tick:,}" for tick in ticks[::-1] if tick), *(f"{tick:,}" for tick in ticks)],
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _ticks(most: int) -> list[int]:
    step = next(s for power in range(9) for s in (10**power, 2 * 10**power, 5 * 10**power) if most / s <= 4)
    return list(range(0, most + step, step))[:6]


def concepts_by_set(counts: pd.DataFrame, theme: Theme) -> go.Figure:
    """Labelled images with each concept, reference and target end to end."""
    p = theme.palette
    figure = blank(theme, max(300, 120 + 24 * len(counts)), barmode="stack")
    for kind, colour in (("reference", p.reference), ("target", p.target)):
        figure.add_bar(
            y=[plain(name) for name in counts["concept"]],
            x=counts[kind],
            orientation="h",
            name=kind,
            marker_color=colour,
            hovertemplate=f"%{{y}}<br>%{{x:,}} {kind} images<extra></extra>",
        )
    figure.update_xaxes(title_text="images", tickformat=",d", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def labels_per_image(counts: pd.DataFrame, theme: Theme) -> go.Figure:
    """How many concepts images carry; unlabelled images apart in grey."""
    p = theme.palette
    figure = blank(theme, 300, showlegend=False)
    figure.add_bar(
        x=counts["concepts"],
        y=counts["images"],
        marker_color=[p.muted if name == "unlabelled" else p.accent for name in counts["concepts"]],
        text=[words.count(number) for number in counts["images"]],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x} concepts<br>%{y:,} images<extra></extra>",
    )
    figure.update_xaxes(title_text="concepts in an image", type="category", showgrid=False)
    figure.update_yaxes(title_text="images", rangemode="tozero", tickformat=",d")
    return figure


def over_time(counts: pd.DataFrame, period: str, theme: Theme) -> go.Figure:
    """Images a period, reference and target stacked."""
    p = theme.palette
    figure = blank(theme, 300, barmode="stack")
    for kind, colour in (("reference", p.reference), ("target", p.target), ("neither", p.muted)):
        part = counts[counts["set"] == kind]
        if len(part):
            figure.add_bar(
                x=part["start"],
                y=part["images"],
                name=kind,
                marker_color=colour,
                hovertemplate=f"{period} of %{{x|%-d %b %Y}}<br>%{{y:,}} {kind} images<extra></extra>",
            )
    figure.update_xaxes(showgrid=False, type="date")
    figure.update_yaxes(title_text=f"images a {period}", rangemode="tozero", tickformat=",d")
    return figure


def concept_heat(table: pd.DataFrame, counts: pd.DataFrame, words_for: str, theme: Theme) -> go.Figure:
    """Concepts (rows) by category (columns): a number, or a share in [0, 1], of images.

    Args:
        table: What is drawn; its first `MOST_CONCEPTS` rows, and the `MOST_COLUMNS` columns that hold most.
        counts: The numbers of images behind it, of the same shape.
        words_for: What the numbers are, for the scale and the hover.
    """
    fullest = counts.sum().sort_values(ascending=False, kind="stable").index[:MOST_COLUMNS]
    part = table.loc[:, table.columns.isin(fullest)].head(MOST_CONCEPTS)
    share = part.to_numpy().dtype.kind == "f"
    values = part.to_numpy(dtype=float)
    behind = counts.loc[part.index, part.columns].to_numpy(dtype=float)
    figure = blank(theme, max(240, 160 + 24 * len(part)))
    columns = [plain(name) for name in part.columns]
    figure.add_heatmap(
        z=np.where(behind > 0, values, np.nan),
        x=columns,
        y=[plain(name) for name in part.index],
        customdata=behind,
        colorscale=sequential(theme),
        xgap=2,
        ygap=2,
        zmin=0,
        hoverongaps=False,
        texttemplate=f"%{{z:{'.0%' if share else ',d'}}}" if len(columns) <= MOST_WRITTEN else None,
        textfont={"size": 11 * theme.scale},
        colorbar={
            "title": {"text": words_for, "font": {"size": 13 * theme.scale}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickformat": ".0%" if share else ",d",
        },
        hovertemplate=f"%{{y}}, %{{x}}<br>{words_for}: %{{z:{'.1%' if share else ','}}}<br>"
        "%{customdata:,} images<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(showgrid=False, type="category", tickangle=-45 if len(columns) > 8 else 0)
    return figure
