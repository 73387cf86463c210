"""Detectors against scikit-learn and pytorch-ood, against each other, streamed, stored, and on degenerate input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor

from core.artefacts import ArtefactStore
from core.errors import CoreError, EmbeddingError, GraphError, SettingsError
from core.ood import detector as detector_module
from core.ood.basis import Basis
from core.ood.ensemble import FittedEnsemble, RankEnsemble
from core.ood.gaussian import FittedMahalanobis, Mahalanobis, RelativeMahalanobis, RootMahalanobis
from core.ood.local import FittedLof, Lof
from core.ood.logits import Energy, FittedLogits, MaxLogit
from core.ood.mixture import FittedMixture, Mixture
from core.ood.registry import DETECTORS, SUGGESTED, detectors_named
from core.ood.subspace import FittedSubspace, PcaResidual, Vim
from tests.core.ood.detecting import collection

SMALL = {name: made for name, made in DETECTORS.items() if name != "ensemble"}


def units(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def logits_for(vectors):
    return (vectors @ np.random.default_rng(3).normal(size=(vectors.shape[1], 9))).astype(np.float32)


@pytest.mark.parametrize("width", [12, 200])
def test_mahalanobis_is_that_of_ledoit_and_wolf(width):
    known, _ = collection(15, width=width)
    new, _ = collection(5, width=width, seed=1)
    expected = LedoitWolf().fit(units(known).astype(np.float64)).mahalanobis(units(new).astype(np.float64))
    np.testing.assert_allclose(Mahalanobis().fit(known).score(new), expected, rtol=2e-3)


def test_a_basis_is_the_same_from_either_matrix_of_products():
    known, _ = collection(10, frames=3, width=30)
    rows = torch.from_numpy(units(known))
    wide = Basis.of(rows, "it")
    tall = Basis.of(rows.repeat(2, 1), "it")
    np.testing.assert_allclose(wide.variances, tall.variances[: len(wide.variances)], rtol=1e-3)
    np.testing.assert_allclose(np.abs((wide.axes * tall.axes[:, : len(wide.variances)]).sum(axis=0))[:5], 1, atol=1e-3)
    assert wide.spread(1.0) == len(wide.variances)
    assert wide.spread(1e-6) == 1


def test_lof_without_groups_is_that_of_scikit_learn():
    known, _ = collection(20)
    new, _ = collection(8, seed=1)
    expected = -LocalOutlierFactor(n_neighbors=10, novelty=True).fit(units(known)).score_samples(units(new))
    np.testing.assert_allclose(Lof(k=10).fit(known).score(new), expected, rtol=1e-3)


def test_lof_measures_a_reference_regions_density_outside_its_group():
    known, groups = collection(20, frames=12)
    fitted = Lof(k=10).fit(known, groups=groups)
    graph_free = Lof(k=10).fit(known)
    assert (fitted.density <= graph_free.density * (1 + 1e-6)).all()
    assert fitted.density.mean() < 0.8 * graph_free.density.mean()


def test_the_mixture_is_that_of_scikit_learn():
    known, _ = collection(30, width=8)
    new, _ = collection(5, width=8, seed=1)
    basis = Basis.of(torch.from_numpy(units(known)), "it")
    scale = np.sqrt(basis.variances)
    flat = [((units(v) - basis.mean) @ basis.axes / scale).astype(np.float64) for v in (known, new)]
    own = Mixture(components=3)
    expected = GaussianMixture(3, reg_covar=own.ridge, random_state=0, max_iter=200, tol=1e-2).fit(flat[0])
    np.testing.assert_allclose(own.fit(known).score(new), -expected.score_samples(flat[1]), rtol=1e-3, atol=1e-3)


def test_vim_is_that_of_pytorch_ood_when_its_origin_is_the_mean():
    ood = pytest.importorskip("pytorch_ood.detector", reason="pytorch-ood is not installed")
    known, _ = collection(20)
    new, _ = collection(5, seed=1)
    weight = torch.from_numpy(np.random.default_rng(3).normal(size=(40, 24))).float()
    mean = torch.from_numpy(units(known).mean(axis=0))
    bias = -weight @ mean
    axes = Basis.of(torch.from_numpy(units(known)), "it").spread(0.5)
    theirs = ood.ViM(None, d=axes, w=weight, b=bias)
    theirs.u = mean
    theirs.fit_features(torch.from_numpy(units(known)), torch.zeros(len(known)))
    given = [(torch.from_numpy(units(v)) @ weight.T + bias).numpy() for v in (known, new)]
    ours = Vim().fit(known, given[0]).score(new, given[1])
    np.testing.assert_allclose(ours, theirs.predict_features(torch.from_numpy(units(new))).numpy(), rtol=1e-3)


def test_relative_mahalanobis_is_small_in_a_cluster_and_large_between():
    rng = np.random.default_rng(0)
    centres = np.eye(3, 12) * 4 + 1
    known = np.repeat(centres, 40, axis=0) + 0.1 * rng.normal(size=(120, 12))
    inside, between = known[::7], centres.mean(axis=0) + 0.1 * rng.normal(size=(20, 12))
    fitted = RelativeMahalanobis(clusters=3).fit(known)
    assert fitted.score(inside).max() < fitted.score(between).min()


def test_powers_keep_length_one_and_signs():
    rows = torch.tensor([[0.6, -0.8], [1.0, 0.0]])
    made = detector_module.powered(rows, 0.5)
    np.testing.assert_allclose(made, [[np.sqrt(0.6 / 1.4), -np.sqrt(0.8 / 1.4)], [1, 0]], rtol=1e-6)


def test_energy_and_maximum_logit_by_hand():
    logits = np.log(np.array([[1.0, 3.0], [4.0, 4.0]]))
    vectors = np.ones((2, 3))
    energy = Energy().fit(vectors, logits).score(vectors, logits)
    np.testing.assert_allclose(energy, [-np.log(4), -np.log(8)])
    np.testing.assert_allclose(MaxLogit().fit(vectors, logits).score(vectors, logits), [-np.log(3), -np.log(4)])


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_far_from_everything_known_scores_higher(name):
    known, groups = collection(24)
    near, _ = collection(6, seed=1)
    far = np.abs(np.random.default_rng(5).normal(size=(36, 24))).astype(np.float32) ** 3
    fitted = DETECTORS[name].fit(known, logits_for(known), groups)
    scores = fitted.score(near, -np.abs(logits_for(near)) + 9), fitted.score(far, -np.abs(logits_for(far)) - 9)
    assert np.median(scores[0]) < np.median(scores[1])


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_are_the_same_in_blocks_of_any_length_and_whatever_the_length(name, monkeypatch):
    known, groups = collection(16)
    new, _ = collection(5, seed=1)
    fitted = DETECTORS[name].fit(known, logits_for(known), groups)
    whole = fitted.score(new, logits_for(new))
    assert whole.shape == (30,)
    pieces = np.concatenate([fitted.score(new[i : i + 7], logits_for(new[i : i + 7])) for i in range(0, 30, 7)])
    np.testing.assert_allclose(whole, pieces, rtol=1e-4, atol=1e-6)
    again = DETECTORS[name].fit(known, logits_for(known), groups)
    assert np.array_equal(again.score(new, logits_for(new)), whole)
    if not DETECTORS[name].needs_logits:
        np.testing.assert_allclose(fitted.score(17.0 * new), whole, rtol=1e-3, atol=1e-5)


def test_a_collection_larger_than_a_block_is_streamed():
    known, _ = collection(16)
    many = np.tile(collection(5, seed=1)[0], (300, 1))
    scores = Mahalanobis().fit(known).score(many)
    np.testing.assert_allclose(scores.reshape(300, 30), np.tile(scores[:30], (300, 1)), rtol=1e-4)


def test_fitted_detectors_are_stored_without_pickles(tmp_path):
    store = ArtefactStore(tmp_path)
    known, groups = collection(16)
    new, _ = collection(4, seed=1)
    kinds = {
        Lof(): FittedLof,
        RootMahalanobis(): FittedMahalanobis,
        PcaResidual(): FittedSubspace,
        Mixture(): FittedMixture,
        MaxLogit(): FittedLogits,
    }
    for number, (detector, kind) in enumerate(kinds.items()):
        fitted = detector.fit(known, logits_for(known), groups)
        store.save("detector", str(number), fitted)
        opened = store.load("detector", str(number), kind)
        assert np.array_equal(opened.score(new, logits_for(new)), fitted.score(new, logits_for(new)))


def test_an_ensemble_ranks_its_members_and_says_how_far_they_disagree():
    fitted = FittedEnsemble((), np.array([[0.0, 1, 2, 3], [10, 20, 30, 40]]))
    # Ranks: 1.5 below 2 of 4 -> 2/5; equal to 20 -> 1.5/5; beyond all: a little above 4/5, below 1.
    scores = [np.array([1.5, 99.0]), np.array([20.0, 5.0])]
    combined = fitted.combine(scores)
    assert combined[0] == pytest.approx((2 / 5 + 1.5 / 5) / 2)
    assert 0.4 < combined[1] < 0.5
    assert fitted.disagreement(scores)[0] == pytest.approx(0.1)
    with pytest.raises(GraphError, match="one group"):
        RankEnsemble().fit(collection(1)[0], groups=np.zeros(6, int))


@pytest.mark.parametrize("name", DETECTORS)
def test_degenerate_references_give_words_or_finite_scores(name):
    made = DETECTORS[name]
    known, groups = collection(8, frames=4)
    new, _ = collection(2, seed=1)
    same = np.repeat(known[:1], len(known), axis=0)
    for reference, own in ((same, groups), (known[:1], groups[:1]), (known[:3], groups[:3]), (known, groups)):
        try:
            scores = made.fit(reference, logits_for(reference), own).score(new, logits_for(new))
        except CoreError as error:
            scores = np.array([float(len(str(error)))])
        assert np.isfinite(scores).all()
    fitted = made.fit(known, logits_for(known), groups)
    assert fitted.score(new[:0], logits_for(new[:0])).shape == (0,)


@pytest.mark.parametrize("name", [name for name, made in SMALL.items() if not made.needs_logits])
@pytest.mark.parametrize(("value", "words"), [(0.0, "is zero"), (np.nan, "is not finite"), (np.inf, "is not finite")])
def test_a_row_without_direction_is_named(name, value, words):
    known, groups = collection(8)
    broken = known.copy()
    broken[3] = value
    with pytest.raises(EmbeddingError, match=f"row 3.*{words}"):
        SMALL[name].fit(broken, groups=groups)
    fitted = SMALL[name].fit(known, groups=groups)
    with pytest.raises(EmbeddingError, match=words):
        fitted.score(broken)
    with pytest.raises(EmbeddingError, match=r"shape|dimensions"):
        fitted.score(known[:, :5])


def test_logits_that_are_missing_or_do_not_fit_are_said():
    known, _ = collection(4)
    for made in (Energy(), MaxLogit(), Vim()):
        with pytest.raises(GraphError, match="no classifier"):
            made.fit(known)
        with pytest.raises(EmbeddingError, match="shape"):
            made.fit(known, np.ones((3, 2)))
        with pytest.raises(EmbeddingError, match="not finite"):
            made.fit(known, np.full((len(known), 2), np.nan))


def test_detectors_are_named_once_and_wrong_names_are_helped():
    assert [d.name for d in detectors_named(["lof", "Root-Mahalanobis", "lof"])] == ["lof", "root_mahalanobis"]
    assert SUGGESTED in DETECTORS
    with pytest.raises(SettingsError, match="did you mean mahalanobis"):
        detectors_named(["mahalanobi"])
    with pytest.raises(SettingsError, match="choose from"):
        detectors_named(["qqqq"])
    with pytest.raises(SettingsError, match="already"):
        detectors_named(["knn"])
    with pytest.raises(SettingsError, match="name a trained model"):
        detectors_named(["energy"])
    assert detectors_named(["energy"], logits=True)[0].needs_logits


def test_detectors_of_one_reference_share_its_axes_and_of_another_do_not():
    vectors, _ = collection(8)
    units = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    first = Basis.of(units, "this")
    assert Basis.of(units.clone(), "that") is first
    other = units.clone()
    other[0] = other[1]
    assert Basis.of(other, "this") is not first
    for shift in range(7):
        Basis.of(units.roll(shift + 1, dims=0), "this")
    again = Basis.of(units, "this")
    assert again is not first
    assert np.array_equal(again.axes, first.axes)
