"""Figures against values worked by hand and against scikit-learn, plain and under weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from core.errors import SettingsError
from core.evaluate.figures import OVERALL, by_concept, draw_for, image_precision, overall
from core.evaluate.intervals import Interval
from core.evaluate.ranking import _STEPS, rank
from core.evaluate.resampling import Resamples, mean_known, share
from core.learn.calibration import expected_calibration_error
from tests.core.evaluate.making import cases, drawn

HAND = cases([[0.9, 0.6, 0.2], [0.3, 0.8, 0.7], [0.4, 0.1, 0.2], [0.6, 0.2, 0.1]],
             [[1, 0, 1], [0, 1, 1], [0, 0, 0], [0, 1, 0]])  # fmt: skip
"""Four images, three concepts at 0.5. Said: ab, bc, nothing, a."""


def figure(given, key):
    return overall(given, draw_for(given, resamples=2))[key][0]


def test_map_by_hand():
    # Image 0: order a b c, true a c: (1/1 + 2/3)/2 = 5/6. Image 1: order b c a, true b c: 1. Image 2: no true label,
    # left out. Image 3: order a b c, true b: 1/2.
    np.testing.assert_allclose(image_precision(HAND), [5 / 6, 1, np.nan, 1 / 2])
    assert figure(HAND, "map20") == pytest.approx((5 / 6 + 1 + 1 / 2) / 3)


def test_the_combined_figure_by_hand():
    # OOD scores 3 1 2 0, truly strange are images 0 and 1: pairs won (3>2, 3>0, 1>0) of 4: AUROC 3/4, sAUC 1/2.
    given = cases(HAND.probabilities, HAND.truth, ood=np.array([3.0, 1, 2, 0]), outside=np.array([1, 1, 0, 0]))
    assert figure(given, "sauc") == pytest.approx(0.5)
    assert figure(given, "final") == pytest.approx((7 / 9 + 0.5) / 2)


def test_counts_by_hand():
    # Hits: a0, b1, c1. Misses: c0, b3. False alarms: b0, a3. Of 12 answers 8 are right.
    assert figure(HAND, "accuracy_multi") == pytest.approx(8 / 12)
    assert figure(HAND, "precision_micro") == pytest.approx(3 / 5)
    assert figure(HAND, "recall_micro") == pytest.approx(3 / 5)
    assert figure(HAND, "f1_micro") == pytest.approx(3 / 5)
    # a: precision 1/2, recall 1; b: 1/2, 1/2; c: 1, 1/2.
    assert figure(HAND, "precision_macro") == pytest.approx(2 / 3)
    assert figure(HAND, "recall_macro") == pytest.approx(2 / 3)
    assert figure(HAND, "f1_macro") == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    # Weighted: mean of recall and of right silence: a (1 + 2/3)/2, b (1/2 + 1/2)/2, c (1/2 + 1)/2.
    assert figure(HAND, "weighted_accuracy") == pytest.approx((5 / 6 + 1 / 2 + 3 / 4) / 3)
    # At 0.1 everything is said (0.1 itself too): right is what is true, 5 of 12.
    assert figure(HAND, "accuracy_multi_study") == pytest.approx(5 / 12)


def test_calibration_error_by_hand():
    # Fewer pairs than bins: each stands alone. |0.2 - 1| + |0.05 - 0| + |1 - 1| over 3 pairs.
    given = cases([[0.2], [0.05], [1.0]], [[1], [0], [1]])
    assert figure(given, "ece") == pytest.approx(0.85 / 3)
    # 30 pairs, two a bin: 0.5 twice, once true, is perfect wherever the two share a bin.
    given = cases([[0.5]] * 30, [[1], [0]] * 15, raw=np.full((30, 1), 0.9))
    assert figure(given, "ece") == pytest.approx(0)
    assert figure(given, "ece_raw") == pytest.approx(0.4)


@checks(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_calibration_error_is_that_of_training(seed):
    given = drawn(seed)
    wanted = expected_calibration_error(given.probabilities, given.truth == 1, given.truth >= 0)
    assert figure(given, "ece") == pytest.approx(wanted)


@checks(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_figures_are_those_of_scikit_learn_on_what_is_known(seed):
    given = drawn(seed)
    known = given.truth >= 0
    flat, truth = given.probabilities[known], given.truth[known]
    found = {key: values[0] for key, values in overall(given, draw_for(given, resamples=2)).items()}
    said = flat >= 0.5
    micro = precision_recall_fscore_support(truth, said, average="binary", zero_division=0)[:3]
    assert [found["precision_micro"], found["recall_micro"], found["f1_micro"]] == pytest.approx(list(micro))
    assert found["ap_micro"] == pytest.approx(average_precision_score(truth, flat))
    assert found["brier"] == pytest.approx(brier_score_loss(truth, flat))
    assert found["cross_entropy"] == pytest.approx(log_loss(truth, np.clip(flat, 1e-7, 1 - 1e-7)))
    each = by_concept(given, draw_for(given, resamples=2))
    for place in range(5):
        rows = known[:, place]
        true, score = given.truth[rows, place], given.probabilities[rows, place]
        one = precision_recall_fscore_support(true, score >= 0.5, average="binary", zero_division=0)[:3]
        assert [each[key][0, place] for key in ("precision", "recall", "f1")] == pytest.approx(list(one))
        assert each["ap"][0, place] == pytest.approx(average_precision_score(true, score))
        assert each["auroc"][0, place] == pytest.approx(roc_auc_score(true, score))
    assert found["ap_macro"] == pytest.approx(each["ap"][0].mean())


@checks(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 8))
def test_ranks_under_weights_are_those_of_scikit_learn(seed, count, levels):
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, levels, count).astype(float), rng.random(count) < 0.4
    positive[:2] = [True, False]
    weights = np.concatenate([np.ones((1, count)), 1 + rng.integers(0, 3, (2, count))])
    found = rank(scores, positive, Resamples(weights, np.arange(count)))
    for row, weight in enumerate(weights):
        assert found.ap[row] == pytest.approx(average_precision_score(positive, scores, sample_weight=weight))
        assert found.auroc[row] == pytest.approx(roc_auc_score(positive, scores, sample_weight=weight))


def test_a_very_common_concept_is_thinned_and_its_value_stays_exact():
    rng = np.random.default_rng(0)
    positive = rng.random(4 * _STEPS) < 0.6
    scores = rng.random(len(positive)) + 0.2 * positive
    found = rank(scores, positive, Resamples(np.ones((2, len(scores))), np.arange(len(scores))))
    assert found.ap[0] == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    assert found.ap[1] == pytest.approx(found.ap[0], abs=2e-3)
    assert found.auroc[1] == pytest.approx(found.auroc[0], abs=2e-3)


def test_single_label_figures():
    given = cases([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4], [0.9, 0.1, 0.0]],
                  np.eye(3, dtype=int)[[0, 0, 1, 2, 0]], exclusive=True, thresholds=np.full(3, 0.95))  # fmt: skip
    assert figure(given, "accuracy") == pytest.approx(4 / 5)
    answers = given.probabilities.argmax(axis=1)
    assert figure(given, "weighted_accuracy") == pytest.approx(balanced_accuracy_score([0, 0, 1, 2, 0], answers))
    wanted = log_loss([0, 0, 1, 2, 0], given.probabilities)
    assert figure(given, "cross_entropy") == pytest.approx(wanted, abs=1e-6)
    assert "accuracy_multi" not in overall(given, draw_for(given, resamples=2))


def test_labels_that_the_model_does_not_know_count_against_the_list_and_nowhere_else():
    plain = cases([[0.9, 0.1]], [[1, 0]])
    given = cases([[0.9, 0.1, 0.0]], [[1, 0, 1]], known=np.array([True, True, False]))
    assert figure(plain, "map20") == 1.0
    assert figure(given, "map20") == pytest.approx(1 / 2)  # one of two true labels can be found
    assert figure(given, "recall_micro") == figure(plain, "recall_micro") == 1.0
    each = by_concept(given, draw_for(given, resamples=2))
    assert each["recall"][0].tolist()[::2] == [1.0, 0.0]
    assert np.isnan(each["ap"][0, 2])


def test_unknown_truth_is_neither_hit_nor_false_alarm_nor_in_the_list():
    given = cases([[0.9, 0.8], [0.2, 0.9]], [[-1, 1], [-1, 0]])
    assert image_precision(given)[0] == 1.0
    assert figure(given, "precision_micro") == pytest.approx(1 / 2)
    assert figure(given, "accuracy_multi") == pytest.approx(1 / 2)


def test_lists_are_scored_by_what_was_stated_and_reports_by_what_follows():
    # b is a kind of a; only b was stated. The report counts a as true, the list does not.
    given = cases([[0.9, 0.8]], [[1, 1]], stated=np.array([[0, 1]], np.int8))
    assert figure(given, "map20") == pytest.approx(1 / 2)
    assert figure(given, "recall_micro") == 1.0


def test_the_same_groups_are_drawn_for_everything_and_whole():
    given = drawn(4, outside=None)
    resamples = draw_for(given, resamples=300, seed=1)
    assert (resamples.weights.sum(axis=1) == resamples.groups).all()
    wider = resamples.interval(overall(given, resamples)["f1_micro"])
    assert wider.low < wider.value < wider.high
    again = draw_for(given, resamples=300, seed=1).weights
    np.testing.assert_array_equal(resamples.weights, again)


def test_no_resample_lacks_a_side_of_the_ood_truth():
    outside = np.array([1, 0, 0, 0, -1, 0], np.int8)
    given = drawn(1, 6, groups=6, ood=np.array([5.0, 1, 2, np.nan, 0, 1]), outside=outside)
    found = overall(given, draw_for(given, resamples=200))
    assert np.isfinite(found["sauc"]).all()
    assert found["sauc"][0] == 1.0


def test_what_is_not_there_gives_no_figure():
    given = cases([[0.9, 0.1]], [[1, -1]])
    each = by_concept(given, draw_for(given, resamples=3))
    assert np.isnan(each["f1"][0, 1])
    assert np.isnan(each["auroc"][0, 0])
    one_side = cases([[0.9], [0.8]], [[1], [0]], ood=np.zeros(2), outside=np.ones(2, np.int8))
    assert not {"sauc", "final"} & set(overall(one_side, draw_for(one_side, resamples=3)))
    assert set(overall(one_side, draw_for(one_side, resamples=3))) <= set(OVERALL)


def test_sums_over_groups_and_means_of_what_is_known():
    resamples = Resamples(np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([0, 1, 0]))
    np.testing.assert_allclose(resamples.sums(np.array([1.0, 10.0, 100.0])), [111, 202])
    np.testing.assert_allclose(resamples.sums(np.eye(3)), [[1, 1, 1], [2, 0, 2]])
    np.testing.assert_allclose(resamples.counts(np.array([0, 5, 1]), np.ones(3), 2), [[1, 1], [2, 2]])
    assert isinstance(resamples.interval(np.array([1.0, 2.0])), Interval)
    assert np.isnan(share(np.array([0.0]), np.array([0.0]))).all()
    assert mean_known(np.array([[1.0, np.nan, 3.0]])).tolist() == [2.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"thresholds": np.zeros(3)}, "thresholds must have shape"),
        ({"concepts": ("a", "a")}, "one name"),
        ({"strata": {"site": np.array(["x"])}}, "must name all 2 regions"),
        ({"raw": np.zeros((1, 2))}, "raw must have shape"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(SettingsError, match=words):
        cases(np.zeros((2, 2)), np.zeros((2, 2)), **changes)


@pytest.mark.parametrize("number", [-0.1, 1.1, np.nan])
def test_logits_are_not_taken_for_probabilities(number):
    with pytest.raises(SettingsError, match="logits"):
        cases([[number]], [[1]])
    with pytest.raises(SettingsError, match="truth must be"):
        cases([[0.5]], [[2]])
