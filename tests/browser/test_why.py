"""Why-maps in a real browser: off until asked for, laid over pictures, explained in words, refused in a sentence."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.driver import settle, until

LEGEND = "Exact: the cells add up to the score 0.123."
ROWS, COLUMNS = 2, 4
ORANGE = """canvas => {
  const [red, , blue, alpha] = canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
  return alpha > 0 && red - blue > 80;
}"""


def drawn(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (230, 97, 1, 255)).save(out, "PNG")
    return out.getvalue()


def split(rows: list[int]) -> str:
    """A match in which each cell of one picture matches the same cell of the other alone."""
    cells = ROWS * COLUMNS
    pairs = np.eye(cells, dtype="<f4") * 0.1
    side = {"rows": ROWS, "columns": COLUMNS, "left": 0, "top": 0, "full": {"width": 320, "height": 180}}
    side |= {"across": 320 / COLUMNS, "down": 180 / ROWS, "image": 1, "row": rows[0], "label": "x", "width": 320}
    facts = {"similarity": "0.800", "total": 0.8, "first": side, "second": side}
    return json.dumps(facts | {"pairs": base64.b64encode(pairs.tobytes()).decode()})


@pytest.fixture
def answered(browsers, address):
    """A page whose maps come from here, since nothing drawn was ever seen by a network; and what it asked for."""
    asked: list[str] = []

    def layer(route):
        asked.append(route.request.url)
        if "/ood?" in route.request.url:
            route.fulfill(status=422, body="the weights are not those of the run", content_type="text/plain")
        else:
            headers = {"Benthoscope-Legend": quote(LEGEND), "Benthoscope-Scale": "signed"}
            route.fulfill(body=drawn(32, 18), content_type="image/png", headers=headers)

    def sprite(route):
        asked.append(route.request.url)
        route.fulfill(body=drawn(1920, 576), content_type="image/png")

    def facts(route):
        url = route.request.url
        feature = {"name": "feature 7", "text": "adds 9.0 % of the score", "map": url, "typical": []}
        crops = [
            {"title": title, "text": "12 % lies here", "source": url.replace("why-facts", "why-crop"), "end": end}
            for title, end in (("What makes it strange", "strange"), ("What is familiar", "familiar"))
        ]
        known = [{"name": "<i>crab", "url": url.replace("why-facts", "why") + "&class=1"}]
        body = json.dumps({"crops": crops, "features": [feature], "classes": known})
        route.fulfill(body=body, content_type="application/json")

    with browsers.page() as (page, log):
        page.route("**/bs/why/**", layer)
        page.route("**/bs/whys/**", sprite)
        page.route("**/bs/why-facts/**", facts)
        page.route("**/bs/why-crop/**", lambda route: route.fulfill(body=drawn(32, 18), content_type="image/png"))
        page.route("**/bs/match/**", lambda route: route.fulfill(body=split([3]), content_type="application/json"))
        yield page, address, asked
        assert log.outside == []


def test_layers_are_fetched_when_chosen_say_what_they_are_and_can_be_saved(answered):
    page, address, asked = answered
    page.goto(f"{address}/?run=2&image=3")
    settle(page)
    choice, legend = page.locator(".viewer select"), page.locator("p.legend > span").first
    choice.wait_for()
    assert [url for url in asked if "/bs/why/" in url] == []
    assert choice.input_value() == ""
    choice.select_option(label="what makes it strange")
    page.get_by_text(LEGEND).wait_for()
    assert len(asked) == 1
    over, under = page.locator(".viewer canvas.layer"), page.locator(".viewer img.picture")
    until(page, lambda: over.bounding_box() == under.bounding_box(), "a map that lies on its picture")
    slider = page.get_by_label("Opacity of the map")
    slider.fill("30")
    assert over.evaluate("canvas => canvas.style.opacity") == "0.3"
    for name, what in (("Picture", "overlay"), ("Numbers", "map"), ("Boxes", "boxes")):
        link = page.locator(".files").get_by_text(name, exact=True)
        assert link.get_attribute("href").endswith(f"&as={what}")
    with page.expect_download() as saved:  # it goes past this test's answers, to the server itself
        page.locator(".files").get_by_text("Numbers").click()
    assert saved.value.url.endswith("&as=map")
    page.locator(".viewer .stage").focus()
    page.keyboard.press("w")
    page.get_by_text("the weights are not those of the run").wait_for()
    assert over.evaluate("canvas => canvas.width") == 1
    expect(page.locator(".files")).to_be_hidden()
    choice.select_option(value="")
    expect(legend).to_have_text("")


def test_pointing_at_a_place_shows_what_it_matches_in_the_other_picture(answered):
    page, address, asked = answered
    page.goto(f"{address}/?run=2&image=3")
    settle(page)
    page.locator(".match").scroll_into_view_if_needed()
    page.get_by_text("Similarity 0.800").wait_for()
    here, there = (page.locator(".match .frame").nth(side) for side in (0, 1))
    lit = """(frame, [x, y]) => {
      const canvas = frame.querySelector("canvas");
      return canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data[3] > 100;
    }"""
    until(page, lambda: there.evaluate(lit, [0.9, 0.8]))
    box = here.bounding_box()
    here.hover(position={"x": box["width"] * 0.1, "y": box["height"] * 0.2})
    page.get_by_text("This place holds 12.5 % of the similarity").wait_for()
    expect(here.locator("canvas")).to_have_attribute("data-state", "cell")
    until(page, lambda: there.evaluate(lit, [0.1, 0.2]))
    assert not there.evaluate(lit, [0.9, 0.8])
    there.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.8})
    until(page, lambda: here.evaluate(lit, [0.9, 0.8]))
    assert not here.evaluate(lit, [0.1, 0.2])
    there.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_text("held; click again to let go").wait_for()
    page.get_by_text("What makes it strange", exact=True).wait_for()
    expect(page.locator(".crops img")).to_have_count(2)
    page.get_by_text("<i>crab").click()
    page.get_by_text(LEGEND).wait_for()
    until(page, lambda: "class=1" in asked[-1])


def test_one_switch_lays_maps_over_all_pictures_in_view(answered):
    page, address, asked = answered
    page.goto(f"{address}/browse?run=2")
    settle(page)
    cell = page.locator(".gallery #cell-0 canvas").first
    cell.wait_for()
    assert asked == []
    switch = page.locator(".gallery label.switch", has_text="why").first.locator("input")
    switch.check()
    page.wait_for_function(f"canvas => ({ORANGE})(canvas)", arg=cell.element_handle())
    assert asked
    assert all("/bs/whys/2/ood-centred?rows=" in url for url in asked)
    page.get_by_text("Orange makes a picture stranger, blue more familiar").first.wait_for()
    switch.uncheck()
    page.wait_for_function(f"canvas => !({ORANGE})(canvas)", arg=cell.element_handle())
