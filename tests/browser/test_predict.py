"""Predict and Evaluate in a real browser: a dropped picture is answered, mistakes are drawn."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import driver
from tests.browser.driver import settle


@pytest.fixture(scope="module")
def taught_address(taught_folder, browsers):
    with driver.server(taught_folder) as found:
        yield found


def test_dropped_pictures_are_answered_and_a_text_is_refused(browsers, taught_address, taught_folder, tmp_path):
    picture = next((taught_folder.parent / "collection" / "images").glob("dive 02*.jpg"))
    text = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    text.write_text("no picture")
    with browsers.page() as (page, log):
        page.goto(f"{taught_address}/predict")
        settle(page)
        page.locator("input[type=file]").set_input_files([str(picture), str(text)])
        page.locator(".st-key-card_said").wait_for()
        settle(page)
        expect(page.locator(".st-key-card_brought img")).to_have_count(1)
        expect(page.get_by_text("1 refused")).to_have_count(1)
        assert log.errors == []
        assert log.outside == []


def test_a_click_on_the_confusion_opens_its_pictures(browsers, taught_address):
    with browsers.page(size="small", dark=True) as (page, log):
        page.goto(f"{taught_address}/evaluate")
        settle(page)
        page.get_by_text("Mistakes", exact=True).click()
        page.locator(".st-key-plot_confusion .point").first.wait_for()
        settle(page)
        page.locator(".st-key-plot_confusion .point").first.click(force=True)
        page.locator(".st-key-evaluation_cell .cell").first.wait_for()
        page.locator(".st-key-evaluation_all .cell").first.wait_for()
        assert log.errors == []
        assert log.outside == []
