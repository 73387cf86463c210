"""The current selection on the screen: facets, ranges and chips that write it to the URL, and read it from there.

The contract: the URL holds the selection and nothing else does, but for a copy in the session that is written back when
going to another page drops it. Widgets are set from the URL before they are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import parts, selecting, words
from dashboard.selecting import FACETS, LACKING, PARAMETERS, SPANS, Facet, Found, Index, Selection, Span

if TYPE_CHECKING:
    import numpy as np

    from core.runs import Run

PAGES = ("browse", "map")
"""Addresses of the pages that show the current selection."""
_KEPT, _PAGE = "selection_kept", "selection_page"
_STEPS: dict[Span, float] = {"depth": 1.0, "score": 0.001}


def keep(address: str) -> None:
    """Write the selection back that coming from another page has dropped; called before a page is drawn."""
    came, st.session_state[_PAGE] = st.session_state.get(_PAGE) != address, address
    if address not in PAGES:
        return
    if came and not any(name in st.query_params for name in PARAMETERS):
        _write(st.session_state.get(_KEPT, {}))
    st.session_state[_KEPT] = _read()


def current() -> Selection:
    """What the URL asks for."""
    return selecting.from_query(_read())


def put(selection: Selection) -> None:
    """Ask for something else from now on."""
    _write(selecting.to_query(selection))


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
    return selecting.index(_run.table)


@st.cache_resource(max_entries=24, show_spinner=False)
def _order(run_key: str, sort: str, _run: Run) -> np.ndarray:
    return selecting.order(_run.table, sort)


def index(run: Run) -> Index:
    """`selecting.index` of a run, made once."""
    return _index(run.key, run)


def rows(run: Run, found: Found, sort: str) -> np.ndarray:
    """Rows of the run that fit, in order."""
    ordered = _order(run.key, sort, run)
    chosen: np.ndarray = ordered[found.mask[ordered]]
    return chosen


def value_name(facet: Facet, value: str) -> str:
    """A facet's value in words."""
    if value == LACKING:
        return {"concept": "unlabelled", "flagged": "not judged"}.get(facet, "not given")
    if facet == "cluster" and value != "noise":
        return f"cluster {value}"
    return words.group(value) if facet == "group" else value


def facets(run: Run, selection: Selection, found: Found) -> None:
    """The boxes and sliders of everything that this run can be narrowed by."""
    known = index(run)
    st.session_state["facet_file"] = selection.file
    st.text_input("File name contains", key="facet_file", on_change=_file_changed, placeholder="text", max_chars=200)
    for facet, title in FACETS.items():
        chosen = selection.chosen.get(facet, ())
        counts = found.counts[facet]
        if len(known.values[facet]) + (LACKING in counts) > 1 or chosen:
            _facet(facet, title, chosen, counts)
    for span, (title, _) in SPANS.items():
        _span(span, title, known.limits(span), selection.spans.get(span))


def _facet(facet: Facet, title: str, chosen: Sequence[str], counts: Mapping[str, int]) -> None:
    key = f"facet_{facet}"
    st.session_state[key] = list(chosen)
    st.multiselect(
        title,
        [*counts, *(value for value in chosen if value not in counts)],
        key=key,
        format_func=lambda value: f"{value_name(facet, value)} ({words.count(counts.get(value, 0))})",
        on_change=_facet_changed,
        args=(facet,),
        placeholder="any",
    )


def _span(span: Span, title: str, limits: tuple[float, float] | None, chosen: tuple[float, float] | None) -> None:
    step = _STEPS[span]
    if limits is None:
        return
    low, high = (round(math.floor(limits[0] / step) * step, 3), round(math.ceil(limits[1] / step) * step, 3))
    if high - low < 2 * step:
        return
    inside = (min(max(chosen[0], low), high), max(min(chosen[1], high), low)) if chosen else (low, high)
    st.session_state[f"facet_{span}"] = inside
    st.slider(
        title,
        low,
        high,
        step=step,
        format="%.0f" if step >= 1 else "%.3f",
        key=f"facet_{span}",
        on_change=_span_changed,
        args=(span, (low, high)),
    )


def _file_changed() -> None:
    text = str(st.session_state["facet_file"]).strip()
    put(replace(current(), file=text))


def _facet_changed(facet: Facet) -> None:
    put(current().choosing(facet, st.session_state[f"facet_{facet}"]))


def _span_changed(span: Span, limits: tuple[float, float]) -> None:
    ends = tuple(st.session_state[f"facet_{span}"])
    put(current().within(span, None if ends == limits else ends))


def sorting(run: Run, selection: Selection) -> None:
    """The choice of an order, among what is known."""
    table = run.table
    offered = [name for name, (_, column, _) in selecting.SORTS.items() if table[column].notna().any()]
    if selection.sort not in offered:
        offered.append(selection.sort)
    st.session_state["sort_box"] = selection.sort
    st.selectbox(
        "Order",
        offered,
        key="sort_box",
        format_func=lambda name: selecting.SORTS[name][0],
        on_change=_sort_changed,
        label_visibility="collapsed",
    )


def _sort_changed() -> None:
    put(replace(current(), sort=st.session_state["sort_box"]))


def chips(selection: Selection) -> None:
    """Every condition as a button that takes it away."""
    if not selection.narrows:
        return
    without = [
        *((f"{FACETS[f]}: {value_name(f, v)}", selection.choosing(f, [o for o in values if o != v]))
          for f, values in selection.chosen.items() for v in values),
        *((f"{SPANS[s][0]}: {low:.6g}–{high:.6g}", selection.within(s, None))
          for s, (low, high) in selection.spans.items()),
    ]  # fmt: skip
    if selection.file:
        without.append((f"File: {selection.file}", replace(selection, file="")))
    if selection.areas:
        without.append(("Area on the map", replace(selection, areas=())))
    with st.container(horizontal=True, key="chips", gap="small"):
        for place, (text, rest) in enumerate(without):
            shown = text if len(text) <= 48 else text[:46] + "…"
            name = parts.unmarked(shown)
            st.button(name, key=f"chip_{place}", on_click=put, args=(rest,), icon=":material/close:", help="Take away")
        if len(without) > 1:
            nothing = Selection(sort=selection.sort)
            st.button("Show everything", key="chip_all", on_click=put, args=(nothing,), type="tertiary")


def count_sentence(found: Found) -> str:
    """How many fit, and how many could not be asked."""
    shown, total = int(found.mask.sum()), len(found.mask)
    text = f"All {words.count(total)} pictures are shown." if shown == total else ""
    text = text or f"{words.count(shown)} of {words.count(total)} pictures are shown."
    for name, number in found.lacking.items():
        meets = "meets" if number == 1 else "meet"
        text += f" {words.count(number)} that {meets} everything else {'has' if number == 1 else 'have'} no {name}."
    return text
