"""From an empty workspace to a report without a terminal: every step by mouse in a headless Chromium.

``python -m benchmarks.by_mouse trashcan --data FOLDER``, and ``coral``, ``upload``, ``rubbish``, ``tables``,
``merging``; and ``models``, ``outputs``, ``viewing``, ``weights`` with ``--workspace DIR``. A flow starts
``benthoscope serve`` over a new workspace (the last four over a copy of a finished one), does what a scientist would
do, and writes what was seen at each step and after how many seconds. A step that fails ends it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.common import append_result
from benchmarks.mouse_desk import DESK, fill_with_tables
from benchmarks.mouse_runs import RUNS, fill_with_dives
from benchmarks.walking import (
    LONG,
    Walk,
    import_table,
    opened_from_notice,
    report,
    serving,
    start_run,
    two_runs_and_a_report,
)
from tests.browser import driver


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
    two_runs_and_a_report(walk, workspace, "Concept")  # few of its images are of a survey whose depth is known


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
    walk.whole("overview")
    report(walk, workspace)


def rubbish(walk: Walk, workspace: Path, data: Path) -> None:
    """Folders in which little is what it says: one with nothing to use, one with 24 good pictures among the rest."""
    walk.button("Bring images")
    walk.page.get_by_role("button", name="nothing", exact=True).click()
    driver.settle(walk.page)
    walk.page.get_by_role("button", name="Use this folder").click()
    walk.wait("nothing to import", 120_000)
    driver.settle(walk.page)
    walk.did("a folder without a usable picture says so")
    walk.whole("nothing")
    walk.page.get_by_role("button", name=data.name, exact=True).click()
    driver.settle(walk.page)
    walk.page.get_by_role("button", name="some", exact=True).click()
    driver.settle(walk.page)
    walk.page.get_by_role("button", name="Use this folder").click()
    walk.wait("What would come of it", 120_000)
    opened = walk.page.get_by_text(re.compile("All 32 files were opened")).first
    opened.wait_for(timeout=120_000)
    walk.wait("What cannot be used as it is", 120_000)
    walk.did(f"previewed: {opened.inner_text()}")
    walk.whole("preview")
    walk.page.get_by_text(re.compile("More about these images")).click()
    walk.choose("Group", "folder")
    driver.settle(walk.page, 120_000)
    walk.page.get_by_role("button", name=re.compile("^Import 24 images")).click()
    walk.wait("24 images in 1 dataset", 120_000)
    driver.settle(walk.page)
    walk.did(f"imported: {walk.page.locator('.bs-tiles').first.inner_text()!r}")
    walk.whole("imported")
    start_run(walk, "what is left", but=True)
    opened_from_notice(walk, "Run what is left")
    walk.whole("overview")
    report(walk, workspace)


def fill_with_rubbish(folder: Path) -> None:
    """Files that are empty, cut off, huge, of another kind than they say, oddly named, or no pictures at all."""
    import struct
    import zlib

    from PIL import Image

    from tests.small import draw

    def png_of(width: int, height: int) -> bytes:
        """A PNG whose header claims this size; what follows is far less."""

        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
        )

    whole = folder / "whole.jpg"
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (640, 480), (10, 60, 90)).save(whole)
    body = whole.read_bytes()
    whole.unlink()
    for name in ("nothing", "some"):
        place = folder / name
        place.mkdir()
        (place / "empty.jpg").write_bytes(b"")
        (place / "text.png").write_text("no picture")
        (place / "noise.tif").write_bytes(os.urandom(5000))
        (place / "cut.jpg").write_bytes(body[: len(body) // 3])
        (place / "huge.png").write_bytes(png_of(60_000, 60_000))
        (place / "<b>page.html").write_text("<script>alert(1)</script>")
        (place / "notes.txt").write_text("a\nb\n")
        (place / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(64))
        (place / "._side.jpg").write_bytes(body)
        (place / "folder.jpg").mkdir()
        (place / "gone.jpg").symlink_to(folder / "nowhere.jpg")
        (place / "out.jpg").symlink_to("/etc/hostname")
        os.mkfifo(place / "pipe.jpg")
        (place / os.fsdecode(b"caf\xe9.jpg")).write_bytes(body)
        (place / 'one;two,thr"ee.csv').write_text('x,,y\n1\n"\n')
    names = [f"frame {n}.png" for n in range(20)]
    names += ["=1+1.png", "<img src=x onerror=alert(1)>.png", "Tiefsee 深海 🐙.png", "a" * 180 + ".png"]
    for number, name in enumerate(names):
        place = folder / "some" / f"dive {number // 4}"
        place.mkdir(exist_ok=True)
        kind = "JPEG" if number == 3 else "PNG"  # one says PNG and is a JPEG
        draw(number, (320, 200)).save(place / name, kind)


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
    **DESK,
    **RUNS,
}
_FILLED = {"tables": fill_with_tables, "merging": fill_with_dives}


def main() -> None:
    """Walk one flow and write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flow", choices=FLOWS)
    parser.add_argument("--data", type=Path, help="folder with the images of the flow")
    parser.add_argument("--also", type=Path, action="append", default=[], help="folder that the server may read, too")
    parser.add_argument("--workspace", type=Path, help="a finished workspace, for `models`; it is copied")
    parser.add_argument("--shots", type=Path, help="keep a screenshot of every step here")
    parser.add_argument("--size", choices=driver.SIZES, default="wide", help="of the window")
    parser.add_argument("--dark", action="store_true", help="in the dark display")
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
        if wish.flow in _FILLED:
            data = Path(place) / "cruise"
            _FILLED[wish.flow](data, wish.data)
        with (
            serving(workspace, data, *wish.also) as address,
            driver.browsers() as browsers,
            browsers.page(size=wish.size, dark=wish.dark) as (page, log),
        ):
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
