"""A dataset's checks, worked by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from core.catalogue.overview import checks, concept_table


def images(**columns):
    count = max(len(values) for values in columns.values())
    usual = {
        "path": [f"{i}.jpg" for i in range(count)],
        "group": [""] * count,
        "taken_at": pd.to_datetime([None] * count, utc=True),
        "depth_m": [float("nan")] * count,
        "latitude": [float("nan")] * count,
        "longitude": [float("nan")] * count,
        "box_share": [float("nan")] * count,
        "concepts": [[] for _ in range(count)],
    }
    return pd.DataFrame({**usual, **columns})


def found(table):
    return {check.title: check for check in checks(table)}


def test_concepts_of_one_group():
    table = images(group=["a"] * 5 + ["b"] * 5, concepts=[["crab"]] * 5 + [["crab", "ray"]] + [[]] * 4)
    counted = concept_table(table).set_index("concept")
    assert counted.loc["crab", ["images", "groups"]].tolist() == [6, 2]
    assert counted.loc["crab", "from_one"] == pytest.approx(5 / 6)
    assert not found(table)["Concepts and groups"].calm


def test_a_spike_of_the_depth_sensor():
    depths = [100.0, 101, 102, 900, 103, 104, 105]
    assert not found(images(group=["a"] * 7, depth_m=depths))["Measurement"].calm
    assert found(images(group=["a"] * 7, depth_m=[100.0 + i for i in range(7)]))["Measurement"].calm


def test_one_group_or_one_day_holds_most():
    few = images(group=["a"] * 9 + ["b"], taken_at=pd.to_datetime(["2024-05-01"] * 9 + ["2024-06-01"], utc=True))
    assert not found(few)["Sampling"].calm
    assert not found(few)["Time"].calm
    even = images(group=list("abcde"), taken_at=pd.to_datetime([f"2024-0{i}-01" for i in range(1, 6)], utc=True))
    assert found(even)["Sampling"].calm
    assert found(even)["Time"].calm


def test_boxes_that_grow_with_depth():
    depths = [float(i) for i in range(40)]
    assert not found(images(depth_m=depths, box_share=[0.01 * i for i in range(40)]))["Size by depth"].calm
    assert found(images(depth_m=depths, box_share=[0.01 * (i * 7 % 40) for i in range(40)]))["Size by depth"].calm


def test_nothing_is_asked_of_nothing():
    assert checks(images(group=[])) == []
