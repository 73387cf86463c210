from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.positions import parse_degrees, read_degrees

TEN = 10 + 3 / 60 + 51 / 3600


@pytest.mark.parametrize(
    "text",
    [
        "10°03'51\"N",
        "10°03'51''N",
        "10° 3′ 51″ N",
        "10º03’51”N",
        "N10°03'51\"",
        "10 03 51 N",
        "10d03m51s",
        "10:03:51",
        "+10°03'51\"",
        "10°3.85'N",
        "10,0641666666666667",
        "10.0641666666666667",
    ],
)
def test_ways_to_write_one_latitude(text):
    assert parse_degrees(text, "latitude") == pytest.approx(TEN, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99°49'36\"E", 99 + 49 / 60 + 36 / 3600),
        ("121.9 W", -121.9),
        ("-121.9", -121.9),
        ("−1,5", -1.5),
        ("350", -10.0),
        ("180", 180.0),
        ("W 0° 30'", -0.5),
        ("5°30'00\"w", -5.5),
    ],
)
def test_longitudes(text, expected):
    assert parse_degrees(text, "longitude") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("91", "range"),
        ("10°61'N", "60 or more"),
        ("10°03'51\"E", "other axis"),
        ("-10 S", "sign and a direction"),
        ("north", "not a latitude"),
        ("1.5°30'N", "fraction"),
        ("N 10 S", "two directions"),
        ("36.8, -121.9", "not a"),
        ("-9999", "no value"),
    ],
)
def test_what_is_no_latitude(text, word):
    with pytest.raises(ValueError, match=word):
        parse_degrees(text, "latitude")


def test_a_german_or_spanish_o_is_not_guessed():
    with pytest.raises(ValueError, match="east or west"):
        parse_degrees("99°51'03''O", "longitude")


@given(st.text(max_size=30))
def test_any_text_is_an_angle_or_a_complaint(text):
    told = []
    (value,) = read_degrees([text], "longitude", lambda at, reason: told.append(reason))
    assert value is None or -180 <= value <= 180
    assert value is None or not told
