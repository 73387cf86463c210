"""The Map and the Clusters walked by mouse in a headless Chromium, every step held against the run's own table.

``python -m benchmarks.map_walk WORKSPACE [--run N] [--only map|clusters|remakes|placing] [--shots FOLDER] [--dry]``

The workspace is copied first and served by ``benthoscope serve``, with its workers. What a page says is compared with
what pandas, scikit-learn or the picture that was saved say; a step that does not hold ends the walk. The times are
those of a script that does not read.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.cluster_steps import clusters, count
from benchmarks.common import append_result
from benchmarks.map_chart import Chart, Truth, holds, until
from benchmarks.map_steps import the_map, without_webgl
from benchmarks.walking import Walk, opened_from_notice, serving
from core.workspace import open_workspace
from tests.browser import driver


def remakes(walk: Walk, truth: Truth) -> None:
    """Another map and other clusters as runs of their own, followed to their end and opened."""
    page = walk.page
    for method, said in (("PCA", "PCA"), ("supervised", "supervised UMAP"), ("", "seed 7")):
        page.goto(truth.url("map"))
        Chart(walk, truth).ready()
        page.get_by_text("Another map of the same regions").click()
        driver.settle(page, 60_000)
        if method:
            walk.choose("Laid out", method)
        else:
            seed = page.locator(".st-key-remake_seed input")
            seed.fill("7")
            seed.press("Enter")
            driver.settle(page, 60_000)
        page.locator(".st-key-remake_map_do button").click()
        opened_from_notice(walk, said)
        Chart(walk, truth).ready()
        kept = page.get_by_text("Trustworthiness").first.inner_text()
        figures = [float(one) for one in re.findall(r"(?:Trustworthiness|Continuity) (\d\.\d+)", kept)]
        holds(len(figures) == 2 and all(0.4 < one <= 1 for one in figures), kept)
        holds(f"run={truth.run}" not in page.url, page.url)
        walk.did(f"{said}: {kept}")
    page.goto(truth.url("clusters"))
    driver.settle(page, 120_000)
    before = count(page)
    page.get_by_text("Other clusters of the same map").click()
    driver.settle(page, 60_000)
    walk.choose("Kind", "many and small")
    smallest = page.get_by_label("Smallest cluster")
    smallest.fill("6")
    smallest.press("Enter")
    driver.settle(page, 60_000)
    page.locator(".st-key-remake_clusters_do button").click()
    opened_from_notice(walk, "leaf")
    after = count(page)
    holds(after != before, f"{after} clusters, as before")
    walk.did(f"leaf clusters of at least 6 regions: {after} instead of {before}")


def mirrored(truth: Truth, folder: Path, rows: list[int]) -> list[Path]:
    """Pictures of the run turned left to right: new to the catalogue, yet it is known what they are like."""
    from PIL import Image, ImageOps

    folder.mkdir(exist_ok=True)
    made = []
    with closing(open_workspace(truth.workspace)) as space:
        for row in rows:
            entry = space.image(int(truth.table["image_id"].iloc[row]))
            assert entry is not None
            made.append(folder / f"mirrored {row}.jpg")
            ImageOps.mirror(Image.open(entry.path).convert("RGB")).save(made[-1], quality=92)
    return made


def brought(walk: Walk, truth: Truth, rows: list[int], before: int = 0) -> None:
    """A visitor's own pictures, put onto the map by mouse; the second time they are known."""
    page, chart = walk.page, Chart(walk, truth)
    page.goto(truth.url("map"))
    chart.ready()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in mirrored(truth, Path(folder), rows)]
        for said in (f"{len(rows)} pictures were placed", f"{len(rows)} pictures are here already"):
            if not page.locator("[data-testid=stPopoverBody]").is_visible():
                page.get_by_role("button", name="Place my pictures").click()
            page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(files)
            page.get_by_text(said).wait_for(timeout=120_000)
            driver.settle(page, 60_000)
    page.keyboard.press("Escape")
    chart.ready()
    walk.did(f"{approximate(walk, chart, before + len(rows), 'mirrored')}; sent again, they are known")


def kept(walk: Walk, truth: Truth, many: int) -> None:
    """The page opened again: what was placed is drawn and listed."""
    page, chart = walk.page, Chart(walk, truth)
    page.goto(truth.url("map"))
    chart.ready()
    page.get_by_text(f"Placed pictures ({many})").wait_for(timeout=60_000)
    shown = page.locator(".st-key-card_placed img")
    holds(shown.count() == min(many, 6), f"{shown.count()} thumbnails of {many}")
    for one in shown.all():
        until(page, lambda one=one: one.evaluate("(i) => i.naturalWidth > 100"), "a thumbnail")
    walk.did(f"opened again: {approximate(walk, chart, many, 'mirrored')}; listed with {shown.count()} thumbnails")


def removed(walk: Walk, truth: Truth, many: int) -> None:
    """One removed, all removed, both taken back; the run's own figures stay what they are."""
    page, chart = walk.page, Chart(walk, truth)
    points = page.locator(".map .status").inner_text().split(" · ")[0]
    card = page.locator(".st-key-card_placed")
    steps = (
        (card.get_by_role("button", name="Remove", exact=True).first, many - 1),
        (card.get_by_role("button", name="Remove all"), 0),
        (card.get_by_role("button", name="Undo removing"), many - 1),
        (card.get_by_role("button", name="Undo removing"), many),
    )
    for button, left in steps:
        button.click()
        page.get_by_text(f"Placed pictures ({left})").wait_for(timeout=60_000)
        chart.ready()
        said = page.locator(".map .status").inner_text()
        holds((f"{left} placed approximately" in said) == (left > 0) and points in said, said)
    card.get_by_role("button", name="Show its nearest").first.click()
    page.locator(".viewer .picture").wait_for(timeout=60_000)
    page.keyboard.press("Escape")
    page.locator(".viewer").wait_for(state="detached")
    walk.did(f"one removed, all removed, both taken back: {many} again; the nearest of one was looked at")


def approximate(walk: Walk, chart: Chart, many: int, told: str) -> str:
    """Squares are there, and under the pointer one says what it is; what it says."""
    page = walk.page
    status = page.locator(".map .status").inner_text()
    holds(f"{many:,} placed approximately" in status, status)
    squares = chart.ink(2, "accent")
    holds(squares > 20, f"{squares} pixels of squares")
    card = page.locator('.map .card[data-row^="guest"]')
    for x, y in chart.of_tone(2, "accent"):
        page.mouse.move(x, y)
        page.wait_for_timeout(120)
        if card.count():
            break
    said = card.inner_text()
    holds(told in said and "placed approximately" in said and "distance to the nearest" in said, said)
    return f"{many} placed; one says {' / '.join(said.split(chr(10)))!r}"


def placing(walk: Walk, truth: Truth) -> None:
    """New pictures on the old map: as they are, and as a run that stays."""
    page, chart = walk.page, Chart(walk, truth)
    rows = list(range(0, len(truth.table), max(1, len(truth.table) // 12)))[:12]
    brought(walk, truth, rows[:3])
    kept(walk, truth, 3)
    removed(walk, truth, 3)
    with closing(open_workspace(truth.workspace)) as space:
        embed = space.open_run(truth.run).settings.embed
    if embed.weights is not None or embed.embedder != "demo":
        return  # such a network is named on the command line, not on a page
    page.goto(truth.url("datasets"))
    driver.settle(page, 120_000)
    page.get_by_text("Files of yours").click()
    driver.settle(page, 60_000)
    with tempfile.TemporaryDirectory() as folder:
        files = mirrored(truth, Path(folder), rows)
        page.locator("input[type=file]").set_input_files([str(path) for path in files])
        page.get_by_role("button", name=f"Take {len(rows)} files").click()
        walk.wait("What would come of it", 60_000)
    page.get_by_role("button", name=re.compile("^Import [0-9,]+ image")).click()
    walk.wait(re.compile("images in 2 datasets"), 120_000)
    walk.did(f"{len(rows)} new pictures are imported")
    entry = page.locator("details").filter(has=page.locator("summary", has_text="uploaded"))
    entry.locator("summary").first.click()
    entry.get_by_role("button", name="Start a run").click()
    page.get_by_role("heading", name="What was computed?").wait_for(timeout=60_000)
    driver.settle(page, 60_000)
    if not page.locator(".st-key-start_run button").is_visible():
        page.get_by_text("New run", exact=True).click()
    page.locator(".st-key-start_run button").click()
    opened_from_notice(walk, "Run ")
    page.goto(truth.url("map"))
    chart.ready()
    walk.choose("Place another run here", "uploaded")
    chart.ready()
    walk.did(approximate(walk, chart, len(rows) + 3, "mirrored"))


def restarted(walk: Walk, truth: Truth) -> None:
    """After the server was ended and started again: what was placed is there, and new ones can be placed."""
    page, chart = walk.page, Chart(walk, truth)
    with closing(open_workspace(truth.workspace)) as space:
        own = {info.id for info in space.runs() if len(info.settings.datasets) == 1 and info.id != truth.run}
        placed = {run: len(space.open_run(run).table) for run in sorted(own)}
    fewest = min(placed, key=lambda run: placed[run], default=None)
    if fewest is not None and placed[fewest] == 12:
        page.goto(truth.url("map") + f"&placed={fewest}")
        chart.ready()
        walk.did("after a restart, by the same link: " + approximate(walk, chart, 15, "mirrored"))
    kept(walk, truth, 3)
    removed(walk, truth, 3)
    brought(walk, truth, [5, 15], before=3)


FLOWS: dict[str, Callable[[Walk, Truth], None]] = {
    "map": the_map,
    "clusters": clusters,
    "remakes": remakes,
    "placing": placing,
}


def main() -> None:
    """Walk and write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path, help="a finished workspace; it is copied")
    parser.add_argument("--run", type=int, help="the newest by default")
    parser.add_argument("--only", choices=list(FLOWS), help="one part")
    parser.add_argument("--shots", type=Path, help="keep a screenshot of every step and what was saved here")
    parser.add_argument("--dry", action="store_true", help="write no line")
    wish = parser.parse_args()
    steps: list[Any] = []
    with tempfile.TemporaryDirectory() as place:
        workspace = Path(shutil.copytree(wish.workspace, Path(place) / "workspace", symlinks=True))
        with closing(open_workspace(workspace)) as space:
            run = wish.run or max(info.id for info in space.runs() if info.state == "done")
            table = space.open_run(run).table
        with driver.browsers() as browsers, serving(workspace) as address:
            truth = Truth(address, workspace, run, table)
            for name, flow in FLOWS.items():
                if wish.only in (None, name):
                    steps += walked(browsers, flow, truth, wish.shots and wish.shots / name)
            if wish.only in (None, "map"):
                steps += walked(browsers, without_webgl, truth, wish.shots and wish.shots / "flat")
        if wish.only in (None, "placing"):
            with driver.browsers() as browsers, serving(workspace) as address:
                truth = Truth(address, workspace, run, table)
                steps += walked(browsers, restarted, truth, wish.shots and wish.shots / "restarted")
    if not wish.dry:
        collection = ", ".join(sorted(table["dataset"].unique()))
        figures = {"collection": collection, "rows": len(table), "part": wish.only or "all", "steps": steps}
        append_result("map_walk", figures, packages=("streamlit", "playwright"))


def walked(
    browsers: driver.Browsers, flow: Callable[[Walk, Truth], None], truth: Truth, shots: Path | None
) -> list[Any]:
    """One part in a page of its own; its steps."""
    with browsers.page() as (page, log):
        page.set_default_timeout(30_000)
        walk = Walk(page, shots)
        try:
            flow(walk, truth)
        except Exception:
            page.screenshot(path="map_walk_failed.png" if shots is None else shots / "failed.png")
            raise
        holds(not log.errors and not log.outside, f"the browser says: {log.errors} {log.outside}")
        return walk.steps


if __name__ == "__main__":
    main()
