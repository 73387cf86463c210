"""Every page under axe-core, in both schemes: what a screen reader or a weak eye would stumble over.

Two elements are left out that are not ours: Streamlit draws the groups of its navigation as a list whose items stand in
boxes of their own, and gives the place where files are dropped a name and the role of having none. Pages take turns
between the schemes, which share all but their colours; ``ALL_SCHEMES=1`` looks at every page in both.
"""

from __future__ import annotations

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from dashboard.shell import PAGES
from tests.browser.driver import settle

ADDRESSES = [path for pages in PAGES.values() for _, path, _, _ in pages]
THEIRS = ('[data-testid="stSidebarNavItems"]', '[data-testid="stFileUploaderDropzone"]')


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_makes_anyone_stumble(browsers, address, dark):
    with browsers.page(dark=dark) as (page, _):
        found = []
        for path in ADDRESSES if os.environ.get("ALL_SCHEMES") else ADDRESSES[dark::2]:
            page.goto(f"{address}/{'' if path == ADDRESSES[0] else path}")
            settle(page)
            result = Axe().run(page, context={"exclude": [[one] for one in THEIRS]}).response
            found += [
                (path, broken["id"], node["target"], node["html"][:120])
                for broken in result["violations"]
                for node in broken["nodes"]
            ]
        assert found == []
