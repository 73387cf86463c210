"""The approximate graphs keep the rules, find what they promise, and are exact where every cell is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import GraphError
from core.neighbours.approximate import approximate_graphs
from core.neighbours.graph import similarity_graphs
from tests.core.neighbours.test_graph import collections


@settings(max_examples=80, deadline=None)
@given(collections(), st.integers(1, 8), st.sampled_from([0, 1 << 30]))
def test_with_every_cell_asked_it_is_the_exact_graph(collection, cells, keep_bytes):
    embeddings, groups, reference, k_all, k_reference = collection
    asked = {"groups": groups, "reference": reference, "k_all": k_all, "k_reference": k_reference}
    exact = similarity_graphs(embeddings, **asked)
    close, recall = approximate_graphs(embeddings, **asked, recall=1.0, cells=cells, keep_bytes=keep_bytes)
    for one, other in ((exact.all, close.all), (exact.reference, close.reference)):
        assert other.indices.dtype == np.int32
        assert other.distances.dtype == np.float32
        np.testing.assert_allclose(one.distances, other.distances, atol=1e-6)
    assert (close.all.indices[:, 0] == np.arange(len(embeddings))).all()
    # Ids may only differ where distances agree to rounding, so the share of right ids is not 1 there.
    assert 0 <= recall.all.mean <= 1
    assert 0 <= recall.reference.mean <= 1


def _dives(rows: int, seed: int = 0):
    """Concepts in dives, with runs of like frames: a row's nearest are of its own dive."""
    rng = np.random.default_rng(seed)
    dive = np.sort(rng.integers(0, 24, rows))
    concept = rng.integers(0, 12, rows)
    hidden = 2 * rng.standard_normal((12, 10))[concept] + rng.standard_normal((24, 10))[dive]
    hidden += 0.3 * rng.standard_normal((rows, 10))
    embeddings = np.maximum(hidden @ rng.standard_normal((10, 48)), 0) + 0.01
    return embeddings.astype(np.float16), dive, dive < 12


def test_recall_is_reached_measured_rightly_and_the_own_group_left_out():
    embeddings, dive, reference = _dives(3000)
    asked = {"groups": dive, "reference": reference, "k_all": 16, "k_reference": 40}
    exact = similarity_graphs(embeddings, **asked)
    close, recall = approximate_graphs(embeddings, **asked, cells=60, sample=400)
    assert recall.all.cells == 60
    assert recall.all.looked_into < 40, "something was left out, so this says something"
    for one, other, said in (
        (exact.all, close.all, recall.all.mean),
        (exact.reference, close.reference, recall.reference.mean),
    ):
        shares = [np.isin(a, b).mean() for a, b in zip(one.indices, other.indices, strict=True)]
        assert np.mean(shares) >= 0.95
        assert abs(np.mean(shares) - said) < 0.03, "the sample tells what holds of all rows"
    assert reference[close.reference.indices].all()
    assert (dive[close.reference.indices] != dive[:, None]).all()
    assert (np.diff(close.reference.distances, axis=1) >= 0).all()


def test_equal_calls_give_equal_bytes_and_the_wanted_recall_moves_the_work():
    embeddings, dive, reference = _dives(1500)
    asked = {"groups": dive, "reference": reference, "k_all": 10, "k_reference": 20, "cells": 60}
    first, said = approximate_graphs(embeddings, **asked)
    again, _ = approximate_graphs(embeddings, **asked)
    assert first.all.indices.tobytes() == again.all.indices.tobytes()
    assert first.reference.distances.tobytes() == again.reference.distances.tobytes()
    _, less = approximate_graphs(embeddings, **asked, recall=0.5)
    assert less.all.looked_into <= said.all.looked_into
    assert less.reference.looked_into < said.reference.looked_into


def test_rows_whose_cells_hold_too_little_reference_are_compared_with_all_of_it():
    rng = np.random.default_rng(3)
    # Two tight clumps: the first is one dive, the reference's other dive lies in the second.
    embeddings = np.concatenate([[1, 0, 0], [0, 1, 0]])
    embeddings = np.repeat(embeddings.reshape(2, 3), 300, axis=0) + 0.01 * rng.standard_normal((600, 3))
    groups, reference = np.repeat([0, 1], 300), np.ones(600, bool)
    asked = {"groups": groups, "reference": reference, "k_all": 5, "k_reference": 30}
    exact = similarity_graphs(embeddings, **asked)
    close, _ = approximate_graphs(embeddings, **asked, cells=40, recall=0.1)
    assert (close.reference.indices >= 0).all()
    assert np.isfinite(close.reference.distances).all()
    assert (groups[close.reference.indices] != groups[:, None]).all()
    assert np.isin(exact.reference.indices[0], close.reference.indices[0]).mean() > 0.1


def test_a_recall_that_cannot_be_is_refused_and_a_graph_may_be_left_out():
    embeddings, dive, reference = _dives(200)
    with pytest.raises(GraphError, match=r"recall must be in \(0, 1\]"):
        approximate_graphs(embeddings, reference=reference, groups=dive, k_all=4, k_reference=4, recall=0.0)
    graphs, recall = approximate_graphs(embeddings, reference=reference, groups=dive, k_all=0, k_reference=4)
    assert graphs.all.indices.shape == (200, 0)
    assert recall.all.mean == 1.0
    graphs, recall = approximate_graphs(embeddings, reference=np.zeros(200, bool), k_all=4, k_reference=0)
    assert graphs.reference.indices.shape == (200, 0)
    assert recall.reference.mean == 1.0
