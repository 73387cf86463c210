"""Features of regions from a frozen body, kept in the workspace's store of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.embed.embedder import Embedder
from core.embed.loop import RegionJob, embed_regions
from core.embed.store import EmbeddingStore
from core.progress import Progress, silent


def stored_features(
    folder: Path,
    embedder: Embedder,
    jobs: Sequence[RegionJob],
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[int, str]]:
    """Features of regions, computed where they are not kept yet.

    Args:
        folder: A workspace's ``embeddings``; what was finished stays there when the work is stopped.

    Returns:
        ``[M, F]`` float32, the ``[M]`` rows of `jobs` that they belong to, and the reasons of the others.
    """
    keys = [job.key for job in jobs]
    with EmbeddingStore(folder, embedder.key, embedder.dimension) as store:
        outcome = embed_regions(
            jobs,
            embedder,
            on_batch=lambda batch: store.append([keys[i] for i in batch.indices], batch.vectors),
            stored=set(keys) - set(store.missing(keys)),
            workers=workers,
            progress=progress,
        )
        reasons = {failure.index: failure.reason for failure in outcome.failures}
        rows = np.array([row for row in range(len(jobs)) if row not in reasons], np.int64)
        return store.read([keys[row] for row in rows]), rows, reasons
