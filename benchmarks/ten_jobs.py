"""Ten jobs queued by three browsers at once: does each run once, and do pages stay quick meanwhile?

``python -m benchmarks.ten_jobs --workspace DIR`` (a finished demonstration; it is copied). Three browsers ask by
mouse for four runs, three models, a report and two exports; three more sessions then open pages over websockets, one
after the other, until the last job has ended. A rerun's time is taken at the socket, from the request to the message
that the script has finished. Every page was opened once before the jobs began.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.by_mouse import serving
from benchmarks.common import append_result
from core.jobs.asking import book, log_tail
from core.workspace import Workspace, open_workspace
from tests.browser import driver

PAGES = ("jobs", "runs", "datasets", "outputs", "", "browse")
SESSIONS = 3
JOBS = 10
LIMIT = 240.0
_SOCKET = {"max_size": None, "subprotocols": ["streamlit"], "open_timeout": 120, "ping_timeout": None}


def ask_by_mouse(running: Browser, address: str) -> float:
    """Ten jobs from three contexts in turns; seconds between the first and the last click."""
    pages = [running.new_context(viewport={"width": 1440, "height": 900}).new_page() for _ in range(3)]
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
        _fill(runs, "start_name", f"side {64 + 32 * turn}")
        _fill(runs, "start_side", str(64 + 32 * turn))
        clicks.append(_press(runs, "start_run"))
        if turn < 3:
            _fill(models, "train_name", f"model-{turn}")
            clicks.append(_press(models, "train_start"))
            _choose(outputs, "As", kinds[turn])
            clicks.append(_press(outputs, "make_it"))
    runs.wait_for_timeout(3000)  # the last click is on its way to the server; a closed browser would take it along
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


async def session(number: int, port: int, warm: threading.Event, over: threading.Event, found: list[float]) -> None:
    """One visitor: every page once, then page after page until it is over."""
    import websockets
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from streamlit.util import calc_hash

    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    turn = 0
    async with websockets.connect(address, **_SOCKET) as connection:  # type: ignore[arg-type]
        while not over.is_set():
            if turn == len(PAGES):
                warm.set()
            message = BackMsg()
            message.rerun_script.page_script_hash = calc_hash(PAGES[(turn + number) % len(PAGES)])
            began = time.monotonic()
            await connection.send(message.SerializeToString())
            while True:
                answer = ForwardMsg()
                answer.ParseFromString(await connection.recv())  # type: ignore[arg-type]
                if answer.WhichOneof("type") == "script_finished":
                    break
            found.append(time.monotonic() - began)
            turn += 1
            await asyncio.sleep(2.0)


def visitors(port: int, warm: threading.Event, over: threading.Event) -> tuple[threading.Thread, list[list[float]]]:
    """The sessions, in a thread of their own; their times as they come."""
    found: list[list[float]] = [[] for _ in range(SESSIONS)]

    async def all_of_them() -> None:
        await asyncio.gather(*(session(n, port, warm, over, found[n]) for n in range(SESSIONS)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()), daemon=True)
    thread.start()
    return thread, found


def measured(space: Workspace, address: str) -> dict[str, Any]:
    """Queue, watch, count."""
    port = int(address.rpartition(":")[2])
    warm, over = threading.Event(), threading.Event()
    thread, found = visitors(port, warm, over)
    warm.wait(120)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=driver.chromium(), headless=True, args=list(driver._FLAGS))
        seconds = ask_by_mouse(running, address)
        running.close()
    counts = [len(times) for times in found]  # what came before the queue was full is not counted
    began = time.monotonic()
    jobs = book(space).jobs()
    while any(job.state in ("waiting", "running") for job in jobs) and time.monotonic() - began < LIMIT:
        time.sleep(0.5)
        jobs = book(space).jobs()
    took = time.monotonic() - began
    over.set()
    thread.join(30)
    times = sorted(second for before, each in zip(counts, found, strict=True) for second in each[before:])
    begins = {job.id: sum(": begins" in line for line in log_tail(space.root, job.id, 1000)) for job in jobs}
    return {
        "jobs": len(jobs),
        "queued_within_seconds": round(seconds, 1),
        "done": sum(job.state == "done" for job in jobs),
        "run_once": sum(job.attempts == 1 and begins[job.id] == 1 for job in jobs),
        "states": {job.title: f"{job.state} {job.error}" for job in jobs if job.state != "done"},
        "seconds_until_the_last": round(took, 1),
        "reruns": len(times),
        "median_seconds": round(statistics.median(times), 3),
        "p95_seconds": round(times[min(len(times) - 1, int(0.95 * len(times)))], 3),
        "worst_seconds": round(times[-1], 3),
        "under_half_a_second": round(sum(second < 0.5 for second in times) / len(times), 4),
    }


def main() -> None:
    """Measure once and write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--dry", action="store_true", help="write no line")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        workspace = Path(place) / "workspace"
        shutil.copytree(wish.workspace, workspace)
        space = open_workspace(workspace, create=False)
        with serving(workspace, workspace) as address:
            figures = measured(space, address)
        space.close()
    print(figures)
    if not wish.dry:
        append_result("ten_jobs", figures, packages=("streamlit", "huey"))


if __name__ == "__main__":
    main()
