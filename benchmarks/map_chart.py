"""What walks by mouse over the map share: what is true of the run, and the map on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page

from benchmarks.walking import Walk
from tests.browser import driver

INK = """(canvas, tone) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let i = 0; i < data.length; i += 4) {
    const near = !tone || [0, 1, 2].every((c) => Math.abs(data[i + c] - tone[c]) < 12);
    if (data[i + 3] > 60 && near) inked += 1;
  }
  return inked;
}"""


WHERE = """(canvas, tone) => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = [];
  for (let i = 0; i < data.length && found.length < 4000; i += 4) {
    const near = [0, 1, 2].every((c) => Math.abs(data[i + c] - tone[c]) < 12);
    if (data[i + 3] > 200 && near) found.push([((i / 4) % width) / width, Math.floor(i / 4 / width) / height]);
  }
  return found.filter((_, at) => at % Math.ceil(found.length / 60) === 0);
}"""


@dataclass(frozen=True)
class Truth:
    """What is walked over."""

    address: str
    workspace: Path
    run: int
    table: pd.DataFrame

    def url(self, page: str) -> str:
        """Where a page of the run is."""
        return f"{self.address}/{page}?run={self.run}"


def holds(said: bool, what: str) -> None:
    """What must be so."""
    if not said:
        raise AssertionError(what)


def number(text: str, pattern: str) -> int:
    """The whole number that a text holds at a place."""
    found = re.search(pattern, text)
    holds(found is not None, f"{pattern} is not in {text!r}")
    assert found is not None
    return int(found.group(1).replace(",", ""))


def until(page: Page, check: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait for what is coming."""
    for _ in range(int(seconds * 10)):
        if check():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"did not come: {what}")


class Chart:
    """The map on the page, and where the run's regions lie on it."""

    def __init__(self, walk: Walk, truth: Truth) -> None:
        self.page, self.table = walk.page, truth.table
        self.xy = truth.table[["x", "y"]].to_numpy(dtype=float)

    def ready(self) -> None:
        """Wait until it can be pointed at."""
        driver.settle(self.page, 120_000)
        self.page.locator('.map[data-ready="1"]').wait_for(timeout=120_000)

    @property
    def stage(self) -> dict[str, float]:
        """Where it is on the screen."""
        box = self.page.locator(".stage").bounding_box()
        assert box is not None
        return dict(box)

    def pixels(self, xy: np.ndarray) -> np.ndarray:
        """``[N, 2]`` where places lie on the screen while the whole map is seen."""
        box = self.stage
        low, high = np.nanmin(self.xy, axis=0), np.nanmax(self.xy, axis=0)
        scale = min(0.9 * box["width"] / (high[0] - low[0]), 0.9 * box["height"] / (high[1] - low[1]))
        middle = (low + high) / 2
        x = box["x"] + box["width"] / 2 + (xy[:, 0] - middle[0]) * scale
        y = box["y"] + box["height"] / 2 - (xy[:, 1] - middle[1]) * scale
        return np.stack([x, y], axis=1)

    def lonely(self) -> int:
        """The target's region that lies furthest from every other on the screen, away from the edge."""
        places = self.pixels(self.xy)
        box = self.stage
        shown = np.flatnonzero(self.table["set"].isin(["target", "both"]))
        best, widest = -1, -1.0
        for row in shown:
            away = np.sqrt(((places - places[row]) ** 2).sum(axis=1))
            away[row] = np.inf
            inside = box["x"] + 30 < places[row, 0] < box["x"] + box["width"] - 30
            if inside and np.nanmin(away[shown]) > widest:
                best, widest = int(row), float(np.nanmin(away[shown]))
        return best

    def drag(self, places: list[tuple[float, float]], key: str = "") -> None:
        """Draw with the button held, a key with it."""
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()
        if key:
            self.page.keyboard.up(key)

    def shares(self, *shares: tuple[float, float]) -> list[tuple[float, float]]:
        """Places by shares of the map's width and height."""
        box = self.stage
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]

    def inside(self) -> int:
        """Regions in the area, by the browser's count."""
        return int(self.page.locator(".map").get_attribute("data-inside") or -1)

    def chosen(self) -> int:
        """Regions in the selection, by the server's word."""
        text = self.page.get_by_text(re.compile("The selection holds")).first
        text.wait_for(timeout=30_000)
        return number(text.inner_text(), r"selection holds ([\d,]+)")

    def agree(self, wanted: Callable[[int], bool], what: str) -> int:
        """Wait until browser and server count the same, and it is as wanted; the count."""
        until(self.page, lambda: self.chosen() == self.inside() and wanted(self.chosen()), what)
        driver.settle(self.page, 60_000)
        return self.chosen()

    def ink(self, canvas: int, tone: str = "") -> int:
        """Pixels drawn on a flat canvas (0 behind the points, 2 before them), if wished of one tone of the theme."""
        wanted = self.tone(tone) if tone else None
        return int(self.page.locator(".stage > canvas").nth(canvas).evaluate(INK, wanted))

    def of_tone(self, canvas: int, tone: str) -> list[tuple[float, float]]:
        """Some places on the screen where a flat canvas has this tone of the theme."""
        found = self.page.locator(".stage > canvas").nth(canvas).evaluate(WHERE, self.tone(tone))
        box = self.stage
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in found]

    def tone(self, name: str) -> list[int]:
        """Red, green and blue of a tone of the theme."""
        said = self.page.locator(".map").evaluate(
            "(map, name) => getComputedStyle(map).getPropertyValue(name).trim()", f"--bs-{name}"
        )
        return [int(said[at : at + 2], 16) for at in (1, 3, 5)]

    def layer(self, label: str, on: bool) -> None:
        """Switch a layer."""
        menu = self.page.locator(".map details.layers")
        if menu.get_attribute("open") is None:
            menu.locator("summary").click()
        menu.get_by_label(label).set_checked(on)
        menu.locator("summary").click()
        self.page.wait_for_timeout(200)

    def tool(self, name: str) -> None:
        """Take a tool by its button."""
        self.page.locator(".map .tools").get_by_role("button", name=name).click()

    def state(self) -> list[str]:
        """The keys of positions, colours and flags that are drawn."""
        return (self.page.locator(".map").get_attribute("data-state") or "").split()

    def colour(self, walk: Walk, name: str) -> None:
        """Colour by something else."""
        before = self.state()
        walk.pick(re.compile("Colour by"), name)
        until(self.page, lambda: self.state()[1:2] != before[1:2], f"the colours of {name}")
        driver.settle(self.page, 60_000)
