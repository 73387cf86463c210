"""What a run would be, before it is made: its sets, what is there already, and how long the rest would take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.catalogue.conditions import parse_all
from core.catalogue.overview import image_table
from core.catalogue.regions import concept_descendants, dataset_ids
from core.catalogue.selections import evaluate

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import RunSettings
    from core.workspace import Workspace

SAMPLE = 24
"""Images that are embedded to see how fast it goes; the first are not counted, they warm up."""
_WARM = 8


@dataclass(frozen=True)
class Sets:
    """Which images would be reference and target.

    Attributes:
        groups: Independent groups of the reference.
        lacking: Field → images that lack it and are in neither for that.
    """

    images: int
    reference: int
    target: int
    groups: int
    lacking: Mapping[str, int]


@dataclass(frozen=True)
class Cost:
    """What embedding would take.

    Attributes:
        kept: Images whose embeddings are there already and are used again.
        seconds: For the others, from a sample of them; 0 when all are there.
    """

    kept: int
    missing: int
    seconds: float


def sets_of(space: Workspace, settings: RunSettings, table: pd.DataFrame) -> Sets:
    """Apply the conditions to the datasets' images.

    Args:
        table: `core.catalogue.overview.image_table` of the settings' datasets.

    Raises:
        SelectionError: a condition cannot be understood.
        WorkspaceError: a dataset is unknown.
    """
    ids = dataset_ids(space.database, settings.datasets)
    descendants = concept_descendants(space.database, ids)
    known = evaluate(parse_all(settings.reference), table, descendants)
    reference = known.mask if settings.reference else np.ones(len(table), bool)
    asked = evaluate(parse_all(settings.target), table, descendants)
    target = asked.mask if settings.target else ~reference
    named = table.loc[reference & (table["group"] != "").to_numpy(), ["dataset", "group"]].drop_duplicates()
    alone = int((reference & (table["group"] == "").to_numpy()).sum())
    lacking = {**known.missing, **asked.missing}
    return Sets(len(table), int(reference.sum()), int(target.sum()), len(named) + alone, lacking)


def cost_of(space: Workspace, settings: RunSettings) -> Cost:
    """Embed a few images and say how long all that are missing would take. Whole images only.

    Raises:
        ModelError: the network's weights cannot be had.
    """
    from core.embed.load import load_embedder
    from core.embed.loop import RegionJob, embed_regions
    from core.embed.store import EmbeddingStore, region_key

    table = image_table(space.database, dataset_ids(space.database, settings.datasets))
    roots = {entry.name: entry.root for entry in space.datasets()}
    embedder = load_embedder(settings.embed)
    columns = [table[name].tolist() for name in ("dataset", "path", "content_hash", "width", "height")]
    jobs = [
        RegionJob(region_key(content, None), roots[dataset] / path, width, height, None)
        for dataset, path, content, width, height in zip(*columns, strict=True)
    ]
    folder = space.root / "embeddings"
    missing = {job.key for job in jobs}
    if folder.is_dir():
        with EmbeddingStore(folder, embedder.key, embedder.dimension) as store:
            missing = set(store.missing([job.key for job in jobs]))
    left = [job for job in jobs if job.key in missing]
    if not left:
        return Cost(len(jobs), 0, 0.0)
    step = max(1, len(left) // SAMPLE)
    sample = left[::step][:SAMPLE]
    warm, timed = (sample[:_WARM], sample[_WARM:]) if len(sample) > 2 * _WARM else (sample[:1], sample)
    embed_regions(warm, embedder, on_batch=lambda batch: None)
    began = time.monotonic()
    embed_regions(timed, embedder, on_batch=lambda batch: None)
    each = (time.monotonic() - began) / len(timed)
    return Cost(len(jobs) - len(left), len(left), each * len(left))
