"""From subjects to maps: open the pictures, one forward pass a batch, put tiles together.

The contract:
- pictures of one shape share a forward pass;
- a subject that cannot be explained is a failure with its reason and does not stop the others;
- what a batch needs is free again when it is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.embed.embedder import Embedder
from core.embed.geometry import InputGeometry
from core.errors import CoreError, SettingsError
from core.explain.cells import Cells, cells_of
from core.explain.detectors import KNN, fits_of, stored_score
from core.explain.features import typical_rows
from core.explain.grids import joined_geometry, tile_boxes, tile_counts, tile_geometry
from core.explain.maps import MapSettings, TopFeature, WhyMap
from core.explain.novelty import NOBODY, CellBank
from core.explain.subjects import Subject, mean_of_units, neighbours_of, open_subjects, usual_geometry
from core.progress import Progress, silent
from core.runs import Run
from core.stages import group_codes

_TYPICAL = 6


@dataclass(frozen=True)
class _Asked:
    """A subject and all that its map is made from.

    Attributes:
        target: What it is compared with, ``[D]`` float64; ``None``: to be found from its embedding.
        other: Whose vector that is, for a match.
        group: Left out of the reference's cells.
        inputs: What the network is shown.
        rows, columns: How the inputs' cells are put together, to lie over the image by `whole`.
    """

    subject: Subject
    target: Tensor | None
    other: int | None
    group: int
    inputs: tuple[InputGeometry, ...]
    rows: int
    columns: int
    whole: InputGeometry


def compute_maps(
    run: Run,
    embedder: Embedder,
    subjects: Sequence[Subject],
    settings: MapSettings,
    others: Sequence[int | None],
    *,
    bank: CellBank | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> tuple[list[WhyMap | None], dict[int, str]]:
    """One map for each subject.

    Args:
        embedder: Of the run, on the grid that the settings name.
        others: For ``match``: the row that each subject is compared with; ``None`` is its nearest reference region.
        bank: For ``ood-novel``: the reference's cells on this grid, see `core.explain.banks.cell_bank`.
        progress: Called with (inputs computed, inputs in total).

    Returns:
        Maps in the order of the subjects, ``None`` where one failed, and by place the reasons.
    """
    failures: dict[int, str] = {}
    asked: dict[int, _Asked] = {}
    codes = group_codes(run.table) if bank is not None else None
    judged = None if settings.detector == KNN else fits_of(run, settings.detector)
    for place, subject in enumerate(subjects):
        group = NOBODY if codes is None or subject.row is None else int(codes[subject.row])
        try:
            asked[place] = _asked(run, embedder, subject, settings, others[place], group)
        except CoreError as error:
            failures[place] = str(error)
    places = list(asked)
    wanted = [asked[place].inputs for place in places]
    opened, unopened = open_subjects([asked[place].subject for place in places], wanted, workers)
    failures |= {places[at]: reason for at, reason in unopened.items()}

    pieces: dict[int, list[Cells]] = defaultdict(list)
    found: dict[int, Cells] = {}
    done = 0
    for batch in _batches([one.geometry.shape for one in opened], embedder.settings.batch):
        progress(done, len(opened))
        owners = [asked[places[opened[index].place]] for index in batch]
        pixels = torch.stack([opened[index].pixels for index in batch])
        targets, groups = [owner.target for owner in owners], [owner.group for owner in owners]
        try:
            fits = None if judged is None else [judged.of_row(owner.subject.row) for owner in owners]
            cells = cells_of(run, embedder, pixels, settings, targets, groups, bank, fits)
            found |= dict(zip(batch, cells, strict=True))
        except CoreError as error:
            failures |= {places[opened[index].place]: str(error) for index in batch}
        done += len(batch)
    progress(done, len(opened))
    for index, one in enumerate(opened):
        if index in found:
            pieces[places[one.place]].append(found[index])
    maps = [
        _joined(run, settings, asked[place], pieces[place]) if place in asked and place not in failures else None
        for place in range(len(subjects))
    ]
    return maps, failures


def _asked(
    run: Run, embedder: Embedder, subject: Subject, settings: MapSettings, other: int | None, group: int
) -> _Asked:
    target: Tensor | None = None
    if settings.kind == "match":
        if other is None:
            if subject.row is None:
                raise SettingsError("a match needs a second region; name one")
            other = int(neighbours_of(run, subject.row)[0])
        if not 0 <= other < len(run.embeddings):
            raise SettingsError(f"run {run.id} has regions 0 to {len(run.embeddings) - 1}, got {other}")
        target = mean_of_units(run, np.array([other]))
    elif settings.kind.startswith("ood") and settings.detector == KNN and subject.row is not None:
        target = mean_of_units(run, neighbours_of(run, subject.row))
    region = usual_geometry(embedder, subject)
    if settings.grid != "tiles":
        return _Asked(subject, target, other, group, (region,), 1, 1, region)
    rows, columns = tile_counts(region, embedder.settings.max_aspect)
    tiles = tuple(tile_geometry(embedder, region, box) for box in tile_boxes(region, rows, columns))
    whole = joined_geometry(region, tiles[0], rows, columns)
    return _Asked(subject, target, other, group, tiles, rows, columns, whole)


def _batches(shapes: Sequence[tuple[int, int]], size: int) -> list[list[int]]:
    """Places of inputs that go through the network together: of one shape, at most `size`."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, shape in enumerate(shapes):
        alike[shape].append(index)
    return [group[start : start + size] for group in alike.values() for start in range(0, len(group), size)]


def _joined(run: Run, settings: MapSettings, asked: _Asked, pieces: Sequence[Cells]) -> WhyMap:
    """One map from its tiles' (usually one). Cells that add up count by their tile's share, so that sums are means."""
    first = pieces[0]
    share = 1 if settings.kind == "ood-novel" else len(pieces)
    across = [
        np.concatenate([one.cells for one in pieces[row * asked.columns : (row + 1) * asked.columns]], axis=1)
        for row in range(asked.rows)
    ]
    cells = np.ascontiguousarray(np.concatenate(across, axis=0) / share, dtype=np.float32)
    scores = [one.score for one in pieces if one.score is not None]
    features: tuple[TopFeature, ...] = ()
    if first.top:
        typical = typical_rows(run.embeddings, [feature for feature, _, _ in first.top], _TYPICAL)
        features = tuple(
            TopFeature(feature, contribution, layer, tuple(int(row) for row in rows))
            for (feature, contribution, layer), rows in zip(first.top, typical, strict=True)
        )
    return WhyMap(
        kind=settings.kind,
        grid=settings.grid,
        row=asked.subject.row,
        cells=cells,
        geometry=asked.whole,
        total=float(cells.sum(dtype=np.float64)),
        score=float(np.mean(scores)) if scores else None,
        stored_score=stored_score(run, asked.subject.row, settings.detector),
        exact=first.exact,
        label=first.label,
        concept=first.concept,
        other=asked.other,
        detector=settings.detector,
        features=features,
    )
