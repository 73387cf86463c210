"""The news: what changes them, what does not, and what they cost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.jobs.asking import ask, book, retry
from core.jobs.news import News


@pytest.fixture
def news(space):
    opened = News(space.database.path)
    yield opened
    opened.close()


def test_every_step_of_a_job_is_news_and_its_progress_is_none(space, news):
    found, tokens = book(space), [news.token()]

    def happened():
        tokens.append(news.token())
        return tokens[-1] != tokens[-2]

    assert not happened()
    job = ask(space, "import", "one", {}, actor="a")
    assert happened()
    found.claim(job.id)
    assert happened()
    found.progress(job.id, "import", 3, 9, 0, datetime.now(UTC))
    found.hear(job.id)
    found.request_cancel(job.id)
    assert not happened()
    found.finish(job.id, "failed", error="no")
    assert happened()
    retry(space, job.id)
    assert happened()
    found.claim(job.id)
    found.finish(job.id, "done")
    assert happened()


def test_a_second_workspace_of_the_same_history_says_the_same(space, news):
    ask(space, "import", "one", {}, actor="a")
    other = News(space.database.path)
    assert other.token() == news.token()
    other.close()


def test_nothing_is_asked_of_the_jobs_while_nothing_was_written(space, news):
    news.token()
    asked = []
    news._connection.set_trace_callback(asked.append)
    for _ in range(5):
        news.token()
    assert asked == ["PRAGMA data_version"] * 5
    ask(space, "import", "one", {}, actor="a")
    news.token()
    assert len(asked) > 6


def test_a_catalogue_that_is_held_says_what_it_said(space, news):
    before = news.token()
    news._connection.execute("PRAGMA query_only=OFF")
    news._connection.execute("DROP TABLE jobs")
    ask_again = News(space.database.path)
    assert ask_again.token() == ""
    ask_again.close()
    assert news.token() == before
