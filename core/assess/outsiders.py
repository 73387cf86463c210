"""Pictures from outside a run, judged as the run judges its own: score, p-value, flag and nearest reference regions.

The contract:
- a picture from outside belongs to none of the run's groups, so it is compared with the whole reference;
- it is cut into regions as the run's images were, and counts with its strangest region;
- rule and threshold are those stored with the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.catalogue.regions import tiles
from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.errors import ImageError, WorkspaceError
from core.images.decode import upright_size
from core.images.files import read_file
from core.neighbours.search import search
from core.ood.conformal import p_values, percentiles
from core.ood.knn import knn_scores
from core.progress import Progress, silent
from core.runs import Run
from core.stages import group_codes

NEAREST = 12
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Strangeness:
    """How one picture stands to a run's reference.

    Attributes:
        score: OOD score in [0, 2]; larger is stranger.
        percentile: 100 times the share of reference scores at or below it.
        p_value: Conformal, in (0, 1]; smaller is stranger.
        flagged: By the run's stored rule.
        nearest: ``[K]`` rows of the run, nearest first.
        distances: ``[K]`` their cosine distances.
    """

    score: float
    percentile: float
    p_value: float
    flagged: bool
    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]


def judge_files(
    run: Run, paths: Sequence[Path], *, workers: int | None = None, progress: Progress = silent
) -> list[Strangeness | None]:
    """Compare files with a run's reference, in the order given; ``None`` for a file that cannot be opened.

    Raises:
        WorkspaceError: the run compares marked boxes, or judged nothing.
        ModelError: the run's network cannot be loaded any more.
    """
    _reference(run)
    if run.settings.regions.kind == "boxes":
        raise WorkspaceError(
            f"run {run.id} compares marked boxes, and these pictures have none; open a run over whole images"
        )
    jobs, owner = _jobs(run, paths)
    if not jobs:
        return [None] * len(paths)
    embedder = load_embedder(run.settings.embed)
    vectors = np.full((len(jobs), embedder.dimension), np.nan, np.float32)

    def take(batch: EmbeddedBatch) -> None:
        vectors[list(batch.indices)] = batch.vectors

    embed_regions(jobs, embedder, on_batch=take, workers=workers, progress=progress)
    good = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    if not len(good):
        return [None] * len(paths)
    strangest: list[Strangeness | None] = [None] * len(paths)
    for row, one in zip(good, judge_vectors(run, vectors[good]), strict=True):
        before = strangest[owner[row]]
        if before is None or before.score < one.score:
            strangest[owner[row]] = one
    return strangest


def judge_vectors(run: Run, vectors: NDArray[np.float32]) -> list[Strangeness]:
    """Compare vectors of the run's network, ``[Q, D]`` finite, with the run's reference.

    Raises:
        WorkspaceError: the run judged nothing.
        EmbeddingError: they come from another network.
    """
    reference, k = _reference(run)
    table = run.table
    known = np.asarray(run.embeddings)[reference]
    found = search(vectors, known, max(k, min(NEAREST, len(reference))))
    scores = knn_scores(found.distances, k)
    own = table["ood_score"].to_numpy(np.float64)[reference]
    groups = group_codes(table)[reference]
    p = p_values(scores, np.full(len(scores), groups.max() + 1), own, groups)
    ranks = percentiles(scores, own)
    flag: dict[str, Any] = dict(run.manifest.get("flag", {}))
    limit = flag.get("threshold")
    judged = []
    for place, score in enumerate(map(float, scores)):
        flagged = (
            bool(p[place] <= float(flag["alpha"]) + _ROUNDING)
            if flag.get("certified")
            else limit is not None and score > float(limit)
        )
        near = np.asarray(found.indices[place][:NEAREST], np.int64)
        judged.append(
            Strangeness(
                score,
                float(ranks[place]),
                float(p[place]),
                flagged,
                reference[near].astype(np.int64),
                np.asarray(found.distances[place][: len(near)], np.float64),
            )
        )
    return judged


def _reference(run: Run) -> tuple[NDArray[np.int64], int]:
    """Rows of the run's reference, and how many of them a score is the mean distance to.

    Raises:
        WorkspaceError: the run judged nothing.
    """
    table = run.table
    reference = np.flatnonzero(table["set"].isin(["reference", "both"]) & table["ood_score"].notna())
    k = int(run.manifest.get("k", 0))
    if k < 1 or len(reference) < k:
        raise WorkspaceError(f"run {run.id} has judged nothing; open a run with a reference to compare pictures with")
    return reference, k


def file_scores(
    run: Run, paths: Sequence[Path], *, workers: int | None = None, progress: Progress = silent
) -> list[float | None]:
    """OOD scores of files beside a run's reference, in [0, 2]; ``None`` and errors as `judge_files`."""
    found = judge_files(run, paths, workers=workers, progress=progress)
    return [None if one is None else one.score for one in found]


def _jobs(run: Run, paths: Sequence[Path]) -> tuple[list[RegionJob], list[int]]:
    """The regions of some files, cut as the run cut its images, and the file of each."""
    jobs: list[RegionJob] = []
    owner: list[int] = []
    settings = run.settings.regions
    for place, path in enumerate(paths):
        try:
            width, height = upright_size(read_file(path)[0], name=repr(path.name))
        except ImageError:
            continue
        boxes = [None] if settings.kind == "image" else list(tiles(width, height, settings))
        for number, box in enumerate(boxes):
            jobs.append(RegionJob(f"outsider {place} {number}", path, width, height, box))
            owner.append(place)
    return jobs, owner
