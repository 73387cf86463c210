"""``kill -9`` at random moments of a run: what is lost, and whether the resumed run equals an undisturbed one.

The folder of images is imported into a fresh workspace for each kill; a run is started as its own process, killed at a
moment drawn from the length of the undisturbed run, started again and left to finish. All files of embeddings,
artefacts and run but its timings must be byte-equal. Run as ``python -m benchmarks.kills WORKSPACE/demo-collection``.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import append_result
from core.workspace import open_workspace

DATASET = "frames"
CLOCKS = ("timings.json", "lock")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", type=Path, help="folder with labels.csv and images")
    parser.add_argument("--reference", default="depth_m<800")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        undisturbed = imported(options.collection, Path(name) / "undisturbed")
        seconds = finish(undisturbed, options.reference)
        expected = written(undisturbed)
        moments = np.sort(np.random.default_rng(options.seed).uniform(0, seconds, options.kills))
        lines = [
            struck(options.collection, Path(name) / str(place), options.reference, moment, expected)
            for place, moment in enumerate(moments)
        ]
    different = sum(line["different_files"] for line in lines)
    print(
        f"{len(lines)} kills, undisturbed run {seconds:.1f} s, {len(expected)} files; different afterwards: {different}"
    )
    append_result("kills", {"undisturbed_seconds": round(seconds, 2), "files": len(expected), "kills": lines})
    if different:
        raise SystemExit("a resumed run differs from the undisturbed one")


def struck(
    collection: Path, folder: Path, reference: str, moment: float, expected: dict[str, bytes]
) -> dict[str, object]:
    imported(collection, folder)
    with subprocess.Popen(command(folder, reference), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            run.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
    killed = run.returncode == -signal.SIGKILL
    where = stage(folder)
    again = finish(folder, reference)
    now = written(folder)
    different = sorted(name for name in expected.keys() | now.keys() if expected.get(name) != now.get(name))
    told = f"killed {where}" if killed else "had finished"
    print(
        f"  after {moment:5.1f} s: {told}; the rest took {again:.1f} s; different files {len(different)}",
        *different[:3],
    )
    return {
        "moment": round(moment, 2),
        "killed": killed,
        "where": where,
        "rest": round(again, 2),
        "different_files": len(different),
    }


def imported(collection: Path, folder: Path) -> Path:
    arguments = [str(collection / "labels.csv"), "--images", str(collection / "images"), "--dataset", DATASET]
    subprocess.run(
        [*program(), "import", *arguments, "--group", "dive", "--workspace", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return folder


def finish(folder: Path, reference: str) -> float:
    start = time.perf_counter()
    subprocess.run(command(folder, reference), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def command(folder: Path, reference: str) -> list[str]:
    return [*program(), "run", DATASET, "--reference", reference, "--k", "10", "--workspace", str(folder)]


def program() -> list[str]:
    return [sys.executable, "-c", "from core.cli import main; main()"]


def stage(folder: Path) -> str:
    """Where the killed run was, from what it had told."""
    workspace = open_workspace(folder)
    try:
        runs = workspace.runs()
        begun = [one for one in workspace.journal.progress(runs[0].id) if one.done] if runs else []
        return f"in {begun[-1].stage} at {begun[-1].done} of {begun[-1].total}" if begun else "before its first stage"
    finally:
        workspace.close()


def written(folder: Path) -> dict[str, bytes]:
    workspace = open_workspace(folder)
    workspace.artefacts.sweep()
    workspace.close()
    files = [path for room in ("artefacts", "embeddings", "runs") for path in (folder / room).rglob("*")]
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in files if path.is_file() and path.name not in CLOCKS
    }


if __name__ == "__main__":
    main()
