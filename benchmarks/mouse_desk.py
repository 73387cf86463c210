"""Flows of `benchmarks.by_mouse`: tables joined and corrected, pictures seen otherwise, outputs taken home."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Locator, expect

from benchmarks.walking import LONG, Walk, from_disk, opened_from_notice
from tests.browser import driver

FRAMES = 24
LAG = 125
"""Seconds by which the log's clock is ahead of the camera's."""
_ROW = 33


def fill_with_tables(folder: Path, pictures: Path) -> None:
    """Two dives with frames of `pictures`: a table with foreign column names and a log whose clock is ahead."""
    found = sorted(path for path in pictures.rglob("*.jpg"))[: 2 * FRAMES]
    begin = datetime(2024, 5, 1, 10, 0, 0)
    for dive, name in enumerate(("tauchgang", "second")):
        place = folder / name
        (place / "frames").mkdir(parents=True)
        rows = []
        for number, path in enumerate(found[dive * FRAMES : (dive + 1) * FRAMES]):
            shutil.copy(path, place / "frames" / path.name)
            taken = begin + timedelta(seconds=10 * number)
            rows.append([path.name, f"{taken:%Y-%m-%d %H:%M:%S}", f"T{dive}{number // 6}", "", "Tuete"])
        header = ["Bilddatei", "Aufgenommen", "Tauchgang", "Ort", "Gesehen"]
        if dive:
            header = ["filename", "timestamp", "dive", "site", "labels"]
        _table(place / ("liste.csv" if dive == 0 else "frames.csv"), header, rows)
        log = [
            [
                f"{begin + timedelta(seconds=second + LAG):%Y-%m-%d %H:%M:%S}",
                36.7 + second / 1e5,
                -122.0,
                300 + second / 10,
            ]
            for second in range(300)
        ]
        _table(place / "navigation.csv", ["timestamp", "latitude", "longitude", "depth"], log)


def _table(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def tables(walk: Walk, workspace: Path, data: Path) -> None:
    """Columns mapped, a log joined, values edited and undone, datasets merged, put away and taken back."""
    walk.button("Bring images")
    enter(walk, "tauchgang", "liste.csv")
    walk.wait("What the columns are", 120_000)
    driver.settle(walk.page)
    walk.did("a table with foreign column names is shown")
    walk.whole("columns")
    for row, title in (
        (1, "date and time"),
        (2, "group (dive, transect)"),
        (3, "site"),
        (4, "labels"),
    ):
        _map(walk, row, title)
    walk.wait("First rows", 60_000)
    walk.did("four columns are mapped by mouse")
    walk.page.get_by_text(re.compile("More about these images")).click()
    walk.choose("Folder of the images", "frames")
    walk.choose("Navigation log", "navigation.csv")
    said = walk.page.get_by_text(re.compile("^The log navigation.csv")).first
    said.wait_for(timeout=60_000)
    walk.did(f"the log is joined: {said.inner_text()}")
    walk.whole("log")
    offset = walk.page.get_by_role("spinbutton", name="Clock offset, seconds")
    offset.fill(str(LAG))
    offset.press("Enter")
    walk.wait(re.compile(f"around {FRAMES} of {FRAMES} images"), 60_000)
    driver.settle(walk.page)
    walk.did(f"the offset is adjusted: {said.inner_text()}")
    walk.whole("offset")
    import_named(walk, "tauchgang", FRAMES, "1 dataset")
    walk.button("Bring images") if walk.page.get_by_role("button", name="Bring images").count() else None
    enter(walk, data.name, "second", "frames.csv")
    walk.wait("What the columns are", 120_000)
    import_named(walk, "second", 2 * FRAMES, "2 datasets")
    _edit(walk)
    _merge(walk)


def enter(walk: Walk, *names: str) -> None:
    """Press buttons one after the other: folders, then a table."""
    for name in names:
        walk.page.get_by_role("button", name=name, exact=True).first.click()
        driver.settle(walk.page, 120_000)


def _grid(walk: Walk, key: str) -> Locator:
    grid = walk.page.locator(f"[class*=st-key-{key}] canvas").first
    grid.evaluate("(grid) => grid.scrollIntoView({ block: 'center' })")
    walk.page.wait_for_timeout(300)
    return grid


def _map(walk: Walk, row: int, title: str) -> None:
    """Choose what a column is: its cell opened by a double click, the answer clicked."""
    for _ in range(3):
        driver.settle(walk.page, 60_000)
        box = _grid(walk, "map_").bounding_box()
        if box is None:
            raise RuntimeError("there is no table of columns")
        walk.page.mouse.dblclick(box["x"] + box["width"] - 60, box["y"] + _ROW * (row + 1.5))
        walk.page.wait_for_timeout(400)
        walk.page.keyboard.type(title[:9])  # the list is longer than it shows
        option = walk.page.locator("#portal").get_by_text(title, exact=True)
        if option.count():
            option.first.click()
            driver.settle(walk.page, 60_000)
            return
        walk.page.wait_for_timeout(500)
        option = walk.page.locator("#portal").get_by_text(title, exact=True)
        if option.count():
            option.first.click()
            driver.settle(walk.page, 60_000)
            return
        walk.page.keyboard.press("Escape")
    raise RuntimeError(f"{title} cannot be chosen")


def import_named(walk: Walk, name: str, images: int, where: str) -> None:
    """Import what is previewed; the catalogue then holds so many images."""
    walk.page.get_by_role("button", name=re.compile(f"^Import {FRAMES} image")).click()
    walk.wait(f"{images} images in {where}", 120_000)
    driver.settle(walk.page, 60_000)
    walk.did(f"{name} is imported: {walk.page.locator('.bs-lead').first.inner_text()}")
    walk.whole(name)


def _edit(walk: Walk) -> None:
    """A site written into a cell, saved, and undone."""
    card = card_of(walk, "tauchgang")
    card.get_by_text("Edit metadata", exact=True).click()
    driver.settle(walk.page, 60_000)
    box = _grid(walk, "edit_table_").bounding_box()
    if box is None:
        raise RuntimeError("there is no table of metadata")
    walk.page.mouse.click(box["x"] + 60, box["y"] + _ROW * 1.5)
    for _ in range(7):
        walk.page.keyboard.press("ArrowRight")
    walk.page.keyboard.press("Enter")
    field = walk.page.locator("#portal textarea, #portal input").first
    field.fill("North Ridge")
    field.press("Enter")
    walk.wait("Save 1 change", 30_000)
    walk.did("a cell is changed")
    walk.button("Save 1 change")
    walk.wait("Changed so far", 30_000)
    driver.settle(walk.page)
    walk.did("the change is saved")
    walk.whole("edited")
    walk.button("Undo")
    walk.wait("taken back", 30_000)
    driver.settle(walk.page)
    walk.did("the change is undone")


def card_of(walk: Walk, name: str) -> Locator:
    """A dataset's card, opened."""
    title = walk.page.locator("summary").filter(has_text=re.compile(rf"{name}\s*$"))
    card = walk.page.locator("[data-testid=stMain] details").filter(has=title).first
    if card.get_attribute("open") is None:
        title.first.click()
        driver.settle(walk.page, 60_000)
    return card


def merge_named(walk: Walk, names: tuple[str, ...], into: str, images: int) -> None:
    """Merge datasets and put the old ones away."""
    walk.page.get_by_text("Merge datasets", exact=True).click()
    driver.settle(walk.page)
    for name in names:
        walk.pick("Datasets", name)
        driver.settle(walk.page, 60_000)
    walk.page.keyboard.press("Escape")
    walk.page.get_by_label("Name of the new dataset").fill(into)
    walk.page.get_by_label("Name of the new dataset").press("Enter")
    driver.settle(walk.page)
    walk.page.get_by_text("Put the old ones away").click()
    driver.settle(walk.page)
    walk.did("a merge is prepared")
    walk.page.locator(".st-key-merge_start button").click()
    walk.wait(f"{images} images in 1 dataset", 120_000)
    driver.settle(walk.page)
    walk.did(f"merged: {walk.page.locator('.bs-lead').first.inner_text()}")


def _merge(walk: Walk) -> None:
    """Two datasets become one, are put away with it, and one is taken back."""
    merge_named(walk, ("tauchgang", "second"), "both", 2 * FRAMES)
    walk.page.get_by_text("2 archived datasets").click()
    driver.settle(walk.page)
    walk.whole("merged")
    walk.button("Take back")
    walk.wait("in 2 datasets", 60_000)
    driver.settle(walk.page)
    walk.did(f"one is taken back: {walk.page.locator('.bs-lead').first.inner_text()}")
    card_of(walk, "both").get_by_role("button", name="Archive", exact=True).click()
    walk.wait("in 1 dataset", 60_000)
    driver.settle(walk.page)
    walk.did(f"one is archived again: {walk.page.locator('.bs-lead').first.inner_text()}")


# --- a finished workspace ---------------------------------------------------------------------------------------------


def viewing(walk: Walk, workspace: Path, data: Path) -> None:
    """A picture shown otherwise in its panel, before and after, and what that does to its score."""
    walk.page.locator(".gallery .cell").first.click()
    picture = walk.page.locator(".viewer .picture")
    picture.wait_for(timeout=60_000)
    driver.settle(walk.page, 60_000)
    walk.page.wait_for_timeout(1000)
    walk.did("a picture is open")
    walk.button("Show it otherwise")
    for step in ("Central crop", "CLAHE", "White balance, grey world", "Denoise, median"):
        walk.pick(re.compile("Preprocessing"), step)
        driver.settle(walk.page, 60_000)
    walk.page.keyboard.press("Escape")
    if not walk.page.get_by_role("button", name="What does it do to the score?").is_visible():
        walk.button("Show it otherwise")
    expect(picture).to_have_attribute("src", re.compile("steps="), timeout=60_000)
    walk.did("it is shown cropped, with CLAHE, balanced and without noise")
    walk.button("What does it do to the score?")
    walk.wait("shown so", 120_000)
    driver.settle(walk.page, 60_000)
    told = walk.page.locator(".bs-tiles").filter(has_text="shown so").first.inner_text()
    walk.did(f"its score: {' '.join(told.split())}")
    walk.page.keyboard.press("Escape")
    before = walk.page.locator(".viewer .before")
    if not before.is_visible():
        walk.page.mouse.click(700, 30)
    place = before.bounding_box()
    if place is None:
        raise RuntimeError("there is no button for the picture as it is")
    walk.did("after")
    walk.page.mouse.move(place["x"] + 10, place["y"] + 8)
    walk.page.mouse.down()
    walk.page.wait_for_timeout(600)
    if "steps=" in str(picture.get_attribute("src")):
        raise RuntimeError("the picture as it is is not shown")
    walk.did("before, while the button is held")
    walk.page.mouse.up()
    if "steps=" not in str(picture.get_attribute("src")):
        raise RuntimeError("the picture is not shown otherwise any more")


def outputs(walk: Walk, workspace: Path, data: Path) -> None:
    """Reports of a selection and of an evaluation, tables previewed, taken home and opened again; runs put in order."""
    walk.go("Browse")
    walk.page.locator(".facets .row input").first.check()
    walk.page.wait_for_timeout(1500)
    driver.settle(walk.page, 60_000)
    walk.did(f"selected: {walk.page.locator('.bs-lead').first.inner_text()}")
    walk.go("Outputs")
    walk.choose("As", "Report, one HTML file")
    walk.choose("Of", "the current selection")
    walk.did("a report of the selection is prepared")
    _made(walk, "Report of the current selection")
    _downloaded(walk, workspace, "selection-report.html")
    if "Fish" not in walk.page.frame_locator("iframe").first.locator("p.lead").inner_text():
        raise RuntimeError("the report is not about the selection")
    walk.choose("As", "Report of an evaluation")
    _made(walk, "Report of evaluation")
    _downloaded(walk, workspace, "evaluation")
    walk.choose("As", "Table, CSV")
    walk.choose("Of", "flagged regions")
    _made(walk, "Table, CSV")
    card = walk.page.locator("[class*=st-key-card_output]").filter(has_text="regions.csv").first
    card.get_by_text("First lines").click()
    driver.settle(walk.page)
    walk.did("its first lines are looked at")
    card.get_by_role("button", name="Open").click()
    driver.settle(walk.page, 60_000)
    walk.wait("From run", 60_000)
    walk.did(f"opened again: {' '.join(walk.page.locator('.st-key-card_reopened .bs-tiles').inner_text().split())}")
    for way in ("Map", "Gallery"):
        walk.page.locator(".st-key-reopen_way").get_by_text(way, exact=True).click()
        driver.settle(walk.page, 60_000)
        walk.page.wait_for_timeout(1000)
        walk.did(f"as {way.lower()}")
        walk.whole(way.lower())
    _runs(walk)


def _made(walk: Walk, title: str) -> None:
    walk.page.locator(".st-key-make_it button").click()
    opened_from_notice(walk, title)


def _downloaded(walk: Walk, workspace: Path, name: str) -> None:
    """Take the newest output of this name home, and open what came from disk."""
    card = walk.page.locator("[class*=st-key-card_output]").filter(has_text=name).first
    card.wait_for(timeout=LONG)
    card.get_by_text("Look at it").click()
    driver.settle(walk.page, 60_000)
    shown = walk.page.frame_locator("iframe").first.locator("h2")
    shown.first.wait_for(timeout=60_000)
    walk.did(f"previewed: {shown.count()} sections")
    with walk.page.expect_download() as coming:
        card.get_by_role("button", name="Download").click()
    path = workspace.parent / coming.value.suggested_filename
    coming.value.save_as(path)
    walk.did(f"taken home: {path.name}, {path.stat().st_size / 1e6:.2f} MB")
    from_disk(walk, path)


def _runs(walk: Walk) -> None:
    """A run renamed, pinned, put away and taken back."""
    walk.go("Runs")
    walk.wait("Two runs side by side", 60_000)
    driver.settle(walk.page)
    lines = walk.page.locator("[data-testid=stMain] details").filter(has_text=re.compile(r"\d+ · "))
    count = lines.count()
    line = lines.last
    line.locator("summary").first.click()
    driver.settle(walk.page)
    name = line.get_by_label("Name")
    name.fill("Renamed by mouse")
    name.press("Enter")
    driver.settle(walk.page)
    line.get_by_role("button", name="Rename").click()
    walk.wait(re.compile("Renamed by mouse"), 30_000)
    driver.settle(walk.page)
    walk.did("a run is renamed")
    walk.whole("runs")
    named = walk.page.locator("[data-testid=stMain] details").filter(has_text="Renamed by mouse").first
    _press(walk, named, "Pin")
    walk.did("it is pinned")
    _press(walk, named, "Let go")
    _press(walk, named, "Archive")
    walk.wait("1 archived run", 30_000)
    walk.did("it is archived")
    walk.page.get_by_text("1 archived run").click()
    walk.button("Take back")
    driver.settle(walk.page, 60_000)
    if walk.page.locator("[data-testid=stMain] details").filter(has_text=re.compile(r"\d+ · ")).count() != count:
        raise RuntimeError("the run is not back")
    walk.did("it is taken back")


def _press(walk: Walk, line: Locator, name: str) -> None:
    button = line.get_by_role("button", name=name, exact=True)
    if not button.is_visible():
        line.locator("summary").first.click()
    button.click()
    driver.settle(walk.page, 60_000)


DESK: dict[str, Callable[[Walk, Path, Path], None]] = {"tables": tables, "viewing": viewing, "outputs": outputs}
