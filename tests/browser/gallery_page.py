"""One selectable gallery of as many pictures as the address says (``?count=``), and what of it is chosen."""

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.gallery import gallery
from dashboard.theme import stylesheet, theme_for

st.set_page_config(layout="wide")
theme = theme_for("light", None)
st.html(f"<style>{stylesheet(theme)}</style>")
space = state.workspace()
runs = tuple(space.runs())
view = state.View(space, runs, state.open_run(space, runs[0]), theme)


def remember(row: int) -> None:
    """Keep what was opened."""
    st.session_state["opened"] = row


count = int(st.query_params.get("count", 96))
rows = np.arange(count) % len(view.run.table)
chosen = gallery(view, rows, key="tried", label="Tried", selectable=True, named=True, on_open=remember)
st.text(f"chosen {len(chosen)}: {' '.join(str(row) for row in chosen[:12])}")
st.text(f"opened {st.session_state.get('opened')}")
