"""Where the truth is known: how well each detector tells it, with intervals by group."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.comparing import FIGURES, Comparison, compare_detectors, judge, roc_points
from core.errors import CoreError
from dashboard import cached, detecting, later, parts, words
from dashboard.figures import blank, faded
from dashboard.theme import CATEGORIES

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from dashboard.state import View
    from dashboard.theme import Theme

HEADS = {"auroc": "AUROC", "sauc": "sAUC", "aupr": "AUPR", "fpr95": "FPR@95TPR"}
_KINDS = {
    "none": "not known",
    "depth": "deeper than …",
    "concept": "shows a concept",
    "dataset": "of a dataset",
    "camera": "of a camera",
    "condition": "a condition of your own",
}
_RESAMPLES = 300


def truth_card(view: View, names: list[str]) -> None:
    """Ask what is truly unknown, and show each detector's figures and curve."""
    remark = (
        "Say which images are truly unknown to the reference, and every detector is judged by it. Reference images "
        "take part with the score that they have without their own group."
    )
    with parts.card("truth", "How well do detectors tell the unknown?", remark):
        truth = _asked(view.run)
        if not truth:
            return
        try:
            found: Comparison | None = later.computed(
                view.run,
                "truth",
                (truth, *names),
                lambda: _compared(view.run, truth, names),
                "Every detector is being judged by this truth.",
            )
        except CoreError as error:
            parts.note(str(error))
            return
        if found is None:
            return
        first = next(iter(found.detectors.values()))
        parts.paragraph(
            f"{words.plural(first.unknown, 'region')} of {words.plural(first.unknown_groups, 'group')} are truly "
            f"unknown, {words.count(first.known)} of {words.plural(first.known_groups, 'group')} are known."
        )
        with parts.pair("truth") as (left, right):
            with left:
                chart = cached.figure(
                    view, "roc", (truth, *names), lambda: roc(view.run, truth, _others(view.run, names), view.theme)
                )
                parts.plot(
                    chart,
                    key="roc",
                    alt="ROC curve of each detector",
                    data=lambda: roc_table(view.run, truth, _others(view.run, names)),
                )
            with right:
                chart = cached.figure(view, "figures", (truth, *names), lambda: intervals(found, view.theme))
                parts.plot(
                    chart,
                    key="figures",
                    alt="AUROC, sAUC, AUPR and FPR@95TPR of each detector, with intervals",
                    data=lambda: figure_table(found),
                )
        parts.note(
            "AUROC: the chance that an unknown region scores above a known one; 0.5 is guessing. sAUC = 2 AUROC − 1. "
            "AUPR: average precision. FPR@95TPR: the share of known regions above the score that finds 95 % of the "
            "unknown; here less is better. Lines are 95 % intervals, by drawing whole groups again."
        )


def _asked(run: Run) -> tuple[str, ...]:
    """The truth as conditions; empty when there is none yet."""
    table = run.table
    kinds = [kind for kind in _KINDS if cached.computed(run, "can be truth", (kind,), partial(_can, run, kind))]
    first, second = st.columns([1, 2], vertical_alignment="bottom")
    kind = first.selectbox("Truly unknown is what is …", kinds, format_func=_KINDS.__getitem__, key="truth_kind")
    if kind == "depth":
        depth = table["depth_m"].dropna()
        low, high = float(depth.min()), float(depth.max())
        limit = second.number_input(
            "metres",
            min_value=0.0,
            max_value=max(high, 1.0),
            value=float(np.clip(800.0, low, high)),
            step=50.0,
            key="truth_depth",
        )
        return (f"depth_m>{limit:g}",)
    if kind in ("concept", "dataset", "camera"):
        values = _values(run, kind)
        value = second.selectbox(kind, values, key=f"truth_{kind}")
        return (f'{kind}="{value}"',)
    if kind == "condition":
        text = second.text_input(
            "condition", placeholder="site ~ canyon", key="truth_condition", help="FIELD OP VALUE, as for a selection"
        )
        return (text,) if text.strip() else ()
    return ()


def _can(run: Run, kind: str) -> bool:
    if kind == "depth":
        return run.table["depth_m"].nunique() > 1
    return kind in ("none", "condition") or len(_values(run, kind)) > (0 if kind == "concept" else 1)


def _values(run: Run, kind: str) -> list[str]:
    """What can be chosen of a kind, looked for once a run."""
    found: list[str] = cached.computed(run, "truth values", (kind,), lambda: _found_values(run.table, kind))
    return found


def _found_values(table: pd.DataFrame, kind: str) -> list[str]:
    if kind == "concept":
        lists = table["concepts"].map(lambda item: list(item) if hasattr(item, "__len__") else [])
        return sorted({str(name) for names in lists for name in names})
    return sorted(str(value) for value in table[kind].replace("", None).dropna().unique())


def _others(run: Run, names: list[str]) -> dict[str, np.ndarray]:
    return {name: detecting.said(run, name).score for name in names if name not in detecting.stored(run)}


def _compared(run: Run, truth: tuple[str, ...], names: list[str]) -> Comparison:
    return compare_detectors(run, truth, others=_others(run, names), resamples=_RESAMPLES)


def figure_table(found: Comparison) -> pd.DataFrame:
    """One row a detector: every figure with its interval, and the counts behind it."""
    import pandas as pd

    rows = []
    for name, of in found.detectors.items():
        row: dict[str, object] = {"detector": name}
        for key in FIGURES:
            value = getattr(of, key)
            row |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
        counts = ("known", "unknown", "known_groups", "unknown_groups")
        rows.append(row | {count: getattr(of, count) for count in counts})
    return pd.DataFrame(rows).sort_values("auroc", ascending=False, kind="stable")


def intervals(found: Comparison, theme: Theme) -> go.Figure:
    """Four columns of dots with their intervals, a row a detector, the best AUROC first."""
    order = sorted(found.detectors, key=lambda name: -found.detectors[name].auroc.value)
    figure = blank(theme, max(260, 120 + 46 * len(order)), showlegend=False)
    titles = [detecting.title(name) for name in order]
    p = theme.palette
    for place, key in enumerate(FIGURES):
        values = [getattr(found.detectors[name], key) for name in order]
        axis = "" if place == 0 else str(place + 1)
        best = min if key == "fpr95" else max
        leading = best(value.value for value in values)
        figure.add_scatter(
            x=[value.value for value in values],
            y=titles,
            xaxis=f"x{axis}",
            mode="markers+text",
            cliponaxis=False,
            text=[f"{value.value:.2f}" for value in values],
            textposition="top center",
            textfont={"size": 12 * theme.scale, "color": p.text},
            marker={"size": 10, "color": [p.accent if value.value == leading else p.muted for value in values]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(0.0, value.high - value.value) for value in values],
                "arrayminus": [max(0.0, value.value - value.low) for value in values],
                "color": faded(p.muted, 0.8),
                "thickness": 1.6,
                "width": 4,
            },
            customdata=[[str(value)] for value in values],
            hovertemplate=f"%{{y}}<br>{HEADS[key]} %{{customdata[0]}}<extra></extra>",
        )
        begin = place / len(FIGURES)
        low = min(0.0, *(value.low for value in values)) if key == "sauc" else 0.0
        figure.update_layout(
            {
                f"xaxis{axis}": {
                    "domain": [begin + 0.02, begin + 1 / len(FIGURES) - 0.02],
                    "range": [low - 0.06, 1.06],
                    "title": {"text": HEADS[key]},
                    "tickvals": [0, 0.5, 1],
                    "anchor": "y",
                }
            }
        )
    figure.update_yaxes(autorange="reversed", type="category", showgrid=True)
    return figure


def roc_table(run: Run, truth: tuple[str, ...], others: dict[str, np.ndarray]) -> pd.DataFrame:
    """``detector``, ``false_alarm_rate``, ``found``: the points of each curve."""
    import pandas as pd

    judged = judge(run, truth, others)
    parts_of = []
    for name, scores in judged.scores.items():
        false, found = roc_points(scores, judged.unknown)
        parts_of.append(pd.DataFrame({"detector": name, "false_alarm_rate": false, "found": found}))
    return pd.concat(parts_of, ignore_index=True)


def roc(run: Run, truth: tuple[str, ...], others: dict[str, np.ndarray], theme: Theme) -> go.Figure:
    """The share of the unknown found against the share of the known flagged, a line a detector."""
    table = roc_table(run, truth, others)
    figure = blank(theme, 420)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": theme.palette.muted, "width": 1, "dash": "dot"},
        name="guessing",
        hoverinfo="skip",
        showlegend=False,
    )
    for place, (name, part) in enumerate(table.groupby("detector", sort=False)):
        figure.add_scatter(
            x=part["false_alarm_rate"],
            y=part["found"],
            mode="lines",
            name=detecting.title(str(name)),
            line={
                "color": CATEGORIES[place % len(CATEGORIES)],
                "width": 2.4,
                "dash": "solid" if place < len(CATEGORIES) else "dash",
            },
            hovertemplate=f"{detecting.title(str(name))}<br>%{{y:.0%}} of the unknown found at %{{x:.0%}} of the known"
            "<extra></extra>",
        )
    figure.update_xaxes(title_text="share of the known flagged", tickformat=".0%", range=[-0.01, 1.01])
    figure.update_yaxes(title_text="share of the unknown found", tickformat=".0%", range=[-0.01, 1.02])
    return figure
