"""The picture grid that every page shares: regions of a run in a given order, opened by a click, chosen by ranges.

The contract:
- the page names rows of the run; pictures and captions travel through our own routes, block by block, as they come into
  view, so the page's cost does not grow with the list;
- what is chosen comes back as ranges of places in the list and is given to the page as rows of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st

from dashboard import assets, framing, looking, sheets, why, why_words
from dashboard.listings import BLOCK, LISTINGS, Listing
from dashboard.payload import to_json

if TYPE_CHECKING:
    from core.runs import Run
    from dashboard.state import View

Layout = Literal["grid", "rows", "strip"]

_COMPONENT = st.components.v2.component(
    "benthoscope_gallery",
    css=(Path(__file__).parent / "components" / "gallery.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


@dataclass(frozen=True)
class Overlay:
    """Something that a switch lays over all thumbnails, a map for instance.

    Attributes:
        url: Address of a sprite sheet with transparency, the pictures placed as in their own; ``{rows}`` (of the
            pictures in view, up to 25 at a time) and ``{tile}`` are filled in.
        name: Of the switch; galleries with the same share it, and the browser remembers it.
        meaning: What the colours mean, in a line.
        opacity: In [0, 1].
    """

    url: str
    name: str = "why"
    meaning: str = why_words.COLOURS
    opacity: float = 0.75


def gallery(
    view: View,
    rows: np.ndarray,
    *,
    key: str,
    label: str,
    captions: Sequence[str] = ("ood_score", "group"),
    extra: Sequence[str] = (),
    layout: Layout = "grid",
    height: int = 560,
    selectable: bool = False,
    named: bool = False,
    tools: bool = True,
    columns: int = 6,
    overlay: Overlay | Literal["why"] | None = "why",
    noun: str = "pictures",
    empty: str = "No picture fits.",
    on_open: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Show regions of the open run.

    Args:
        rows: ``[N]`` rows of the run in the order to show.
        key: Unique on the page; the selection is kept under it.
        label: What a screen reader calls the list.
        captions: Columns written under each picture, in the words of `dashboard.listings.CAPTIONS`.
        extra: One more caption for the first rows or for all, first in line (a distance to the picture at hand, say).
        layout: ``grid`` fills the width and scrolls down; ``rows`` shows all of a short list in `columns`; ``strip`` is
            one line that scrolls sideways.
        height: Of the whole, in pixels at normal type; ``rows`` takes what it needs.
        named: Whether the file's name is written too.
        columns: How many side by side in ``rows``; half as many where there is little room.
        overlay: What a switch lays over the thumbnails; ``why``: what makes each strange, where the run has scores.
        empty: The sentence shown when there is nothing to show.
        on_open: Called before the page runs again with the row that was opened; without it the image panel shows it.

    Returns:
        ``[M]`` rows of the run that are selected, in the gallery's order.
    """
    listing = LISTINGS.add(view.run, np.asarray(rows), captions, extra)
    lines = len(captions) + max((text.count("\n") + 1 for text in extra), default=0) + named
    shape = shapes(view.run)
    frames = {"aspect": shape.frame, "on": framing.framed()} if shape.parts else None
    laid = why_overlay(view.run) if overlay == "why" else overlay
    data = {
        "module": assets.module("gallery.js"),
        "base": assets.base(),
        "run": view.run.id,
        "listing": listing.key,
        "count": len(listing.rows),
        "block": BLOCK,
        "across": sheets.COLUMNS,
        "tiles": [size for size in sheets.TILES if size > 64],
        "first": listing.block(0),
        "aspect": shape.picture,
        "frames": frames,
        "layout": layout,
        "lines": lines,
        "named": named,
        "columns": columns,
        "tools": tools,
        "selectable": selectable,
        "selection": _kept_ranges(key, listing),
        "overlay": asdict(laid) if laid else None,
        "label": label,
        "noun": noun,
        "empty": empty,
    }
    bar = 34 if laid or tools or frames else 0
    ratio = shape.frame if frames and frames["on"] else shape.picture
    with _room(key, len(listing.rows), columns, lines, ratio, bar) if layout == "rows" else nullcontext():
        result: Any = _COMPONENT(
            key=key,
            data=to_json(data),
            height="content" if layout == "rows" else round(height * view.theme.scale),
            on_open_change=partial(_open, key, view.run, listing, on_open),
            on_expired_change=_nothing,
            on_framed_change=partial(_framed, key),
            on_selection_change=_nothing,
        )
    chosen: np.ndarray = listing.rows[_places(result.selection, listing)]
    return chosen


def why_overlay(run: Run, detector: str = "knn") -> Overlay | None:
    """What makes each picture strange in a detector's eyes, for the switch; ``None`` where nothing can be explained."""
    if not why.explainable(run):
        return None
    if detector == "knn":
        return Overlay(why.overlay_url(run))
    if detector not in why.detectors(run):
        return Overlay(
            why.overlay_url(run), meaning=f"{why_words.COLOURS}, by the run's own score: this detector has no maps"
        )
    url = why.overlay_url(run, why.Wanted("ood-centred", detector))
    return Overlay(url, meaning=f"{why_words.COLOURS}, {why_words.by_detector(detector)}")


def _open(key: str, run: Run, listing: Listing, on_open: Callable[[int], None] | None) -> None:
    """What happens when a picture is opened."""
    row = _opened(st.session_state[key].get("open"), listing)
    if row is None:
        return
    if on_open is not None:
        on_open(row)
    else:
        looking.ask(run, row, listing)


def _framed(key: str) -> None:
    """What happens when someone wants to see parts in their frames, or cut out again."""
    framing.put(st.session_state[key].get("framed") is True)


@contextmanager
def _room(key: str, count: int, columns: int, lines: int, ratio: float, bar: int) -> Iterator[None]:
    """Keep the room that a short list will take, so that nothing jumps when it comes."""

    def height(across: int) -> str:
        down = -(-count // across)
        picture, caption = f"(100cqw - {8 * across}px) / {across * ratio:.4f}", f"{lines * 1.15 + 0.5:.2f}rem"
        return f"calc({down} * ({picture} + {caption}) + {8 * down + bar}px)"

    place = f".st-key-{key}"
    narrow = f"@container (max-width: 885px) {{ {place} {{ min-height: {height(-(-columns // 2))} }} }}"
    style = f".st-key-room_{key} {{ container-type: inline-size }} {place} {{ min-height: {height(columns)} }} {narrow}"
    with st.container(key=f"room_{key}"):
        st.html(f"<style>{style}</style>")
        yield


@dataclass(frozen=True)
class Shapes:
    """Width over height of a run's tiles: such that nine pictures of ten fill their tile's width, in [2/3, 16/9].

    Attributes:
        picture: Of the regions themselves.
        frame: Of the images that they lie in.
        parts: Whether any region is only a part of its image.
    """

    picture: float
    frame: float
    parts: bool


def shapes(run: Run) -> Shapes:
    """Of a run, made once."""
    return _shapes(run.key, run)


@st.cache_resource(max_entries=16, show_spinner=False)
def _shapes(key: str, _run: Run) -> Shapes:
    table = _run.table
    whole = (table["region"] == "image").to_numpy()
    frame = (table["width"] / table["height"]).to_numpy(dtype=float, na_value=np.nan)
    part = (table["box_w"] / table["box_h"]).to_numpy(dtype=float, na_value=np.nan)
    return Shapes(_usual(np.where(whole, frame, part)), _usual(frame), not whole.all())


def _usual(ratio: np.ndarray) -> float:
    known = ratio[np.isfinite(ratio)]
    return float(np.clip(np.quantile(known, 0.1), 2 / 3, 16 / 9)) if len(known) else 4 / 3


def _nothing() -> None:
    """Streamlit registers a component's events by the presence of a callback."""


def _kept_ranges(key: str, listing: Listing) -> list[list[int]]:
    kept = st.session_state.get(key)
    return _ranges(kept.get("selection") if isinstance(kept, Mapping) else None, listing)


def _ranges(selection: Any, listing: Listing) -> list[list[int]]:
    """What the browser sent, checked: pairs within the list, and of this list."""
    if not isinstance(selection, Mapping) or selection.get("listing") != listing.key:
        return []
    last = len(listing.rows) - 1
    pairs = [pair for pair in selection.get("ranges") or [] if isinstance(pair, list | tuple) and len(pair) == 2]
    return [
        [max(0, int(low)), min(last, int(high))] for low, high in pairs if 0 <= int(low) <= int(high) and low <= last
    ]


def _places(selection: Any, listing: Listing) -> np.ndarray:
    ranges = _ranges(selection, listing)
    return np.concatenate([np.arange(low, high + 1) for low, high in ranges]) if ranges else np.empty(0, dtype=int)


def _opened(event: Any, listing: Listing) -> int | None:
    """The row that was opened, when the event is of this list and true to it."""
    if not isinstance(event, Mapping) or event.get("listing") != listing.key:
        return None
    index = event.get("index")
    return int(listing.rows[index]) if isinstance(index, int) and 0 <= index < len(listing.rows) else None
