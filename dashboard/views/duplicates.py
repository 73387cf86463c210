"""Near-duplicates: what was filmed twice?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.catalogue.selections import Regions
from core.neighbours.search import distances_to
from core.review.repeats import repeat_threshold
from dashboard import cached, choosing, keeping, ordering, parts, repeats, words
from dashboard.gallery import gallery

if TYPE_CHECKING:
    from core.runs import Run
    from dashboard.repeats import Repeats
    from dashboard.state import View

CHAIN = "Distances are to the kept one; a run joins what is alike step by step, so its ends may be farther apart."
_OPEN, _WISHED = "of", "duplicates_kept"


@st.cache_resource(max_entries=8, show_spinner=False)
def _ranked(run_key: str, rule: str, _run: Run) -> np.ndarray:
    _, column, ascending = repeats.RULES[rule]
    return ordering.by_column(_run.table, column, ascending)


def page(view: View) -> None:
    """Draw the page."""
    selection = choosing.current()
    mask = choosing.found(view.run, selection).mask
    said = st.container()
    choosing.chips(selection)
    limit, same, rule = _settings(view)
    numbers = cached.repeats(view.run, limit, same)
    wished = st.session_state.setdefault(_WISHED, {}).get((view.run.key, limit, same), {})
    found = repeats.repeats(numbers, mask, _ranked(view.run.key, rule, view.run), wished)
    with said:
        parts.heading("What was filmed twice?", sentence(found, int(mask.sum())))
    if not len(found.kept):
        parts.empty(
            "No near-duplicates here",
            "No two pictures of this selection are as alike as that. Move the limit up, or take a condition away.",
        )
        return
    _take(view, found, limit)
    opened = _opened(view, found)
    with parts.pair("repeats") as (left, right):
        with left, parts.card("runs", "One of each", "The picture that is kept; open one to see all of its run."):
            gallery(
                view,
                found.kept,
                key="repeats_kept",
                label="One picture of each run of near-duplicates",
                captions=("group", "ood_score"),
                extra=[f"{words.count(size)} alike" for size in found.sizes],
                height=560,
                noun="runs",
                on_open=lambda row: _open(view, row),
            )
        with right, parts.card("run", f"Run {opened + 1}: {words.count(found.sizes[opened])} pictures", CHAIN):
            _run_of(view, found, opened, (view.run.key, limit, same))


def sentence(found: Repeats, total: int) -> str:
    """How much is near-duplicate."""
    if not len(found.kept):
        return f"None of the {words.plural(total, 'picture')} here is a near-duplicate of another."
    held = len(found.kept) + len(found.rest)
    return (
        f"{words.plural(len(found.kept), 'run')} of near-duplicates hold {words.count(held)} of "
        f"{words.plural(total, 'picture')}. With one of each kept, {words.count(len(found.rest))} could be left out, "
        f"and {words.count(total - len(found.rest))} remain."
    )


def _settings(view: View) -> tuple[float, bool, str]:
    """How alike, within what, and which is kept."""
    own = repeat_threshold(view.run)
    most = max(round(4 * own, 3), 0.02)
    step = 0.001 if most > 0.05 else 0.0005
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="repeats_tools"):
        limit = st.slider(
            "How alike (distance up to)",
            0.0,
            most,
            round(own / step) * step,
            step,
            format="%.4f" if step < 0.001 else "%.3f",
            key="alike",
            bind="query-params",
            width=300,
            help="0 is a copy. It begins where pictures of different groups are hardly ever as alike: "
            f"{words.score(own)} for this network.",
        )
        rule = st.selectbox(
            "Keep",
            repeats.rules(view.run.table),
            format_func=lambda name: repeats.RULES[name][0],
            key="kept",
            bind="query-params",
            width=210,
        )
        same = st.toggle("only within one group", value=True, key="same_group", bind="query-params")
    return float(limit), bool(same), str(rule)


def _take(view: View, found: Repeats, limit: float) -> None:
    """What can be done with the rest."""
    ids = tuple(int(region) for region in view.run.table["region_id"].iloc[found.rest])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="repeats_take"):
        keeping.form(
            "repeats", f"Save the other {words.count(len(ids))}", view, Regions(ids), f"repeats up to {limit:.4g}"
        )
        parts.csv_button("repeats", lambda: repeats.table(view.run.table, found), "CSV of all runs")
    parts.note("Saved, they are one click away in Browse: under Saved, open shows them and without leaves them out.")


def _opened(view: View, found: Repeats) -> int:
    """Place of the run whose pictures are shown: the URL's, else the largest."""
    asked = st.query_params.get(_OPEN, "")
    if asked.isascii() and asked.isdecimal() and len(asked) < 16:
        rows = np.flatnonzero(view.run.table["region_id"].to_numpy() == int(asked))
        if len(rows) and found.members[rows[0]] >= 0:
            return int(np.flatnonzero(found.numbers == found.members[rows[0]])[0])
    return 0


def _open(view: View, row: int) -> None:
    st.query_params[_OPEN] = str(int(view.run.table["region_id"].iloc[row]))


def _run_of(view: View, found: Repeats, place: int, named: tuple[str, float, bool]) -> None:
    """All pictures of one run, and another choice of the one that is kept."""
    rows = found.of(int(found.numbers[place]))
    far = distances_to(np.asarray(view.run.embeddings[rows[0]]), np.asarray(view.run.embeddings[rows]))
    chosen = gallery(
        view,
        rows,
        key="repeats_run",
        label="Pictures of one run of near-duplicates",
        captions=("taken_at", "ood_score"),
        extra=["kept", *(f"distance {words.score(float(value))}" for value in far[1:])],
        height=500,
        named=True,
        selectable=True,
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="repeats_choice"):
        st.button(
            "Keep the chosen one",
            key="repeats_keep",
            disabled=len(chosen) != 1,
            on_click=_keep,
            args=(named, int(found.numbers[place]), int(chosen[0]) if len(chosen) else -1),
        )
        parts.note("A click chooses, a double click or Enter opens.")


def _keep(named: tuple[str, float, bool], number: int, row: int) -> None:
    st.session_state[_WISHED].setdefault(named, {})[number] = row
