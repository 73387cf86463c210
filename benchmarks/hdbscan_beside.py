"""Clusters of large maps beside hdbscan's own, on the same points: time, likeness, and the same bytes again.

    python -m benchmarks.hdbscan_beside MAP.npy… [--rows N] [--repeats 3]

Every map is an array of points, as a run's ``projection`` artefact leaves it; ``--rows`` draws so many of them. Past
`core.space.clusters.FLAT_PAST` points the product finds the spanning tree in its own way (`core.space.spanning`), so
this forces that way at every size; hdbscan is called as the product calls it below. Both take turns in one process;
then the product's is asked in fresh processes for the same bytes. A line says times, ratio, clusters, how
alike they are (adjusted Rand index, Hubert & Arabie 1985; 1 is the same), and how alike hdbscan's are to its own on
the same points in another order: edges that are equally long are its to choose by row.

Lines before 22 Nov 2026 compare hdbscan with fast_hdbscan 0.3.4 on two threads, which did not find the same twice.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from benchmarks.common import alternate, append_result
from core.settings import ClusterSettings
from core.space import clusters
from core.space.clusters import Clusters, cluster

PERMUTED_UP_TO = 250_000
"""Points up to which hdbscan is asked once more, with the rows in another order."""


def points_of(path: Path, rows: int) -> np.ndarray:
    """``[N, 2]`` float64, drawn by chance where there are more than asked for."""
    points = np.ascontiguousarray(np.load(path), dtype=np.float64)
    if rows and rows < len(points):
        points = points[np.sort(np.random.default_rng(0).choice(len(points), rows, replace=False))]
    return points


def digest(found: Clusters) -> str:
    """Of every byte of the clusters."""
    tree = found.tree
    arrays = (found.labels, found.probabilities, found.outlier_scores, found.persistence, found.nodes)
    state = hashlib.sha256()
    for array in (*arrays, tree.parent, tree.child, tree.density, tree.size):
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def theirs(points: np.ndarray, settings: ClusterSettings) -> np.ndarray:
    """hdbscan's labels; as in the product, it makes its outlier scores too."""
    from hdbscan import HDBSCAN

    way = {"algorithm": "boruvka_kdtree", "approx_min_span_tree": False, "core_dist_n_jobs": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = HDBSCAN(settings.min_cluster_size, settings.min_samples, **way).fit(points)
        assert len(found.outlier_scores_) == len(points)
    return np.asarray(found.labels_)


def main() -> None:
    """A line a map."""
    from sklearn.metrics import adjusted_rand_score

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=0, help="of each map; all by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=3, help="fresh ones, asked for the same bytes")
    parser.add_argument("--digest", action="store_true", help="print the digest of the product's clusters alone")
    asked = parser.parse_args()
    clusters.FLAT_PAST = 0
    if asked.digest:
        print(digest(cluster(points_of(asked.maps[0], asked.rows))))
        return
    small = np.random.default_rng(0).normal(size=(2000, 2))
    cluster(small)
    theirs(small, ClusterSettings(min_cluster_size=20, min_samples=10))
    for path in asked.maps:
        points = points_of(path, asked.rows)
        smallest = int(np.clip(round(0.01 * len(points)), 5, 50))  # as the product chooses when nothing is said
        settings = ClusterSettings(min_cluster_size=smallest, min_samples=min(smallest, 10))

        found = alternate(
            lambda points=points, settings=settings: theirs(points, settings),
            lambda points=points, settings=settings: cluster(points, settings),
            repeats=asked.repeats,
            warm_up=False,
        )
        alike = {"product": round(float(adjusted_rand_score(found.baseline, found.product.labels)), 4)}
        if len(points) <= PERMUTED_UP_TO:
            order = np.random.default_rng(1).permutation(len(points))
            other = theirs(points[order], settings)
            alike["hdbscan, rows in another order"] = round(float(adjusted_rand_score(found.baseline[order], other)), 4)
        command = [sys.executable, "-m", "benchmarks.hdbscan_beside", str(path), "--digest", "--rows", str(asked.rows)]
        fresh = {digest(found.product)}
        for _ in range(asked.processes):
            fresh.add(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
        labels = {"hdbscan": found.baseline, "product": found.product.labels}
        figures = {
            "points": len(points),
            "min_cluster_size": smallest,
            "min_samples": settings.min_samples,
            **found.figures(),
            "clusters": {name: int(values.max()) + 1 for name, values in labels.items()},
            "noise": {name: round(float((values < 0).mean()), 4) for name, values in labels.items()},
            "ari_to_hdbscan": alike,
            "fresh_processes": asked.processes,
            "same_bytes_in_all": len(fresh) == 1,
        }
        print(f"{len(points):,} points: {found}; {alike}; same bytes: {len(fresh) == 1}", flush=True)
        append_result("hdbscan_beside", figures, packages=("hdbscan", "scipy", "numpy"))


if __name__ == "__main__":
    main()
