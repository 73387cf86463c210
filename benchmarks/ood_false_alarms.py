"""How often detectors flag videos with nothing new in them: random splits of real videos, by groups and by frames.

    python -m benchmarks.ood_false_alarms ../shared/data ../shared/weights [--splits 200]

Of TrashCan's 16:9 videos, 60 at random are the reference and the others are new, though nothing in them is. The rate is
a mean over each new video's frames, then over videos, then over splits; its interval is a bootstrap over videos (each
video's mean over the splits in which it was new). Beside it, calibration on random frames as if each were independent.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks.common import append_result
from benchmarks.ood import read
from core.evaluate.intervals import Interval, group_mean
from core.neighbours.graph import reference_graph
from core.ood.conformal import flag
from core.ood.halves import detect
from core.ood.knn import knn_scores
from core.ood.registry import DETECTORS

ALPHA = 0.05
REFERENCE_VIDEOS = 60
K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for embeddings")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    all_ = read(asked.data, None, asked.weights, asked.cache)
    wide = all_.kind == "wide"
    vectors, logits, groups = all_.vectors[wide], all_.logits[wide], all_.groups[wide]
    videos = np.unique(groups)
    rates: dict[str, list[tuple[int, float]]] = {}

    def note(name: str, flagged: np.ndarray, new: np.ndarray) -> None:
        for video in np.unique(groups[new]):
            rates.setdefault(name, []).append((int(video), float(flagged[groups == video].mean())))

    for split in range(asked.splits):
        known = np.random.default_rng(split).permutation(videos)[:REFERENCE_VIDEOS]
        reference = np.isin(groups, known)
        for calibration, own in (("by video", groups), ("by frame", np.arange(len(groups)))):
            graph = reference_graph(vectors, reference=reference, groups=own, k=K)
            found = flag(knn_scores(graph.distances, K), own, reference, ALPHA)
            note(f"knn {calibration}", found.flagged, ~reference)
            for name, detector in DETECTORS.items():
                if name != "knn":
                    seen = detect(detector, vectors, reference, own, alpha=ALPHA, logits=logits, seed=split)
                    note(f"{name} {calibration}", seen.flagged, ~reference)
        print(f"split {split + 1} of {asked.splits} done", flush=True)
    figures: dict[str, Interval] = {}
    for name, pairs in sorted(rates.items()):
        video, rate = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
        figures[name] = group_mean(rate, video)
        print(f"{name:30s} {figures[name]}  of new videos' frames flagged at alpha {ALPHA}")
    append_result(
        "ood_false_alarms",
        {"splits": asked.splits, "alpha": ALPHA, "rates": {name: found.to_json() for name, found in figures.items()}},
        packages=("torch", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
