"""Ten jobs queued by three browsers at once: does each run once, and do pages stay quick meanwhile?

``python -m benchmarks.ten_jobs --workspace DIR`` (a finished demonstration; it is copied). Three browsers ask by
mouse for four runs, three models, a report and two exports, and stay open. Three more sessions act over websockets as
people do until the last job has ended: they open pages, change a widget of each, let the parts that look again by
themselves do so, and open each new run as soon as it is finished. A rerun's time is taken at the socket, from the
request to the message that the script has finished, and noted with its page, its kind and what the jobs did at that
moment. Every page was opened once before the jobs began; every page of a new run is opened for the first time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.common import append_result
from benchmarks.visiting import act, stay, visit
from benchmarks.walking import serving
from core.jobs.asking import book, log_tail
from core.jobs.book import JobInfo
from core.workspace import Workspace, open_workspace
from tests.browser import driver

LOOKING = ("", "browse", "map", "outliers", "clusters", "duplicates", "drift")
PAGES = (*LOOKING, "review", "predict", "evaluate", "jobs", "runs", "datasets", "outputs")
UNWANTED = ("verdict", "reviewer", "start_", "train_", "bring_")
"""Widgets that visitors leave alone: decisions, and forms of work that the browsers fill in."""
SESSIONS = 3
JOBS = 10
LIMIT = 200.0
THINKS = 2.0
"""Seconds that a visitor stays on a page."""
QUICK = 0.5
NEAR = 3.0
"""Seconds after a job began or ended that count as its moment."""


@dataclass(frozen=True)
class Rerun:
    """One rerun as its visitor saw it; ``first`` is the first drawing of this page for a new run by anybody."""

    page: str
    kind: str
    at: float
    seconds: float
    first: bool


class Watch:
    """What the visitors and the one who queues know of each other."""

    def __init__(self, before: Sequence[int]) -> None:
        self._before = frozenset(before)
        self.warm = threading.Barrier(SESSIONS + 1)
        self.over = threading.Event()
        self.found: list[Rerun] = []
        self.failed = 0
        self.new_runs: list[int] = []
        self._drawn: set[tuple[str, int]] = set()

    def jobs(self, space: Workspace) -> list[JobInfo]:
        """The jobs that were asked for since."""
        return [job for job in book(space).jobs() if job.id not in self._before]

    def note(self, run: int) -> Callable[[str, str, float, float], None]:
        """What takes down the reruns of a visit to a new run, 0 for one that was there before."""

        def take(page: str, kind: str, at: float, seconds: float) -> None:
            first = bool(run) and kind == "page" and (page, run) not in self._drawn
            self._drawn.add((page, run))
            self.found.append(Rerun(page or "overview", kind, at, seconds, first))

        return take


async def session(number: int, port: int, watch: Watch) -> None:
    """One visitor: every page once, then at random until it is over."""
    chance = random.Random(number)
    to_open: list[tuple[int, str]] = []
    known = 0
    async with visit(port, unwanted=UNWANTED) as visitor:
        for page in PAGES:
            await visitor.open(page)
        await asyncio.to_thread(watch.warm.wait, 200)
        watch.found.clear()
        while not watch.over.is_set():
            for run in watch.new_runs[known:]:
                to_open += [(run, page) for page in LOOKING[number::SESSIONS]]
            known = len(watch.new_runs)
            run, page = to_open.pop(0) if to_open else (0, chance.choice(PAGES))
            note = watch.note(run)
            await act(visitor, page, f"run={run}" if run else "", chance, note, port)
            await stay(visitor, page, THINKS, note)
        watch.failed += visitor.failed


def visitors(port: int, watch: Watch) -> threading.Thread:
    """The sessions, in a thread of their own."""

    async def all_of_them() -> None:
        await asyncio.gather(*(session(n, port, watch) for n in range(SESSIONS)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()), daemon=True)
    thread.start()
    return thread


def ask_by_mouse(pages: Sequence[Page], address: str, side: int) -> float:
    """Ten jobs from three contexts in turns; seconds between the first and the last click."""
    for page, path in zip(pages, ("runs", "predict", "outputs"), strict=True):
        page.set_default_timeout(60_000)
        page.goto(f"{address}/{path}")
        driver.settle(page, 120_000)
    runs, models, outputs = pages
    _open(runs, "New run", ".st-key-start_run")
    runs.get_by_text("Settings; the given ones are right for most").click()
    _open(models, "Train a model", ".st-key-train_start")
    _choose(models, "How", "A plain probe")
    clicks = []
    kinds = ["Report, one HTML file", "Table, CSV", "Table, JSON"]
    for turn in range(4):
        _fill(runs, "start_name", f"side {side + 32 * turn}")
        _fill(runs, "start_side", str(side + 32 * turn))
        clicks.append(_press(runs, "start_run"))
        if turn < 3:
            _fill(models, "train_name", f"model-{turn}")
            clicks.append(_press(models, "train_start"))
            _choose(outputs, "As", kinds[turn])
            clicks.append(_press(outputs, "make_it"))
    return max(clicks) - min(clicks)


def _open(page: Page, title: str, inside: str) -> None:
    if not page.locator(f"{inside} button").first.is_visible():
        page.get_by_text(title, exact=True).click()
        driver.settle(page, 60_000)


def _choose(page: Page, label: str, value: str) -> None:
    page.get_by_role("combobox", name=re.compile(f"{label}$")).last.click()
    page.get_by_role("option", name=re.compile(re.escape(value))).first.click()
    driver.settle(page, 60_000)


def _fill(page: Page, key: str, value: str) -> None:
    box = page.locator(f".st-key-{key} input")
    box.fill(value)
    box.press("Enter")
    driver.settle(page, 60_000)


def _press(page: Page, key: str) -> float:
    page.locator(f".st-key-{key} button").click()
    at = time.monotonic()
    driver.settle(page, 60_000)
    return at


def queued(running: Browser, space: Workspace, address: str, side: int, watch: Watch) -> tuple[float, float]:
    """Queue and wait until all has ended; seconds between first and last click, and from there to the end."""
    pages = [running.new_context(viewport={"width": 1440, "height": 900}).new_page() for _ in range(3)]
    watch.warm.wait(200)
    clicked = ask_by_mouse(pages, address, side)
    began = time.monotonic()
    while time.monotonic() - began < LIMIT:
        pages[0].wait_for_timeout(1000)  # the browsers go on meanwhile
        jobs = watch.jobs(space)
        ended = sorted((job for job in jobs if job.kind == "run" and job.state == "done"), key=lambda job: job.id)
        watch.new_runs += [int(job.result["run"]) for job in ended[len(watch.new_runs) :]]
        if len(jobs) >= JOBS and all(job.state not in ("waiting", "running") for job in jobs):
            break
    took = time.monotonic() - began
    pages[0].wait_for_timeout(6000)  # the last run is looked at too
    return clicked, took


def moment(rerun: Rerun, jobs: Sequence[JobInfo]) -> str:
    """What the jobs did while a rerun was made."""
    if rerun.first:
        return "first look at a new run"
    until = rerun.at + rerun.seconds
    for name, moments in (
        ("a job has just ended", [job.finished_at for job in jobs]),
        ("a job has just begun", [job.started_at for job in jobs]),
    ):
        if any(at and rerun.at - NEAR <= at.timestamp() <= until for at in moments):
            return name
    return "meanwhile"


def figures(reruns: Sequence[Rerun]) -> dict[str, Any]:
    """How many, and how long they took."""
    times = sorted(rerun.seconds for rerun in reruns)
    return {
        "reruns": len(times),
        "under_half_a_second": round(sum(second < QUICK for second in times) / len(times), 4),
        "median_seconds": round(statistics.median(times), 3),
        "p95_seconds": round(times[int(0.95 * len(times))], 3),
        "worst_seconds": round(times[-1], 3),
    }


def by(reruns: Sequence[Rerun], name: Callable[[Rerun], str]) -> dict[str, dict[str, Any]]:
    """`figures` of each kind."""
    return {kind: figures([one for one in reruns if name(one) == kind]) for kind in sorted({*map(name, reruns)})}


def measured(space: Workspace, address: str, side: int) -> dict[str, Any]:
    """Queue, watch, count."""
    watch = Watch([job.id for job in book(space).jobs()])
    thread = visitors(int(address.rpartition(":")[2]), watch)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=driver.chromium(), headless=True, args=list(driver._FLAGS))
        clicked, took = queued(running, space, address, side, watch)
        watch.over.set()
        thread.join(30)
        running.close()
    jobs = watch.jobs(space)
    begins = {job.id: sum(": begins" in line for line in log_tail(space.root, job.id, 1000)) for job in jobs}
    slow = sorted(watch.found, key=lambda rerun: -rerun.seconds)[:12]
    return {
        "jobs": len(jobs),
        "queued_within_seconds": round(clicked, 1),
        "done": sum(job.state == "done" for job in jobs),
        "run_once": sum(job.attempts == 1 and begins[job.id] == 1 for job in jobs),
        "states": {job.title: f"{job.state} {job.error}" for job in jobs if job.state != "done"},
        "seconds_until_the_last": round(took, 1),
        "errors_on_pages": watch.failed,
        **figures(watch.found),
        "by_kind": by(watch.found, lambda rerun: rerun.kind),
        "by_moment": by(watch.found, lambda rerun: moment(rerun, jobs)),
        "by_page": by(watch.found, lambda rerun: rerun.page),
        "slowest": [[one.page, one.kind, moment(one, jobs), round(one.seconds, 3)] for one in slow],
    }


def main() -> None:
    """Measure once and write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--side", type=int, default=160, help="side of the first run's pictures")
    parser.add_argument("--dry", action="store_true", help="write no line")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        workspace = Path(place) / "workspace"
        shutil.copytree(wish.workspace, workspace)
        space = open_workspace(workspace, create=False)
        with serving(workspace, workspace) as address:
            found = measured(space, address, wish.side)
        space.close()
    print(json.dumps(found, indent=1))
    if not wish.dry:
        append_result("ten_jobs", found, packages=("streamlit", "huey"))


if __name__ == "__main__":
    main()
