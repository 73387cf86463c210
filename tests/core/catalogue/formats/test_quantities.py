from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.quantities import decimal_mark, parse_number, read_metres, typed


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("12", ".", (12.0, "")),
        (" -3.5 ", ".", (-3.5, "")),
        ("\u221212.5", ".", (-12.5, "")),
        ("15m", ".", (15.0, "m")),
        ("31.0℃", ".", (31.0, "℃")),
        ("1e3", ".", (1000.0, "")),
        (".5 km", ".", (0.5, "km")),
        ("1,234.5", ".", (1234.5, "")),
        ("1 234", ".", (1234.0, "")),
        ("1'234 m", ".", (1234.0, "m")),
        ("10,5", ",", (10.5, "")),
        ("1.234,5", ",", (1234.5, "")),
    ],
)
def test_numbers(text, mark, expected):
    assert parse_number(text, mark) == expected


@pytest.mark.parametrize("text", ["", "deep", "1e999", "nan", "inf", "1.2.3", "--5", "12 34"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError, match="number"):
        parse_number(text)


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["1.5", "2"], "."),
        (["10,5"], ","),
        (["1,234", "10,25"], ","),
        (["1,234", "0,512"], ","),
        (["1,234.5"], "."),
        (["1.234,5"], ","),
        (["1,234,567"], "."),
        (["1,234"], "?"),
        (["36,80214"], ","),
    ],
)
def test_one_cell_decides_for_its_column(cells, mark):
    assert decimal_mark(cells) == mark


def test_metres_from_units_and_the_columns_name():
    told = []
    values = read_metres(
        ["15m", "100 ft", "1.2km", "", "NA", "12 dbar", "3"], "", lambda at, reason: told.append((at, reason))
    )
    assert values == [15.0, 30.48, 1200.0, None, None, None, 3.0]
    assert [at for at, _ in told] == [5]
    assert read_metres(["10"], "ft", lambda *_: None) == [3.048]


def test_a_comma_that_may_mean_two_things_is_refused():
    told = []
    assert read_metres(["1,234"], "", lambda at, reason: told.append(reason)) == [None]
    assert "thousands or a decimal comma" in told[0]


@pytest.mark.parametrize(
    ("cells", "expected", "unit"),
    [
        (["14", "16", ""], [14, 16, None], None),
        (["0.5", "2", "NA"], [0.5, 2, None], None),
        (["31.3℃", "31.0℃"], [31.3, 31.0], "℃"),
        (["000002", "000003"], ["000002", "000003"], None),
        (["1", "02"], ["1", "02"], None),
        (["+1"], ["+1"], None),
        (["12345678901234567"], ["12345678901234567"], None),
        (["1e5"], ["1e5"], None),
        (["1A", "2A"], ["1A", "2A"], None),
        (["5 m", "3"], ["5 m", "3"], None),
        (["x", ""], ["x", None], None),
        (["", ""], [None, None], None),
        (["-4"], [-4], None),
    ],
)
def test_columns_without_a_meaning_keep_what_a_name_must_keep(cells, expected, unit):
    values, found = typed(cells)
    assert values == expected
    assert [type(one) for one in values] == [type(one) for one in expected]
    assert found == unit


@given(st.lists(st.text()))
def test_any_column_can_be_typed(cells):
    values, _ = typed(cells)
    assert len(values) == len(cells)
    for cell, value in zip(cells, values, strict=True):
        assert value is None or not isinstance(value, str) or value == cell
