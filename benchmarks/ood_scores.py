"""OOD scores alone: 5,950 reference and 10,744 target vectors of 2,048 numbers, k = 100, reference and target scored.

Baselines: scikit-learn's brute-force cosine neighbours, and cleanlab's OutOfDistribution as its documentation shows.
The product does more than either: it leaves a region's whole dive out, where the baselines leave out at most the region
itself. On target dives that are not in the reference the scores are the same, and are checked to be; on the reference
they are checked with every region as a group of its own. Run as ``python -m benchmarks.ood_scores``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import alternate, append_result

K = 100


@dataclass(frozen=True)
class Collection:
    """Vectors that look like a network's: dives, concepts and runs of near-identical frames, none below zero.

    Attributes:
        embeddings: ``[N, D]`` float32, reference dives first.
        dive, concept: ``[N]`` int64.
        reference: ``[N]`` bool.
    """

    embeddings: NDArray[np.float32]
    dive: NDArray[np.int64]
    concept: NDArray[np.int64]
    reference: NDArray[np.bool_]


def structured(reference: int, target: int, width: int, seed: int = 0) -> Collection:
    """Draw a collection: 24 hidden dimensions of concept, dive and run, through one random rectified layer.

    Concepts are long-tailed; a run is about six frames that differ by a hundredth of what runs differ by; the dives of
    reference and target are different ones.
    """
    rng = np.random.default_rng(seed)
    hidden, concepts, rows = 24, 40, reference + target
    dive = np.concatenate([np.sort(rng.integers(0, 35, reference)), 35 + np.sort(rng.integers(0, 55, target))])
    begins = (rng.random(rows) < 1 / 6) | (np.diff(dive, prepend=-1) != 0)
    run = np.cumsum(begins) - 1
    share = 1.0 / np.arange(1, concepts + 1)
    concept = rng.choice(concepts, run[-1] + 1, p=share / share.sum())[run]
    places = 2.0 * rng.standard_normal((concepts, hidden))[concept]
    places += 0.7 * rng.standard_normal((90, hidden))[dive]
    places += 0.6 * rng.standard_normal((run[-1] + 1, hidden))[run]
    places += 0.06 * rng.standard_normal((rows, hidden))
    layer = rng.standard_normal((hidden, width)) / np.sqrt(hidden)
    bias = -0.8 + 0.3 * rng.standard_normal(width)
    embeddings = np.empty((rows, width), np.float32)
    for start in range(0, rows, 2048):
        part = places[start : start + 2048] @ layer + bias
        embeddings[start : start + 2048] = np.maximum(part + 0.05 * rng.standard_normal(part.shape), 0.0)
    return Collection(embeddings, dive, concept, np.arange(rows) < reference)


def by_scikit_learn(collection: Collection) -> NDArray[np.float32]:
    """Reference regions against all others, target regions against the reference."""
    from sklearn.neighbors import NearestNeighbors

    known, new = collection.embeddings[collection.reference], collection.embeddings[~collection.reference]
    neighbours = NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute").fit(known)
    # Without an argument a region is not its own neighbour.
    both = neighbours.kneighbors()[0], neighbours.kneighbors(new)[0]
    return np.concatenate([distances.mean(axis=1) for distances in both]).astype(np.float32)


def by_cleanlab(collection: Collection) -> NDArray[np.float64]:
    """cleanlab's scores of reference and target; smaller is stranger."""
    from cleanlab.outlier import OutOfDistribution

    detector = OutOfDistribution({"k": K})
    known = detector.fit_score(features=collection.embeddings[collection.reference], verbose=False)
    return np.concatenate([known, detector.score(features=collection.embeddings[~collection.reference])])


def by_product(collection: Collection, *, grouped: bool = True) -> NDArray[np.float32]:
    """All regions, each without its own dive."""
    from core.neighbours.graph import reference_graph
    from core.ood.knn import knn_scores

    groups = collection.dive if grouped else None
    graph = reference_graph(collection.embeddings, groups=groups, reference=collection.reference, k=K)
    return knn_scores(graph.distances, K)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=int, default=5950)
    parser.add_argument("--target", type=int, default=10744)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    collection = structured(options.reference, options.target, options.width)

    scikit = alternate(lambda: by_scikit_learn(collection), lambda: by_product(collection), repeats=options.repeats)
    cleanlab = alternate(
        lambda: by_cleanlab(collection), lambda: by_product(collection), repeats=min(options.repeats, 2)
    )

    target = ~collection.reference
    off_target = float(np.abs(scikit.baseline - scikit.product)[target].max())
    ungrouped = by_product(collection, grouped=False)
    off_reference = float(np.abs(scikit.baseline - ungrouped)[collection.reference].max())
    rank_off = _rank_correlation(-cleanlab.baseline[target], scikit.product[target])
    print(f"scores of {len(target):,} regions, k = {K}, {options.width} numbers each")
    print(f"  against scikit-learn: {scikit}")
    print(f"  against cleanlab:     {cleanlab}")
    print(
        f"  largest difference from scikit-learn: {off_target:.1e} (target), {off_reference:.1e} (reference, ungrouped)"
    )
    print(f"  rank correlation with cleanlab on the target: {rank_off:.6f}")
    if max(off_target, off_reference) > 1e-5:
        raise SystemExit("the scores differ from scikit-learn's by more than 1e-5")
    append_result(
        "ood_scores",
        {
            "reference": options.reference,
            "target": options.target,
            "width": options.width,
            "k": K,
            "scikit_learn": scikit.figures(),
            "cleanlab": cleanlab.figures(),
            "largest_difference": max(off_target, off_reference),
            "rank_correlation_with_cleanlab": round(rank_off, 6),
        },
        packages=("numpy", "torch", "scikit-learn", "cleanlab"),
    )


def _rank_correlation(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (left, right)]
    return float(np.corrcoef(*ranks)[0, 1])


if __name__ == "__main__":
    main()
