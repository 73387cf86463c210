"""From one picture to those like it: what the image panel offers beside its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cached, choosing, going
from dashboard.selecting import Selection, to_query

if TYPE_CHECKING:
    from dashboard.state import View


def ways_on(view: View, row: int) -> None:
    """Buttons to the pages that show what is like this picture."""
    from core.review.repeats import repeat_threshold

    region = str(int(view.run.table["region_id"].iloc[row]))
    with st.container(horizontal=True, gap="small", key="ways_on"):
        if st.button("Find similar", icon=":material/image_search:", help="Everything, most alike this picture first"):
            choosing.forget()
            going.go("browse", to_query(Selection(like=region)))
        twins = cached.repeats(view.run, repeat_threshold(view.run))
        if twins[row] >= 0 and st.button(
            f"{int((twins == twins[row]).sum()) - 1} near-duplicates",
            icon=":material/filter_none:",
            help="Pictures of the same group that hardly differ from this one",
        ):
            choosing.forget()
            going.go("duplicates", {"of": region})
