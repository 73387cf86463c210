"""What people call a run's clusters, by the run's own numbers: for facets, captions and panels.

The contract: a name counts for a cluster of the run only while everything in it belongs to one cluster that a person
named, so merged clusters share their name and divided ones go by their number; the run itself never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.clusters.grouping import Edit, replay
from core.clusters.log import read_edits
from core.errors import CoreError
from core.space.clusters import Clusters
from dashboard import state, words

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace

_OPEN = "clusters_called"


def names(run: Run, space: Workspace | None = None) -> Mapping[int, str]:
    """Names that people gave, by the number of the run's own cluster."""
    try:
        edits = read_edits(space or state.workspace(), run)
    except (CoreError, AttributeError):  # a table that was opened without its run has no edits
        return {}
    return _names(run.key, f"{len(edits)} {edits[-1].key}", run, edits) if edits else {}


@st.cache_resource(max_entries=8, show_spinner=False)
def _names(run_key: str, edited: str, _run: Run, _edits: list[Edit]) -> dict[int, str]:
    own = _run.table["cluster"].fillna(-1).to_numpy(dtype=np.int64)
    found = _run.artefact("clusters", Clusters)
    usable = found if found is not None and len(found.labels) == len(own) else None
    nodes = usable.nodes.tolist() if usable is not None else []
    now = replay(own, nodes, usable.tree if usable is not None else None, _edits)
    called: dict[int, str] = {}
    for number, name in now.names.items():
        for before in np.unique(own[now.labels == number]).tolist():
            if before >= 0 and bool((now.labels[own == before] == number).all()):
                called[before] = name
    return called


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
