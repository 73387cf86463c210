"""Runs of near-duplicates: connected, numbered by their first row, never across a border that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from core.errors import GraphError
from core.neighbours.duplicates import near_duplicates
from core.neighbours.graph import Graph, similarity_graphs


def graph_of(embeddings, k=8):
    count = len(embeddings)
    return similarity_graphs(embeddings, reference=np.zeros(count, bool), k_all=k, k_reference=0).all


def angle(degrees):
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


STEPS = angle(np.array([0.0, 90.0, 1.0, 2.0, 91.0, 45.0]))
ONE_DEGREE = 1.6e-4  # 1 - cos(1 degree) = 1.52e-4


def test_chains_are_one_run_and_runs_are_numbered_by_their_first_row():
    np.testing.assert_array_equal(near_duplicates(graph_of(STEPS), ONE_DEGREE), [0, 1, 0, 0, 1, -1])
    np.testing.assert_array_equal(near_duplicates(graph_of(STEPS), 0.0), np.full(6, -1))


def test_groups_and_time_gaps_part_runs():
    graph = graph_of(STEPS)
    groups = np.array([0, 1, 0, 5, 2, 0])
    np.testing.assert_array_equal(near_duplicates(graph, ONE_DEGREE, groups=groups), [0, -1, 0, -1, -1, -1])
    times = np.array([0.0, 0.0, 10.0, 100.0, np.nan, 0.0])
    np.testing.assert_array_equal(near_duplicates(graph, ONE_DEGREE, times=times, gap=10.0), [0, -1, 0, -1, -1, -1])


def test_more_equal_rows_than_columns_are_still_one_run():
    embeddings = np.concatenate([np.tile([[1.0, 0.0]], (300, 1)), [[0.0, 1.0]]])
    np.testing.assert_array_equal(near_duplicates(graph_of(embeddings), 0.0), [0] * 300 + [-1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(0, 60))
def test_components_agree_with_scipy(seed, count, edges):
    rng = np.random.default_rng(seed)
    indices = np.tile(np.arange(count)[:, None], (1, 4)).astype(np.int32)
    distances = np.zeros((count, 4), np.float32)
    row, column = rng.integers(0, count, edges), rng.integers(1, 4, edges)
    indices[row, column] = rng.integers(0, count, edges)
    labels = near_duplicates(Graph(indices, distances), 0.5)
    pairs = coo_matrix((np.ones(count * 4), (np.repeat(np.arange(count), 4), indices.ravel())), (count, count))
    truth = connected_components(pairs, directed=False)[1]
    alone = np.bincount(truth)[truth] == 1
    np.testing.assert_array_equal(labels == -1, alone)
    for a, b in rng.integers(0, count, (50, 2)):
        if not alone[a]:
            assert (labels[a] == labels[b]) == (truth[a] == truth[b])
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in range(labels.max() + 1)]
    assert firsts == sorted(firsts)


def test_a_long_run_of_frames_is_joined_end_to_end():
    graph = Graph(
        np.stack([np.arange(5000), np.minimum(np.arange(5000) + 1, 4999)], axis=1).astype(np.int32),
        np.zeros((5000, 2), np.float32),
    )
    assert (near_duplicates(graph, 0.0) == 0).all()


def test_contradictions_are_refused():
    graph = graph_of(STEPS)
    with pytest.raises(GraphError, match=r"in \[0, 2\], got 3"):
        near_duplicates(graph, 3.0)
    with pytest.raises(GraphError, match="needs the times"):
        near_duplicates(graph, 0.1, gap=1.0)
    with pytest.raises(GraphError, match="groups must have one entry for each of 6 rows"):
        near_duplicates(graph, 0.1, groups=np.zeros(5, int))
