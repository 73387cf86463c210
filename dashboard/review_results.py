"""What was decided: counts, what a random sample says, how far reviewers agree, one verdict for a whole selection."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from core.review import agreement
from core.review.columns import SPLIT, agreed
from core.review.deciding import Act, decide, undo
from core.review.estimating import Sample, estimate
from core.review.standing import DecisionEntry, standing
from core.review.verdicts import Verdict, all_verdicts, verdicts
from dashboard import choosing, parts, review_work, reviewing, words

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from dashboard.state import View

_DONE = "bulk_done"


def results(view: View) -> None:
    """Everything below the queue; asked anew with each run of the page and by its button."""
    _body(view)


@st.fragment
def _body(view: View) -> None:
    entries = of_run(view.run, standing(view.workspace.database))
    here = standing(view.workspace.database, run_id=view.run.id)
    names = all_verdicts(view.workspace.database)
    with st.container(horizontal=True, vertical_alignment="center", key="review_results"):
        parts.section("What was decided of these pictures")
        st.button("Count again", key="review_again", icon=":material/refresh:", type="tertiary")
    if not entries:
        parts.note("Nothing yet. What you decide above is counted here.")
    else:
        with parts.pair("decided") as (left, right):
            with left, parts.card("verdict_counts", "Verdicts"):
                _counts(entries, names)
                if other := len(entries) - len(here):
                    parts.note(
                        f"{words.plural(other, 'decision')} of these came along when datasets were merged, or belong "
                        "to another run over the same pictures."
                    )
            with right, parts.card("agreement", "Do reviewers agree?"):
                _agreement(entries)
    with parts.pair("sample") as (left, right):
        with left, parts.card("estimate", "What a random sample says about all of them"):
            _sample(view, here, names)
        with right, parts.card("bulk", "One verdict for the whole selection"):
            _bulk(view, names)


def of_run(run: Run, entries: list[DecisionEntry]) -> list[DecisionEntry]:
    """Those about regions of a run, wherever they were taken, and those about its own clusters."""
    return [
        entry
        for entry in entries
        if (entry.run_id == run.id if entry.region_id is None else reviewing.holds(run, entry.region_id))
    ]


def _name(names: dict[str, Verdict], key: str) -> str:
    return "No agreement" if key == SPLIT else names[key].name if key in names else key


def _counts(entries: list[DecisionEntry], names: dict[str, Verdict]) -> None:
    by_region = agreement.verdicts_by_region(entries)
    counts = Counter(agreed(said.values()) for said in by_region.values())
    people = Counter(entry.actor for entry in entries)
    parts.facts((_name(names, key), words.count(number)) for key, number in counts.most_common())
    parts.note("By " + ", ".join(f"{actor} ({words.count(number)})" for actor, number in people.most_common(12)) + ".")
    parts.csv_button("decisions", lambda: decision_table(entries), "CSV of all decisions")


def decision_table(entries: list[DecisionEntry]) -> pd.DataFrame:
    """Decisions that stand, one a row."""
    import pandas as pd

    columns = ("region_id", "image_id", "cluster", "verdict", "concept", "actor", "created_at", "note", "scope", "uid")
    return pd.DataFrame([{name: getattr(entry, name) for name in columns} for entry in entries], columns=list(columns))


def kappa_words(kappa: float) -> str:
    """A kappa with what it means."""
    if math.isnan(kappa):
        return "not defined: only one verdict was ever given"
    return f"{kappa:.2f}, where 1 is full agreement and 0 is what chance gives"


def _agreement(entries: list[DecisionEntry]) -> None:
    by_region = agreement.verdicts_by_region(entries)
    found = agreement.pairs(by_region)
    if not found:
        parts.note("No picture has two opinions yet. Ask for second opinions above.")
        return
    whole = agreement.overall(by_region)
    if whole is not None and whole[2] > 2:
        kappa, regions, number = whole
        parts.paragraph(
            f"{words.plural(regions, 'picture')} with {number} verdicts each: Fleiss’ kappa {kappa_words(kappa)}."
        )
    lines = [
        (
            f"{pair.first} and {pair.second}",
            f"{words.count(pair.same)} of {words.count(pair.both)} the same; kappa {kappa_words(pair.kappa)}",
        )
        for pair in found[:12]
    ]
    parts.facts(lines)
    differing = len(agreement.disagreements(by_region))
    parts.note(f"{words.plural(differing, 'picture')} judged differently: the queue “Reviewers disagree” has them.")


def _sample(view: View, entries: list[DecisionEntry], names: dict[str, Verdict]) -> None:
    order = reviewing.queue_regions(view.workspace, view.run, "random", "")
    said = {region: agreed(verdicts.values()) for region, verdicts in agreement.verdicts_by_region(entries).items()}
    table = view.run.table
    groups = dict(zip(table["region_id"].tolist(), (table["dataset"] + "/" + table["group"]).tolist(), strict=True))
    bare = {region for region, group in zip(table["region_id"], table["group"], strict=True) if group == ""}
    found = estimate(order, said, {region: group for region, group in groups.items() if region not in bare})
    if not found.used:
        parts.note("Go through the queue “Random sample”: its first pictures, without a gap, estimate the shares.")
        return
    parts.facts(
        (
            _name(names, key),
            f"{words.percent(share.value)}, between {words.percent(share.low)} and {words.percent(share.high)}",
        )
        for key, share in found.shares.items()
    )
    parts.note(sample_sentence(found))


def sample_sentence(found: Sample) -> str:
    """What stands behind an estimate."""
    text = (
        f"From the first {words.count(found.used)} of {words.count(found.total)} in random order; the ranges hold the "
        "true share in 95 of 100 such samples, and count pictures of one group as belonging together."
    )
    if found.broken_by:
        text += (
            f" {words.plural(found.broken_by, 'later decision')} not used: a picture before was left out, and only an "
            "unbroken beginning is a fair sample."
        )
    return text


def _bulk(view: View, names: dict[str, Verdict]) -> None:
    rows = review_work.selected_rows(view)
    actor = review_work.reviewer()
    selection = choosing.current()
    if not selection.narrows:
        parts.note("Narrow down in Browse or on the Map first; the pictures chosen there can get one verdict here.")
    else:
        choice = verdicts(view.workspace.database)
        chosen = st.selectbox("Verdict", choice, format_func=lambda verdict: verdict.name, key="bulk_verdict")
        st.button(
            f"Give it to all {words.count(len(rows))} pictures",
            key="bulk_give",
            disabled=not actor or not len(rows),
            on_click=_give,
            args=(view, rows, chosen.key, actor),
            help=None if actor else "Write your name above first",
        )
    done: dict[str, Any] | None = st.session_state.get(_DONE)
    if done and done["run"] == view.run.id:
        parts.note(f"{words.plural(done['count'], 'picture')}: {_name(names, done['verdict'])}, by {done['actor']}.")
        st.button("Undo this", key="bulk_undo", on_click=_take_back, args=(view, done), icon=":material/undo:")


def _give(view: View, rows: Any, verdict: str, actor: str) -> None:
    regions = tuple(view.run.table["region_id"].to_numpy()[rows].tolist())
    act = Act(uuid4().hex, actor, view.run.id, verdict, regions=regions, scope="selection")
    made = decide(view.workspace.database, act, now=datetime.now(UTC))
    st.session_state[_DONE] = {
        "act": act.key,
        "actor": actor,
        "count": len(made),
        "verdict": verdict,
        "run": view.run.id,
    }


def _take_back(view: View, done: dict[str, Any]) -> None:
    st.session_state.pop(_DONE, None)
    undo(view.workspace.database, key=uuid4().hex, act=done["act"], actor=done["actor"], now=datetime.now(UTC))
