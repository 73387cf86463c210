"""Which way of learning is best on real images, groups kept apart? What the preset ``recommended`` rests on.

    python -m benchmarks.learn DATA WEIGHTS [--cache DIR] [--only trashcan] [--candidates recommended]
    python -m benchmarks.learn DATA WEIGHTS --preset fathomnet-2023 [--epochs 5] [--short-side 224]

DATA holds ``trashcan`` and ``coral_kohtao``, WEIGHTS the ImageNet weights of MobileNetV2. Five folds, first with whole
videos (photos) kept apart, then with random frames (tiles), so that the leak is visible. A figure is the mean over
concepts (those of at least three groups) of the average precision of pooled out-of-fold logits; differences are paired,
their intervals are drawn over groups.

``recommended`` learns by folds of its own training groups, which also say whether its second view joins: on the fold
that is judged nothing is chosen.

``--preset`` trains a study's preset on one fold of ``trashcan``, beside the two probes on the same images of the same
fold: a fifth of the groups left is kept for the preset's early stopping and taught nobody. A training that was killed
goes on after its last epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import append_result
from benchmarks.labelled import Labelled, coral, examples_of, features, jobs_for, trashcan, tree_of
from core.embed.load import load_embedder
from core.evaluate.intervals import group_weights, interval_of
from core.learn.choosing import average_precisions
from core.learn.fitting import learn_by_folds
from core.learn.heads import LinearHeads, one_head
from core.learn.learners import Fit, Member, group_balance
from core.learn.probing import fit_probe
from core.learn.recipes import PRESETS, RECOMMENDED_SIDE, ProbeSettings, ProbeView, preset_settings
from core.learn.splits import folds, split_groups
from core.progress import Progress, silent
from core.settings import EmbedSettings

WHOLE = "mobilenet_v2-imagenet1k.safetensors"  # with its batch norms, which training of all layers wants
FOLDS = 5
RESAMPLES = 1000
MEMORY_ROWS = 200

CANDIDATES: dict[str, tuple[int, ProbeSettings]] = {
    "probe": (224, ProbeSettings()),
    "probe, decay 0.1": (224, ProbeSettings(decay=0.1)),
    "probe, decay 0.1, groups balanced": (224, ProbeSettings(decay=0.1, balance_groups=True)),
    "mean at 352": (352, ProbeSettings(decay=0.1, balance_groups=True)),
    "deviation at 224": (224, ProbeSettings(ProbeView("deviation"), decay=0.1, balance_groups=True)),
    "deviation at 352, groups not balanced": (352, ProbeSettings(ProbeView("deviation"), decay=0.1)),
    "first view alone": (RECOMMENDED_SIDE, ProbeSettings(ProbeView("deviation"), decay=0.1, balance_groups=True)),
    "recommended": (RECOMMENDED_SIDE, PRESETS["recommended"]["probe"]),
}
BASELINE = "probe"


def viewed(
    images: Labelled, side: int, settings: ProbeSettings, weights: Path, cache: Path
) -> list[NDArray[np.float32]]:
    """The features of each view."""
    return [features(images, round(side * view.share), view.pooling, weights, cache) for view in settings.views]


def out_of_fold(
    views: Sequence[NDArray[np.float32]], images: Labelled, fold: NDArray[np.int64], settings: ProbeSettings
) -> tuple[NDArray[np.float32], list[int]]:
    """``[N, C]`` logits of each fold by probes on the others, and how many views those chose.

    With a second view everything is chosen inside: members and views by folds of the training groups alone, as
    `core.learn.fitting` does.
    """
    result = np.zeros(images.targets.shape, np.float32)
    kept = []
    for number in range(FOLDS):
        rows, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        result[asked], count = judged_by(views, images, rows, asked, settings)
        kept.append(count)
    return result, kept


def judged_by(
    views: Sequence[NDArray[np.float32]],
    images: Labelled,
    rows: NDArray[np.int64],
    asked: NDArray[np.int64],
    settings: ProbeSettings,
) -> tuple[NDArray[np.float32], int]:
    """Logits of `asked` by what learned from `rows`, and how many views that kept."""
    if len(views) == 1:
        (heads,) = probes(views, images, rows, settings)
        return of_heads(heads, views[0][asked]), 1
    learner = _Learner(views, images, settings)
    pool = np.zeros(len(images.paths), bool)
    pool[rows] = True
    wished = preset_settings("recommended", (images.name,))
    learnt = learn_by_folds(learner, examples_of(images), pool, wished, lambda stage, unit: silent)
    found = [of_heads(member.heads, views[place][asked]) for place, member in enumerate(learnt.members)]
    return np.asarray(np.mean(found, axis=0), np.float32), len(learnt.members)


def probes(
    views: Sequence[NDArray[np.float32]], images: Labelled, rows: NDArray[np.int64], settings: ProbeSettings
) -> list[LinearHeads]:
    """One probe a view."""
    tree = tree_of(images)
    known = np.ones_like(images.targets[rows])
    weights = group_balance(images.groups[rows]) if settings.balance_groups else None
    return [
        fit_probe(x[rows], images.targets[rows], known, one_head(tree), tree, weights=weights, decay=settings.decay)
        for x in views
    ]


def of_heads(heads: LinearHeads, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """``[N, C]`` mean logits of all members."""
    with torch.inference_mode():
        values = heads(torch.from_numpy(x)).numpy()
    return np.asarray(values.reshape(len(x), *heads.shape).mean(1), np.float32)


class _Learner:
    """`core.learn.learners.Learner` on features that are there already."""

    def __init__(self, views: Sequence[NDArray[np.float32]], images: Labelled, settings: ProbeSettings) -> None:
        self._views, self._images, self._settings = views, images, settings
        self._body = load_embedder(EmbedSettings())  # a name for what is frozen; nothing goes through it

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        return np.arange(len(self._images.paths)), {}

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        found = probes(self._views, self._images, np.flatnonzero(use), self._settings)
        named = zip(found, self._settings.views, strict=True)
        return Fit(tuple(Member(self._body, view.pooling, heads) for heads, view in named))

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.stack([of_heads(m.heads, x[rows]) for m, x in zip(fit.members, self._views, strict=True)])

    def leak(self, use: NDArray[np.bool_], watch: NDArray[np.bool_]) -> None:
        return None


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


def compare(images: Labelled, weights: Path, cache: Path, names: Sequence[str]) -> dict[str, object]:
    """Candidates, groups kept apart and not."""
    apart = folds(images.targets, images.groups, FOLDS)
    mixed = np.random.default_rng(0).integers(0, FOLDS, len(images.paths))
    logits: dict[str, NDArray[np.float32]] = {}
    table: dict[str, dict[str, object]] = {}
    for name, (side, settings) in ((name, CANDIDATES[name]) for name in names):
        began = time.perf_counter()
        x = viewed(images, side, settings, weights, cache)
        read = time.perf_counter() - began
        logits[name], kept = out_of_fold(x, images, apart, settings)
        leaky, _ = out_of_fold(x, images, mixed, settings)
        value, leak = (
            float(np.nanmean(average_precisions(one, images.targets, np.ones_like(images.targets))))
            for one in (logits[name], leaky)
        )
        table[name] = {"map": round(value, 4), "map_random_frames": round(leak, 4), "feature_seconds": round(read, 1)}
        if settings.second is not None:
            table[name]["views_kept"] = kept
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


def preset_on_one_fold(
    images: Labelled, weights: Path, cache: Path, name: str, epochs: int | None, side: int | None
) -> dict[str, object]:
    """A preset that trains all layers, and the probes, from the same images, judged on the first fold."""
    from core.learn.cropping import cropped
    from core.learn.networks import NetworkLearner

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

    known = np.ones_like(images.targets)
    examples = examples_of(images, cropped(jobs_for(images), settings.crop))
    learner = NetworkLearner(
        cache / "benthoscope-learn-networks", settings, examples, one_head(examples.tree), known, 2
    )
    began = time.perf_counter()
    fit = learner.fit(use, watch, said, label=f"{name}-{images.name}")
    seconds = time.perf_counter() - began
    trained = learner.logits(fit, judged)[0]
    logits: dict[str, NDArray[np.float32]] = {}
    for probe in (BASELINE, "recommended"):
        probe_side, of = CANDIDATES[probe]
        x = viewed(images, probe_side, of, weights, cache)
        logits[probe], _ = judged_by(x, images, np.flatnonzero(use), judged, of)
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
    rest = [name for name in CANDIDATES if name != BASELINE]
    parser.add_argument("--candidates", nargs="+", choices=rest, default=rest, help="beside the probe; all by default")
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
            found[images.name] = compare(images, asked.weights, asked.cache, [BASELINE, *asked.candidates])
    append_result(
        "learn",
        {"command": "python -m benchmarks.learn DATA WEIGHTS", "folds": FOLDS, "network": "mobilenet_v2", **found},
        packages=packages,
    )


if __name__ == "__main__":
    main()
