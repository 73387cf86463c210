"""Sprite sheets: many thumbnails of one run as one picture, so that a grid costs a few requests instead of hundreds.

The contract:
- tile ``i`` of a sheet is row ``i`` of the request, left to right, top to bottom, `COLUMNS` a line;
- a region shows its box, cut from the thumbnail and, when asked to be sharp, from the image itself; or its whole frame;
- a picture that is missing leaves its tile empty;
- sheets are pure functions of the run's key, the rows and the tile size, so they are kept here and in the browser.
"""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from core.errors import ImageError, SelectionError
from core.images.decode import open_image
from core.images.pixels import GROUND
from core.images.sheet import Box, compose
from core.images.thumbnails import ATLAS, GRID, Tile
from dashboard import words

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace

COLUMNS = 10
MAX_TILES = 256
TILES = (64, 128, 192, 256)
"""Sizes of a tile in pixels that may be asked for."""
Kind = Literal["part", "sharp", "frame"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a region shows: its box cut from the thumbnail (moments), small boxes cut from their images (seconds), or the
whole frame that it lies in."""


def parse_rows(text: str, total: int) -> list[int]:
    """Rows written as ``0-9,12``, in that order.

    Raises:
        SelectionError: not written like that, out of range, none, or more than `MAX_TILES`.
    """
    rows: list[int] = []
    for part in text.split(",") if len(text) <= 4000 else ["too long"]:
        first, dash, last = part.partition("-")
        if not (first.isascii() and first.isdecimal() and len(first) < 10 and (not dash or last.isdecimal())):
            raise SelectionError(f"rows are written like 0-9,12, got {part[:20]!r}")
        low, high = int(first), int(last[:9]) if dash else int(first)
        if high < low or high >= total or len(rows) + high - low + 1 > MAX_TILES:
            raise SelectionError(f"a sheet shows up to {MAX_TILES} of rows 0 to {total - 1}, got {part[:20]!r}")
        rows.extend(range(low, high + 1))
    return rows


class Sheets:
    """Makes sheets and keeps the last ones, up to a number of bytes; safe between threads."""

    def __init__(self, max_bytes: int = 128 * 2**20) -> None:
        self._kept: OrderedDict[tuple[str, int, Kind, tuple[int, ...]], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._size = 0
        self._max_bytes = max_bytes

    def get(self, space: Workspace, run: Run, rows: Sequence[int], tile: int, kind: Kind = "part") -> bytes:
        """One sheet, encoded.

        Args:
            rows: Up to `MAX_TILES` rows of the run.
            tile: Side of a tile in pixels, one of `TILES`.
            kind: One of `KINDS`.
        """
        key = (run.key, tile, kind, tuple(rows))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _sharp_sheet(space, run, rows, tile) if kind == "sharp" else _sheet(space, run, rows, tile, kind)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += len(made)
            while self._size > self._max_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return made


def _sheet(space: Workspace, run: Run, rows: Sequence[int], tile: int, kind: Kind) -> bytes:
    tiles: list[Tile] = [
        part.digest if part.share is None or kind == "frame" else (part.digest, part.share)
        for part in _parts(run, rows)
    ]
    return space.thumbnails.sheet(tiles, ATLAS if tile <= ATLAS else GRID, COLUMNS, tile)


def _sharp_sheet(space: Workspace, run: Run, rows: Sequence[int], tile: int) -> bytes:
    """As `_sheet`, but small parts are decoded from their images; only one such sheet is made at a time."""
    sources: list[tuple[bytes, Box | None] | None] = []
    with _ONE_AT_A_TIME:
        for part in _parts(run, rows):
            cut = _cut(space, part, tile) if part.share is not None and too_small(part.share) else None
            if cut is not None:
                sources.append((cut, None))
            else:
                thumbnail = space.thumbnails.get(part.digest, GRID)
                sources.append((thumbnail, part.share) if thumbnail is not None else None)
    return compose(sources, COLUMNS, tile, GROUND)


def too_small(share: Box) -> bool:
    """Whether a part has too few pixels in its thumbnail to be looked at."""
    return max(share[2], share[3]) * GRID < 170


def _cut(space: Workspace, part: _Part, tile: int) -> bytes | None:
    """The part as JPEG, decoded no larger than its tile needs; ``None`` when the image cannot be had."""
    assert part.share is not None
    entry = space.image(part.image_id)
    if entry is None:
        return None
    x, y, w, h = part.share
    wanted = math.ceil(tile / max(w * part.width, h * part.height) * max(part.width, part.height))
    try:
        picture = open_image(entry.path, longest=min(wanted, max(part.width, part.height)))
    except ImageError:
        return None
    box = (x * picture.width, y * picture.height, (x + w) * picture.width, (y + h) * picture.height)
    out = io.BytesIO()
    left, top, right, bottom = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    picture.crop((left, top, max(left + 1, right), max(top + 1, bottom))).save(out, "JPEG", quality=90)
    return out.getvalue()


@dataclass(frozen=True)
class _Part:
    """One tile: the image, and what share of it is shown (``x, y, width, height``), ``None`` for all."""

    image_id: int
    digest: str
    share: Box | None
    width: int
    height: int


def _parts(run: Run, rows: Sequence[int]) -> list[_Part]:
    columns = ["image_id", "content_hash", "region", "box_x", "box_y", "box_w", "box_h", "width", "height"]
    parts = []
    for image_id, digest, region, x, y, w, h, width, height in (
        run.table[columns].iloc[list(rows)].itertuples(index=False)
    ):
        whole = region == "image" or words.missing(w)
        share = None if whole else (x / width, y / height, w / width, h / height)
        parts.append(_Part(int(image_id), str(digest), share, int(width), int(height)))
    return parts


_ONE_AT_A_TIME = threading.Lock()
SHEETS = Sheets()
