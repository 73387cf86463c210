"""Can the maps of why be believed? The figures of ``benthoscope explain-check`` for the open run, as a section of Help.

The contract: what was measured is read from the workspace; measuring is asked for by a button, shows how far it is, and
is kept. Where our best map does not beat a map that knows nothing of the score, the section says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from dashboard import parts
from dashboard.boundary import sentence

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from core.explain.check import Check
    from dashboard.state import View
    from dashboard.theme import Theme

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "pointing": "Does its highest place lie on the animal?",
        "energy": "How much of it lies on the animal?",
        "ranking": "Is a place on the animal higher than one beside it?",
        "boxes": "Do its boxes meet the annotated ones?",
        "sign": "Does a cell's colour tell what becomes of the score without it?",
        "deletion": "Does blurring its highest places lower the score first?",
        "insertion": "Does putting them back raise the score first?",
    }
)
"""Every measure that is drawn, as a question; completeness is a sentence."""
_IMAGES = 60


def section(view: View) -> None:
    """Draw it."""
    parts.section(
        "Can these maps be believed?",
        "Measured on this run's own pictures, beside maps that know nothing of the score.",
    )
    try:
        check = _kept(str(view.workspace.root), view.run.key, view)
    except CoreError as error:
        parts.note(sentence(str(error)))
        return
    if check is None:
        _offer(view)
        return
    _told(view, check)


@st.cache_resource(max_entries=8, ttl=60, show_spinner=False)
def _kept(root: str, run_key: str, _view: View) -> Check | None:
    """The check that is kept; looked up again every minute, for that reads every annotated place of the run."""
    from core.explain.check import largest_kept

    return largest_kept(_view.run, _view.workspace, (200, 100, _IMAGES))


def _offer(view: View) -> None:
    parts.note(
        f"Not measured for this run yet. It takes a minute or two for up to {_IMAGES} pictures with annotated places; "
        f"on the command line: benthoscope explain-check {view.run.id}"
    )
    if not st.button("Measure it now", key="believe"):
        return
    from core.explain.check import check_maps

    bar = st.progress(0.0, "Drawing maps, and maps that know nothing")

    def note(done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(1, total)), f"Step {min(done + 1, total)} of {total}")

    try:
        check_maps(view.run, view.workspace, limit=_IMAGES, progress=note)
    except CoreError as error:
        bar.empty()
        parts.note(sentence(str(error)))
        return
    _kept.clear()
    st.rerun()


def _told(view: View, check: Check) -> None:
    from core.explain.report import losses

    table = check.table[check.table["concept"] == ""]
    with parts.card("believe_words", "In short"):
        parts.paragraph(f"Judged by {check.sentence}.")
        for line in summary(check):
            parts.paragraph(line)
        lost = losses(check)
        if lost:
            parts.paragraph("Where a map that knows nothing of the score does as well, or better:")
            for line in lost:
                parts.note(sentence(line))
        for line in check.skipped:
            parts.note(sentence(f"Left out: {line}"))
    shown = [measure for measure in TITLES if (table["measure"] == measure).any()]
    for first in range(0, len(shown), 2):
        with parts.pair(f"believe_{first}") as places:
            for place, measure in zip(places, shown[first : first + 2], strict=False):
                rows = table[table["measure"] == measure]
                with place, parts.card(f"believe_{measure}", TITLES[measure], _remark(measure)):
                    parts.plot(
                        bars(rows, measure, view.theme),
                        key=f"believe_{measure}",
                        alt=TITLES[measure],
                        data=lambda rows=rows: rows,  # type: ignore[misc]
                    )


def summary(check: Check) -> list[str]:
    """What the best of our maps is worth, in words: by how much, and whether cells add up."""
    from core.explain.report import best_of

    lines = []
    for measure in ("pointing", "energy"):
        best = best_of(check, measure)
        if best is None or math.isnan(best["lead"]):
            continue
        share = f"{100 * best['mean']:.0f} %"
        told = {
            "pointing": f"in {share} of pictures its highest place lies on an object",
            "energy": f"{share} of what it marks lies on objects",
        }[measure]
        lines.append(
            f"Our best map ({best['method']}): {told}. That is {_points(best['lead'])} ahead of {best['over']}, the "
            f"best that knows nothing of the score ({_points(best['lead_low'])} to {_points(best['lead_high'])} in "
            "95 % of resamplings of whole groups)."
        )
    exact = check.table[(check.table["measure"] == "completeness") & (check.table["concept"] == "")]
    if len(exact):
        worst = float(exact["mean"].max())
        told = "to within rounding" if worst < 1e-5 else f"only to within {worst:.2g}, which is more than rounding"
        lines.append(f"Exact maps add up to what they promise, {told}.")
    return lines


def _points(value: float) -> str:
    return f"{100 * value:+.0f} points"


def _remark(measure: str) -> str:
    from core.explain.check import LOWER_IS_BETTER, MEASURES

    words = MEASURES[measure].removesuffix(" (lower is better)").removesuffix(" (higher is better)")
    better = "shorter is better" if measure in LOWER_IS_BETTER else "longer is better"
    return f"{words[0].upper()}{words[1:]}; {better}."


def bars(rows: pd.DataFrame, measure: str, theme: Theme) -> go.Figure:
    """Each method's mean with its interval, best on top; methods that know nothing of the score in grey.

    Args:
        rows: Lines of one measure of `core.explain.check.Check.table`.
    """
    import plotly.graph_objects as go

    from core.explain.check import BASELINES, LOWER_IS_BETTER
    from dashboard.figures import blank

    known = rows[rows["mean"].notna()].sort_values("mean", ascending=measure not in LOWER_IS_BETTER)
    figure = blank(theme, 120 + 26 * len(known))
    ours = ~known["method"].isin(BASELINES)
    for mask, name, colour in (
        (ours, "our maps", theme.palette.target),
        (~ours, "know nothing of the score", theme.palette.reference),
    ):
        part = known[mask]
        error: dict[str, Any] = {"array": part["high"] - part["mean"], "arrayminus": part["mean"] - part["low"]}
        figure.add_trace(
            go.Bar(
                x=part["mean"],
                y=part["method"],
                orientation="h",
                name=name,
                marker_color=colour,
                error_x={"type": "data", "symmetric": False, "color": theme.palette.text, "thickness": 1.2, **error},
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )
    figure.update_yaxes(categoryorder="array", categoryarray=list(known["method"]), title=None)
    figure.update_xaxes(title=None, rangemode="tozero")
    figure.update_layout(bargap=0.3, margin={"l": 130})
    return figure
