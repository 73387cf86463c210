"""Steps of `benchmarks.map_walk` on the Map: pointing, choosing, layers, colours, keys, pictures and drawings."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from benchmarks.map_chart import INK, Chart, Truth, holds, number, until
from benchmarks.walking import Walk

NO_WEBGL = (
    "const given = HTMLCanvasElement.prototype.getContext;"
    "HTMLCanvasElement.prototype.getContext = function (kind, ...rest)"
    " { return kind === 'webgl2' ? null : given.call(this, kind, ...rest); };"
)


def the_map(walk: Walk, truth: Truth) -> None:
    """Pointing, choosing, layers, colours, keys, pictures and drawings."""
    page, chart = walk.page, Chart(walk, truth)
    page.goto(truth.url("map"))
    chart.ready()
    said = page.locator(".map .status").inner_text()
    target = int(truth.table["set"].isin(["target", "both"]).sum())
    holds(number(said, r"([\d,]+) points") == (target or len(truth.table)), f"{said} of {target}")
    walk.did(f"the map stands: {said}")
    _pointed(walk, truth, chart)
    _chosen(walk, truth, chart)
    _layers(walk, chart)
    _recoloured(walk, truth, chart)
    _enlarged(walk, truth, chart)
    _keys(walk, chart)
    _saved(walk, truth, chart)


def _pointed(walk: Walk, truth: Truth, chart: Chart) -> None:
    page = walk.page
    row = chart.lonely()
    record = truth.table.iloc[row]
    page.locator(".stage").scroll_into_view_if_needed()
    at = chart.pixels(chart.xy)[row]
    page.mouse.move(at[0] + 2, at[1] + 1)
    card = page.locator(f'.map .card[data-row="{row}"]')
    card.wait_for(timeout=15_000)
    said = card.inner_text()
    holds(str(record["path"]).rsplit("/", 1)[-1] in said, f"{record['path']} is not in {said!r}")
    holds("score" in said and all(name in said for name in record["concepts"]), said)
    holds(page.locator(".map img").count() == 0, "names are text")
    drawn = card.locator("canvas").evaluate(INK)
    holds(drawn > 1000, f"the thumbnail has {drawn} pixels")
    walk.did(f"pointed at one region, its card says {' / '.join(said.split(chr(10)))!r}")
    page.mouse.down()
    page.mouse.up()
    page.locator(".viewer .picture").wait_for(timeout=30_000)
    holds(f"image={int(record['image_id'])}" in page.url, page.url)
    walk.did("a click opened its image panel")
    page.keyboard.press("Escape")
    page.locator(".viewer").wait_for(state="detached")
    chart.ready()


def _chosen(walk: Walk, truth: Truth, chart: Chart) -> None:
    page = walk.page
    row = chart.lonely()
    before = _contrast(page, chart.pixels(chart.xy)[row])
    chart.tool("Draw a box")
    places = chart.pixels(chart.xy)
    box = chart.stage
    # An edge half way between two places, so that counting is not a matter of rounding.
    side = chart.pixels(chart.xy)[row, 0] - box["x"] > box["width"] / 2
    ordered = np.sort(places[np.isfinite(places[:, 0]), 0])
    gaps = np.diff(ordered)
    across = (ordered[:-1] - box["x"]) / box["width"]
    middle = np.flatnonzero((across > 0.25) & (across < 0.75))
    cut = middle[np.argmax(gaps[middle])]
    edge = float(ordered[cut] + gaps[cut] / 2)
    left, right = (box["x"] + 1, edge) if side else (edge, box["x"] + box["width"] - 1)
    chart.drag([(left, box["y"] + 2), (right, box["y"] + box["height"] - 2)])
    wanted = int(((places[:, 0] > left) & (places[:, 0] < right)).sum())
    first = chart.agree(lambda n: n == wanted, f"the {wanted} regions that pandas counts in the box")
    faint = _contrast(page, chart.pixels(chart.xy)[row])
    holds(0.02 * before < faint < 0.8 * before, f"unselected: contrast {faint:.1f}, before {before:.1f}")
    walk.did(f"a box chose {first} regions, as pandas counts; others are at {faint / before:.0%} of their strength")
    chart.tool("Draw around points")
    chart.drag(chart.shares((0.1, 0.1), (0.9, 0.08), (0.85, 0.5), (0.5, 0.6), (0.12, 0.45), (0.1, 0.12)), "Shift")
    second = chart.agree(lambda n: n > first, "more by adding")
    chart.drag(chart.shares((0.3, 0.2), (0.7, 0.25), (0.6, 0.8), (0.32, 0.7)), "Alt")
    third = chart.agree(lambda n: n < second, "fewer by taking away")
    gallery = page.get_by_text(re.compile(r"pictures? in the selection")).first.inner_text()
    holds(number(gallery, r"([\d,]+) picture") == third, f"{gallery} of {third}")
    walk.did(f"a lasso added ({second}) and took away ({third}); browser, server and gallery count the same")
    walk.go("Browse")
    shown = page.get_by_text(re.compile(r"[\d,]+ (?:of [\d,]+ )?pictures? (?:is|are) shown")).first.inner_text()
    holds(number(shown, r"([\d,]+) ") == third, shown)
    walk.go("Map")
    chart.ready()
    holds(chart.chosen() == third, "the selection came along")
    walk.did("Browse shows the same selection, and the map keeps it")
    chart.tool("Let go of the area")
    page.get_by_text("Draw around points with the lasso").wait_for(timeout=30_000)
    holds("area=" not in page.url, page.url)
    chart.ready()
    walk.did("cleared")


def _contrast(page: Page, at: np.ndarray) -> float:
    """How far a point stands out of its surroundings: its largest difference from the commonest tone there."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    around = {"x": float(at[0]) - 12, "y": float(at[1]) - 12, "width": 24, "height": 24}
    shot = np.asarray(Image.open(BytesIO(page.screenshot(clip=around))).convert("RGB"), float)  # type: ignore[arg-type]
    ground = np.median(shot.reshape(-1, 3), axis=0)
    return float(np.abs(shot[9:15, 9:15] - ground).sum(axis=2).max())


def _layers(walk: Walk, chart: Chart) -> None:
    page = walk.page
    hexagons = chart.ink(0)
    rings = chart.ink(2, "flagged")
    holds(hexagons > 500 and rings > 500, f"density {hexagons} pixels, rings {rings}")
    chart.layer("Density of the reference", False)
    chart.layer("The strangest, ringed", False)
    holds(chart.ink(0) == 0 and chart.ink(2, "flagged") < 20, "both layers are away")
    holds("layers=" in page.url, page.url)
    chart.layer("Density of the reference", True)
    chart.layer("The strangest, ringed", True)
    holds(chart.ink(0) == hexagons and "layers=" not in page.url, "the density is back")
    walk.did(f"the reference's hexagons ({hexagons} pixels) and the green rings ({rings}) go and come")


def _recoloured(walk: Walk, truth: Truth, chart: Chart) -> None:
    page = walk.page
    before = chart.state()
    columns = {"concept": "concepts", "depth": "depth_m", "time": "taken_at", "OOD score": "ood_score"}
    for name, column in columns.items():
        if truth.table[column].isna().all():
            continue
        chart.colour(walk, name)
        legend = page.locator(".map .legend .title").inner_text()
        holds(name in legend, f"{legend} for {name}")
        holds(not re.search(r"\d\.\d{5}", page.locator(".map .legend").inner_text()), "no raw floats")
    holds(chart.state()[0] == before[0], "positions are sent once")
    walk.did("coloured by concept, depth, time and score where known; no position was sent again")
    handle = page.get_by_label("Largest shown")
    handle.focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    until(page, lambda: "hide=" in page.url, "a range in the address")
    walk.did("the scale's handle hid the strangest")
    chart.colour(walk, "set")
    entry = page.locator(".map .legend .entry", has_text="target").first
    drawn = chart.ink(2, "flagged")
    entry.click()
    holds(page.locator('.map .legend .entry[aria-pressed="false"]').count() == 1, "one value is hidden")
    until(page, lambda: chart.ink(2, "flagged") < 0.2 * drawn, "the rings of what is hidden go")
    page.locator(".map .legend .entry", has_text="target").first.click()
    until(page, lambda: chart.ink(2, "flagged") == drawn, "they come back")
    walk.did("a click in the legend hid the target and brought it back")
    bare = chart.ink(2, "text")
    chart.layer("Names of clusters", True)
    holds(chart.ink(2, "text") > bare + 300, "names over other colours")
    chart.layer("Names of clusters", False)
    chart.colour(walk, "cluster")
    named = chart.ink(2, "text")
    chart.layer("Names of clusters", False)
    unnamed = chart.ink(2, "text")
    holds(named > unnamed + 300, f"names: {named} pixels, without {unnamed}")
    chart.layer("Names of clusters", True)
    walk.did(f"clusters are named on the map ({named} pixels of text)")


def _enlarged(walk: Walk, truth: Truth, chart: Chart) -> None:
    page = walk.page
    places = chart.pixels(chart.xy)[(truth.table["set"] != "reference").to_numpy()]
    away = np.abs(places - np.nanmedian(places, axis=0)).sum(axis=1)
    page.mouse.move(*places[np.nanargmin(away)])  # where the target is thick
    for _ in range(3):
        page.mouse.wheel(0, -500)
        page.wait_for_timeout(80)
    shown = page.locator(".map")
    until(page, lambda: int(shown.get_attribute("data-pictures") or 0) > 2, "pictures in place of points")
    until(page, lambda: "zoom=" in page.url, "the place in the address")
    walk.did(f"zoomed in, {shown.get_attribute('data-pictures')} points are their pictures")
    chart.tool("The whole map")
    until(page, lambda: "zoom=" not in page.url, "the whole map again")


def _keys(walk: Walk, chart: Chart) -> None:
    page, tools = walk.page, walk.page.locator(".map .tools")
    page.locator(".stage").focus()
    for key, name in (("l", "Draw around points"), ("r", "Draw a box"), ("m", "Drag moves the map")):
        page.keyboard.press(key)
        expect(tools.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("+")
    until(page, lambda: "zoom=" in page.url, "closer by a key")
    near = page.url
    page.keyboard.press("ArrowRight")
    until(page, lambda: page.url != near, "moved by a key")
    page.keyboard.press("0")
    until(page, lambda: "zoom=" not in page.url, "the whole by a key")
    entry = page.locator(".map .legend .entry").first
    entry.focus()
    page.keyboard.press("Space")
    expect(page.locator(".map .legend .entry").first).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".map .legend .entry").first).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".map .legend .entry").first).to_have_attribute("aria-pressed", "true")
    walk.did("tools, zoom, moving and the legend by keys alone")
    chart.tool("Draw around points")
    page.mouse.move(*chart.shares((0.2, 0.2))[0])
    page.mouse.down()
    for place in chart.shares((0.5, 0.2), (0.5, 0.6), (0.2, 0.6)):
        page.mouse.move(*place, steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    page.wait_for_timeout(500)
    holds("area=" not in page.url and chart.inside() == -1, "Escape lets go of a half drawn lasso")
    chart.tool("Drag moves the map")
    walk.did("Escape let go of a half drawn lasso")


def _saved(walk: Walk, truth: Truth, chart: Chart) -> None:
    page = walk.page
    chart.colour(walk, "OOD score")
    with page.expect_download() as waiting:
        chart.tool("Save as a picture")
    picture = Path(waiting.value.path())
    shot = np.asarray(Image.open(picture).convert("RGB"), float)
    height = round(chart.stage["height"] * page.evaluate("Math.min(2, devicePixelRatio)"))
    below = shot[height:]
    holds(len(below) > 40 and float(np.ptp(below)) > 100, f"{shot.shape}: no legend below {height}")
    with page.expect_download() as waiting:
        chart.tool("Save as a drawing")
    drawing = Path(waiting.value.path())
    tree = ElementTree.parse(drawing).getroot()
    circles = tree.findall("{*}circle")
    texts = [one.text or "" for one in tree.findall("{*}text")]
    points = number(page.locator(".map .status").inner_text(), r"([\d,]+) points")
    holds(points <= len(circles) <= points + 12, f"{len(circles)} circles of {points} points")
    holds(any("of the map" in text for text in texts) and "OOD score" in texts, str(texts))
    if walk.shots is not None:
        shutil.copy(picture, walk.shots / "map.png")
        shutil.copy(drawing, walk.shots / "map.svg")
    walk.did(f"saved as PNG {shot.shape[1]} x {shot.shape[0]} and SVG with {len(circles)} circles, legend and scale")


def without_webgl(walk: Walk, truth: Truth) -> None:
    """The same page in a browser without WebGL2."""
    page, chart = walk.page, Chart(walk, truth)
    page.add_init_script(NO_WEBGL)
    page.goto(truth.url("map"))
    chart.ready()
    said = page.locator(".map .note").inner_text()
    holds("no WebGL2" in said, said)
    holds(chart.ink(1) > 1000, "the points are drawn flat")
    chart.tool("Draw a box")
    chart.drag(chart.shares((0.1, 0.1), (0.8, 0.9)))
    found = chart.agree(lambda n: n > 0, "a selection without WebGL2")
    walk.did(f"without WebGL2 a still picture and a word; a box chose {found}")
