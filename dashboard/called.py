"""What a run's clusters are called, by the run's own numbers, as on Clusters: for facets, captions and panels.

The contract: a name counts for a cluster of the run only while everything in it belongs to one cluster as people have
arranged them, so merged clusters share their name and divided ones go by their number; the run itself never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.errors import CoreError
from dashboard import clustering, state, words

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.clustering import Clustered

_OPEN = "clusters_called"


def names(run: Run, space: Workspace | None = None) -> Mapping[int, str]:
    """What clusters are called as on Clusters, by the number of the run's own cluster."""
    try:
        found = clustering.of(space or state.workspace(), run)
    except (CoreError, AttributeError):  # a table that was opened without its run has no edits
        return {}
    return _names(found.key, run, found)


@st.cache_resource(max_entries=8, show_spinner=False)
def _names(key: str, _run: Run, _found: Clustered) -> dict[int, str]:
    own, now = _run.table["cluster"].fillna(-1).to_numpy(dtype=np.int64), _found.grouping.labels
    order = np.argsort(own, kind="stable")
    numbers, starts = np.unique(own[order], return_index=True)
    low, high = np.minimum.reduceat(now[order], starts), np.maximum.reduceat(now[order], starts)
    return {
        before: _found.names[number]
        for before, number, last in zip(numbers.tolist(), low.tolist(), high.tolist(), strict=True)
        if before >= 0 and number == last and number in _found.names
    }


def remember(run: Run, space: Workspace) -> None:
    """Note the open run's names for this visitor; once a rerun."""
    st.session_state[_OPEN] = names(run, space)


def value(text: str) -> str:
    """A cluster of the open run, as a facet's value, in words."""
    if not text.isdecimal():
        return text
    called: Mapping[int, str] = st.session_state.get(_OPEN, {})
    return called.get(int(text)) or f"cluster {text}"


def of(number: Any, called: Mapping[int, str]) -> str:
    """A cluster's number in words: its name, ``noise``, its number, or a dash."""
    if words.missing(number):
        return words.MISSING
    return "noise" if number < 0 else called.get(int(number)) or f"cluster {int(number)}"
