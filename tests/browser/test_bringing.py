"""From an empty workspace to an imported dataset by mouse alone, with a real server and its workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.serving import ADDRESS, _free_port
from tests.browser import driver
from tests.small import make_collection

ROOT = Path(__file__).parents[2]


@pytest.fixture
def serving(tmp_path):
    """``benthoscope serve`` over a new workspace; its address."""
    make_collection(tmp_path / "dives" / "august", dives=6, frames=2)
    port = _free_port(18700)
    command = [sys.executable, "-m", "core.cli", "serve", "--workspace", str(tmp_path / "ws"), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--images-root", str(tmp_path / "dives")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{ADDRESS}:{port}", port
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_folder_becomes_a_dataset_by_mouse(serving, browsers):
    address, port = serving
    with browsers.page() as (page, log):
        for _ in range(240):
            with socket.socket() as probe:
                if probe.connect_ex((ADDRESS, port)) == 0:
                    break
            page.wait_for_timeout(250)
        page.goto(address)
        page.get_by_role("button", name="Bring images").click()
        page.get_by_role("button", name="august", exact=True).click()
        page.get_by_role("button", name="frames.csv").click()
        button = page.get_by_role("button", name="Import 12 images")
        button.wait_for()
        driver.settle(page)
        # The preview's pictures are gone with the click: one still on its way would be asked for in vain.
        page.wait_for_function("[...document.images].every((one) => one.complete)")
        button.click()
        page.get_by_text("12 images in 1 dataset.").wait_for(timeout=60_000)
        page.get_by_role("button", name="Start a run").first.wait_for()
        driver.settle(page)
        assert not log.errors
        assert not log.outside
