"""The page of clusters in a real browser: a bar of the tree that cuts, a name, and undo; on clusters of a real tree."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from core.artefacts import digest
from core.space.clusters import cluster
from core.workspace import open_workspace
from tests.browser import driver
from tests.browser.driver import settle, until
from tests.dashboard.synthetic import make_workspace


@pytest.fixture
def grown(tmp_path):
    """A server over a small workspace of this attempt alone, whose run keeps what HDBSCAN found, its tree included."""
    folder = make_workspace(tmp_path, 10, 8, parts=False)
    space = open_workspace(folder, create=False)
    path = space.run_folder(1) / "regions.parquet"
    table = space.open_run(1).table.copy()
    found = cluster(table[["x", "y"]].to_numpy())
    table["cluster"] = found.labels
    table.to_parquet(path, index=False)
    key = digest("tree")
    space.artefacts.save("clusters", key, found)
    manifest = path.with_name("manifest.json")
    text = manifest.read_text().replace('"artefacts": {', f'"artefacts": {{"clusters": "{key}", ', 1)
    manifest.write_text(text)
    space.close()
    assert np.unique(found.labels[found.labels >= 0]).size > 2
    with driver.server(folder) as address:
        yield address


def count(page) -> int:
    return int(re.search(r"(\d+) clusters? of pictures", page.locator(".bs-lead").inner_text()).group(1))


def test_a_bar_cuts_a_name_is_given_and_both_are_undone(browsers, grown):
    with browsers.page() as (page, log):
        page.goto(f"{grown}/clusters")
        settle(page)
        before = count(page)
        assert before > 2
        bars = page.locator(".js-plotly-plot .barlayer .point path")
        bars.first.wait_for()
        bars.first.click(force=True)  # the root: everything
        until(page, lambda: count(page) == 1)
        settle(page)
        expect(page.locator(".bs-note", has_text="of all").first).to_contain_text("80 regions, 100 % of all")
        name = page.get_by_label("Name of this cluster")
        name.fill("<img src=x onerror=alert(1)>")
        name.press("Enter")
        page.locator("h2", has_text="<img src=x").wait_for()
        settle(page)
        page.get_by_role("button", name=re.compile("Undo naming")).click()
        page.locator("h2", has_text="<img src=x").wait_for(state="hidden")
        page.get_by_role("button", name=re.compile("Undo cutting")).first.click()
        until(page, lambda: count(page) == before)
        settle(page)
        bars.last.click(force=True)  # a leaf: what is a cluster is shown, what is not is cut
        page.wait_for_url("**show=**")
        assert log.errors == []
        assert log.outside == []
