"""The image panel in a real browser: opening, links, keys, zoom, neighbours."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver import settle, until
from tests.dashboard.synthetic import HOSTILE


@pytest.fixture
def opened(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/outliers")
        settle(page)
        page.locator(".st-key-end_False .cell").first.click()
        page.locator(".viewer .picture").wait_for()
        settle(page)
        yield page
        assert log.errors == []
        assert log.outside == []


def shown(page) -> str:
    return re.search(r"[?&]image=(\d+)", page.url).group(1)


def zoom(page) -> int:
    return int(page.locator(".viewer .scale").inner_text().split()[0])


def test_a_click_opens_the_panel_and_the_address_says_so(opened):
    expect(opened.locator(".viewer .where")).to_contain_text("1 of ")
    opened.wait_for_url("**image=**")
    picture = opened.locator(".viewer .picture")
    expect(picture).to_have_attribute("src", re.compile(rf"/{shown(opened)}$"))
    expect(opened.get_by_role("dialog")).to_contain_text("Is it strange?")
    size = "(image) => [image.naturalWidth, image.naturalHeight]"
    until(opened, lambda: picture.evaluate(size) == [320, 180])  # the picture itself, after its thumbnail


def test_arrows_go_along_the_list(opened):
    first = shown(opened)
    opened.keyboard.press("ArrowRight")
    opened.locator(".viewer .where", has_text="2 of").wait_for()
    until(opened, lambda: shown(opened) != first)
    settle(opened)
    opened.keyboard.press("ArrowLeft")
    opened.locator(".viewer .where", has_text="1 of").wait_for()
    until(opened, lambda: shown(opened) == first)
    expect(opened.get_by_role("button", name="Previous picture")).to_be_disabled()


def test_escape_closes_and_clears_the_address(opened):
    opened.keyboard.press("Escape")
    opened.get_by_role("dialog").wait_for(state="detached")
    opened.wait_for_function("() => !location.search.includes('image=')")
    settle(opened)
    expect(opened.get_by_role("dialog")).to_have_count(0)


def test_keys_zoom_and_the_mouse_drags(opened):
    fitted = zoom(opened)
    opened.keyboard.press("+")
    opened.keyboard.press("+")
    assert zoom(opened) > 1.8 * fitted
    stage = opened.locator(".viewer .stage").bounding_box()
    before = opened.locator(".viewer .sheet").evaluate("(sheet) => sheet.style.transform")
    opened.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    opened.mouse.down()
    opened.mouse.move(stage["x"] + stage["width"] / 2 - 60, stage["y"] + stage["height"] / 2 - 30, steps=4)
    opened.mouse.up()
    until(opened, lambda: opened.locator(".viewer .sheet").evaluate("(sheet) => sheet.style.transform") != before)
    near = zoom(opened)
    opened.mouse.wheel(0, -300)
    until(opened, lambda: zoom(opened) > near)
    opened.keyboard.press("1")
    assert zoom(opened) == 100
    opened.keyboard.press("0")
    assert zoom(opened) == fitted


def test_a_near_reference_picture_opens_on_a_click(opened):
    first = shown(opened)
    opened.locator(".st-key-nearest .cell").first.click()
    opened.wait_for_function("(id) => !location.search.includes(`image=${id}`)", arg=first)
    settle(opened)
    opened.locator(".bs-badges", has_text="reference").wait_for()


def test_a_link_opens_the_same_picture(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/?run=2&image=231")
        page.locator(".viewer .picture").wait_for()
        settle(page)
        assert shown(page) == "231"
        expect(page.locator(".bs-name")).to_have_text(HOSTILE)
        assert page.locator(".bs-name img").count() == 0
        assert log.errors == []


def test_a_part_is_marked_in_its_frame(browsers, address):
    with browsers.page(size="small") as (page, log):
        page.goto(f"{address}/?run=1&image=5")
        page.locator(".viewer .picture").wait_for()
        settle(page)
        expect(page.locator(".drawing .region")).to_have_count(1)
        expect(page.locator(".drawing .other")).to_have_count(3)
        page.keyboard.press("b")
        expect(page.locator(".drawing")).to_be_hidden()
        assert log.errors == []
