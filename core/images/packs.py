"""The files under the thumbnail store: how they are laid out, read while they grow, and extended safely.

The contract:
- ``SIZE.pack``, one for each of `SIZES`, is JPEGs end to end; ``index.bin`` is a header and one record an image, in the
  order added: digest, then offset, length and CRC-32 in each pack; all little-endian;
- the header's count is the only truth: it is written last, after packs and records have reached the disk, and is so
  small that it is written whole or not at all;
- what lies behind the count is cut off by the next writer and never looked at by readers;
- readers keep no lock: what is behind the count never changes once it is before it.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from core.errors import ArtefactError, WorkspaceError

SIZES = (256, 64)
"""Longer sides in pixels: for galleries, and for the map's hover atlas."""

DIGEST_BYTES = 16
WAY_OUT = "delete the thumbnails' folder and import again, which makes them anew"

_HEADER = struct.Struct("<8sII2IQ32x")  # magic, version, number of sizes, sizes, count, room for later
_COUNT = struct.Struct("<Q")
_COUNT_AT = 24
_MAGIC, _VERSION = b"BENTHUMB", 1
_PART = np.dtype([("offset", "<u8"), ("length", "<u4"), ("crc", "<u4")])
_RECORD = np.dtype([("digest", "<u8", (2,)), ("parts", _PART, (len(SIZES),))])
_SORT_AFTER = 4096


class PackReader:
    """What is stored where: sorted digests for the bulk, a dictionary for what was added lately.

    Takes 64 bytes an image, of which 48 are mapped from the index; packs are mapped as well. Not thread-safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._forget()

    def _forget(self) -> None:
        self._identity: tuple[int, int] | None = None
        self._records: npt.NDArray[Any] = np.empty(0, _RECORD)
        self._keys: npt.NDArray[Any] = np.empty(0, "<u8")
        self._rows: npt.NDArray[np.intp] = np.empty(0, np.intp)
        self._latest: dict[bytes, int] = {}
        self._packs: dict[int, mmap.mmap] = {}

    def close(self) -> None:
        self._forget()

    def __len__(self) -> int:
        return len(self._records)

    def find(self, digest: bytes) -> int | None:
        """The row of a digest; the disk is looked at again before the answer is ``None``."""
        row = self.look_up(digest)
        return self.look_up(digest) if row is None and self.refresh() else row

    def read(self, row: int, size: int) -> bytes:
        """The JPEG of one of `SIZES`.

        Raises:
            ArtefactError: it is gone or damaged.
        """
        where = self._records[row]["parts"][SIZES.index(size)]
        begin, end = int(where["offset"]), int(where["offset"]) + int(where["length"])
        if size not in self._packs or len(self._packs[size]) < end:
            self._packs[size] = self._mapped(size)
        data = self._packs[size][begin:end]
        if zlib.crc32(data) != int(where["crc"]):
            raise ArtefactError(f"a thumbnail in {size}.pack is damaged; {WAY_OUT}")
        return data

    def _mapped(self, size: int) -> mmap.mmap:
        try:
            with pack_path(self._root, size).open("rb") as pack:
                return mmap.mmap(pack.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise ArtefactError(f"{size}.pack cannot be read; {WAY_OUT}") from error

    def refresh(self) -> bool:
        """Take in what any process has added since; whether there was something."""
        try:
            with _index_path(self._root).open("rb", buffering=0) as index:
                count = _read_count(index)
                facts = os.fstat(index.fileno())
        except FileNotFoundError:
            return False
        identity = (facts.st_dev, facts.st_ino)
        if self._identity not in (None, identity):
            self.close()  # the folder was deleted and made anew
        self._identity = identity
        if count <= len(self._records):
            return False
        self._records = np.memmap(_index_path(self._root), _RECORD, "r", offset=_HEADER.size, shape=(count,))
        if count - len(self._keys) > max(_SORT_AFTER, len(self._keys) // 4):
            first = self._records["digest"][:, 0]
            self._rows = np.argsort(first, kind="stable")
            self._keys = first[self._rows]
            self._latest = {}
        else:
            start = len(self._keys) + len(self._latest)
            for row, digest in enumerate(self._records["digest"][start:], start):
                self._latest[digest.tobytes()] = row
        return True

    def look_up(self, digest: bytes) -> int | None:
        """The row of a digest as of the last `refresh`."""
        row = self._latest.get(digest)
        if row is not None:
            return row
        first, second = np.frombuffer(digest, "<u8")
        for at in range(int(np.searchsorted(self._keys, first)), len(self._keys)):
            if self._keys[at] != first:
                break
            if self._records[self._rows[at]]["digest"][1] == second:
                return int(self._rows[at])
        return None


class PackWriter:
    """The one writer: holds the lock from making to `close`, and begins by cutting off what a kill left behind.

    Raises:
        WorkspaceError: another writer holds the lock.
        ArtefactError: the index does not belong to these packs.
        OSError: the disk is full or read-only.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._files: list[IO[bytes]] = []
        try:
            lock = self._open(root / "writer.lock")
            _lock(lock)
            self._index = self._open(_index_path(root))
            self._packs = [self._open(pack_path(root, size)) for size in SIZES]
            self._recover()
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path) -> IO[bytes]:
        path.touch()
        file = path.open("r+b", buffering=0)
        self._files.append(file)
        return file

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _recover(self) -> None:
        if self._index.seek(0, os.SEEK_END) < _HEADER.size:
            self._index.truncate(0)
            _write(self._index, 0, _HEADER.pack(_MAGIC, _VERSION, len(SIZES), *SIZES, 0))
            _sync(self._index)
        self._count = _read_count(self._index)
        self._index.truncate(_HEADER.size + self._count * _RECORD.itemsize)
        self._ends = [0] * len(SIZES)
        if self._count:
            self._index.seek(-_RECORD.itemsize, os.SEEK_END)
            last = np.frombuffer(self._index.read(_RECORD.itemsize), _RECORD)[0]
            self._ends = [int(part["offset"]) + int(part["length"]) for part in last["parts"]]
        for pack, size, end in zip(self._packs, SIZES, self._ends, strict=True):
            if pack.seek(0, os.SEEK_END) < end:
                raise ArtefactError(f"{size}.pack is shorter than its index says; {WAY_OUT}")
            pack.truncate(end)

    def append(self, items: Iterable[tuple[bytes, Mapping[int, bytes]]]) -> None:
        """Add pairs of digest and ``{size: JPEG}``, none stored yet: all of them or, when it fails, none."""
        batch = list(items)
        records = np.zeros(len(batch), _RECORD)
        records["digest"] = np.frombuffer(b"".join(digest for digest, _ in batch), "<u8").reshape(-1, 2)
        for part, (pack, size) in enumerate(zip(self._packs, SIZES, strict=True)):
            jpegs = [thumbnails[size] for _, thumbnails in batch]
            lengths = np.array([len(jpeg) for jpeg in jpegs], np.uint64)
            records["parts"]["length"][:, part] = lengths
            records["parts"]["offset"][:, part] = self._ends[part] + np.cumsum(lengths) - lengths
            records["parts"]["crc"][:, part] = [zlib.crc32(jpeg) for jpeg in jpegs]
            _write(pack, self._ends[part], b"".join(jpegs))
            _sync(pack)
        _write(self._index, _HEADER.size + self._count * _RECORD.itemsize, records.tobytes())
        _sync(self._index)
        _write(self._index, _COUNT_AT, _COUNT.pack(self._count + len(batch)))
        _sync(self._index)
        self._count += len(batch)
        self._ends = [int(part["offset"]) + int(part["length"]) for part in records["parts"][-1]]


def pack_path(root: Path, size: int) -> Path:
    """Where the JPEGs of one size lie."""
    return root / f"{size}.pack"


def _index_path(root: Path) -> Path:
    return root / "index.bin"


def _read_count(index: IO[bytes]) -> int:
    """Images that the header vouches for; 0 for an index that was only just begun."""
    index.seek(0)
    header = index.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return 0
    magic, version, _, *sizes, count = _HEADER.unpack(header)
    if (magic, version, tuple(sizes)) != (_MAGIC, _VERSION, SIZES):
        raise ArtefactError(f"index.bin is not an index of thumbnails of this version; {WAY_OUT}")
    if os.fstat(index.fileno()).st_size < _HEADER.size + count * _RECORD.itemsize:
        raise ArtefactError(f"index.bin is shorter than its header says; {WAY_OUT}")
    return int(count)


def _write(file: IO[bytes], offset: int, data: bytes) -> None:
    """All of `data`: the system may take a large piece in parts."""
    file.seek(offset)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sync(file: IO[bytes]) -> None:
    os.fsync(file.fileno())


def _lock(file: IO[bytes]) -> None:
    """Hold `file` for this process until it is closed, also by a kill."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise WorkspaceError("another import is writing thumbnails here; wait until it has finished") from error
