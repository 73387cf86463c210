"""Where a trained model sees a concept in a picture: its class map, beside what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import parts

if TYPE_CHECKING:
    from core.learn.models import Model

_OFFERED = 8


def evidence(model: Model, picture: bytes, probabilities: np.ndarray, key: str = "evidence") -> None:
    """Ask for one of the likeliest concepts, and show where the evidence for it lies.

    Args:
        picture: An encoded picture that was let in (`dashboard.uploads`).
        probabilities: ``[C]`` of the model's concepts.
    """
    likeliest = [int(place) for place in np.argsort(-np.asarray(probabilities), kind="stable")[:_OFFERED]]
    names = {place: str(model.tree.names[place]) for place in likeliest}
    chosen = st.selectbox(
        "Where is the evidence for", likeliest, index=None, format_func=names.get, key=key, placeholder="a concept"
    )
    if chosen is None:
        return
    with st.spinner("Looking where the evidence lies"):
        shown, caption = _map(model.key, picture, chosen, model)
    st.image(shown)
    parts.note(caption)


@st.cache_data(max_entries=64, show_spinner=False)
def _map(key: str, picture: bytes, column: int, _model: Model) -> tuple[bytes, str]:
    from core.explain.concepts import concept_map
    from core.explain.export import png
    from core.images.decode import decode

    image = decode(picture, name="the picture").image
    name = str(_model.tree.names[column])
    bodies = [(part.embedder, part.heads) for part in _model.parts]
    found = concept_map(bodies, image, name, column, len(_model.tree))
    members = " Several members of an ensemble: what any of them sees." if _model.members > 1 else ""
    told = (
        f"Bright is the evidence for {name}, by Grad-CAM++, scaled from 0 to 1: it says where, not how sure.{members}"
    )
    return png(found.over(image, caption=False)), told
