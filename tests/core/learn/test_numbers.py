"""Splits, thresholds, calibration, losses and rates, against values worked by hand or another library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.learn.calibration import Calibration, cross_fitted, expected_calibration_error, fit_calibration
from core.learn.choosing import choose
from core.learn.heads import HeadSpec, one_head, raw_probabilities
from core.learn.labels import LabelTree
from core.learn.losses import inverse_frequency, network_loss, oversampled
from core.learn.probing import check_answers, fit_probe
from core.learn.rates import rate_at
from core.learn.splits import folds, split_groups
from core.learn.thresholds import best_f1, choose_thresholds, lowest_with_precision

FLAT = LabelTree(("a", "b"), (-1, -1))


@given(st.integers(0, 1000))
def test_a_group_is_on_one_side_and_rare_concepts_are_on_both(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 20, 200)
    targets = np.zeros((200, 3), bool)
    targets[:, 0] = rng.random(200) < 0.4
    pair = rng.choice(np.unique(groups), 2, replace=False)
    targets[:, 1] = np.isin(groups, pair)  # in two groups only
    sides = split_groups(targets, groups, [0.5, 0.5], seed=seed)
    assert all(len(np.unique(sides[groups == group])) == 1 for group in np.unique(groups))
    assert set(sides[targets[:, 1]]) == {0, 1}
    assert 0.2 < (sides == 0).mean() < 0.8
    assert (sides == split_groups(targets, groups, [0.5, 0.5], seed=seed)).all()


def test_more_folds_than_groups_is_an_error():
    with pytest.raises(SettingsError, match="number of groups, 3 here"):
        folds(np.ones((6, 1), bool), np.array([0, 0, 1, 1, 2, 2]), 5)


def test_thresholds_by_hand():
    p, y = np.array([0.9, 0.8, 0.6, 0.4, 0.2]), np.array([True, True, False, True, False])
    assert best_f1(p, y) == pytest.approx(0.3)  # three of four said are right, all three found: F1 6/7
    assert lowest_with_precision(p, y, 0.75) == pytest.approx(0.3)
    assert lowest_with_precision(p, y, 1.0) == pytest.approx(0.7)
    assert lowest_with_precision(p, ~y, 0.9) == 1.0


def test_a_concept_without_examples_gets_the_common_threshold_and_is_named():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.1, 0.1]])
    y = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], bool)
    found = choose_thresholds(p, y, np.ones_like(y), "best-f1")
    assert found.shared.tolist() == [False, True]
    assert found.values[1] == pytest.approx(found.common)
    assert (choose_thresholds(p, y, np.ones_like(y), "study").values == np.float32(0.1)).all()
    assert len(set(choose_thresholds(p, y, np.ones_like(y), "global").values.tolist())) == 1
    with pytest.raises(SettingsError, match="best-f1, precision, global or study"):
        choose_thresholds(p, y, np.ones_like(y), "guess")


def overconfident(seed=0, count=3000):
    """Logits three times too large and shifted by one, with their truth, in 30 groups."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1.2, (count, 2))
    targets = rng.random((count, 2)) < 1 / (1 + np.exp(-true))
    return 3 * true + 1, targets, rng.integers(0, 30, count)


def test_temperature_finds_the_scale_and_the_shift():
    logits, targets, _ = overconfident()
    found = fit_calibration(logits, targets, np.ones_like(targets), one_head(FLAT), FLAT, "temperature")
    assert found.temperatures[0] == pytest.approx(3, rel=0.1)
    assert found.shifts[0] == pytest.approx(1, abs=0.3)
    again = Calibration.from_json(found.to_json())
    assert (again.apply(logits, one_head(FLAT), FLAT) == found.apply(logits, one_head(FLAT), FLAT)).all()


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_calibration_lowers_the_error_on_groups_it_has_not_seen(method):
    logits, targets, groups = overconfident()
    known = np.ones_like(targets)
    before = expected_calibration_error(Calibration().apply(logits, one_head(FLAT), FLAT), targets, known)
    after = cross_fitted(logits, targets, known, groups, one_head(FLAT), FLAT, method)
    assert expected_calibration_error(after, targets, known) < before / 3


def test_what_does_not_help_is_not_used():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, (400, 2))
    targets, groups = rng.random((400, 2)) < 1 / (1 + np.exp(-true)), np.arange(400) % 2
    logits = true + np.where(groups == 0, 2, -2)[:, None]  # what one dive teaches is wrong for the other
    kept = choose(
        logits, targets, np.ones_like(targets), groups, one_head(FLAT), FLAT,
        calibration="auto", rule="best-f1", precision=0.9,
    )  # fmt: skip
    assert min(kept.facts["tried"].values()) > kept.facts["ece_before"]
    assert kept.calibration == Calibration()
    assert "did not help" in kept.facts["sentence"]


def test_a_calibrated_parent_is_never_below_its_child():
    tree = LabelTree(("crab", "crustacean"), (1, -1), stated=(True, False))
    logits = np.array([[3.0, -2.0], [-1.0, 2.0]])
    p = Calibration("temperature", (2.0,), (0.5,)).apply(logits, one_head(tree), tree)
    assert p[0, 1] == p[0, 0] == pytest.approx(1 / (1 + np.exp(-1.25)))
    assert p[1, 1] > p[1, 0]


def test_a_single_head_adds_up_to_one_and_its_parents_to_their_children():
    tree = LabelTree(("fine sand", "mud", "rock", "soft"), (3, 3, -1, -1), stated=(True, True, True, False))
    heads = (HeadSpec("floor", "single", (0, 1, 2, 3)),)
    p = raw_probabilities(np.array([[0.0, np.log(2), np.log(3), 99.0]]), heads, tree)
    assert p[0].tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6, 3 / 6])


def test_the_probe_is_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)).astype(np.float32)
    x = (x - x.mean(0)) / x.std(0)
    y = (x @ rng.normal(size=(5, 2)) + rng.normal(size=(200, 2))) > 0.3
    found = fit_probe(x, y, np.ones_like(y), one_head(FLAT), FLAT, decay=0.05, iterations=500)
    for column in range(2):
        # Their penalty is w²/2 against C times the summed loss, ours decay/2·w² against the mean.
        other = LogisticRegression(C=1 / (0.05 * 200), tol=1e-8, max_iter=1000).fit(x, y[:, column])
        assert found.weight[0, column].numpy() == pytest.approx(other.coef_[0], abs=2e-3)
        assert float(found.bias[0, column]) == pytest.approx(float(other.intercept_[0]), abs=2e-3)


def test_unknown_cells_teach_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.random((60, 2)) < 0.5
    known = np.ones_like(y)
    known[30:, 1] = False
    lied = y.copy()
    lied[30:, 1] = ~lied[30:, 1]
    one, other = (fit_probe(x, of, known, one_head(FLAT), FLAT) for of in (y, lied))
    assert torch.equal(one.weight, other.weight)
    z = torch.zeros(60, 2, requires_grad=True)
    loss = network_loss(z, torch.tensor(y).float(), torch.tensor(known).float(), one_head(FLAT), FLAT, "bce")
    loss.backward()
    assert (z.grad[30:, 1] == 0).all()
    assert (z.grad[:30, 1] != 0).all()


def test_an_image_unlabelled_for_a_head_adds_nothing_to_it():
    tree = LabelTree(("mud", "rock", "crab"), (-1, -1, -1))
    heads = (HeadSpec("floor", "single", (0, 1)), HeadSpec("animals", "multi", (2,)))
    y = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    known = torch.tensor([[1.0, 1, 1], [0, 0, 1]])
    z = torch.zeros(2, 3, requires_grad=True)
    network_loss(z, y, known, heads, tree, "bce").backward()
    assert (z.grad[1, :2] == 0).all()
    assert z.grad[1, 2] != 0
    assert (z.grad[0] != 0).all()


def test_the_asymmetric_loss_by_hand():
    z, y = torch.tensor([[0.0, -4.0]]), torch.tensor([[0.0, 1.0]])
    found = float(network_loss(z, y, torch.ones(1, 2), one_head(FLAT), FLAT, "asymmetric"))
    absent = -(0.45**4) * np.log(0.55)  # p = 0.5, margin 0.05, gamma 4
    present = np.log1p(np.exp(4.0))
    assert found == pytest.approx((absent + present) / 2, rel=1e-5)


def test_rare_images_are_drawn_again_and_weights_are_inverse():
    targets = np.zeros((50, 2), bool)
    targets[:40, 0], targets[48:, 1] = True, True
    rows = np.arange(50)
    drawn = oversampled(rows, targets, 20, np.random.default_rng(0))
    assert targets[drawn, 1].sum() == 20
    assert targets[drawn, 0].sum() == 40
    weights = inverse_frequency(targets, np.ones_like(targets), one_head(FLAT))
    assert weights[1] / weights[0] == pytest.approx(20 if weights[0] > 0.1 else weights[1] / 0.1)
    assert weights[1] > 1 > weights[0]


def test_nothing_to_tell_apart_is_an_error():
    with pytest.raises(SettingsError, match="the only concept is in every image"):
        check_answers(np.ones((5, 1), bool), np.ones((5, 1), bool))


def test_the_rate_rises_and_falls():
    course = [rate_at(epoch / 10, 4) for epoch in range(41)]
    assert max(course) == pytest.approx(1.0)
    assert course[0] == pytest.approx(0.1)
    assert course[-1] == pytest.approx(0.01)
