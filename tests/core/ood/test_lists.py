"""Lists of findings: the textbook example, what they promise, and one region a group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from core.errors import SettingsError
from core.ood.lists import findings, one_per_group, step_up

TEXTBOOK = np.array(
    [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1),
    ]
)


def test_the_example_of_benjamini_and_hochberg_rejects_four():
    assert step_up(TEXTBOOK, 0.05, dependent=False).tolist() == [True] * 4 + [False] * 11
    # Divided by the 15th harmonic number, 3.318, the fourth no longer passes 4/15 * 0.05 / 3.318 = 0.0040.
    assert step_up(TEXTBOOK, 0.05, dependent=True).sum() == 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.booleans())
def test_it_is_scipys(values, dependent):
    p = np.array(values)
    adjusted = false_discovery_control(p, method="by" if dependent else "bh")
    assert step_up(p, 0.1, dependent=dependent).tolist() == (adjusted <= 0.1 * (1 + 1e-12)).tolist()


def test_one_region_stands_for_each_group():
    groups = np.array([4, 4, 4, 9, 9, 1])
    chosen = one_per_group(groups, seed=2)
    assert sorted(groups[chosen]) == [1, 4, 9]
    assert np.array_equal(chosen, one_per_group(groups, seed=2))


def test_each_method_says_what_it_promises():
    groups = np.repeat(np.arange(10), 2)
    p = np.where(groups < 5, 0.001, 0.9)
    one = findings(p, groups, method="benjamini-hochberg")
    assert (one.considered, one.groups, int(one.chosen.sum())) == (10, 10, 5)
    assert "One region of each of 10 independent groups" in one.sentence
    every = findings(p, groups)
    assert int(every.chosen.sum()) == 10
    assert "whatever they have in common" in every.sentence
    nominal = findings(p, groups, method="nominal")
    assert nominal.chosen.tolist() == (p <= 0.05).tolist()
    assert "nominal" in nominal.sentence


def test_too_few_reference_groups_for_any_list_are_said():
    found = findings(np.full(20, 1 / 31), np.arange(20), smallest_p=1 / 31)
    assert not found.chosen.any()
    # 0.05 / H(20) = 0.0139: 1/(G + 1) reaches it from 71 groups on.
    assert "at least 71 groups" in found.sentence
    assert "No list" not in findings(np.full(20, 0.01), np.arange(20), smallest_p=0.01).sentence


def test_what_is_out_of_range_is_said_and_nothing_is_an_empty_list():
    assert findings(np.array([]), np.array([], int)).chosen.shape == (0,)
    for p, rate in (([0.5, np.nan], 0.05), ([1.5], 0.05), ([0.5], 0.0)):
        with pytest.raises(SettingsError):
            step_up(np.array(p), rate, dependent=False)
    with pytest.raises(SettingsError, match="choose one"):
        findings(np.array([0.5]), np.array([0]), method="bonferroni")
