"""The map in the browser: what is sent to it, and what comes back.

The contract:
- points travel as bodies of `dashboard.bodies`, each under its own key, so a new colour or selection sends one byte a
  point and no position;
- what comes back is checked: a row of the run that was opened, or all areas that are drawn, never a list of points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.errors import SelectionError
from core.space.areas import MOST_AREAS, Area
from dashboard import assets
from dashboard.bodies import BODIES
from dashboard.colouring import Colouring
from dashboard.map_layers import Ground
from dashboard.payload import to_json

_COMPONENT = st.components.v2.component(
    "benthoscope_map",
    css=(Path(__file__).parent / "components" / "map.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)
_HEARD = "map_heard"
"""In a session: when the browser sent the areas that were heard last, by its own clock."""


@dataclass(frozen=True)
class Scene:
    """Everything that one map shows.

    Attributes:
        named: Words that tell this map's positions from any other's; a run's key.
        flags: ``[N]`` uint8 of `dashboard.map_layers.flags`, and ``flags_named`` what they were made from.
        colour: The name of the colouring, and ``colour_named`` what its codes were made from.
        narrowed: Whether a selection is set, so that what is outside of it is drawn faintly.
        ringed: Rows with a green ring.
        names: What `dashboard.map_layers.places` gives.
        guests: What is laid over it from elsewhere, drawn as squares: their places are approximate. See
            `dashboard.placing.Guests.to_browser`.
        items, sheet: Addresses that tell of regions and show them, ``{rows}`` to be filled in.
    """

    named: str
    ground: Ground
    flags: np.ndarray
    flags_named: str
    colouring: Colouring
    colour: str
    colour_named: str
    narrowed: bool
    ringed: np.ndarray
    names: Sequence[Mapping[str, Any]]
    areas: Sequence[Area]
    items: str
    sheet: str
    title: str
    label: str
    guests: Sequence[Mapping[str, Any]] = ()


def draw(
    scene: Scene,
    *,
    key: str,
    height: int,
    on_open: Callable[[int], None],
    on_areas: Callable[[tuple[Area, ...]], None],
) -> None:
    """Show a map.

    Args:
        height: In pixels, tools and legend included.
        on_open: Called before the page runs again with the row that was opened.
        on_areas: Called likewise with the areas that are drawn now.
    """
    known = {"density": bool(scene.ground.density), "reference": bool(scene.ground.density), "points": True}
    known |= {"placed": len(scene.guests) > 0}
    known |= {"rings": len(scene.ringed) > 0, "names": bool(scene.names), "pictures": True}
    left, low, right, high = scene.ground.bounds
    data = {
        "module": assets.module("map.js"),
        "base": assets.base(),
        "positions": BODIES.put(scene.ground.positions, scene.named, "positions"),
        "flags": BODIES.put(scene.flags, scene.named, "flags", scene.flags_named),
        "codes": BODIES.put(scene.colouring.codes, scene.named, "codes", scene.colour_named),
        "bounds": [left, low, right, high],
        "density": scene.ground.density,
        "colouring": {
            "name": scene.colour,
            "title": scene.colouring.title,
            "palette": scene.colouring.palette,
            "entries": [asdict(entry) for entry in scene.colouring.entries],
            "ticks": scene.colouring.ticks,
        },
        "narrowed": scene.narrowed,
        "ringed": scene.ringed,
        "names": scene.names,
        "heard": st.session_state.get(_HEARD, 0),
        "areas": [{"corners": area.corners, "adds": area.adds} for area in scene.areas],
        "offered": [name for name, there in known.items() if there],
        "items": scene.items,
        "sheet": scene.sheet,
        "guests": scene.guests,
        "title": scene.title,
        "label": scene.label,
    }
    total = len(scene.flags)

    def opened() -> None:
        row = _row(st.session_state[key].get("open"), total)
        if row is not None:
            on_open(row)

    def drawn() -> None:
        event = st.session_state[key].get("area")
        areas, at = _areas(event), event.get("at") if isinstance(event, Mapping) else None
        if isinstance(at, int):
            st.session_state[_HEARD] = max(at, st.session_state.get(_HEARD, 0))
        if areas is not None:
            on_areas(areas)

    _COMPONENT(
        key=key,
        data=to_json(data),
        height=height,
        on_open_change=opened,
        on_area_change=drawn,
        on_expired_change=_nothing,
    )


def _nothing() -> None:
    """Streamlit registers a component's events by the presence of a callback."""


def _row(event: Any, total: int) -> int | None:
    row = event.get("row") if isinstance(event, Mapping) else None
    return row if isinstance(row, int) and not isinstance(row, bool) and 0 <= row < total else None


def _areas(event: Any) -> tuple[Area, ...] | None:
    """The areas that the browser shows now; ``None`` when it sent nothing of sense."""
    shown = event.get("areas") if isinstance(event, Mapping) else None
    if not isinstance(shown, list):
        return None
    try:
        return tuple(_area(one) for one in shown[-MOST_AREAS:])
    except SelectionError:
        return None


def _area(one: Any) -> Area:
    corners = one.get("corners") if isinstance(one, Mapping) else None
    if not isinstance(corners, list) or not isinstance(one.get("adds"), bool):
        raise SelectionError("an area is its corners, and whether it adds; draw it again")
    return Area.from_numbers(corners, one["adds"])
