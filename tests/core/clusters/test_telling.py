"""What sets clusters apart, what stands for them, what they sort by, and where new images would lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.naming import Trait, all_set_apart, set_apart, short_name, traits_of
from core.clusters.placing import place
from core.clusters.portraits import edge, kinds_within, representatives
from core.clusters.sorting import compare_spaces, group_codes, single_concepts, sorts_by
from core.errors import EmbeddingError


def table(count: int = 40) -> pd.DataFrame:
    """The first half: crabs, deep, dive 1; the second: rays at all depths, dives 2 and 3."""
    half = count // 2
    return pd.DataFrame(
        {
            "concepts": [["crab"]] * half + [["ray"] if i % 2 else ["ray", "<b>"] for i in range(half)],
            "labelled": True,
            "dataset": "d",
            "group": ["dive 1"] * half + [f"dive {2 + i % 2}" for i in range(half)],
            "site": "everywhere",
            "camera": pd.Series([None] * count, dtype=object),
            "depth_m": [900.0 + i for i in range(half)] + [100.0 + 50 * i for i in range(half)],
            "taken_at": pd.to_datetime(["2020-05-01"] * half + ["2021-06-02"] * half, utc=True),
        }
    )


def test_what_sets_apart_is_told_and_what_all_share_is_not():
    frame = table()
    crabs = np.arange(40) < 20
    found = set_apart(traits_of(frame), crabs)
    by_kind = {trait.kind: trait for trait in found}
    assert by_kind["concept"].text == "crab"
    assert (by_kind["concept"].inside, by_kind["concept"].outside) == (1.0, 0.0)
    assert by_kind["depth"].text == "900–920 m"
    assert by_kind["time"].text == "2020-05-01"
    assert by_kind["group"].text == "dive 1"
    assert "site" not in by_kind
    assert "camera" not in by_kind
    assert short_name(found).startswith("crab, ")
    assert short_name(found).count(",") <= 2


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("camera", "4:3", "camera 4:3"),
        ("group", "000145", "group 000145"),
        ("group", "dive 1", "dive 1"),
        ("depth", "900–920 m", "900–920 m"),
        ("time", "2020-05-01", "2020-05-01"),
    ],
)
def test_a_bare_number_is_said_with_what_it_is(kind, text, said):
    assert short_name([Trait(kind, text, 1.0, 0.0, 1.0)]) == said


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_all_clusters_at_once_are_told_as_each_alone(seed, count):
    rng = np.random.default_rng(seed)
    some = rng.random(count) < 0.7
    frame = pd.DataFrame(
        {
            "concepts": [list(rng.choice(["crab", "eel", "sponge"], rng.integers(0, 3), replace=False)) for _ in some],
            "labelled": rng.random(count) < 0.5,
            "group": rng.choice(["", "a", "b"], count),
            "site": rng.choice(["x", "y"], count),
            "camera": np.where(some, "c", None),
            "depth_m": np.where(some, rng.integers(0, 40, count) * 10.0, np.nan),
            "taken_at": pd.to_datetime(np.where(some, "2020-01-01", "2020-03-01"), utc=True),
        }
    )
    labels = rng.integers(-1, 5, count)
    known = traits_of(frame)
    numbers = [int(number) for number in np.unique(labels[labels >= 0])]
    together = all_set_apart(known, labels, numbers)
    assert list(together) == numbers
    for number in numbers:
        assert together[number] == set_apart(known, labels == number)


def test_a_cluster_like_all_others_has_no_name():
    frame = table()
    mixed = np.arange(40) % 4 < 2
    assert short_name(set_apart(traits_of(frame), mixed)) == ""
    assert set_apart(traits_of(frame), np.zeros(40, bool)) == []
    assert set_apart(traits_of(frame), np.ones(40, bool)) == []


def test_names_without_any_metadata():
    frame = table().assign(depth_m=np.nan, taken_at=pd.NaT, group="", site=None, concepts=[[]] * 40, labelled=False)
    frame["taken_at"] = pd.to_datetime(frame["taken_at"], utc=True)
    assert set_apart(traits_of(frame), np.arange(40) < 20) == []


def test_representatives_are_central_and_of_different_groups():
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(0, 0.1, (30, 4)) + np.eye(4)[0], [[-1, 0.1, 0, 0]]]).astype(np.float32)
    groups = np.arange(31) % 3
    chosen = representatives(vectors, np.arange(31), groups, 6)
    assert 30 not in chosen
    assert np.bincount(groups[chosen]).tolist() == [2, 2, 2]
    assert representatives(vectors, np.empty(0, int), groups).tolist() == []


def test_the_edge_is_the_least_typical_first():
    scores = np.array([0.1, 0.9, np.nan, 0.5])
    assert edge(scores, np.array([0, 2, 3]), 2).tolist() == [3, 0]


def test_kinds_within_a_cluster_are_found():
    rng = np.random.default_rng(2)
    middles = np.eye(6)[:2]
    vectors = np.concatenate([middle + rng.normal(0, 0.03, (40, 6)) for middle in middles])
    kinds = kinds_within(vectors, np.arange(80))
    assert sorted(set(kind // 40).pop() for kind in kinds if len(set(kind // 40)) == 1) == [0, 1]
    assert kinds_within(vectors, np.arange(5)) == []


def test_clusters_that_are_dives_agree_with_dives():
    frame = table()
    concepts, groups = single_concepts(frame), group_codes(frame)
    by_dive = sorts_by(groups, concepts, groups)
    assert by_dive.groups == pytest.approx(1.0)
    assert sorts_by(np.arange(40) // 20, concepts, groups).concepts < 1.0
    chance = sorts_by(np.random.default_rng(0).integers(0, 2, 40), concepts, groups)
    assert abs(chance.concepts) < 0.2
    nothing = sorts_by(np.full(40, -1), concepts, groups)
    assert np.isnan(nothing.concepts)
    assert nothing.labelled == 0


def test_two_spaces_are_compared_and_the_better_one_wins():
    rng = np.random.default_rng(3)
    concepts = np.arange(120) % 3
    vectors = np.eye(3)[concepts] + rng.normal(0, 0.05, (120, 3))
    nonsense = rng.normal(size=(120, 2)).astype(np.float32)
    reference = np.arange(120) < 80
    flagged = np.zeros(120, bool)
    flagged[110:] = True
    vectors[110:] = -1 + rng.normal(0, 0.02, (10, 3))
    found = compare_spaces(vectors, nonsense, np.where(flagged, -1, concepts), np.arange(120) % 7, reference, flagged)
    assert found["embedding"].accuracy == pytest.approx(1.0)
    assert found["projection"].accuracy < 0.7
    assert found["embedding"].concepts == 3
    assert found["embedding"].auroc == pytest.approx(1.0)
    unknown = compare_spaces(vectors, nonsense, np.full(120, -1), np.full(120, -1), reference, np.zeros(120, bool))
    assert np.isnan(unknown["embedding"].accuracy)
    assert np.isnan(unknown["embedding"].auroc)


def test_a_new_image_lies_among_its_neighbours():
    rng = np.random.default_rng(4)
    old = np.repeat(np.eye(4)[:2], 20, axis=0) + rng.normal(0, 0.01, (40, 4))
    xy = np.repeat([[0.0, 0.0], [10.0, 5.0]], 20, axis=0).astype(np.float32)
    labels = np.repeat([0, -1], 20)
    found = place(old[[3, 25]], old, xy, labels, neighbours=5)
    assert found.xy.round(3).tolist() == [[0, 0], [10, 5]]
    assert found.labels.tolist() == [0, -1]
    assert found.certainty.round(5).tolist() == [1, 1]
    assert found.distance.max() < 1e-6
    between = place(np.array([[1.0, 1.0, 0, 0]]), old, xy, labels, neighbours=40)
    assert 0 < between.xy[0, 0] < 10
    with pytest.raises(EmbeddingError):
        place(old[:, :3], old, xy, labels)
    with pytest.raises(EmbeddingError, match="equally many rows"):
        place(old, old, xy[:5], labels)
