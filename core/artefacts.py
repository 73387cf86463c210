"""The artefact store: results of stages, written once under a key and never changed.

The contract:
- an artefact is a frozen dataclass; arrays become ``.npy``, tables Parquet, everything else one JSON file; no pickle;
  a dataclass inside one is stored likewise, its files named ``OUTER.INNER``;
- its key names the stage, the stage's own version, the keys of its inputs and its settings, so equal keys mean equal
  bytes on the same machine;
- it appears whole or not at all: written beside its place, synced, then renamed;
- arrays open as read-only memory maps; `verify` compares every file with the checksum taken when it was written.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import numpy as np

from core.errors import ArtefactError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_FACTS = "facts.json"


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text. NaN and infinity raise ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(*parts: str | bytes) -> str:
    """BLAKE2b-128 in hex over length-prefixed parts, so that no two lists of parts run together."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def array_digest(array: np.ndarray) -> str:
    """BLAKE2b-128 in hex of an array's dtype, shape and bytes."""
    array = np.ascontiguousarray(array)
    return digest(str(array.dtype), str(array.shape), array.tobytes())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers, also after a power cut, see the old content or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


class ArtefactStore:
    """Artefacts below one folder, at ``<stage>/<key>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def key(stage: str, version: int, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> str:
        """The key of a stage's result; change ``version`` whenever the stage's results change for equal input."""
        parts = {"stage": stage, "version": version, "inputs": dict(inputs), "settings": dict(settings)}
        return digest(canonical_json(parts))

    def path(self, stage: str, key: str) -> Path:
        """Folder of an artefact, whether or not it exists."""
        if not all(part.replace("-", "").replace("_", "").isalnum() for part in (stage, key)):
            raise ArtefactError(f"an artefact is named by letters, digits, '-' and '_', got {stage!r}/{key!r}")
        return self.root / stage / key

    def has(self, stage: str, key: str) -> bool:
        """Whether the artefact is stored whole."""
        return (self.path(stage, key) / _FACTS).is_file()

    def save(self, stage: str, key: str, value: Any) -> None:
        """Store a frozen dataclass; does nothing when the key is there already.

        Raises:
            ArtefactError: the disk refused (full, read-only); nothing is left behind under the key.
        """
        target = self.path(stage, key)
        if self.has(stage, key):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{key}.{uuid4().hex}.tmp"
        try:
            temporary.mkdir()
            self._write(temporary, value)
            try:
                temporary.rename(target)
            except OSError:
                if not self.has(stage, key):  # another process finished the same work first: equal key, equal bytes
                    raise
                shutil.rmtree(temporary)
            _sync_folder(target.parent)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise ArtefactError(
                f"the result of stage {stage!r} could not be stored ({error.strerror or error}); "
                "free some disk space and run again, finished work is kept"
            ) from error

    @staticmethod
    def _write(folder: Path, value: Any) -> None:
        facts: dict[str, Any] = {}
        files: dict[str, str] = {}
        for name, content in _flat(value, ""):
            file = _write_part(folder, name, content)
            if file is None:
                facts[name] = content
            else:
                files[file.name] = _checksum(file)
        text = json.dumps({"facts": facts, "files": files}, sort_keys=True, indent=1, allow_nan=False)
        (folder / _FACTS).write_text(text, encoding="utf-8")
        _sync_file(folder / _FACTS)
        _sync_folder(folder)

    def load(self, stage: str, key: str, kind: type[T]) -> T:
        """Open an artefact as the dataclass it was saved from; arrays are read-only memory maps.

        Raises:
            ArtefactError: it is missing, of another shape, or a file of it cannot be read.
        """
        folder = self.path(stage, key)
        if not self.has(stage, key):
            raise ArtefactError(f"the result of stage {stage!r} is not in this workspace; run the pipeline again")
        try:
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))["facts"]
            return _assembled(folder, "", kind, facts)
        except (OSError, ValueError, KeyError) as error:
            raise ArtefactError(
                f"the stored result of stage {stage!r} is damaged ({error}); delete {folder} and run the pipeline again"
            ) from error

    def verify(self, stage: str, key: str) -> list[str]:
        """Names of files that differ from their checksum or are gone; empty when the artefact is sound."""
        folder = self.path(stage, key)
        if not self.has(stage, key):
            return [_FACTS]
        files = json.loads((folder / _FACTS).read_text(encoding="utf-8"))["files"]
        return [
            name for name, sum_ in files.items() if not (folder / name).is_file() or _checksum(folder / name) != sum_
        ]

    def sweep(self) -> int:
        """Remove what interrupted writes left behind; returns how many folders went. Safe only without writers."""
        leftovers = list(self.root.glob("*/.*.tmp"))
        for folder in leftovers:
            shutil.rmtree(folder, ignore_errors=True)
        return len(leftovers)


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass, those of dataclasses inside it under ``OUTER.INNER``."""
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"an artefact is a dataclass instance, got {type(value).__name__}")
    for field in fields(value):
        content = getattr(value, field.name)
        if is_dataclass(content) and not isinstance(content, type):
            yield from _flat(content, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, content


def _write_part(folder: Path, name: str, content: Any) -> Path | None:
    """An array or a table in a file of its own; ``None`` for what belongs into the facts."""
    import pandas as pd

    if isinstance(content, np.ndarray):
        file = folder / f"{name}.npy"
        np.save(file, content, allow_pickle=False)
    elif isinstance(content, pd.DataFrame):
        file = folder / f"{name}.parquet"
        content.to_parquet(file, index=False, compression="zstd")
    else:
        return None
    _sync_file(file)
    return file


def _assembled(folder: Path, prefix: str, kind: type[T], facts: Mapping[str, Any]) -> T:
    """The inverse of `_flat` and `_write_part`."""
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        name = prefix + field.name
        array, table = folder / f"{name}.npy", folder / f"{name}.parquet"
        if array.is_file():
            values[field.name] = open_array(array)
        elif table.is_file():
            values[field.name] = read_table(table)
        elif name in facts:
            values[field.name] = facts[name]
        else:
            inner = field.type if isinstance(field.type, type) else vars(sys.modules[kind.__module__])[str(field.type)]
            values[field.name] = _assembled(folder, f"{name}.", inner, facts)
    return kind(**values)


def open_array(path: Path) -> np.ndarray:
    """A ``.npy`` file as a read-only memory map (an ordinary array when it is empty)."""
    array: np.ndarray = np.load(path, allow_pickle=False, mmap_mode="r" if _has_elements(path) else None)
    return array


def _has_elements(path: Path) -> bool:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return math.prod(read(file)[0]) > 0


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet file as a data frame."""
    import pandas as pd

    return pd.read_parquet(path)
