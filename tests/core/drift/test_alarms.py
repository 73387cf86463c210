"""Alarms over a timeline: against scipy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from core.drift.alarms import CONTROLS, _series, alarms
from core.errors import SettingsError


@pytest.mark.parametrize(("control", "method"), [("benjamini-hochberg", "bh"), ("benjamini-yekutieli", "by")])
def test_step_up_alarms_are_scipys(control, method):
    for seed in range(20):
        p = np.random.default_rng(seed).beta(0.4, 1.0, size=12).clip(1e-6, 1)
        raised = alarms(p, control=control, rate=0.1).raised
        assert np.array_equal(raised, false_discovery_control(p, method=method) <= 0.1)


def test_lord_levels_are_those_worked_by_hand():
    gamma = _series(5)
    p = np.array([1e-9, 0.9, 1e-9, 0.9, 0.9])
    found = alarms(p, control="lord++", rate=0.1)
    w0 = 0.05
    expected = [
        gamma[0] * w0,
        gamma[1] * w0 + 0.05 * gamma[0],
        gamma[2] * w0 + 0.05 * gamma[1],
        gamma[3] * w0 + 0.05 * gamma[2] + 0.1 * gamma[0],
        gamma[4] * w0 + 0.05 * gamma[3] + 0.1 * gamma[1],
    ]
    assert found.levels == pytest.approx(expected)
    assert found.raised.tolist() == [True, False, True, False, False]


def test_the_series_falls_and_never_adds_up_to_more_than_one():
    series = _series(1_000_000)
    assert (np.diff(series[1:]) < 0).all()
    assert series.sum() < 1.0


def test_lord_decides_without_looking_ahead():
    p = np.random.default_rng(0).beta(0.2, 1.0, size=40)
    whole = alarms(p, control="lord++").raised
    for count in (1, 7, 25):
        assert np.array_equal(alarms(p[:count], control="lord++").raised, whole[:count])


@pytest.mark.parametrize("control", CONTROLS[:3])
def test_the_share_of_false_alarms_is_kept(control):
    shares = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        p = np.where(rng.random(40) < 0.3, rng.beta(0.05, 1.0, 40), rng.random(40)).clip(1e-12, 1)
        null = np.random.default_rng(seed).random(40) >= 0.3
        raised = alarms(p, control=control, rate=0.1).raised
        shares.append((raised & null).sum() / max(1, raised.sum()))
    assert 0.0 < np.mean(shares) < 0.12


def test_what_cannot_be_is_said_with_the_groups_that_would_do():
    text = alarms(np.full(6, 0.5), control="benjamini-hochberg", smallest_p=1 / 61).sentence
    assert "0 of 6 batches" in text
    assert "or a reference of 119 groups would do" in text
    assert "would do" not in alarms(np.full(2, 0.5), smallest_p=1 / 61).sentence
    assert "nominal" in alarms(np.full(2, 0.5), control="nominal").sentence
    assert alarms(np.zeros(0), control="lord++").raised.shape == (0,)


def test_bad_values_are_refused():
    with pytest.raises(SettingsError, match="controlled by"):
        alarms(np.array([0.5]), control="hope")
    with pytest.raises(SettingsError, match="rate"):
        alarms(np.array([0.5]), rate=1.5)
    with pytest.raises(SettingsError, match=r"\[0, 1\]"):
        alarms(np.array([np.nan]))
