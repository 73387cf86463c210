"""From an empty workspace to a report without a terminal: every step by mouse in a headless Chromium.

``python -m benchmarks.by_mouse trashcan --data FOLDER``, and ``coral``, ``upload``, ``rubbish``, ``models --workspace
DIR``. A flow starts ``benthoscope serve`` over a new workspace (``models`` over a copy of a finished one), does what a
scientist would do, and writes what was seen at each step and after how many seconds. A step that fails ends it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from benchmarks.common import append_result
from tests.browser import driver

ROOT = Path(__file__).parents[1]
LONG = 20 * 60_000


class Walk:
    """One flow: the page, and what was done after how many seconds."""

    def __init__(self, page: Page, shots: Path | None) -> None:
        self.page = page
        self.began = time.monotonic()
        self.steps: list[list[Any]] = []
        self._shots = shots

    def did(self, what: str) -> None:
        """Note a step."""
        self.steps.append([what, round(time.monotonic() - self.began, 1)])
        print(f"{self.steps[-1][1]:8.1f} s  {what}", flush=True)
        if self._shots is not None:
            self._shots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self._shots / f"{len(self.steps):02d}.png")

    def go(self, name: str) -> None:
        """Open a page from the navigation."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        driver.settle(self.page, 120_000)

    def button(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        """Press the first button of this name."""
        place = within or self.page
        place.get_by_role("button", name=name, exact=isinstance(name, str)).first.click()

    def choose(self, label: str, value: str) -> None:
        """Take a value in a select box."""
        self.pick(re.compile(f"{re.escape(label)}$"), value)
        driver.settle(self.page, 120_000)

    def pick(self, label: str | re.Pattern[str], value: str) -> None:
        """Open a list and take what holds this text; again where a rerun that came meanwhile closed the list."""
        driver.settle(self.page, 120_000)
        for _ in range(5):
            self.page.get_by_role("combobox", name=label).last.click()
            try:
                self.page.get_by_role("option", name=re.compile(re.escape(value))).first.click(timeout=4000)
                return
            except PlaywrightTimeout:
                self.page.keyboard.press("Escape")
        raise RuntimeError(f"{label} has no {value}")

    def wait(self, text: str | re.Pattern[str], timeout: float = LONG) -> None:
        """Wait until a text is on the page."""
        self.page.get_by_text(text).first.wait_for(timeout=timeout)


@contextmanager
def serving(workspace: Path, *roots: Path) -> Iterator[str]:
    """``benthoscope serve`` with its workers; the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "core.cli", "serve", "--workspace", str(workspace), "--port", str(port)]
    for root in roots:
        command += ["--images-root", str(root)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def import_table(walk: Walk, steps: list[str], options: Callable[[Walk], None] | None = None) -> None:
    """From the empty workspace's first page through the folder browser to the finished import."""
    walk.button("Bring images")
    for name in steps:
        walk.page.get_by_role("button", name=name, exact=True).click()
        driver.settle(walk.page, 120_000)
    walk.wait("What would come of it", 120_000)
    if options is not None:
        options(walk)
    walk.did("the source is read and shown")
    walk.page.get_by_role("button", name=re.compile("^Import [0-9,]+ image")).click()
    walk.wait(re.compile(r"[0-9,]+ images? in 1 dataset"))
    walk.did(f"imported: {walk.page.locator('.bs-lead').first.inner_text()}")


def start_run(walk: Walk, name: str, *, reference: bool = True, step: str = "") -> None:
    """A run on the Runs page, its reference built by clicks; with a step of preprocessing, seen before and after."""
    walk.go("Runs")
    if not walk.page.get_by_label("Name").first.is_visible():
        walk.page.get_by_text("New run", exact=True).click()
    if reference:
        add = walk.page.locator(".st-key-reference_add button")
        if add.is_disabled():  # a text has no value that is right for most: the first of the list is the commonest
            walk.page.locator(".st-key-reference_new").get_by_role("combobox", name="Value").click()
            walk.page.get_by_role("option").first.click()
            driver.settle(walk.page, 120_000)
        add.click()
        driver.settle(walk.page, 120_000)
    walk.page.locator(".st-key-start_name input").fill(name)
    walk.page.locator(".st-key-start_name input").press("Enter")
    driver.settle(walk.page, 120_000)
    if step:
        walk.page.get_by_text("Settings; the given ones are right for most").click()
        walk.pick(re.compile("Preprocessing"), step)
        walk.page.keyboard.press("Escape")
        walk.wait("Before and after", 60_000)
        driver.settle(walk.page, 120_000)
        walk.did(f"{step} is seen before and after")
    walk.page.locator(".st-key-start_run button").click()
    walk.wait("At work", 60_000)
    walk.did(f"{name} is asked for")


def watched_cancelled_resumed(walk: Walk) -> None:
    """Watch the run that is at work until something was embedded, stop it on Jobs, and let it go on."""
    walk.go("Jobs")
    walk.wait(re.compile("embedding the images: [1-9]"), 300_000)
    walk.did("watched: images are being embedded")
    walk.page.locator("[class*=st-key-job_cancel] button").first.click()
    walk.wait(re.compile("stopped"), 120_000)
    walk.did("cancelled")
    walk.page.locator("[class*=st-key-job_retry] button").first.click()
    walk.wait("at work", 120_000)
    walk.did("goes on")


def opened_from_notice(walk: Walk, title: str) -> None:
    """Wait for a job's notice beside the navigation and open what it tells of."""
    news = walk.page.locator("[class*=st-key-news_]").filter(has_text=title)
    news.locator("[class*=st-key-news_open] button").first.click(timeout=LONG)
    driver.settle(walk.page, 120_000)
    walk.did(f"opened from the notice: {walk.page.locator('h1').first.inner_text()}")


def report(walk: Walk, workspace: Path) -> int:
    """The newest run's report by the button on Runs; its bytes."""
    walk.go("Runs")
    newest = walk.page.locator("[data-testid=stMain] details").filter(has_text=re.compile(r"\d+ · ")).first
    newest.locator("summary").click()
    walk.page.locator("[class*=st-key-run_report] button").first.click()
    walk.page.locator("[class*=st-key-card_output]").first.wait_for(timeout=LONG)
    (made, *_) = sorted((workspace / "outputs").glob("*report.html"), reverse=True)
    walk.did(f"the report is there, {made.stat().st_size / 1e6:.2f} MB")
    return made.stat().st_size


def two_runs_and_a_report(walk: Walk, workspace: Path) -> None:
    """What every imported dataset goes through."""
    start_run(walk, "first")
    watched_cancelled_resumed(walk)
    opened_from_notice(walk, "Run first")
    start_run(walk, "second", reference=False, step="CLAHE")
    opened_from_notice(walk, "Run second")
    walk.go("Runs")
    walk.wait("Two runs side by side", 120_000)
    walk.wait("regions in both", 120_000)
    walk.did("two runs are compared")
    report(walk, workspace)


def trashcan(walk: Walk, workspace: Path, data: Path) -> None:
    """A table of labels beside a folder of images."""
    import_table(walk, ["labels.csv"])
    two_runs_and_a_report(walk, workspace)


def coral(walk: Walk, workspace: Path, data: Path) -> None:
    """Annotations, surveys' metadata and the names of labels: three tables joined."""

    def join(walk: Walk) -> None:
        walk.page.get_by_text(re.compile("More about these images")).click()
        walk.choose("Second table", "surveys_metadata.csv")
        walk.choose("Joined: of the images", "folder")
        walk.choose("Joined: of the second table", "folder_name")
        walk.choose("Names of labels", "labelsets.csv")
        driver.settle(walk.page, 120_000)

    import_table(walk, ["annotations.csv"], join)
    two_runs_and_a_report(walk, workspace)


def upload(walk: Walk, workspace: Path, data: Path) -> None:
    """Two hundred pictures sent from the visitor's own disk."""
    pictures = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    sent = random.Random(0).sample(pictures, 200)
    walk.button("Bring images")
    walk.page.get_by_text("Files of yours").click()
    driver.settle(walk.page, 120_000)
    walk.page.locator("input[type=file]").set_input_files([str(path) for path in sent])
    walk.page.get_by_role("button", name="Take 200 files").click(timeout=LONG)
    walk.wait("What would come of it")
    walk.did("200 pictures are sent and opened")
    walk.page.get_by_role("button", name=re.compile("^Import [0-9,]+ image")).click()
    walk.wait("200 images in 1 dataset")
    walk.did("imported")
    start_run(walk, "uploaded", reference=False)
    opened_from_notice(walk, "Run uploaded")
    report(walk, workspace)


def rubbish(walk: Walk, workspace: Path, data: Path) -> None:
    """A folder in which nothing is what it says."""
    walk.button("Bring images")
    walk.page.get_by_role("button", name="Use this folder").click()
    walk.wait("What would come of it", 120_000)
    walk.wait(re.compile("What cannot be used as it is|no image"), 120_000)
    walk.did("what cannot be used is listed with its reasons")
    button = walk.page.get_by_role("button", name=re.compile("^Import [0-9,]+ image"))
    if button.count():
        button.click()
        walk.wait(re.compile("is done|cannot be used|unusable|failed"))
        walk.did(f"after the import: {walk.page.locator('.bs-lead').first.inner_text()!r}")


def fill_with_rubbish(folder: Path) -> None:
    """Files that are empty, cut off, of another kind than they say, oddly named, or no pictures at all."""
    from PIL import Image

    folder.mkdir()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    (folder / "noise.tif").write_bytes(os.urandom(5000))
    (folder / "<b>page.html").write_text("<script>alert(1)</script>")
    (folder / "notes.txt").write_text("a\nb\n")
    whole = folder / "whole.jpg"
    Image.new("RGB", (64, 48), (10, 60, 90)).save(whole)
    (folder / "cut.jpg").write_bytes(whole.read_bytes()[:200])
    (folder / 'one;two,thr"ee.csv').write_text('x,,y\n1\n"\n')
    whole.unlink()


def models(walk: Walk, workspace: Path, data: Path) -> None:
    """A model trained, asked about a whole run, and judged, all by jobs; one training stopped and taken up again."""
    walk.go("Predict")
    if not walk.page.locator(".st-key-train_name input").is_visible():
        walk.page.get_by_text("Train a model", exact=True).click()
    walk.page.locator(".st-key-train_name input").fill("by-mouse")
    walk.page.locator(".st-key-train_name input").press("Enter")
    driver.settle(walk.page, 120_000)
    walk.choose("How", "A plain probe")
    walk.page.locator(".st-key-train_start button").click()
    walk.wait("A model is learning", 60_000)
    walk.did("a training is asked for")
    walk.page.locator("[class*=st-key-follow_cancel] button").first.click(timeout=60_000)
    walk.go("Jobs")
    walk.wait(re.compile("stopped"), 120_000)
    walk.did("cancelled")
    walk.page.locator("[class*=st-key-job_retry] button").first.click()
    walk.did("goes on")
    opened_from_notice(walk, "Train by-mouse")
    expect(walk.page.get_by_text("by-mouse").first).to_be_visible()
    walk.page.get_by_text("The current selection", exact=True).click()
    driver.settle(walk.page, 120_000)
    walk.page.locator(".st-key-predict_whole button").click()
    walk.wait("The model is being asked", 60_000)
    walk.did("a whole run is asked about")
    opened_from_notice(walk, "Ask by-mouse")
    walk.page.locator(".st-key-predict_gallery .cell").first.wait_for(timeout=60_000)
    walk.did("its answers stand under the pictures")
    walk.go("Evaluate")
    if not walk.page.locator(".st-key-evaluate_start button").is_visible():
        walk.page.get_by_text("Evaluate a model", exact=True).click()
        driver.settle(walk.page)
    walk.choose("Model", "by-mouse")
    walk.page.locator(".st-key-evaluate_start button").click()
    walk.wait("A model is being judged", 60_000)
    walk.did("an evaluation is asked for")
    opened_from_notice(walk, "Evaluate by-mouse")
    walk.wait("Which evaluation", 60_000)
    walk.did(f"judged: {walk.page.locator('.bs-tiles').first.inner_text()!r}")


FLOWS: dict[str, Callable[[Walk, Path, Path], None]] = {
    "trashcan": trashcan,
    "coral": coral,
    "upload": upload,
    "rubbish": rubbish,
    "models": models,
}


def main() -> None:
    """Walk one flow and write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flow", choices=FLOWS)
    parser.add_argument("--data", type=Path, help="folder with the images of the flow")
    parser.add_argument("--workspace", type=Path, help="a finished workspace, for `models`; it is copied")
    parser.add_argument("--shots", type=Path, help="keep a screenshot of every step here")
    parser.add_argument("--dry", action="store_true", help="write no line")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        workspace = Path(place) / "workspace"
        data = wish.data or Path(place) / "rubbish"
        if wish.flow == "rubbish":
            fill_with_rubbish(data)
        if wish.workspace is not None:
            shutil.copytree(wish.workspace, workspace)
        data.mkdir(exist_ok=True)
        with serving(workspace, data) as address, driver.browsers() as browsers, browsers.page() as (page, log):
            page.set_default_timeout(60_000)
            walk = Walk(page, wish.shots)
            page.goto(address)
            driver.settle(page, 120_000)
            walk.did("opened")
            try:
                FLOWS[wish.flow](walk, workspace, data)
            except Exception:
                page.screenshot(path="by_mouse_failed.png" if wish.shots is None else wish.shots / "failed.png")
                raise
            if log.errors or log.outside:
                raise SystemExit(f"the browser says: {log.errors} {log.outside}")
        if not wish.dry:
            append_result("by_mouse", {"flow": wish.flow, "steps": walk.steps}, packages=("streamlit", "playwright"))


if __name__ == "__main__":
    main()
