"""Single features and concepts: scipy's statistic, and who is called changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from core.drift.marginals import distributions, grids, prior_shift
from core.drift.marginals import ks_shift as shift_of_distributions
from core.drift.permuting import assignments, group_means


def ks_shift(values, member, names, rows):
    """The statistic from values: groups' distribution functions first."""
    of = distributions(values, member, rows.shape[1], grids(values))
    return shift_of_distributions(of, values[~rows[0][member]].std(axis=0), names, rows)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4))
def test_with_groups_of_equal_size_the_statistic_is_scipys(seed, batch, reference):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=((batch + reference) * 5, 2)).round(1)
    member = np.repeat(np.arange(batch + reference), 5)
    _, features = ks_shift(values, member, ("a", "b"), assignments(batch, reference, 30))
    inside = member < batch
    for place, feature in enumerate(features):
        known = ks_2samp(values[inside, place], values[~inside, place], method="asymp")
        assert feature.statistic == pytest.approx(known.statistic)
        assert 0.0 < feature.p_value <= 1.0


def test_the_changed_feature_is_found_and_said_which_way():
    rng = np.random.default_rng(0)
    member = np.repeat(np.arange(31), 8)
    values = np.repeat(rng.normal(size=(31, 3)), 8, axis=0) + rng.normal(size=(248, 3))
    values[member == 0, 1] -= 8.0
    found, features = ks_shift(values, member, ("brightness", "haze", "contrast"), assignments(1, 30))
    assert found.p_value == pytest.approx(1 / 31)
    assert features[1].p_value == pytest.approx(1 / 31)
    assert features[1].change < -3
    assert min(features[0].p_value, features[2].p_value) > 0.05


def test_dives_that_differ_as_dives_do_are_rarely_called_changed():
    rng = np.random.default_rng(1)
    by_group, by_frame = [], []
    for _ in range(60):
        values = np.repeat(rng.normal(size=(31, 1)), 10, axis=0) + 0.3 * rng.normal(size=(310, 1))
        member = np.repeat(np.arange(31), 10)
        by_group.append(ks_shift(values, member, ("a",), assignments(1, 30))[0].p_value <= 0.05)
        by_frame.append(ks_2samp(values[:10, 0], values[10:, 0], method="asymp").pvalue <= 0.05)
    assert np.mean(by_group) <= 0.13  # 5 % is promised; 60 draws
    assert np.mean(by_frame) > 0.5


def test_shares_of_concepts_are_compared_over_groups():
    member = np.repeat(np.arange(21), 10)
    rng = np.random.default_rng(2)
    concepts = (rng.random((210, 3)) < (0.5, 0.2, 0.05)).astype(float)
    concepts[member == 0, 2] = 1.0
    found, features = prior_shift(group_means(concepts, member, 21), ("crab", "ray", "squid"), assignments(1, 20))
    squid = features[2]
    assert (squid.batch, squid.p_value) == (1.0, pytest.approx(1 / 21))
    assert squid.change == pytest.approx(1.0 - squid.reference)
    assert found.p_value == squid.p_value
    assert features[0].p_value > 0.05


def test_features_that_never_vary_do_not_change():
    member = np.repeat(np.arange(4), 3)
    found, features = ks_shift(np.ones((12, 2)), member, ("a", "b"), assignments(1, 3))
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert all(feature.change == 0.0 for feature in features)
