"""The column of facets beside a list: texts, values with counts, the tree of concepts, ranges on histograms.

The contract:
- the browser shows what it is sent and asks for changes; every change is checked here before it becomes the selection;
- it asks again for every change of which no page that it was sent has heard: a page begins from the address that the
  browser knew when it asked, so a change made while the last one is on its way would take that one back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import assets, choosing
from dashboard.indexing import SPANS, Facet, Index, Span
from dashboard.payload import to_json
from dashboard.selecting import FACETS, LACKING, LONGEST, TEXTS, Found, Selection
from dashboard.state import View

MOST = 400
"""Values of a facet that are offered; the rarer ones beyond are found by text."""
OPEN = ("concept", "set", "flagged", "lacks")
MOST_AT_ONCE = 50
"""Changes that are heard at once, one for each thing to narrow down by."""
_HEARD = "facets_heard"
_STEPS: dict[Span, float] = {"depth": 1.0, "time": 1.0, "score": 0.001}

_COMPONENT = st.components.v2.component(
    "benthoscope_facets",
    css=(Path(__file__).parent / "components" / "facets.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


def facets(view: View, selection: Selection, found: Found, *, height: int = 760) -> None:
    """Everything that this run can be narrowed by."""
    known = choosing.index(view.run)
    data = {
        "module": assets.module("facets.js"),
        "heard": st.session_state.get(_HEARD, 0),
        "texts": [{"name": name, "title": title, "value": getattr(selection, name)} for name, title in TEXTS.items()],
        "facets": [entry for facet in FACETS if (entry := _facet(known, facet, selection, found))],
        "spans": [entry for span in SPANS if (entry := _span(known, span, selection, found, view.run.key))],
    }
    _COMPONENT(key="facets", data=to_json(data), height=round(height * view.theme.scale), on_change_change=_changed)


def _facet(known: Index, facet: Facet, selection: Selection, found: Found) -> dict[str, Any] | None:
    counts = dict(found.counts[facet])
    chosen = selection.chosen.get(facet, ())
    for value in chosen:
        counts.setdefault(value, 0)
    whole = len(known.values[facet])
    if facet != "lacks" and not chosen and whole < 2 and not (LACKING in counts and whole):
        return None  # there is nothing to choose; that nothing is missing is worth saying
    offered = _tree(known, counts) if facet == "concept" else [(value, 0) for value in counts]
    if len(offered) > MOST:
        kept = set(sorted(counts, key=lambda value: -counts[value])[:MOST]).union(chosen)
        offered = [(value, depth) for value, depth in offered if value in kept]
    return {
        "name": facet,
        "title": FACETS[facet],
        "open": facet in OPEN,
        "more": len(counts) - len(offered),
        "values": [
            {
                "value": value,
                "label": choosing.value_name(facet, value),
                "count": counts[value],
                "depth": depth,
                "chosen": value in chosen,
            }
            for value, depth in offered
        ],
    }


def _tree(known: Index, counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Concepts under the concept that they lie below, most seen first, with how deep they lie; lacking last."""
    below: dict[str, list[str]] = {}
    for name in counts:
        if name != LACKING:
            parent = known.parents.get(name, "")
            below.setdefault(parent if parent in counts else "", []).append(name)
    found: list[tuple[str, int]] = []

    def add(parent: str, depth: int) -> None:
        for name in sorted(below.get(parent, ()), key=lambda name: -counts[name]):
            found.append((name, depth))
            if depth < 12:
                add(name, depth + 1)

    add("", 0)
    placed = {name for name, _ in found}
    return [*found, *((name, 0) for name in counts if name not in placed)]


def _span(known: Index, span: Span, selection: Selection, found: Found, run_key: str) -> dict[str, Any] | None:
    limits = choosing.limits(run_key, span, known)
    step = _STEPS[span]
    if limits is None or limits[1] - limits[0] < 2 * step:
        return None
    whole = choosing.whole_bars(run_key, span, known)
    return {
        "name": span,
        "title": SPANS[span][0],
        "kind": "time" if span == "time" else "number",
        "step": step,
        "low": math.floor(limits[0] / step) * step,
        "high": math.ceil(limits[1] / step) * step,
        "whole": whole,
        "now": found.bars[span],
        "ends": selection.spans.get(span),
    }


def _changed() -> None:
    asked = st.session_state["facets"].get("change")
    selection, heard = choosing.current(), st.session_state.get(_HEARD, 0)
    for change in asked[-MOST_AT_ONCE:] if isinstance(asked, list) else ():
        selection = changed(selection, change)
        at = change.get("at") if isinstance(change, Mapping) else None
        heard = max(heard, at) if isinstance(at, int) else heard
    choosing.put(selection)
    st.session_state[_HEARD] = heard


def changed(selection: Selection, change: Any) -> Selection:
    """The selection after what the browser asked for; the same for what cannot be read."""
    if not isinstance(change, Mapping):
        return selection
    kind, name = change.get("kind"), change.get("name")
    if kind == "facet" and name in FACETS:
        values = change.get("values")
        texts = [value for value in values if isinstance(value, str)] if isinstance(values, Sequence) else []
        return selection.choosing(name, list(dict.fromkeys(texts)))
    if kind == "span" and name in SPANS:
        return selection.within(name, _ends(change.get("ends")))
    if kind == "text" and name in TEXTS:
        return replace(selection, **{name: str(change.get("value", "")).strip()[:LONGEST]})
    return selection


def _ends(ends: Any) -> tuple[float, float] | None:
    if not isinstance(ends, Sequence) or len(ends) != 2:
        return None
    numbers = [float(end) for end in ends if isinstance(end, int | float) and math.isfinite(end)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and numbers[0] <= numbers[1] else None
