"""The bank of a run's reference cells, made once for each grid and kept with the run's other artefacts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from core.embed.embedder import Embedder
from core.errors import CoreError, GraphError
from core.explain.grids import Grid
from core.explain.novelty import CellBank, bank_rows, make_bank
from core.explain.subjects import Subject, open_subjects, subject_of_row, usual_geometry
from core.progress import Progress, silent
from core.runs import Run
from core.stages import group_codes
from core.workspace import Workspace

STAGE = "why-cells"
VERSION = 1


def cell_bank(
    run: Run,
    workspace: Workspace,
    embedder: Embedder,
    grid: Grid,
    *,
    workers: int = 2,
    progress: Progress = silent,
) -> CellBank:
    """The reference's cells on a grid, from the store or computed now (about 240 forward passes).

    Pictures that cannot be opened any more are left out.

    Args:
        embedder: Of the run, on this grid.
        progress: Called with (reference regions done, in total).

    Raises:
        GraphError: the reference is of fewer than two groups.
    """
    artefacts = run.manifest["artefacts"]
    inputs = {name: str(artefacts[name]) for name in ("embeddings", "graph_reference")}
    inputs["embedder"] = str(run.manifest["embedder"]["key"])
    key = workspace.artefacts.key(STAGE, VERSION, inputs, {"grid": grid})
    if not workspace.artefacts.has(STAGE, key):
        bank = _computed(run, workspace, embedder, workers, progress)
        workspace.artefacts.save(STAGE, key, bank)
    return workspace.artefacts.load(STAGE, key, CellBank)


def _computed(run: Run, workspace: Workspace, embedder: Embedder, workers: int, progress: Progress) -> CellBank:
    reference = np.flatnonzero(run.table["set"].isin(["reference", "both"]).to_numpy())
    codes = group_codes(run.table)
    rows = np.sort(bank_rows(reference, codes[reference]))
    subjects: list[Subject] = []
    for row in rows:
        try:
            subjects.append(subject_of_row(run, workspace, int(row)))
        except CoreError:
            continue  # its cells are lacking, nothing else
    if not subjects:
        raise GraphError("none of the reference's pictures can be opened, so nothing is known of what they show")
    return make_bank(_features(embedder, subjects, codes, workers, progress), len(subjects))


def _features(
    embedder: Embedder, subjects: Sequence[Subject], codes: np.ndarray, workers: int, progress: Progress
) -> Iterator[tuple[Tensor, list[int]]]:
    size = embedder.settings.batch
    for start in range(0, len(subjects), size):
        progress(start, len(subjects))
        part = subjects[start : start + size]
        opened, _ = open_subjects(part, [[usual_geometry(embedder, subject)] for subject in part], workers)
        for shape in sorted({one.geometry.shape for one in opened}):
            alike = [one for one in opened if one.geometry.shape == shape]
            pixels = torch.stack([one.pixels for one in alike])
            with torch.no_grad():
                features = embedder.features(embedder.normalise(pixels)).float()
            yield features, [int(codes[row]) for one in alike if (row := part[one.place].row) is not None]
    progress(len(subjects), len(subjects))
