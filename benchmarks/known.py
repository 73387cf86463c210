"""What joining frames that reviewers judged known does to false alarms and to what is truly new.

    python -m benchmarks.known ../shared/data ../shared/weights [--splits 100]

Of TrashCan's 16:9 videos, 60 at random are the reference and the others are new, though nothing in them is. A reviewer
looks at the strangest tenth of half of these videos and judges all of it known. Then everything is scored again with
those frames in the reference: by our rule (groups apart, p-values count the original reference alone), and by the plain
one (the joined frames counted too). Rates are a mean over each video's frames, then over videos and splits, with a
bootstrap over videos. The 4:3 camera's videos, cut to 16:9, stand for what is truly new: their rate is to stay.
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
from core.ood.knn import knn_scores

ALPHA = 0.05
REFERENCE_VIDEOS = 60
K = 10
SHARE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()), help="folder for embeddings")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    all_ = read(asked.data, None, asked.weights, asked.cache)
    kept = np.isin(all_.kind, ("wide", "cut"))
    vectors, groups, wide = all_.vectors[kept], all_.groups[kept], all_.kind[kept] == "wide"
    videos = np.unique(groups[wide])
    pairs: dict[str, list[tuple[int, float]]] = {}

    def note(name: str, flagged: np.ndarray, rows: np.ndarray) -> None:
        for video in np.unique(groups[rows]):
            pairs.setdefault(name, []).append((int(video), float(flagged[rows & (groups == video)].mean())))

    for split in range(asked.splits):
        order = np.random.default_rng(split).permutation(videos)
        reference = wide & np.isin(groups, order[:REFERENCE_VIDEOS])
        rest = order[REFERENCE_VIDEOS:]
        reviewed, untouched = (wide & np.isin(groups, part) for part in np.array_split(rest, 2))
        scores = knn_scores(reference_graph(vectors, reference=reference, groups=groups, k=K).distances, K)
        before = flag(scores, groups, reference, ALPHA).flagged
        joined = reviewed & (scores >= np.quantile(scores[reviewed], 1 - SHARE))
        known = reference | joined
        again = knn_scores(reference_graph(vectors, reference=known, groups=groups, k=K).distances, K)
        sides = {"untouched videos": untouched, "reviewed videos": reviewed & ~joined, "the other camera": ~wide}
        for name, flagged in (
            ("before", before),
            ("after", flag(again, groups, reference, ALPHA).flagged),
            ("after, joined frames counted", flag(again, groups, known, ALPHA).flagged),
        ):
            for side, rows in sides.items():
                note(f"{side}, {name}", flagged, rows)
    figures: dict[str, Interval] = {}
    for name, found in sorted(pairs.items()):
        figures[name] = group_mean(np.array([rate for _, rate in found]), np.array([video for video, _ in found]))
        print(f"{name:48s} {figures[name]} flagged at alpha {ALPHA}")
    append_result(
        "known",
        {"splits": asked.splits, "alpha": ALPHA, "rates": {name: found.to_json() for name, found in figures.items()}},
        packages=("torch",),
    )


if __name__ == "__main__":
    main()
