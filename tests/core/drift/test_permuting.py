"""Assignments of groups, and the p-values that come of them."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from core.drift.permuting import adjusted, assignments, group_means, mean_differences, verdict
from core.errors import GraphError


def test_few_assignments_are_all_looked_at_and_the_true_one_is_first():
    rows = assignments(2, 4)
    assert rows.shape == (comb(6, 2), 6)
    assert rows[0].tolist() == [True, True, False, False, False, False]
    assert len(np.unique(rows, axis=0)) == 15
    assert (rows.sum(axis=1) == 2).all()


def test_many_assignments_are_drawn_with_a_seed():
    rows = assignments(5, 30, permutations=200, seed=3)
    assert rows.shape == (201, 35)
    assert rows[0, :5].all()
    assert (rows.sum(axis=1) == 5).all()
    assert np.array_equal(rows, assignments(5, 30, permutations=200, seed=3))
    assert not np.array_equal(rows, assignments(5, 30, permutations=200, seed=4))


@pytest.mark.parametrize(("batch", "reference"), [(0, 3), (3, 0)])
def test_an_empty_side_is_refused_with_a_way_out(batch, reference):
    with pytest.raises(GraphError, match="choose another reference"):
        assignments(batch, reference)


def test_p_values_count_the_true_assignment_and_ties():
    assert verdict(np.array([3.0, 1.0, 2.0, 3.0])).p_value == 0.5
    assert verdict(np.array([4.0, 1.0, 2.0, 3.0])) == verdict(np.array([4.0, 0.0, 0.0, 0.0]))
    assert verdict(np.zeros(7)).p_value == 1.0


def test_features_are_adjusted_by_the_largest_of_each_assignment():
    statistics = np.array([[3.0, 1.0], [2.0, 0.5], [0.1, 1.5], [0.2, 0.3]])
    found, p = adjusted(statistics)
    assert (found.statistic, found.p_value) == (3.0, 0.25)
    assert p.tolist() == [0.25, 0.75]  # the largest of each are 3, 2, 1.5, 0.3


def test_every_group_counts_once():
    values = np.array([[1.0], [1.0], [1.0], [5.0], [0.0]])
    means = group_means(values, np.array([0, 0, 0, 1, 2]), 3)
    assert means[:, 0].tolist() == [1.0, 5.0, 0.0]
    assert mean_differences(means, np.array([[True, True, False]]))[0, 0] == 3.0
    assert np.isnan(group_means(values, np.array([0, 0, 0, 0, 0]), 2)[1, 0])
