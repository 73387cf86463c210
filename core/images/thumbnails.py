"""Thumbnails of a whole collection in a few large files, keyed by content hash.

The contract:
- two sizes an image, both JPEG: `GRID` for galleries, `ATLAS` for the map's hover;
- `ThumbnailStore.append` is all or nothing, and the files of an interrupted and an undisturbed import end byte-equal,
  however the images were divided into calls (`core.images.packs` says how);
- one writer at a time (a lock holds it), any number of readers in other processes, who see the growth;
- equal images share a thumbnail: adding a hash again changes nothing.

Measured on real frames: a JPEG of 256 pixels takes 0.15 ms to write, 0.16 ms to read and 8.3 kB; WebP (fastest
method) 0.9 ms, 0.4 ms and 5.8 kB. Imports and galleries wait for time, not for 2.5 kB.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from PIL import Image

from core.errors import ArtefactError
from core.images.packs import DIGEST_BYTES, SIZES, PackReader, PackWriter
from core.images.pixels import GROUND
from core.images.sheet import Box, compose

GRID, ATLAS = SIZES

Tile = str | tuple[str, Box] | None
"""One square of a sheet: a content hash, ``(hash, (x, y, width, height))`` in shares of the image, or nothing."""


def encode_thumbnails(image: Image.Image, sizes: Sequence[int] = SIZES) -> dict[int, bytes]:
    """JPEGs of an RGB picture, longer side at most each of `sizes` (largest first), aspect kept, never enlarged."""
    encoded = {}
    for size in sizes:
        if max(image.size) > size:
            scale = size / max(image.size)
            small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            # Whole factors by plain averages first: a tenth of the time, and nothing to see at this size.
            image = image.resize(small, Image.Resampling.HAMMING, reducing_gap=1.0)
        out = io.BytesIO()
        # Huffman tables of its own save a quarter of a tiny file, but only a twentieth of a larger one.
        image.save(out, "JPEG", quality=85, optimize=size <= ATLAS)
        encoded[size] = out.getvalue()
    return encoded


class ThumbnailStore:
    """The thumbnails in the folder `root`; safe to share between threads.

    Content hashes are BLAKE2b-128 in hexadecimal, 32 digits (`ValueError` otherwise). Reading makes no files.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.RLock()
        self._reader = PackReader(root)
        self._writer: PackWriter | None = None

    def __enter__(self) -> ThumbnailStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the files and, if this store was writing, the lock; a later call opens them again."""
        with self._lock:
            self._reader.close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __len__(self) -> int:
        """Images stored, as of now, by whichever process."""
        with self._lock:
            self._reader.refresh()
            return len(self._reader)

    def has(self, content_hash: str) -> bool:
        """Whether an image's thumbnails are stored."""
        with self._lock:
            return self._reader.find(_digest(content_hash)) is not None

    def get(self, content_hash: str, size: int) -> bytes | None:
        """The JPEG of an image, longer side at most `size` (`GRID` or `ATLAS`); ``None`` where it was never added.

        Raises:
            ArtefactError: the stored bytes are damaged.
        """
        with self._lock:
            row = self._reader.find(_digest(content_hash))
            return None if row is None else self._reader.read(row, size)

    def append(self, items: Iterable[tuple[str, Mapping[int, bytes]]]) -> int:
        """Add images, all or none: pairs of content hash and ``{GRID: JPEG, ATLAS: JPEG}``; known ones are passed over.

        Returns:
            How many were new.

        Raises:
            WorkspaceError: another process is writing here.
            ArtefactError: the files are damaged, or cannot be written.
        """
        offered = dict(items)
        with self._lock:
            try:
                if self._writer is None:
                    self._writer = PackWriter(self._root)
                self._reader.refresh()
                fresh = {
                    digest: thumbnails
                    for digest, thumbnails in ((_digest(name), thumbnails) for name, thumbnails in offered.items())
                    if self._reader.look_up(digest) is None
                }
                if fresh:
                    self._writer.append(fresh.items())
            except BaseException as error:
                self.close()  # the next call starts again from what the index vouches for
                if isinstance(error, OSError):
                    reason = (
                        f"thumbnails cannot be written ({error.strerror}); free some space or choose another workspace"
                    )
                    raise ArtefactError(reason) from error
                raise
            return len(fresh)

    def sheet(
        self,
        tiles: Sequence[Tile],
        size: int,
        columns: int,
        tile: int,
        *,
        ground: tuple[int, int, int] = GROUND,
    ) -> bytes:
        """One JPEG of many thumbnails, row by row, each in its own square, aspect kept.

        Args:
            tiles: What to show; unknown hashes and ``None`` leave their square empty.
            size: Which thumbnails to draw from, `GRID` or `ATLAS`.
            columns: Squares a row.
            tile: Side of a square in pixels.
            ground: Colour of empty squares and margins.

        Raises:
            SettingsError: the sheet would be larger than a JPEG can be.
            ArtefactError: a stored thumbnail is damaged.
        """
        sources: list[tuple[bytes, Box | None] | None] = []
        for wanted in tiles:
            content_hash, box = wanted if isinstance(wanted, tuple) else (wanted, None)
            jpeg = None if content_hash is None else self.get(content_hash, size)
            sources.append(None if jpeg is None else (jpeg, box))
        return compose(sources, columns, tile, ground)


def _digest(content_hash: str) -> bytes:
    digest = bytes.fromhex(content_hash)
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a content hash has {2 * DIGEST_BYTES} hexadecimal digits, got {content_hash!r}")
    return digest
