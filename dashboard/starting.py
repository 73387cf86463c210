"""A new run: which datasets, what counts as known, what is judged; with what would come of it and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.console import duration
from core.errors import CoreError
from dashboard import catalogued, conditions_built, parts, settling, starting_from, words
from dashboard.boundary import sentence
from dashboard.desk import Desk, ask

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import RunSettings

FEWEST_GROUPS = 19


def form(desk: Desk) -> None:
    """Draw it."""
    known = {entry.name: entry.images for entry in desk.workspace.datasets() if entry.images}
    if not known:
        parts.note("There is no image in the catalogue yet: bring some on Datasets.")
        return
    wished = [name for name in st.session_state.pop("new_datasets", []) if name in known]
    if wished or "start_datasets" not in st.session_state:
        st.session_state["start_datasets"] = wished or list(known)[:1]
    st.session_state["start_datasets"] = [name for name in st.session_state["start_datasets"] if name in known]
    base = starting_from.chooser(desk, known)
    chosen = st.multiselect(
        "Datasets", list(known), key="start_datasets", format_func=lambda name: f"{name} ({known[name]:,})"
    )
    if not chosen:
        parts.note("Choose at least one dataset.")
        return
    choices = catalogued.choices(desk.workspace, chosen)
    images = choices.images
    with parts.pair("start") as (left, right):
        with left:
            reference = conditions_built.builder(
                "reference", "What counts as known: the reference", choices, "Every image, until a condition is added."
            )
        with right:
            target = conditions_built.builder(
                "target", "What is judged: the target", choices, "Everything outside the reference."
            )
    name = st.text_input("Name", key="start_name", placeholder=", ".join(chosen), max_chars=200).strip()
    asked = settling.fields(desk, settling.Sets(tuple(chosen), reference, target), images, base, known)
    if asked.settings is not None:
        _outlook(desk, asked.settings, images, usable=asked.usable)
        _start(desk, asked.settings, name, again=asked.again, usable=asked.usable)


def _outlook(desk: Desk, settings: RunSettings, images: pd.DataFrame, *, usable: bool) -> None:
    from core.outlook import cost_of, sets_of

    try:
        sets = sets_of(desk.workspace, settings, images)
    except CoreError as error:
        parts.note(sentence(str(error)))
        return
    groups = f"{words.plural(sets.groups, 'independent group')}" + (
        "" if sets.groups >= FEWEST_GROUPS else f"; {FEWEST_GROUPS} are needed to certify flags"
    )
    parts.tiles(
        [
            (words.count(sets.images), "images", ""),
            (words.count(sets.reference), "reference", groups),
            (words.count(sets.target), "target", "" if sets.target else "nothing is judged"),
        ]
    )
    if not sets.target:
        parts.note("With every image as reference the run still maps and clusters; to judge, add what counts as known.")
    elif sets.groups == 1:
        parts.note(
            "The reference is one group. A picture is never compared with its own group, so nothing would be scored: "
            "choose what counts as known so that it holds two groups or more."
        )
    for name, number in sets.lacking.items():
        parts.note(f"{words.plural(number, 'image')} lack {name} and are in neither for that.")
    whole = str(settings.regions) == "image"
    if whole and st.button("How long will it take?", key="start_cost", disabled=not usable):
        try:
            with st.spinner("Trying a few images"):
                cost = cost_of(desk.workspace, settings)
        except CoreError as error:
            parts.note(sentence(str(error)))
            return
        kept = f"{words.plural(cost.kept, 'image')} were embedded before and are used again. " if cost.kept else ""
        rest = f"The other {words.count(cost.missing)}" if cost.kept else words.plural(cost.missing, "image")
        verb = "takes" if cost.missing == 1 else "take"
        left = f"{rest} {verb} about {duration(cost.seconds)}" if cost.missing else ""
        parts.note(f"{kept}{left or 'Nothing is to be embedded'}; then comes the map.")


def _start(desk: Desk, settings: RunSettings, name: str, *, again: bool, usable: bool) -> None:
    if not usable:
        parts.note("The network has no weights to work with yet: see Weights, in the settings.")
    if st.button("Start the run", key="start_run", type="primary", disabled=not usable):
        title = f"Run {name or ', '.join(settings.datasets)}"
        arguments = {"settings": settings.to_json(), "name": name, "again": again}
        ask(desk.workspace, "run", title, arguments, key="run")
        st.rerun()
