"""Learning from decisions: a new run with what was judged known in its reference, and what that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import ReviewError
from core.relearning import apart_sentence, change_of
from core.review.knowing import Joining, joining, known_verdicts
from core.review.verdicts import verdicts
from dashboard import following, going, parts, state, words
from dashboard.boundary import sentence
from dashboard.desk import ask
from dashboard.gallery import gallery
from dashboard.state import View

if TYPE_CHECKING:
    import pandas as pd

    from core.relearning import Change
    from core.runs import RunInfo

PROMISE = (
    "No picture is ever compared with pictures of its own dive, judged or not: what was judged in one dive changes the "
    "scores of the others. Flags keep their promise about a new dive, because p-values go on counting the original "
    "reference alone; what was judged was picked among the strangest and is no sample of a dive."
)


def learning(view: View) -> None:
    """The form for the new run, and the change from one run to the next."""
    with parts.card(
        "learn", "Learn from what was decided", "A run never changes: what is known now makes a new run beside it."
    ):
        _asking(view)
    following.section(view.workspace, ("run",), "The new run is at work")
    _changes(view)


@st.fragment
def _asking(view: View) -> None:
    database = view.workspace.database
    names = {verdict.key: verdict.name for verdict in verdicts(database)}
    usual = [key for key in known_verdicts(database) if key in names]
    chosen = st.multiselect(
        "Verdicts that mean known", list(names), default=usual, format_func=names.__getitem__, key="learn_verdicts"
    )
    try:
        wished = joining(database, view.run, chosen)
    except ReviewError as error:
        parts.note(sentence(str(error)))
        return
    _outlook(wished)
    name = st.text_input(
        "Name of the new run", value=f"{view.run.name}, reviewed"[:200], key="learn_name", max_chars=200
    ).strip()
    if st.button("Make the new run", key="learn_start", type="primary"):
        arguments = {"settings": wished.settings.to_json(), "name": name}
        ask(view.workspace, "run", f"Run {name or view.run.name}", arguments, key="learn")
        st.rerun()


def _outlook(wished: Joining) -> None:
    parts.tiles(
        [
            (words.count(len(wished.regions)), "pictures join the reference", "judged known, and not in it already"),
            (words.count(wished.groups), "groups that they are from", "each stays apart from itself"),
            (words.count(wished.disputed), "pictures left out", "reviewers do not agree"),
        ]
    )
    parts.note(PROMISE)
    if wished.alone:
        parts.note(
            f"{words.plural(wished.alone, 'picture')} of them name no dive: nothing keeps what was filmed seconds "
            "later apart from them, and it will look known. Name the dive at import to prevent it."
        )


def _changes(view: View) -> None:
    followers = _followers(view)
    if not followers:
        return
    parts.section(
        "What a new run learned",
        "What both runs judge, by what reviewers say of it now.",
    )
    labels = {after.id: f"run {before.id} to run {after.id}, {after.name}" for before, after in followers}
    chosen = st.selectbox("From", list(labels), format_func=labels.__getitem__, key="learn_pair")
    before, after = next(pair for pair in followers if pair[1].id == chosen)
    first, second = (
        View(view.workspace, view.runs, state.open_run(view.workspace, info), view.theme) for info in (before, after)
    )
    change = change_of(view.workspace.database, first.run, second.run)
    parts.tiles(
        [
            (words.count(change.joined), "joined the reference", ""),
            (words.count(len(change.flags.lost)), "flags lost", f"only in run {before.id}"),
            (words.count(len(change.flags.gained)), "flags gained", f"only in run {after.id}"),
            (words.count(change.flags.both), "flagged in both", ""),
        ]
    )
    with parts.card("learn_change", "Flags and scores by verdict"):
        table = change_table(change)
        st.dataframe(table, hide_index=True, key="learn_table")
        parts.csv_button("change-by-verdict", lambda: table)
        parts.paragraph(apart_sentence(change.apart))
    for shown, rows, title in ((first, change.flags.lost, "lost"), (second, change.flags.gained, "gained")):
        if len(rows):
            parts.section(f"Flags {title}", f"Scores of run {shown.run.id}, the strangest first.")
            gallery(shown, rows, key=f"learn_{title}", label=f"Flags {title}", height=300)
    if after.id != view.run.id and st.button(f"Review run {after.id}", key="learn_open"):
        going.go("review", {"run": str(after.id)})


def _followers(view: View) -> list[tuple[RunInfo, RunInfo]]:
    """Pairs of finished runs, the reviewed one and the one that learned from it, in which the open run is one."""
    done = {info.id: info for info in view.runs if info.state == "done"}
    pairs = [
        (done[info.settings.known.beside], info)
        for info in done.values()
        if info.settings.known is not None and info.settings.known.beside in done
    ]
    mine = [pair for pair in pairs if view.run.id in (pair[0].id, pair[1].id)]
    return sorted(mine, key=lambda pair: -pair[1].id)


def change_table(change: Change) -> pd.DataFrame:
    """The change by verdict as people read it."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "verdict": row.verdict or "Not judged",
                "pictures": row.regions,
                "joined": row.joined,
                f"flagged, run {change.first}": row.flagged[0],
                f"flagged, run {change.second}": row.flagged[1],
                f"median score, run {change.first}": words.score(row.score[0]),
                f"median score, run {change.second}": words.score(row.score[1]),
            }
            for row in change.verdicts
        ]
    )
