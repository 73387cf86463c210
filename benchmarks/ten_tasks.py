"""Ten tasks that people come with, each done by mouse and keyboard in a real browser, their answers checked.

``python -m benchmarks.ten_tasks WORKSPACE [--run N] [--concept NAME] [--shots FOLDER] [--only N]``

The answers are computed from the run's table by plain pandas and held against what the pages say. The times are those
of a script that does not read: what the product takes, not what a person takes. The workspace is copied first.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from playwright.sync_api import Download, Locator, Page

from benchmarks.common import append_result
from core.workspace import open_workspace
from tests.browser import driver

SHOWN = re.compile(r"^(?:All )?([\d,]+) (?:of [\d,]+ )?pictures? (?:is|are) shown")


@dataclass
class Visit:
    """One visitor of the dashboard, and what is true of the run."""

    browsers: driver.Browsers
    page: Page
    address: str
    run: int
    table: pd.DataFrame
    workspace: Path
    concept: str
    shots: Path | None = None

    def open(self, title: str) -> None:
        """Go to a page by the navigation."""
        self.page.get_by_role("link", name=title, exact=True).click()
        self.page.wait_for_timeout(400)
        self.settle()

    def start(self, path: str = "") -> None:
        """Come in by the address bar."""
        self.page.goto(f"{self.address}/{path}?run={self.run}")
        self.settle()

    def settle(self) -> None:
        driver.settle(self.page, 60_000)

    def see(self, name: str) -> None:
        """Take a picture, for people."""
        if self.shots:
            self.page.screenshot(path=self.shots / f"{name}.png")

    def choose(self, facet: str, value: str) -> None:
        """Tick a value of a facet."""
        summary = self.page.locator("summary", has_text=facet).first
        group = self.page.get_by_role("group", name=facet, exact=True)
        if not group.is_visible():
            summary.click()
        finder = self.page.get_by_label(f"Find in {facet}")
        if finder.count():
            finder.fill(value)
        before = self.page.url
        group.get_by_role("checkbox", name=re.compile(rf"^(group )?{re.escape(value)}\s")).first.check()
        self.page.wait_for_function("(before) => location.href !== before", arg=before)
        self.settle()

    def count(self) -> int:
        """How many pictures Browse says that it shows."""
        text = self.page.get_by_text(SHOWN).first.inner_text()
        return int(SHOWN.match(text).group(1).replace(",", ""))

    def names(self, first: int) -> list[str]:
        """File names of the first pictures."""
        cells = [self.page.locator(f"#cell-{place} .caption .first") for place in range(first)]
        return [cell.inner_text() for cell in cells]

    def panel(self, cell: Locator) -> str:
        """Open a picture; returns its name."""
        cell.click()
        self.page.locator(".viewer .picture").wait_for()
        self.settle()
        return self.page.locator(".bs-name").inner_text()

    def csv(self, button: str) -> pd.DataFrame:
        """A table taken home."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=button).first.click()
        taken: Download = waiting.value
        return pd.read_csv(io.BytesIO(Path(taken.path()).read_bytes()), dtype={"category": str})


def where_most(visit: Visit) -> tuple[object, object]:
    """Which depth band (without depths: which group) has most pictures of the concept?"""
    deep = visit.table["depth_m"].notna().any()
    visit.start()
    visit.page.get_by_text("What was seen where").scroll_into_view_if_needed()
    grown = visit.page.get_by_text("with the groups above")
    if grown.count():
        grown.click()
        visit.settle()
    visit.page.get_by_text("What was seen where").scroll_into_view_if_needed()
    visit.page.wait_for_timeout(600)
    visit.see("01 what was seen where")
    said = visit.csv("CSV of all counts and shares")
    best = said[said["concept"] == visit.concept].sort_values("images", ascending=False).iloc[0]
    held = visit.table[visit.table["concepts"].map(lambda names: not _members(visit).isdisjoint(names))]
    if deep:
        low, high = (float(end) for end in re.findall(r"\d+", str(best["category"]).replace(",", ""))[:2])
        true = int(held["depth_m"].between(low, high, inclusive="left").sum())
        bands = held["depth_m"].floordiv(high - low).value_counts()
        return (best["images"], true), (true, int(bands.max()))
    return (best["category"].removeprefix("group "), int(best["images"])), (
        held["group"].value_counts().idxmax(),
        int(held["group"].value_counts().max()),
    )


def _members(visit: Visit) -> set[str]:
    """The concept and all below it."""
    from core.catalogue.regions import concept_descendants, dataset_ids

    with closing(open_workspace(visit.workspace)) as space:
        below = concept_descendants(space.database, dataset_ids(space.database, list(visit.table["dataset"].unique())))
    return {visit.concept, *below.get(visit.concept, ())}


def strangest_five(visit: Visit) -> tuple[object, object]:
    """The five strangest frames of one dive, and what they resemble."""
    group = visit.table.loc[visit.table["ood_score"].idxmax(), "group"]
    visit.start("browse")
    visit.choose("Group (dive)", group)
    found = visit.names(5)
    name = visit.panel(visit.page.locator("#cell-0"))
    near = visit.page.get_by_role("listbox", name="Nearest reference pictures").locator("[role=option]")
    near.first.scroll_into_view_if_needed()
    visit.settle()
    visit.see("02 what it resembles")
    own = visit.table[visit.table["group"] == group].nlargest(5, "ood_score")["path"].map(_name).tolist()
    return (found, name, "distance" in near.first.get_attribute("aria-label")), (own, own[0], True)


def without_position(visit: Visit) -> tuple[object, object]:
    """All frames without a position."""
    visit.start("browse")
    missing = visit.page.get_by_role("group", name="Missing", exact=True)
    missing.scroll_into_view_if_needed()
    none = "no position" not in missing.inner_text()
    if not none:
        visit.choose("Missing", "no position")
    visit.see("03 without a position")
    return 0 if none else visit.count(), int(visit.table["latitude"].isna().sum())


def sent_on(visit: Visit) -> tuple[object, object]:
    """Send this view to a colleague: another visitor opens the link."""
    visit.start("browse")
    visit.choose("Flagged", "yes")
    visit.choose("Set", "target")
    link, shown = visit.page.url, visit.count()
    with visit.browsers.page(dark=True) as (page, _):
        other = Visit(visit.browsers, page, visit.address, visit.run, visit.table, visit.workspace, visit.concept)
        page.goto(link)
        other.settle()
        seen = other.count()
    table = visit.table
    return (shown, seen), (int((table["flagged"] & table["set"].eq("target")).sum()),) * 2


def how_many_flagged(visit: Visit) -> tuple[object, object]:
    """How many are flagged, and what does that promise?"""
    visit.start()
    tile = visit.page.locator(".bs-tile", has_text="flagged")
    visit.see("05 how many are flagged")
    said = tile.locator("dd").first.inner_text().replace(",", "")
    promise = visit.page.get_by_text("of a new group with nothing new in it").first.is_visible()
    table = visit.table
    images = table[table["flagged"] & table["set"].isin(["target", "both"])]["image_id"].nunique()
    return (int(said), promise), (images, True)


def filmed_twice(visit: Visit) -> tuple[object, object]:
    """The near-duplicates of that animal."""
    visit.start("browse")
    visit.choose("Concept", visit.concept)
    for place in range(12):
        visit.panel(visit.page.locator(f"#cell-{place}"))
        way = visit.page.get_by_role("button", name=re.compile(r"\d+ near-duplicates?$"))
        if way.count():
            break
        visit.page.keyboard.press("Escape")
        visit.page.locator(".viewer").wait_for(state="detached")
        visit.settle()
    visit.see("06 a way to its near-duplicates")
    many = int(re.search(r"\d+", way.inner_text()).group())
    way.click()
    visit.page.get_by_role("heading", name="What was filmed twice?").wait_for()
    visit.settle()
    visit.see("06 near-duplicates")
    title = visit.page.get_by_role("heading", name=re.compile(r"Run \d+: \d+ pictures")).inner_text()
    return int(re.search(r": (\d+)", title).group(1)), many + 1


def one_camera(visit: Visit) -> tuple[object, object]:
    """How much of one camera is flagged?"""
    flagged = visit.table.groupby("camera")["flagged"].agg(["sum", "size"])
    camera = (flagged["sum"] / flagged["size"]).idxmax()
    visit.start("browse")
    visit.choose("Camera", camera)
    every = visit.count()
    visit.choose("Flagged", "yes")
    visit.see("07 flagged of one camera")
    return (visit.count(), every), tuple(int(number) for number in flagged.loc[camera])


def like_mine(visit: Visit) -> tuple[object, object]:
    """What is most like a picture of my own? Here one that is in the collection too, so that the answer is known."""
    record = visit.table.iloc[len(visit.table) // 2]
    with closing(open_workspace(visit.workspace)) as space:
        path = space.image(int(record["image_id"])).path
    visit.start("browse")
    visit.page.get_by_role("button", name="By example").click()
    visit.page.locator("input[type=file]").set_input_files(path)
    visit.page.get_by_text("Most alike your picture first").wait_for(timeout=30_000)
    visit.settle()
    visit.see("08 like mine")
    return visit.names(1), [_name(record["path"])]


def kept_and_left_out(visit: Visit) -> tuple[object, object]:
    """Keep the flagged under a name, then see everything without them."""
    visit.start("browse")
    visit.choose("Flagged", "yes")
    visit.page.get_by_role("button", name="Saved", exact=True).click()
    visit.page.get_by_placeholder("a name").fill("to look at")
    visit.page.get_by_role("button", name="Save this selection").click()
    visit.page.get_by_text("it is in the list under Saved").wait_for()
    visit.page.get_by_role("button", name="without").first.click()
    visit.page.get_by_role("button", name="Without: to look at").wait_for()
    visit.page.keyboard.press("Escape")
    visit.settle()
    visit.see("09 without them")
    return visit.count(), int((~visit.table["flagged"].astype(bool)).sum())


def taken_home(visit: Visit) -> tuple[object, object]:
    """Draw round part of the map, and take the list of it home."""
    visit.start("map")
    visit.page.locator('.map[data-ready="1"]').wait_for()
    visit.page.get_by_role("button", name="Draw a box").click()
    box = visit.page.locator(".stage").bounding_box()
    visit.page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=8)
    visit.page.mouse.up()
    text = visit.page.get_by_text(re.compile("The selection holds"))
    text.wait_for()
    visit.settle()
    visit.see("10 part of the map")
    said = int(re.search(r"selection holds ([\d,]+)", text.inner_text()).group(1).replace(",", ""))
    return len(visit.csv("CSV")), said


TASKS = (
    *(where_most, strangest_five, without_position, sent_on, how_many_flagged),
    *(filmed_twice, one_camera, like_mine, kept_and_left_out, taken_home),
)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def main() -> None:
    """Do them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--run", type=int, default=1)
    parser.add_argument("--concept", default="Sea pen", help="what tasks 1 and 6 ask for")
    parser.add_argument("--shots", type=Path, help="where pictures of the pages go")
    parser.add_argument("--only", type=int, help="number of one task; nothing is noted then")
    asked = parser.parse_args()
    if asked.shots:
        asked.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(asked.workspace, Path(folder) / "workspace", symlinks=True)
        with closing(open_workspace(copy)) as space:
            table = space.open_run(asked.run).table
        done = []
        with driver.server(copy) as address, driver.browsers() as browsers:
            began = time.perf_counter()
            with browsers.page() as (page, _):
                Visit(browsers, page, address, asked.run, table, copy, asked.concept).start()
            first = round(time.perf_counter() - began, 1)
            for number, task in enumerate(TASKS, 1):
                if asked.only not in (None, number):
                    continue
                with browsers.page() as (page, log):
                    visit = Visit(browsers, page, address, asked.run, table, copy, asked.concept, asked.shots)
                    began = time.perf_counter()
                    try:
                        answer, true = task(visit)
                    except Exception as error:  # a stumble is what is looked for here
                        visit.see(f"{number:02d} stumbled")
                        answer, true = f"{type(error).__name__}: {error}"[:300], None
                    seconds = round(time.perf_counter() - began, 1)
                right = answer == true and not log.errors and not log.outside
                said = "right" if right else f"WRONG: {answer} instead of {true}"
                print(f"{number} {task.__name__}: {seconds} s, {said}", *log.errors, *log.outside, flush=True)
                done.append({"task": task.__name__, "seconds": seconds, "right": bool(right)})
    if asked.only is None:
        figures = {
            "collection": ", ".join(sorted(table["dataset"].unique())),
            "rows": len(table),
            "first_visit": first,
            "tasks": done,
        }
        append_result("ten_tasks", figures, packages=("streamlit", "playwright"))


if __name__ == "__main__":
    main()
