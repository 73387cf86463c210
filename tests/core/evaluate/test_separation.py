"""AUROC and its kin against scikit-learn, by hand, and under resampling of groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from core.errors import SettingsError
from core.evaluate.intervals import group_mean, group_weights, interval_of
from core.evaluate.separation import _Curve, auroc_gain, separation


def test_a_case_worked_by_hand():
    # Descending: U(4) K(3) U(2)=K(2) K(1). Pairs: 4 beats 3; 2 beats 1, ties one, loses one: (3 + 1.5) / 6.
    found = separation(np.array([4.0, 3.0, 2.0, 2.0, 1.0]), np.array([1, 0, 1, 0, 0], bool), resamples=10)
    assert found.auroc.value == pytest.approx(4.5 / 6)
    assert found.sauc.value == pytest.approx(0.5)
    # Precision 1/1 at recall 1/2, then 2/4 at recall 1: 0.5 * 1 + 0.5 * 0.5.
    assert found.aupr.value == pytest.approx(0.75)
    # 95 % of two unknowns is both: 2 of the 3 known score at least as high as the second.
    assert found.fpr95.value == pytest.approx(2 / 3)
    assert (found.known, found.unknown, found.known_groups, found.unknown_groups) == (3, 2, 3, 2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(1, 12))
def test_weighted_figures_are_those_of_scikit_learn(seed, count, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, count).astype(float)
    unknown = rng.random(count) < 0.4
    unknown[:2] = [True, False]
    weights = rng.integers(0, 4, (3, count)).astype(float)
    weights[:, :2] += 1
    found = _Curve.of(scores, unknown).figures(weights)
    for row, weight in enumerate(weights):
        assert found[0, row] == pytest.approx(roc_auc_score(unknown, scores, sample_weight=weight))
        assert found[2, row] == pytest.approx(average_precision_score(unknown, scores, sample_weight=weight))
        fallout, recall, _ = roc_curve(unknown, scores, sample_weight=weight, drop_intermediate=False)
        assert found[3, row] == pytest.approx(fallout[np.argmax(recall >= 0.95 - 1e-12)])


def test_intervals_are_wider_when_frames_come_in_groups():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 25)
    unknown = groups >= 20
    scores = 1.0 * unknown + np.repeat(rng.normal(size=40), 25) + 0.1 * rng.normal(size=1000)
    by_group = separation(scores, unknown, groups).auroc
    by_frame = separation(scores, unknown).auroc
    assert by_group.value == by_frame.value
    assert by_group.high - by_group.low > 3 * (by_frame.high - by_frame.low)
    assert by_group.low < by_group.value < by_group.high


def test_a_gain_is_surer_than_its_two_parts():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    unknown = groups >= 15
    scores = unknown + np.repeat(rng.normal(size=30), 10)
    better = scores + 0.5 * unknown
    gain = auroc_gain(better, scores, unknown, groups)
    parts = [separation(s, unknown, groups).auroc for s in (better, scores)]
    assert gain.value == pytest.approx(parts[0].value - parts[1].value)
    assert gain.low > 0
    assert gain.high - gain.low < parts[1].high - parts[1].low


def test_a_group_with_both_kinds_keeps_its_stratum():
    scores = np.array([0.1, 0.9, 0.2, 0.8])
    found = separation(scores, np.array([0, 1, 0, 1], bool), np.array([7, 7, 9, 9]), resamples=50)
    assert found.auroc.value == found.auroc.low == found.auroc.high == 1.0
    assert found.known_groups == found.unknown_groups == 2


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(0)
    scores, unknown = rng.normal(size=50), rng.random(50) < 0.5
    assert separation(scores, unknown, seed=3) == separation(scores, unknown, seed=3)
    assert separation(scores, unknown, seed=3) != separation(scores, unknown, seed=4)


@pytest.mark.parametrize(
    ("scores", "unknown", "words"),
    [
        ([1.0, 2.0], [True, True], "all 2 regions are unknown"),
        ([1.0, 2.0], [False, False], "all 2 regions are known"),
        ([], [], "all 0 regions are known"),
        ([1.0, np.nan], [True, False], "1 of 2 scores are not finite"),
        ([1.0], [True, False], "one length"),
    ],
)
def test_what_cannot_be_compared_is_said(scores, unknown, words):
    with pytest.raises(SettingsError, match=words):
        separation(np.array(scores, float), np.array(unknown, bool))


def test_each_stratum_keeps_its_number_of_groups():
    groups = np.array([0, 0, 1, 2, 3, 3])
    strata = np.array([0, 0, 0, 1, 1, 1])
    weights = group_weights(groups, strata, resamples=200)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 0] + weights[:, 2] == 2).all()
    assert (weights[:, 3] + weights[:, 4] == 2).all()
    with pytest.raises(SettingsError, match="one stratum"):
        group_weights(np.array([0, 0]), np.array([0, 1]))
    with pytest.raises(SettingsError, match="at least one item"):
        group_weights(np.array([], np.int64))


def test_a_group_mean_counts_every_group_once():
    found = group_mean(np.array([1.0, 1.0, 1.0, 0.0]), np.array([5, 5, 5, 6]), resamples=500)
    assert found.value == 0.5
    assert (found.low, found.high, found.groups) == (0.0, 1.0, 2)
    assert str(found) == "0.500 [0.000, 1.000]"
    with pytest.raises(SettingsError):
        group_mean(np.array([]), np.array([], np.int64))


def test_resamples_without_a_value_are_left_out():
    assert interval_of(0.5, np.array([np.nan, 0.4, 0.6]), 3).low == pytest.approx(0.405)
    assert np.isnan(interval_of(0.5, np.array([np.nan]), 3).low)
