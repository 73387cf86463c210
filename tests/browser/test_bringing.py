"""From an empty workspace to an imported dataset by mouse alone, with a real server and its workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import driver
from tests.small import make_collection

ROOT = Path(__file__).parents[2]


@pytest.fixture
def serving(tmp_path):
    """``benthoscope serve`` over a new workspace; its address."""
    make_collection(tmp_path / "dives" / "august", dives=6, frames=2)
    said = tmp_path / "said.txt"
    command = [sys.executable, "-m", "core.cli", "serve", "--workspace", str(tmp_path / "ws")]
    with said.open("w") as out:
        process = subprocess.Popen(
            [*command, "--port", str(driver.free_port()), "--images-root", str(tmp_path / "dives")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    try:
        while not (found := re.search(r"http://\S+", said.read_text())):  # the port that it took in the end
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        driver.wait_until_up(process, found[0])
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=driver.PATIENCE / 1000)


def test_a_folder_becomes_a_dataset_by_mouse(serving, browsers):
    with browsers.page() as (page, log):
        page.goto(serving)
        page.get_by_role("button", name="Bring images").click()
        page.get_by_role("button", name="august", exact=True).click()
        page.get_by_role("button", name="frames.csv").click()
        button = page.get_by_role("button", name="Import 12 images")
        button.wait_for()
        expect(page.locator(".st-key-bring_pictures img")).to_have_count(12)
        driver.settle(page)
        # The preview's pictures are gone with the click: one still on its way would be asked for in vain.
        page.wait_for_function("[...document.images].every((one) => one.complete)")
        button.click()
        page.get_by_text("12 images in 1 dataset.").wait_for()
        page.get_by_role("button", name="Start a run").first.wait_for()
        driver.settle(page)
        assert not log.errors
        assert not log.outside
