"""What takes longer than a page may is made once, beside the page, and its error is told and forgotten."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
import streamlit as st

from core.errors import SettingsError
from dashboard import later


@pytest.fixture
def waited(monkeypatch):
    """The keys that a page was told to wait for; a rerun waits a moment alone."""
    keys = []
    monkeypatch.setattr(later, "PATIENCE", 0.01)
    monkeypatch.setattr(st, "fragment", lambda part, run_every: lambda key, said: keys.append((key[0], said)))
    yield keys
    later._work.clear()


def test_a_page_does_not_wait_and_the_work_is_done_once(waited):
    run, begun, goes_on = SimpleNamespace(key="r"), [], threading.Event()

    def make():
        begun.append(1)
        goes_on.wait(30)
        return 7

    asked = [later.computed(run, "slow", (1,), make, "a moment") for _ in range(3)]
    assert asked == [None, None, None]
    assert waited == [("slow", "a moment")] * 3
    goes_on.set()
    later._work["slow", "r", (1,)].result(30)
    assert later.computed(run, "slow", (1,), make, "a moment") == 7
    assert begun == [1]


def test_an_error_is_told_and_tried_again(waited, monkeypatch):
    monkeypatch.setattr(later, "PATIENCE", 30)
    run, answers = SimpleNamespace(key="r"), iter([SettingsError("no"), TimeoutError("the disk"), 3])

    def make():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(SettingsError, match="no"):
        later.computed(run, "x", (), make, "")
    with pytest.raises(TimeoutError, match="the disk"):
        later.computed(run, "x", (), make, "")
    assert later.computed(run, "x", (), make, "") == 3
    assert waited == []


def test_few_results_are_kept(waited, monkeypatch):
    monkeypatch.setattr(later, "PATIENCE", 30)
    run = SimpleNamespace(key="r")
    for number in range(later.MOST + 5):
        assert later.computed(run, "n", (number,), lambda number=number: number, "") == number
    assert len(later._work) == later.MOST


def test_what_was_begun_before_is_there_without_a_wait(waited):
    run, begun = SimpleNamespace(key="r"), []
    later.begin(run, "early", (), lambda: begun.append(1) or 5)
    later._work["early", "r", ()].result(30)
    assert later.computed(run, "early", (), lambda: 6, "a moment") == 5
    assert begun == [1]
    assert waited == []
