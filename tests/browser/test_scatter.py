"""Score against depth in a real browser: the picture on hover, along the keys, opened by a click, taken home."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.driver import settle, until


def test_points_show_their_pictures_and_open_them(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/outliers")
        settle(page)
        plot = page.locator(".scatter svg")
        plot.scroll_into_view_if_needed()
        circles = plot.locator("g circle")
        until(page, lambda: 200 < circles.count() <= 240)  # a few have no depth
        last = circles.last
        last.hover(force=True)
        card = page.locator(".scatter .card")
        expect(card).to_contain_text("score 0.")
        assert card.locator("img").evaluate("async (image) => { await image.decode(); return image.naturalWidth }")
        plot.focus()
        page.keyboard.press("ArrowLeft")
        first = card.inner_text()
        page.keyboard.press("ArrowLeft")
        until(page, lambda: card.inner_text() != first)
        for kind in ("PNG", "SVG"):
            with page.expect_download() as caught:
                page.locator(".scatter .tools").get_by_role("button", name=kind).click()
            assert caught.value.suggested_filename == f"benthoscope-depth-scatter.{kind.lower()}"
        last.hover(force=True)
        last.click(force=True)
        page.locator(".viewer .picture").wait_for()
        page.wait_for_url("**image=**")
        assert log.errors == []
        assert log.outside == []
