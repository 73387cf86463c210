"""Stored predictions of one model for many regions, opened as memory maps.

    predictions/ID/
      manifest.json          which model, of what, label tree, thresholds, members, when
      probabilities.npy      [N, C] float32, calibrated, in [0, 1]
      logits.npy             [N, C] float32
      spread.npy             [N, C] float32, only for ensembles
      rows.parquet           one line a row: region_id, image_id, path, region, group, dataset, reason

The contract:
- finished predictions never change; equal questions (model, regions) have equal ids and are answered once;
- while they are made they lie in ``.ID.partial``; stopped or killed, the same question goes on after the last whole
  block of rows, and ends in the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.artefacts import open_array, read_table, write_atomically
from core.errors import WorkspaceError
from core.learn.labels import LabelTree

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import Workspace

FORMAT = 1
ROW_COLUMNS = ("region_id", "image_id", "path", "region", "group", "dataset", "reason")
_MANIFEST, _ROWS, _DONE = "manifest.json", "rows.parquet", "done.json"


@dataclass(frozen=True, eq=False)
class PredictionSet:
    """Predictions of one model.

    Attributes:
        manifest: ``model`` (name, key), ``source`` (what was asked about), ``thresholds`` (C numbers), ``members``,
            ``label_tree``, ``created_at``, ``counts`` (``regions``, ``failed``), ``groups`` (names of groups by what
            they served while the model was made; predictions of earlier versions have none).
        tree: The model's concepts, in the order of the columns.
    """

    id: str
    folder: Path
    manifest: Mapping[str, Any]
    tree: LabelTree

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.manifest["model"]["name"])

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """``[C]`` float32, the model's own."""
        return np.array(self.manifest["thresholds"], np.float32)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One line a row of the arrays; columns as in `ROW_COLUMNS`. Do not change it: it is shared."""
        return read_table(self.folder / _ROWS)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """``[N, C]`` float32 in [0, 1], read-only; NaN rows could not be opened (``reason`` says why)."""
        return open_array(self.folder / "probabilities.npy")

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """``[N, C]`` float32, read-only."""
        return open_array(self.folder / "logits.npy")

    @cached_property
    def spread(self) -> NDArray[np.float32] | None:
        """``[N, C]`` float32: how far an ensemble's members disagree; ``None`` for a single model."""
        path = self.folder / "spread.npy"
        return open_array(path) if path.is_file() else None

    def row_of(self, region_id: int) -> int | None:
        """Row of a region, or ``None``."""
        found = np.flatnonzero(self.rows["region_id"].to_numpy() == region_id)
        return int(found[0]) if len(found) else None


@dataclass(frozen=True)
class PredictionInfo:
    """A line about stored predictions."""

    id: str
    model: str
    created_at: str
    source: Mapping[str, Any]
    regions: int


def predictions_folder(workspace: Workspace) -> Path:
    """Where a workspace's predictions are."""
    return workspace.root / "predictions"


def open_predictions(workspace: Workspace, prediction_id: str) -> PredictionSet:
    """Finished predictions by their id.

    Raises:
        WorkspaceError: there are none of this id, or they cannot be read.
    """
    folder = predictions_folder(workspace) / prediction_id
    if not prediction_id.isalnum() or not (folder / _MANIFEST).is_file():
        raise WorkspaceError(f"there are no predictions {prediction_id!r} in this workspace; predict again")
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return PredictionSet(prediction_id, folder, manifest, LabelTree.from_json(manifest["label_tree"]))
    except (OSError, ValueError, KeyError) as error:
        raise WorkspaceError(f"the predictions {prediction_id} are damaged ({error}); delete {folder}") from error


def list_predictions(workspace: Workspace) -> list[PredictionInfo]:
    """All finished predictions that can be read, newest first."""
    root = predictions_folder(workspace)
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if not folder.name.isalnum():
            continue
        try:
            one = open_predictions(workspace, folder.name).manifest
            model, made = str(one["model"]["name"]), str(one["created_at"])
            found.append(PredictionInfo(folder.name, model, made, dict(one["source"]), int(one["counts"]["regions"])))
        except (WorkspaceError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda info: (info.created_at, info.id), reverse=True)


class PredictionWriter:
    """Predictions in the making: blocks of rows from the first to the last.

    Args:
        rows: The table of rows; ``reason`` is filled in as they come.
        spread: Whether there is one.
    """

    def __init__(self, root: Path, prediction_id: str, rows: pd.DataFrame, columns: int, *, spread: bool) -> None:
        self.id, self._target = prediction_id, root / prediction_id
        self._folder = root / f".{prediction_id}.partial"
        self._rows = rows.assign(reason="")
        self._folder.mkdir(parents=True, exist_ok=True)
        names = ("logits", "probabilities", *(("spread",) if spread else ()))
        shape = (len(rows), columns)
        self.done, reasons = self._progress()
        fits = all(self._fits(name, shape) for name in names)
        self.done = self.done if fits else 0
        if self.done:
            for row, reason in reasons.items():
                self._rows.loc[row, "reason"] = reason
        mode = "r+" if self.done else "w+"
        self._arrays = {
            name: np.lib.format.open_memmap(
                self._folder / f"{name}.npy", mode, np.float32, None if mode == "r+" else shape
            )
            for name in names
        }

    def _progress(self) -> tuple[int, dict[int, str]]:
        try:
            state = json.loads((self._folder / _DONE).read_text(encoding="utf-8"))
            return int(state["done"]), {int(row): str(reason) for row, reason in state["reasons"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return 0, {}

    def _fits(self, name: str, shape: tuple[int, int]) -> bool:
        try:
            array = open_array(self._folder / f"{name}.npy")
            return array.shape == shape and array.dtype == np.float32
        except (OSError, ValueError):
            return False

    def write(self, start: int, arrays: Mapping[str, NDArray[np.float32] | None], reasons: Mapping[int, str]) -> None:
        """Store rows from `start` on; `reasons` are by row of the whole."""
        stop = start
        for name, memory in self._arrays.items():
            values = arrays[name]
            assert values is not None
            stop = start + len(values)
            memory[start:stop] = values
            memory.flush()
        for row, reason in reasons.items():
            self._rows.loc[row, "reason"] = reason
        failed = {str(row): reason for row, reason in self._rows["reason"].items() if reason}
        write_atomically(self._folder / _DONE, json.dumps({"done": stop, "reasons": failed}).encode())
        self.done = stop

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write table and manifest, and put everything in its place."""
        buffer = io.BytesIO()
        self._rows.to_parquet(buffer, index=False, compression="zstd")
        write_atomically(self._folder / _ROWS, buffer.getvalue())
        counts = {"regions": len(self._rows), "failed": int((self._rows["reason"] != "").sum())}
        text = json.dumps(
            dict(manifest) | {"format": FORMAT, "counts": counts}, sort_keys=True, indent=1, allow_nan=False
        )
        write_atomically(self._folder / _MANIFEST, text.encode())
        self._arrays.clear()
        (self._folder / _DONE).unlink(missing_ok=True)
        self._folder.rename(self._target)
