"""Near-twins between reference and target, and groups found where none are named."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import GraphError
from core.neighbours.graph import reference_graph, similarity_graphs
from core.ood.conformal import flag
from core.ood.independence import flags_by_groups, found_groups, leak_report
from core.ood.knn import knn_scores
from tests.core.ood.detecting import collection


def dive(seed, frames=5):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(1, 16)) + 0.02 * rng.normal(size=(frames, 16))).astype(np.float32)


def test_twins_across_the_border_are_counted_and_left_out():
    vectors = np.concatenate([dive(1), dive(2), dive(1)[:2] + 0.001, dive(3, 6)])
    groups = np.array([1] * 5 + [2] * 5 + [1] * 2 + [3] * 6)
    reference = np.arange(18) < 10
    scores = np.arange(18) / 18.0
    flagged = np.arange(18) >= 14
    found = leak_report(vectors, reference, ~reference, groups, scores=scores, flagged=flagged)
    assert found.twin.tolist() == [False] * 10 + [True] * 2 + [False] * 6
    assert (found.targets, found.share, found.within_group) == (8, 0.25, 0.25)
    assert (found.flagged_with, found.flagged_without) == (0.5, pytest.approx(4 / 6))
    assert found.median_without > found.median_with
    assert np.isnan(found.nearest[:10]).all()
    assert (found.nearest[12:] > 0.05).all()
    assert "25.0 % of 8 target regions have a near-twin" in found.sentence
    assert "66.7 %" in found.sentence


def test_a_region_in_both_sets_is_not_its_own_twin():
    vectors = np.eye(4, dtype=np.float32)
    everyone = np.ones(4, bool)
    assert leak_report(vectors, everyone, everyone, np.arange(4)).share == 0.0
    same = np.ones((4, 3), np.float32)
    assert leak_report(same, everyone, everyone, np.arange(4)).share == 1.0
    alone = leak_report(vectors, np.arange(4) == 0, np.arange(4) == 0, np.arange(4))
    assert alone.share == 0.0
    assert np.isnan(alone.flagged_with)


def test_runs_of_near_copies_are_groups_and_time_divides_them():
    vectors = np.concatenate([dive(1), dive(2), dive(3, 1)])
    graph = similarity_graphs(vectors, reference=np.ones(11, bool), k_all=6, k_reference=0).all
    assert found_groups(graph).tolist() == [0] * 5 + [1] * 5 + [2]
    times = np.array([0.0, 1, 2, 500, 501, *range(5), 0])
    parted = found_groups(graph, times=times, gap=10)
    assert parted[:5].tolist() == [0, 0, 0, 1, 1]
    assert len(np.unique(parted)) == 4


def test_empty_sets_and_impossible_distances_are_said():
    vectors, none, all_ = np.eye(3, dtype=np.float32), np.zeros(3, bool), np.ones(3, bool)
    for reference, target in ((none, all_), (all_, none)):
        with pytest.raises(GraphError, match="leak report"):
            leak_report(vectors, reference, target, np.arange(3))
    with pytest.raises(GraphError, match="cosine distance"):
        leak_report(vectors, all_, all_, np.arange(3), threshold=3.0)


def test_flags_by_found_groups_are_those_of_named_ones():
    vectors, groups = collection(30, frames=4)
    reference = groups < 25
    found = flags_by_groups(vectors, reference, groups, k=10)
    graph = reference_graph(vectors, reference=reference, groups=groups, k=10)
    known = flag(knn_scores(graph.distances, 10), groups, reference, 0.05)
    assert np.array_equal(found.p_value, known.p_value)
    assert found.groups == 25
    alone = flags_by_groups(vectors, reference, np.arange(len(vectors)), k=10)
    assert alone.groups == 100
    assert flags_by_groups(vectors, reference, groups, k=5000).groups == 25
    with pytest.raises(GraphError, match="two or more groups"):
        flags_by_groups(vectors, reference, np.zeros(len(vectors), int), k=10)
