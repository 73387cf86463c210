"""The image panel: what, why, where and who, the same from every page.

It opens over the page from any picture or from a link (``?image=…``). Left the picture with zoom, what it was compared
with, and what came before and after; right the findings in words. Other parts of the product fill `dashboard.slots`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import assets, called, looking, parts, preparing, slots, why_panel, words
from dashboard.boundary import boundary
from dashboard.gallery import gallery
from dashboard.payload import to_json

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import AnnotationEntry, ImageEntry
    from dashboard.looking import Look
    from dashboard.state import View

NEAREST = 12
IN_TIME = 8
MAX_BOXES = 400

_SOURCES = {"person": "said by", "model": "predicted by", "import": "imported by"}

_VIEWER = st.components.v2.component(
    "benthoscope_viewer",
    css=(Path(__file__).parent / "components" / "viewer.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


def open_if_asked(view: View) -> None:
    """Show the panel when the URL asks for a picture; called once at the end of a page."""
    if looking.wanted():
        _panel(view)


@st.dialog("Picture", width="large", on_dismiss=looking.close)
def _panel(view: View) -> None:
    with boundary():
        look = looking.current(view.run)
        if look is None:
            parts.empty("This picture is not in this run", "Choose the run it belongs to, or close this panel.")
            return
        _body(view, look)


def _body(view: View, look: Look) -> None:
    record = view.run.table.iloc[look.row]
    entry = view.workspace.image(int(record["image_id"]))
    notes = view.workspace.annotations(int(record["image_id"]))
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        _viewer(view, look, record, entry, notes)
        why_panel.section(view, look.row)
        _nearest(view, look)
        _in_time(view, look, record)
    with right:
        _identity(record)
        for way in slots.WAYS_ON:
            way(view, look.row)
        _findings(view, record)
        for draw in (*slots.PREDICTIONS, *slots.DECISIONS):
            draw(view, look.row)
        _stated(notes, record)
        _metadata(view, record)


def _viewer(view: View, look: Look, record: pd.Series, entry: ImageEntry | None, notes: list[AnnotationEntry]) -> None:
    """The picture, with zoom and the arrows to its neighbours in the list."""
    if entry is None:
        parts.empty("The file is not there", f"{record['path']} was moved or removed since it was imported.")
    base = assets.base()
    ahead = [row for row in (looking.neighbour(view.run, look, step) for step in (1, -1)) if row is not None]
    shown = preparing.viewing(view, look.row)
    data = {
        "module": assets.module("viewer.js"),
        "image": int(record["image_id"]),
        "source": f"{base}/image/{record['image_id']}{shown}",
        "plain": f"{base}/image/{record['image_id']}",
        "preview": f"{base}/thumb/{record['image_id']}",
        "ahead": [f"{base}/image/{view.run.table['image_id'].iloc[row]}{shown}" for row in ahead],
        "width": int(record["width"]),
        "height": int(record["height"]),
        "label": f"{record['path']}, {record['width']} by {record['height']} pixels",
        "where": f"{words.count(look.place + 1)} of {words.count(look.total)}",
        "previous": looking.neighbour(view.run, look, -1) is not None,
        "next": looking.neighbour(view.run, look, 1) is not None,
        "boxes": [*_boxes(notes), *_regions(view, look)],
        "layers": [{"name": layer.name, "url": layer.url} for make in slots.LAYERS for layer in make(view, look.row)],
        "progress": f"{base}/why-progress/{view.run.id}",
    }
    _VIEWER(key="viewer", data=to_json(data), height="content", on_move_change=partial(_move, view, look))


def _move(view: View, look: Look) -> None:
    """Go to the next or previous picture before the panel is drawn again."""
    step = st.session_state["viewer"].get("move")
    if step in (-1, 1):
        looking.move(view.run, look, step)


def _boxes(notes: list[AnnotationEntry]) -> list[dict[str, Any]]:
    """Annotated shapes as the viewer draws them: polygons as they are, everything else as the box around it."""
    marks: list[dict[str, Any]] = []
    for note in notes[:MAX_BOXES]:
        shape = note.geometry or {}
        x, y, w, h = shape.get("box") or [shape.get(name) for name in "xywh"]
        mark = {"kind": "annotation", "label": note.concept, "x": x, "y": y, "w": w, "h": h}
        outlines = {"polygon": [shape.get("points")], "multipolygon": shape.get("parts")}.get(shape.get("type", ""))
        if outlines:
            marks.extend({**mark, "points": points} for points in outlines)
        elif None not in (x, y, w, h):
            marks.append(mark)
    return marks


def _regions(view: View, look: Look) -> list[dict[str, Any]]:
    """The run's regions of this image, the one looked at marked out."""
    table = view.run.table
    if table["region"].iloc[look.row] == "image":
        return []
    image_id = table["image_id"].iloc[look.row]
    rows = np.flatnonzero(table["image_id"].to_numpy() == image_id)[:MAX_BOXES]
    marks = []
    for row in sorted(rows, key=lambda row: row == look.row):
        box = table.iloc[row][["box_x", "box_y", "box_w", "box_h"]].astype(float)
        kind = "region" if row == look.row else "other"
        label = f"score {words.score(table['ood_score'].iloc[row])}"
        marks.append({"kind": kind, "label": label, **dict(zip("xywh", box, strict=True))})
    return marks


def _identity(record: pd.Series) -> None:
    from html import escape

    name, folder = str(record["path"]).rsplit("/", 1)[-1], str(record["path"]).rpartition("/")[0]
    place = " · ".join(part for part in (str(record["dataset"]), folder) if part)
    st.html(f'<p class="bs-name">{escape(name)}</p><p>{escape(place)}</p>')
    badges = []
    if record["set"] in ("reference", "both"):
        badges.append(("reference", "reference"))
    if record["set"] in ("target", "both"):
        badges.append(("target", "target"))
    if not words.missing(record["flagged"]) and record["flagged"]:
        badges.append(("flagged", "flagged"))
    if record["region"] != "image":
        badges.append((f"a part, {record['box_w']:.0f} × {record['box_h']:.0f} pixels", ""))
    parts.badges(badges)


def _findings(view: View, record: pd.Series) -> None:
    """Score and p-value in words."""
    title = "Is it strange?"
    if words.missing(record["ood_score"]):
        parts.passage(
            title, "This picture was not judged: it is in neither set, or there is nothing to compare it with."
        )
        return
    flag = view.run.manifest.get("flag", {})
    k = int(view.run.manifest.get("k", 1))
    sentences = [words.score_sentence(record["ood_score"], record["ood_percentile"], k)]
    if not words.missing(record["p_value"]):
        sentences.append(words.p_sentence(float(record["p_value"]), flag))
    parts.passage(title, *sentences)


def _stated(notes: list[AnnotationEntry], record: pd.Series) -> None:
    title = "What is said to be in it"
    if not notes:
        known = not words.missing(record["labelled"]) and bool(record["labelled"])
        parts.passage(title, "Nothing: it was looked at." if known else "Nobody has labelled this picture yet.")
        return
    counts: dict[tuple[str, str], int] = {}
    for note in notes:
        who = (note.concept, f"{_SOURCES.get(note.source, note.source)} {note.actor}".strip())
        counts[who] = counts.get(who, 0) + 1
    named = ((concept if n == 1 else f"{concept} × {n}", who) for (concept, who), n in counts.items())
    parts.facts(named, title)


def _metadata(view: View, record: pd.Series) -> None:
    known_clusters = called.names(view.run, view.workspace)
    known = [
        ("Time", words.when(record["taken_at"])),
        ("Depth", words.metres(record["depth_m"])),
        ("Height over ground", words.metres(record["altitude_m"])),
        ("Position", words.position(record["latitude"], record["longitude"])),
        ("Group", words.text(record["group"])),
        ("Site", words.text(record["site"])),
        ("Camera", words.text(record["camera"])),
        ("Cluster", called.of(record["cluster"], known_clusters)),
        ("Size", f"{record['width']} × {record['height']} pixels"),
    ]
    parts.facts(known, "Where and when")
    extra = [name for name in view.run.table.columns if name.startswith("extra.") and not words.missing(record[name])]
    if extra:
        with st.expander("From the source"):
            parts.facts((name.removeprefix("extra."), words.text(record[name])) for name in extra)


def _nearest(view: View, look: Look) -> None:
    """What the picture was compared with; a click goes there."""
    graph = view.run.graph_reference
    rows = np.asarray(graph.indices[look.row][:NEAREST], dtype=np.int64)
    distances = np.asarray(graph.distances[look.row][:NEAREST], dtype=float)[rows >= 0]
    rows = rows[rows >= 0]
    parts.section(
        "The reference pictures nearest to it", "None of them from its own group; 0 is a copy, 1 is unrelated."
    )
    gallery(
        view,
        rows,
        key="nearest",
        label="Nearest reference pictures",
        captions=("group", "depth_m"),
        extra=[f"distance {words.score(float(distance))}" for distance in distances],
        layout="strip",
        height=210,
        tools=False,
        overlay=why_panel.matches(view, look.row),
        on_open=partial(looking.ask, view.run),
        empty="This run has no reference pictures to compare it with.",
    )


def _in_time(view: View, look: Look, record: pd.Series) -> None:
    """The pictures before and after it in its group; a click goes there."""
    if words.missing(record["taken_at"]) or words.missing(record["group"]) or record["group"] == "":
        return
    table = view.run.table
    same = np.flatnonzero((table["group"] == record["group"]).to_numpy() & table["taken_at"].notna().to_numpy())
    same = same[~table["image_id"].iloc[same].duplicated().to_numpy() | (same == look.row)]
    order = same[np.argsort(table["taken_at"].to_numpy()[same], kind="stable")]
    place = int(np.flatnonzero(table["image_id"].to_numpy()[order] == record["image_id"])[0])
    rows = order[max(0, place - IN_TIME) : place + IN_TIME + 1]
    rows = rows[table["image_id"].to_numpy()[rows] != record["image_id"]]
    if not len(rows):
        return
    seconds = (table["taken_at"].iloc[rows] - record["taken_at"]).dt.total_seconds()
    parts.section("Before and after it in the same group")
    gallery(
        view,
        rows,
        key="in_time",
        label="Pictures before and after",
        captions=("ood_score",),
        extra=[apart(value) for value in seconds],
        layout="strip",
        height=158,
        tools=False,
        on_open=partial(looking.ask, view.run),
    )


def apart(seconds: float) -> str:
    """``12 s before``, ``3 min after``."""
    size = abs(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    factor, unit = next(((factor, unit) for factor, unit in units if size >= factor), (1, "s"))
    return f"{size / factor:.0f} {unit} {'before' if seconds < 0 else 'after'}" if size >= 0.5 else "same second"
