"""What pages say about a run, on tables small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dashboard import indexing, score_summaries, sightings, summaries
from tests.dashboard.frames import table


def images(**columns):
    return summaries.images(table(**columns))


def test_an_image_counts_with_its_strangest_region():
    frame = summaries.images(table(5, image_id=[7, 7, 8, 8, 9], ood_score=[0.1, 0.5, 0.9, np.nan, np.nan]))
    assert frame["row"].tolist() == [1, 2, 4]
    assert frame["image_id"].tolist() == [7, 8, 9]


def test_headline_counts():
    frame = images(
        rows=6,
        group=["a", "a", "b", "b", "", ""],
        labelled=[True] * 3 + [False] * 3,
        set=["reference"] * 2 + ["both"] + ["target"] * 2 + ["none"],
        flagged=[True, False, False, True, False, False],
        concepts=[["crab", "ray"], ["crab"], [], [], None, []],
    )
    head = summaries.headline(frame, 12)
    assert (head.images, head.regions, head.groups, head.concepts, head.labelled) == (6, 12, 2, 2, 3)
    assert (head.reference, head.target, head.flagged, head.flagged_reference) == (3, 3, 1, 1)
    assert head.depth == (0, 1000)


def test_groups_of_two_datasets_with_one_name_are_two():
    assert summaries.headline(images(rows=2, dataset=["a", "b"], group=["dive 1"] * 2), 2).groups == 2


def test_headline_of_a_source_that_says_nothing():
    head = summaries.headline(
        images(
            rows=3,
            depth_m=np.nan,
            taken_at=pd.to_datetime([None] * 3, utc=True),
            group="",
            labelled=False,
            concepts=[[]] * 3,
        ),
        3,
    )
    assert (head.depth, head.time, head.groups, head.concepts, head.labelled) == (None, None, 0, 0, 0)


def test_ranking_is_by_score_then_by_row_and_leaves_out_what_was_not_judged():
    frame = images(rows=6, set="target", ood_score=[0.3, 0.5, 0.5, np.nan, 0.1, 0.5])
    assert summaries.strangest(frame).tolist() == [1, 2, 5, 0, 4]
    assert summaries.strangest(frame, "target", True).tolist() == [4, 0, 1, 2, 5]
    assert summaries.strangest(frame, "reference").tolist() == []


def test_one_a_group_keeps_images_that_stand_alone():
    frame = images(rows=6, set="both", group=["a", "a", "", "", "b", "a"], ood_score=[0.9, 0.8, 0.7, 0.6, 0.5, 0.95])
    assert summaries.strangest(frame, "target", False, True).tolist() == [5, 2, 3, 4]


@given(hnp.arrays(float, st.integers(0, 40), elements=st.floats(-50, 6000) | st.just(np.nan)))
@example(np.array([13.0, -5e-324]))
def test_bands_are_round_few_and_hold_everything(values):
    edges = summaries.band_edges(values)
    known = values[np.isfinite(values)]
    if not len(known):
        assert len(edges) == 0
        return
    assert len(edges) <= 15
    assert edges[0] <= known.min()
    assert known.max() < edges[-1]
    assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_depth_bands_name_every_known_depth():
    names, order = summaries.categories(images(rows=4, depth_m=[0, 99.9, 100, np.nan]), "depth")
    assert names.isna().tolist() == [False, False, False, True]
    assert set(names.dropna()) <= set(order)
    assert summaries.categories(images(rows=2, depth_m=np.nan), "depth")[1] == []


def test_categories_sort_as_people_count():
    _, order = summaries.categories(images(rows=4, group=["dive 10", "dive 9", "Dive 1", ""]), "group")
    assert order == ["Dive 1", "dive 9", "dive 10"]
    _, order = summaries.categories(images(rows=2, taken_at=pd.to_datetime(["2020-05-02", None], utc=True)), "day")
    assert order == ["2020-05-02"]
    assert summaries.categories(images(rows=2, taken_at=pd.to_datetime([None, None], utc=True)), "day")[1] == []


@given(st.lists(st.text(max_size=8), max_size=12))
def test_any_names_can_be_sorted(names):
    ordered = sorted(names, key=indexing.natural)
    assert sorted(ordered) == sorted(names)


def test_profile_is_a_share_of_the_labelled_images_of_a_band():
    frame = images(
        rows=5,
        depth_m=[10, 10, 10, 150, np.nan],
        labelled=[True, True, False, True, True],
        concepts=[["crab"], [], ["crab"], ["crab", "ray"], ["ray"]],
    )
    profile = summaries.concept_profile(frame).set_index(["concept", "low"])
    assert profile.loc[("crab", 10.0), ["images", "seen", "share"]].tolist() == [2, 1, 0.5]
    assert profile.loc[("ray", 150.0), "share"] == 1
    assert list(dict.fromkeys(profile.index.get_level_values(0))) == ["crab", "ray"]
    assert summaries.concept_profile(images(rows=2, depth_m=np.nan)).empty


def test_labels_per_image_keeps_unlabelled_apart_from_empty():
    counts = summaries.labels_per_image(
        images(rows=4, labelled=[True, True, True, False], concepts=[[], ["a", "b"], ["a"] * 9, []])
    )
    assert dict(zip(counts["concepts"], counts["images"], strict=True)) == {
        "0": 1,
        "1": 0,
        "2": 1,
        "3": 0,
        "4": 0,
        "5": 0,
        "6+": 1,
        "unlabelled": 1,
    }


@pytest.mark.parametrize(("days", "period"), [(10, "day"), (300, "week"), (2000, "month"), (9000, "year")])
def test_time_is_cut_to_the_span(days, period):
    frame = images(
        rows=3,
        taken_at=pd.to_datetime(["2000-01-01", None, "2000-01-01"], utc=True) + pd.to_timedelta([0, 0, days], unit="D"),
    )
    counts, name = summaries.over_time(frame)
    assert name == period
    assert counts["images"].sum() == 2


def test_sightings_are_counted_in_every_way_a_report_needs():
    frame = images(
        rows=5,
        site=["x", "x", "y", "", "x"],
        concepts=[["crab"], ["crab", "ray"], ["ray"], ["crab"], []],
        labelled=[True] * 5,
    )
    found = sightings.sightings(frame, "site", np.array([4, 4, -1, -1, -1]), np.array([2, 3]))
    assert found.astype({"concept": str, "category": str}).to_numpy().tolist() == [
        ["crab", "x", 2, 1, 3, 2 / 3, 0.5],
        ["ray", "x", 1, 1, 3, 1 / 3, 1.0],
        ["ray", "y", 1, 1, 1, 1.0, 1.0],
    ]
    counts = sightings.spread(found, "images", ["x", "y", "z"])
    assert counts.to_dict() == {"x": {"crab": 2, "ray": 1}, "y": {"crab": 0, "ray": 1}, "z": {"crab": 0, "ray": 0}}
    shares = sightings.spread(found, "share", ["x", "y"])
    assert shares["y"].isna().tolist() == [True, False]
    nothing = sightings.sightings(images(rows=2, labelled=False), "site", np.full(2, -1), np.empty(0))
    assert sightings.spread(nothing, "runs", ["s"]).empty


def test_a_concept_is_seen_wherever_one_below_it_is_and_once_an_image():
    frame = images(rows=2, site=["x", "y"], concepts=[["crab", "shrimp"], ["shrimp"]])
    above = {"crab": ["crustacean"], "shrimp": ["crustacean"]}
    found = sightings.sightings(frame, "site", np.full(2, -1), np.empty(0), above)
    counts = sightings.spread(found, "images", ["x", "y"])
    assert counts.to_dict() == {
        "x": {"crustacean": 1, "shrimp": 1, "crab": 1},
        "y": {"crustacean": 1, "shrimp": 1, "crab": 0},
    }


def test_images_of_a_part_are_those_with_a_region_that_fits():
    frame = table(4, image_id=[1, 1, 2, 3], ood_score=[0.1, 0.9, 0.2, 0.3])
    assert summaries.images(frame, np.array([True, False, False, True]))["row"].tolist() == [0, 3]
    assert summaries.images(frame)["row"].tolist() == [1, 2, 3]


def test_scores_a_category_and_set():
    frame = images(
        rows=6,
        camera=["a"] * 3 + ["b"] * 3,
        set=["reference", "reference", "target", "target", "target", "none"],
        ood_score=[0.1, 0.3, 0.5, 0.7, 0.9, 0.2],
        flagged=[False, False, False, True, True, False],
    )
    groups = score_summaries.score_groups(frame, "camera").set_index(["category", "set"])
    assert groups.loc[("a", "reference"), "median"] == pytest.approx(0.2)
    assert groups.loc[("b", "target"), ["images", "flagged", "share"]].tolist() == [2, 2, 1.0]
    assert ("b", "reference") not in groups.index
    assert score_summaries.score_groups(images(rows=2, camera=""), "camera").empty


def test_density_is_a_density_and_agrees_with_scipy():
    from scipy.stats import gaussian_kde

    scores = np.random.default_rng(0).normal(0.4, 0.05, 5000)
    grid = np.linspace(0, 0.8, 801)
    ours = score_summaries.density(scores, grid)
    assert np.trapezoid(ours, grid) == pytest.approx(1, abs=0.01)
    theirs = gaussian_kde(scores, bw_method=0.9 * len(scores) ** -0.2)(grid)
    assert np.abs(ours - theirs).max() < 0.03 * theirs.max()


@pytest.mark.parametrize("scores", [[], [0.3], [np.nan, np.nan], [0.3, 0.3, 0.3]])
def test_density_of_next_to_nothing(scores):
    grid = np.linspace(0, 1, 101)
    result = score_summaries.density(np.array(scores, dtype=float), grid)
    assert result.shape == grid.shape
    assert np.isfinite(result).all()


@given(hnp.arrays(float, st.integers(0, 2000), elements=st.floats(0, 2)))
def test_cumulative_rises_to_one(scores):
    at, share = score_summaries.cumulative(scores)
    assert len(at) <= 600
    if len(scores):
        assert share[-1] == 1
        assert at[-1] == scores.max()
        assert (np.diff(share) > 0).all()
        assert share[0] <= np.mean(scores <= at[0])
