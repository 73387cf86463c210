"""Settings check themselves and survive JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.settings import (
    ClusterSettings,
    EmbedSettings,
    OodSettings,
    ProjectionSettings,
    RegionSettings,
    RunSettings,
    SearchSettings,
)


@given(
    st.sampled_from(["image", "boxes", "tiles:2x3", "tiles:1x16"]),
    st.none() | st.integers(1, 500),
    st.lists(st.text(max_size=8), max_size=3),
    st.booleans(),
)
def test_json_and_back(regions, k, reference, fast):
    settings = RunSettings(
        datasets=("a", "b"),
        reference=tuple(reference),
        regions=RegionSettings.parse(regions),
        ood=OodSettings(k=k),
        projection=ProjectionSettings(fast=fast),
    )
    assert RunSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize("text", ["tiles:2", "tiles:0x3", "tiles:17x1", "boxes:2", "circle", "", "tiles:axb"])
def test_bad_regions_are_refused(text):
    with pytest.raises(SettingsError):
        RegionSettings.parse(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RunSettings(datasets=()),
        lambda: OodSettings(k=0),
        lambda: OodSettings(alpha=0.0),
        lambda: OodSettings(alpha=0.9),
        lambda: EmbedSettings(short_side=8),
        lambda: EmbedSettings(batch=0),
        lambda: EmbedSettings(precision="fp8"),
        lambda: EmbedSettings(embedder=""),
        lambda: ProjectionSettings(n_neighbors=1),
        lambda: ProjectionSettings(min_dist=2.0),
        lambda: ProjectionSettings(method="tsne"),
        lambda: SearchSettings("soon"),
        lambda: SearchSettings(recall=1.0),
        lambda: ClusterSettings(min_cluster_size=1),
        lambda: ClusterSettings(method="dbscan"),
        lambda: RunSettings(datasets=("a",), neighbours=1),
        lambda: RunSettings.from_json({"datasets": ["a"], "colour": 1}),
    ],
)
def test_values_out_of_range_are_refused_at_once(make):
    with pytest.raises(SettingsError):
        make()


def test_regions_print_as_they_are_written():
    assert str(RegionSettings.parse("tiles:2x3")) == "tiles:2x3"
    assert str(RegionSettings.parse("image")) == "image"


def test_the_search_is_exact_up_to_its_limit_and_ten_times_further_on_an_accelerator():
    search = SearchSettings(limit=100)
    assert [search.approximate(rows, "cpu") for rows in (100, 101)] == [False, True]
    assert [search.approximate(rows, "cuda:0") for rows in (1000, 1001)] == [False, True]
    assert not SearchSettings("exact").approximate(10**9, "cpu")
    assert SearchSettings("approximate").approximate(1, "cpu")


def test_settings_that_came_later_leave_the_keys_of_earlier_maps_and_a_map_gets_the_columns_it_needs():
    assert ProjectionSettings().keyed() == {"n_neighbors": 15, "min_dist": 0.1, "seed": 0, "fast": False}
    assert ProjectionSettings(method="pca").keyed()["method"] == "pca"
    assert RunSettings(datasets=("a",), projection=ProjectionSettings(n_neighbors=60)).neighbours == 60
    assert RunSettings(datasets=("a",)).neighbours == 32
