"""How time and memory grow: similarity pass, scores, projection and clusters of 1k, 10k, 100k and a million vectors.

    python -m benchmarks.scale                        # 1,000, 10,000 and 100,000 vectors of 256 numbers
    python -m benchmarks.scale --rows 1000000         # once; one to two hours on two cores
    python -m benchmarks.scale --fit                  # exponents from the newest line of every size and stage

Vectors are structured (concepts, dives and runs of like frames in 24 hidden dimensions through a rectified layer: in
isotropic noise all neighbours are equally far and recall means nothing), stored as float16 and read through a memory
map. Every size is a process of its own, every stage writes its line when it ends. Memory is the process's own, without
the mapped file. The map is made by the fast layout. Where the graph is approximate its recall is measured against exact
neighbours of a sample; ``--both`` also makes the exact one and compares every row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.common import RESULTS, append_result

T = TypeVar("T")
WIDTH, ALL, KNOWN = 256, 32, 100
EXACT_UP_TO = 200_000
PACKAGES = ("numpy", "torch", "numba", "hdbscan")


def make(rows: int, folder: Path) -> None:
    """Write vectors, dives and reference of one size; half of the rows are reference."""
    from benchmarks.ood_scores import structured

    collection = structured(rows // 2, rows - rows // 2, WIDTH)
    np.save(folder / "vectors.npy", collection.embeddings.astype(np.float16))
    np.save(folder / "dive.npy", collection.dive)
    np.save(folder / "reference.npy", collection.reference)


def own_memory() -> float:
    """MiB of this process's own memory, without mapped files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def stage(name: str, rows: int, work: Callable[[], T], tell: Callable[[T], dict[str, Any]] = lambda _: {}) -> T:
    """Run one stage, note its seconds and the peak of memory while it ran."""
    peak, stop = own_memory(), threading.Event()
    before = peak

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.05):
            peak = max(peak, own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    watcher.join()
    figures = {
        "rows": rows,
        "width": WIDTH,
        "stage": name,
        "seconds": round(seconds, 3),
        "processor_seconds": round(cpu, 3),
        "peak_mib": round(peak),
        "added_mib": round(peak - before),
        **tell(result),
    }
    append_result("scale", figures, packages=PACKAGES)
    print(json.dumps(figures), flush=True)
    return result


def measure(folder: Path, *, both: bool) -> None:
    """All stages of one size, in this process."""
    from core.neighbours.approximate import approximate_graphs
    from core.neighbours.graph import similarity_graphs
    from core.ood.conformal import flag
    from core.ood.knn import knn_scores
    from core.settings import ClusterSettings, ProjectionSettings
    from core.space.clusters import cluster
    from core.space.projection import project
    from core.space.quality import map_quality

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    dive, reference = np.load(folder / "dive.npy"), np.load(folder / "reference.npy")
    rows = len(vectors)
    asked: dict[str, Any] = {"reference": reference, "groups": dive, "k_all": ALL, "k_reference": KNOWN}
    asked["k_reference"] = min(KNOWN, int(reference.sum()) - int(np.bincount(dive[reference]).max()))
    graphs = None
    if rows <= EXACT_UP_TO:
        graphs = stage("similarity, exact", rows, lambda: similarity_graphs(vectors, **asked))
    if rows > EXACT_UP_TO or both:
        near = stage(
            "similarity, approximate",
            rows,
            lambda: approximate_graphs(vectors, **asked),
            lambda found: {"recall": asdict(found[1])},
        )[0]
        if graphs is not None:
            for name, exact, close in (("all", graphs.all, near.all), ("reference", graphs.reference, near.reference)):
                shares = [np.isin(a, b).mean() for a, b in zip(exact.indices, close.indices, strict=True)]
                print(f"recall of the graph {name} over all rows: {np.mean(shares):.4f}", flush=True)
        graphs = graphs or near

    def score() -> np.ndarray:
        scores = knn_scores(graphs.reference.distances, asked["k_reference"])
        flag(scores, dive, reference, 0.05)
        return scores

    stage("scores", rows, score)
    project(_small(), np.eye(64, dtype=np.float32), ProjectionSettings(fast=True))  # libraries are loaded, kernels read
    cluster(np.random.default_rng(0).normal(size=(200, 2)))
    xy = stage("projection", rows, lambda: project(graphs.all, vectors, ProjectionSettings(fast=True)))
    np.save(folder / "xy.npy", xy)
    stage(
        "clusters",
        rows,
        lambda: cluster(xy, ClusterSettings()),
        lambda found: {"clusters": found.count, "noise": round(float((found.labels < 0).mean()), 4)},
    )
    stage(
        "map quality of 500 rows",
        rows,
        lambda: map_quality(vectors, xy, sample=500),
        lambda found: {"trustworthiness": round(found.trustworthiness, 4), "continuity": round(found.continuity, 4)},
    )


def _small() -> Any:
    from core.neighbours.graph import similarity_graphs

    return similarity_graphs(np.eye(64, dtype=np.float32), reference=np.ones(64, bool), k_all=15, k_reference=0).all


def fit() -> None:
    """Exponents b of ``seconds ~ rows^b`` and of memory added, over the newest line of every size and stage."""
    newest: dict[str, dict[int, dict[str, Any]]] = {}
    for line in (RESULTS / "scale.jsonl").read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        if "stage" in found:
            newest.setdefault(found["stage"], {})[found["rows"]] = found
    exponents = {}
    for name, sizes in newest.items():
        # Below a tenth of a second it is the overhead that is measured.
        rows = [size for size, found in sorted(sizes.items()) if found["processor_seconds"] >= 0.1]
        if len(rows) >= 2:
            seconds = [sizes[size]["processor_seconds"] for size in rows]
            memory = [max(sizes[size]["added_mib"], 1) for size in rows]
            exponents[name] = {
                "rows": rows,
                "time": round(float(np.polyfit(np.log(rows), np.log(seconds), 1)[0]), 3),
                "memory": round(float(np.polyfit(np.log(rows), np.log(memory), 1)[0]), 3),
            }
            print(f"{name}: time ~ N^{exponents[name]['time']}, memory ~ N^{exponents[name]['memory']}, over {rows}")
    append_result("scale", {"width": WIDTH, "exponents": exponents}, packages=PACKAGES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--both", action="store_true", help="make the approximate graph also where the exact is made")
    parser.add_argument("--fit", action="store_true", help="only fit the exponents")
    parser.add_argument("--one", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        measure(asked.one, both=asked.both)
    elif asked.fit:
        fit()
    else:
        for rows in asked.rows:
            with tempfile.TemporaryDirectory() as name:
                make(rows, Path(name))
                command = [sys.executable, "-m", "benchmarks.scale", "--one", name, *(["--both"] if asked.both else [])]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
