"""A new run: which datasets, what counts as known, what is judged; with what would come of it and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.console import duration
from core.errors import CoreError
from dashboard import catalogued, conditions_built, parts, preparing, words
from dashboard.boundary import explain, sentence
from dashboard.desk import Desk, ask

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import RunSettings

FEWEST_GROUPS = 19
_REGIONS = ("image", "tiles:2x3", "boxes")
_NETWORKS = {
    "demo": "the demonstration's own, small",
    "mobilenet_v2": "MobileNet V2",
    "resnet50": "ResNet-50",
    "convnext_tiny": "ConvNeXt, tiny",
}
_SEARCHES = {"auto": "as fits the number", "exact": "exact", "approximate": "approximate"}


def regions_in_words(text: str) -> str:
    """What a run embeds, from how its settings write it."""
    kind, _, grid = text.partition(":")
    rows, _, columns = grid.partition("x")
    return {"image": "whole pictures", "boxes": "marked boxes"}.get(kind, f"tiles, {rows} rows of {columns}")


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
    chosen = st.multiselect(
        "Datasets", list(known), key="start_datasets", format_func=lambda name: f"{name} ({known[name]:,})"
    )
    if not chosen:
        parts.note("Choose at least one dataset.")
        return
    images = catalogued.images(desk.workspace, chosen)
    with parts.pair("start") as (left, right):
        with left:
            reference = conditions_built.builder(
                "reference", "What counts as known: the reference", images, "Every image, until a condition is added."
            )
        with right:
            target = conditions_built.builder(
                "target", "What is judged: the target", images, "Everything outside the reference."
            )
    settings, name, again = _settings(desk, tuple(chosen), reference, target, images)
    if settings is not None:
        _outlook(desk, settings, images)
        _start(desk, settings, name, again)


def _settings(
    desk: Desk,
    datasets: tuple[str, ...],
    reference: tuple[str, ...],
    target: tuple[str, ...],
    images: pd.DataFrame,
) -> tuple[RunSettings | None, str, bool]:
    from core.learn.models import list_models
    from core.ood.registry import DETECTORS
    from core.settings import (
        EmbedSettings,
        OodSettings,
        ProjectionSettings,
        RegionSettings,
        RunSettings,
        SearchSettings,
    )

    name = st.text_input("Name", key="start_name", placeholder=", ".join(datasets), max_chars=200).strip()
    with st.expander("Settings; the given ones are right for most", key="start_more"):
        left, middle, right = st.columns(3)
        with left:
            regions = st.selectbox("What is embedded", _REGIONS, key="start_regions", format_func=regions_in_words)
            embedder = st.selectbox(
                "Network",
                list(_NETWORKS),
                key="start_embedder",
                format_func=lambda name: _NETWORKS.get(name, name),
                accept_new_options=True,
                help="Another of torchvision's classification networks can be written here by its name",
            )
        with middle:
            side = st.number_input("Shorter side, pixels", 32, 2048, 224, step=32, key="start_side")
            alpha = st.number_input("False-alarm rate", 0.01, 0.5, 0.05, step=0.01, key="start_alpha")
        with right:
            usable = [info.name for info in list_models(desk.workspace) if not info.problem]
            detectors = st.multiselect(
                "Other detectors",
                [name for name, made in DETECTORS.items() if name != "knn" and (usable or not made.needs_logits)],
                key="start_detectors",
                format_func=lambda name: DETECTORS[name].title,
            )
            reading = any(DETECTORS[name].needs_logits for name in detectors)
            model = st.selectbox("Model whose answers they read", usable, key="start_model") if reading else None
            fast = st.checkbox("A quicker map", key="start_fast")
            search = st.selectbox(
                "Search of neighbours",
                list(_SEARCHES),
                key="start_search",
                format_func=_SEARCHES.__getitem__,
                help="Exact compares every pair, which is usual up to 200,000; beyond, the run says what it missed",
            )
            again = st.checkbox("Make it anew even if it is there", key="start_again")
        steps = preparing.builder("start_steps")
        preparing.before_and_after(desk.workspace, images, steps, "start")
    try:
        settings = RunSettings(
            datasets,
            reference,
            target,
            RegionSettings.parse(str(regions)),
            EmbedSettings(embedder=str(embedder or "demo"), short_side=int(side), steps=steps),
            OodSettings(alpha=float(alpha), detectors=tuple(detectors), model=model),
            ProjectionSettings(fast=bool(fast)),
            search=SearchSettings(search),
        )
    except CoreError as error:
        parts.empty(*explain(error))
        return None, name, False
    return settings, name, bool(again)


def _outlook(desk: Desk, settings: RunSettings, images: pd.DataFrame) -> None:
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
    if str(settings.regions) == "image" and st.button("How long will it take?", key="start_cost"):
        try:
            with st.spinner("Trying a few images"):
                cost = cost_of(desk.workspace, settings)
        except CoreError as error:
            parts.note(sentence(str(error)))
            return
        kept = f"{words.plural(cost.kept, 'image')} were embedded before and are used again. " if cost.kept else ""
        left = f"The other {words.count(cost.missing)} take about {duration(cost.seconds)}" if cost.missing else ""
        parts.note(f"{kept}{left or 'Nothing is to be embedded'}; then comes the map.")


def _start(desk: Desk, settings: RunSettings, name: str, again: bool) -> None:
    if st.button("Start the run", key="start_run", type="primary"):
        title = f"Run {name or ', '.join(settings.datasets)}"
        arguments = {"settings": settings.to_json(), "name": name, "again": again}
        ask(desk.workspace, "run", title, arguments, key="run")
        st.rerun()
