"""Figures of a timeline: how much each batch differs, what of the pictures changed, which concepts came and went.

The contract: as in `dashboard.figures`; an alarm is a green ring, as a flag is; changes are drawn around zero.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from core.drift.timeline import Question
from dashboard import drift_words, words
from dashboard.figures import blank, faded, plain

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.drifting import Drift
    from dashboard.theme import Theme

MOST_FEATURES = 14
_AXES: dict[Question, str] = {
    "content": "how much the content differs (MMD²)",
    "coordinates": "largest difference along a direction (D)",
    "pictures": "largest difference of an image statistic (D)",
    "labels": "largest difference of a concept's share",
}


def timeline(found: Drift, question: Question, alarmed: Collection[int], theme: Theme) -> go.Figure:
    """Every batch at its time: reference grey-blue, target orange, an alarm ringed in green.

    Args:
        alarmed: Numbers of the batches with an alarm.
    """
    p = theme.palette
    figure = blank(theme, 380)
    dated = bool(len(found.times)) and not np.isnat(found.times).any()
    for is_reference, name, colour in (
        (True, "reference, each against the rest", p.reference),
        (False, "target", p.target),
    ):
        shifts = [s for s in found.shifts if s.reference == is_reference and question in s.verdicts]
        if not shifts:
            continue
        verdicts = [s.verdicts[question] for s in shifts]
        target_names = [plain(found.names[s.batch]) for s in shifts]
        figure.add_scatter(
            x=[found.times[s.batch] for s in shifts] if dated else [s.batch for s in shifts],
            y=[verdict.statistic for verdict in verdicts],
            mode="markers",
            name=name,
            marker={"size": 9 if is_reference else 12, "color": faded(colour, 0.75), "line": {"width": 0}},
            customdata=np.array(
                [
                    [
                        label,
                        words.plural(s.regions, "region"),
                        words.plural(s.groups, "group"),
                        words.probability(v.p_value),
                    ]
                    for label, s, v in zip(target_names, shifts, verdicts, strict=True)
                ],
                dtype=object,
            ),
            hovertemplate="%{customdata[0]}<br>%{customdata[1]} of %{customdata[2]}<br>p = %{customdata[3]}"
            "<extra></extra>",
        )
    ringed = [s for s in found.shifts if s.batch in alarmed and s in found.judged(question)]
    if ringed:
        figure.add_scatter(
            x=[found.times[s.batch] for s in ringed] if dated else [s.batch for s in ringed],
            y=[s.verdicts[question].statistic for s in ringed],
            mode="markers",
            name="alarm",
            marker={"size": 19, "color": "rgba(0,0,0,0)", "line": {"color": p.flagged, "width": 3}},
            hoverinfo="skip",
        )
    if dated:
        figure.update_xaxes(type="date", showgrid=False)
    else:
        places = list(range(len(found.names)))
        step = max(1, len(places) // 16)
        figure.update_xaxes(
            tickvals=places[::step], ticktext=[plain(name) for name in found.names[::step]], showgrid=False
        )
    figure.update_yaxes(title_text=_AXES[question], rangemode="tozero")
    return figure


def pictures_over_time(found: Drift, theme: Theme) -> go.Figure:
    """Every image statistic of every batch, in standard deviations of the reference, as one sheet of colour."""
    shifts = sorted(
        (s for s in found.shifts if "pictures" in s.features), key=lambda shift: (shift.batch, not shift.reference)
    )
    names = list(found.collection.statistic_names)
    change = np.array([[{f.name: f.change for f in s.features["pictures"]}[name] for s in shifts] for name in names])
    labels = [plain(found.names[s.batch]) for s in shifts]
    kinds = ["reference" if s.reference else "target" for s in shifts]
    figure = blank(theme, 330)
    limit = 3.0
    p = theme.palette
    figure.add_heatmap(
        z=np.clip(change, -limit, limit),
        x=list(range(len(shifts))),
        y=[drift_words.statistic(name) for name in names],
        zmin=-limit,
        zmax=limit,
        xgap=1 if len(shifts) < 120 else 0,
        ygap=2,
        colorscale=[[0.0, "#2b6ca3"], [0.25, "#7fa9c9"], [0.5, p.surface], [0.75, "#dd9a55"], [1.0, "#b3560a"]],
        customdata=np.stack(
            [
                np.broadcast_to(np.array(labels, object), change.shape),
                np.broadcast_to(np.array(kinds, object), change.shape),
                change.astype(object),
            ],
            axis=2,
        ),
        hovertemplate="%{customdata[0]} (%{customdata[1]})<br>%{y}: %{customdata[2]:+.1f} standard deviations"
        "<extra></extra>",
        colorbar={"title": {"text": "SD", "font": {"size": 13 * theme.scale}}, "thickness": 12, "outlinewidth": 0},
    )
    step = max(1, len(shifts) // 14)
    figure.update_xaxes(
        tickvals=list(range(0, len(shifts), step)), ticktext=labels[::step], tickangle=-40, showgrid=False
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def changes(features: pd.DataFrame, theme: Theme, *, shares: bool = False) -> go.Figure:
    """What changed in one batch, feature by feature: bars to either side of none; green where chance is unlikely.

    Args:
        features: Of `dashboard.drifting.features_of`.
        shares: Changes are differences of shares, else standard deviations.
    """
    part = features.head(MOST_FEATURES)
    p = theme.palette
    figure = blank(theme, 110 + 26 * max(1, len(part)), showlegend=False)
    sure = (part["p_value"] <= 0.05).to_numpy()
    figure.add_bar(
        y=[plain(name if shares else drift_words.statistic(str(name))) for name in part["name"]],
        x=part["change"],
        orientation="h",
        marker_color=[p.target if yes else faded(p.muted, 0.55) for yes in sure],
        customdata=np.stack([part["batch"], part["reference"], part["p_value"].map(words.probability)], axis=1)
        if len(part)
        else None,
        hovertemplate="%{y}<br>"
        + (
            "batch %{customdata[0]:.1%}, reference %{customdata[1]:.1%}"
            if shares
            else "%{x:+.2f} standard deviations of the reference"
        )
        + "<br>p = %{customdata[2]}, all looked at together<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": p.muted, "width": 1})
    title = "share of labelled images: rarer ← → more often" if shares else "standard deviations: less ← → more"
    figure.update_xaxes(title_text=title, tickformat=".0%" if shares else None)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure
