"""Pictures that people placed on a run's map, kept in the workspace: a small copy, where it lies, what that rests on.

    placed/RUN/log.jsonl       one line an act: placed, removed, undone; it only ever grows
    placed/RUN/DIGEST.jpg      our own copy of a picture, named by the content of the file that was sent

The contract:
- they are guests: the run, its counts, flags, clusters and exports know nothing of them;
- a picture is on the disk before its line is, and its line before it is acknowledged; the same picture is kept once;
- at most `MOST` may be placed on a map: one more is refused in words, none is dropped for it;
- removals are undone last first; copies are given up once `MOST` pictures were removed after them;
- a line that cannot be understood is passed over and counted; a copy that is gone or was changed is ``None``.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.artefacts import write_atomically
from core.clusters.lines import append_line
from core.errors import WorkspaceError

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.runs import Run
    from core.workspace import Workspace

MOST = 200
LONGEST = 1024
"""Longest side of a copy, in pixels."""
_DIGEST = re.compile(r"[0-9a-f]{24}")
_lock = threading.Lock()


@dataclass(frozen=True)
class PlacedPicture:
    """One picture on a map.

    Attributes:
        digest: 24 hex letters, BLAKE2b-96 of the file that was sent.
        checksum: The same of our copy.
        name: Of the file, as it came. Text from a stranger: show, never interpret.
        at: When, ISO 8601 in UTC.
        network: Key of the embedder that it was looked at with.
        width, height: Pixels of the picture that was sent.
        x, y: Its place on the run's map, approximately.
        distance: Cosine distance in [0, 2] to the nearest region of the map.
        rows: Rows of the run that the place rests on, nearest first.
        shares: The share of the weight of each, in [0, 1].
        score: OOD score in [0, 2], larger is stranger; ``None`` where the run cannot tell.
        percentile: 100 times the share of reference scores at or below it; ``None`` likewise.
    """

    digest: str
    checksum: str
    name: str
    at: str
    network: str
    width: int
    height: int
    x: float
    y: float
    distance: float
    rows: tuple[int, ...]
    shares: tuple[float, ...]
    score: float | None = None
    percentile: float | None = None


@dataclass(frozen=True)
class Album:
    """What is placed on a run's map.

    Attributes:
        pictures: In the order that they were placed.
        removed: Removals that can still be undone, oldest first; the last is undone first.
        unread: Lines that could not be understood.
    """

    pictures: tuple[PlacedPicture, ...]
    removed: tuple[tuple[PlacedPicture, ...], ...]
    unread: int


def folder(space: Workspace, run: Run) -> Path:
    """Where a run's placed pictures are kept, whether or not it exists."""
    return space.root / "placed" / run.info.uid


def copy_of(image: Image) -> bytes:
    """Our copy of a picture: a JPEG of at most `LONGEST` pixels on its longer side."""
    small = image.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=88)
    return out.getvalue()


def checksum(data: bytes) -> str:
    """24 hex letters that tell whether a copy is what was kept."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def copy_path(space: Workspace, run: Run, digest: str) -> Path:
    """Where the copy of a picture is kept, whether or not it is there."""
    return folder(space, run) / f"{digest}.jpg"


def read_copy(space: Workspace, run: Run, placed: PlacedPicture) -> bytes | None:
    """The bytes of our copy (JPEG); ``None`` where the file is gone or is not what was kept."""
    try:
        data = copy_path(space, run, placed.digest).read_bytes()
    except OSError:
        return None
    return data if checksum(data) == placed.checksum else None


def read_album(space: Workspace, run: Run) -> Album:
    """What is placed on a run's map now.

    Raises:
        WorkspaceError: the list is there and cannot be read.
    """
    path = _log(space, run)
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError as error:
        raise WorkspaceError(f"the list of placed pictures cannot be read ({error.strerror or error})") from error
    held: dict[str, PlacedPicture] = {}
    since: dict[str, int] = {}  # the line that placed it, so that what comes back has its old place in the list
    removed: list[tuple[PlacedPicture, ...]] = []
    unread = 0
    for number, line in enumerate(filter(None, text.split("\n"))):
        try:
            act = json.loads(line)
            kind = act["act"]
            if kind == "place":
                placed = _parsed(act["picture"], len(run.table))
                if placed.digest not in held:
                    since[placed.digest] = number
                held[placed.digest] = placed
            elif kind == "remove":
                gone = tuple(held.pop(digest) for digest in act["digests"] if digest in held)
                removed = _undoable([*removed, gone] if gone else removed)
            elif kind == "undo":
                for back in removed.pop() if removed else ():
                    held.setdefault(back.digest, back)
            else:
                unread += 1
        except (ValueError, TypeError, KeyError, AttributeError):
            unread += 1
    ordered = sorted(held.values(), key=lambda placed: since[placed.digest])
    return Album(tuple(ordered), tuple(removed), unread)


def keep(space: Workspace, run: Run, placed: PlacedPicture, data: bytes) -> bool:
    """Keep a picture.

    Args:
        placed: Where it lies; its checksum is that of ``data``.
        data: Its copy, as `copy_of` makes it.

    Returns:
        False where this picture was placed before and its copy is whole: then nothing is added.

    Raises:
        WorkspaceError: as many are placed as may be, or the disk refused.
    """
    with _lock:
        album = read_album(space, run)
        before = next((one for one in album.pictures if one.digest == placed.digest), None)
        if before is not None and read_copy(space, run, before) is not None:
            return False
        if before is None and len(album.pictures) >= MOST:
            raise WorkspaceError(f"this map holds {MOST} placed pictures, the most it can; remove some to make room")
        try:
            write_atomically(copy_path(space, run, placed.digest), data)
        except OSError as error:
            raise WorkspaceError(
                f"the picture could not be kept ({error.strerror or error}); check free space and that the workspace "
                "can be written, then place it again"
            ) from error
        append_line(_log(space, run), {"act": "place", "picture": asdict(placed)}, "the picture")
    return True


def remove(space: Workspace, run: Run, digests: Collection[str], now: datetime) -> None:
    """Take pictures off the map; what is not there is passed over.

    Raises:
        WorkspaceError: the disk refused.
    """
    with _lock:
        before = read_album(space, run)
        there = [one.digest for one in before.pictures if one.digest in digests]
        if not there:
            return
        append_line(_log(space, run), {"act": "remove", "digests": there, "at": now.isoformat()}, "the removal")
        after = read_album(space, run)
        kept = {one.digest for one in (*after.pictures, *(one for gone in after.removed for one in gone))}
        for one in (one for gone in before.removed for one in gone):
            if one.digest not in kept:
                copy_path(space, run, one.digest).unlink(missing_ok=True)


def undo(space: Workspace, run: Run, now: datetime) -> None:
    """Put back what the last removal took; nothing where none can be undone.

    Raises:
        WorkspaceError: the disk refused.
    """
    with _lock:
        if read_album(space, run).removed:
            append_line(_log(space, run), {"act": "undo", "at": now.isoformat()}, "the undoing")


def _log(space: Workspace, run: Run) -> Path:
    return folder(space, run) / "log.jsonl"


def _undoable(removed: list[tuple[PlacedPicture, ...]]) -> list[tuple[PlacedPicture, ...]]:
    """The last removals of together at most `MOST` pictures, and the last one in any case."""
    total, first = 0, len(removed)
    while first and (total + len(removed[first - 1]) <= MOST or first == len(removed)):
        first -= 1
        total += len(removed[first])
    return removed[first:]


def _parsed(data: dict[str, Any], count: int) -> PlacedPicture:
    """One picture of the list.

    Raises:
        ValueError, TypeError, KeyError: it is not what `keep` writes for a run of so many rows.
    """
    placed = PlacedPicture(**data | {"rows": tuple(data["rows"]), "shares": tuple(data["shares"])})
    numbers = (placed.x, placed.y, placed.distance, *placed.shares, placed.score or 0.0, placed.percentile or 0.0)
    sizes = (placed.width, placed.height)
    fits = (
        all(isinstance(text, str) for text in (placed.checksum, placed.name, placed.network))
        and _DIGEST.fullmatch(placed.digest)
        and datetime.fromisoformat(placed.at).tzinfo is not None
        and all(math.isfinite(number) for number in numbers)
        and all(isinstance(size, int) and size > 0 for size in sizes)
        and len(placed.rows) == len(placed.shares) > 0
        and all(isinstance(row, int) and 0 <= row < count for row in placed.rows)
    )
    if not fits:
        raise ValueError("not a placed picture of this run")
    return placed
