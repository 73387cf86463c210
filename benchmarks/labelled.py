"""Labelled real images for benchmarks of learning: what is stated of them, what belongs together, their features."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from core.artefacts import digest
from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.learn.gathering import Examples
from core.learn.labels import LabelTree
from core.learn.pooling import with_pooling
from core.settings import EmbedSettings

BODY = "mobilenet_v2-imagenet1k-features.safetensors"


@dataclass(frozen=True)
class Labelled:
    """Images, what is stated of them, and what belongs together."""

    name: str
    paths: list[Path]
    groups: NDArray[np.int64]
    targets: NDArray[np.bool_]
    concepts: tuple[str, ...]


def of_labels(name: str, rows: list[tuple[Path, str, set[str]]]) -> Labelled:
    """Concepts of at least three groups."""
    groups = np.unique([group for _, group, _ in rows], return_inverse=True)[1].astype(np.int64)
    every = sorted(set().union(*(labels for *_, labels in rows)))
    targets = np.array([[concept in labels for concept in every] for *_, labels in rows])
    kept = [column for column in range(len(every)) if len(np.unique(groups[targets[:, column]])) >= 3]
    return Labelled(name, [path for path, *_ in rows], groups, targets[:, kept], tuple(every[c] for c in kept))


def trashcan(data: Path) -> Labelled:
    with (data / "trashcan" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = data / "trashcan" / "images"
    return of_labels(
        "trashcan", [(images / r["filename"], r["video"], set(r["labels"].split(";")) - {""}) for r in rows]
    )


def coral(data: Path) -> Labelled:
    folder = data / "coral_kohtao"
    files = {path.stem: path for path in sorted((folder / "images").rglob("*.jpg"))}
    labels: dict[str, list[set[str]]] = {}
    with (folder / "annotations.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["patchid"] in files:
                labels.setdefault(row["patchid"], []).append(set(row["label"].split(",")))
    rows = []
    for stem, stated in labels.items():
        if all(one == stated[0] for one in stated):  # a tile that contradicts itself teaches nothing
            rows.append((files[stem], stem.rpartition("_")[0], stated[0]))
    return of_labels("coral_kohtao", rows)


class _Both(nn.Module):
    """Mean and deviation of one forward pass, side by side."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.mean, self.deviation = embedder.ending, with_pooling(embedder, "deviation").ending

    def forward(self, activations: Tensor) -> Tensor:
        return torch.cat([self.mean(activations), self.deviation(activations)], dim=1)


def features(images: Labelled, side: int, pooling: str, weights: Path, cache: Path) -> NDArray[np.float32]:
    """``[N, F]`` by the product's own loop, kept as float16."""
    file = cache / f"benthoscope-learn-{images.name}-{side}-{digest(*map(str, images.paths))[:8]}.npy"
    if not file.is_file():
        settings = EmbedSettings(embedder="mobilenet_v2", weights=str(weights / BODY), short_side=side)
        embedder = load_embedder(settings)
        both = replace(embedder, ending=_Both(embedder), dimension=2 * embedder.dimension, pooled=False)
        jobs = jobs_for(images)
        found = np.zeros((len(jobs), both.dimension), np.float16)

        def take(batch: EmbeddedBatch) -> None:
            found[batch.indices] = batch.vectors

        report = embed_regions(jobs, both, on_batch=take)
        if report.failures:
            raise SystemExit(report.failures[0].reason)
        np.save(file, found)
    half = np.split(np.load(file, allow_pickle=False), 2, axis=1)[0 if pooling == "mean" else 1]
    return np.ascontiguousarray(half, np.float32)


def jobs_for(images: Labelled) -> list[RegionJob]:
    jobs = []
    for number, path in enumerate(images.paths):
        with Image.open(path) as image:
            jobs.append(RegionJob(str(number), path, *image.size))
    return jobs


def tree_of(images: Labelled) -> LabelTree:
    return LabelTree(images.concepts, (-1,) * len(images.concepts))


def examples_of(images: Labelled, jobs: Sequence[RegionJob] | None = None) -> Examples:
    """What the product's learners take."""
    import pandas as pd

    names = tuple(str(group) for group in np.unique(images.groups))
    given = tuple(jobs if jobs is not None else jobs_for(images))
    known = np.ones_like(images.targets)
    mark = digest(*map(str, images.paths))
    return Examples(pd.DataFrame(), given, images.groups, names, tree_of(images), images.targets, known, (), (), mark)
