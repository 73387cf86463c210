"""The current selection on the screen: read from the URL and written to it, shown as chips that can be taken away.

The contract: the URL holds the selection and nothing else does, but for a copy in the session that is written back when
going to another page drops it. Widgets are set from the URL before they are drawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.space.areas import plane, within
from dashboard import called, indexing, likeness, ordering, parts, saved, selecting, state, words
from dashboard.indexing import SPANS, Facet, Index, Span
from dashboard.selecting import FACETS, LACKING, PARAMETERS, TEXTS, Found, Selection

if TYPE_CHECKING:
    from core.runs import Run
    from core.space.areas import Area, Plane
    from dashboard.ordering import Order

PAGES = ("", "browse", "map", "duplicates", "review", "predict", "outputs")
"""Addresses of the pages that show the current selection."""
_KEPT, _PAGE = "selection_kept", "selection_page"


def keep(address: str) -> None:
    """Write the selection back that coming from another page has dropped; called before a page is drawn."""
    came, st.session_state[_PAGE] = st.session_state.get(_PAGE) != address, address
    if address not in PAGES:
        return
    if came and not any(name in st.query_params for name in PARAMETERS):
        _write(st.session_state.get(_KEPT, {}))
    st.session_state[_KEPT] = _read()


def leave_the_map() -> None:
    """Areas belong to the map of one run: let go of them when another is opened."""
    st.session_state.get(_KEPT, {}).pop("area", None)
    if "area" in st.query_params:
        del st.query_params["area"]


def forget() -> None:
    """Ask for everything, on every page."""
    st.session_state.pop(_KEPT, None)
    _write({})


def current() -> Selection:
    """What the URL asks for."""
    return selecting.from_query(_read())


def put(selection: Selection) -> None:
    """Ask for something else from now on."""
    _write(selecting.to_query(selection))


def carry(selection: Selection) -> None:
    """Ask for something else on the page that is opened next."""
    st.session_state[_KEPT] = selecting.to_query(selection)


def _read() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in PARAMETERS if name in st.query_params}


def _write(query: dict[str, list[str]]) -> None:
    for name in PARAMETERS:
        if name in query:
            if st.query_params.get_all(name) != query[name]:
                st.query_params[name] = query[name]
        elif name in st.query_params:
            del st.query_params[name]


@st.cache_resource(max_entries=4, show_spinner=False)
def _index(run_key: str, _run: Run) -> Index:
    from core.catalogue.regions import concept_descendants, dataset_ids

    space = state.workspace()
    known = {entry.name for entry in space.datasets()}
    ids = dataset_ids(space.database, [name for name in _run.settings.datasets if name in known])
    return indexing.index(_run.table, concept_descendants(space.database, ids))


@st.cache_resource(max_entries=24, show_spinner=False)
def _order(run_key: str, sort: str, _run: Run) -> np.ndarray:
    return ordering.order(_run.table, sort)


@st.cache_resource(max_entries=8, show_spinner=False)
def _orders(run_key: str, _run: Run) -> dict[str, Order]:
    return ordering.orders(_run.table)


@st.cache_resource(max_entries=32, show_spinner=False)
def limits(run_key: str, span: Span, _index: Index) -> tuple[float, float] | None:
    """Smallest and largest value of a span in a run."""
    return _index.limits(span)


@st.cache_resource(max_entries=32, show_spinner=False)
def whole_bars(run_key: str, span: Span, _index: Index) -> np.ndarray:
    """The histogram of a span over the whole run."""
    return selecting.find(_index, Selection()).bars[span]


@st.cache_resource(max_entries=48, show_spinner=False)
def _found(run_key: str, query: str, _run: Run, _selection: Selection) -> Found:
    return selecting.find(index(_run), _selection, saved.masks(state.workspace(), _run, _selection))


def index(run: Run) -> Index:
    """`indexing.index` of a run, made once."""
    return _index(run.key, run)


def above(run: Run) -> dict[str, list[str]]:
    """For each concept of the run's tree, all concepts above it."""
    return _above(run.key, index(run))


@st.cache_resource(max_entries=8, show_spinner=False)
def _above(run_key: str, _index: Index) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in _index.parents:
        over, parent = [], _index.parents.get(name)
        while parent is not None and parent not in over:
            over.append(parent)
            parent = _index.parents.get(parent)
        found[name] = over
    return found


def found(run: Run, selection: Selection) -> Found:
    """What a selection gives in a run, saved selections included; made once, shared, not changed by anyone."""
    return _found(run.key, condition(selection), run, selection)


def fitting(run: Run, selection: Selection) -> Found:
    """The regions that fit, without counts: areas alone, or no condition, do not wait for the index of the table."""
    others = replace(selection, areas=())
    if others.narrows:
        return found(run, selection)
    chosen = _within(run.key, tuple(area.to_text() for area in selection.areas), run, selection.areas)
    return Found(chosen, {}, {}, {})


@st.cache_resource(max_entries=12, show_spinner=False)
def _within(run_key: str, drawn: tuple[str, ...], _run: Run, _areas: tuple[Area, ...]) -> np.ndarray:
    return within(_plane(run_key, _run), _areas)


@st.cache_resource(max_entries=3, show_spinner=False)
def _plane(run_key: str, _run: Run) -> Plane:
    return plane(*(_run.table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("x", "y")))


def condition(selection: Selection) -> str:
    """The selection's conditions as a key for what is kept of them; orders make no difference."""
    return repr(selecting.to_query(replace(selection, like="", sort=Selection.sort)))


def rows(run: Run, found: Found, selection: Selection) -> np.ndarray:
    """Rows of the run that fit, in order."""
    alike = likeness.distances(run, selection.like) if selection.like else None
    ordered = _order(run.key, selection.sort, run) if alike is None else alike.order
    chosen: np.ndarray = ordered[found.mask[ordered]]
    return chosen


def value_name(facet: Facet, value: str) -> str:
    """A facet's value in words."""
    if value == LACKING:
        return {"concept": "unlabelled", "flagged": "not judged"}.get(facet, "not given")
    if facet == "cluster":
        return called.value(value)
    if facet == "lacks":
        return f"no {value}"
    return words.group(value) if facet == "group" else value


def orders(run: Run) -> dict[str, Order]:
    """Every order that a run knows."""
    return _orders(run.key, run)


def sorting(run: Run, selection: Selection) -> None:
    """The choice of an order, among what is known."""
    known = orders(run)
    offered = list(known) if selection.sort in known else [selection.sort, *known]
    if selection.like:
        st.selectbox("Order", ["most alike first"], disabled=True, label_visibility="collapsed")
        return
    st.session_state["sort_box"] = selection.sort
    st.selectbox(
        "Order",
        offered,
        key="sort_box",
        format_func=lambda name: known[name].words if name in known else "as they come",
        on_change=_sort_changed,
        label_visibility="collapsed",
    )


def _sort_changed() -> None:
    put(replace(current(), sort=st.session_state["sort_box"]))


def chips(selection: Selection) -> None:
    """Every condition as a button that takes it away."""
    without = _without(selection)
    if not without:
        return
    with st.container(horizontal=True, key="chips", gap="small"):
        for place, (text, rest) in enumerate(without):
            shown = text if len(text) <= 48 else text[:46] + "…"
            name = parts.unmarked(shown)
            st.button(name, key=f"chip_{place}", on_click=put, args=(rest,), icon=":material/close:", help="Take away")
        if len(without) > 1:
            nothing = Selection(sort=selection.sort)
            st.button("Show everything", key="chip_all", on_click=put, args=(nothing,), type="tertiary")


def _without(selection: Selection) -> list[tuple[str, Selection]]:
    """Each condition in words, and the selection without it."""
    found = [
        (f"{FACETS[facet]}: {value_name(facet, value)}", selection.choosing(facet, [o for o in values if o != value]))
        for facet, values in selection.chosen.items()
        for value in values
    ]
    for span, (low, high) in selection.spans.items():
        ends = f"{_end(span, low)}–{_end(span, high)}"
        found.append((f"{SPANS[span][0]}: {ends}", selection.within(span, None)))
    for name, title in TEXTS.items():
        if text := getattr(selection, name):
            found.append((f"{title}: {text}", replace(selection, **{name: ""})))
    if selection.saved or selection.without:
        known = saved.named(state.workspace(), (*selection.saved, *selection.without))
        for side, word in (("saved", "Saved"), ("without", "Without")):
            ids = getattr(selection, side)
            for name in ids:
                title = known[name].name if name in known else "no longer there"
                rest = tuple(other for other in ids if other != name)
                found.append((f"{word}: {title}", replace(selection, **{side: rest})))
    if selection.areas:
        found.append(("Area on the map", replace(selection, areas=())))
    if selection.like:
        found.append(("Sorted by likeness to one picture", replace(selection, like="")))
    return found


def in_words(selection: Selection) -> str:
    """The conditions as their chips say them; ``everything`` without any."""
    return ", ".join(name for name, _ in _without(selection)) or "everything"


def _end(span: Span, number: float) -> str:
    if span != "time":
        return f"{number:.6g}"
    moment = np.datetime64(round(number), "s").item()
    return words.when(moment, time=bool(number % 86400 and (number + 1) % 86400)).removesuffix(" UTC")


def count_sentence(found: Found) -> str:
    """How many fit, and how many could not be asked."""
    shown, total = int(found.mask.sum()), len(found.mask)
    text = f"All {words.count(total)} pictures are shown." if shown == total else ""
    text = text or f"{words.count(shown)} of {words.count(total)} pictures are shown."
    for name, number in found.lacking.items():
        meets = "meets" if number == 1 else "meet"
        text += f" {words.count(number)} that {meets} everything else {'has' if number == 1 else 'have'} no {name}."
    return text
