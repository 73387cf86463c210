"""Halved detectors in a run: who is judged by which fit, what is promised, and how rarely it is broken."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import GraphError
from core.ood.conformal import flag
from core.ood.gaussian import Mahalanobis
from core.ood.halves import detect, half_of_groups
from core.ood.logits import MaxLogit
from core.ood.registry import DETECTORS
from tests.core.ood.detecting import collection


def test_groups_are_dealt_into_halves_of_equal_size_and_never_divided():
    groups = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    first = half_of_groups(groups)
    sides = [set(groups[first]), set(groups[~first])]
    assert sides[0].isdisjoint(sides[1])
    assert (len(sides[0]), len(sides[1])) == (4, 5)
    assert abs(int(first.sum()) - int((~first).sum())) <= 9
    assert np.array_equal(first, half_of_groups(groups))
    shuffled = np.random.default_rng(0).permutation(len(groups))
    assert np.array_equal(half_of_groups(groups[shuffled]), first[shuffled])
    with pytest.raises(GraphError, match="two or more groups"):
        half_of_groups(np.zeros(4, int))


def test_no_region_is_scored_by_a_fit_that_saw_its_group():
    vectors, groups = collection(44)
    reference = groups < 40
    before = detect(Mahalanobis(), vectors, reference, groups)
    # A target frame that belongs to a reference group is judged by the other half as well.
    joined = groups.copy()
    joined[-1] = 7
    after = detect(Mahalanobis(), vectors, reference, joined)
    side = half_of_groups(groups[reference])[7 * 6]
    expected = Mahalanobis().fit(vectors[reference][half_of_groups(groups[reference]) != side]).score(vectors[-1:])[0]
    assert after.score[-1] == pytest.approx(expected, rel=1e-4)
    assert np.array_equal(after.score[:-1], before.score[:-1])


def test_thirty_eight_groups_certify_and_thirty_seven_do_not():
    for count, certified in ((38, True), (37, False)):
        vectors, groups = collection(count + 2, frames=3)
        found = detect(Mahalanobis(), vectors, groups < count, groups)
        assert found.facts["certified"] is certified
        assert found.facts["groups"] == 19
        assert f"{count} reference groups" in found.facts["sentence"]
        assert "38 reference groups are needed" in found.facts["sentence"]
        assert found.facts["flag_rule"] == ("conformal p<=0.05" if certified else "percentile 95")
    assert found.flagged.dtype == bool
    assert (found.flagged[groups < 37]).mean() <= 0.06


def test_a_detector_of_logits_needs_no_halves():
    vectors, groups = collection(24)
    logits = np.random.default_rng(0).normal(size=(len(vectors), 5))
    found = detect(MaxLogit(), vectors, groups < 20, groups, logits=logits)
    assert (found.facts["groups"], found.facts["certified"], found.facts["halved"]) == (20, True, False)
    np.testing.assert_allclose(found.score, -logits.max(axis=1))


def test_a_classifier_calibrates_on_the_groups_that_it_was_not_made_with():
    vectors, groups = collection(140)
    logits = np.random.default_rng(0).normal(size=(len(vectors), 5))
    served = groups < 60
    logits[served, 0] += 4.0  # surer of what it was trained on
    reference = groups < 85
    found = detect(MaxLogit(), vectors, reference, groups, logits=logits, served=served)
    assert (found.facts["groups"], found.facts["certified"]) == (25, True)
    assert "60 served to make the classifier" in found.facts["sentence"]
    expected = flag(-logits.max(axis=1), groups, reference & ~served)
    np.testing.assert_array_equal(found.p_value, expected.p_value)
    careless = detect(MaxLogit(), vectors, reference, groups, logits=logits)
    new = groups >= 85
    assert found.flagged[new].mean() < 0.1 < careless.flagged[new].mean()


def test_vim_is_fitted_on_what_served_the_classifier():
    vectors, groups = collection(60)
    logits = vectors[:, :4]
    served, reference = groups < 20, groups < 45
    found = detect(DETECTORS["vim"], vectors, reference, groups, logits=logits, served=served)
    alone = DETECTORS["vim"].fit(vectors[served], logits[served], groups[served]).score(vectors, logits)
    np.testing.assert_allclose(found.score, alone)


def test_a_classifier_made_with_the_whole_reference_certifies_nothing():
    vectors, groups = collection(60)
    logits = np.random.default_rng(0).normal(size=(len(vectors), 5))
    reference = groups < 45
    found = detect(MaxLogit(), vectors, reference, groups, logits=logits, served=reference)
    assert not found.facts["certified"]
    assert found.facts["flag_rule"] == "percentile 95"
    assert "No false-alarm rate can be certified" in found.facts["sentence"]
    assert found.flagged[reference].mean() == pytest.approx(0.05, abs=0.005)


def test_no_reference_one_group_and_no_groups_are_said():
    vectors, groups = collection(6)
    with pytest.raises(GraphError, match="no reference"):
        detect(Mahalanobis(), vectors, np.zeros(36, bool), groups)
    with pytest.raises(GraphError, match="one group"):
        detect(Mahalanobis(), vectors, groups == 0, groups)
    assert np.isfinite(detect(Mahalanobis(), vectors, groups < 5).score).all()


@pytest.fixture(scope="module")
def alarms():
    """Mean share of frames flagged in new dives with nothing new in them, for 20 collections and each detector."""
    names = [name for name, made in DETECTORS.items() if made.halved and name not in ("gmm", "ensemble")]
    rates = {name: [] for name in names}
    framewise = []
    for seed in range(20):
        vectors, groups = collection(52, frames=5, width=16, seed=seed)
        reference = groups < 42
        logits = vectors[:, :4]
        for name in names:
            found = detect(DETECTORS[name], vectors, reference, groups, logits=logits)
            rates[name].append(found.flagged[~reference].mean())
        framewise.append(detect(Mahalanobis(), vectors, reference).flagged[~reference].mean())
    return {name: (np.mean(r), np.std(r) / np.sqrt(len(r))) for name, r in rates.items()}, np.mean(framewise)


def test_every_halved_detector_keeps_its_promise(alarms):
    rates, _ = alarms
    for name, (mean, error) in rates.items():
        assert mean <= 0.05 + 2 * error, name


def test_calibrating_on_random_frames_breaks_it(alarms):
    rates, framewise = alarms
    assert framewise > 0.1
    assert framewise > 2 * rates["mahalanobis"][0]
