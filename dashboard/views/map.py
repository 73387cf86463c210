"""Map: where does it sit?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.errors import WorkspaceError
from dashboard import (
    assets,
    boundary,
    choosing,
    clustering,
    colouring,
    faceting,
    looking,
    map_component,
    map_facts,
    map_layers,
    parts,
    placed_pictures,
    placing,
    placing_pictures,
    remaking,
    words,
)
from dashboard.gallery import gallery
from dashboard.listings import LISTINGS
from dashboard.map_layers import BEHIND, CHOSEN, POINT, Ground
from dashboard.selecting import Selection
from dashboard.state import View

if TYPE_CHECKING:
    from core.runs import Run
    from core.space.areas import Area
    from dashboard.clustering import Clustered
    from dashboard.colouring import Colouring
    from dashboard.placed_pictures import Kept
    from dashboard.selecting import Found

COLUMNS = ["image_id", "region_id", "path", "set", "x", "y", "cluster", "ood_score", "depth_m"]
HEIGHT = 640
_FACETS = "facets_shown"


@st.cache_resource(max_entries=3, show_spinner=False)
def _ground(run_key: str, _run: Run) -> Ground:
    return map_layers.ground(_run.table)


@st.cache_resource(max_entries=12, show_spinner=False)
def _colouring(key: str, name: str, mode: str, _view: View, _clusters: Clustered | None) -> Colouring:
    arranged = _clusters.dense() if _clusters is not None else None
    return colouring.colouring(_view.run.table, name, _view.theme, arranged)


@st.cache_resource(max_entries=3, show_spinner=False)
def _colours(run_key: str, _run: Run) -> list[str]:
    return colouring.available(_run.table)


@st.cache_resource(max_entries=6, show_spinner=False)
def _names(key: str, _ground: Ground, _clusters: Clustered) -> list[dict[str, Any]]:
    return map_layers.places(_ground.positions, *_clusters.dense())


def page(view: View) -> None:
    """Draw the page."""
    title = "Where does it sit?"
    ground = _ground(view.run.key, view.run)
    if not ground.kinds.any():
        parts.heading(title)
        parts.empty("This run has no map", "Its regions were not laid out on a plane. Run the pipeline again.")
        return
    selection = choosing.current()
    found = choosing.fitting(view.run, selection)
    flags = map_layers.flags(ground.kinds, found.mask)
    scores = view.run.table["ood_score"].to_numpy(dtype=float, na_value=np.nan)
    ringed = map_layers.strangest(scores, flags)
    parts.heading(
        title,
        "Pictures that the network finds alike lie together. Distances between clouds far apart, and their size and "
        "direction, mean nothing.",
    )
    with st.container(key="map_chips"):  # as high when nothing is chosen: the map stays where it is
        if selection.narrows:
            choosing.chips(selection)
        else:
            parts.note("Nothing is narrowed down: the whole run is here.")
    with st.container(border=True, key="card_map"):
        mine = _map(view, ground, flags, ringed, selection)
    if mine is not None:
        placed_pictures.card(view, mine)
    _gallery(view, found, selection, ringed)
    map_facts.quality(view)
    remaking.another_map(view)


def _map(view: View, ground: Ground, flags: np.ndarray, ringed: np.ndarray, selection: Selection) -> Kept | None:
    """The map with its tools; what of people's own pictures lies on it, ``None`` where that cannot be read."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_tools"):
        with st.container(width=240):
            name = _choose_colour(_colours(view.run.key, view.run))
        with st.container(width=240):
            another = placing.choose(view)
        placing_pictures.choose(view)
        st.toggle("Narrow down", key=_FACETS, bind="query-params", help="Conditions beside the map, with counts")
        parts.csv_button("map", lambda: _table(view, flags))
    mine = _placed(view)
    guests = [one for one in (another, mine.guests if mine else None) if one is not None]
    by_cluster = name == "cluster"
    clusters = clustering.clustered(view) if by_cluster or len(view.run.table) <= placing.NAMED else None
    key = clusters.key if clusters is not None and by_cluster else view.run.key
    found = _colouring(key, name, view.theme.mode, view, clusters if by_cluster else None)
    scene = map_component.Scene(
        named=view.run.key,
        ground=ground,
        flags=flags,
        flags_named=choosing.condition(selection),
        colouring=found,
        colour=name,
        colour_named=f"{name} {key}",
        narrowed=selection.narrows,
        ringed=ringed,
        names=_names(clusters.key, ground, clusters) if clusters is not None else [],
        areas=selection.areas,
        items=f"{assets.base()}/items/{view.run.id}?rows={{rows}}",
        sheet=f"{assets.base()}/sheet/{view.run.id}?rows={{rows}}&tile=128",
        title=f"{view.run.name}: map of {words.plural(int((flags > 0).sum()), 'region')}",
        label=f"Map of the regions, coloured by {found.title}",
        guests=[one.to_browser() for one in guests],
    )
    rows = np.flatnonzero(flags & CHOSEN)

    def opened(row: int) -> None:
        looking.ask(view.run, row, LISTINGS.add(view.run, rows, ()) if flags[row] & CHOSEN else None)

    height = round(HEIGHT * min(view.theme.scale, 1.1))
    with parts.beside("map") as (narrow, wide):
        with narrow:
            _facets(view, selection, height)
        with wide:
            map_component.draw(scene, key="map", height=height, on_open=opened, on_areas=_areas_drawn)
    parts.note(sentence(flags, ringed))
    parts.note(found.note)
    parts.note(placing.sentence_of(guests))
    return mine


def _placed(view: View) -> Kept | None:
    try:
        return placed_pictures.kept(view)
    except WorkspaceError as error:
        parts.note(boundary.sentence(str(error)))
        return None


def _facets(view: View, selection: Selection, height: int) -> None:
    """What the map can be narrowed by; away unless wished, so that the map has the room."""
    if st.session_state.get(_FACETS):
        found = choosing.found(view.run, selection)
        faceting.facets(view, selection, found, height=round(height / view.theme.scale))
    else:
        parts.folded()


def _choose_colour(names: list[str]) -> str:
    asked = st.query_params.get("colour", "")
    st.session_state["map_colour"] = asked if asked in names else names[0]

    def changed() -> None:
        st.query_params["colour"] = st.session_state["map_colour"]

    chosen: str = st.selectbox("Colour by", names, key="map_colour", format_func=colouring.title, on_change=changed)
    return chosen


def _areas_drawn(areas: tuple[Area, ...]) -> None:
    choosing.put(replace(choosing.current(), areas=areas))


def _table(view: View, flags: np.ndarray) -> object:
    return view.run.table[COLUMNS].iloc[np.flatnonzero(flags & CHOSEN)]


def sentence(flags: np.ndarray, ringed: np.ndarray) -> str:
    """What is drawn how, and what is chosen."""
    points, behind, chosen = ((flags & bit > 0) for bit in (POINT, BEHIND, CHOSEN))
    text = f"{words.plural(int(points.sum()), 'region')} as points"
    if behind.any():
        text += f", in front of the density of {words.plural(int(behind.sum()), 'reference region')}"
    if len(ringed):
        text += f"; the {words.count(len(ringed))} strangest are ringed in green"
    placed = points | behind
    if (chosen & placed).sum() < placed.sum():
        text += f". The selection holds {words.count(int((chosen & placed).sum()))} of them"
        if behind.any():
            text += f", {words.count(int((chosen & behind).sum()))} of the reference"
        return text + "; the others are faint."
    return text + ". Draw around points with the lasso or the box to choose them; Shift adds, Alt takes away."


def _gallery(view: View, found: Found, selection: Selection, ringed: np.ndarray) -> None:
    if selection.narrows:
        rows = choosing.rows(view.run, found, replace(selection, like="", sort=Selection.sort))
        parts.section(f"{words.plural(len(rows), 'picture')} in the selection", "Strangest first.")
    else:
        rows = ringed
        parts.section("The strangest here", "Nothing is chosen on the map yet; these are the ringed ones.")
    gallery(
        view,
        rows,
        key="map_chosen",
        label="Pictures chosen on the map",
        height=420,
        empty="No region on the map fits. Draw another area, or take a condition away.",
    )
