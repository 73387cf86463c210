"""From embeddings to scores, map and clusters: 5,950 reference and 10,744 target vectors of 2,048 numbers.

Baseline: scikit-learn's neighbours for the scores, umap-learn from the vectors (its default: no seed, all threads) and
hdbscan on its map, each as its documentation shows. Product: one pass over the similarities, scores without a region's
own dive, UMAP from the graph, HDBSCAN; seeded on one thread, and in fast mode. Imports and compilers are warmed up for
all. Run as ``python -m benchmarks.map_and_clusters``; the baseline takes about a minute, so one or two repeats do.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Comparison, alternate, append_result
from benchmarks.ood_scores import Collection, K, by_scikit_learn, structured
from core.neighbours.graph import similarity_graphs
from core.ood.knn import knn_scores
from core.settings import ClusterSettings, ProjectionSettings
from core.space.clusters import cluster
from core.space.projection import project
from core.space.quality import map_quality

CLUSTERS = ClusterSettings(min_cluster_size=50, min_samples=10)


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
    found = HDBSCAN(min_cluster_size=CLUSTERS.min_cluster_size, min_samples=CLUSTERS.min_samples).fit(projection)
    return Answer(scores, projection, found.labels_)


def by_product(collection: Collection, *, fast: bool) -> Answer:
    graphs = similarity_graphs(
        collection.embeddings, groups=collection.dive, reference=collection.reference, k_all=32, k_reference=K
    )
    scores = knn_scores(graphs.reference.distances, K)
    projection = project(graphs.all, collection.embeddings, ProjectionSettings(fast=fast))
    return Answer(scores, projection, cluster(projection, CLUSTERS).labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=int, default=5950)
    parser.add_argument("--target", type=int, default=10744)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--mode", choices=("seeded", "fast", "both"), default="both")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="umap|sklearn|hdbscan|numba")
    small = structured(1500, 3500, 32)
    for warm in (by_three_libraries, partial(by_product, fast=False), partial(by_product, fast=True)):
        warm(small)
    collection = structured(options.reference, options.target, options.width)
    for mode in ("seeded", "fast") if options.mode == "both" else (options.mode,):
        compared = alternate(
            partial(by_three_libraries, collection),
            partial(by_product, collection, fast=mode == "fast"),
            repeats=options.repeats,
            warm_up=False,
        )
        report(mode, collection, compared)


def report(mode: str, collection: Collection, compared: Comparison[Answer, Answer]) -> None:
    from sklearn.metrics import adjusted_rand_score

    target = ~collection.reference
    off = float(np.abs(compared.baseline.scores - compared.product.scores)[target].max())
    before = map_quality(collection.embeddings, compared.baseline.projection)
    after = map_quality(collection.embeddings, compared.product.projection)
    agreement = {
        "baseline with product": adjusted_rand_score(compared.baseline.labels, compared.product.labels),
        "baseline with concepts": adjusted_rand_score(collection.concept, compared.baseline.labels),
        "product with concepts": adjusted_rand_score(collection.concept, compared.product.labels),
    }
    print(f"embeddings to scores, map and clusters, {len(target):,} regions, {mode}: {compared}")
    print(f"  trustworthiness {before.trustworthiness:.4f} baseline, {after.trustworthiness:.4f} product")
    print(f"  continuity      {before.continuity:.4f} baseline, {after.continuity:.4f} product")
    print("  adjusted Rand index " + ", ".join(f"{name} {value:.3f}" for name, value in agreement.items()))
    print(f"  largest difference of target scores {off:.1e}")
    append_result(
        "map_and_clusters",
        {
            "mode": mode,
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
