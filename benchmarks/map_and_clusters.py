"""From embeddings to scores, map and clusters: 5,950 reference and 10,744 target vectors of 2,048 numbers.

Baseline: scikit-learn's neighbours for the scores, umap-learn from the vectors (its default: no seed, all threads) and
hdbscan on its map, each as its documentation shows. Product: one pass over the similarities, scores without a region's
own dive, UMAP from the graph, HDBSCAN; seeded on one thread, and in fast mode.

Each run is a process of its own, as `benthoscope run` is, timed from its first import to its last label: umap-learn,
pynndescent and hdbscan compile their kernels in every process, and a user waits for that too. ``--warm`` takes turns in
one process instead, all compilers run before. Run as ``python -m benchmarks.map_and_clusters``.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Comparison, alternate, append_result
from benchmarks.ood_scores import Collection, K, by_scikit_learn, structured

SMALLEST, CORE = 50, 10


@dataclass(frozen=True)
class Answer:
    """Scores, a map and its clusters."""

    scores: NDArray[np.float32]
    projection: NDArray[np.float32]
    labels: NDArray[Any]


def by_three_libraries(collection: Collection) -> Answer:
    from hdbscan import HDBSCAN
    from umap import UMAP

    scores = by_scikit_learn(collection)
    projection = UMAP(metric="cosine").fit_transform(collection.embeddings)
    found = HDBSCAN(min_cluster_size=SMALLEST, min_samples=CORE).fit(projection)
    return Answer(scores, projection, found.labels_)


def by_product(collection: Collection, *, fast: bool) -> Answer:
    from core.neighbours.graph import similarity_graphs
    from core.ood.knn import knn_scores
    from core.settings import ClusterSettings, ProjectionSettings
    from core.space.clusters import cluster
    from core.space.projection import project

    graphs = similarity_graphs(
        collection.embeddings, groups=collection.dive, reference=collection.reference, k_all=32, k_reference=K
    )
    scores = knn_scores(graphs.reference.distances, K)
    projection = project(graphs.all, collection.embeddings, ProjectionSettings(fast=fast))
    settings = ClusterSettings(min_cluster_size=SMALLEST, min_samples=CORE)
    return Answer(scores, projection, cluster(projection, settings).labels)


WAYS = {
    "baseline": by_three_libraries,
    "seeded": partial(by_product, fast=False),
    "fast": partial(by_product, fast=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=int, default=5950)
    parser.add_argument("--target", type=int, default=10744)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--mode", choices=("seeded", "fast", "both"), default="both")
    parser.add_argument("--warm", action="store_true", help="take turns in one process, after a first run of each")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FOLDER"), help="for the processes that this one starts")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="umap|sklearn|hdbscan|numba")
    if options.one:
        return in_this_process(options.one[0], Path(options.one[1]))
    collection = structured(options.reference, options.target, options.width)
    for mode in ("seeded", "fast") if options.mode == "both" else (options.mode,):
        compared = warm(collection, mode, options.repeats) if options.warm else fresh(collection, mode, options.repeats)
        report(mode, collection, compared, process="warm" if options.warm else "fresh")
    return None


def warm(collection: Collection, mode: str, repeats: int) -> Comparison[Answer, Answer]:
    small = structured(1500, 3500, 32)
    for way in ("baseline", mode):
        WAYS[way](small)
    baseline, product = partial(WAYS["baseline"], collection), partial(WAYS[mode], collection)
    return alternate(baseline, product, repeats=repeats, warm_up=False)


def fresh(collection: Collection, mode: str, repeats: int) -> Comparison[Answer, Answer]:
    """Pairs of processes; the vectors are read before the clock starts, the libraries after."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "collection").write_bytes(pickle.dumps(collection, protocol=5))
        pairs = [[started(way, folder) for way in ("baseline", mode)] for _ in range(repeats)]
    baseline, product = zip(*pairs, strict=True)
    return Comparison(
        tuple(seconds for seconds, _ in baseline),
        tuple(seconds for seconds, _ in product),
        baseline[-1][1],
        product[-1][1],
    )


def started(way: str, folder: Path) -> tuple[float, Answer]:
    subprocess.run([sys.executable, "-m", __spec__.name, "--one", way, str(folder)], check=True)
    seconds, answer = pickle.loads((folder / "answer").read_bytes())
    return seconds, Answer(**answer)


def in_this_process(way: str, folder: Path) -> None:
    collection = pickle.loads((folder / "collection").read_bytes())
    start = time.perf_counter()
    answer = WAYS[way](collection)
    seconds = time.perf_counter() - start
    (folder / "answer").write_bytes(pickle.dumps((seconds, vars(answer))))


def report(mode: str, collection: Collection, compared: Comparison[Answer, Answer], *, process: str) -> None:
    from sklearn.metrics import adjusted_rand_score

    from core.space.quality import map_quality

    target = ~collection.reference
    off = float(np.abs(compared.baseline.scores - compared.product.scores)[target].max())
    before = map_quality(collection.embeddings, compared.baseline.projection)
    after = map_quality(collection.embeddings, compared.product.projection)
    agreement = {
        "baseline with product": adjusted_rand_score(compared.baseline.labels, compared.product.labels),
        "baseline with concepts": adjusted_rand_score(collection.concept, compared.baseline.labels),
        "product with concepts": adjusted_rand_score(collection.concept, compared.product.labels),
    }
    print(f"embeddings to scores, map and clusters, {len(target):,} regions, {mode}, {process} processes: {compared}")
    print(f"  trustworthiness {before.trustworthiness:.4f} baseline, {after.trustworthiness:.4f} product")
    print(f"  continuity      {before.continuity:.4f} baseline, {after.continuity:.4f} product")
    print("  adjusted Rand index " + ", ".join(f"{name} {value:.3f}" for name, value in agreement.items()))
    print(f"  largest difference of target scores {off:.1e}")
    append_result(
        "map_and_clusters",
        {
            "mode": mode,
            "process": process,
            "rows": len(target),
            "width": int(collection.embeddings.shape[1]),
            **compared.figures(),
            "trustworthiness": [round(before.trustworthiness, 4), round(after.trustworthiness, 4)],
            "continuity": [round(before.continuity, 4), round(after.continuity, 4)],
            "adjusted_rand": {name: round(float(value), 4) for name, value in agreement.items()},
            "largest_score_difference": off,
        },
        packages=("numpy", "torch", "scikit-learn", "umap-learn", "hdbscan", "numba"),
    )
    if off > 1e-5:
        raise SystemExit("the scores differ from scikit-learn's by more than 1e-5")


if __name__ == "__main__":
    main()
