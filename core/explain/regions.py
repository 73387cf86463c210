"""Why-maps of a run's regions, computed once and kept: the door through which pages and commands come.

The contract:
- all maps of a call are computed in one batch; each is kept as an artefact of the workspace, so the second view reads
  files and opens no network;
- any number of threads may ask: one computes at a time, and who waited finds the result there;
- a region that cannot be explained is a reason in `MapBatch.failures`, never an exception for the others.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.artefacts import ArtefactStore
from core.embed.geometry import InputGeometry
from core.errors import CoreError, ImageError, SettingsError
from core.explain.banks import cell_bank
from core.explain.computing import compute_maps
from core.explain.grids import Grid
from core.explain.maps import Kind, MapSettings, StoredMap, WhyMap
from core.explain.match import match
from core.explain.networks import head_of, network_of
from core.explain.subjects import Subject, open_subjects, subject_of_image, subject_of_row, usual_geometry
from core.progress import Progress, silent
from core.runs import Run
from core.workspace import Workspace

STAGE = "why"
VERSION = 1
"""Raised whenever maps change for equal input; part of every kept map's key."""
_computing = threading.Lock()


@dataclass(frozen=True)
class MapBatch:
    """Maps of several regions, in the order asked for.

    Attributes:
        maps: ``None`` where a region failed.
        failures: By place in `maps`, one sentence each.
        computed: How many were computed now; the others were kept.
    """

    maps: tuple[WhyMap | None, ...]
    failures: Mapping[int, str]
    computed: int

    @property
    def limit(self) -> float:
        """The largest absolute cell of all maps: one colour scale for a whole page."""
        return max((float(np.abs(one.cells).max()) for one in self.maps if one is not None), default=0.0)


@dataclass(frozen=True)
class MatchView:
    """Two regions side by side.

    Attributes:
        pairs: ``[h, w, h', w']`` float32; the sum of all is `similarity`. ``pairs[i, j]`` is what a cell of the first
            region matches in the second.
        first, second: ``[h, w]`` and ``[h', w']``, the marginals.
        first_geometry, second_geometry: How they lie over their images.
    """

    pairs: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    similarity: float
    first_geometry: InputGeometry
    second_geometry: InputGeometry


def explain_regions(
    run: Run,
    workspace: Workspace,
    rows: Sequence[int],
    *,
    kind: Kind = "ood-centred",
    settings: MapSettings | None = None,
    others: Sequence[int | None] | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> MapBatch:
    """One map for each of some rows of a run.

    Args:
        rows: Of the run's table.
        kind: Shorthand for ``settings=MapSettings(kind)``.
        others: For ``match``: the row to compare each with; its nearest reference region where ``None``.
        workers: Threads that open pictures.
        progress: Called with (inputs computed, inputs in total); may raise `core.errors.Cancelled`.

    Raises:
        ModelError: the run's weights are gone, changed, or (``class``) hold no head.
        SettingsError: the network cannot make this map at all.
    """
    wanted = settings or MapSettings(kind)
    partners = list(others) if others is not None else [None] * len(rows)
    if len(partners) != len(rows):
        raise SettingsError(f"a match needs one other region for each of {len(rows)}, got {len(partners)}")
    subjects: list[Subject | None] = []
    failures: dict[int, str] = {}
    for place, row in enumerate(rows):
        try:
            subjects.append(subject_of_row(run, workspace, int(row)))
        except CoreError as error:
            subjects.append(None)
            failures[place] = str(error)
    return _explained(run, workspace, subjects, wanted, partners, failures, workers, progress)


def explain_image(
    run: Run,
    workspace: Workspace,
    source: Path | bytes,
    *,
    settings: MapSettings,
    other: int | None = None,
    workers: int = 1,
) -> WhyMap:
    """The map of a picture from outside the run, scored against the run's whole reference.

    Raises:
        CoreError: the picture cannot be used or this map cannot be made.
    """
    subject = subject_of_image(source)
    batch = _explained(run, workspace, [subject], settings, [other], {}, workers, silent)
    if batch.maps[0] is None:
        raise ImageError("unreadable", batch.failures[0])
    return batch.maps[0]


def match_regions(run: Run, workspace: Workspace, first: int, second: int) -> MatchView:
    """The exact split of two regions' similarity over pairs of cells.

    Raises:
        SettingsError: the network does not end in a plain average pool.
        ImageError: an image cannot be used.
        ModelError: the run's weights are gone or changed.
    """
    embedder = network_of(run)
    if not embedder.pooled:
        raise SettingsError(
            f"{embedder.name} does not end in a plain average pool, so pairs of its cells have no exact shares; "
            "ask for the map of kind match of each region"
        )
    subjects = [subject_of_row(run, workspace, row) for row in (first, second)]
    geometries = [usual_geometry(embedder, subject) for subject in subjects]
    opened, failures = open_subjects(subjects, [[geometry] for geometry in geometries])
    if failures:
        raise ImageError("unreadable", next(iter(failures.values())))
    with _computing, torch.no_grad():
        cells = [embedder.features(embedder.normalise(one.pixels[None]))[0].float() for one in opened]
        found = match(cells[0], cells[1])
    arrays = [tensor.cpu().numpy() for tensor in (found.pairs, found.first, found.second)]
    return MatchView(arrays[0], arrays[1], arrays[2], found.similarity, geometries[0], geometries[1])


def _explained(
    run: Run,
    workspace: Workspace,
    subjects: Sequence[Subject | None],
    settings: MapSettings,
    others: Sequence[int | None],
    failures: dict[int, str],
    workers: int,
    progress: Progress,
) -> MapBatch:
    head_key = head_of(network_of(run)).key if settings.kind == "class" else ""
    keys = [
        None if subject is None else _key(run, subject, settings, other, head_key)
        for subject, other in zip(subjects, others, strict=True)
    ]
    maps = [None if key is None else _kept(workspace, key) for key in keys]
    computed = 0
    if _missing(keys, maps):
        with _computing:
            # While this thread waited, another one may have computed the same page.
            maps = [None if key is None else one or _kept(workspace, key) for key, one in zip(keys, maps, strict=True)]
            todo = _missing(keys, maps)
            if todo:
                embedder = network_of(run, settings.grid)
                asked = [subject for place in todo if (subject := subjects[place]) is not None]
                bank = None
                if settings.kind == "ood-novel":
                    # A tile is looked at as closely as the larger grid looks at the whole.
                    seen: Grid = "larger" if settings.grid == "tiles" else settings.grid
                    bank = cell_bank(run, workspace, network_of(run, seen), seen, workers=workers, progress=progress)
                made, reasons = compute_maps(
                    run,
                    embedder,
                    asked,
                    settings,
                    [others[place] for place in todo],
                    bank=bank,
                    workers=workers,
                    progress=progress,
                )
                failures |= {todo[at]: reason for at, reason in reasons.items()}
                for place, one in zip(todo, made, strict=True):
                    key = keys[place]
                    if one is not None and key is not None:
                        workspace.artefacts.save(STAGE, key, StoredMap.of(one))
                        maps[place] = one
                        computed += 1
    return MapBatch(tuple(maps), failures, computed)


def _missing(keys: Sequence[str | None], maps: Sequence[WhyMap | None]) -> list[int]:
    return [place for place, key in enumerate(keys) if key is not None and maps[place] is None]


def _key(run: Run, subject: Subject, settings: MapSettings, other: int | None, head: str) -> str:
    artefacts = run.manifest["artefacts"]
    inputs = {
        "embedder": str(run.manifest["embedder"]["key"]),
        "embeddings": str(artefacts["embeddings"]),
        "graph_reference": str(artefacts["graph_reference"]),
        "subject": subject.key,
        "head": head,
    }
    wanted = asdict(settings) | {"row": subject.row, "k": run.manifest["k"], "other": other}
    return ArtefactStore.key(STAGE, VERSION, inputs, wanted)


def _kept(workspace: Workspace, key: str) -> WhyMap | None:
    if not workspace.artefacts.has(STAGE, key):
        return None
    return workspace.artefacts.load(STAGE, key, StoredMap).open()
