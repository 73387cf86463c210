"""A headless Chromium that does by mouse what a scientist would: steps that several benchmarks share.

A `Walk` notes what was done after how many seconds and keeps a picture of each step where it is wished.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser import driver

ROOT = Path(__file__).parents[1]
LONG = 20 * 60_000


class Walk:
    """One flow: the page, and what was done after how many seconds."""

    def __init__(self, page: Page, shots: Path | None) -> None:
        self.page = page
        self.began = time.monotonic()
        self.steps: list[list[Any]] = []
        self.shots = shots

    def did(self, what: str) -> None:
        """Note a step."""
        self.steps.append([what, round(time.monotonic() - self.began, 1)])
        print(f"{self.steps[-1][1]:8.1f} s  {what}", flush=True)
        if self.shots is not None:
            name = re.sub(r"[^a-z0-9]+", "-", what.lower())[:50].strip("-")
            self.shots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self.shots / f"{len(self.steps):02d}-{name}.png")

    def whole(self, name: str) -> None:
        """A picture of the page as tall as it is, where pictures are kept."""
        if self.shots is None:
            return
        before = self.page.viewport_size or {"width": 1440, "height": 900}
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": before["width"], "height": min(7000, int(height) + 20)})
        self.page.wait_for_timeout(800)
        driver.settle(self.page, 120_000)
        self.page.screenshot(path=self.shots / f"{len(self.steps):02d}-whole-{name}.png")
        self.page.set_viewport_size(before)
        driver.settle(self.page, 120_000)

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
    progress = walk.page.get_by_text(re.compile("reading the images: [1-9]")).first
    try:
        progress.wait_for(timeout=8000)
        walk.did(f"watched: {progress.inner_text()}")
    except PlaywrightTimeout:
        pass  # it was quicker than a look
    walk.wait(re.compile(r"[0-9,]+ images? in 1 dataset"))
    walk.did(f"imported: {walk.page.locator('.bs-lead').first.inner_text()}")


def start_run(
    walk: Walk, name: str, *, reference: bool = True, where: str = "", but: bool = False, step: str = ""
) -> None:
    """A run on the Runs page, its reference built by clicks; with a step of preprocessing, seen before and after.

    Args:
        where: What tells reference and target apart; the first that is offered where it is left out.
        but: The reference is everything but the commonest value, not that alone.
    """
    walk.go("Runs")
    form = walk.page.locator(".st-key-runs_new")
    form.wait_for(timeout=60_000)
    if form.locator("details[open]").count() == 0:
        form.locator("summary").first.click()
    walk.page.locator(".st-key-start_run button").wait_for(timeout=60_000)
    driver.settle(walk.page, 120_000)
    if reference:
        add = walk.page.locator(".st-key-reference_add button")
        if where:
            walk.page.locator(".st-key-reference_new").get_by_role("combobox", name="Where").click()
            walk.page.get_by_role("option", name=where).first.click()
            driver.settle(walk.page, 120_000)
        if but:
            walk.page.locator(".st-key-reference_new").get_by_text("is not", exact=True).click()
            driver.settle(walk.page, 120_000)
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
    """Watch the run that is at work until rate and time left are told, stop it on Jobs, and let it go on."""
    walk.go("Jobs")
    told = walk.page.get_by_text(re.compile("embedding the images: [1-9].*left")).first
    told.wait_for(timeout=300_000)
    walk.did(f"watched: {told.inner_text()}")
    walk.page.locator("[class*=st-key-job_cancel] button").first.click()
    walk.wait(re.compile("stopped"), 120_000)
    walk.did("cancelled")
    walk.page.locator("[class*=st-key-job_retry] button").first.click()
    walk.wait("at work", 120_000)
    told = walk.page.get_by_text(re.compile("embedding the images: [1-9].*left|scoring|drawing")).first
    told.wait_for(timeout=300_000)
    walk.did(f"goes on: {told.inner_text()}")


def opened_from_notice(walk: Walk, title: str) -> None:
    """Wait for a job's notice beside the navigation and open what it tells of."""
    news = walk.page.locator("[class*=st-key-news_]").filter(has_text=title)
    news.locator("[class*=st-key-news_open] button").first.click(timeout=LONG)
    driver.settle(walk.page, 120_000)
    walk.did(f"opened from the notice: {walk.page.locator('h1').first.inner_text()}")


def report(walk: Walk, workspace: Path) -> int:
    """The newest run's report by the button on Runs, opened from disk without a network; its bytes."""
    walk.go("Runs")
    named = walk.page.locator("summary").filter(has_text=re.compile(r"\d+ · "))
    newest = walk.page.locator("[data-testid=stMain] details").filter(has=named).first
    newest.locator("summary").click()
    driver.settle(walk.page, 60_000)
    newest.locator("[class*=st-key-run_report] button").first.click()
    walk.page.wait_for_url("**/outputs*", timeout=60_000)
    walk.page.locator("[class*=st-key-card_output]").first.wait_for(timeout=180_000)
    (made, *_) = sorted((workspace / "outputs").glob("*report.html"), reverse=True)
    walk.did(f"the report is there, {made.stat().st_size / 1e6:.2f} MB")
    from_disk(walk, made)
    return made.stat().st_size


def from_disk(walk: Walk, path: Path) -> None:
    """Open an HTML file from the disk in a browser without a network; it asks for nothing and complains of nothing."""
    running = walk.page.context.browser
    if running is None:
        raise RuntimeError("this page's browser is gone")
    context = running.new_context(offline=True, viewport={"width": 1100, "height": 900})
    try:
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        drawn, broken = page.evaluate(
            "() => [...document.images].reduce(([a, b], i) => i.naturalWidth ? [a + 1, b] : [a, b + 1], [0, 0])"
        )
        sections = page.locator("h2").all_inner_texts()
        asked = [url for url in asked if not url.startswith(("data:", path.as_uri()))]
        if asked or said or broken or path.stat().st_size >= 15_000_000:
            raise RuntimeError(f"the report asks for {asked}, says {said}, {broken} of its pictures are broken")
        if walk.shots is not None:
            page.screenshot(path=walk.shots / f"{len(walk.steps):02d}-report.png", full_page=True)
    finally:
        context.close()
    walk.did(
        f"opened from disk, network blocked: {len(sections)} sections, {drawn} pictures, 0 requests, 0 console lines"
    )


def two_runs_and_a_report(walk: Walk, workspace: Path, where: str = "") -> None:
    """What every imported dataset goes through; `where` as in `start_run`."""
    start_run(walk, "first", where=where)
    watched_cancelled_resumed(walk)
    opened_from_notice(walk, "Run first")
    walk.whole("overview")
    start_run(walk, "second", reference=False, step="CLAHE")
    opened_from_notice(walk, "Run second")
    compared(walk)
    report(walk, workspace)


def compared(walk: Walk) -> None:
    """The two newest runs held against each other on Runs."""
    walk.go("Runs")
    walk.wait("Two runs side by side", 120_000)
    walk.wait("regions in both", 120_000)
    tiles = walk.page.locator(".bs-tiles").filter(has_text="flags gained").first.inner_text()
    walk.page.get_by_role("heading", name="Two runs side by side").evaluate("(title) => title.scrollIntoView()")
    for side in ("gained", "lost"):
        place = walk.page.locator(f".st-key-compare_{side} .cell").first
        if not re.search(rf"flags {side}\s+0\b", tiles):
            place.wait_for(timeout=60_000)
    walk.did(f"two runs are compared: {' '.join(tiles.split())}")
    walk.whole("two-runs")
