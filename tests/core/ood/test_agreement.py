"""Ranks, spreads and rank correlations of detectors, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.errors import GraphError
from core.ood.agreement import agreement


def test_ranks_are_shares_of_the_reference_below():
    scores = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [2.5, 40.0], [0.0, 20.0]])
    reference = np.array([True, True, True, False, False])
    flagged = np.array([[0, 0], [0, 0], [0, 0], [0, 1], [1, 1]], bool)
    found = agreement(scores, flagged, reference)
    assert found.ranks[3] == pytest.approx([2 / 3, 1.0])
    assert found.ranks[4] == pytest.approx([0.0, 0.5])  # 20 is tied with one of three
    assert found.spread[3:] == pytest.approx([1 / 3, 0.5])
    assert found.flagged_by.tolist() == [0, 0, 0, 1, 2]


def test_correlations_are_scipys_over_the_judged():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 3))
    scores[:, 1] += scores[:, 0]
    judged = np.arange(60) >= 20
    found = agreement(scores, scores > 1, ~judged, judged)
    assert found.correlation == pytest.approx(spearmanr(scores[judged]).statistic)


def test_a_score_that_never_varies_correlates_with_nothing():
    scores = np.column_stack([np.arange(5.0), np.ones(5)])
    found = agreement(scores, scores > 9, np.ones(5, bool))
    assert found.correlation[0, 0] == pytest.approx(1.0)
    assert np.isnan(found.correlation[0, 1])


def test_shapes_and_an_empty_reference_are_refused():
    scores = np.ones((4, 2))
    with pytest.raises(GraphError, match="there are none"):
        agreement(scores, scores > 2, np.zeros(4, bool))
    with pytest.raises(GraphError, match="one column a detector"):
        agreement(scores, np.zeros((4, 1), bool), np.ones(4, bool))
