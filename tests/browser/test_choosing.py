"""Browse, near-duplicates and the tour in a real browser: facets, brushes, keys, saved links."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.browser.driver import settle, until

AT_ONCE = """(facets) => {
  for (const key of ["value set target", "value site ridge", "value camera cam B"])
    facets.querySelector(`[data-key="${key}"]`).click();
}"""
"""Ticks three boxes while the answer to the first is on its way."""


def query(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def shown(page) -> str:
    return page.locator(".bs-lead").inner_text()


def test_facets_brushes_and_texts_narrow_down_and_a_link_reopens_it(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/browse")
        settle(page)
        expect(page.locator(".bs-lead")).to_have_text("All 240 pictures are shown.")
        page.locator(".facets .row", has_text="reference").locator("input").check()
        page.wait_for_url("**set=reference*")
        settle(page)
        narrowed = shown(page)
        assert " of 240 pictures" in narrowed
        plot = page.locator(".facets .plot").first.bounding_box()
        page.mouse.move(plot["x"] + 40, plot["y"] + 20)
        page.mouse.down()
        page.mouse.move(plot["x"] + 120, plot["y"] + 20, steps=4)
        page.mouse.up()
        page.wait_for_url("**depth=*")
        settle(page)
        until(page, lambda: shown(page) != narrowed)
        before = query(page)["depth"][0]
        handle = page.get_by_role("slider", name="Depth (m), up to")
        handle.focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        high = float(before.split("..")[1])
        until(page, lambda: float(query(page)["depth"][0].split("..")[1]) < high)
        field = page.get_by_role("spinbutton", name="Depth (m), from")
        field.fill("0")
        field.press("Enter")
        page.get_by_label("File name").fill("dive 0")
        page.wait_for_url(re.compile(r"(?=.*file=dive)(?=.*depth=[^&]*\.\.)(?!.*depth=[1-9])"))
        settle(page)
        before, link = shown(page), page.url
        with browsers.page(size="small", dark=True) as (other, _):
            other.goto(link)
            settle(other)
            expect(other.locator(".bs-lead")).to_have_text(before)
            expect(other.locator('[class*="st-key-chip_"]')).to_have_count(4)
        page.get_by_role("button", name="Show everything").click()
        page.wait_for_function("!location.search.includes('file=')")
        settle(page)
        expect(page.locator(".bs-lead")).to_have_text("All 240 pictures are shown.")
        page.locator(".facets").evaluate(AT_ONCE)
        page.wait_for_url(re.compile(r"(?=.*set=target)(?=.*site=ridge)(?=.*camera=cam)"))
        expect(page.locator('[class*="st-key-chip_"]')).to_have_count(4)
        assert log.errors == []
        assert log.outside == []


def test_what_is_no_picture_is_refused_in_a_sentence(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/browse")
        settle(page)
        page.get_by_role("button", name="By example").click()
        page.locator('input[type="file"]').set_input_files(
            {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"<svg onload=alert(1)>"}
        )
        page.get_by_text("This cannot be shown").wait_for()
        assert log.errors == []


def test_a_run_of_near_duplicates_opens_and_another_picture_is_kept(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/duplicates")
        settle(page)
        page.locator(".st-key-repeats_kept .cell").nth(2).click()
        page.wait_for_url("**of=*")
        settle(page)
        captions = page.locator(".st-key-repeats_run .caption .first")
        expect(captions).to_have_count(2)
        names = captions.all_inner_texts()
        page.locator(".st-key-repeats_run .cell").nth(1).click()
        keep = page.get_by_role("button", name="Keep the chosen one")
        keep.click()
        expect(captions).to_have_text(names[::-1])
        assert log.errors == []


def test_the_tour_goes_through_its_stops_with_the_keyboard(browsers, address):
    with browsers.page(size="small") as (page, log):
        page.goto(f"{address}/tour")
        settle(page)
        page.get_by_role("button", name="Begin").press("Enter")
        page.wait_for_url("**/?*tour=1*")
        settle(page)
        page.get_by_role("button", name="Next").press("Enter")
        page.wait_for_url("**/outliers*tour=2*")
        settle(page)
        expect(page.locator(".bs-stop")).to_contain_text("Tour, 2 of 4")
        page.get_by_role("link", name="Browse").click()
        page.wait_for_url("**/browse*")
        settle(page)
        page.get_by_role("button", name="Back to this stop").click()
        page.wait_for_url("**/outliers*tour=2*")
        settle(page)
        page.get_by_role("button", name="End").click()
        page.wait_for_url("**/tour*")
        expect(page.locator(".bs-stop")).to_have_count(0)
        assert log.errors == []
