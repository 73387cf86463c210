"""Runs: what was computed?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.catalogue import spoken
from core.console import duration
from core.errors import CoreError
from core.processing.steps import in_words
from core.runs import JUDGED, RunInfo
from dashboard import following, going, map_facts, parts, remaking, settings_words, starting, two_runs, words
from dashboard.boundary import sentence
from dashboard.desk import Desk, ask

if TYPE_CHECKING:
    from core.workspace import Workspace


def page(desk: Desk) -> None:
    """Draw the page."""
    done = sum(info.state == "done" for info in desk.runs)
    parts.heading(
        "What was computed?",
        f"{words.plural(done, 'finished run')}. A run never changes; other settings make another run."
        if desk.runs
        else "No run yet. A run embeds images, scores what is strange, draws the map and finds clusters.",
    )
    following.section(desk.workspace, ("run",))
    if "new_datasets" in st.session_state:  # who came to start one finds it open
        st.session_state["runs_new"] = True
    with st.expander("New run", key="runs_new", expanded=not desk.runs, on_change="rerun") as new:
        if new.open:  # what is closed is not drawn
            starting.form(desk)
    pinned = desk.workspace.journal.pinned()
    for info in sorted(desk.runs, key=lambda run: (run.id not in pinned, -run.id)):
        _line(desk, info, info.id in pinned)
    _archive(desk)
    two_runs.section(desk)


def _line(desk: Desk, info: RunInfo, pinned: bool) -> None:
    state = "" if info.state == "done" else f" ({info.state})"
    counts = _counts(desk.workspace, info)
    flagged = "flagged regions" if counts.get("regions") != counts.get("images") else "flagged"
    known = [(name, counts[key]) for key, name in (("images", "images"), ("flagged", flagged)) if key in counts]
    figures = ", ".join(f"{words.count(number)} {name}" for name, number in known)
    title = f"{info.id} · {parts.unmarked(info.name)}{state}{f' · {figures}' if figures else ''}"
    icon = ":material/push_pin:" if pinned else None
    with st.expander(title, key=f"run_{info.id}", icon=icon, on_change="rerun") as place:
        if place.open:
            _card(desk, info, pinned)


def _card(desk: Desk, info: RunInfo, pinned: bool) -> None:
    counts = _counts(desk.workspace, info)
    if counts:
        parts.tiles(_told(counts))
    parts.note(sentence(info.error) if info.error else "")
    parts.facts(
        [
            ("data", ", ".join(info.settings.datasets)),
            ("reference", spoken.in_words(info.settings.reference, "every image")),
            ("target", spoken.in_words(info.settings.target, "everything outside the reference")),
            ("network", settings_words.network_in_words(info.settings.embed)),
            ("preprocessing", "" if not info.settings.embed.steps else in_words(info.settings.embed.steps)),
            ("embedded", settings_words.regions_in_words(str(info.settings.regions))),
            ("map", remaking.projection_in_words(info.settings.projection)),
            ("clusters", remaking.clusters_in_words(info.settings.clusters)),
            ("neighbours", _searched(desk.workspace, info)),
            ("begun", words.when(datetime.fromisoformat(info.created_at))),
            ("computing took", _took(desk.workspace, info)),
        ]
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", value=info.name, key=f"run_name_{info.id}", max_chars=200)
        st.button(
            "Rename",
            key=f"run_rename_{info.id}",
            disabled=name == info.name,
            on_click=_kept_open,
            args=(info.id, desk.workspace.journal.rename, name),
        )
    with st.container(horizontal=True):
        _buttons(desk, info, pinned)


def _buttons(desk: Desk, info: RunInfo, pinned: bool) -> None:
    journal = desk.workspace.journal
    if info.state == "done":
        if st.button("Open", key=f"run_open_{info.id}", type="primary"):
            going.go("overview", {"run": str(info.id)})
        if st.button("Report", key=f"run_report_{info.id}", help="One HTML file for people without the server"):
            ask(desk.workspace, "report", f"Report of run {info.id}", {"run": info.id}, key="report")
            going.go("outputs", {})
    elif info.state != "running" and st.button("Go on", key=f"run_resume_{info.id}", type="primary"):
        arguments = {"settings": info.settings.to_json(), "name": info.name}
        ask(desk.workspace, "run", f"Run {info.name}", arguments, key="run")
        st.rerun()
    st.button(
        "Let go" if pinned else "Pin",
        key=f"run_pin_{info.id}",
        on_click=_kept_open,
        args=(info.id, journal.pin, not pinned),
    )
    st.button(
        "Archive",
        key=f"run_archive_{info.id}",
        disabled=info.state == "running",
        help="It stays in the workspace and can be taken back",
        on_click=journal.archive,
        args=(info.id, True),
    )


def _kept_open(run_id: int, do: Callable[[int, Any], object], value: object) -> None:
    """Change a run's name or place without its card closing: to Streamlit one with another title is another one."""
    do(run_id, value)
    st.session_state[f"run_{run_id}"] = True


def _counts(space: Workspace, info: RunInfo) -> Mapping[str, int]:
    """A run's counts; ``flagged`` as on Overview: of what is judged."""
    if info.state != "done" or not info.counts:
        return info.counts
    counts = info.counts if JUDGED in info.counts else _counted(info.uid, info.id, space)
    return {**counts, "flagged": counts[JUDGED]} if JUDGED in counts else counts


@st.cache_data(max_entries=500, show_spinner=False)
def _counted(uid: str, number: int, _space: Workspace) -> dict[str, int]:
    """The counts of an early run, for which its table is read; none where that cannot be."""
    try:
        return dict(_space.open_run(number).counts)
    except (CoreError, OSError):
        return {}


def _told(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """A run's counts as tiles; where parts of images are judged, what is counted in them says so."""
    whole = counts.get("regions") == counts.get("images")
    names = ("images", *(() if whole else ("regions",)), "reference", "target", "flagged", "clusters")
    unit = "" if whole else "regions"
    of = "of the target" if counts.get("target") else "of all"
    said = {"reference": unit, "target": unit, "flagged": f"{unit} {of}".strip()}
    return [(words.count(counts[name]), name, said.get(name, "")) for name in names if name in counts]


def _searched(space: Workspace, info: RunInfo) -> str:
    """How the neighbours of a finished run were found, where that is not exact."""
    if info.state != "done" or not info.settings.search.approximate(info.counts.get("regions", 0), "cpu"):
        return ""
    return map_facts.search_sentence(space.open_run(info.id))


def _took(space: Workspace, info: RunInfo) -> str:
    try:
        timings = json.loads((space.run_folder(info.id) / "timings.json").read_text(encoding="utf-8"))
        return duration(sum(float(seconds) for seconds in timings.values()))
    except (OSError, ValueError):
        return ""


def _archive(desk: Desk) -> None:
    shown = {info.id for info in desk.runs}
    away = [info for info in desk.workspace.journal.runs(archived=True) if info.id not in shown]
    if not away:
        return
    with st.expander(words.plural(len(away), "archived run"), key="runs_archived"):
        for info in away:
            with st.container(horizontal=True, vertical_alignment="center"):
                parts.note(f"{info.id} · {info.name}")
                if st.button("Take back", key=f"run_unarchive_{info.id}"):
                    desk.workspace.journal.archive(info.id, False)
                    st.rerun()
