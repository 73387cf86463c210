"""The gallery in a real browser: mouse, keyboard, thousands of pictures, hostile names."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver import settle, until
from tests.dashboard.synthetic import HOSTILE


@pytest.fixture
def tried(browsers, gallery_address):
    with browsers.page() as (page, log):
        page.goto(f"{gallery_address}/?count=96")
        settle(page)
        yield page
        assert log.errors == []
        assert log.outside == []


def says(page, text: str) -> None:
    """Wait until the page's own words about the selection begin like this."""
    page.get_by_text(re.compile(f"^{re.escape(text)}")).wait_for()


def cell(page, number: int):
    return page.locator(f"#cell-{number}")


def test_the_mouse_chooses(tried):
    cell(tried, 2).click()
    says(tried, "chosen 1: 2")
    cell(tried, 5).click(modifiers=["Shift"])
    says(tried, "chosen 4: 2 3 4 5")
    cell(tried, 8).click(modifiers=["ControlOrMeta"])
    cell(tried, 3).click(modifiers=["ControlOrMeta"])
    says(tried, "chosen 4: 2 4 5 8")
    cell(tried, 7).hover()
    cell(tried, 7).locator(".tick").click()
    says(tried, "chosen 5: 2 4 5 7 8")
    expect(tried.locator(".status")).to_contain_text("5 selected")
    tried.get_by_role("button", name="Clear").click()
    says(tried, "chosen 0:")


def test_the_keyboard_does_everything(tried):
    tried.locator(".view").focus()
    tried.keyboard.press("ArrowRight")
    tried.keyboard.press(" ")
    says(tried, "chosen 1: 1")
    tried.keyboard.press("Shift+ArrowRight")
    tried.keyboard.press("Shift+ArrowRight")
    says(tried, "chosen 3: 1 2 3")
    tried.keyboard.press("ControlOrMeta+a")
    says(tried, "chosen 96:")
    tried.keyboard.press("Escape")
    says(tried, "chosen 0:")
    tried.keyboard.press("End")
    tried.keyboard.press("Enter")
    tried.get_by_text("opened 95").wait_for()
    tried.keyboard.press("Home")
    expect(tried.locator(".view")).to_have_attribute("aria-activedescendant", "cell-0")
    expect(cell(tried, 0)).to_have_attribute("aria-posinset", "1")


def test_a_double_click_opens(tried):
    cell(tried, 4).dblclick()
    tried.get_by_text("opened 4").wait_for()


def test_the_slider_changes_the_size_and_is_remembered(tried, gallery_address):
    before = cell(tried, 0).bounding_box()["width"]
    tried.get_by_label("Size of the pictures").fill("304")
    until(tried, lambda: cell(tried, 0).bounding_box()["width"] > 1.4 * before)
    tried.reload()
    settle(tried)
    until(tried, lambda: cell(tried, 0).bounding_box()["width"] > 1.4 * before)


def test_ten_thousand_pictures_are_a_few_elements(browsers, gallery_address):
    with browsers.page() as (page, log):
        page.goto(f"{gallery_address}/?count=10000")
        settle(page)
        expect(page.locator(".status")).to_contain_text("10,000 pictures")
        assert page.locator(".cell").count() < 120
        page.locator(".view").evaluate("(view) => { view.scrollTop = view.scrollHeight / 2; }")
        first = page.locator(".cell").first
        until(page, lambda: 4000 < int(first.get_attribute("id").removeprefix("cell-")) < 6000)
        settle(page)
        assert page.locator(".cell").count() < 120
        page.locator(".view").focus()
        page.keyboard.press("ControlOrMeta+a")
        says(page, "chosen 10000:")
        assert log.errors == []


def test_pictures_are_really_drawn(tried):
    spread = (
        cell(tried, 0)
        .locator("canvas")
        .evaluate(
            """(canvas) => { const p = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let low = 255, high = 0;
          for (let i = 1; i < p.length; i += 4) { low = Math.min(low, p[i]); high = Math.max(high, p[i]); }
          return [low, high]; }"""
        )
    )
    assert spread[1] - spread[0] > 40


def test_a_hostile_name_is_text(browsers, gallery_address):
    with browsers.page() as (page, log):
        page.goto(f"{gallery_address}/?count=240")
        settle(page)
        page.locator(".view").focus()
        page.keyboard.press("End")
        settle(page)
        named = page.locator(".caption", has_text="onerror")
        assert named.first.inner_text().startswith(HOSTILE)
        assert page.locator(".gallery img").count() == 0
        assert log.errors == []


def test_a_list_that_the_server_dropped_comes_back(browsers, gallery_address):
    with browsers.page() as (page, log):
        refused = []
        page.route(
            "**/bs/listing/**",
            lambda route: (refused.append(1), route.fulfill(status=410)) if len(refused) < 1 else route.continue_(),
        )
        page.goto(f"{gallery_address}/?count=240")
        settle(page)
        page.locator(".view").focus()
        page.keyboard.press("End")
        expect(page.locator("#cell-239 .first")).not_to_be_empty()
        assert refused == [1]
        assert [error for error in log.errors if "410" not in error] == []


def outlined(page) -> int:
    """Pixels of the first picture that have the outline's colour."""
    return page.locator(".cell canvas").first.evaluate(
        """(canvas) => { const p = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let found = 0;
      for (let i = 0; i < p.length; i += 4)
        found += p[i] > 250 && Math.abs(p[i + 1] - 179) < 4 && Math.abs(p[i + 2] - 71) < 4;
      return found; }"""
    )


def test_parts_are_shown_cut_out_or_in_their_frames(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/browse?run=1")
        settle(page)
        assert outlined(page) == 0
        part = page.locator(".cell canvas").first.bounding_box()
        page.get_by_role("checkbox", name="in frames").check()
        page.wait_for_url("**regions=frame**")
        settle(page)
        until(page, lambda: outlined(page) > 50)
        frame = page.locator(".cell canvas").first.bounding_box()
        assert frame["width"] / frame["height"] == pytest.approx(16 / 9, rel=0.02)
        assert part["width"] / part["height"] == pytest.approx(16 / 9, rel=0.05)
        page.get_by_role("link", name="Near-duplicates").click()
        page.get_by_role("heading", name="What was filmed twice?").wait_for()
        page.wait_for_url("**regions=frame**")
        settle(page)
        until(page, lambda: outlined(page) > 50)
        page.goto(f"{address}/browse?run=2&regions=frame")
        settle(page)
        assert not page.get_by_role("checkbox", name="in frames").is_visible()
        assert outlined(page) == 0
        assert log.errors == []
