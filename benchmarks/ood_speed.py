"""What all detectors cost, beside the one pass over the similarities that every run makes anyway.

    python -m benchmarks.ood_speed                     # 5,950 + 10,744 vectors of 2,048 numbers
    python -m benchmarks.ood_speed --stream 100000     # memory of scoring that many, and ten times as many, of 256

What it costs depends on how often a covariance is taken apart: seven times for all nine detectors (whole reference and
two halves, each of vectors and of their roots, and the clusters), about 1.2 s each on two cores at 2,048 numbers; no
single detector takes more than about twice the pass.

Each detector of embeddings is fitted on the reference and scores the target once; the baseline is the pass that leaves
both neighbour graphs. With ``--stream``, targets lie in a file and are read block by block: the peak of memory beyond
what the score itself takes must not grow with their number.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import append_result
from benchmarks.ood_scores import structured
from core.neighbours.graph import similarity_graphs
from core.ood.registry import DETECTORS

WIDTH = 256
KNOWN = 5000


def speed(reference: int, target: int, width: int) -> None:
    """Seconds of the pass and of each detector."""
    collection = structured(reference, target, width)
    known, asked = collection.embeddings[collection.reference], collection.embeddings[~collection.reference]
    groups = collection.dive[collection.reference]
    begun = time.perf_counter()
    similarity_graphs(
        collection.embeddings, reference=collection.reference, groups=collection.dive, k_all=50, k_reference=100
    )
    one_pass = time.perf_counter() - begun
    print(f"similarity pass: {one_pass:.1f} s", flush=True)
    seconds = {}
    for name, detector in DETECTORS.items():
        if not detector.needs_logits:
            begun = time.perf_counter()
            fitted = detector.fit(known, groups=groups)
            middle = time.perf_counter()
            fitted.score(asked)
            seconds[name] = [round(middle - begun, 2), round(time.perf_counter() - middle, 2)]
            print(f"  {name:22s} fit {seconds[name][0]:6.2f} s, score {seconds[name][1]:6.2f} s", flush=True)
    total = float(np.sum(list(seconds.values())))
    print(f"all detectors: {total:.1f} s, {total / one_pass:.2f} times the pass")
    append_result(
        "ood_speed",
        {
            "reference": reference,
            "target": target,
            "width": width,
            "pass_seconds": round(one_pass, 2),
            "fit_and_score_seconds": seconds,
            "all_over_pass": round(total / one_pass, 3),
        },
        packages=("torch", "scikit-learn"),
    )


def stream(rows: int, only: list[str]) -> None:
    """Peak memory of each detector over a file of rows, each in a process of its own."""
    names = only or [name for name, detector in DETECTORS.items() if not detector.needs_logits]
    peaks: dict[str, dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (rows, 10 * rows):
            file = Path(folder) / f"{count}.npy"
            array = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(count, WIDTH))
            rng = np.random.default_rng(0)
            for start in range(0, count, 10_000):
                part = array[start : start + 10_000]
                part[:] = np.maximum(rng.standard_normal(part.shape, dtype=np.float32), 0.0) + 1e-3
            del array
            for name in names:
                command = [sys.executable, "-m", "benchmarks.ood_speed", "--one", name, str(file)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                beyond, seconds = (float(x) for x in done.stdout.split())
                peaks.setdefault(name, {})[count] = [round(beyond, 1), round(seconds, 1)]
                print(f"  {name:22s} {count:>9,} rows: {beyond:7.1f} MiB beyond the fit, {seconds:6.1f} s", flush=True)
            file.unlink()
    append_result(
        "ood_speed",
        {"width": WIDTH, "known": KNOWN, "beyond_fit_mib_and_seconds": peaks},
        packages=("torch", "scikit-learn"),
    )


def one(name: str, file: Path) -> None:
    """Fit on made-up rows, then score the file; print how far the peak of anonymous memory rose (MiB), and seconds."""
    rng = np.random.default_rng(1)
    known = np.maximum(rng.standard_normal((KNOWN, WIDTH), dtype=np.float32), 0.0) + 1e-3
    fitted = DETECTORS[name].fit(known, groups=np.arange(KNOWN) // 10)
    fitted.score(known[:4096])
    target = np.load(file, mmap_mode="r")
    before, begun = _anonymous(), time.perf_counter()
    highest = before
    scores = np.empty(len(target))
    # One call, as a page or a run makes it; a thread watches, because mapped file pages must not count.
    import threading

    stop = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not stop.wait(0.02):
            highest = max(highest, _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    scores[:] = fitted.score(target)
    seconds = time.perf_counter() - begun
    stop.set()
    watcher.join()
    print(highest - before - scores.nbytes / 2**20, seconds)


def _anonymous() -> float:
    """MiB of this process's own memory, without mapped files."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=int, default=5950)
    parser.add_argument("--target", type=int, default=10744)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--stream", type=int, metavar="ROWS")
    parser.add_argument("--only", nargs="*", default=[], choices=list(DETECTORS), metavar="DETECTOR")
    parser.add_argument("--one", nargs=2, metavar=("DETECTOR", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], Path(asked.one[1]))
    elif asked.stream:
        stream(asked.stream, asked.only)
    else:
        speed(asked.reference, asked.target, asked.width)


if __name__ == "__main__":
    main()
