"""What kind of strange, and do detectors agree: the Outliers page's cards and their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.errors import CoreError
from core.images.statistics import FIELDS
from core.ood.agreement import Agreement, agreement
from core.ood.kind import CAMERA_OR_WATER, CONTENT, WORDS, Kinds, kinds_of_strange
from core.stages import group_codes
from dashboard import cached, detecting, drift_words, parts, words
from dashboard.figures import blank, faded
from dashboard.gallery import gallery, why_overlay
from dashboard.summaries import is_reference, is_target
from dashboard.theme import CATEGORIES, sequential

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from dashboard.state import View
    from dashboard.theme import Theme

MOST_POINTS = 3000
_COLOURS = {CAMERA_OR_WATER: CATEGORIES[0], CONTENT: CATEGORIES[3]}


def kinds(run: Run, name: str) -> Kinds | str:
    """The kinds of strange of a run in a detector's eyes, or the sentence that says why they cannot be told."""

    def told() -> Kinds | str:
        said, table = detecting.said(run, name), run.table
        target = is_target(table)
        try:
            return kinds_of_strange(
                said.score,
                said.flagged & (target if target.any() else True),  # a reference alone is judged against itself
                table.reindex(columns=list(FIELDS)).to_numpy(dtype=np.float64),
                FIELDS,
                is_reference(table),
                group_codes(table),
            )
        except CoreError as error:
            return str(error)

    found: Kinds | str = cached.computed(run, "kinds", (name,), told)
    return found


def kind_table(run: Run, name: str, found: Kinds) -> pd.DataFrame:
    """One row a region: the verdict and what it rests on."""
    columns = ["region_id", "image_id", "path", "set", "group"]
    table = run.table[columns].assign(
        flagged=detecting.said(run, name).flagged,
        kind=[WORDS[int(verdict)] for verdict in found.verdict],
        unusual_statistics=found.unusual,
        residual_score=found.residual,
        explained_score=found.explained,
    )
    for place, field in enumerate(FIELDS):
        table[f"{field}_deviation"] = found.deviations[:, place]
    return table


def kinds_card(view: View, name: str) -> None:
    """A changed camera or changed water, or new content: for the flagged set, and region by region."""
    found = kinds(view.run, name)
    with parts.card("kind", "What kind of strange?"):
        if isinstance(found, str):
            parts.note(found)
            return
        parts.paragraph(found.sentence)
        parts.note(
            "Told from the picture alone: image statistics, and the score that remains without what they explain (1: "
            "the reference's 95th percentile). Camera, depth, time and frame size are not looked at."
        )
        if not (found.verdict > 0).any():
            return
        with parts.pair("kind") as (left, right):
            with left:
                chart = cached.figure(view, "kind_points", (name,), lambda: points(found, view))
                alt = "Flagged regions by how unusual their image statistics are and by the score that remains"
                parts.plot(chart, key="kind_points", alt=alt, data=lambda: kind_table(view.run, name, found))
            with right:
                chart = cached.figure(view, "kind_statistics", (name,), lambda: statistics(found, view.theme))
                parts.plot(
                    chart,
                    key="kind_statistics",
                    alt="Image statistics of the flagged against the reference",
                    data=lambda: mean_deviations(found),
                )
    with parts.pair("kinds") as (left, right):
        for place, kind, title in (
            (left, CAMERA_OR_WATER, "Looks like a camera or water change"),
            (right, CONTENT, "Content is new"),
        ):
            rows = _ranked(np.flatnonzero(found.verdict == kind), detecting.said(view.run, name).score)
            with place, parts.card(f"kind_{kind}", f"{title}: {words.plural(len(rows), 'region')}"):
                gallery(
                    view,
                    rows,
                    key=f"kind_{kind}",
                    label=title,
                    height=400,
                    captions=("group",),
                    extra=remarks(found, rows, kind),
                    overlay=why_overlay(view.run, name),
                    empty="No flagged region is of this kind.",
                )


def remarks(found: Kinds, rows: np.ndarray, kind: int) -> list[str]:
    """Why each region is of its kind, in a line: the statistic furthest out, or the score that remains."""
    texts = []
    for row in rows:
        if kind == CAMERA_OR_WATER:
            most = int(np.abs(found.deviations[row]).argmax())
            texts.append(
                f"{drift_words.statistic(FIELDS[most])} {found.deviations[row, most]:+.1f} SD".replace("-", "−")
            )
        else:
            texts.append(f"remaining score {found.residual[row]:.1f}")
    return texts


def _ranked(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return rows[np.argsort(-scores[rows], kind="stable")]


def points(found: Kinds, view: View) -> go.Figure:
    """Every flagged region between a changed picture (right) and new content (up), before the reference."""
    theme = view.theme
    p = theme.palette
    figure = blank(theme, 380)
    known = np.flatnonzero(is_reference(view.run.table) & np.isfinite(found.unusual) & (found.verdict == 0))
    some = np.random.default_rng(0).permutation(known)[:MOST_POINTS]
    parts_of = [("reference", some, faded(p.reference, 0.35), 4)]
    parts_of += [(WORDS[kind], np.flatnonzero(found.verdict == kind), colour, 8) for kind, colour in _COLOURS.items()]
    for name, rows, colour, size in parts_of:
        rows = rows[:MOST_POINTS]
        if len(rows):
            figure.add_scatter(
                x=found.unusual[rows],
                y=found.residual[rows],
                mode="markers",
                name=name,
                marker={"color": colour, "size": size, "line": {"width": 0}},
                hoverinfo="skip",
            )
    figure.update_xaxes(title_text="how unusual the picture is")
    figure.update_yaxes(title_text="remaining score")
    figure.update_layout(legend={"orientation": "v", "y": 1.0, "yanchor": "bottom"}, margin_t=84)
    return figure


def mean_deviations(found: Kinds) -> pd.DataFrame:
    """``statistic``, ``kind``, ``regions`` and mean ``deviation`` of the flagged, in standard deviations."""
    import pandas as pd

    rows = []
    for kind in _COLOURS:
        inside = found.verdict == kind
        if inside.any():
            mean = found.deviations[inside].mean(axis=0)
            rows += [(field, WORDS[kind], int(inside.sum()), float(mean[i])) for i, field in enumerate(FIELDS)]
    return pd.DataFrame(rows, columns=["statistic", "kind", "regions", "deviation"])


def statistics(found: Kinds, theme: Theme) -> go.Figure:
    """Mean image statistics of either kind of flagged regions, in standard deviations of the reference."""
    table = mean_deviations(found)
    figure = blank(theme, 380, bargap=0.25)
    for kind, colour in _COLOURS.items():
        part = table[table["kind"] == WORDS[kind]]
        if len(part):
            figure.add_bar(
                y=[drift_words.statistic(name) for name in part["statistic"]],
                x=part["deviation"],
                orientation="h",
                name=WORDS[kind],
                marker_color=colour,
                hovertemplate="%{y}: %{x:+.1f} standard deviations<extra></extra>",
            )
    figure.add_vline(x=0, line={"color": theme.palette.muted, "width": 1})
    figure.update_xaxes(title_text="standard deviations: less ← → more")
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_layout(legend={"orientation": "v", "y": 1.0, "yanchor": "bottom"}, margin_t=84)
    return figure


def agreement_card(view: View, names: list[str]) -> None:
    """How alike detectors order the regions, and the pictures that they disagree about."""
    remark = "Ranks among the reference: where two detectors' ranks of a picture lie far apart, believe neither alone."
    with parts.card("agreement", "Do detectors agree?", remark):
        if len(names) < 2:
            parts.note("Choose two or more detectors to compare, at the top of the page.")
            return
        run = view.run
        found: Agreement = cached.computed(run, "agreement", tuple(names), lambda: _agreement(run, names))
        target = is_target(run.table) if is_target(run.table).any() else is_reference(run.table)
        flagged = found.flagged_by[target]
        parts.paragraph(
            f"Of {words.plural(len(flagged), 'judged region')}, {words.count(int((flagged == len(names)).sum()))} are "
            f"flagged by all {len(names)}, {words.count(int(((flagged > 0) & (flagged < len(names))).sum()))} by some, "
            f"{words.count(int((flagged == 0).sum()))} by none. The median spread of ranks is "
            f"{words.percent(float(np.median(found.spread[target])))} of the reference."
        )
        with parts.pair("agreement", (1, 1.2)) as (left, right):
            with left:
                chart = cached.figure(view, "agreement", tuple(names), lambda: correlations(found, names, view.theme))
                parts.plot(
                    chart,
                    key="agreement",
                    alt="Rank correlation of detectors",
                    data=lambda: _agreement_table(run, names, found),
                )
            with right:
                rows = np.flatnonzero(target)
                rows = _ranked(rows, found.spread)[:300]
                gallery(
                    view,
                    rows,
                    key="disagreed",
                    label="Pictures that detectors disagree about most",
                    height=380,
                    captions=("group",),
                    extra=_rank_lines(found, names, rows),
                )


def _agreement(run: Run, names: list[str]) -> Agreement:
    said = [detecting.said(run, name) for name in names]
    scores, flags = np.column_stack([s.score for s in said]), np.column_stack([s.flagged for s in said])
    return agreement(np.nan_to_num(scores), flags, is_reference(run.table), is_target(run.table))


def _rank_lines(found: Agreement, names: list[str], rows: np.ndarray) -> list[str]:
    texts = []
    for row in rows:
        low, high = int(found.ranks[row].argmin()), int(found.ranks[row].argmax())
        texts.append(
            f"{words.percent(found.ranks[row, high])} {detecting.title(names[high])}, "
            f"{words.percent(found.ranks[row, low])} {detecting.title(names[low])}"
        )
    return texts


def _agreement_table(run: Run, names: list[str], found: Agreement) -> pd.DataFrame:
    table = run.table[["region_id", "image_id", "path", "set", "group"]].assign(
        rank_spread=found.spread, flagged_by=found.flagged_by
    )
    for place, name in enumerate(names):
        table[f"{name}_rank"] = found.ranks[:, place]
    return table


def correlations(found: Agreement, names: list[str], theme: Theme) -> go.Figure:
    """Spearman's rank correlation of every two detectors."""
    figure = blank(theme, 380)
    titles = [detecting.title(name) for name in names]
    figure.add_heatmap(
        z=np.nan_to_num(found.correlation),
        x=titles,
        y=titles,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorscale=sequential(theme),
        texttemplate="%{z:.2f}",
        colorbar={"thickness": 12, "outlinewidth": 0},
        hovertemplate="%{x} and %{y}: rank correlation %{z:.2f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(showgrid=False, type="category", tickangle=-35)
    return figure


def chosen_detectors(run: Run) -> list[str]:
    """Which detectors are compared with one another: those of the run unless others are asked for."""
    offered = detecting.offered(run)
    asked = st.multiselect(
        "Compared with one another",
        offered,
        default=detecting.stored(run),
        format_func=lambda name: detecting.named(run, name),
        key="detectors",
        placeholder="Choose detectors",
    )
    return [name for name in offered if name in asked]
