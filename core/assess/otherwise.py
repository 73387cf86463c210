"""What preprocessing does to the score of one region, without a run: it alone is shown to the network otherwise.

The contract: the reference stays as the run embedded it, its own group left out, with the run's k; so the figures say
how much of the score hangs on how the picture looks, and only a run with these steps says how all would be ordered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.errors import WorkspaceError
from core.neighbours.search import search
from core.ood.conformal import percentiles
from core.ood.knn import knn_scores
from core.processing.steps import checked, without_crop
from core.runs import Run
from core.stages import group_codes


@dataclass(frozen=True)
class Otherwise:
    """A region's score as the run has it, and shown otherwise.

    Attributes:
        before, after: OOD scores in [0, 2]; larger is stranger.
        rank_before, rank_after: 100 times the share of reference scores at or below them.
    """

    before: float
    after: float
    rank_before: float
    rank_after: float


def score_otherwise(run: Run, row: int, path: Path, steps: Sequence[str]) -> Otherwise:
    """Score one region of a run after other preprocessing than the run's.

    Args:
        path: Its image's file.
        steps: As `core.processing.steps` writes them; a crop counts for whole images alone.

    Raises:
        WorkspaceError: the region was not scored, or its picture cannot be opened any more.
        ModelError: the run's network cannot be loaded any more.
    """
    table = run.table
    record = table.iloc[row]
    before = float(record["ood_score"])
    own = group_codes(table)
    scores = table["ood_score"].to_numpy(np.float64)
    known = table["set"].isin(["reference", "both"]).to_numpy(bool) & np.isfinite(scores)
    others = np.flatnonzero(known & (own != own[row]))
    k = int(run.manifest.get("k", 0))
    if not np.isfinite(before) or k < 1 or len(others) < k:
        raise WorkspaceError("this picture was not judged in this run, so there is no score to change")
    whole = record["region"] == "image"
    box = None if whole else tuple(int(record[f"box_{side}"]) for side in "xywh")
    shown = checked(steps if whole else without_crop(steps))
    embedder = load_embedder(replace(run.settings.embed, steps=shown))
    job = RegionJob("otherwise", path, int(record["width"]), int(record["height"]), box)  # type: ignore[arg-type]
    vectors: list[np.ndarray] = []

    def take(batch: EmbeddedBatch) -> None:
        vectors.append(batch.vectors)

    report = embed_regions([job], embedder, on_batch=take, workers=1)
    if report.failures:
        raise WorkspaceError(f"the picture cannot be opened: {report.failures[0].reason}")
    found = search(np.concatenate(vectors), np.asarray(run.embeddings)[others], k)
    after = knn_scores(found.distances, k).astype(np.float64)
    ranks = percentiles(np.array([before, after[0]]), scores[known])
    return Otherwise(before, float(after[0]), float(ranks[0]), float(ranks[1]))
