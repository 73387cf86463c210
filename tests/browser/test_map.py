"""The map in a real browser: hover, lasso, box, legend, colours, pictures at zoom, and a link that reopens it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driver import settle, until
from tests.dashboard.synthetic import HOSTILE


def ready(page) -> None:
    settle(page)
    page.locator('.map[data-ready="1"]').wait_for()


@pytest.fixture
def tried(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/map")
        ready(page)
        yield page
        assert log.errors == []
        assert log.outside == []


def stage(page):
    """Where the map is on the screen."""
    return page.locator(".stage").bounding_box()


def drag(page, corners, *, release: bool = True) -> None:
    """Draw through shares of the map's width and height."""
    box = stage(page)
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    if release:
        page.mouse.up()


def said_by_python(page) -> int:
    """How many regions the server says are in the selection."""
    text = page.get_by_text(re.compile("The selection holds"))
    return int(re.search(r"selection holds ([\d,]+)", text.inner_text()).group(1).replace(",", ""))


def counted_by_browser(page) -> int:
    return int(page.locator(".map").get_attribute("data-inside") or -1)


def drawn_pictures(page) -> int:
    """How many points the map shows as their pictures."""
    return int(page.locator(".map").get_attribute("data-pictures") or 0)


DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def hover_somewhere(page, over: str = "1") -> None:
    """Point at places until there is something: by default a point of the map's own, or a ``guest``."""
    box = stage(page)
    for step in range(400):
        x, y = box["x"] + box["width"] * ((step * 0.137) % 1), box["y"] + box["height"] * ((step * 0.071) % 1)
        page.mouse.move(x, y)
        page.evaluate(DRAWN)  # the map looks in the next frame at what the pointer is over
        if page.locator(".stage").get_attribute("data-over") == over:
            return
    raise AssertionError("nothing was found on the map")


def test_lasso_and_box_choose_what_the_server_counts_too(tried):
    tried.get_by_role("button", name="Draw around points").click()
    drag(tried, [(0.02, 0.02), (0.55, 0.05), (0.5, 0.98), (0.3, 0.6), (0.03, 0.9)])
    first = said_by_python(tried)
    assert first > 0
    until(tried, lambda: counted_by_browser(tried) == first, "the browser's count of the area")
    tried.wait_for_url("**area=a**")
    tried.get_by_role("button", name="Draw a box").click()
    tried.keyboard.down("Shift")
    drag(tried, [(0.6, 0.02), (0.98, 0.98)])
    tried.keyboard.up("Shift")
    until(tried, lambda: said_by_python(tried) > first)
    before = said_by_python(tried)
    until(tried, lambda: counted_by_browser(tried) == before, "the browser's count of both areas")
    ready(tried)
    tried.reload()  # the link holds it all
    ready(tried)
    assert said_by_python(tried) == before
    until(tried, lambda: counted_by_browser(tried) == before, "the browser's count after the reload")
    tried.locator(".stage").focus()
    tried.keyboard.press("Escape")
    tried.get_by_text("Draw around points with the lasso").wait_for()
    expect(tried).not_to_have_url(re.compile("area="))


def test_areas_drawn_while_the_server_answers_are_all_heard(tried):
    tried.get_by_role("button", name="Draw a box").click()
    tried.keyboard.down("Shift")
    for left in (0.02, 0.35, 0.68):
        drag(tried, [(left, 0.02), (left + 0.28, 0.5)])
    tried.keyboard.up("Shift")
    expect(tried).to_have_url(re.compile("(area=.*){3}"))
    ready(tried)
    told = said_by_python(tried)
    until(tried, lambda: counted_by_browser(tried) == told, "the browser's count of all three areas")


def test_facets_stand_beside_the_map_and_narrow_it(browsers, address):
    with browsers.page(size="small") as (page, log):
        page.goto(f"{address}/map")
        ready(page)
        whole = stage(page)
        page.locator(".map").evaluate("(map) => { map.dataset.same = 'yes'; }")
        page.get_by_text("Narrow down").click()
        page.locator(".facets .row input").first.check()
        page.wait_for_url("**concept=**")
        assert 0 < said_by_python(page) < 240
        settle(page)
        assert stage(page)["width"] == whole["width"]  # the facets lie over the map where there is little room
        assert page.locator(".map").get_attribute("data-same") == "yes"
        expect(page).to_have_url(re.compile("facets_shown=true"))
        assert log.errors == []


def test_pointing_tells_and_a_click_opens(tried):
    hover_somewhere(tried)
    card = tried.locator(".card[data-row]")
    expect(card).to_contain_text("score")
    assert HOSTILE in card.inner_text() or ".jpg" in card.inner_text()
    assert tried.locator(".map img").count() == 0
    tried.mouse.down()
    tried.mouse.up()
    tried.locator(".viewer .picture").wait_for()
    tried.wait_for_url("**image=**")


def test_a_new_colour_sends_no_positions_and_its_legend_hides(tried):
    sent = []
    tried.on("request", lambda request: sent.append(request.url) if "/bs/body/" in request.url else None)
    before = tried.locator(".map").get_attribute("data-state").split()
    tried.get_by_role("combobox", name=re.compile("Colour by")).click()
    tried.get_by_role("option", name="concept", exact=True).click()
    tried.locator('.legend .title:text-is("concept")').wait_for()
    until(tried, lambda: tried.locator(".map").get_attribute("data-state").split()[1] != before[1])
    after = tried.locator(".map").get_attribute("data-state").split()
    assert (after[0], after[2]) == (before[0], before[2])
    assert len(sent) == 1
    tried.wait_for_url("**colour=concept**")
    settle(tried)
    named = tried.locator(".legend .entry", has_text="bold")
    if named.count():
        assert "<b>" in named.first.inner_text()
    entry = tried.locator(".legend .entry").first
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")
    tried.wait_for_url("**hide=concept**")
    tried.reload()
    ready(tried)
    expect(entry).to_have_attribute("aria-pressed", "false")


def test_keys_let_go_of_a_half_drawn_lasso_and_walk_the_legend(tried):
    tried.locator(".stage").focus()
    tried.keyboard.press("l")
    box = stage(tried)
    drag(tried, [(0.2, 0.2), (0.6, 0.2), (0.6, 0.7)], release=False)
    tried.keyboard.press("Escape")
    tried.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=4)
    tried.mouse.up()
    entry = tried.locator(".legend .entry").first
    entry.focus()
    tried.keyboard.press("Space")
    expect(entry).to_have_attribute("aria-pressed", "false")
    assert entry.evaluate("(button) => button.getRootNode().activeElement === button")
    tried.keyboard.press("Space")
    expect(entry).to_have_attribute("aria-pressed", "true")
    assert tried.locator(".map").get_attribute("data-inside") is None
    assert "area=" not in tried.url


def test_another_runs_regions_are_squares_that_say_that_they_are_approximate(browsers, address):
    with browsers.page() as (page, log):
        page.goto(f"{address}/map?placed=1")
        ready(page)
        expect(page.locator(".map .status")).to_contain_text("placed approximately")
        card = page.locator('.card[data-row^="guest"]')
        hover_somewhere(page, "guest")
        expect(card).to_contain_text("placed approximately")
        page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(300)
        assert "image=" not in page.url  # it is no region of this run
        assert log.errors == []


def test_near_enough_points_become_pictures_and_the_link_keeps_the_place(tried):
    hover_somewhere(tried)
    for _ in range(4):
        tried.mouse.wheel(0, -500)
        tried.wait_for_timeout(60)
    until(tried, lambda: drawn_pictures(tried) > 0)
    until(tried, lambda: "zoom=" in tried.url)
    settle(tried)
    kept = re.search(r"zoom=([^&]+)", tried.url).group(1)
    tried.reload()
    ready(tried)
    until(tried, lambda: drawn_pictures(tried) > 0)
    assert f"zoom={kept}" in tried.url
    tried.get_by_role("button", name="The whole map").click()
    until(tried, lambda: "zoom=" not in tried.url)


def test_the_map_is_saved_with_its_legend(tried):
    with tried.expect_download() as picture:
        tried.get_by_role("button", name="Save as a picture").click()
    assert picture.value.path().read_bytes()[:4] == b"\x89PNG"
    with tried.expect_download() as drawing:
        tried.get_by_role("button", name="Save as a drawing").click()
    text = drawing.value.path().read_text()
    assert text.count("<circle") > 50
    assert ">reference" in text
    assert re.search(r">the \d+ strangest<", text)
    assert "of the map's units" in text


def test_without_webgl_there_is_a_still_picture_and_a_word(browsers, address):
    with browsers.page() as (page, log):
        page.add_init_script(
            "const given = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...rest)"
            " { return kind === 'webgl2' ? null : given.call(this, kind, ...rest); };"
        )
        page.goto(f"{address}/map")
        ready(page)
        expect(page.locator(".note")).to_contain_text("no WebGL2")
        inked = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
        until(page, lambda: page.locator(".stage > canvas").nth(1).evaluate(inked))
        assert log.errors == []
