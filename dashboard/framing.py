"""Parts of images on galleries: cut out, or in their whole frames with an outline.

The contract: the URL's ``regions=frame`` says so, with a copy in the session that is written back when going to another
page drops it. Runs over whole images have no such choice, and their URLs say nothing of it.
"""

from __future__ import annotations

import streamlit as st

PARAMETER, FRAME = "regions", "frame"
_KEPT = "regions_in_frames"


def framed() -> bool:
    """Whether galleries show parts of images in their frames."""
    if PARAMETER in st.query_params:
        st.session_state[_KEPT] = st.query_params[PARAMETER] == FRAME
    elif st.session_state.get(_KEPT):
        st.query_params[PARAMETER] = FRAME
    return bool(st.session_state.get(_KEPT))


def put(on: bool) -> None:
    """Show them so from now on, on every page."""
    st.session_state[_KEPT] = on
    if on:
        st.query_params[PARAMETER] = FRAME
    elif PARAMETER in st.query_params:
        del st.query_params[PARAMETER]
