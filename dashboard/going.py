"""Going from one page to another with a view of it: what buttons and the tour do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

_PAGES = "pages"


def remember(pages: Mapping[str, StreamlitPage]) -> None:
    """The pages there are, by address; told by the shell at every run."""
    st.session_state[_PAGES] = dict(pages)


def known() -> dict[str, StreamlitPage]:
    """The pages that were told."""
    return dict(st.session_state.get(_PAGES, {}))


def go(address: str, query: Mapping[str, str | Sequence[str]]) -> NoReturn:
    """Open a page with these parameters and the run at hand; not from a callback."""
    run = st.query_params.get("run")
    kept = {"run": run} if run else {}
    st.switch_page(
        st.session_state[_PAGES][address],
        query_params={
            **kept,
            **{name: value if isinstance(value, str) else list(value) for name, value in query.items()},
        },
    )
