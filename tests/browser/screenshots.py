"""Pictures of every page, to be looked at.

``python -m tests.browser.screenshots OUT_DIR [--url URL | --workspace DIR]``; without either, the small drawn workspace
of the tests is shown. Each page is taken at both sizes, in every display mode, as far as the window reaches and as a
whole; then the image panel. ``--best`` takes the README's four instead, as JPEG, of the run that opens: give it the
demonstration's workspace.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import nullcontext
from pathlib import Path

from playwright.sync_api import Page

from dashboard.shell import PAGES
from dashboard.theme import MODES
from tests.browser import driver
from tests.dashboard.synthetic import make_workspace


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--url", help="a server that is running")
    parser.add_argument("--workspace", type=Path, help="a workspace to serve")
    parser.add_argument("--only", default="", help="names of the pictures must hold this")
    parser.add_argument("--best", action="store_true", help="the four of the README")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        workspace = asked.workspace or (None if asked.url else make_workspace(Path(folder), 30, 12))
        running = nullcontext(asked.url) if workspace is None else driver.server(workspace)
        with running as address, driver.browsers() as browsers:
            if asked.best:
                best(browsers, address.rstrip("/"), asked.out)
            else:
                take(browsers, address.rstrip("/"), asked.out, asked.only)


def best(browsers: driver.Browsers, address: str, out: Path) -> None:
    """Overview, Outliers with why-maps, the map in the dark, and the image panel."""
    jpeg = {"type": "jpeg", "quality": 88}
    with browsers.page(mode="light", base=address) as (page, log):
        page.goto(address)
        driver.settle(page, 60_000)
        page.screenshot(path=out / "overview.jpg", **jpeg)
        _open_first(page, "wide")
        page.screenshot(path=out / "image-panel.jpg", **jpeg)
        page.goto(f"{address}/outliers")
        driver.settle(page, 60_000)
        page.get_by_label("why").first.check()
        page.get_by_role("heading", name="Both ends").evaluate("(title) => title.scrollIntoView()")
        for _ in range(2):  # the maps of both ends
            page.wait_for_timeout(2000)
            page.get_by_text("on their way").first.wait_for(state="detached", timeout=60_000)
        driver.settle(page, 60_000)
        page.screenshot(path=out / "outliers.jpg", **jpeg)
        print(*log.errors, *log.outside)
    with browsers.page(mode="dark", dark=True, base=address) as (page, log):
        page.goto(f"{address}/map")
        driver.settle(page, 60_000)
        page.locator('.map[data-ready="1"]').wait_for()
        page.wait_for_timeout(800)
        page.screenshot(path=out / "map.jpg", **jpeg)
        print(*log.errors, *log.outside)


def take(browsers: driver.Browsers, address: str, out: Path, only: str) -> None:
    """Every page in every size and mode."""
    pages = {title.lower(): path for group in PAGES.values() for title, path, _, _ in group}
    first = next(iter(pages))
    shots = {name: "" if name == first else path for name, path in pages.items()}
    for mode in MODES:
        for size in driver.SIZES:
            for name, path in shots.items():
                label = f"{name}-{size}-{mode}"
                if only not in label:
                    continue
                with browsers.page(size=size, dark=mode == "dark", mode=mode, base=address) as (page, log):
                    page.goto(f"{address}/{path}")
                    driver.settle(page, 60_000)
                    page.screenshot(path=out / f"{label}.png")
                    _whole(page)
                    page.screenshot(path=out / f"{label}-whole.png")
                    if name == first:
                        _panel(page, out / f"panel-{size}-{mode}.png", size)
                    print(label, *log.errors, *log.outside)


def _whole(page: Page) -> None:
    """Make the window as tall as the page."""
    width = page.viewport_size["width"]
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(8000, int(height) + 20)})
    page.wait_for_timeout(600)
    driver.settle(page, 60_000)


def _panel(page: Page, path: Path, size: str) -> None:
    """The image panel over the page, opened from its first picture."""
    _open_first(page, size)
    page.screenshot(path=path)


def _open_first(page: Page, size: str) -> None:
    width, height = driver.SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.locator(".gallery .cell").first.click()
    page.locator(".viewer .picture").wait_for()
    page.wait_for_timeout(800)
    driver.settle(page, 60_000)


if __name__ == "__main__":
    main()
