"""The map in a browser: first drawn point, hover, a new colour, a lasso's way to Python, the tab's memory.

    python -m benchmarks.map_browser                                # every size by all three ways, one after the other
    python -m benchmarks.map_browser --count 1000000 --way ours

Three ways to draw the same points, in headless Chromium with software WebGL: the product's map, a component with the
plotly.js of plotly's own wheel, and ``st.plotly_chart``; each with a server and a browser of its own. A step that takes
longer than its limit did not finish, which is a result: its figure is null and says why.

The server has made the points before the page is opened; everything else is in the time, Streamlit's own start
included. Hover is from the pointer's event to the card's words and picture (plotly: its label). Memory is the resident
size of the tab's process; software WebGL keeps buffers in a process of its own, which is given beside it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Error, Page

from benchmarks.common import append_result
from core.workspace import open_workspace
from tests.browser import driver

WAYS = ("ours", "plotly_js", "plotly_chart")
LONGEST_DRAG = 60
_DRAWN = {
    "ours": "() => all('.map')?.dataset.state",
    "plotly": """() => {
      const held = document.querySelector('.js-plotly-plot .gl-canvas-focus, .js-plotly-plot .gl-canvas-context');
      if (!held || !held.width) return false;
      const small = document.createElement('canvas'); small.width = 96; small.height = 48;
      const pen = small.getContext('2d', { willReadFrequently: true });
      for (const one of document.querySelectorAll('.js-plotly-plot .gl-container canvas'))
        pen.drawImage(one, 0, 0, 96, 48);
      return pen.getImageData(0, 0, 96, 48).data.some((v) => v > 0); }""",
}
_FIND = """window.all = (what) => {
  const found = [], walk = (root) => root.querySelectorAll('*').forEach((e) => {
    if (e.matches(what)) found.push(e); if (e.shadowRoot) walk(e.shadowRoot); });
  walk(document); return found[0]; };"""
_HOVER = """(what) => { window.took = null; window.begun = 0;
  const look = () => { const e = all(what);
    const shown = window.begun && e && !e.hidden && e.textContent;
    if (shown && (e.dataset.row === undefined || e.dataset.row !== window.last)) {
      window.took = performance.now() - window.begun; window.last = e.dataset.row; }
    else requestAnimationFrame(look); };
  const begin = (e) => { window.begun = window.begun || e.timeStamp; };
  for (const name of ['pointermove', 'mousemove']) addEventListener(name, begin, { capture: true, once: true });
  requestAnimationFrame(look); }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 100_000, 500_000, 1_000_000])
    parser.add_argument("--way", choices=WAYS, nargs="+", default=list(WAYS))
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    for count in asked.count:
        for way in asked.way:
            one(way, count, asked.times)


def one(way: str, count: int, times: int) -> None:
    """Measure one way and write its line."""
    with TemporaryDirectory() as folder:
        open_workspace(Path(folder) / "workspace").close()
        app = Path(__file__).with_name("map_app.py")
        with driver.server(Path(folder) / "workspace", app) as address, driver.browsers() as browsers:
            figures: dict[str, Any] = {}
            try:
                measured(browsers, f"{address}/?way={way}&count={count}", way, times, figures)
            except (Error, TimeoutError) as error:
                figures |= {"first_point_s": None, "first_point_s_why": str(error).split("\n")[0][:120]}
    print(f"{way}, {count:,} points: " + ", ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
    append_result(
        "map_browser", {"way": way, "count": count, **figures}, packages=("streamlit", "plotly", "playwright")
    )
    if figures.get("chosen_by_browser") not in (None, figures.get("chosen")):
        raise SystemExit("the browser's own count differs from Python's")


def measured(browsers: driver.Browsers, address: str, way: str, times: int, figures: dict[str, Any]) -> None:
    """All figures of one way and size, put into `figures`; what fails is ``None``."""
    firsts = []
    for turn in range(times + 1):
        with browsers.page() as (page, _):
            page.add_init_script(_FIND)
            begun = time.perf_counter()
            page.goto(address)
            _until(page, lambda page=page: page.evaluate(_DRAWN["ours" if way == "ours" else "plotly"]), 120)
            if turn:  # the first visit makes the points on the server; nothing is kept by the browser between visits
                firsts.append(time.perf_counter() - begun)
            if turn < times:
                continue
            figures["first_point_s"] = round(statistics.median(firsts), 3)
            page.get_by_text("chosen").wait_for(timeout=60_000)
            page.wait_for_timeout(2500)
            figures["tab_gb"], figures["gpu_gb"] = _memory(page)
            for name, work in (("hover_ms", _hover), ("recolour_s", _recolour), ("lasso_s", _lasso)):
                try:
                    figures |= work(page, way)
                except (Error, TimeoutError, AssertionError) as error:
                    figures |= {name: None, f"{name}_why": str(error).split("\n")[0][:120]}
            figures["tab_after_gb"], _ = _memory(page)


def _until(page: Page, check: Callable[[], Any], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while not check():
        if time.perf_counter() > end:
            raise TimeoutError(f"nothing came within {seconds:.0f} s")
        page.wait_for_timeout(20)


def _memory(page: Page) -> tuple[float, float]:
    """Resident gigabytes of the largest tab and of the graphics process."""
    session = page.context.browser.new_browser_cdp_session()
    sizes: dict[str, int] = {}
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        status = Path(f"/proc/{process['id']}/status").read_text()
        kilobytes = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
        sizes[process["type"]] = max(sizes.get(process["type"], 0), kilobytes)
    return round(sizes["renderer"] / 1e6, 3), round(sizes.get("GPU", 0) / 1e6, 3)


def _box(page: Page, way: str) -> dict[str, float]:
    return page.locator(".stage" if way == "ours" else ".js-plotly-plot .nsewdrag").first.bounding_box()


def _hover(page: Page, way: str) -> dict[str, Any]:
    """From the pointer's move onto a point to what is said of it, at a dozen places."""
    box = _box(page, way)
    if way == "ours":
        _until(page, lambda: page.evaluate("all('.map').dataset.ready"), 20)
    took: list[float] = []
    for step in range(1, 120):
        x, y = (
            box["x"] + box["width"] * (0.15 + 0.7 * ((step * 0.618) % 1)),
            box["y"] + box["height"] * (0.1 + 0.8 * ((step * 0.414) % 1)),
        )
        page.evaluate(_HOVER, ".card" if way == "ours" else ".hoverlayer .hovertext")
        page.mouse.move(x, y)
        page.wait_for_timeout(250 if way == "ours" else 500)
        value = page.evaluate("window.took")
        if value is not None:
            took.append(value)
        if len(took) == 12:
            break
    assert took, "no point answered"
    page.mouse.move(box["x"] + 2, box["y"] - 20)
    return {"hover_ms": round(statistics.median(took), 1), "hover_worst_ms": round(max(took), 1), "hovers": len(took)}


def _recolour(page: Page, way: str) -> dict[str, Any]:
    took = []
    for turn in range(2):
        before = page.evaluate("all('.map')?.dataset.state")
        page.evaluate(
            "window.drawn = 0;"
            " document.querySelector('.js-plotly-plot')?.on('plotly_afterplot', () => { window.drawn += 1; })"
        )
        page.get_by_role("button", name="recolour").click()
        begun = time.perf_counter()
        page.get_by_text("coloured depth" if turn == 0 else "coloured cluster").wait_for(timeout=60_000)
        if way == "ours":
            _until(page, lambda b=before: page.evaluate("all('.map').dataset.state") != b, 60)
        else:
            _until(page, lambda: page.evaluate("window.drawn") > 0, 60)
        took.append(time.perf_counter() - begun)
    return {"recolour_s": round(statistics.median(took), 3)}


def _lasso(page: Page, way: str) -> dict[str, Any]:
    """From letting go of the mouse to Python's count on the page."""
    if way == "ours":
        page.get_by_role("button", name="Draw around points").click()
    box = _box(page, way)
    corners = [(0.2, 0.1), (0.8, 0.15), (0.7, 0.5), (0.85, 0.9), (0.4, 0.75), (0.15, 0.85), (0.3, 0.45)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    drag = time.perf_counter()
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
        if time.perf_counter() - drag > LONGEST_DRAG:
            raise TimeoutError(f"drawing the lasso did not finish in {LONGEST_DRAG} s")
    begun = time.perf_counter()
    page.mouse.up()
    said = page.get_by_text(re.compile("chosen [1-9]"))
    said.wait_for(timeout=60_000)
    found: dict[str, Any] = {"lasso_s": round(time.perf_counter() - begun, 3), "drag_s": round(begun - drag, 3)}
    found["chosen"] = int(re.search(r"chosen (\d+)", said.inner_text()).group(1))
    if way == "ours":
        found["chosen_by_browser"] = int(page.evaluate("all('.map').dataset.inside"))
        page.get_by_role("button", name="Draw a box").click()
        page.mouse.move(*places[0])
        page.mouse.down()
        page.mouse.move(*places[3], steps=8)
        page.mouse.up()
        _until(page, lambda: f"chosen {found['chosen']} " not in page.get_by_text("chosen").first.inner_text(), 30)
        page.wait_for_timeout(300)
        boxed = int(re.search(r"chosen (\d+)", page.get_by_text("chosen").first.inner_text()).group(1))
        assert boxed == int(page.evaluate("all('.map').dataset.inside")), "the counts of the box differ"
        found["boxed"] = boxed
    return found


if __name__ == "__main__":
    main()
