"""Numbers and findings in words."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import words


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.float64("nan")])
def test_missing_values_read_as_a_dash(nothing):
    assert words.missing(nothing)
    for say in (words.percent, words.score, words.probability, words.percentile, words.metres, words.when, words.text):
        assert say(nothing) == "–"
    assert words.span(nothing, 1.0) == words.position(1.0, nothing) == words.days(nothing, None) == "–"


@pytest.mark.parametrize("something", [0, 0.0, "", False, "x", np.int64(3), datetime(2020, 1, 1, tzinfo=UTC)])
def test_zero_and_empty_are_values(something):
    assert not words.missing(something)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50 %"),
        (0.051, "5.1 %"),
        (0.0004, "under 0.1 %"),
        (0.9999, "over 99 %"),
        (0.144, "14 %"),
    ],
)
def test_shares_are_rounded_to_what_they_carry(share, said):
    assert words.percent(share) == said


@given(st.floats(0, 1))
def test_a_share_is_never_said_to_be_nothing_or_all_unless_it_is(share):
    said = words.percent(share)
    assert (said == "0 %") == (share == 0)
    assert (said == "100 %") == (share == 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.21349, "0.213"),
        (0.00123, "0.0012"),
        (0.00003, "under 0.0001"),
        (0.0, "0.000"),
        (1.99951, "2.000"),
        (np.float32(0.5), "0.500"),
    ],
)
def test_scores(value, said):
    assert words.score(value) == said


@pytest.mark.parametrize(("value", "said"), [(0.5, "0.50"), (1.0, "1.00"), (0.0166, "0.017"), (0.00002, "2e-05")])
def test_probabilities(value, said):
    assert words.probability(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0th"), (1, "1st"), (2.9, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (22, "22nd"), (99.97, "99th")],
)
def test_percentiles_are_ordinals_rounded_down(value, said):
    assert words.percentile(value) == said


def test_depths_times_and_places():
    assert words.metres(1234.4) == "1,234 m"
    assert words.metres(3.27) == "3.3 m"
    assert words.metres(0) == "0 m"
    assert words.span(12.2, 1290.8) == "12–1,291 m"
    assert words.span(5, 5) == "5 m"
    moment = pd.Timestamp("2014-09-03T14:02:33Z")
    assert words.when(moment) == "3 Sep 2014, 14:02 UTC"
    assert words.days(moment, moment + pd.Timedelta(days=36)) == "3 Sep – 9 Oct 2014"
    assert words.days(moment, moment + pd.Timedelta(hours=1)) == "3 Sep 2014"
    assert words.days(moment, moment + pd.Timedelta(days=400)) == "3 Sep 2014 – 8 Oct 2015"
    assert words.position(36.70419, -122.03901) == "36.7042° N, 122.0390° W"
    assert words.position(-0.5, 0) == "0.5000° S, 0.0000° E"


def test_counts():
    assert words.plural(1, "image") == "1 image"
    assert words.plural(1234, "image") == "1,234 images"
    assert words.plural(2, "series", "series") == "2 series"


def test_a_score_says_which_way_is_strange():
    assert "Stranger than 97 %" in words.score_sentence(0.213, 97.2, 100)
    assert words.score_sentence(0.9, 100, 1).startswith("Stranger than every reference image")
    assert words.score_sentence(0.01, 0, 5).startswith("More familiar than every reference image")
    assert "100 nearest reference images" in words.score_sentence(0.213, 97.2, 100)
    assert "its distance to the nearest reference image (none" in words.score_sentence(0.213, 97.2, 1)


def test_a_p_value_says_what_it_promises_and_on_what_it_rests():
    said = words.p_sentence(1 / 61, {"groups": 60})
    assert "about 1 image in 61" in said
    assert "p = 0.016" in said
    assert "60 independent reference groups" in said
    assert words.p_sentence(0.8, {"groups": 60}).startswith("Nothing unusual")


def test_the_rule_is_said_with_its_promise_or_without():
    sure = words.flag_sentence({"certified": True, "alpha": 0.05, "groups": 60})
    assert "p ≤ 0.05" in sure
    assert "at most 5 %" in sure
    unsure = words.flag_sentence({"certified": False, "alpha": 0.05, "groups": 8, "smallest_p": 1 / 9})
    assert "cannot be certified" in unsure
    assert "0.11" in unsure


def test_what_is_too_long_ends_in_an_ellipsis():
    assert words.shortened("7 · Solmissus, 50 m", 19) == "7 · Solmissus, 50 m"
    assert words.shortened("7 · Solmissus, 50 m", 16) == "7 · Solmissus…"
