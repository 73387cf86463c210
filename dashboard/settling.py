"""The settings of a new run as fields, right for most as they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import CoreError
from dashboard import parts, preparing, starting_from, weighing
from dashboard.boundary import explain
from dashboard.desk import Desk
from dashboard.settings_words import NETWORKS, SEARCHES, regions_in_words

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from core.runs import RunInfo
    from core.settings import EmbedSettings, OodSettings, RegionSettings, RunSettings

_REGIONS = ("image", "tiles:2x3", "boxes")


@dataclass(frozen=True)
class Asked:
    """What the fields say.

    Attributes:
        settings: Of the run; ``None`` while they cannot be.
        usable: Whether the network's weights are there and fit.
        again: Whether it is made anew even if it is there.
    """

    settings: RunSettings | None
    usable: bool
    again: bool


@dataclass(frozen=True)
class Sets:
    """Datasets, and the conditions of reference and target, as they are chosen above."""

    datasets: tuple[str, ...]
    reference: tuple[str, ...]
    target: tuple[str, ...]


def fields(desk: Desk, sets: Sets, images: pd.DataFrame, base: RunInfo | None, known: Collection[str]) -> Asked:
    """Draw them.

    Args:
        base: The run that they began with; what has no field is taken from it.
        known: Datasets that can be chosen.
    """
    from core.settings import ProjectionSettings, RunSettings, SearchSettings

    begun = None if base is None else base.settings
    with st.expander("Settings; the given ones are right for most", key="start_more"):
        try:
            regions, embed, usable = _network(desk, begun)
            ood, search, fast, again = _judging(desk)
            embed = replace(embed, steps=preparing.builder("start_steps"))
            preparing.before_and_after(desk.workspace, images, embed.steps, "start")
            plain = RunSettings(
                sets.datasets,
                sets.reference,
                sets.target,
                regions,
                embed,
                ood,
                ProjectionSettings(fast=fast),
                search=SearchSettings(search),
            )
            settings = plain if begun is None else _upon(begun, plain)
        except CoreError as error:
            parts.empty(*explain(error))
            return Asked(None, False, False)
    if base is not None:
        starting_from.told(base, settings, plain, known)
    return Asked(settings, usable, again)


def _network(desk: Desk, begun: RunSettings | None) -> tuple[RegionSettings, EmbedSettings, bool]:
    from core.settings import EmbedSettings, RegionSettings

    left, middle, right = st.columns(3, vertical_alignment="bottom")
    kinds = dict.fromkeys([*_REGIONS, *([str(begun.regions)] if begun else [])])
    regions = left.selectbox("What is embedded", list(kinds), key="start_regions", format_func=regions_in_words)
    embedder = middle.selectbox(
        "Network",
        list(dict.fromkeys([*NETWORKS, *([begun.embed.embedder] if begun else [])])),
        key="start_embedder",
        format_func=lambda name: NETWORKS.get(name, name),
        accept_new_options=True,
        help="Another of torchvision's classification networks can be written here by its name",
    )
    st.session_state.setdefault("start_side", 224)  # as state: an earlier run may have filled it
    side = right.number_input("Shorter side, pixels", 32, 2048, step=32, key="start_side")
    embed = EmbedSettings(embedder=str(embedder or "demo").strip(), short_side=int(side))
    weights = weighing.chooser(desk.workspace, embed)
    return RegionSettings.parse(str(regions)), replace(embed, weights=weights.path), weights.usable


def _judging(desk: Desk) -> tuple[OodSettings, str, bool, bool]:
    """How strangeness is judged, how neighbours are found, whether the map is quick, and whether all is made anew."""
    from core.learn.models import list_models
    from core.ood.registry import DETECTORS
    from core.settings import OodSettings

    usable = [info.name for info in list_models(desk.workspace) if not info.problem]
    offered = [name for name, made in DETECTORS.items() if name != "knn" and (usable or not made.needs_logits)]
    wished = st.session_state.get("start_detectors")
    if wished and not set(wished) <= set(offered):  # an earlier run's, whose model is not there any more
        st.session_state["start_detectors"] = [name for name in wished if name in offered]
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    st.session_state.setdefault("start_alpha", 0.05)
    alpha = left.number_input("False-alarm rate", 0.001, 0.5, step=0.01, format="%.3g", key="start_alpha")
    search = middle.selectbox(
        "Search of neighbours",
        list(SEARCHES),
        key="start_search",
        format_func=SEARCHES.__getitem__,
        help="Exact compares every pair, which is usual up to 200,000; beyond, the run says what it missed",
    )
    detectors = right.multiselect(
        "Other detectors", offered, key="start_detectors", format_func=lambda name: DETECTORS[name].title
    )
    model = None
    if any(DETECTORS[name].needs_logits for name in detectors):
        if st.session_state.get("start_model") not in usable:
            st.session_state.pop("start_model", None)
        model = st.selectbox("Model whose answers they read", usable, key="start_model")
    with st.container(horizontal=True):
        fast = st.checkbox("A quicker map", key="start_fast")
        again = st.checkbox("Make it anew even if it is there", key="start_again")
    return OodSettings(alpha=float(alpha), detectors=tuple(detectors), model=model), search, bool(fast), bool(again)


def _upon(begun: RunSettings, asked: RunSettings) -> RunSettings:
    """What was asked for, and what has no field as in the earlier run."""
    return begun.with_(
        datasets=asked.datasets,
        reference=asked.reference,
        target=asked.target,
        regions=begun.regions if str(begun.regions) == str(asked.regions) else asked.regions,
        embed=replace(
            begun.embed,
            embedder=asked.embed.embedder,
            weights=asked.embed.weights,
            short_side=asked.embed.short_side,
            steps=asked.embed.steps,
        ),
        ood=replace(begun.ood, alpha=asked.ood.alpha, detectors=asked.ood.detectors, model=asked.ood.model),
        projection=replace(begun.projection, fast=asked.projection.fast),
        search=replace(begun.search, method=asked.search.method),
        known=None,
    )
