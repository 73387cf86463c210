"""Preprocessing by clicks: steps are chosen in their order, seen before and after, and said as the pipeline says them.

Two uses: what a run embeds (recorded in its settings), and what the image panel shows (for viewing alone).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import streamlit as st

from core.errors import CoreError, WorkspaceError
from core.processing.steps import KINDS, checked, parse
from dashboard import parts, words
from dashboard.boundary import sentence

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from core.assess.otherwise import Otherwise
    from core.workspace import Workspace
    from dashboard.state import View

SHOWN = 3
_SIDE = 560
VIEWING = "look_steps"
_ASKED = "look_scored"


def builder(key: str) -> tuple[str, ...]:
    """Draw the choice of steps; returns them as `core.processing.steps` writes them."""
    names = st.multiselect(
        "Preprocessing, in this order",
        list(KINDS),
        key=key,
        format_func=lambda name: KINDS[name].title,
        placeholder="None: pictures as they are",
    )
    steps = []
    for name in names:
        kind = KINDS[name]
        number = ""
        if kind.number:
            st.session_state.setdefault(f"{key}_{name}", kind.usual)  # as state: an earlier run may have filled it
            value = st.slider(
                f"{kind.title}: {kind.number}", kind.least, kind.most, key=f"{key}_{name}", help=kind.told
            )
            number = f":{value:g}"
        else:
            parts.note(f"{kind.title}. {kind.told}")
        steps.append(f"{name}{number}")
    return checked(steps)


def before_and_after(space: Workspace, images: pd.DataFrame, steps: Sequence[str], key: str) -> None:
    """A few pictures as they are, and below each the same after the steps."""
    if not steps or not len(images):
        return
    chosen = images.iloc[:: max(1, len(images) // SHOWN)].head(SHOWN)
    roots = {entry.name: entry.root for entry in space.datasets()}
    with st.container(key=f"card_before_after_{key}", border=True):
        parts.section("Before and after", " → ".join(parse(step).words for step in steps))
        for place, (_, row) in zip(st.columns(len(chosen), gap="small"), chosen.iterrows(), strict=True):
            with place:
                _pair(str(roots[row["dataset"]] / row["path"]), tuple(steps))


def _pair(path: str, steps: tuple[str, ...]) -> None:
    from core.processing.applying import processed

    try:
        picture = _opened(path)
        st.image(picture, caption="before", width="stretch")
        st.image(processed(picture, steps), caption="after", width="stretch")
    except CoreError as error:
        parts.note(str(error))


@st.cache_data(max_entries=24, show_spinner=False)
def _opened(path: str) -> Image.Image:
    from pathlib import Path

    from core.images.decode import open_image

    picture = open_image(Path(path), longest=2 * _SIDE)
    picture.thumbnail((_SIDE, _SIDE))
    return picture


def viewing(view: View, row: int) -> str:
    """Draw the choice of how the image panel shows pictures; returns the end of a picture's address."""
    given = view.run.settings.embed.steps  # what the network was shown
    with st.popover("Show it otherwise", icon=":material/tune:", help="For viewing alone: nothing is computed again"):
        if given and st.checkbox("As the network was shown it", key=f"{VIEWING}_as_run"):
            steps = given
        else:
            steps = builder(VIEWING)
        if steps:
            _effect(view, row, steps)
    return "?steps=" + quote(",".join(steps)) if steps else ""


def _effect(view: View, row: int, steps: tuple[str, ...]) -> None:
    """What the steps would do to this picture's score; asked for by a button, since the network takes a moment."""
    if words.missing(view.run.table["ood_score"].iloc[row]):
        return
    asked = (view.run.key, row, steps)
    if st.button("What does it do to the score?", key=f"{VIEWING}_score"):
        st.session_state[_ASKED] = asked
    if st.session_state.get(_ASKED) != asked:
        return
    try:
        with st.spinner("Showing it to the network"):
            found = _otherwise(*asked, view)
    except CoreError as error:
        parts.note(sentence(str(error)))
        return
    parts.tiles(
        [
            (words.score(found.before), "score in this run", _rank(found.rank_before)),
            (words.score(found.after), "shown so", _rank(found.rank_after)),
        ]
    )
    parts.note(
        "This picture alone was shown to the network so; the reference is as it was. A run with this preprocessing "
        "shows all of them so."
    )


def _rank(rank: float) -> str:
    return f"{words.percent(rank / 100)} of the reference lie below"


@st.cache_data(max_entries=64, show_spinner=False)
def _otherwise(run_key: str, row: int, steps: tuple[str, ...], _view: View) -> Otherwise:
    from core.assess.otherwise import score_otherwise

    entry = _view.workspace.image(int(_view.run.table["image_id"].iloc[row]))
    if entry is None:
        raise WorkspaceError("the picture's file is not there any more")
    return score_otherwise(_view.run, row, entry.path, steps)
