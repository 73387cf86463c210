"""``kill -9`` at random moments of a run: what is lost, and whether the resumed run equals an undisturbed one.

The folder of images is imported into a fresh workspace for each kill; a run is started as its own process, killed at a
moment drawn from the length of the undisturbed run, started again and left to finish. All files of embeddings,
artefacts and run but its timings must be byte-equal. Run as ``python -m benchmarks.kills WORKSPACE/demo-collection``.

With ``--served`` the run is a job of `benthoscope serve`, three times: its worker is killed while it embeds, draws the
map, or writes the run, then, when the next worker has come as far, the server; another server over the same workspace
finishes it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import append_result
from core.jobs.asking import ask, book, log_tail
from core.jobs.book import ENDED, JobInfo
from core.settings import OodSettings, RunSettings
from core.workspace import open_workspace

DATASET = "frames"
CLOCKS = ("timings.json", "lock")
MOMENTS = ("embedding", "map", "writing")
"""Of a run in which a job is struck."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", type=Path, help="folder with labels.csv and images")
    parser.add_argument("--reference", default="depth_m<800")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--served", action="store_true", help="a job whose worker is killed, then its server")
    options = parser.parse_args()
    if options.served:
        all_served(options.collection, options.reference, options.seed)
        return
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


def all_served(collection: Path, reference: str, seed: int) -> None:
    """An undisturbed job, and then one a moment with its worker and its server killed there."""
    chance = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        undisturbed = imported(collection, Path(name) / "undisturbed")
        with Served(undisturbed) as served:
            job = served.ask(reference)
            seconds = served.finish(job)
        expected, lines = written(undisturbed), []
        for moment in MOMENTS:
            folder = imported(collection, Path(name) / moment)
            line = twice_struck(folder, reference, moment, chance)
            now = written(folder)
            line["different_files"] = sum(expected.get(one) != now.get(one) for one in expected.keys() | now.keys())
            print(line)
            lines.append(line)
    print(f"undisturbed job {seconds:.1f} s, {len(expected)} files")
    append_result("kills_served", {"undisturbed_seconds": round(seconds, 2), "files": len(expected), "kills": lines})
    if any(line["different_files"] or line["state"] != "done" for line in lines):
        raise SystemExit("a job that went on differs from the undisturbed one")


def twice_struck(folder: Path, reference: str, moment: str, chance: np.random.Generator) -> dict[str, Any]:
    """One job: its worker killed at a moment, its server when the next worker has come to that moment."""
    line: dict[str, Any] = {"moment": moment}
    with Served(folder) as served:
        job = served.ask(reference)
        served.when(job, lambda now: now.state == "running")
        worker = served.workers()["compute"]
        reach(served, job, moment, 1, folder, chance)
        os.kill(worker, signal.SIGKILL)
        line["worker_killed"] = where(served.book.job(job), folder)
        served.when(job, lambda now: now.attempts == 2 or now.state == "done")
        pids = served.descendants()
        reach(served, job, moment, 2, folder, chance)
        served.process.kill()
        began = time.monotonic()
        line["server_killed"] = where(served.book.job(job), folder)
        served.process.wait()
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            time.sleep(0.1)
        line["all_its_processes_gone_after"] = round(time.monotonic() - began, 1)
        line["left"] = served.book.job(job).state
    with Served(folder) as served:
        line["rest"] = round(served.finish(job), 2)
        line["state"] = served.book.job(job).state
        line["jobs"] = len(served.book.jobs())
    line["log"] = [text[20:] for text in log_tail(folder, job) if ": begins" in text or ": goes on" in text]
    return line


def reach(served: Served, job: int, moment: str, attempt: int, folder: Path, chance: np.random.Generator) -> None:
    """Wait until a job is at a moment of its run; at once when it has ended."""

    def at(now: JobInfo, stage: str) -> bool:
        return now.state in ENDED or (now.attempts == attempt and now.stage == stage)

    if moment == "embedding":
        share = chance.uniform(0.1, 0.4) * attempt
        served.when(job, lambda now: at(now, "embeddings") and (now.state in ENDED or now.done > share * now.total))
    elif moment == "map":
        served.when(job, lambda now: at(now, "projection"))
        time.sleep(chance.uniform(0, 0.5))
    else:  # the run's folder is made, or something in it changes: a look every millisecond, it is over soon
        place = folder / "runs" / "000001"
        before = listed(place)
        for _ in range(300_000):
            if listed(place) != before or served.process.poll() is not None:
                return
            time.sleep(0.001)


def listed(place: Path) -> set[tuple[str, int]] | None:
    """Names and times of what lies in a folder; ``None`` where there is none."""
    try:
        return {(path.name, path.stat().st_mtime_ns) for path in place.iterdir()}
    except FileNotFoundError:
        return None


def where(job: JobInfo, folder: Path) -> str:
    """What a kill met: what the job had told, and what of the run was written."""
    names = ", ".join(sorted(name for name, _ in listed(folder / "runs" / "000001") or ())) or "nothing"
    return f"in {job.stage} at {job.done} of {job.total}; written: {names}"


class Served:
    """``benthoscope serve`` over a workspace, with its workers."""

    def __init__(self, folder: Path) -> None:
        self._space = open_workspace(folder, create=False)
        self.book = book(self._space)
        line = [sys.executable, "-m", "core.cli", "serve", "--workspace", str(folder), "--port", "8950"]
        self.process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
        self._space.close()

    def ask(self, reference: str) -> int:
        """A run as the Runs page asks for it; the job's number."""
        settings = RunSettings((DATASET,), (reference,), ood=OodSettings(k=10)).to_json()
        return ask(self._space, "run", "Run frames", {"settings": settings}, actor="benchmark").id

    def when(self, job: int, true: Callable[[JobInfo], bool]) -> JobInfo:
        """The job as soon as it is so."""
        until = time.monotonic() + 600
        while time.monotonic() < until:
            now = self.book.job(job)
            if true(now):
                return now
            time.sleep(0.02)
        raise SystemExit(f"job {job} stays {self.book.job(job)}")

    def finish(self, job: int) -> float:
        """Seconds until it has ended."""
        began = time.perf_counter()
        self.when(job, lambda now: now.state in ENDED)
        return time.perf_counter() - began

    def descendants(self) -> list[int]:
        """Process ids of the page server and the workers."""
        stats = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):
                    stats[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        return [pid for pid, parent in stats.items() if parent == self.process.pid]

    def workers(self) -> dict[str, int]:
        """Lane → process id."""
        words = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in self.descendants()}
        return {line[-2]: pid for pid, line in words.items() if "core.jobs.worker" in line}


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
