"""The shell around every page: look, navigation, run switch, states without a run, footer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from core.catalogue import spoken
from core.ood.conformal import rule_in_words
from core.runs import RunInfo
from core.workspace import Workspace
from dashboard import (
    assets,
    called,
    choosing,
    desk,
    going,
    inspector,
    looking,
    map_facts,
    parts,
    state,
    touring,
    waiting,
    words,
)
from dashboard.boundary import boundary
from dashboard.payload import to_json
from dashboard.state import MODE_COOKIE, View
from dashboard.theme import MODES, Theme, stylesheet
from dashboard.views import (
    browse,
    clusters,
    datasets,
    drift,
    duplicates,
    evaluate,
    jobs,
    outliers,
    outputs,
    overview,
    predict,
    review,
    runs,
    tour,
)
from dashboard.views import help as help_page
from dashboard.views import map as map_page

_COMPONENTS = Path(__file__).parent / "components"
_LOGO = Path(__file__).resolve().parent.parent / "assets" / "logo.svg"
_PAGE_STYLE = (_COMPONENTS / "page.css").read_text(encoding="utf-8")
_MODE = st.components.v2.component(
    "benthoscope_mode", css=(_COMPONENTS / "mode.css").read_text(encoding="utf-8"), js=assets.LOADER
)

Draw = Callable[[Any], None]

PAGES: dict[str, list[tuple[str, str, str, Draw]]] = {
    "Look": [
        ("Overview", "overview", ":material/lens_blur:", overview.page),
        ("Browse", "browse", ":material/grid_view:", browse.page),
        ("Map", "map", ":material/bubble_chart:", map_page.page),
        ("Clusters", "clusters", ":material/hub:", clusters.page),
        ("Near-duplicates", "duplicates", ":material/filter_none:", duplicates.page),
    ],
    "Judge": [
        ("Outliers", "outliers", ":material/scatter_plot:", outliers.page),
        ("Review", "review", ":material/fact_check:", review.page),
        ("Drift", "drift", ":material/timeline:", drift.page),
    ],
    "Name": [
        ("Predict", "predict", ":material/image_search:", predict.page),
        ("Evaluate", "evaluate", ":material/verified:", evaluate.page),
    ],
    "Work": [
        ("Datasets", "datasets", ":material/folder_open:", datasets.page),
        ("Runs", "runs", ":material/play_circle:", runs.page),
        ("Jobs", "jobs", ":material/list_alt:", jobs.page),
        ("Outputs", "outputs", ":material/output:", outputs.page),
    ],
    "Learn": [
        ("Tour", "tour", ":material/flag:", tour.page),
        ("Help", "help", ":material/menu_book:", help_page.page),
    ],
}
"""Every page by group: title, address, icon, what draws it. The first is the one that opens."""

_DESK: frozenset[Draw] = frozenset({datasets.page, runs.page, jobs.page, outputs.page})
"""Pages that need no run: they draw from a `desk.Desk`, the others from a `View`."""

_MODE_NAMES = {"light": "Light", "dark": "Dark", "projector": "Projector"}


def draw() -> None:
    """One run of the page that is open."""
    st.set_page_config(page_title="Benthoscope", page_icon=str(_LOGO), layout="wide")
    theme = state.current_theme()
    st.html(f"<style>{stylesheet(theme)}{_PAGE_STYLE}</style>")
    st.logo(str(_LOGO), size="large")
    # What is open is found out while the page runs; the navigation must be there before, also when nothing is open.
    chosen: list[tuple[Draw, str]] = []
    sections = {
        section: [
            st.Page(
                partial(chosen.append, (show, title)),
                title=title,
                url_path=path,
                icon=icon,
                default=show is overview.page,
            )
            for title, path, icon, show in pages
        ]
        for section, pages in PAGES.items()
    }
    addresses = [path for pages in PAGES.values() for _, path, _, _ in pages]
    entries = [entry for section in sections.values() for entry in section]
    going.remember(dict(zip(addresses, entries, strict=True)))
    page = st.navigation(sections, expanded=True)
    st.set_page_config(page_title=f"{page.title} · Benthoscope")
    page.run()
    choosing.keep(page.url_path)
    with boundary():
        _page(chosen[0][0], theme)
    with st.sidebar:
        _display(theme)


def _page(show: Draw, theme: Theme) -> None:
    space = state.workspace()
    known = tuple(space.runs())
    with st.sidebar:
        desk.notices(space)
    if show in _DESK:
        _beside_runs(show, space, known, theme)
        return
    if not known:
        waiting.no_run(space)
        return
    with st.sidebar:
        info = _switch(known)
    if info.state != "done":
        waiting.unfinished(space, info)
        return
    view = View(space, known, state.open_run(space, info), theme)
    called.remember(view.run, space)
    touring.bar(view)
    show(view)
    _footer(view)
    inspector.open_if_asked(view)


def _beside_runs(show: Draw, space: Workspace, known: tuple[RunInfo, ...], theme: Theme) -> None:
    """A page that needs no run; the one that is open stays open beside it."""
    show(desk.Desk(space, known, theme))
    if not known:
        return
    with st.sidebar:
        info = _switch(known)
    if info.state == "done":
        view = View(space, known, state.open_run(space, info), theme)
        _footer(view)
        inspector.open_if_asked(view)


def _switch(runs: tuple[RunInfo, ...]) -> RunInfo:
    """Which dataset and run are looked at; the URL says it, the boxes change it."""
    info = state.choose_run(runs)
    newest: dict[str, int] = {}
    for other in sorted(runs, key=lambda run: (run.state == "done", run.id), reverse=True):
        newest.setdefault(_data(other), other.id)
    if len(newest) > 1:
        st.session_state["dataset_box"] = _data(info)
        st.selectbox("Dataset", sorted(newest), key="dataset_box", on_change=_picked, args=("dataset_box", newest))
    here = {run.id: run for run in runs if _data(run) == _data(info)}
    st.session_state["run_box"] = info.id
    st.selectbox(
        "Run",
        list(here),
        key="run_box",
        format_func=lambda run_id: run_name(here[run_id]),
        on_change=_picked,
        args=("run_box", {run_id: run_id for run_id in here}),
    )
    return info


def _picked(box: str, runs: Mapping[Any, int]) -> None:
    looking.close()
    choosing.leave_the_map()
    state.set_url("run", runs[st.session_state[box]])


def _data(info: RunInfo) -> str:
    return ", ".join(info.settings.datasets)


def run_name(info: RunInfo) -> str:
    """A run in the switch: number, name, day and time, and its state when it is not done."""
    begun = f"{datetime.fromisoformat(info.created_at):%d %b %H:%M}".lstrip("0")
    return f"{info.id} · {info.name or _data(info)} · {begun}" + ("" if info.state == "done" else f" ({info.state})")


def _footer(view: View) -> None:
    settings, manifest = view.run.settings, view.run.manifest
    flag = manifest.get("flag", {})
    reference = spoken.in_words(settings.reference, "every image")
    k = int(manifest.get("k", 0))
    rule = rule_in_words(str(flag.get("flag_rule", "none")))
    items = [
        (
            "Run",
            f"{view.run.id}, {view.run.name}, finished {words.when(_moment(view.run.info.finished_at))}",
        ),
        ("Data", f"{_data(view.run.info)}; reference: {reference}"),
        ("Network", ", ".join(filter(None, (settings.embed.embedder, settings.embed.weights_name)))),
        ("Score", f"{words.distance(k)}, larger is stranger" if k else "none, nothing could be compared"),
        ("Rule", f"{rule}, {words.plural(int(flag.get('groups', 0)), 'independent group')}"),
    ]
    items = items if k else items[:-1]
    if searched := map_facts.search_in_short(view.run):
        items.append(("Neighbours", searched))
    st.html('<div class="bs-footer">' + " &ensp; ".join(f"<b>{escape(n)}</b> {escape(v)}" for n, v in items) + "</div>")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _display(theme: Theme) -> None:
    """Light, dark or projector; and what a plot's camera button saves."""
    with st.container(key="display"):
        paths = ["/", *(f"/{path}" for pages in PAGES.values() for _, path, _, _ in pages)]
        modes = [{"name": mode, "label": _MODE_NAMES[mode], "title": f"{_MODE_NAMES[mode]} display"} for mode in MODES]
        data = {
            "module": assets.module("mode.js"),
            "mode": theme.mode,
            "modes": modes,
            "cookie": MODE_COOKIE,
            "paths": paths,
        }
        _MODE(key="mode", data=to_json(data), height=round(34 * theme.scale))
        st.segmented_control(
            "Save plots as",
            ["PNG", "SVG"],
            default="PNG",
            required=True,
            key=parts.IMAGE_FORMAT,
            help="What a plot's camera button saves",
        )
