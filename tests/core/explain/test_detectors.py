"""Maps of detectors other than kNN: the run's own fits, exact splits, and gradients that are slopes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import SettingsError
from core.explain.cells import cells_of
from core.explain.detectors import detectors_of, fits_of, flagging_detectors, score_of, split_of, stored_score
from core.explain.exact import additive_map, centred_map, pooled
from core.explain.maps import MapSettings
from core.explain.regions import explain_regions
from core.ood.halves import detect
from core.ood.registry import DETECTORS
from core.stages import group_codes
from tests.core.explain.tiny import activations, embedder_of, network, pictures

D = 12
ON_EMBEDDINGS = [name for name, one in DETECTORS.items() if name != "knn" and not one.needs_logits]
SPLIT = ("mahalanobis", "pca_residual")


def drawn(count, seed=0):
    """Positive rows around a few centres, as pooled ReLU features are."""
    chooser = np.random.default_rng(seed)
    centres = chooser.gamma(1.0, 1.0, (4, D))
    return np.abs(centres[chooser.integers(0, 4, count)] + chooser.normal(0, 0.3, (count, D))).astype(np.float32)


@pytest.fixture(scope="module")
def scored():
    """A run of 160 drawn regions in 20 groups, a quarter of them targets, as far as detectors look at it."""
    groups = np.repeat(np.arange(20), 8)
    table = pd.DataFrame({"image_id": np.arange(160), "dataset": "d", "group": [f"g{g:02}" for g in groups]})
    table["set"] = np.where(groups < 15, "reference", "target")
    embeddings = drawn(160)
    for name in ON_EMBEDDINGS:
        found = detect(DETECTORS[name], embeddings, (groups < 15), group_codes(table), alpha=0.2)
        table[f"{name}_score"], table[f"{name}_flagged"] = found.score, found.flagged
    table["ood_score"], table["flagged"] = 0.5, groups == 19
    return SimpleNamespace(id=1, key="drawn", table=table, embeddings=embeddings, manifest={"k": 5})


@pytest.mark.parametrize("name", ON_EMBEDDINGS)
@pytest.mark.parametrize("row", [3, 60, 150])
def test_a_row_is_explained_by_the_fit_that_judged_it(scored, name, row):
    fitted = fits_of(scored, name).of_row(row)
    stored = stored_score(scored, row, name)
    assert stored == float(scored.table[f"{name}_score"][row])
    assert fitted.score(scored.embeddings[row : row + 1])[0] == pytest.approx(stored, rel=1e-5, abs=1e-6)
    if name != "ensemble":  # whose stair counts ties by half
        now = score_of(fitted)(torch.from_numpy(scored.embeddings[row : row + 1]))
        assert float(now) == pytest.approx(stored, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", ON_EMBEDDINGS)
def test_slopes_are_those_of_small_steps(scored, name):
    fitted = fits_of(scored, name).of_row(None)
    at = torch.from_numpy(drawn(3, seed=9)).double().requires_grad_()
    score = score_of(fitted)
    (slope,) = torch.autograd.grad(score(at).sum(), at)
    assert torch.isfinite(slope).all()
    # A score does not change with an embedding's length, so its slope has no part along it.
    along = (slope * at.detach()).sum(1).abs().max()
    assert float(along) < 1e-6 * float(slope.norm() * at.detach().norm())
    if name == "ensemble":
        return  # its value is a stair
    step = 1e-4 * torch.randn(at.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        apart = score(at + step) - score(at - step)
    torch.testing.assert_close(apart, 2 * (slope * step).sum(1), rtol=2e-2, atol=1e-6)


def test_the_ensembles_slope_is_upwards_where_all_its_members_rise(scored):
    fitted = fits_of(scored, "ensemble").of_row(None)
    at = torch.from_numpy(drawn(4, seed=3)).double().requires_grad_()
    (slope,) = torch.autograd.grad(score_of(fitted)(at).sum(), at)
    members = [torch.autograd.grad(score_of(member)(at).sum(), at)[0] for member in fitted.members]
    assert float(slope.abs().max()) > 0
    for place in range(4):
        directions = torch.stack([one[place] for one in members])
        together = directions.sum(0)
        if bool((directions @ together > 0).all()):
            assert float(slope[place] @ together) > 0


@pytest.mark.parametrize("name", SPLIT)
def test_exact_splits_add_up_to_the_score_and_agree_with_autograd(scored, name):
    fitted = fits_of(scored, name).of_row(None)
    torch.manual_seed(5)
    features = torch.rand(2, D, 3, 4)
    split = split_of(fitted, pooled(features))
    expected = fitted.score(pooled(features).numpy())
    np.testing.assert_allclose(split.score.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(additive_map(features, split).sum((1, 2)).numpy(), expected, rtol=1e-5)
    centred = centred_map(features, split)
    assert float(centred.sum((1, 2)).abs().max()) < 1e-5 * float(split.score.abs().max())
    values = features.double().requires_grad_()
    (slope,) = torch.autograd.grad(score_of(fitted)(values.mean((2, 3))).sum(), values)
    torch.testing.assert_close(centred, (values * slope).sum(1).detach().float(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("family", ["resnet", "vit", "convnext"])
def test_each_region_of_a_batch_is_judged_by_its_own_fit(family, scored):
    embedder = embedder_of(network(family))
    dimension = embedder.dimension
    chooser = np.random.default_rng(2)
    fits = [DETECTORS["mahalanobis"].fit(np.abs(chooser.normal(1, 0.4, (40, dimension)))) for _ in range(2)]
    side = 32 if embedder.square else 64
    images = pictures(3, side, side)
    settings = MapSettings("ood-centred", detector="mahalanobis")

    def maps(places, judged):
        return cells_of(
            scored, embedder, images[places], settings, [None] * len(places), [0] * len(places), None, judged
        )

    together = maps([0, 1, 2], [fits[0], fits[1], fits[0]])
    for place, fitted in enumerate([fits[0], fits[1], fits[0]]):
        alone = maps([place], [fitted])[0]
        assert together[place].score == pytest.approx(alone.score, rel=1e-4)
        scale = float(np.abs(alone.cells).max())
        np.testing.assert_allclose(together[place].cells, alone.cells, atol=1e-3 * scale)
        with torch.no_grad():
            embedding = embedder.pool(activations(embedder, images[place : place + 1]))
        assert alone.score == pytest.approx(float(fitted.score(embedding.numpy())[0]), rel=1e-3)
        assert alone.exact == embedder.pooled
        assert ("approximate" in alone.label) != embedder.pooled


def test_detectors_of_a_run_by_name(scored):
    assert detectors_of(scored)[0] == "knn"
    assert set(detectors_of(scored)[1:]) == set(ON_EMBEDDINGS)
    flagged = flagging_detectors(scored, 159)
    assert "knn" in flagged
    assert "knn" not in flagging_detectors(scored, 120)
    with pytest.raises(SettingsError, match="was not scored by a detector 'energy'"):
        fits_of(scored, "energy")


def test_a_run_without_other_detectors_says_which_it_has(run, workspace):
    with pytest.raises(SettingsError, match="it has: knn"):
        explain_regions(run, workspace, [0], settings=MapSettings("ood", detector="lof"))
    for settings in (("class", "usual"), ("ood", "tiles")):
        with pytest.raises(SettingsError, match=r"is no detector's|kNN alone"):
            MapSettings(*settings, detector="lof")
