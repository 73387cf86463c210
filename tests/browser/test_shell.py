"""The shell in a real browser: pages, sizes, schemes, modes, switches and downloads, without a word to the outside."""

from __future__ import annotations

import csv
import io
import os
import re

import pytest
from playwright.sync_api import expect

from dashboard.shell import PAGES
from dashboard.theme import DARK, LIGHT
from tests.browser.driver import settle, until
from tests.dashboard.test_pages import EMPTY

ADDRESSES = [path for pages in PAGES.values() for _, path, _, _ in pages]


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def ground(page) -> str:
    return page.eval_on_selector('[data-testid="stApp"]', "(app) => getComputedStyle(app).backgroundColor")


# Each page in the scheme that the test of accessibility does not open it in; ``ALL_SCHEMES=1``: in both.
SHOWN = [
    (path, dark)
    for place, path in enumerate(["", *ADDRESSES[1:]])
    for dark in (False, True)
    if os.environ.get("ALL_SCHEMES") or place % 2 != dark
]


LETTERS = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
OVERFLOW = """() => [...document.querySelectorAll('[data-testid="stMain"] *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest('.js-plotly-plot, .katex-mathml, .katex svg'))
  .map((e) => e.className).slice(0, 3)"""


@pytest.mark.parametrize(
    ("path", "dark"), SHOWN, ids=[f"{path or 'first'}-{'dark' if d else 'light'}" for path, d in SHOWN]
)
def test_pages_open_in_both_sizes_and_schemes(browsers, address, path, dark):
    with browsers.page(dark=dark) as (page, log):
        page.goto(f"{address}/{path}")
        settle(page)
        assert ground(page) == rgb((DARK if dark else LIGHT).ground)
        expect(page.locator(".bs-footer")).to_be_visible()
        assert (page.locator(".bs-empty").count() > 0) == (path in EMPTY)
        for width, height in ((1440, 900), (1024, 768)):
            page.set_viewport_size({"width": width, "height": height})
            settle(page)
            for _ in range(100):  # what follows the window's size may do so a moment later
                if not page.evaluate(OVERFLOW):
                    break
                page.wait_for_timeout(100)
            assert page.evaluate(OVERFLOW) == []
        assert log.errors == []
        assert log.outside == []


def test_modes_are_taken_up_and_kept(browsers, address):
    with browsers.page() as (page, log):
        page.goto(address)
        settle(page)
        size = page.evaluate(LETTERS)
        with page.expect_navigation():
            page.get_by_role("button", name="Dark", exact=True).click()
        settle(page)
        until(page, lambda: ground(page) == rgb(DARK.ground), "the dark ground")
        page.goto(f"{address}/outliers")
        settle(page)
        until(page, lambda: ground(page) == rgb(DARK.ground), "the dark ground")
        with page.expect_navigation():
            page.get_by_role("button", name="Projector").click()
        settle(page)
        until(page, lambda: ground(page) == rgb(LIGHT.ground), "the projector's ground")
        until(page, lambda: page.evaluate(LETTERS) > 1.3 * size, "larger letters")
        expect(page.get_by_role("button", name="Projector")).to_have_attribute("aria-pressed", "true")
        assert log.errors == []


def test_moving_between_pages_keeps_the_run(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/?run=1")
        settle(page)
        page.get_by_role("link", name="Outliers").click()
        page.wait_for_url("**/outliers?run=1")
        settle(page)
        switch = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").locator("input")
        expect(switch).to_have_value(re.compile("^1 · Drawn in parts · "))
        switch.click()
        page.get_by_role("option", name="2 · Drawn · ").click()
        page.wait_for_url("**/outliers?run=2")
        settle(page)
        assert log.errors == []


def test_tables_download_as_csv_that_cannot_run(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/outliers")
        settle(page)
        with page.expect_download() as waiting:
            page.locator(".st-key-csv_scores button").first.click()
        text = waiting.value.path().read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert waiting.value.suggested_filename == "benthoscope-scores.csv"
        assert len(rows) == 240
        assert {"image_id", "ood_score", "p_value", "flagged"} <= set(rows[0])
        assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+@" and cell]
        assert log.errors == []


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_plots_download_as_pictures(browsers, address, kind):
    with browsers.page() as (page, log):
        page.goto(f"{address}/outliers")
        settle(page)
        plot = page.locator(".js-plotly-plot").first
        if kind == "svg":
            page.get_by_role("radio", name="SVG").click(force=True)
        format_of = "(plot) => plot._context?.toImageButtonOptions?.format"
        until(page, lambda: plot.evaluate(format_of) == kind, f"a plot that is saved as {kind}")
        plot.hover()
        with page.expect_download() as waiting:
            plot.locator('[data-title*="ownload"]').click()
        assert waiting.value.suggested_filename == f"benthoscope-scores.{kind}"
        head = waiting.value.path().read_bytes()[:8]
        assert head == b"\x89PNG\r\n\x1a\n" if kind == "png" else head.startswith(b"<svg")
        assert log.errors == []
        assert log.outside == []


@pytest.mark.parametrize(
    "path", ["thumb/0", "thumb/-1", "thumb/%2fetc%2fpasswd", "image/0", "image/..%2f..%2fetc%2fpasswd"]
)
def test_a_browser_gets_no_picture_for_what_is_no_id(browsers, address, path):
    with browsers.page() as (page, _):
        answer = page.request.get(f"{address}/bs/{path}")
        assert answer.status in (400, 404)
        assert not answer.headers.get("content-type", "").startswith("image/")
        assert b"root:" not in answer.body()
        assert page.request.get(f"{address}/bs/thumb/1", headers={"host": "evil.example"}).status == 403
