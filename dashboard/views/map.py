"""Map: where does it sit?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard import cached, choosing, map_figure, parts, selecting, words
from dashboard.gallery import gallery
from dashboard.map_figure import Colour, Drawn
from dashboard.state import View

COLUMNS = ["image_id", "region_id", "path", "set", "x", "y", "cluster", "ood_score", "depth_m"]


def page(view: View) -> None:
    """Draw the page."""
    title = "Where does it sit?"
    table = view.run.table
    if not (table["x"].notna() & table["y"].notna()).any():
        parts.heading(title)
        parts.empty("This run has no map", "Its regions were not laid out on a plane. Run the pipeline again.")
        return
    selection = choosing.current()
    found = selecting.find(choosing.index(view.run), selection)
    shown = map_figure.drawn(table, found.mask)
    parts.heading(
        title,
        "Pictures that the network finds alike lie together. Distances between clouds far apart, and their size and "
        "direction, mean nothing.",
    )
    choosing.chips(selection)
    rows = _map(view, shown, repr(selecting.to_query(selection)))
    _gallery(view, shown, rows)


def _map(view: View, shown: Drawn, query: str) -> np.ndarray:
    table = view.run.table
    with st.container(border=True, key="card_map"):
        colour: Colour = st.segmented_control(
            "Colour by",
            list(map_figure.available(table)),
            default="set",
            required=True,
            key="map_colour",
            format_func=map_figure.COLOURS.__getitem__,
        )
        chart = cached.figure(
            view, "map", (colour, query), lambda: map_figure.scatter(table, shown, colour, view.theme)
        )
        rows = parts.choosing_plot(
            chart,
            key="map",
            alt=f"Map of the regions, coloured by {colour}",
            data=lambda: table.iloc[shown.points][COLUMNS],
        )
        parts.note(sentence(shown))
        noise = int((table["cluster"].iloc[shown.points] < 0).sum())
        if noise and colour == "cluster":
            parts.note(f"{words.plural(noise, 'point')} drawn as crosses are noise: they belong to no cluster.")
        if colour == "concept":
            parts.note("A picture with several concepts has the colour of the one that is seen most often.")
    return rows


def sentence(shown: Drawn) -> str:
    """What is drawn how, and what is left out."""
    many = len(shown.points)
    text = f"{words.plural(many, 'region')} as points"
    if many < shown.among:
        text = f"A sample of {words.count(many)} of {words.count(shown.among)} regions as points"
    if len(shown.density):
        text += f", in front of the density of {words.plural(len(shown.density), 'reference region')}"
    if len(shown.ringed):
        text += f"; the {words.count(len(shown.ringed))} strangest are ringed in green"
    return text + ". Draw around points with the lasso or the box to see them below."


def _gallery(view: View, shown: Drawn, chosen: np.ndarray) -> None:
    rows = chosen[np.isin(chosen, shown.points)]
    if len(rows):
        scores = view.run.table["ood_score"].to_numpy(float, na_value=np.nan)[rows]
        rows = rows[np.argsort(-scores, kind="stable")]
        parts.section(f"{words.plural(len(rows), 'picture')} chosen on the map", "Strangest first.")
    else:
        rows = shown.ringed
        note = "Nothing is chosen on the map yet; these are the ringed ones." if len(rows) else ""
        parts.section("The strangest here" if len(rows) else "Nothing is chosen on the map yet", note)
    gallery(
        view,
        rows,
        key="map_chosen",
        label="Pictures chosen on the map",
        height=420,
        empty="Draw around points with the lasso or the box to see them here.",
    )
