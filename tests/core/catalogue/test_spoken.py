"""Conditions said in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.spoken import in_words


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ((), "every image"),
        (("depth_m<800",), "depth less than 800 m"),
        (("depth_m>=800", "camera!=skua-4k"), "depth at least 800 m and camera not skua-4k"),
        (("camera=16:9",), "camera 16:9"),
        (('concept="sea pen"',), "concept sea pen"),
        (("taken_at<2024-05-01",), "date before 2024-05-01"),
        (("taken_at between 2024-05-01..2024-06-01",), "date from 2024-05-01 to 2024-06-01"),
        (("site ~ canyon",), "site containing “canyon”"),
        (("camera in a,b",), "camera a or b"),
        (("altitude missing",), "no height over ground known"),
        (("altitude present",), "height over ground known"),
        (("no condition at all",), "no condition at all"),
    ],
)
def test_a_condition_is_said_as_a_person_would(conditions, words):
    assert in_words(conditions, "every image") == words


@given(st.text(max_size=60))
def test_whatever_is_written_is_said_somehow(text):
    assert in_words((text,), "every image") or not text
