"""What an import needs to know about an image file, from one reading of it; for one file or a hundred thousand.

The contract:
- a file is opened and read once; hash, facts, statistics and thumbnails come from those bytes;
- a file that cannot be used is an `Unusable` with its reason, in the place of its `Probe`: an import is never ended by
  a file, not even by one that kills the process reading it;
- the same bytes give the same `Probe`, whatever the number of workers (path and time of change aside).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.errors import ImageError
from core.images.decode import decode
from core.images.exif import ExifFacts
from core.images.files import promised_format, read_file, within
from core.images.statistics import ImageStatistics, image_statistics
from core.images.thumbnails import ATLAS, GRID, encode_thumbnails
from core.images.workers import ordered_map
from core.progress import Progress, silent

HASH_NAME = "blake2b-128"
"""The content hash: BLAKE2b with a digest of 16 bytes, RFC 7693, in hexadecimal."""


@dataclass(frozen=True)
class Probe:
    """One usable image file.

    Attributes:
        path: As it was asked for.
        content_hash: `HASH_NAME` of the file's bytes, 32 hexadecimal digits.
        size_bytes: Length of the file.
        mtime_ns: Its time of change, nanoseconds since 1970 UTC.
        width, height: Pixels as displayed (turned upright).
        format: By content: ``JPEG``, ``PNG``, ``TIFF``, ``WebP``, ``BMP`` or ``GIF``.
        exif: What the camera wrote.
        statistics: Eight measures of the picture.
        thumbnails: Longer side in pixels to JPEG.
        note: Half a sentence where something is odd but harmless (an ending that promises another format).
    """

    path: Path
    content_hash: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    exif: ExifFacts
    statistics: ImageStatistics
    thumbnails: dict[int, bytes]
    note: str | None = None


@dataclass(frozen=True)
class Unusable:
    """One file that cannot be used: `code` is one of `ImageError`'s, `reason` a sentence for the report."""

    path: Path
    code: str
    reason: str


def content_hash(content: bytes) -> str:
    """`HASH_NAME` of a file's bytes, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def probe(path: Path, root: Path | None = None, *, sizes: Sequence[int] = (GRID, ATLAS)) -> Probe:
    """Read one image file.

    Args:
        path: The file; relative to `root` where that is given.
        root: The folder that the file, links followed, must lie in.
        sizes: Longer sides of the thumbnails, largest first.

    Raises:
        ImageError: the file cannot be used; all codes occur, ``outside`` only with a `root`.
    """
    content, facts = read_file(path if root is None else within(root, path))
    decoded = decode(content, name=repr(path.name), longest=max(sizes))
    promised = promised_format(path)
    return Probe(
        path=path,
        content_hash=content_hash(content),
        size_bytes=len(content),
        mtime_ns=facts.st_mtime_ns,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        exif=decoded.exif,
        statistics=image_statistics(decoded.image),
        thumbnails=encode_thumbnails(decoded.image, sizes),
        note=None if promised in (None, decoded.format) else f"its ending says {promised}, it is {decoded.format}",
    )


def probe_many(
    paths: Sequence[Path],
    root: Path | None = None,
    *,
    workers: int,
    progress: Progress = silent,
    chunk: int = 16,
    sizes: Sequence[int] = (GRID, ATLAS),
) -> Iterator[Probe | Unusable]:
    """`probe` for every path, in the order given, from `workers` processes.

    Memory does not grow with the number of files: at most ``4 * chunk * workers`` results wait to be taken.

    Args:
        workers: Processes; 0 works in this one, where a file that kills its reader kills the import.
        progress: Told after each result was taken; may raise `Cancelled`, which ends the workers first.
        chunk: Files handed to a worker at a time.
    """
    results = ordered_map(
        partial(_probe_or_reason, root=root, sizes=tuple(sizes)), paths, _lost, workers=workers, chunk=chunk
    )
    try:
        for done, result in enumerate(results, 1):
            yield result
            progress(done, len(paths))
    finally:
        results.close()


def _probe_or_reason(path: Path, root: Path | None, sizes: tuple[int, ...]) -> Probe | Unusable:
    try:
        return probe(path, root, sizes=sizes)
    except ImageError as error:
        return Unusable(path, error.code, str(error))


def _lost(path: Path, reason: str) -> Unusable:
    return Unusable(path, "unreadable", f"{path.name!r} cannot be read ({reason}); look at it by itself")
