"""Regions to logits: the embedding loop with a model's heads behind the body.

The contract:
- a region's logits are those of the mean member; they agree within 1e-5 however regions are batched on the CPU;
- where the workspace holds a region's features already, no picture is opened;
- a region that cannot be opened has NaN and a reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.embed.store import EmbeddingStore
from core.learn.cropping import cropped
from core.learn.models import Model, Part
from core.progress import Progress, silent


@dataclass(frozen=True)
class Scored:
    """What a model says of some regions.

    Attributes:
        logits: ``[N, C]`` float32, mean over members; NaN rows where a region could not be opened.
        probabilities: ``[N, C]`` float32, calibrated, in [0, 1]; NaN likewise.
        spread: ``[N, C]`` float32, standard deviation of the members' probabilities; ``None`` for a single member.
        reasons: One sentence for each row that failed.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    reasons: dict[int, str]


def score_regions(
    model: Model,
    jobs: Sequence[RegionJob],
    *,
    embeddings: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Scored:
    """A model's logits and probabilities of some regions, all in memory.

    Args:
        embeddings: Folder of a workspace's embeddings, read where they are those of the model's body.
        progress: Called with regions done and asked for.

    Raises:
        EmbeddingError: a logit is not finite.
    """
    jobs = cropped(jobs, model.crop)
    count = len(model.tree)
    members: list[NDArray[np.float32]] = []
    reasons: dict[int, str] = {}
    for place, part in enumerate(model.parts):
        values = np.full((len(jobs), part.scorer.dimension), np.nan, np.float32)
        stored = _from_store(part, jobs, embeddings)
        missing = [row for row in range(len(jobs)) if row not in stored]
        for row, features in stored.items():
            values[row] = features

        def take(batch: EmbeddedBatch, to: NDArray[np.float32] = values, rows: list[int] = missing) -> None:
            to[[rows[index] for index in batch.indices]] = batch.vectors

        def report(done: int, total: int, before: int = place * len(jobs) + len(stored)) -> None:
            progress((before + done) // len(model.parts), len(jobs))

        if missing:
            asked = [jobs[row] for row in missing]
            outcome = embed_regions(asked, part.scorer, on_batch=take, workers=workers, progress=report)
            reasons |= {missing[failure.index]: failure.reason for failure in outcome.failures}
        members.append(values.reshape(len(jobs), part.heads.shape[0], count))
    progress(len(jobs), len(jobs))
    every = np.concatenate(members, axis=1)
    logits = every.mean(axis=1)
    good = np.isfinite(logits).all(axis=1)
    probabilities = np.full_like(logits, np.nan)
    if good.any():
        probabilities[good] = model.probabilities(logits[good])
    return Scored(logits, probabilities, _spread(model, every, good), reasons)


def _spread(model: Model, members: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    if members.shape[1] < 2:
        return None
    spread = np.full((len(members), members.shape[2]), np.nan, np.float32)
    if good.any():
        each = [model.probabilities(members[good, member]) for member in range(members.shape[1])]
        spread[good] = np.std(np.stack(each), axis=0)
    return spread


def _from_store(part: Part, jobs: Sequence[RegionJob], embeddings: Path | None) -> dict[int, NDArray[np.float32]]:
    """Logits of the regions whose features are kept, by row."""
    if embeddings is None or not (embeddings / part.embedder.key).is_dir():
        return {}
    store = EmbeddingStore(embeddings, part.embedder.key, part.embedder.dimension)
    absent = set(store.missing([job.key for job in jobs]))
    rows = [row for row, job in enumerate(jobs) if job.key not in absent]
    if not rows:
        return {}
    features = store.read([jobs[row].key for row in rows])
    with torch.inference_mode():
        logits = part.heads(torch.from_numpy(features).to(part.embedder.device)).cpu().numpy()
    return dict(zip(rows, logits, strict=True))
