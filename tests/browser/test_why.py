"""Why-maps in a real browser: off until asked for, laid over pictures, explained in words, refused in a sentence."""

from __future__ import annotations

import io
from urllib.parse import quote

import pytest
from PIL import Image

from tests.browser.driver import settle

LEGEND = "Exact: the cells add up to the score 0.123."


def drawn(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (230, 97, 1, 255)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def answered(browsers, address):
    """A page whose maps come from here, since nothing drawn was ever seen by a network; and what it asked for."""
    asked: list[str] = []

    def layer(route):
        asked.append(route.request.url)
        if "/ood?" in route.request.url:
            route.fulfill(status=422, body="the weights are not those of the run", content_type="text/plain")
        else:
            route.fulfill(body=drawn(32, 18), content_type="image/png", headers={"Benthoscope-Legend": quote(LEGEND)})

    def sprite(route):
        asked.append(route.request.url)
        route.fulfill(body=drawn(1920, 384), content_type="image/png")

    with browsers.page() as (page, log):
        page.route("**/bs/why/**", layer)
        page.route("**/bs/whys/**", sprite)
        yield page, address, asked
        assert log.outside == []


def test_a_layer_is_fetched_when_it_is_chosen_and_says_what_it_is(answered):
    page, address, asked = answered
    page.goto(f"{address}/outliers?run=2&image=3")
    settle(page)
    choice, legend = page.locator(".viewer select"), page.locator("p.legend")
    choice.wait_for()
    assert asked == []
    assert choice.input_value() == ""
    choice.select_option(label="what makes it strange")
    page.get_by_text(LEGEND).wait_for()
    assert len(asked) == 1
    over, under = page.locator(".viewer canvas.layer"), page.locator(".viewer img.picture")
    assert over.bounding_box() == under.bounding_box()
    slider = page.get_by_label("Opacity of the map")
    slider.fill("30")
    assert over.evaluate("canvas => canvas.style.opacity") == "0.3"
    page.locator(".viewer .stage").focus()
    page.keyboard.press("w")
    page.get_by_text("the weights are not those of the run").wait_for()
    assert over.evaluate("canvas => canvas.width") == 1
    page.keyboard.press("w")
    assert choice.input_value() == ""
    assert legend.inner_text() == ""


def test_one_switch_lays_maps_over_all_pictures_in_view(answered):
    page, address, asked = answered
    page.goto(f"{address}/outliers?run=2")
    settle(page)
    page.get_by_text("why", exact=True).click()
    settle(page)
    picture = page.get_by_role("listbox", name="Strangest first").locator("#cell-0 canvas")
    orange = """canvas => {
      const [red, , blue] = canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
      return red - blue > 80;
    }"""
    page.wait_for_function(f"canvas => ({orange})(canvas)", arg=picture.element_handle())
    assert all("/bs/whys/2/ood-centred?rows=" in url for url in asked)
    page.get_by_text("why", exact=True).click()
    settle(page)
    page.wait_for_function(f"canvas => !({orange})(canvas)", arg=picture.element_handle())
