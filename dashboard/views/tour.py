"""Tour: where should one begin?"""

from __future__ import annotations

import streamlit as st

from dashboard import going, parts, touring
from dashboard.state import View


def page(view: View) -> None:
    """Draw the page."""
    every = touring.of(view)
    parts.heading(
        "Where should one begin?",
        f"{len(every)} stops that tell what is in this run. Each is a link: next and previous lead through, and the "
        "address bar of a stop can be sent to a colleague.",
    )
    with st.container(horizontal=True, gap="small", key="tour_begin"):
        if st.button("Begin", type="primary", icon=":material/play_arrow:"):
            touring.visit(every, 1)
        if st.button(
            "Start over for the next audience",
            icon=":material/restart_alt:",
            help="Forgets what was narrowed down and opened in this window; saved selections and decisions stay",
        ):
            touring.reset()
            going.go("tour", {})
    for number, stop in enumerate(every, 1):
        with parts.card(f"stop_{number}", f"{number}. {stop.title}", stop.text):
            if st.button("Go there", key=f"stop_go_{number}", type="tertiary", icon=":material/arrow_forward:"):
                touring.visit(every, number)
