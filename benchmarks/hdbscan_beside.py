"""HDBSCAN two ways on the same maps: the product's (``hdbscan``, exact tree, one thread) and ``fast_hdbscan``.

    pip install --no-deps --target FOLDER fast_hdbscan==0.3.4
    PYTHONPATH=FOLDER python -m benchmarks.hdbscan_beside MAP.npy…

Every map is an array of points, as a run's ``projection`` artefact or `benchmarks.scale` leave it. Both take turns in
one process after a small map each (fast_hdbscan compiles at its first call); the line says both times, the ratio, how
many clusters each finds and how alike they are (adjusted Rand index, Hubert & Arabie 1985; 1 is the same).
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.common import alternate, append_result
from core.settings import ClusterSettings
from core.space.clusters import cluster


def _noise(labels: np.ndarray) -> float:
    return round(float((labels < 0).mean()), 4)


def main() -> None:
    """A line a map."""
    from fast_hdbscan import HDBSCAN
    from sklearn.metrics import adjusted_rand_score

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()

    def fast(points: np.ndarray, smallest: int, core: int) -> np.ndarray:
        found = HDBSCAN(min_cluster_size=smallest, min_samples=core, cluster_selection_method="eom")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(found.fit_predict(points))

    small = np.random.default_rng(0).normal(size=(2000, 2))
    cluster(small)
    fast(small, 20, 10)
    for path in asked.maps:
        points = np.ascontiguousarray(np.load(path), dtype=np.float64)
        smallest = int(np.clip(round(0.01 * len(points)), 5, 50))  # as the product chooses when nothing is said
        core = min(smallest, 10)
        settings = ClusterSettings(min_cluster_size=smallest, min_samples=core)
        found = alternate(
            lambda points=points, smallest=smallest, core=core: fast(points, smallest, core),
            lambda points=points, settings=settings: cluster(points, settings),
            repeats=asked.repeats,
            warm_up=False,
        )
        theirs, ours = found.baseline, found.product.labels
        figures = {
            "points": len(points),
            "min_cluster_size": smallest,
            "min_samples": core,
            **found.figures(),
            "clusters": {"fast_hdbscan": int(theirs.max()) + 1, "hdbscan": int(ours.max()) + 1},
            "noise": {
                "fast_hdbscan": round(float((theirs < 0).mean()), 4),
                "hdbscan": round(float((ours < 0).mean()), 4),
            },
            "ari": round(float(adjusted_rand_score(theirs, ours)), 4),
        }
        print(f"{len(points):,} points: hdbscan {found}; ARI {figures['ari']}", flush=True)
        append_result("hdbscan_beside", figures, packages=("hdbscan", "fast_hdbscan", "numba"))


if __name__ == "__main__":
    main()
