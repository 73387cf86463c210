"""Flows of `benchmarks.by_mouse`: a run with weights from a file, and decisions that follow a merge."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.mouse_desk import FRAMES, card_of, enter, import_named, merge_named
from benchmarks.review_keys import STATE, ready
from benchmarks.walking import Walk, opened_from_notice, report, start_run
from core.review.standing import standing
from core.workspace import open_workspace
from tests.browser import driver

WHOLE = "mobilenet_v2-imagenet1k.safetensors"
BODY = "mobilenet_v2-imagenet1k-features.safetensors"


def weights(walk: Walk, workspace: Path, data: Path) -> None:
    """From an earlier run's settings, with another weights file: chosen, checked, timed, run to its end and opened.

    The workspace holds a run with weights from a file; ``--also`` names that file's folder.
    """
    walk.go("Runs")
    form = walk.page.locator(".st-key-runs_new")
    form.locator("summary").first.click()
    walk.page.locator(".st-key-start_run button").wait_for(timeout=60_000)
    walk.choose("Start from", "the settings of run 1")
    walk.page.get_by_text("Settings; the given ones are right for most").click()
    driver.settle(walk.page, 120_000)
    walk.did("the form is filled from run 1")
    _way(walk, "its own")
    walk.wait(re.compile("are not on this machine, and .* does not answer"), 60_000)
    expect(walk.page.locator(".st-key-start_run button")).to_be_disabled()
    walk.did("without a file and without the internet it says so before anything starts")
    walk.whole("no-weights")
    _way(walk, "a file of yours")
    folder = _folder(workspace)
    walk.page.locator("[class*=st-key-start_weights_sent] input[type=file]").set_input_files(str(folder / BODY))
    walk.page.locator(".st-key-start_weights_keep button").click(timeout=60_000)
    walk.wait(re.compile(f"{re.escape(BODY)} fits mobilenet_v2"), 60_000)
    driver.settle(walk.page, 120_000)
    walk.did(f"{BODY} is sent, kept and checked")
    _way(walk, "a file of this machine")
    for _ in range(2):  # to the folder of pictures, and back to that of weights
        walk.page.locator("[class*=st-key-weigh_root]").get_by_role("button").first.click()
        driver.settle(walk.page, 120_000)
    walk.page.get_by_role("button", name=WHOLE, exact=True).click()
    told = walk.page.get_by_text(re.compile(f"^{re.escape(WHOLE)} fits mobilenet_v2")).first
    told.wait_for(timeout=60_000)
    driver.settle(walk.page, 120_000)
    walk.did(f"chosen and checked: {told.inner_text()}")
    walk.choose("Network", "ResNet-50")
    walk.wait(re.compile("for resnet50: 0 of 265 tensors"), 60_000)
    expect(walk.page.locator(".st-key-start_run button")).to_be_disabled()
    walk.did("with another network it does not fit, and the run cannot start")
    walk.choose("Network", "MobileNet V2")
    walk.page.locator(".st-key-start_cost button").click()
    cost = walk.page.get_by_text(re.compile("take about .*then comes the map")).first
    cost.wait_for(timeout=120_000)
    walk.did(f"estimated: {cost.inner_text()}")
    walk.whole("form")
    walk.page.locator(".st-key-start_name input").fill("from a file")
    walk.page.locator(".st-key-start_name input").press("Enter")
    driver.settle(walk.page, 120_000)
    walk.page.locator(".st-key-start_run button").click()
    watched = walk.page.get_by_text(re.compile("embedding the images: [1-9].*left")).first
    watched.wait_for(timeout=300_000)
    walk.did(f"watched: {watched.inner_text()}")
    opened_from_notice(walk, "Run from a file")
    foot = walk.page.locator(".bs-footer").first.inner_text()
    if WHOLE not in foot or str(folder) in foot:
        raise RuntimeError(f"the foot says {foot}")
    walk.did("Overview names the weights at its foot")
    if report(walk, workspace) and str(folder) in next(workspace.glob("outputs/*report.html")).read_text("utf-8"):
        raise RuntimeError("the report names a folder of this machine")


def _way(walk: Walk, name: str) -> None:
    walk.page.locator(".st-key-start_weights").get_by_text(re.compile(f"^{re.escape(name)}")).click()
    driver.settle(walk.page, 120_000)


def _folder(workspace: Path) -> Path:
    """Where the weights of run 1 lie."""
    space = open_workspace(workspace, create=False)
    try:
        return Path(str(space.open_run(1).settings.embed.weights)).parent
    finally:
        space.close()


def fill_with_dives(folder: Path, pictures: Path) -> None:
    """Two dives with frames of `pictures`, each a folder with a table of usual column names."""
    found = sorted(path for path in pictures.rglob("*.jpg"))[: 2 * FRAMES]
    begin = datetime(2024, 5, 1, 10, 0, 0)
    for dive, name in enumerate(("first", "second")):
        place = folder / name
        (place / "frames").mkdir(parents=True)
        with (place / "frames.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["filename", "timestamp", "dive", "labels"])
            for number, path in enumerate(found[dive * FRAMES : (dive + 1) * FRAMES]):
                shutil.copy(path, place / "frames" / path.name)
                taken = begin + timedelta(seconds=10 * number)
                table.writerow([path.name, f"{taken:%Y-%m-%d %H:%M:%S}", f"T{dive}{number // 6}", "Rock"])


def merging(walk: Walk, workspace: Path, data: Path) -> None:
    """Pictures of a dataset reviewed, the dataset merged with another, the decisions found there, the merge undone."""
    walk.button("Bring images")
    for number, name in enumerate(("first", "second"), 1):
        if number > 1:
            enter(walk, data.name)
        enter(walk, name, "frames.csv")
        walk.wait("What would come of it", 120_000)
        import_named(walk, name, number * FRAMES, "1 dataset" if number == 1 else "2 datasets")
    card_of(walk, "first").get_by_role("button", name="Start a run").click()
    walk.page.locator(".st-key-start_run button").wait_for(timeout=60_000)
    driver.settle(walk.page, 120_000)
    start_run(walk, "of the first", where="Group", but=True)
    opened_from_notice(walk, "Run of the first")
    said = _review(walk, workspace)
    walk.go("Datasets")
    merge_named(walk, ("first", "second"), "both", 2 * FRAMES)
    card_of(walk, "both").get_by_role("button", name="Start a run").click()
    walk.page.locator(".st-key-start_run button").wait_for(timeout=60_000)
    driver.settle(walk.page, 120_000)
    start_run(walk, "of both", where="Group", but=True)
    opened_from_notice(walk, "Run of both")
    _found(walk, workspace, said)
    walk.go("Datasets")
    card_of(walk, "both").get_by_role("button", name="Undo the merge").click()
    walk.wait(f"{2 * FRAMES} images in 2 datasets", 60_000)
    driver.settle(walk.page)
    walk.did(f"the merge is undone: {walk.page.locator('.bs-lead').first.inner_text()}")
    walk.whole("undone")


def _review(walk: Walk, workspace: Path) -> dict[str, str]:
    """Decide on the first pictures of the queue by keys; file name → verdict, as they are kept."""
    walk.go("Review")
    walk.page.get_by_label("Your name").fill("Ada")
    walk.page.keyboard.press("Enter")
    state = ready(walk.page)
    for key in "13131":
        before = state["region"]
        walk.page.keyboard.press(key)
        state = ready(walk.page, before)
    walk.did(f"five pictures are decided: {walk.page.evaluate(STATE)['counted']}")
    walk.whole("review")
    said = _kept(workspace, 1)
    if len(said) != 5:
        raise RuntimeError(f"kept are {said}")
    return said


def _kept(workspace: Path, run: int) -> dict[str, str]:
    """What stands on the pictures of a run: file name → verdict."""
    space = open_workspace(workspace, create=False)
    try:
        table = space.open_run(run).table
        names = {
            int(number): Path(str(path)).name for number, path in zip(table["image_id"], table["path"], strict=True)
        }
        return {names[one.image_id]: one.verdict for one in standing(space.database) if one.image_id in names}
    finally:
        space.close()


def _found(walk: Walk, workspace: Path, said: dict[str, str]) -> None:
    """The decisions on the merged dataset: kept, counted on Review, told in the image panel."""
    if _kept(workspace, 2) != said:
        raise RuntimeError(f"on the merged dataset stands {_kept(workspace, 2)}, not {said}")
    walk.go("Review")
    walk.wait(re.compile("5 decisions of these came along"), 60_000)
    driver.settle(walk.page, 60_000)
    counts = walk.page.locator(".st-key-card_verdict_counts").inner_text()
    walk.did(f"Review counts them on the merged pictures: {' '.join(counts.split())}")
    walk.whole("came-along")
    walk.page.goto(walk.page.url.partition("/review")[0] + "/browse?run=2&set=target")  # what was judged, by a link
    driver.settle(walk.page, 60_000)
    cells = walk.page.locator(".gallery .cell")
    cells.first.wait_for(timeout=60_000)
    for place in range(cells.count()):
        cells.nth(place).click()
        walk.page.locator(".viewer .picture").wait_for(timeout=60_000)
        driver.settle(walk.page, 60_000)
        line = walk.page.get_by_text(re.compile("came along when datasets were merged"))
        told = line.first.inner_text() if line.count() else ""
        walk.page.keyboard.press("Escape")
        walk.page.locator(".viewer .picture").wait_for(state="detached", timeout=60_000)
        driver.settle(walk.page, 60_000)
        if told:
            walk.did(f"the image panel tells: {told}")
            return
    raise RuntimeError("no picture's panel tells of a decision that came along")


RUNS: dict[str, Callable[[Walk, Path, Path], None]] = {"weights": weights, "merging": merging}
