"""Which way of learning is best on real images, groups kept apart? What the preset ``recommended`` rests on.

    python -m benchmarks.learn DATA WEIGHTS [--cache DIR] [--only trashcan]
    python -m benchmarks.learn DATA WEIGHTS --preset fathomnet-2023 [--epochs 5] [--short-side 224]

DATA holds ``trashcan`` and ``coral_kohtao``, WEIGHTS the ImageNet weights of MobileNetV2. Five folds, first with whole
videos (photos) kept apart, then with random frames (tiles), so that the leak is visible. A figure is the mean over
concepts (those of at least three groups) of the average precision of pooled out-of-fold logits; differences are paired,
their intervals are drawn over groups.

``--preset`` trains a study's preset on one fold of ``trashcan``, beside the two probes on the same images of the same
fold: a fifth of the groups left is kept for the preset's early stopping and taught nobody. A training that was killed
goes on after its last epoch.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from benchmarks.common import append_result
from core.artefacts import digest
from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.evaluate.intervals import group_weights, interval_of
from core.learn.choosing import average_precisions
from core.learn.heads import one_head
from core.learn.labels import LabelTree
from core.learn.learners import group_balance
from core.learn.pooling import with_pooling
from core.learn.probing import fit_probe
from core.learn.recipes import PRESETS, RECOMMENDED_SIDE, ProbeSettings
from core.learn.splits import folds, split_groups
from core.settings import EmbedSettings

BODY = "mobilenet_v2-imagenet1k-features.safetensors"
WHOLE = "mobilenet_v2-imagenet1k.safetensors"  # with its batch norms, which training of all layers wants
FOLDS = 5
RESAMPLES = 1000
MEMORY_ROWS = 200

CANDIDATES: dict[str, tuple[int, ProbeSettings]] = {
    "probe": (224, ProbeSettings()),
    "probe, decay 0.1": (224, ProbeSettings(decay=0.1)),
    "probe, decay 0.1, groups balanced": (224, ProbeSettings(decay=0.1, balance_groups=True)),
    "mean at 352": (352, ProbeSettings(decay=0.1, balance_groups=True)),
    "deviation at 224": (224, ProbeSettings("deviation", 0.1, True)),
    "deviation at 352, groups not balanced": (352, ProbeSettings("deviation", 0.1)),
    "recommended": (RECOMMENDED_SIDE, PRESETS["recommended"]["probe"]),
}
BASELINE = "probe"


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


def out_of_fold(
    x: NDArray[np.float32], images: Labelled, fold: NDArray[np.int64], settings: ProbeSettings
) -> NDArray[np.float32]:
    """``[N, C]`` logits of each fold by a probe on the others."""
    tree = LabelTree(images.concepts, (-1,) * len(images.concepts))
    known = np.ones_like(images.targets)
    result = np.zeros(images.targets.shape, np.float32)
    for number in range(FOLDS):
        use = fold != number
        weights = group_balance(images.groups[use]) if settings.balance_groups else None
        heads = fit_probe(
            x[use], images.targets[use], known[use], one_head(tree), tree, weights=weights, decay=settings.decay
        )
        with torch.inference_mode():
            result[~use] = heads(torch.from_numpy(x[~use])).numpy()
    return result


def weighted_precision(
    scores: NDArray[np.float32], truth: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``[B]`` average precision under each of ``[B, N]`` weights; NaN where a resample holds no positive."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    sorted_weights = weights[:, order]
    hits = np.cumsum(sorted_weights * truth[order], axis=1)[:, last]
    seen = np.cumsum(sorted_weights, axis=1)[:, last]
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    with np.errstate(invalid="ignore"):
        return (precision * np.diff(hits, axis=1, prepend=0.0)).sum(1) / hits[:, -1]


def mean_precision(
    logits: NDArray[np.float32], targets: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``[B]`` mean over the concepts that a resample holds."""
    every = [weighted_precision(logits[:, c], targets[:, c], weights) for c in range(targets.shape[1])]
    return np.nanmean(np.stack(every), axis=0)


def drawn(groups: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    weights = group_weights(groups, resamples=RESAMPLES)
    yield from (weights[start : start + MEMORY_ROWS] for start in range(0, RESAMPLES, MEMORY_ROWS))


def compare(images: Labelled, weights: Path, cache: Path) -> dict[str, object]:
    """Every candidate, groups kept apart and not."""
    apart = folds(images.targets, images.groups, FOLDS)
    mixed = np.random.default_rng(0).integers(0, FOLDS, len(images.paths))
    logits: dict[str, NDArray[np.float32]] = {}
    table: dict[str, dict[str, object]] = {}
    for name, (side, settings) in CANDIDATES.items():
        began = time.perf_counter()
        x = features(images, side, settings.pooling, weights, cache)
        read = time.perf_counter() - began
        logits[name] = out_of_fold(x, images, apart, settings)
        leaky = out_of_fold(x, images, mixed, settings)
        value, leak = (
            float(np.nanmean(average_precisions(one, images.targets, np.ones_like(images.targets))))
            for one in (logits[name], leaky)
        )
        table[name] = {"map": round(value, 4), "map_random_frames": round(leak, 4), "feature_seconds": round(read, 1)}
        print(f"{images.name}: {name:40s} {value:.3f} apart, {leak:.3f} with random frames", flush=True)
    base = np.concatenate([mean_precision(logits[BASELINE], images.targets, w) for w in drawn(images.groups)])
    groups = len(np.unique(images.groups))
    for name, mine in logits.items():
        ours = np.concatenate([mean_precision(mine, images.targets, w) for w in drawn(images.groups)])
        gain = float(table[name]["map"]) - float(table[BASELINE]["map"])  # type: ignore[arg-type]
        table[name] |= {
            "interval": interval_of(float(table[name]["map"]), ours, groups).to_json(),  # type: ignore[arg-type]
            "gain": interval_of(gain, ours - base, groups).to_json(),
        }
        print(f"{images.name}: {name:40s} gain over {BASELINE} {table[name]['gain']}")
    facts = {"images": len(images.paths), "groups": groups, "concepts": len(images.concepts)}
    return facts | {"candidates": table}


def jobs_for(images: Labelled) -> list[RegionJob]:
    jobs = []
    for number, path in enumerate(images.paths):
        with Image.open(path) as image:
            jobs.append(RegionJob(str(number), path, *image.size))
    return jobs


def preset_on_one_fold(
    images: Labelled, weights: Path, cache: Path, name: str, epochs: int | None, side: int | None
) -> dict[str, object]:
    """A preset that trains all layers, and the probes, from the same images, judged on the first fold."""
    import pandas as pd

    from core.learn.cropping import cropped
    from core.learn.gathering import Examples
    from core.learn.networks import NetworkLearner
    from core.learn.recipes import preset_settings

    body = EmbedSettings(embedder="mobilenet_v2", weights=str(weights / WHOLE), device="cpu")
    settings = preset_settings(name, (images.name,), body, short_side=side)
    recipe = settings.network
    if epochs is not None:  # head first and everything after in the study's proportion
        head = max(1, round(epochs * recipe.head_epochs / (recipe.head_epochs + recipe.epochs)))
        settings = settings.with_(network=replace(recipe, head_epochs=head, epochs=epochs - head))
    apart = folds(images.targets, images.groups, FOLDS)
    left = np.flatnonzero(apart != 0)
    watch, use = np.zeros(len(images.paths), bool), np.zeros(len(images.paths), bool)
    side_of = split_groups(images.targets[left], images.groups[left], [0.8, 0.2])
    use[left[side_of == 0]], watch[left[side_of == 1]] = True, True
    judged = np.flatnonzero(apart == 0)
    held = replace(images, groups=images.groups[judged], targets=images.targets[judged])
    counted = [c for c in range(len(images.concepts)) if held.targets[:, c].any() and images.targets[use, c].any()]

    tree = LabelTree(images.concepts, (-1,) * len(images.concepts))
    known = np.ones_like(images.targets)
    jobs = cropped(jobs_for(images), settings.crop)
    names = tuple(str(group) for group in np.unique(images.groups))
    examples = Examples(
        pd.DataFrame(), jobs, images.groups, names, tree, images.targets, known, (), (), digest(*map(str, images.paths))
    )
    learner = NetworkLearner(cache / "benthoscope-learn-networks", settings, examples, one_head(tree), known, 2)
    began = time.perf_counter()
    fit = learner.fit(use, watch, said, label=f"{name}-{images.name}")
    seconds = time.perf_counter() - began
    trained = learner.logits(fit, judged)
    logits: dict[str, NDArray[np.float32]] = {}
    for probe in (BASELINE, "recommended"):
        probe_side, of = CANDIDATES[probe]
        x = features(images, probe_side, of.pooling, weights, cache)
        balance = group_balance(images.groups[use]) if of.balance_groups else None
        heads = fit_probe(
            x[use], images.targets[use], known[use], one_head(tree), tree, weights=balance, decay=of.decay
        )
        with torch.inference_mode():
            logits[probe] = heads(torch.from_numpy(x[judged])).numpy()
    logits[name] = trained

    table: dict[str, dict[str, object]] = {}
    weights_of = list(drawn(held.groups))
    truth = held.targets[:, counted]
    base = np.concatenate([mean_precision(logits[BASELINE][:, counted], truth, w) for w in weights_of])
    groups = len(np.unique(held.groups))
    first = 0.0
    for one, mine in logits.items():
        value = float(np.nanmean(average_precisions(mine[:, counted], truth, np.ones_like(truth))))
        first = value if one == BASELINE else first
        ours = np.concatenate([mean_precision(mine[:, counted], truth, w) for w in weights_of])
        table[one] = {
            "map": round(value, 4),
            "interval": interval_of(value, ours, groups).to_json(),
            "gain": interval_of(value - first, ours - base, groups).to_json(),
        }
        print(f"{images.name}, one fold: {one:20s} {value:.3f}, gain over {BASELINE} {table[one]['gain']}")
    curve = fit.facts["training_curve"]
    return {
        "preset": name,
        "images": {"training": int(use.sum()), "stopping": int(watch.sum()), "judged": len(judged)},
        "groups_judged": groups,
        "concepts_judged": len(counted),
        "short_side": settings.embed.short_side,
        "epochs": {"head": settings.network.head_epochs, "all": settings.network.epochs},
        "epochs_of_the_preset": {"head": recipe.head_epochs, "all": recipe.epochs},
        "best_epoch": curve["best_epoch"],
        "losses": curve["losses"],
        "rate": curve["rate"],
        "training_seconds_since_start_or_resume": round(seconds),
        "candidates": table,
    }


def said(done: int, total: int) -> None:
    if done % 20 == 0 or done == total:
        print(f"step {done} of {total}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for features")
    parser.add_argument("--only", choices=("trashcan", "coral_kohtao"))
    parser.add_argument("--preset", choices=("fathomnet-2023", "seafloor-2021"), help="on one fold of trashcan")
    parser.add_argument("--epochs", type=int, help="all passes over the images, fewer than the preset's")
    parser.add_argument("--short-side", type=int, help="pixels, instead of the preset's")
    asked = parser.parse_args()
    packages = ("torch", "torchvision", "scikit-learn")
    if asked.preset is not None:
        one = preset_on_one_fold(
            trashcan(asked.data), asked.weights, asked.cache, asked.preset, asked.epochs, asked.short_side
        )
        command = f"python -m benchmarks.learn DATA WEIGHTS --preset {asked.preset}"
        command += f" --epochs {asked.epochs}" if asked.epochs else ""
        command += f" --short-side {asked.short_side}" if asked.short_side else ""
        append_result(
            "learn", {"command": command, "network": "mobilenet_v2", "trashcan_one_fold": one}, packages=packages
        )
        return
    found = {}
    for read in (trashcan, coral):
        images = read(asked.data)
        if asked.only in (None, images.name):
            found[images.name] = compare(images, asked.weights, asked.cache)
    append_result(
        "learn",
        {"command": "python -m benchmarks.learn DATA WEIGHTS", "folds": FOLDS, "network": "mobilenet_v2", **found},
        packages=packages,
    )


if __name__ == "__main__":
    main()
