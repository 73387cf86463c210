"""The pieces that pages are put together from: headings, facts, cards with plots or tables, and their downloads.

The contract: catalogue text reaches the page only through `html.escape` here, through plotly labels made with
`dashboard.figures.plain`, or through widgets that show plain text; never through markdown, unless made harmless by
`unmarked` (buttons).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.summaries import By

IMAGE_FORMAT = "plot_format"


def heading(title: str, lead: str = "") -> None:
    """The title of a page and its one-sentence answer."""
    st.html(f'<h1 class="bs-title">{escape(title)}</h1>' + (f'<p class="bs-lead">{escape(lead)}</p>' if lead else ""))


def section(title: str, note: str = "") -> None:
    """A heading within a page."""
    st.html(f'<h2 class="bs-section">{escape(title)}</h2>' + (f'<p class="bs-note">{escape(note)}</p>' if note else ""))


def passage(title: str, *sentences: str) -> None:
    """A heading and what there is to say under it."""
    said = "".join(f'<p class="bs-note">{escape(sentence)}</p>' for sentence in sentences)
    st.html(f'<h2 class="bs-section">{escape(title)}</h2>{said}')


@contextmanager
def pair(key: str, shares: Sequence[float] = (1, 1)) -> Iterator[Sequence[DeltaGenerator]]:
    """Two columns that stand below each other where there is little room."""
    with st.container(key=f"pair_{key}"):
        yield st.columns(shares, gap="medium")


@contextmanager
def beside(key: str) -> Iterator[Sequence[DeltaGenerator]]:
    """A narrow column of a fixed width, and the rest; below each other where there is little room."""
    with st.container(key=f"beside_{key}"):
        yield st.columns([1, 3.4], gap="medium")


def folded() -> None:
    """Stands in a column of `beside` that is away, so that the other has the whole width and stays what it is."""
    st.html('<i class="bs-folded"></i>')


def stop(place: str, title: str, text: str) -> None:
    """A stop of the tour: where one is, its title and its line of text."""
    st.html(
        f'<p class="bs-stop"><small>Tour, {escape(place)}</small> <b>{escape(title)}</b></p>'
        f'<p class="bs-text">{escape(text)}</p>'
    )


def note(text: str) -> None:
    """A quiet remark; nothing when there is nothing to say."""
    if not text:
        return
    st.html(f'<p class="bs-note">{escape(text)}</p>')


def named(name: str, text: str) -> None:
    """The name of one thing, and what is said of it."""
    st.html(f'<p class="bs-name">{escape(name)}</p><p>{escape(text)}</p>')


def paragraph(text: str) -> None:
    """Running text."""
    st.html(f'<p class="bs-text">{escape(text)}</p>')


def tiles(facts: Sequence[tuple[str, str, str]]) -> None:
    """Large numbers in a row: ``(number, what it counts, remark)``."""
    cells = "".join(
        f'<div class="bs-tile"><dt>{escape(name)}</dt><dd>{escape(number)}</dd>'
        f'<dd class="remark">{escape(remark)}</dd></div>'
        for number, name, remark in facts
    )
    st.html(f'<dl class="bs-tiles">{cells}</dl>')


def facts(pairs: Iterable[tuple[str, str]], title: str = "") -> None:
    """Names and values, one a line; missing values (a dash) are left out."""
    head = f'<h2 class="bs-section">{escape(title)}</h2>' if title else ""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value not in ("", "–")
    )
    st.html(f'{head}<dl class="bs-facts">{rows}</dl>')


def badges(items: Sequence[tuple[str, str]]) -> None:
    """Small labels: ``(text, kind)`` with kind ``reference``, ``target``, ``flagged`` or empty."""
    st.html(
        '<div class="bs-badges">'
        + "".join(f'<span class="bs-badge {k}">{escape(t)}</span>' for t, k in items)
        + "</div>"
    )


def empty(title: str, text: str, commands: Sequence[str] = ()) -> None:
    """The designed state of a page that has nothing to show: what is missing, and the way on."""
    lines = "".join(f"<code>{escape(command)}</code>" for command in commands)
    st.html(
        f'<div class="bs-empty"><h2>{escape(title)}</h2><p>{escape(text)}</p>'
        + (f'<div class="bs-commands">{lines}</div>' if lines else "")
        + "</div>"
    )


@contextmanager
def card(key: str, title: str, remark: str = "") -> Iterator[None]:
    """A framed part of a page."""
    with st.container(border=True, key=f"card_{key}"):
        st.html(
            f'<h2 class="bs-card">{escape(title)}</h2>' + (f'<p class="bs-note">{escape(remark)}</p>' if remark else "")
        )
        yield


def plot(figure: go.Figure, *, key: str, alt: str, data: Callable[[], pd.DataFrame] | None = None) -> None:
    """A figure with its downloads: the picture by its camera button (PNG or SVG), the numbers as CSV.

    Args:
        alt: What the figure shows, for those who do not see it.
        data: Makes the table behind the figure; called only when someone downloads it.
    """
    config = _config(key, ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"])
    st.plotly_chart(figure, key=f"plot_{key}", theme=None, alt=alt, config=config)
    if data is not None:
        csv_button(key, data)


def clickable_plot(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    data: Callable[[], pd.DataFrame] | None = None,
    fresh: str = "",
    on_click: Callable[[int], None] | None = None,
) -> int | None:
    """As `plot`; returns the whole number that the clicked point carries as customdata, ``None`` before a click.

    Args:
        fresh: Another text lets go of what was clicked.
        on_click: Called once a click, before the page runs again, with that number.
    """
    named = f"plot_{key}_{fresh}" if fresh else f"plot_{key}"

    def clicked() -> None:
        number = carried(st.session_state[named]["selection"]["points"])
        if number is not None and on_click is not None:
            on_click(number)

    event: Any = st.plotly_chart(
        figure,
        key=named,
        theme=None,
        alt=alt,
        config=_config(key, ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"]),
        on_select="rerun" if on_click is None else clicked,
        selection_mode="points",
    )
    if data is not None:
        csv_button(key, data)
    return carried(event["selection"]["points"])


def carried(points: Sequence[Mapping[str, Any]]) -> int | None:
    """The whole number that the first of some points carries; ``None`` where none does."""
    for point in points:
        value = point.get("customdata")
        value = value[0] if isinstance(value, list | tuple) and value else value
        if isinstance(value, int | float) and value == int(value) and value >= 0:
            return int(value)
    return None


def _config(key: str, without: list[str]) -> dict[str, Any]:
    image_format = st.session_state.get(IMAGE_FORMAT, "PNG").lower()
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": without,
        "toImageButtonOptions": {"format": image_format, "filename": f"benthoscope-{slug(key)}", "scale": 2},
    }


def by(key: str, among: Sequence[By]) -> By:
    """The choice of what to compare by, among what is known."""
    from dashboard.summaries import BY_NAMES

    chosen: By = st.segmented_control(
        "By",
        list(among),
        default=among[0],
        required=True,
        format_func=BY_NAMES.__getitem__,
        key=key,
        label_visibility="collapsed",
    )
    return chosen


def csv_button(key: str, data: Callable[[], pd.DataFrame], label: str = "CSV") -> None:
    """A download of a table, made when it is asked for; text cells cannot run in a spreadsheet."""
    st.download_button(
        label,
        data=lambda: to_csv(data()),
        file_name=f"benthoscope-{slug(key)}.csv",
        mime="text/csv",
        key=f"csv_{key}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help="Download the numbers behind this",
    )


def to_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a byte order mark (for spreadsheets), lists joined by ``|``, text cells neutralised."""
    from core.catalogue.formats.cells import neutralise

    def cell(value: object) -> object:
        if isinstance(value, str):
            return neutralise(value)
        if hasattr(value, "__iter__"):
            return neutralise("|".join(str(item) for item in value))
        return value

    shown = frame.copy()
    for column in shown.columns:
        if shown[column].dtype.kind not in "biufmM":
            shown[column] = shown[column].astype(object).map(cell, na_action="ignore")
    shown.columns = [neutralise(str(column)) for column in shown.columns]
    return ("﻿" + shown.to_csv(index=False, lineterminator="\r\n")).encode()


def unmarked(text: str) -> str:
    """Text that reads letter for letter where Streamlit takes markdown: on buttons."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def slug(text: str) -> str:
    """A file name's worth of a key."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "data"
