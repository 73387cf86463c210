"""p-values agree with the plain formula; flags say which rule made them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import GraphError
from core.ood.conformal import explain_rule, flag, p_values, percentiles, rule_in_words


def plain_p_values(scores, groups, reference_scores, reference_groups):
    """The formula, read aloud."""
    result = []
    for score, group in zip(scores, groups, strict=True):
        others = [other for other in np.unique(reference_groups) if other != group]
        total = sum(np.mean(reference_scores[reference_groups == other] >= score) for other in others)
        result.append((1 + total) / (len(others) + 1))
    return np.array(result)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 40), st.integers(1, 12))
def test_p_values_agree_with_the_formula(seed, queries, regions, named):
    rng = np.random.default_rng(seed)
    # Few distinct scores, so that ties within and across groups are common.
    scores = rng.integers(0, 8, queries).astype(np.float32) / 7
    known = rng.integers(0, 8, regions).astype(np.float32) / 7
    groups, known_groups = rng.integers(-2, named + 3, queries), rng.integers(-2, named, regions)
    found = p_values(scores, groups, known, known_groups)
    np.testing.assert_allclose(found, plain_p_values(scores, groups, known, known_groups), rtol=1e-12)
    assert ((found > 0) & (found <= 1)).all()


def test_p_values_by_hand():
    known = np.array([0.1, 0.3, 0.2, 0.2])
    known_groups = np.array([7, 7, 8, 8])
    # In group 9: at 0.2, one half of group 7 and all of group 8; at 0.3 a tie counts as "at least as strange".
    found = p_values(np.array([0.2, 0.3, 0.31, 0.0]), np.full(4, 9), known, known_groups)
    np.testing.assert_allclose(found, [(1 + 0.5 + 1) / 3, (1 + 0.5) / 3, 1 / 3, 1.0])
    # In group 7, only group 8 counts, in the sum and in G.
    np.testing.assert_allclose(p_values(np.array([0.2, 0.3]), np.full(2, 7), known, known_groups), [2 / 2, 1 / 2])


def test_a_group_that_is_the_whole_reference_has_nothing_to_be_judged_by():
    np.testing.assert_array_equal(p_values(np.array([9.0]), np.array([1]), np.array([0.1]), np.array([1])), [1.0])


def test_the_smallest_p_reaches_alpha_exactly():
    """1/20 must not become 0.05000000000000001 when the own group's part is taken away again."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 50, 20)
    known_groups = np.repeat(np.arange(20), sizes)
    known = rng.random(len(known_groups))
    strange = np.full(20, 2.0)
    own_is_known = p_values(strange, np.arange(20), known, known_groups)
    assert (own_is_known == 1 / 20).all()
    flags = flag(
        np.concatenate([known, strange]),
        np.concatenate([known_groups, np.arange(20)]),
        np.arange(len(known) + 20) < len(known),
    )
    assert flags.flagged[-20:].all()


def collection(groups, each, seed=0, strangers=30):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.random(groups * each), 1 + rng.random(strangers)]).astype(np.float32)
    names = np.concatenate([np.repeat(np.arange(groups), each), np.full(strangers, groups)])
    return scores, names, np.arange(len(scores)) < groups * each


def test_rules_are_said_in_words():
    assert rule_in_words("conformal p<=0.05") == "conformal, p ≤ 0.05"
    assert rule_in_words("percentile 95") == "above percentile 95 of the reference"
    assert rule_in_words("none") == "none"


def test_nineteen_groups_certify_five_percent():
    scores, groups, reference = collection(19, 10)
    flags = flag(scores, groups, reference)
    assert (flags.flag_rule, flags.certified, flags.groups, flags.regions) == ("conformal p<=0.05", True, 19, 190)
    assert flags.smallest_p == pytest.approx(0.05)
    assert flags.flagged[~reference].all()
    # A reference region has 18 other groups, so its p cannot reach 1/20.
    assert not flags.flagged[reference].any()
    assert flags.threshold == scores[reference].max()


def test_ten_groups_cannot_be_certified_and_the_percentile_is_used_under_that_name():
    scores, groups, reference = collection(10, 20)
    flags = flag(scores, groups, reference)
    assert (flags.flag_rule, flags.certified, flags.groups) == ("percentile 95", False, 10)
    assert flags.smallest_p == pytest.approx(1 / 11)
    assert flags.threshold == np.sort(scores[reference])[189]
    np.testing.assert_array_equal(flags.flagged, scores > flags.threshold)
    assert flags.flagged[reference].sum() == 10
    assert (flags.p_value >= 1 / 11 - 1e-12).all()


def test_other_rates_have_their_own_names():
    scores, groups, reference = collection(10, 20)
    assert flag(scores, groups, reference, alpha=0.1).flag_rule == "conformal p<=0.1"
    assert flag(scores, groups, reference, alpha=0.07).flag_rule == "percentile 93"
    assert flag(scores, groups, reference, alpha=0.025).flag_rule == "percentile 97.5"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(19, 40), st.sampled_from([0.05, 0.1, 0.3]))
def test_the_threshold_separates_flagged_from_not_in_new_groups(seed, groups, alpha):
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(groups), rng.integers(1, 6, groups))
    known = rng.integers(0, 30, len(names)) / 30
    new = rng.integers(0, 33, 40) / 30
    flags = flag(
        np.concatenate([known, new]),
        np.concatenate([names, np.full(40, groups)]),
        np.arange(len(names) + 40) < len(names),
        alpha,
    )
    np.testing.assert_array_equal(flags.flagged[len(names) :], new > flags.threshold)
    np.testing.assert_array_equal(flags.flagged, flags.p_value <= alpha + 1e-12)


def test_order_and_scale_of_scores_do_not_matter():
    scores, groups, reference = collection(25, 7, seed=3)
    order = np.random.default_rng(4).permutation(len(scores))
    plain = flag(scores, groups, reference)
    shuffled = flag(scores[order], groups[order], reference[order])
    np.testing.assert_array_equal(shuffled.p_value, plain.p_value[order])
    np.testing.assert_array_equal(shuffled.flagged, plain.flagged[order])
    np.testing.assert_array_equal(flag(scores * 0.25, groups * 3 + 5, reference).p_value, plain.p_value)


def test_without_groups_every_region_counts_as_one():
    scores, _, reference = collection(19, 2)
    flags = flag(scores, None, reference)
    assert flags.groups == flags.regions == 38
    named = flag(scores, np.arange(len(scores)), reference)
    np.testing.assert_array_equal(flags.p_value, named.p_value)


def test_percentiles_count_the_reference_at_or_below():
    np.testing.assert_array_equal(
        percentiles(np.array([0.05, 0.1, 0.25, 9.0]), np.array([0.3, 0.1, 0.2, 0.1])), [0.0, 50.0, 75.0, 100.0]
    )


def test_no_reference_is_one_clear_sentence():
    with pytest.raises(GraphError, match="no reference to compare with"):
        flag(np.ones(3), None, np.zeros(3, bool))
    with pytest.raises(GraphError, match="no reference to compare with"):
        percentiles(np.ones(3), np.empty(0))
    with pytest.raises(GraphError, match="of one length"):
        flag(np.ones(3), None, np.ones(2, bool))


def test_the_rule_is_explained_with_its_number_of_groups():
    certified = explain_rule(flag(*collection(60, 5)))
    assert "p ≤ 0.05" in certified
    assert "at most 5 %" in certified
    assert "60 independent reference groups" in certified
    assert "0.016" in certified
    uncertified = explain_rule(flag(*collection(10, 5)))
    assert "cannot be certified with 10 independent reference groups" in uncertified
    assert "at least 19 are needed" in uncertified
    assert "percentile 95 of the reference" in uncertified
    scores, _, reference = collection(60, 5)
    assert "name that field as the group" in explain_rule(flag(scores, None, reference))
    assert "1 independent reference group:" in explain_rule(flag(*collection(1, 50)))
