"""Reviewing by keyboard alone in a real browser: decide, undo, load again; what is not acknowledged is sent again."""

from __future__ import annotations

import shutil
from uuid import uuid4

import pytest

from core.review.standing import standing
from core.workspace import open_workspace
from tests.browser import driver
from tests.browser.driver import settle, until

STATE = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const found = all(document).find((e) => e.classList.contains('review'));
  return found ? { ...found.dataset, counted: found.querySelector('.counted').textContent } : {};
}"""


@pytest.fixture(scope="module")
def copy(workspace, tmp_path_factory):
    return shutil.copytree(workspace, tmp_path_factory.mktemp("reviewed") / "workspace")


@pytest.fixture(scope="module")
def written(copy):
    with driver.server(copy) as found:
        yield found


@pytest.fixture
def name():
    """A reviewer of one attempt alone: a second try finds nothing that the first decided under the same name."""
    return f"Ada {uuid4().hex[:8]}"


def ready(page, other_than: str = "") -> dict[str, str]:
    """Wait until a picture stands there, not this one, and everything that was decided is acknowledged."""
    state: dict[str, str] = {}

    def stands() -> bool:
        state.update(page.evaluate(STATE))
        return bool(state.get("region")) and state["region"] != other_than and state.get("waiting", "0") == "0"

    until(page, stands, f"a picture other than {other_than!r}")
    return state


def opened(page, address: str, name: str) -> dict[str, str]:
    page.goto(f"{address}/review?run=2")
    settle(page)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    return ready(page)


def kept(copy, actor: str) -> list[tuple[int | None, str, str | None, int]]:
    space = open_workspace(copy)
    found = [one for one in standing(space.database) if one.actor == actor]
    space.close()
    return [(one.region_id, one.verdict, one.concept, len(one.boxes)) for one in found]


def test_keys_alone_decide_name_draw_undo_and_survive_a_reload(browsers, written, copy, name):
    with browsers.page() as (page, log):
        first = opened(page, written, name)
        page.keyboard.press("1")
        second = ready(page, first["region"])
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("b")
        page.keyboard.press("2")
        page.keyboard.type("urch")
        page.keyboard.press("Enter")
        third = ready(page, second["region"])
        page.keyboard.press("4")
        fourth = ready(page, third["region"])
        page.keyboard.press("z")
        assert ready(page, fourth["region"])["region"] == third["region"]
        assert kept(copy, name) == [
            (int(first["region"]), "new", None, 0),
            (int(second["region"]), "taxon", "urchin", 1),
        ]
        counted = page.evaluate(STATE)["counted"].split(" · ")[0]
        page.reload()
        settle(page)
        again = ready(page)
        assert (again["region"], again["counted"].split(" · ")[0]) == (third["region"], counted)
        assert log.errors == []
        assert log.outside == []


BOXES = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  return all(document).filter((e) => e.matches('svg.drawing rect.mine')).map((e) =>
    ['x', 'y', 'width', 'height'].map((side) => Math.round(Number(e.getAttribute(side)))));
}"""


def test_boxes_are_there_after_a_reload_and_every_change_is_taken_back(browsers, written, copy, name):
    with browsers.page() as (page, log):
        first = opened(page, written, name)
        for key in ("b", "Enter", "ArrowRight"):
            page.keyboard.press(key)
        (moved,) = page.evaluate(BOXES)
        page.keyboard.press("z")
        (drawn,) = page.evaluate(BOXES)
        assert drawn[0] < moved[0]
        assert drawn[1:] == moved[1:]
        page.keyboard.press("Enter")
        page.keyboard.press("Shift+ArrowDown")
        two = page.evaluate(BOXES)
        assert len(two) == 2
        page.reload()  # nothing was decided yet
        settle(page)
        assert ready(page)["region"] == first["region"]
        assert page.evaluate(BOXES) == two
        page.keyboard.press("1")
        second = ready(page, first["region"])
        assert page.evaluate(BOXES) == []
        assert kept(copy, name) == [(int(first["region"]), "new", None, 2)]
        page.reload()
        settle(page)
        assert ready(page)["region"] == second["region"]
        page.keyboard.press("z")  # taken back, boxes and all, to be changed and decided anew
        assert ready(page, second["region"])["region"] == first["region"]
        assert page.evaluate(BOXES) == two
        for key in ("b", "Tab", "Delete", "b", "2"):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        ready(page, first["region"])
        assert [(verdict, boxes) for _, verdict, _, boxes in kept(copy, name)] == [("taxon", 1)]
        assert log.errors == []


def test_what_the_server_did_not_hear_is_sent_again_after_a_reload(browsers, written, copy, name):
    with browsers.page() as (page, log):
        first = opened(page, written, name)
        page.route("**/bs/review/decide", lambda route: route.abort())
        page.keyboard.press("5")
        page.get_by_text("not saved yet").wait_for()
        assert kept(copy, name) == []
        page.reload()
        settle(page)
        page.get_by_text("not saved yet").wait_for()
        until(page, lambda: page.evaluate(STATE).get("region") not in (None, "", first["region"]))  # not asked again
        assert (page.evaluate(STATE)["waiting"], kept(copy, name)) == ("1", [])
        page.unroute("**/bs/review/decide")
        ready(page, first["region"])
        assert kept(copy, name) == [(int(first["region"]), "water", None, 0)]
        assert all("ERR_FAILED" in error or "net::" in error for error in log.errors)


def test_the_grid_decides_on_many_at_once(browsers, written, copy, name):
    with browsers.page() as (page, log):
        opened(page, written, name)
        page.keyboard.press("g")
        page.get_by_role("option").nth(5).wait_for()
        for key in (" ", "ArrowRight", " ", "ArrowRight", " "):
            page.keyboard.press(key)
        page.get_by_text("3 pictures chosen").wait_for()
        page.keyboard.press("6")
        ready(page)
        assert [verdict for _, verdict, _, _ in kept(copy, name)] == ["habitat"] * 3
        page.keyboard.press("?")
        page.get_by_text("Any key closes this.").wait_for()
        page.keyboard.press("?")
        page.keyboard.press("z")
        ready(page)
        assert kept(copy, name) == []
        assert log.errors == []
