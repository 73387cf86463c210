"""A timeline of batches: what changed is found, what did not is left alone, the images behind it are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.drift.timeline import Collection, driving, timeline
from core.errors import EmbeddingError, GraphError


def collection(seed=0, known=30, frames=8):
    """30 reference dives; then a usual dive, one with new content, one that is dark, one with another label."""
    rng = np.random.default_rng(seed)
    dives = known + 4
    groups = np.repeat(np.arange(dives), frames)
    centres = np.array([3.0, 1, 1, 1, 1, 1, 0, 0]) + 0.3 * rng.normal(size=(dives, 8))
    vectors = centres[groups] + 0.2 * rng.normal(size=(len(groups), 8))
    vectors[groups == known + 1, 7] += 4.0
    statistics = np.repeat(rng.normal(size=(dives, 2)), frames, axis=0) + 0.5 * rng.normal(size=(len(groups), 2))
    statistics[groups == known + 2, 0] -= 9.0
    concepts = (rng.random((len(groups), 2)) < (0.5, 0.03)).astype(float)
    concepts[groups == known + 3, 1] = 1.0
    reference = groups < known
    return Collection(
        vectors.astype(np.float32),
        reference,
        ~reference,
        groups,
        groups,
        statistics,
        ("brightness", "haze"),
        concepts,
        ("crab", "squid"),
    )


def test_each_change_is_found_by_its_own_question():
    of = collection()
    shifts = timeline(of)
    assert [s.batch for s in shifts] == [30, 31, 32, 33, *range(30)]
    assert [s.reference for s in shifts] == [False] * 4 + [True] * 30
    usual, new, dark, labelled = shifts[:4]
    assert (usual.regions, usual.groups, usual.against) == (8, 1, 30)
    assert min(v.p_value for v in usual.verdicts.values()) > 0.05
    least = pytest.approx(1 / 31)
    assert {q for q, v in new.verdicts.items() if v.p_value == least} == {"content", "coordinates"}
    assert [q for q, v in dark.verdicts.items() if v.p_value == least] == ["pictures"]
    assert [q for q, v in labelled.verdicts.items() if v.p_value == least] == ["labels"]
    assert (dark.features["pictures"][0].name, labelled.features["labels"][0].name) == ("brightness", "squid")
    assert dark.features["pictures"][0].change < -3
    assert [v.p_value for v in timeline(of)[1].verdicts.values()] == [v.p_value for v in new.verdicts.values()]


def test_reference_batches_are_called_changed_as_often_as_promised():
    p = [s.verdicts["content"].p_value for seed in range(3) for s in timeline(collection(seed)) if s.reference]
    assert np.mean(np.array(p) <= 0.1) < 0.2


def test_the_images_behind_a_change_are_named():
    of = collection()
    vectors = of.embeddings.copy()
    vectors[of.groups == 30] = vectors[:8]
    vectors[[243, 246], 7] += 6.0  # two frames of the usual dive show something new
    came, missing = driving(replace(of, embeddings=vectors), 30)
    assert set(came[:2]) == {243, 246}
    assert set(came) == set(range(240, 248))
    assert of.reference[missing].all()


def test_a_batch_of_several_groups_and_a_group_on_both_sides():
    of = collection()
    days = np.where(of.groups >= 31, 31, of.groups)
    last = timeline(replace(of, batches=days))[1]
    assert (last.groups, last.regions) == (3, 24)
    assert last.verdicts["content"].smallest_p == pytest.approx(1 / 1000)
    target = of.target.copy()
    target[:4] = True
    reference = of.reference.copy()
    reference[:4] = False
    shared = timeline(replace(of, reference=reference, target=target))[0]
    assert (shared.batch, shared.against) == (0, 29)  # the rest of its own dive is no reference for it


def test_what_is_not_there_is_not_asked():
    of = collection()
    bare = timeline(
        replace(
            of,
            statistics=np.full((len(of.groups), 2), np.nan),
            concepts=np.zeros((len(of.groups), 0)),
            concept_names=(),
        )
    )
    assert set(bare[0].verdicts) == {"content", "coordinates"}
    same = timeline(replace(of, embeddings=np.ones((len(of.groups), 4), np.float32)))
    assert "coordinates" not in same[0].verdicts
    assert same[0].verdicts["content"].p_value == 1.0


def test_one_group_zero_vectors_and_empty_sets_are_said():
    of = collection()
    assert timeline(replace(of, groups=np.zeros_like(of.groups))) == ()
    with pytest.raises(GraphError, match="no reference"):
        timeline(replace(of, reference=np.zeros_like(of.reference)))
    with pytest.raises(GraphError, match="no region is in any batch"):
        timeline(replace(of, batches=np.full(len(of.groups), -1)))
    with pytest.raises(EmbeddingError):
        timeline(replace(of, embeddings=np.zeros_like(of.embeddings)))
    with pytest.raises(GraphError, match="choose another one"):
        driving(of, 99)
    everyone = np.ones_like(of.reference)
    assert all(s.reference for s in timeline(replace(of, reference=everyone, target=everyone)))
