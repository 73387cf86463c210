"""From the key to the next picture: fifty pictures decided by keyboard alone in a real browser.

``python -m benchmarks.review_keys WORKSPACE [--run N] [--count 50]``

Each time is taken in the page itself, from the key's event to the frame in which the next picture stands. The baseline
is what a page of Streamlit would need without the component: the same click handled by a rerun of the script. Then the
last decision is undone, the page loaded again, and the state compared. The workspace is copied first.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.common import append_result
from core.review.standing import standing
from core.workspace import open_workspace
from tests.browser import driver
from tests.browser.driver import settle

STATE = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const found = all(document).find((e) => e.classList.contains('review'));
  return found ? { ...found.dataset, counted: found.querySelector('.counted').textContent } : {};
}"""


def ready(page, other_than: str = "") -> dict:
    """Wait until a picture (another one) stands, everything saved."""
    for _ in range(600):
        state = page.evaluate(STATE)
        if state.get("region") and state["region"] != other_than and state.get("waiting", "0") == "0":
            return state
        page.wait_for_timeout(25)
    raise RuntimeError(f"no next picture came: {state}")


def reviewed(page, address: str, run: int, count: int) -> dict:
    """Decide on `count` pictures by keys."""
    page.goto(f"{address}/review?run={run}")
    settle(page)
    page.get_by_label("Your name").fill("Ada")
    page.keyboard.press("Enter")
    state = ready(page)
    keys = "13456718"
    seen = []
    began = time.perf_counter()
    for number in range(count):
        seen.append(state["region"])
        page.keyboard.press(keys[number % len(keys)])
        before = state
        for _ in range(400):
            state = page.evaluate(STATE)
            if len(state.get("times", "").split()) > number:
                break
            page.wait_for_timeout(10)
        assert state["region"] != before["region"]
        page.wait_for_timeout(120)  # a hasty person
    return {
        "times": [float(one) for one in state["times"].split()],
        "seconds": time.perf_counter() - began,
        "seen": seen,
    }


def rerun_time(page, address: str) -> float:
    """Milliseconds from a click to the end of the page's rerun that it starts."""
    found = []
    for name in ("Second opinion", "First opinion", "Second opinion", "First opinion"):
        began = time.perf_counter()
        page.get_by_text(name, exact=True).click()
        page.wait_for_selector('[data-test-script-state="running"]', timeout=5000, state="attached")
        page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=20000, state="attached")
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found)


def main() -> None:
    """Read the command line, measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--run", type=int, default=2)
    parser.add_argument("--count", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(asked.workspace, Path(folder) / "workspace"))
        with driver.server(copy) as address, driver.browsers() as browsers, browsers.page() as (page, log):
            outcome = reviewed(page, address, asked.run, asked.count)
            last = ready(page)
            page.keyboard.press("z")
            undone = ready(page, last["region"])
            page.wait_for_timeout(600)
            counted = page.evaluate(STATE)["counted"].split(" · ")[0]
            page.reload()
            settle(page)
            again = ready(page)
            rerun = rerun_time(page, address)
            assert log.errors == [], log.errors
        space = open_workspace(copy)
        kept = standing(space.database)
        space.close()
    times = outcome["times"]
    same = (again["region"], again["counted"].split(" · ")[0]) == (undone["region"], counted)
    ordered = [str(one.region_id) for one in kept] == outcome["seen"][:-1]
    print(f"{len(times)} pictures in {outcome['seconds']:.1f} s, by keys alone")
    median, late = statistics.median(times), sorted(times)[int(0.95 * len(times))]
    print(f"key to next picture: median {median:.1f} ms, 95th percentile {late:.1f} ms, slowest {max(times):.1f} ms")
    print(f"one rerun of the page instead: {rerun:.0f} ms, {rerun / statistics.median(times):.0f} times as long")
    print(f"undone: {undone['region'] == outcome['seen'][-1]}; the same state after loading again: {same} ({counted})")
    print(f"kept in the catalogue: {len(kept)} of {len(times) - 1}, in order: {ordered}")
    append_result(
        "review_keys",
        {
            "pictures": len(times),
            "median_ms": round(statistics.median(times), 1),
            "p95_ms": round(sorted(times)[int(0.95 * len(times))], 1),
            "slowest_ms": max(times),
            "rerun_ms": round(rerun),
            "undone": undone["region"] == outcome["seen"][-1],
            "same_after_reload": same,
            "kept": len(kept),
            "in_order": ordered,
        },
        packages=("streamlit", "playwright"),
    )


if __name__ == "__main__":
    main()
