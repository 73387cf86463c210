"""What happens to jobs reaches a page, and nobody who is choosing is disturbed by it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import delete

from core.catalogue.schema import JobRow
from core.jobs.asking import ask, book
from core.workspace import Workspace, open_workspace
from tests.browser.driver import settle


@pytest.fixture
def space(workspace) -> Iterator[Workspace]:
    """The workspace that the server shows; no jobs are left in it."""
    opened = open_workspace(workspace, create=False)
    yield opened
    with opened.database.write() as session:
        session.execute(delete(JobRow))
    opened.close()


def test_an_open_list_stays_open_when_a_job_begins_and_ends(browsers, address, space):
    with browsers.page() as (page, log):
        page.goto(f"{address}/outputs")
        settle(page)
        page.get_by_role("combobox", name=re.compile("As$")).click()
        choice = page.get_by_role("option", name="Table, JSON")
        choice.wait_for()
        job = ask(space, "export", "A table", {}, actor="test")
        offer = page.locator("button.news")  # an open list hides the rest from roles
        offer.wait_for()
        expect(choice).to_be_visible()
        choice.click()  # done choosing: the page tells by itself
        page.get_by_text("It waits for its turn").wait_for()
        expect(offer).to_be_hidden()
        settle(page)
        page.get_by_role("combobox", name=re.compile("As$")).click()
        choice.wait_for()
        book(space).claim(job.id)
        book(space).finish(job.id, "failed", error="the disk is full")
        page.get_by_text("It has ended").wait_for()  # the part that follows the job was drawn anew
        assert choice.is_visible()
        offer.wait_for()
        page.keyboard.press("Escape")
        page.get_by_text("A table failed. The disk is full").first.wait_for()
        page.get_by_text("It has ended").wait_for(state="hidden")
        assert log.errors == []
