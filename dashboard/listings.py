"""Ordered lists of regions that a gallery shows, kept on the server so that a page need not send them.

The contract:
- a listing's key is made of its content: the same rows with the same captions have the same key, so what the browser
  fetched under it may be kept for good;
- the browser asks for blocks of `BLOCK` items; a listing that was dropped meanwhile is made anew at the next rerun;
- shared by all visitors, bounded, safe between threads.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import called, ordering, slots, words
from dashboard.sheets import too_small

if TYPE_CHECKING:
    from core.runs import Run

BLOCK = 100
MAX_ROWS = 64_000_000
"""Rows kept over all listings: a quarter of a gigabyte at four bytes each."""

CAPTIONS = {
    "ood_score": lambda row: f"score {words.score(row['ood_score'])}",
    "ood_percentile": lambda row: f"{words.percentile(row['ood_percentile'])} percentile",
    "p_value": lambda row: f"p = {words.probability(row['p_value'])}",
    "depth_m": lambda row: words.metres(row["depth_m"]),
    "group": lambda row: words.group(row["group"]),
    "site": lambda row: words.text(row["site"]),
    "camera": lambda row: words.text(row["camera"]),
    "taken_at": lambda row: words.when(row["taken_at"]),
    "concepts": lambda row: ", ".join(row["concepts"]) if row["concepts"] is not None else "",
    "cluster": lambda row: called.of(row["cluster"], row.get(CALLED, {})),
}
"""What may stand under a picture, by column."""

_FORM = b"items-2"
"""What `item` makes is kept by browsers for good under a listing's key; another form of it has other keys."""

CALLED = "clusters called"
"""In a record: what people call the run's clusters."""

PREDICTED = "predicted:"
"""Before the id of stored predictions: what they say of a picture (`dashboard.slots.captions`)."""

_NEEDED = (
    *("path", "region", "box_x", "box_y", "box_w", "box_h", "width", "height"),
    *("image_id", "region_id", "set", "flagged"),
)


@dataclass(frozen=True)
class Listing:
    """Rows of one run in the order shown.

    Attributes:
        rows: ``[N]`` int32 rows of the run.
        captions: Columns of the run's table, or `PREDICTED` with the id of predictions behind it.
        extra: One more caption for the first rows, or empty.
    """

    key: str
    run: Run
    rows: np.ndarray
    captions: tuple[str, ...]
    extra: tuple[str, ...] = ()

    def block(self, number: int) -> list[dict[str, Any]]:
        """The items of one block, as plain values; empty past the end."""
        start = number * BLOCK
        rows = self.rows[start : start + BLOCK]
        columns = [name for name in self.captions if not name.startswith(PREDICTED)]
        records = _records(self.run, rows, columns)
        for name in self.captions:
            if name.startswith(PREDICTED):
                lines = slots.captions(self.run, name.removeprefix(PREDICTED), rows)
                records = [{**record, name: line} for record, line in zip(records, lines, strict=True)]
        return [
            item(record, int(row), self.captions, self.extra[start + i] if start + i < len(self.extra) else "")
            for i, (row, record) in enumerate(zip(rows, records, strict=True))
        ]


def _records(run: Run, rows: Sequence[int] | np.ndarray, columns: Sequence[str]) -> list[dict[Any, Any]]:
    """Some rows of a run's table, with the clusters' names where clusters are told."""
    records = _read(run.key, np.asarray(rows, dtype=np.int64).tobytes(), (*_NEEDED, *columns), run)
    if "cluster" not in columns:
        return records
    known = called.names(run)
    return [{**record, CALLED: known} for record in records]


@st.cache_resource(max_entries=120, show_spinner=False)
def _read(run_key: str, rows: bytes, columns: tuple[str, ...], _run: Run) -> list[dict[Any, Any]]:
    """Rows are given as the bytes of their int64; what is returned is shared and not changed."""
    return _run.table[list(columns)].iloc[np.frombuffer(rows, dtype=np.int64)].to_dict("records")


def caption(column: str, record: dict[Any, Any]) -> str:
    """What stands under a picture for a column: as `CAPTIONS` says, else its name and value."""
    if column.startswith(PREDICTED):
        return str(record[column])
    if column in CAPTIONS:
        return CAPTIONS[column](record)
    value = record[column]
    name = ordering.NAMES.get(column, column.removeprefix("extra.").replace("_", " "))
    shown = f"{value:.3g}" if isinstance(value, float) and not words.missing(value) else words.text(value)
    return f"{name} {shown}"


def item(record: dict[Any, Any], row: int, captions: Sequence[str], extra: str = "") -> dict[str, Any]:
    """One picture as a gallery shows it. Names and labels are text from strangers: shown as text only.

    A part of an image has ``box`` (``x, y, w, h`` in shares of its frame) and ``frame`` (the frame's aspect) as well.
    """
    name = str(record["path"]).rsplit("/", 1)[-1]
    lines = [line for line in (*extra.split("\n"), *(caption(column, record) for column in captions)) if line]
    flagged = bool(record["flagged"]) if not words.missing(record["flagged"]) else False
    part = str(record["region"]) != "image"
    whole = float(record["width"]), float(record["height"])
    width, height = (float(record["box_w"]), float(record["box_h"])) if part else whole
    box = [record["box_x"] / whole[0], record["box_y"] / whole[1], width / whole[0], height / whole[1]]
    framed = {"box": [round(float(share), 5) for share in box], "frame": round(whole[0] / whole[1], 4)} if part else {}
    return {
        "row": row,
        "image": int(record["image_id"]),
        "region": int(record["region_id"]),
        "name": name,
        "lines": lines,
        "set": str(record["set"]),
        "flagged": flagged,
        "small": part and too_small((0, 0, box[2], box[3])),
        "aspect": round(width / height, 4),
        **framed,
    }


def described(run: Run, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Some regions of a run, each with what is known of its concepts, score, depth, group and cluster."""
    captions = [name for name in ("concepts", "ood_score", "depth_m", "group", "cluster") if name in run.table]
    records = _records(run, rows, captions)
    made = [item(record, row, captions) for row, record in zip(rows, records, strict=True)]
    return [{**one, "lines": [line for line in one["lines"] if line.split(" ")[-1] != words.MISSING]} for one in made]


class Listings:
    """The listings in use, least recently used dropped first."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._kept: OrderedDict[str, Listing] = OrderedDict()
        self._lock = Lock()
        self._max_rows = max_rows

    def add(self, run: Run, rows: np.ndarray, captions: Sequence[str], extra: Sequence[str] = ()) -> Listing:
        """Keep a listing and return it.

        Args:
            rows: ``[N]`` integers, rows of the run.
            captions: Columns of the run's table.
            extra: One caption that stands first, for all rows or for as many as come first.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int32)
        state = hashlib.blake2b(digest_size=12, person=_FORM)
        told = repr(sorted(called.names(run).items())) if "cluster" in captions else ""
        parts = (run.key, "\0".join(captions), "\0".join(extra), told)
        for part in (rows.tobytes(), *(text.encode() for text in parts)):
            state.update(len(part).to_bytes(8, "little"))
            state.update(part)
        key = state.hexdigest()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Listing(key, run, rows, tuple(captions), tuple(extra))
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(len(kept.rows) for kept in self._kept.values()) > self._max_rows:
                self._kept.popitem(last=False)
            return self._kept.get(key) or Listing(key, run, rows, tuple(captions), tuple(extra))

    def get(self, key: str) -> Listing | None:
        """A kept listing, or ``None`` when it was never made or has been dropped."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


LISTINGS = Listings()
