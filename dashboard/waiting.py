"""The states before there is a finished run to look at: none yet, one at work, one that failed or was stopped."""

from __future__ import annotations

import streamlit as st

from core.runs import RunInfo
from core.workspace import Workspace
from dashboard import desk, going, parts, words
from dashboard.boundary import sentence

STAGES = {
    "import": "reading the images",
    "embeddings": "embedding the images",
    "neighbours": "comparing all with all",
    "scores": "scoring what is strange",
    "detectors": "asking other detectors",
    "projection": "drawing the map",
    "clusters": "finding clusters",
    "features": "looking at the pictures",
    "training": "learning",
    "refit": "learning again, from all",
    "predict": "asking the model",
    "stress": "asking about spoiled pictures",
    "report": "writing the report",
    "export": "writing the file",
}
"""What the stages of work do, in a scientist's words."""


def no_run(space: Workspace) -> None:
    """Nothing was run yet: say whether there are images, and which words start a run."""
    desk.follows()
    sets = [entry for entry in space.datasets() if entry.images]
    if not sets:
        parts.empty(
            "This workspace is empty",
            "Bring a folder of images, with a table of time, position and depth if there is one. "
            "Images stay where they are.",
            [f"benthoscope import FOLDER_OR_TABLE --dataset NAME --workspace {space.root}"],
        )
        if st.button("Bring images", key="go_datasets", type="primary"):
            going.go("datasets", {})
        return
    total = sum(entry.images for entry in sets)
    parts.empty(
        "No run yet",
        f"{words.plural(total, 'image')} in {words.plural(len(sets), 'dataset')} are waiting. A run embeds them, "
        "scores what is strange, and draws the map.",
        [f"benthoscope run {' '.join(entry.name for entry in sets[:3])} --workspace {space.root}"],
    )
    if st.button("Start a run", key="go_runs", type="primary"):
        going.go("runs", {})


def unfinished(space: Workspace, info: RunInfo) -> None:
    """A run that cannot be looked at yet, or never will."""
    if info.state == "running":
        _at_work(space, info.id)
        return
    again = [f"benthoscope run {' '.join(info.settings.datasets)} --workspace {space.root}"]
    if info.state == "cancelled":
        parts.empty(
            f"Run {info.id} was stopped", "What it finished is kept; the same words again go on from there.", again
        )
    else:
        parts.empty(f"Run {info.id} failed", f"{sentence(info.error)} What it finished is kept.", again)


@st.fragment(run_every=2)
def _at_work(space: Workspace, run_id: int) -> None:
    info = next((info for info in space.runs() if info.id == run_id), None)
    if info is None or info.state != "running":
        st.rerun()
    stages = space.journal.progress(run_id)
    with (
        st.container(horizontal_alignment="center", key="at_work"),
        st.container(border=True, key="card_at_work", width=704),
    ):
        parts.section(f"Run {run_id} is at work", "This page follows it; look at another run meanwhile, or come back.")
        if not stages:
            parts.note("It is just starting.")
        for stage in stages:
            share = stage.done / stage.total if stage.total else 1.0
            going = stage.done < stage.total and not stage.stale
            pace = f" · {stage.pace.rate:,.0f} a second" if going and stage.pace.rate >= 1 else ""
            ahead = left(stage.pace.seconds_left) if going else ""
            silence = " · nothing heard for a minute" if stage.stale else ""
            name = STAGES.get(stage.stage, stage.stage)
            st.progress(
                min(1.0, share),
                text=f"{name}: {words.count(stage.done)} of {words.count(stage.total)}{pace}{ahead}{silence}",
            )


def left(seconds: float | None) -> str:
    """The time left, as the end of a line; nothing when it cannot be told."""
    if seconds is None:
        return ""
    return f" · about {seconds / 60:.0f} min left" if seconds >= 90 else f" · about {max(1, round(seconds))} s left"
