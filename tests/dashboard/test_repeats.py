"""Runs of near-duplicates: which picture is kept, which could be left out, and the page around them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard import cached, repeats
from tests.dashboard.frames import table
from tests.dashboard.test_pages import opened, said

NUMBERS = np.array([0, 0, 1, -1, 1, 1, 2, 2])
EVERY = np.ones(8, bool)


def test_the_best_of_each_run_is_kept_and_the_largest_run_comes_first():
    found = repeats.repeats(NUMBERS, EVERY, np.array([7, 5, 1, 0, 2, 3, 4, 6]), {})
    assert found.numbers.tolist() == [1, 0, 2]
    assert found.kept.tolist() == [5, 1, 7]
    assert found.sizes.tolist() == [3, 2, 2]
    assert found.rest.tolist() == [0, 2, 4, 6]
    assert found.of(1).tolist() == [5, 2, 4]


def test_a_person_keeps_another_one_and_cannot_keep_a_stranger():
    found = repeats.repeats(NUMBERS, EVERY, np.arange(8), {1: 4, 0: 3, 2: 99})
    assert found.kept.tolist() == [4, 0, 6]


def test_what_is_not_looked_at_belongs_to_no_run():
    found = repeats.repeats(NUMBERS, np.array([1, 0, 1, 1, 0, 1, 0, 0], bool), np.arange(8), {})
    assert (found.kept.tolist(), found.rest.tolist()) == ([2], [5])
    nothing = repeats.repeats(NUMBERS, np.zeros(8, bool), np.arange(8), {})
    assert len(nothing.kept) == len(nothing.rest) == 0
    assert len(repeats.repeats(np.empty(0, int), np.empty(0, bool), np.empty(0, int), {}).kept) == 0


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=30), st.randoms())
def test_every_picture_of_a_run_is_kept_or_rest(numbers, random):
    numbers = np.array(numbers)
    ranked = list(range(len(numbers)))
    random.shuffle(ranked)
    found = repeats.repeats(numbers, np.ones(len(numbers), bool), np.array(ranked), {})
    assert len(found.kept) + len(found.rest) == found.sizes.sum() == (found.members >= 0).sum()
    assert not set(found.kept) & set(found.rest)


def test_the_table_goes_run_by_run_with_the_kept_one_first():
    found = repeats.repeats(NUMBERS, EVERY, np.arange(8)[::-1], {})
    frame = repeats.table(table(8), found)
    assert frame["run_of_near_duplicates"].tolist() == [1, 1, 1, 2, 2, 3, 3]
    assert frame["kept"].tolist() == ["yes", "no", "no", "yes", "no", "yes", "no"]
    assert frame["region_id"].tolist() == [6, 3, 5, 2, 1, 8, 7]


def test_the_page_shows_runs_opens_the_one_of_a_link_and_says_when_there_are_none(served, view):
    numbers = cached.repeats(view.run, 0.06, False)
    assert numbers.max() > 0
    app = opened("duplicates", alike="0.06", same_group="false")
    assert not app.exception
    assert "runs of near-duplicates hold" in said(app)
    assert "of 96 pictures" in said(app)
    row = int(np.flatnonzero(numbers == 1)[0])
    other = opened("duplicates", alike="0.06", same_group="false", of=str(view.run.table["region_id"].iloc[row]))
    assert f"{(numbers == 1).sum()} pictures" in said(other)
    assert "No near-duplicates here" in said(opened("duplicates", alike="0.0"))


def test_the_image_panel_leads_to_what_is_like_a_picture(served, view):
    row = int(np.flatnonzero(cached.repeats(view.run, 0.02) >= 0)[0])
    record = view.run.table.iloc[row]
    app = opened("outliers", image=str(record["image_id"]))
    labels = [item.label for item in app.button]
    assert "Find similar" in labels
    next(item for item in app.button if item.label == "Find similar").click().run()
    assert not app.exception
    assert app.query_params["like"] == str(record["region_id"])
    assert "Most alike" in said(app)
