"""How far a map can be believed: what it keeps of the neighbourhoods, and how the neighbours were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.neighbours.recall import GraphRecall
from dashboard import parts, words

if TYPE_CHECKING:
    from core.runs import Run
    from core.space.quality import MapQuality
    from dashboard.state import View


def quality(view: View) -> None:
    """The card on the Map page."""
    from core.space.quality import MapQuality

    remark = "Two figures from 0 to 1, of a sample of regions and their 15 nearest; 1 keeps every neighbourhood."
    with parts.card("quality", "How far can the map be believed?", remark):
        found = view.run.artefact("quality", MapQuality)
        if found is None and st.toggle("Measure it", key="map_measured"):
            found = _measured(view.run.key, view.run)
        if found is not None:
            parts.note(
                f"Trustworthiness {found.trustworthiness:.3f}: it falls when what lies together here is not alike. "
                f"Continuity {found.continuity:.3f}: it falls when what is alike was torn apart. "
                f"Sample: {words.plural(found.rows, 'region')}."
            )
        parts.note(search_sentence(view.run))


def search_sentence(run: Run) -> str:
    """How a run's neighbours were found, where that is not exact; empty where it is."""
    whole, known = (run.artefact(name, GraphRecall) for name in ("recall_all", "recall_reference"))
    if whole is None:
        return ""
    text = f"Neighbours were searched approximately: {_found(whole)} of a region's true neighbours were found"
    if known is not None and run.graph_reference.indices.shape[1]:
        text += f", and {_found(known)} of those in the reference outside its own group"
    return (
        f"{text}, measured on {words.plural(whole.rows, 'region')} against an exact search. Their distances are exact; "
        "a missed neighbour makes a region look a little stranger than it is."
    )


def search_in_short(run: Run) -> str:
    """As `search_sentence`, in a few words for a line at the foot of a page."""
    whole = run.artefact("recall_all", GraphRecall)
    return "" if whole is None else f"searched approximately, {_found(whole)} of the true ones found"


def _found(recall: GraphRecall) -> str:
    """``98.1 %``; never a false 100."""
    return f"{100 * recall.mean:.1f} %" if recall.mean < 0.9995 else "100 %" if recall.mean == 1 else "over 99.9 %"


@st.cache_resource(max_entries=4, show_spinner="Comparing neighbourhoods …")
def _measured(run_key: str, _run: Run) -> MapQuality:
    from core.space.quality import map_quality

    xy = _run.table[["x", "y"]].to_numpy(dtype=float)
    rows = np.flatnonzero(np.isfinite(xy).all(axis=1))
    vectors = _run.embeddings if len(rows) == len(xy) else np.asarray(_run.embeddings[rows])
    return map_quality(vectors, xy[rows], sample=500)
