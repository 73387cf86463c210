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
