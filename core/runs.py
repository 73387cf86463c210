"""Finished runs, opened for reading: one table, the embeddings and the two neighbour graphs.

The contract:
- a run never changes once it is written; whoever opens it twice sees the same rows in the same order;
- row ``i`` of the table, of `Run.embeddings` and of both graphs is the same region;
- graph indices are rows of this run, not ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from core.artefacts import ArtefactStore, open_array, read_table
from core.errors import WorkspaceError
from core.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

T = TypeVar("T")
JUDGED = "flagged_judged"
"""Name of the count of `flags`."""

TABLE_COLUMNS: Mapping[str, str] = {
    "region_id": "integer id of the region, never used twice in a workspace",
    "image_id": "integer id of its image",
    "dataset": "name of the dataset",
    "path": "file relative to the dataset's folder, with forward slashes",
    "region": "'image', or the box as 'x,y,w,h' in pixels of the upright image",
    "box_x": "left edge of the box in pixels; missing for whole images",
    "box_y": "top edge of the box in pixels; missing for whole images",
    "box_w": "width of the box in pixels; missing for whole images",
    "box_h": "height of the box in pixels; missing for whole images",
    "width": "pixels of the upright image",
    "height": "pixels of the upright image",
    "content_hash": "BLAKE2b-128 of the file's bytes, hex",
    "taken_at": "time of the picture, UTC",
    "latitude": "degrees north",
    "longitude": "degrees east",
    "depth_m": "metres below the surface, positive down",
    "altitude_m": "metres above the sea floor",
    "camera": "as the source names it",
    "site": "as the source names it",
    "group": "dive, transect or deployment: what is independent; empty when the image stands alone",
    "labelled": "whether a person stated this image's concepts, even if there are none",
    "concepts": "list of the names of annotated concepts, sorted",
    "set": "reference, target, both or none",
    "ood_score": "mean cosine distance to the k nearest reference regions of other groups, in [0, 2]",
    "ood_percentile": "100 x the share of reference scores at or below this one",
    "p_value": "group-weighted conformal p-value in (0, 1]; smaller is stranger",
    "flagged": "whether the run's flag_rule flags this region",
    "x": "first coordinate of the projection",
    "y": "second coordinate of the projection",
    "cluster": "cluster number, largest first from 0; -1 is noise",
    "cluster_probability": "strength of membership in [0, 1]; 0 for noise",
    "cluster_outlier_score": "GLOSH score in [0, 1]; larger is less typical of any cluster",
}
"""What every run's table holds, in this order. Image statistics (`core.images.statistics.FIELDS`) and the source's
other columns (named ``extra.NAME``) follow."""


@dataclass(frozen=True)
class Neighbours:
    """One neighbour graph of a run.

    Attributes:
        indices: ``[N, K]`` int64 rows of the run, nearest first; -1 where there is no further neighbour.
        distances: ``[N, K]`` float32 cosine distances in [0, 2]; infinite where the index is -1.
    """

    indices: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class RunInfo:
    """A line about a run, without opening it.

    Attributes:
        state: ``running``, ``done``, ``failed`` or ``cancelled``.
        error: One sentence when it failed, else empty.
    """

    id: int
    uid: str
    name: str
    state: str
    created_at: str
    finished_at: str | None
    error: str
    settings: RunSettings
    counts: Mapping[str, int]


class Run:
    """One finished run. Arrays are memory maps and the table is read when first asked for.

    Attributes:
        manifest: The run's JSON: settings, artefact keys, counts, versions, ``flag`` (``flag_rule``, ``alpha``,
            ``groups``, ``certified``, ``smallest_p``, ``threshold``) and ``k``.
    """

    def __init__(self, info: RunInfo, folder: Path, artefacts: ArtefactStore) -> None:
        self.info = info
        self.folder = folder
        self._artefacts = artefacts
        try:
            self.manifest: Mapping[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"run {info.id} has no readable manifest ({error}); run the pipeline again") from error

    @property
    def id(self) -> int:
        return self.info.id

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def settings(self) -> RunSettings:
        return self.info.settings

    @property
    def key(self) -> str:
        """Content key: equal keys mean equal results. What caches should be keyed by."""
        return str(self.manifest["key"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a region; columns as in `TABLE_COLUMNS`. Do not change it: it is shared."""
        return read_table(self.folder / "regions.parquet")

    @property
    def counts(self) -> Mapping[str, int]:
        """As in the manifest, with ``flagged_judged`` (see `flags`), which early runs did not count."""
        counts: Mapping[str, int] = self.manifest["counts"]
        return counts if JUDGED in counts else {**counts, JUDGED: int(flags(self.table).sum())}

    @cached_property
    def embeddings(self) -> np.ndarray:
        """``[N, D]`` float32, any length, read-only."""
        return self._array("embeddings", "vectors")

    @cached_property
    def graph_all(self) -> Neighbours:
        """Whole collection, the region itself in column 0."""
        return Neighbours(self._array("graph_all", "indices"), self._array("graph_all", "distances"))

    @cached_property
    def graph_reference(self) -> Neighbours:
        """Reference regions only, none of the region's own group."""
        return Neighbours(self._array("graph_reference", "indices"), self._array("graph_reference", "distances"))

    def artefact(self, stage: str, kind: type[T]) -> T | None:
        """What a stage left, as the dataclass it was saved from; ``None`` when this run has no such stage."""
        key = self.manifest["artefacts"].get(stage)
        return None if key is None else self._artefacts.load(stage, key, kind)

    def _array(self, stage: str, name: str) -> np.ndarray:
        return open_array(self._artefacts.path(stage, self.manifest["artefacts"][stage]) / f"{name}.npy")

    def damage(self) -> list[str]:
        """Files of this run's artefacts that differ from their checksum or are gone; empty when all is well."""
        stages: Mapping[str, str] = self.manifest["artefacts"]
        return [f"{stage}/{name}" for stage, key in stages.items() for name in self._artefacts.verify(stage, key)]


def judged(table: pd.DataFrame) -> NDArray[np.bool_]:
    """``[N]`` bool: what a run judges, its target; everything where it has none."""
    target: NDArray[np.bool_] = table["set"].isin(["target", "both"]).to_numpy(bool)
    return target if target.any() else np.ones(len(table), bool)


def flags(table: pd.DataFrame) -> NDArray[np.bool_]:
    """``[N]`` bool: flagged among what is judged. By its rule a share of the reference is flagged too, by chance."""
    flagged: NDArray[np.bool_] = table["flagged"].fillna(False).to_numpy(bool)
    return flagged & judged(table)
