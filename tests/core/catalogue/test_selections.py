"""Selections: the parser, three-valued evaluation, and plain data both ways."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.conditions import parse, parse_all
from core.catalogue.selections import (
    EVERYTHING,
    And,
    Between,
    Compare,
    Contains,
    Missing,
    Not,
    OneOf,
    Or,
    Polygon,
    Regions,
    evaluate,
    from_json,
    points_in_polygon,
    resolve_field,
    to_json,
)
from core.errors import SelectionError


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(
        {
            "region_id": [11, 12, 13, 14],
            "path": pd.Series(["a/1.jpg", "a/2.jpg", "<img src=x>.jpg", "b/4.jpg"], dtype="str"),
            "depth_m": [100.0, 800.0, np.nan, 1200.0],
            "camera": pd.Series(["16:9", "4:3", None, "16:9"], dtype="str"),
            "group": pd.Series(["000002", "000002", "7", ""], dtype="str"),
            "taken_at": pd.to_datetime(["2024-05-01", "2024-06-01", None, "2025-01-01"], utc=True),
            "labelled": [True, True, False, True],
            "concepts": [["crab", "urchin"], [], [], ["sea star"]],
            "flagged": [False, True, False, True],
            "x": [0.0, 1.0, 2.0, 3.0],
            "y": [0.0, 1.0, 2.0, 3.0],
            "extra.ship": pd.Series(["A", "B", "A", None], dtype="str"),
        }
    )


def chosen(text, table, **kwargs):
    return list(table["region_id"][evaluate(parse(text), table, **kwargs).mask])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("depth_m<800", [11]),
        ("depth_m <= 800", [11, 12]),
        ("depth>=800", [12, 14]),
        ("depth_m = 800", [12]),
        ("depth_m between 100..800", [11, 12]),
        ("depth_m missing", [13]),
        ("depth_m present", [11, 12, 14]),
        ("camera=16:9", [11, 14]),
        ("camera!=16:9", [12]),
        ("camera in 16:9, 4:3", [11, 12, 14]),
        ("video=000002", [11, 12]),
        ("group missing", [14]),
        ("path ~ <IMG", [13]),
        ("taken_at<2024-05-15", [11]),
        ("time >= 2024-06-01T00:00:00Z", [12, 14]),
        ("concept=crab", [11]),
        ("concept!=crab", [12, 14]),
        ("concepts in crab,'sea star'", [11, 14]),
        ("label ~ SEA", [14]),
        ("concepts missing", [13]),
        ("flagged=true", [12, 14]),
        ("ship=A", [11, 13]),
    ],
)
def test_conditions_choose_what_they_say(text, ids, table):
    assert chosen(text, table) == ids


def test_regions_that_lack_the_field_are_counted_not_dropped_in_silence(table):
    outcome = evaluate(parse("depth_m<800"), table)
    assert outcome.missing == {"depth_m": 1}
    assert evaluate(parse("camera=16:9"), table).missing == {"camera": 1}
    assert evaluate(parse("depth_m missing"), table).missing == {}


def test_not_of_unknown_is_still_unknown(table):
    assert not evaluate(Not(parse("depth_m<800")), table).mask[2]
    assert not evaluate(parse("depth_m<800"), table).mask[2]


def test_a_parent_concept_holds_for_its_children(table):
    below = {"arthropod": ["crab", "shrimp"]}
    assert chosen("concept=arthropod", table, descendants=below) == [11]
    assert chosen("concept=arthropod", table) == []


@pytest.mark.parametrize(
    "text", ["depth_m", "depth_m<", "=800", "depth_m between 1", "camera in ,", "depth missing now", "", "depth ! 3"]
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(SelectionError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["depht<1", "depth_m<deep", "flagged=perhaps", "taken_at<soon", "camera<3", "concept<crab"]
)
def test_what_does_not_fit_the_table_is_refused_in_words(text, table):
    with pytest.raises(SelectionError) as caught:
        evaluate(parse(text), table)
    assert len(str(caught.value)) > 20


def test_an_unknown_field_lists_those_there_are(table):
    with pytest.raises(SelectionError, match="ship"):
        resolve_field("sheep", table.columns)


def test_nothing_asked_is_everything(table):
    assert evaluate(parse_all([]), table).mask.all()
    assert evaluate(EVERYTHING, table).mask.all()


FIELDS = st.sampled_from(["depth_m", "camera", "flagged"])
LEAVES = st.one_of(
    st.builds(
        Compare, st.just("depth_m"), st.sampled_from(["=", "<", "<=", ">", ">="]), st.sampled_from([100.0, 800.0])
    ),
    st.builds(Compare, st.just("camera"), st.just("="), st.sampled_from(["16:9", "4:3", "x"])),
    st.builds(OneOf, st.just("camera"), st.just(("16:9", "4:3"))),
    st.builds(Between, st.just("depth_m"), st.just(50.0), st.just(900.0)),
    st.builds(Contains, st.just("path"), st.sampled_from(["jpg", "a/"])),
    st.builds(Missing, FIELDS),
    st.builds(Regions, st.lists(st.sampled_from([11, 12, 99]), max_size=3).map(tuple)),
    st.just(Polygon(((-1.0, -1.0), (2.5, -1.0), (2.5, 2.5), (-1.0, 2.5)))),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


@given(TREES)
def test_plain_data_and_back(tree):
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


@settings(max_examples=60)
@given(TREES, TREES)
def test_de_morgan_holds_with_unknowns(table, one, two):
    left = evaluate(Not(And((one, two))), table).mask
    right = evaluate(Or((Not(one), Not(two))), table).mask
    assert np.array_equal(left, right)
    assert np.array_equal(evaluate(Not(Not(one)), table).mask, evaluate(one, table).mask)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"version": 2, "tree": {"node": "and", "parts": []}},
        {"version": 1, "tree": {"node": "exec"}},
        {"version": 1, "tree": {"node": "compare", "field": "a"}},
        {"version": 1, "tree": {"node": "polygon", "points": [[1]]}},
        {"version": 1, "tree": None},
    ],
)
def test_foreign_data_is_refused(data):
    with pytest.raises(SelectionError):
        from_json(data)


def test_points_in_a_concave_polygon_worked_by_hand():
    corners = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
    x = np.array([0.5, 2.0, 2.0, 3.5, 5.0])
    y = np.array([1.0, 0.5, 2.0, 2.0, 1.0])
    assert points_in_polygon(x, y, corners).tolist() == [True, True, False, True, False]
    assert not points_in_polygon(x, y, corners[:2]).any()
