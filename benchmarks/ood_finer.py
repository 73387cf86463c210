"""Does a finer look tell a concept that was held out? Whole frames, a larger input and tiles beside each other.

    python -m benchmarks.ood_finer ../shared/data ../shared/weights

The question is that of ``benchmarks/ood.py``: a random half of TrashCan's 16:9 videos without the concept is the
reference; frames of the other half are known, or unknown where they hold the concept. Each frame has the score of its
strangest region. Two figures: AUROC over all frames with intervals over videos, in which a strange video counts as
much as a strange thing; and the same over pairs of frames of one video only, where the video can tell nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import append_result
from benchmarks.ood import BODY, CONCEPTS, RESAMPLES, listed
from core.catalogue.regions import tiles
from core.embed.load import load_embedder
from core.embed.loop import EmbeddedBatch, RegionJob, embed_regions
from core.evaluate.separation import separation
from core.ood.registry import DETECTORS
from core.settings import EmbedSettings, RegionSettings

LOOKS = {
    "whole frames": (RegionSettings(), 224),
    "whole frames at 448": (RegionSettings(), 448),
    "tiles 2x3": (RegionSettings("tiles", 2, 3), 224),
}
"""Regions and the shorter side of the network's input, by name."""
JUDGES = ("knn", "ensemble")


def embed(images: list[Path], regions: RegionSettings, side: int, weights: Path) -> tuple[NDArray, NDArray[np.int64]]:
    """Vectors of all regions and the image that each lies in."""
    embedder = load_embedder(EmbedSettings(embedder="mobilenet_v2", weights=str(weights / BODY), short_side=side))
    jobs, of = [], []
    for number, path in enumerate(images):
        with Image.open(path) as image:
            width, height = image.size
        boxes = tiles(width, height, regions) if regions.kind == "tiles" else [None]
        jobs += [RegionJob(f"{number} {place}", path, width, height, box) for place, box in enumerate(boxes)]
        of += [number] * len(boxes)
    vectors = np.full((len(jobs), embedder.dimension), np.nan, np.float32)

    def take(batch: EmbeddedBatch) -> None:
        vectors[batch.indices] = batch.vectors

    report = embed_regions(jobs, embedder, on_batch=take)
    if report.failures:
        raise SystemExit(f"{len(report.failures)} images cannot be read: {report.failures[0].reason}")
    return vectors, np.array(of)


def within(scores: NDArray, unknown: NDArray[np.bool_], videos: NDArray) -> tuple[float, float, float]:
    """AUROC over pairs of one video, and its 95 % interval over videos; NaN where no video holds both kinds."""
    wins, pairs = [], []
    for video in np.unique(videos[unknown]):
        new, old = scores[unknown & (videos == video)], scores[~unknown & (videos == video)]
        if len(old):
            above = (new[:, None] > old).sum() + 0.5 * (new[:, None] == old).sum()
            wins.append(above)
            pairs.append(len(new) * len(old))
    if not pairs:
        return np.nan, np.nan, np.nan
    won, made = np.array(wins, float), np.array(pairs, float)
    drawn = np.random.default_rng(0).integers(len(made), size=(RESAMPLES, len(made)))
    spread = won[drawn].sum(axis=1) / made[drawn].sum(axis=1)
    return won.sum() / made.sum(), *np.quantile(spread, [0.025, 0.975])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--halves", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for embeddings")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    items = [item for item in listed(asked.data) if item[0] == "wide"]
    videos = np.unique([item[2] for item in items], return_inverse=True)[1].astype(np.int64)
    figures: dict[str, dict[str, list[tuple[float, ...]]]] = {}
    for look, (regions, side) in LOOKS.items():
        file = asked.cache / f"benthoscope-finer-{look.replace(' ', '-')}.npz"
        if not file.is_file():
            vectors, of = embed([item[1] for item in items], regions, side, asked.weights)
            np.savez(file, vectors=vectors, of=of)
        with np.load(file, allow_pickle=False) as kept:
            vectors, of = kept["vectors"], kept["of"]
        for turn in range(asked.halves):
            order = np.random.default_rng(turn).permutation(np.unique(videos))
            first = np.isin(videos, order[: len(order) // 2])
            for concept in CONCEPTS:
                holds = np.array([concept in item[3] for item in items])
                known = (first & ~holds)[of]
                rows = np.flatnonzero(~first)
                for judge in JUDGES:
                    fitted = DETECTORS[judge].fit(vectors[known], groups=videos[of][known])
                    strangest = np.full(len(items), -np.inf)
                    np.maximum.at(strangest, of, fitted.score(vectors))
                    among = separation(strangest[rows], holds[rows], videos[rows], resamples=RESAMPLES).auroc
                    inside = within(strangest[rows], holds[rows], videos[rows])
                    figures.setdefault(f"{look}, {judge}", {}).setdefault(concept, []).append(
                        (among.value, among.low, among.high, *inside)
                    )
            print(f"{look}: half {turn + 1} of {asked.halves} done", flush=True)
    table = {
        look: {
            concept: dict(
                zip(("auroc", "within"), np.nanmean(found, axis=0).reshape(2, 3).round(3).tolist(), strict=True)
            )
            for concept, found in of.items()
        }
        for look, of in figures.items()
    }
    for look, of in table.items():
        print(f"\n{look}: AUROC over all frames, and within videos, each with its 95 % interval")
        for concept, found in of.items():
            shown = "   ".join("{:.3f} [{:.3f}, {:.3f}]".format(*found[key]) for key in ("auroc", "within"))
            print(f"  {concept:24s} {shown}")
        mean = [np.mean([found[key][0] for found in of.values()]) for key in ("auroc", "within")]
        print(f"  {'mean':24s} {mean[0]:.3f}                  {mean[1]:.3f}")
    append_result("ood_finer", {"halves": asked.halves, "table": table}, packages=("torch", "torchvision"))


if __name__ == "__main__":
    main()
