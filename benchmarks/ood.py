"""Which detector tells the unknown from the known, on real images: all of ours beside cleanlab and pytorch-ood.

    benthoscope demo --no-serve --workspace DEMO
    python -m benchmarks.ood ../shared/data ../shared/weights --demo DEMO/demo-collection

Reference: a random half of TrashCan's 16:9 videos; known: the other half. Unknown in turn: the 4:3 camera (whole
frames, and cut to 16:9 so that no detector can tell frames by their shape), coral reefs, aquaria, and each of eight
concepts that was held out of the reference; and the animals of the demonstration's deep dives, with a half of its
shallow dives as reference. The suggested detector has the best mean AUROC over one half of the 4:3 videos (mean of both
ways of showing them) and the demonstration's new animals; what is reported is the other half and the rest. Intervals
are bootstraps over videos or dives, averaged over the halves.

Whole frames of the 4:3 camera are partly told by their padding: read the cut ones for what is left of it. Held-out
concepts lie near chance for every detector and baseline with these weights, some below: a small object hardly moves the
vector of a whole frame, and whether a video shows one goes with what else it shows. Tiles do not lift them, a larger
input does a little once frames are compared within their videos: see ``benchmarks/ood_finer.py``.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import append_result
from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.evaluate.separation import auroc_gain, separation
from core.ood.detector import Detector
from core.ood.registry import DETECTORS
from core.settings import EmbedSettings

CONCEPTS = (
    *("trash_unknown_instance", "trash_bag", "unknown_object", "plant"),
    *("animal_eel", "animal_fish", "trash_can", "animal_starfish"),
)
RESAMPLES = 300
BODY, WHOLE = "mobilenet_v2-imagenet1k-features.safetensors", "mobilenet_v2-imagenet1k.safetensors"
BASELINES = ("cleanlab", "pytorch-ood KNN", "pytorch-ood Mahalanobis", "pytorch-ood RMD", "pytorch-ood ViM")
Scorer = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Collection:
    """Every image once.

    `kind` is wide, tall, cut (tall frames cut to 16:9), coral or aquarium; of the demonstration shallow, new (deep,
    with an animal that the reference lacks) or deep; its later camera takes no part.
    """

    vectors: NDArray[np.float32]
    logits: NDArray[np.float32]
    kind: NDArray[np.str_]
    groups: NDArray[np.int64]
    labels: list[frozenset[str]]


def listed_demo(demo: Path) -> Iterator[tuple[str, Path, str, frozenset[str], bool]]:
    """The same of a rendered demonstration."""
    with (demo / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["filename"]: row for row in csv.DictReader(file)}
    with (demo / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            of = truth[row["filename"]]
            if of["later_camera"] == "false":
                shallow = float(row["depth_m"]) < 800
                kind = "new" if of["new_to_reference"] == "true" else "shallow" if shallow else "deep"
                labels = frozenset(row["labels"].split(";"))
                yield kind, demo / "images" / row["filename"], f"demo {row['dive']}", labels, False


def listed(data: Path) -> Iterator[tuple[str, Path, str, frozenset[str], bool]]:
    """Kind, file, group, labels and whether to cut the file to 16:9."""
    with (data / "trashcan" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for kind, camera in (("wide", "16:9"), ("tall", "4:3"), ("cut", "4:3")):
        for row in rows:
            if row["camera"] == camera:
                labels = frozenset(row["labels"].split(";"))
                yield kind, data / "trashcan" / "images" / row["filename"], row["video"], labels, kind == "cut"
    for path in sorted((data / "coral_kohtao" / "images").rglob("*.jpg"))[::3]:
        yield "coral", path, f"coral {path.stem.rpartition('_')[0]}", frozenset(), False
    for path in sorted((data / "aquarium_yolo").rglob("*.jpg")):
        yield "aquarium", path, f"aquarium {path.stem}", frozenset(), False


def embed(items: list[tuple[str, Path, str, frozenset[str], bool]], weights: Path) -> NDArray[np.float32]:
    """``[N, 1280]`` of the listed images, by the product's own loop."""
    embedder = load_embedder(EmbedSettings(embedder="mobilenet_v2", weights=str(weights / BODY)))
    jobs = []
    for number, (_, path, _, _, cut) in enumerate(items):
        with Image.open(path) as image:
            width, height = image.size
        box = (0.0, (height - width * 9 / 16) / 2, float(width), width * 9 / 16) if cut else None
        jobs.append(RegionJob(str(number), path, width, height, box))
    vectors = np.full((len(jobs), embedder.dimension), np.nan, np.float32)

    def take(batch: EmbeddedBatch) -> None:
        vectors[batch.indices] = batch.vectors

    report = embed_regions(jobs, embedder, on_batch=take)
    if report.failures:
        raise SystemExit(f"{len(report.failures)} images cannot be read: {report.failures[0].reason}")
    return vectors


def read(data: Path, demo: Path | None, weights: Path, cache: Path) -> Collection:
    """Embeddings from the cache or computed, and the logits of ImageNet's head on them."""
    from safetensors.numpy import load_file

    items, parts = [], []
    sources = {"real": listed(data)} | ({"demo": listed_demo(demo)} if demo else {})
    for name, source in sources.items():
        images = list(source)
        file = cache / f"benthoscope-ood-{name}.npy"
        if not file.is_file():
            np.save(file, embed(images, weights))
        items += images
        parts.append(np.load(file, allow_pickle=False))
        if len(parts[-1]) != len(images):
            raise SystemExit(f"{file} holds other images; remove it and run again")
    vectors = np.concatenate(parts)
    head = load_file(weights / WHOLE)
    logits = vectors @ head["classifier.1.weight"].T + head["classifier.1.bias"]
    groups = np.unique([item[2] for item in items], return_inverse=True)[1].astype(np.int64)
    return Collection(vectors, logits, np.array([item[0] for item in items]), groups, [item[3] for item in items])


def scorers(all_: Collection, weights: Path) -> dict[str, Scorer]:
    """``score(reference rows, target rows)`` of every detector and baseline; each fits on the reference alone."""
    import torch
    from cleanlab.outlier import OutOfDistribution
    from pytorch_ood import detector as theirs
    from safetensors.torch import load_file

    def ours(detector: Detector) -> Scorer:
        def score(known: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
            fitted = detector.fit(all_.vectors[known], all_.logits[known], all_.groups[known])
            return fitted.score(all_.vectors[asked], all_.logits[asked])

        return score

    def cleanlab(known: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        found = OutOfDistribution()
        found.fit(features=all_.vectors[known], verbose=False)
        return -found.score(features=all_.vectors[asked])  # cleanlab's are larger for the typical

    features = torch.from_numpy(all_.vectors)
    # They want one class an image: the first of its labels.
    classes = np.unique([min(labels, default="") for labels in all_.labels], return_inverse=True)[1]

    def pytorch_ood(make: Callable[[], object]) -> Scorer:
        def score(known: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
            labels = torch.from_numpy(np.unique(classes[known], return_inverse=True)[1])
            fitted = make().fit_features(features[known], labels)  # type: ignore[attr-defined]
            return fitted.predict_features(features[asked]).double().numpy()

        return score

    head = load_file(weights / WHOLE)
    vim = theirs.ViM(None, d=64, w=head["classifier.1.weight"], b=head["classifier.1.bias"])
    made = (
        None,
        *(
            pytorch_ood(m)
            for m in (lambda: theirs.KNN(None), lambda: theirs.Mahalanobis(None), lambda: theirs.RMD(None), lambda: vim)
        ),
    )
    baselines = {name: scorer or cleanlab for name, scorer in zip(BASELINES, made, strict=True)}
    return {name: ours(detector) for name, detector in DETECTORS.items()} | baselines


def questions(
    all_: Collection, turn: int
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Name, reference rows, known rows and unknown rows of each question, for one random half of the videos."""
    wide = np.flatnonzero(all_.kind == "wide")
    videos = np.random.default_rng(turn).permutation(np.unique(all_.groups[wide]))
    first = np.isin(all_.groups[wide], videos[: len(videos) // 2])
    reference, known = wide[first], wide[~first]
    tall = np.unique(all_.groups[all_.kind == "tall"])
    chosen = np.random.default_rng(100).permutation(tall)[: len(tall) // 2]
    for kind, name in (("tall", "4:3 camera"), ("cut", "4:3 camera cut to 16:9")):
        rows = np.flatnonzero(all_.kind == kind)
        choosing = np.isin(all_.groups[rows], chosen)
        yield f"{name}, to choose by", reference, known, rows[choosing]
        yield f"{name}, to report", reference, known, rows[~choosing]
    for kind in ("coral", "aquarium"):
        yield kind, reference, known, np.flatnonzero(all_.kind == kind)
    shallow = np.flatnonzero(all_.kind == "shallow")
    if len(shallow):
        dives = np.random.default_rng(turn).permutation(np.unique(all_.groups[shallow]))
        first_dives = np.isin(all_.groups[shallow], dives[: len(dives) // 2])
        old = np.concatenate([shallow[~first_dives], np.flatnonzero(all_.kind == "deep")])
        old = old[~np.isin(all_.groups[old], dives[: len(dives) // 2])]
        new = np.flatnonzero(all_.kind == "new")
        new = new[~np.isin(all_.groups[new], dives[: len(dives) // 2])]
        yield "demo's new animals, to choose by", shallow[first_dives], old, new
    for concept in CONCEPTS:
        holds = np.array([concept in labels for labels in all_.labels])
        yield f"concept {concept}", reference[~holds[reference]], known[~holds[known]], known[holds[known]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--halves", type=int, default=5)
    parser.add_argument("--demo", type=Path, help="a rendered demonstration collection")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for embeddings")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    all_ = read(asked.data, asked.demo, asked.weights, asked.cache)
    methods = scorers(all_, asked.weights)
    figures: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    gains: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for turn in range(asked.halves):
        fits: dict[bytes, dict[str, NDArray[np.float64]]] = {}
        for question, reference, known, unknown in questions(all_, turn):
            if len(unknown) == 0:
                continue
            everyone = np.arange(len(all_.kind))
            if reference.tobytes() not in fits:
                fits = {reference.tobytes(): {name: score(reference, everyone) for name, score in methods.items()}}
            scores = fits[reference.tobytes()]
            rows = np.concatenate([known, unknown])
            truth, groups = np.arange(len(rows)) >= len(known), all_.groups[rows]
            for name in methods:
                found = separation(scores[name][rows], truth, groups, resamples=RESAMPLES).auroc
                figures.setdefault(question, {}).setdefault(name, []).append((found.value, found.low, found.high))
                if name in DETECTORS and question.endswith("report"):
                    for base in BASELINES:
                        gain = auroc_gain(scores[name][rows], scores[base][rows], truth, groups, resamples=RESAMPLES)
                        of = gains.setdefault(question, {}).setdefault(f"{name} - {base}", [])
                        of.append((gain.value, gain.low, gain.high))
        print(f"half {turn + 1} of {asked.halves} done", flush=True)
    report(figures, gains, asked.halves)


def report(
    figures: dict[str, dict[str, list[tuple[float, float, float]]]],
    gains: dict[str, dict[str, list[tuple[float, float, float]]]],
    halves: int,
) -> None:
    """Print and keep the table, and which detector is suggested."""
    table = {
        q: {n: [round(float(v), 3) for v in np.mean(f, axis=0)] for n, f in of.items()} for q, of in figures.items()
    }
    for question, of in table.items():
        print(f"\n{question}: AUROC, mean of {len(figures[question]['knn'])} halves [95 % interval over videos]")
        for name, (value, low, high) in sorted(of.items(), key=lambda item: -item[1][0]):
            print(f"  {name:26s} {value:.3f} [{low:.3f}, {high:.3f}]")
    cameras = [question for question in table if question.endswith("choose by") and "camera" in question]
    animals = [question for question in table if question.endswith("choose by") and "animals" in question]

    def worth(name: str) -> float:
        kinds = [np.mean([table[q][name][0] for q in of]) for of in (cameras, animals) if of]
        return float(np.mean(kinds))

    for name in sorted(DETECTORS, key=worth, reverse=True):
        print(f"  to choose by: {name:22s} {worth(name):.3f}")
    suggested = max(DETECTORS, key=worth)
    print(f"\nsuggested (best to choose by): {suggested}")
    gained = {}
    for question, of in gains.items():
        best = max(BASELINES, key=lambda name: table[question][name][0])
        value, low, high = (round(float(v), 3) for v in np.mean(of[f"{suggested} - {best}"], axis=0))
        gained[question] = {"over": best, "gain": value, "low": low, "high": high}
        print(f"  {question}: {value:+.3f} [{low:+.3f}, {high:+.3f}] over {best}")
    append_result(
        "ood",
        {"halves": halves, "suggested": suggested, "gained": gained, "auroc": table},
        packages=("torch", "torchvision", "scikit-learn", "cleanlab", "pytorch-ood"),
    )


if __name__ == "__main__":
    main()
