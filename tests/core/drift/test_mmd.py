"""Maximum mean discrepancy over groups, against sums written out and a library's kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel

from core.drift import mmd
from core.drift.permuting import assignments
from core.errors import EmbeddingError


def units(rows, width=6, seed=0, shift=0.0):
    vectors = np.random.default_rng(seed).normal(size=(rows, width)) + np.array([2.0 + shift] + [0.5] * (width - 1))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_kernel_means_are_those_of_scikit_learn():
    vectors, member = units(11), np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3])
    means = mmd.kernel_means(torch.from_numpy(vectors), member, 4, 0.7)
    kernel = rbf_kernel(vectors, gamma=1 / (2 * 0.7**2))
    for a in range(4):
        for b in range(4):
            block = kernel[np.ix_(member == a, member == b)]
            apart = block[~np.eye(len(block), dtype=bool)] if a == b else block
            assert means[a, b] == pytest.approx(apart.mean() if apart.size else 1.0, abs=1e-5)


def test_the_statistic_of_every_assignment_is_the_sum_written_out():
    rng = np.random.default_rng(1)
    means = rng.random((5, 5))
    means = (means + means.T) / 2
    for size in (1, 2):
        rows = assignments(size, 5 - size)
        found = mmd.squared_mmd(means, rows)
        for row, value in zip(rows, found, strict=True):
            batch, rest = np.flatnonzero(row), np.flatnonzero(~row)

            def within(side):
                if len(side) == 1:
                    return means[side[0], side[0]]
                return np.mean([means[a, b] for a in side for b in side if a != b])

            across = np.mean([means[a, b] for a in batch for b in rest])
            assert value == pytest.approx(within(batch) + within(rest) - 2 * across)


def test_the_width_is_the_median_distance_between_groups():
    vectors, groups = torch.from_numpy(units(30)), np.repeat(np.arange(10), 3)
    apart = groups[:, None] != groups[None]
    distances = torch.cdist(vectors, vectors).numpy()[apart]
    assert mmd.kernel_width(vectors, groups) == pytest.approx(float(np.median(distances)), rel=1e-3)
    same = torch.from_numpy(np.repeat(units(1), 4, axis=0))
    assert mmd.kernel_width(same, np.arange(4)) == 1.0
    assert mmd.kernel_width(same[:1], np.arange(1)) == 1.0


def test_the_witness_points_at_what_is_new():
    old, new = torch.from_numpy(units(40)), torch.from_numpy(units(20, seed=1, shift=-4.0))
    both = torch.cat([new, old])
    found = mmd.witness(both, new, old, 0.7)
    assert np.mean(found[:20, None] > found[None, 20:]) > 0.98
    by_hand = rbf_kernel(both, new, gamma=1 / 0.98).mean(axis=1) - rbf_kernel(both, old, gamma=1 / 0.98).mean(axis=1)
    assert found == pytest.approx(by_hand, abs=1e-5)


def test_samples_hold_every_group_up_to_the_bounds(monkeypatch):
    groups = np.repeat(np.arange(6), [1, 2, 50, 3, 60, 4])
    rows = np.flatnonzero(groups != 3)
    found = mmd.sample_rows(groups, rows)
    assert np.bincount(groups[found], minlength=6).tolist() == [1, 2, 40, 0, 40, 4]
    assert (np.diff(found) > 0).all()
    assert np.array_equal(found, mmd.sample_rows(groups, rows))
    monkeypatch.setattr(mmd, "GROUPS", 2)
    assert len(np.unique(groups[mmd.sample_rows(groups, rows)])) == 2
    assert len(mmd.sample_rows(groups, rows[:0])) == 0


def test_nothing_to_compare_and_broken_vectors_are_said():
    with pytest.raises(EmbeddingError, match="no region to compare"):
        mmd.unit_sample(units(3), np.array([], int))
    with pytest.raises(EmbeddingError):
        mmd.unit_sample(np.zeros((3, 4), np.float32), np.arange(3))
