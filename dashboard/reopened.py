"""An exported table opened again as table, map and gallery, without its run, its model or its images."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.catalogue.conditions import parse_all
from core.catalogue.selections import evaluate
from core.errors import CoreError
from core.publish.reopening import LARGEST, Reopened, images_here, reopen
from dashboard import assets, colouring, figures, parts, words
from dashboard.boundary import boundary, sentence

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from dashboard.desk import Desk
    from dashboard.theme import Theme

OPEN = "reopened"
_TABLES = ("regions.csv", "regions.json")
SHOTS = 48
MOST_POINTS = 100_000
_WAYS = ("Table", "Map", "Gallery")


def section(desk: Desk) -> None:
    """Where a file can be dropped, and what was opened."""
    with parts.card("reopen", "Open an exported table", "Table, map and gallery, without the run or its images."):
        sent = st.file_uploader(
            "Drop a CSV or JSON table that was exported here or on another machine",
            type=["csv", "json"],
            key="reopen_file",
            max_upload_size=LARGEST // 1_000_000,
        )
        if sent is not None and st.session_state.get("reopen_seen") != sent.file_id:
            st.session_state["reopen_seen"] = sent.file_id
            with boundary():
                st.session_state[OPEN] = (sent.name, reopen(sent.getvalue(), sent.name))
    kept: tuple[str, Reopened] | None = st.session_state.get(OPEN)
    if kept is not None:
        _opened(desk, *kept)


def open_button(path: Path) -> None:
    """Beside an output that is a table: open it here."""
    if path.name.endswith(_TABLES) and st.button("Open", key=f"reopen_{path.name}", icon=":material/table_view:"):
        with boundary():
            st.session_state[OPEN] = (path.name, reopen(path.read_bytes(), path.name))
            st.rerun()


def _opened(desk: Desk, name: str, found: Reopened) -> None:
    table = found.table
    with st.container(border=True, key="card_reopened"):
        with st.container(horizontal=True, vertical_alignment="center"):
            parts.section(name, _origin(found))
            st.button("Close", key="reopen_close", on_click=st.session_state.pop, args=(OPEN, None))
        parts.tiles(
            [
                (words.count(len(table)), "regions", ""),
                (words.count(int(table["flagged"].sum())), "flagged", ""),
                (words.count(table["concepts"].explode().dropna().nunique()), "concepts", ""),
                (words.count(int((table["verdict"].fillna("") != "").sum())), "decided", ""),
            ]
        )
        for remark in found.remarks:
            parts.note(remark)
        rows = _narrowed(table)
        way = st.segmented_control(
            "Show as", _WAYS, default=_WAYS[0], required=True, key="reopen_way", label_visibility="collapsed"
        )
        if not len(rows):
            parts.note("No row meets this.")
        elif way == "Table":
            _table(table.iloc[rows])
        elif way == "Map":
            _map(desk, found, rows)
        else:
            _gallery(desk, table, strangest(table, rows), "reopened")


def _origin(found: Reopened) -> str:
    if found.run is None:
        return "The file does not say which run it is from."
    title = f", {found.name}" if found.name else ""
    return f"From run {found.run}{title}, of the workspace that it was exported from."


def _narrowed(table: pd.DataFrame) -> np.ndarray:
    """Rows that meet the condition that is written, all without one."""
    text = st.text_input(
        "Narrow down", key="reopen_condition", placeholder="flagged=true, depth_m<800, verdict=new, concept=crab"
    ).strip()
    everything = np.arange(len(table))
    if not text:
        return everything
    try:
        outcome = evaluate(parse_all([part.strip() for part in text.split(",") if part.strip()]), table)
    except CoreError as error:
        parts.note(sentence(str(error)))
        return everything
    rows: np.ndarray = np.flatnonzero(outcome.mask)
    return rows


def strangest(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The rows by score, highest first; those without one last."""
    scores = np.nan_to_num(table["ood_score"].to_numpy(dtype=float)[rows], nan=-1.0)
    return rows[np.argsort(-scores, kind="stable")]


def _table(table: pd.DataFrame) -> None:
    first = (
        "path",
        "concepts",
        "verdict",
        "ood_score",
        "p_value",
        "flagged",
        "cluster",
        "group",
        "depth_m",
        "taken_at",
    )
    rest = [name for name in table.columns if name not in first and table[name].notna().any()]
    shown = table[[*first, *rest]]
    rounded = {name: 4 for name in shown.columns if shown[name].dtype.kind == "f"}
    st.dataframe(shown.round(rounded), hide_index=True, key="reopen_table", height=480)


# --- map --------------------------------------------------------------------------------------------------------------


def _map(desk: Desk, found: Reopened, rows: np.ndarray) -> None:
    if not found.has_map:
        parts.empty("There is no map", "The file has no coordinates x and y. Export the run as CSV or JSON again.")
        return
    table = found.table.iloc[rows]
    offered = [name for name in ("verdict", "flagged", *colouring.available(table)) if table_has(table, name)]
    chosen = st.selectbox(
        "Colour", list(dict.fromkeys(offered)) or ["set"], key="reopen_colour", format_func=colouring.title
    )
    if len(table) > MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).choice(len(table), MOST_POINTS, replace=False))
        table, rows = table.iloc[kept], rows[kept]
        parts.note(f"{MOST_POINTS:,} of {len(found.table):,} points are drawn, taken at random.")
    event: Any = st.plotly_chart(
        map_figure(table, rows, chosen, desk.theme),
        key="reopen_map",
        theme=None,
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "toImageButtonOptions": {"filename": "benthoscope-reopened-map", "scale": 2}},
    )
    picked = [point.get("customdata") for point in event["selection"]["points"]]
    numbers = [value[0] if isinstance(value, list | tuple) else value for value in picked]
    known = np.array(sorted({int(n) for n in numbers if isinstance(n, int | float) and 0 <= n < len(found.table)}), int)
    if len(known):
        _gallery(desk, found.table, strangest(found.table, known), "picked")
    else:
        parts.note("Draw a box or a lasso, or click a point, to see what lies there.")


def table_has(table: pd.DataFrame, name: str) -> bool:
    """Whether a colouring tells anything apart."""
    if name in ("verdict", "flagged"):
        return bool(table[name].fillna("").astype(str).nunique() > 1)
    return True


def map_figure(table: pd.DataFrame, rows: np.ndarray, name: str, theme: Theme) -> go.Figure:
    """The map of a reopened table; each point carries the number of its row in the file.

    Args:
        table: The rows that are drawn.
        rows: ``[N]`` their numbers.
        name: What to colour by, one of `dashboard.colouring.available`.
    """
    found = colouring.colouring(table, name, theme)
    figure = figures.blank(theme, 560, dragmode="lasso")
    x, y = (table[axis].to_numpy(dtype=float) for axis in ("x", "y"))
    placed = np.isfinite(x) & np.isfinite(y)
    said = [figures.plain(text) for text in captions(table)]
    amounts = len(found.ticks) > 0
    legend = {entry.code: entry.name for entry in found.entries}
    for code in [None] if amounts else sorted({*found.codes[placed].tolist()}):
        there = np.flatnonzero(placed if code is None else placed & (found.codes == code))
        colours: Any = [found.palette[c] for c in found.codes[there]] if code is None else found.palette[code]
        figure.add_scattergl(
            x=x[there],
            y=y[there],
            mode="markers",
            name=figures.plain(legend.get(code, "")) if code is not None else "",
            showlegend=code is not None,
            marker={"size": 6 if len(table) < 20_000 else 3, "color": colours, "opacity": 0.85},
            customdata=rows[there][:, None],
            text=[said[at] for at in there],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1)
    return figure


def captions(table: pd.DataFrame) -> list[str]:
    """What is said of each row in a line: what it shows, how strange it is."""
    return [
        f"{', '.join(names) or 'nothing named'} · score {words.score(score)}"
        for names, score in zip(table["concepts"], table["ood_score"].tolist(), strict=True)
    ]


# --- gallery ----------------------------------------------------------------------------------------------------------


def _gallery(desk: Desk, table: pd.DataFrame, rows: np.ndarray, key: str) -> None:
    pages = -(-len(rows) // SHOTS)
    page = 1
    if pages > 1:
        page = int(st.number_input(f"Page, of {pages:,}", 1, pages, 1, key=f"reopen_page_{key}"))
    shown = table.iloc[rows[(page - 1) * SHOTS : page * SHOTS]]
    here = images_here(desk.workspace.database, shown["content_hash"].fillna("").astype(str).tolist())
    parts.note(
        f"{words.plural(len(rows), 'picture')}, the strangest first."
        + ("" if len(here) else " None of these pictures is in this workspace: their words stand for them.")
    )
    st.html(f"<style>{_css()}</style>" + shots(shown, here))


def shots(table: pd.DataFrame, here: dict[str, int]) -> str:
    """Cards as HTML, all of it escaped: a thumbnail where the workspace has the picture, else concept and score.

    Args:
        here: Content hash → image id.
    """
    cards = []
    for row in table.to_dict("records"):
        concepts, score = ", ".join(row["concepts"]), words.score(row["ood_score"])
        image = here.get(str(row["content_hash"]))
        named = escape(concepts or "nothing named")
        face = (
            f'<img src="{escape(assets.base())}/thumb/{int(image)}" alt="{named}" loading="lazy">'
            if image is not None
            else f"<b>{named}</b><span>score {escape(score)}</span>"
        )
        verdict = words.text(row.get("verdict"))
        lines = [escape(words.text(row["path"]))]
        if image is not None:
            lines.append(f"<small>{named}, score {escape(score)}</small>")
        if verdict != words.MISSING:
            lines.append(f"<small>decided: {escape(verdict)}</small>")
        kind = "bs-shot flagged" if row["flagged"] else "bs-shot"
        cards.append(
            f'<figure class="{kind}"><div class="bs-shot-face">{face}</div>'
            f"<figcaption>{''.join(lines)}</figcaption></figure>"
        )
    return f'<div class="bs-shots">{"".join(cards)}</div>'


@lru_cache(maxsize=1)
def _css() -> str:
    return (Path(__file__).parent / "components" / "reopened.css").read_text(encoding="utf-8")
