"""The tour: saved links that tell what a run holds, one after the other, with a line of text each.

The contract: a stop is a page and its parameters, so each of them is a link of its own; numbers in the text are the
run's. Two stops are about the demonstration's second camera and are left out where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.demo.world import LATER_CAMERA
from dashboard import choosing, going, parts, summaries, words

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.state import View

_STEP = "tour"


@dataclass(frozen=True)
class Stop:
    """One stop: a title, a line of text, and the link it opens."""

    title: str
    text: str
    address: str
    query: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def stops(table: pd.DataFrame) -> list[Stop]:
    """The stops that a run's table allows, in their order."""
    target = summaries.is_target(table)
    judged = target if target.any() else summaries.is_reference(table)
    flagged = summaries.is_flagged(table)
    side = "target" if target.any() else "reference"
    groups = words.plural(int(table["group"].replace("", np.nan).nunique()), "group")
    found = [
        Stop(
            "What is here",
            f"{words.plural(len(table), 'picture')} from {groups}: what counts as known is the reference, what came "
            "home is the target. The counts, the depths and the strangest twelve are on one page.",
            "overview",
        ),
        Stop(
            "The flagged ones",
            f"{words.count(int((flagged & judged).sum()))} of {words.count(int(judged.sum()))} judged pictures are "
            "flagged as strange to the reference. Here is how strange everything is, from both ends.",
            "outliers",
        ),
    ]
    newer = (table["camera"] == LATER_CAMERA).to_numpy()
    if (newer & target).any():  # a run that knows that camera already tells another story
        others = sorted(str(name) for name in table["camera"].dropna().unique() if name not in (LATER_CAMERA, ""))
        rest = words.count(int((flagged & judged & ~newer).sum()))
        found += [
            Stop(
                "Why the grey-green ones are a camera",
                f"{words.count(int((flagged & newer).sum()))} of the {words.count(int(newer.sum()))} pictures of the "
                f"camera {LATER_CAMERA} are flagged, the empty sea floor among them. Open one and switch its map on: "
                "it is the picture as a whole, not the animals.",
                "browse",
                {"camera": LATER_CAMERA},
            ),
            Stop(
                "The new animals",
                f"Without that camera {rest} flagged pictures of the target are left. They come from greater depths "
                "than anything in the reference, and show what lives there alone.",
                "browse",
                {"camera": tuple(others), "flagged": "yes", "set": side},
            ),
        ]
    found += [
        Stop(
            "Groups nobody named",
            "Pictures that the network finds alike lie together; colours are clusters. Draw around a cloud to see it, "
            "or narrow down to a cluster in Browse.",
            "map",
            {"colour": "cluster"},
        ),
        Stop(
            "Take it home",
            "The flagged pictures, strangest first. CSV of what is shown takes the list along, Saved keeps it under a "
            "name, and Overview has the table of what was seen where.",
            "browse",
            {"flagged": "yes", "set": side},
        ),
    ]
    return found


def of(view: View) -> list[Stop]:
    """The stops of the open run."""
    return _stops(view.run.key, view)


@st.cache_resource(max_entries=8, show_spinner=False)
def _stops(run_key: str, _view: View) -> list[Stop]:
    return stops(_view.run.table)


def bar(view: View) -> None:
    """Where one is in the tour, over every page while it lasts."""
    asked = st.query_params.get(_STEP) or str(st.session_state.get(_STEP, ""))
    every = of(view)
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 4 and 1 <= int(asked) <= len(every)):
        return
    step = st.session_state[_STEP] = int(asked)
    stop = every[step - 1]
    with st.container(key="tour", border=True):
        parts.stop(f"{step} of {len(every)}", stop.title, stop.text)
        with st.container(horizontal=True, gap="small", key="tour_ways", width="content"):
            if st.button("Previous", key="tour_previous", disabled=step == 1, icon=":material/arrow_back:"):
                visit(every, step - 1)
            if st.button(
                "Next", key="tour_next", type="primary", disabled=step == len(every), icon=":material/arrow_forward:"
            ):
                visit(every, step + 1)
            if st.button("Back to this stop", key="tour_again", type="tertiary"):
                visit(every, step)
            if st.button("End", key="tour_end", type="tertiary"):
                end()
                going.go("tour", {})


def visit(every: list[Stop], step: int) -> None:
    """Open a stop, whatever was narrowed down before; not from a callback."""
    choosing.forget()
    st.session_state[_STEP] = step
    stop = every[step - 1]
    going.go(stop.address, {**stop.query, _STEP: str(step)})


def end() -> None:
    """Leave the tour."""
    st.session_state.pop(_STEP, None)


def reset() -> None:
    """Forget everything that this visitor chose, narrowed down or opened; what was saved stays."""
    choosing.forget()
    kept = going.known()
    st.session_state.clear()
    going.remember(kept)
