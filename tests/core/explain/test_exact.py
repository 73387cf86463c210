"""The exact maps: completeness, zero sum, scale, batches, other detectors, and a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import EmbeddingError, SettingsError
from core.explain.exact import (
    activation_shares,
    additive_map,
    centred_map,
    knn_split,
    mahalanobis_split,
    pooled,
    residual_split,
    unit,
)
from core.explain.match import match, match_marginals

SIZES = st.tuples(st.integers(1, 3), st.integers(2, 40), st.integers(1, 7), st.integers(1, 9))


def features_of(size, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator).clamp_min(-0.3) * scale + 0.01


def neighbour_mean(batch, dimension, seed, k=4):
    generator = torch.Generator().manual_seed(seed + 1)
    return unit(torch.randn(batch * k, dimension, generator=generator)).reshape(batch, k, dimension).mean(1)


def detector(name, features, seed):
    embeddings, dimension = pooled(features), features.shape[1]
    generator = torch.Generator().manual_seed(seed + 2)
    mean = torch.randn(dimension, generator=generator) / dimension
    if name == "knn":
        return knn_split(embeddings, neighbour_mean(len(features), dimension, seed))
    if name == "mahalanobis":
        root = torch.randn(dimension, dimension, generator=generator).double()
        return mahalanobis_split(embeddings, mean, root @ root.T / dimension)
    basis, _ = torch.linalg.qr(torch.randn(dimension, max(1, dimension // 3), generator=generator).double())
    return residual_split(embeddings, mean, basis)


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "residual"])
@given(size=SIZES, seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=25, deadline=None)
def test_additive_cells_add_up_to_the_score_and_centred_ones_to_zero(name, size, seed, scale):
    features = features_of(size, seed, scale)
    split = detector(name, features, seed)
    bound = 2e-6 * float((1 + split.score).max()) * max(1.0, float(split.weights.norm(dim=1).max()))
    additive, centred = additive_map(features, split), centred_map(features, split)
    assert float((additive.double().sum((1, 2)) - split.score).abs().max()) < bound
    slope = max(1.0, float(split.gradient.norm(dim=1).max()))
    reach = float(features.norm(dim=1).max() / pooled(features).norm(dim=1).min())
    assert float(centred.double().sum((1, 2)).abs().max()) < 2e-6 * slope * max(1.0, reach)


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "residual"])
@given(size=SIZES, seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_the_length_of_the_embedding_does_not_matter(name, size, seed):
    features = features_of(size, seed)
    plain, longer = detector(name, features, seed), detector(name, features * 37.0, seed)
    for draw in (additive_map, centred_map):
        one, other = draw(features, plain), draw(features * 37.0, longer)
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max()) + 1e-7)


@given(size=SIZES, seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_alone_and_in_a_batch_it_is_the_same(size, seed):
    features = features_of(size, seed)
    mean = neighbour_mean(len(features), features.shape[1], seed)
    for draw in (additive_map, centred_map):
        together = draw(features, knn_split(pooled(features), mean))
        alone = [draw(f[None], knn_split(pooled(f[None]), m[None])) for f, m in zip(features, mean, strict=True)]
        assert torch.allclose(together, torch.cat(alone), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "residual"])
def test_the_centred_map_is_the_gradient_times_the_activation(name):
    features = features_of((2, 20, 3, 5), 7).double().requires_grad_()

    def score(embeddings):
        e = embeddings / embeddings.norm(dim=1, keepdim=True)
        if name == "knn":
            return 1 - (e * neighbour_mean(2, 20, 7)).sum(1)
        generator = torch.Generator().manual_seed(9)
        centre = e - torch.randn(20, generator=generator) / 20
        if name == "mahalanobis":
            root = torch.randn(20, 20, generator=generator).double()
            return ((centre @ (root @ root.T / 20)) * centre).sum(1)
        basis, _ = torch.linalg.qr(torch.randn(20, 6, generator=generator).double())
        return (centre - centre @ basis @ basis.T).norm(dim=1)

    scores = score(features.mean((2, 3)))
    (gradient,) = torch.autograd.grad(scores.sum(), features)
    split = detector(name, features.detach().float(), 7)
    assert torch.allclose(split.score, scores.detach(), atol=1e-5)
    expected = (features * gradient).sum(1).detach().float()
    assert torch.allclose(centred_map(features.detach().float(), split), expected, atol=1e-5)


def test_two_cells_worked_by_hand():
    # f = (1, 1), e = (1, 1)/sqrt 2; one neighbour along (1, 0): s = 1 - 1/sqrt 2.
    features = torch.tensor([[[[2.0, 0.0]], [[0.0, 2.0]]]])
    split = knn_split(pooled(features), torch.tensor([[1.0, 0.0]]))
    root = np.sqrt(0.5)
    assert float(split.score) == pytest.approx(1 - root)
    # d = A·(e - m) / (2·|f|), the cells being (2, 0) and (0, 2).
    assert additive_map(features, split)[0, 0].tolist() == pytest.approx(
        [2 * (root - 1) * root / 2, 2 * root * root / 2]
    )
    assert activation_shares(features)[0, 0].tolist() == pytest.approx([0.5, 0.5])
    # The first cell looks like the neighbour, the second does not.
    centred = centred_map(features, split)[0, 0]
    assert centred.tolist() == pytest.approx([-root / 2, root / 2])


@given(size=SIZES, seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_the_centred_map_is_the_additive_one_less_the_scores_even_share(size, seed):
    features = features_of(size, seed)
    split = knn_split(pooled(features), neighbour_mean(len(features), features.shape[1], seed))
    expected = additive_map(features, split) - split.score[:, None, None].float() * activation_shares(features)
    assert torch.allclose(centred_map(features, split), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "residual"])
def test_what_features_add_is_the_score(name):
    features = features_of((3, 12, 2, 4), 5)
    split = detector(name, features, 5)
    added = split.contributions(unit(pooled(features)))
    assert added.shape == (3, 12)
    torch.testing.assert_close(added.sum(1), split.score, rtol=0, atol=1e-12)


def test_a_zero_embedding_is_refused():
    with pytest.raises(EmbeddingError, match="zero or not finite"):
        knn_split(torch.zeros(1, 4), torch.ones(1, 4))


def test_a_residual_of_nothing_gives_an_empty_map():
    features = torch.ones(1, 2, 2, 2)
    e = unit(pooled(features))[0]
    split = residual_split(pooled(features), e, torch.eye(2)[:, :1])
    assert float(split.score) == pytest.approx(0, abs=1e-9)
    assert float(additive_map(features, split).abs().max()) < 1e-6


@given(
    dimension=st.integers(2, 30),
    first=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    second=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=25, deadline=None)
def test_pairs_of_cells_add_up_to_the_similarity(dimension, first, second, seed):
    one = features_of((dimension, *first), seed)
    other = features_of((dimension, *second), seed + 5)
    found = match(one, other)
    expected = float(unit(one.mean((1, 2))[None])[0] @ unit(other.mean((1, 2))[None])[0])
    bound = 1e-5 * max(1.0, float(found.pairs.abs().sum()))
    assert found.similarity == pytest.approx(expected, abs=1e-5)
    assert float(found.pairs.double().sum()) == pytest.approx(expected, abs=bound)
    assert torch.allclose(found.of_cell(0, 0).sum(), found.first[0, 0], atol=bound)
    assert torch.allclose(match_marginals(one[None], unit(other.mean((1, 2))[None]))[0], found.first, atol=bound)
    assert torch.allclose(match(other, one).first, found.second, atol=bound)


def test_a_match_needs_one_network_and_a_cell_that_exists():
    with pytest.raises(SettingsError, match="one network"):
        match(torch.ones(3, 2, 2), torch.ones(4, 2, 2))
    with pytest.raises(SettingsError, match="2 x 2"):
        match(torch.ones(3, 2, 2), torch.ones(3, 2, 2)).of_cell(2, 0)
