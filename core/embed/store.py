"""Embeddings kept per region, one folder an embedder, growing by whole batches.

The contract:
- rows are only ever appended, a batch at a time; a batch is there whole or not at all, also after ``kill -9``;
- the same batches in the same order give the same bytes, however often the work was interrupted in between;
- a row counts once its index record is written; vectors are written before their records;
- one process writes (a lock that dies with it), any number read, and all see the same complete batches;
- every row carries a checksum. A power cut may cost the last second's batches, never their truth: the writer checks
  the end of the file when it opens it, and cuts off what does not match.

Files: ``store.json`` (format and dimension), ``vectors.f32`` (rows of little-endian float32), ``index.bin`` (a record
a row: key as 64 bytes of ASCII, CRC-32 of the row, number of rows of its batch that follow it), ``lock``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from core.artefacts import digest, write_atomically
from core.embed.geometry import Box
from core.errors import ArtefactError, EmbeddingError, WorkspaceError

_FORMAT = 1
_RECORD = np.dtype([("key", "S64"), ("checksum", "<u4"), ("following", "<u4")])
_VECTOR = np.dtype("<f4")
_SYNC_SECONDS = 1.0
_SYNC_ROWS = 4096
_CHECKED_ROWS = 4 * _SYNC_ROWS  # more than can have been written since the last sync


def region_key(content_hash: str, box: Box | None) -> str:
    """Key of a region's embedding: 32 hex digits of the file's content hash and the box (``None``: the whole image)."""
    place = "image" if box is None else ",".join(repr(float(value)) for value in box)
    return digest("region", content_hash, place)


class EmbeddingStore:
    """The embeddings of one embedder.

    Reading needs nothing further. A ``with`` block, or the first `append`, takes the writer's lock, which leaving the
    block (or `close`, or the process' end) gives back.

    Args:
        root: Folder of all embeddings; this store lives in ``root / embedder_key``.
        embedder_key: As `core.embed.embedder.Embedder.key`.
        dimension: Length D of an embedding.

    Raises:
        ArtefactError: a store of this key is there already with another dimension or a newer format.
    """

    def __init__(self, root: Path, embedder_key: str, dimension: int) -> None:
        if dimension < 1:
            raise EmbeddingError(f"an embedding has at least one number, got dimension {dimension}")
        if not embedder_key.isalnum():
            raise WorkspaceError(f"an embedder's key is letters and digits, got {embedder_key!r}")
        self.folder = root / embedder_key
        self.dimension = dimension
        self._index_path = self.folder / "index.bin"
        self._vectors_path = self.folder / "vectors.f32"
        self._rows: dict[str, int] = {}
        self._checksums: list[int] = []
        self._read_to = 0
        self._lock: IO[bytes] | None = None
        self._vectors_file: IO[bytes] | None = None
        self._index_file: IO[bytes] | None = None
        self._unsynced = 0
        self._synced_at = 0.0
        self._check_format()
        self._refresh()

    def __len__(self) -> int:
        """Regions stored, as of the last look at the files."""
        return len(self._rows)

    def __enter__(self) -> EmbeddingStore:
        self._open_for_writing()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys that have no embedding yet, in the order given, each once."""
        self._refresh()
        return [key for key in dict.fromkeys(keys) if key not in self._rows]

    def read(self, keys: Sequence[str]) -> np.ndarray:
        """Embeddings ``[N, D]`` float32 of `keys`, in their order; a key may come twice.

        Raises:
            ArtefactError: some key has no embedding, or the vectors' file is shorter than its index.
        """
        if any(key not in self._rows for key in keys):
            self._refresh()
        absent = [key for key in keys if key not in self._rows]
        if absent:
            raise ArtefactError(
                f"{len(absent)} of {len(keys)} regions have no embedding (the first is {absent[0]}); embed them first"
            )
        rows = np.fromiter((self._rows[key] for key in keys), dtype=np.int64, count=len(keys))
        return np.ascontiguousarray(self._vectors()[rows], dtype=np.float32)

    def append(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store a batch, all of it or (when interrupted) nothing; rows whose key is there already are left out.

        Args:
            keys: ``N`` keys of 1 to 64 ASCII characters, none twice.
            vectors: ``[N, D]`` float32.

        Raises:
            EmbeddingError: shape or type do not fit, or a number is not finite.
            WorkspaceError: another process is writing, or the disk refuses.
        """
        if vectors.shape != (len(keys), self.dimension) or vectors.dtype != np.float32:
            raise EmbeddingError(
                f"expected float32 embeddings of shape ({len(keys)}, {self.dimension}), "
                f"got {vectors.dtype} of {vectors.shape}"
            )
        if not np.isfinite(vectors).all():
            raise EmbeddingError("an embedding holds a number that is not finite; check the weights and the precision")
        if len(set(keys)) != len(keys) or not all(0 < len(key) <= 64 and key.isascii() for key in keys):
            raise EmbeddingError("keys must be 1 to 64 ASCII characters, none twice in a batch")
        try:
            self._open_for_writing()
            fresh = [place for place, key in enumerate(keys) if key not in self._rows]
            if fresh:
                self._write([keys[place] for place in fresh], np.ascontiguousarray(vectors[fresh], dtype=_VECTOR))
        except OSError as error:
            self._release()
            raise WorkspaceError(
                f"embeddings could not be stored in {self.folder.name} ({error.strerror or error}); "
                "free some disk space and run again, finished work is kept"
            ) from error

    def verify(self) -> None:
        """Compare every stored row with its checksum.

        Raises:
            ArtefactError: some do not match; the sentence names how many and the folder to delete.
        """
        self._refresh()
        bad = self._damaged(0)
        if bad:
            raise ArtefactError(
                f"{len(bad)} of {len(self)} embeddings are damaged; delete the folder {self.folder} and run again"
            )

    def close(self) -> None:
        """Bring everything to the disk and give the writer's lock back; reading goes on working."""
        try:
            if self._unsynced:
                self._sync()
        finally:
            self._release()

    def _release(self) -> None:
        for file in (self._vectors_file, self._index_file, self._lock):
            if file is not None:
                file.close()
        self._vectors_file = self._index_file = self._lock = None
        self._unsynced = 0

    def _check_format(self) -> None:
        path = self.folder / "store.json"
        if not path.is_file():
            return
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        if facts.get("format") != _FORMAT:
            raise ArtefactError(f"the embeddings in {self.folder.name} are of a newer version; update Benthoscope")
        if facts.get("dimension") != self.dimension:
            raise ArtefactError(
                f"the embeddings in {self.folder.name} have {facts.get('dimension')} dimensions, "
                f"but {self.dimension} were expected; delete that folder and run again"
            )

    def _refresh(self) -> None:
        """Take in complete batches that were appended since the last look, by whichever process."""
        try:
            with self._index_path.open("rb") as file:
                file.seek(self._read_to * _RECORD.itemsize)
                data = file.read()
        except FileNotFoundError:
            return
        records = np.frombuffer(data, _RECORD, count=len(data) // _RECORD.itemsize)
        ends = np.flatnonzero(records["following"] == 0)
        self._take(records[: ends[-1] + 1] if len(ends) else records[:0])

    def _take(self, records: np.ndarray) -> None:
        for key, checksum in zip(records["key"].tolist(), records["checksum"].tolist(), strict=True):
            self._rows[key.decode("ascii")] = self._read_to
            self._checksums.append(checksum)
            self._read_to += 1

    def _vectors(self) -> np.ndarray:
        """All rows as a read-only memory map ``[N, D]``."""
        shape = (self._read_to, self.dimension)
        if self._read_to == 0:
            return np.empty(shape, _VECTOR)
        try:
            return np.memmap(self._vectors_path, _VECTOR, "r", shape=shape)
        except (OSError, ValueError) as error:
            raise ArtefactError(
                f"the vectors in {self.folder.name} are missing or cut short; delete that folder and run again"
            ) from error

    def _damaged(self, start: int) -> list[int]:
        vectors = self._vectors()
        return [row for row in range(start, self._read_to) if zlib.crc32(vectors[row].data) != self._checksums[row]]

    def _open_for_writing(self) -> None:
        """Take the lock and put the files in order.

        Raises:
            WorkspaceError: another process is writing.
        """
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise WorkspaceError(
                f"another process is writing the embeddings in {self.folder.name}; wait for it, or stop it first"
            ) from None
        self._lock = lock
        if not (self.folder / "store.json").is_file():
            facts = {"format": _FORMAT, "dimension": self.dimension}
            write_atomically(self.folder / "store.json", json.dumps(facts).encode())
        self._check_format()
        self._refresh()
        self._vectors_file = self._vectors_path.open("ab", buffering=0)
        self._index_file = self._index_path.open("ab", buffering=0)
        self._cut_off_unfinished()

    def _cut_off_unfinished(self) -> None:
        """Bring both files back to the last whole batch whose rows are as they were written."""
        assert self._vectors_file is not None
        assert self._index_file is not None
        row_bytes = self.dimension * _VECTOR.itemsize
        whole = min(self._read_to, self._vectors_file.seek(0, os.SEEK_END) // row_bytes)
        self._forget_from(whole)
        damaged = self._damaged(max(0, self._read_to - _CHECKED_ROWS))
        if damaged:
            self._forget_from(damaged[0])
        self._vectors_file.truncate(self._read_to * row_bytes)
        self._index_file.truncate(self._read_to * _RECORD.itemsize)
        self._synced_at = time.monotonic()

    def _forget_from(self, row: int) -> None:
        """Forget the batch that holds `row` and everything behind it."""
        if row >= self._read_to:
            return
        records = np.fromfile(self._index_path, _RECORD, count=row)
        ends = np.flatnonzero(records["following"] == 0)
        self._rows, self._checksums, self._read_to = {}, [], 0
        self._take(records[: ends[-1] + 1] if len(ends) else records[:0])

    def _write(self, keys: list[str], vectors: np.ndarray) -> None:
        assert self._vectors_file is not None
        assert self._index_file is not None
        records = np.empty(len(keys), _RECORD)
        records["key"] = [key.encode("ascii") for key in keys]
        records["checksum"] = [zlib.crc32(vector.data) for vector in vectors]
        records["following"] = np.arange(len(keys))[::-1]
        _write_all(self._vectors_file, vectors.tobytes())
        _write_all(self._index_file, records.tobytes())
        self._take(records)
        self._unsynced += len(keys)
        if self._unsynced >= _SYNC_ROWS or time.monotonic() - self._synced_at >= _SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        assert self._vectors_file is not None
        assert self._index_file is not None
        os.fsync(self._vectors_file.fileno())
        os.fsync(self._index_file.fileno())
        self._unsynced = 0
        self._synced_at = time.monotonic()


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
