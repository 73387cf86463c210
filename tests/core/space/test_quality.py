"""Trustworthiness is scikit-learn's; continuity is the same with the two spaces exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from core.errors import EmbeddingError
from core.space.quality import map_quality


@pytest.fixture(scope="module")
def digits():
    embeddings = load_digits().data[:600].astype(np.float64)
    return embeddings, PCA(2, random_state=0).fit_transform(embeddings)


@pytest.mark.parametrize("k", [1, 12, 50])
def test_both_figures_agree_with_scikit_learn(digits, k):
    embeddings, projection = digits
    quality = map_quality(embeddings, projection, k=k, sample=10**6)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert quality.trustworthiness == pytest.approx(trustworthiness(unit, projection, n_neighbors=k), abs=1e-6)
    assert quality.continuity == pytest.approx(trustworthiness(projection, unit, n_neighbors=k), abs=1e-6)
    assert (quality.k, quality.rows) == (k, 600)


def test_a_sample_comes_close_and_repeats(digits):
    embeddings, projection = digits
    whole = map_quality(embeddings, projection, sample=10**6)
    part = map_quality(embeddings, projection, sample=300, seed=1)
    assert part.rows == 300
    assert part.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.01)
    assert part.continuity == pytest.approx(whole.continuity, abs=0.01)
    assert part == map_quality(embeddings, projection, sample=300, seed=1)


def test_a_map_that_keeps_everything_scores_one_and_noise_one_half():
    rng = np.random.default_rng(0)
    angle = np.sort(rng.uniform(0, 1, 400))
    plane = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    exact = map_quality(plane, np.stack([angle, 0 * angle], axis=1), sample=10**6)
    assert exact.trustworthiness > 0.9999
    assert exact.continuity > 0.9999
    noise = map_quality(plane, rng.random((400, 2)), sample=10**6)
    assert noise.trustworthiness == pytest.approx(0.5, abs=0.05)


def test_blocks_of_a_memory_map_change_nothing(digits, tmp_path, monkeypatch):
    embeddings, projection = digits
    whole = map_quality(embeddings.astype(np.float32), projection)
    np.save(tmp_path / "e.npy", embeddings.astype(np.float32))
    monkeypatch.setattr("core.space.quality._PAIRS", 600 * 37)
    monkeypatch.setattr("core.space.quality._READ", 101)
    blocked = map_quality(np.load(tmp_path / "e.npy", mmap_mode="r"), projection)
    assert blocked.trustworthiness == pytest.approx(whole.trustworthiness, abs=1e-5)
    assert blocked.continuity == pytest.approx(whole.continuity, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_with_one_or_two_rows_nothing_can_be_wrong(count):
    quality = map_quality(np.eye(3)[:count], np.zeros((count, 2)))
    assert (quality.trustworthiness, quality.continuity, quality.k) == (1.0, 1.0, 0)


def test_another_number_of_points_is_refused():
    with pytest.raises(EmbeddingError, match="must have 3 rows"):
        map_quality(np.eye(3), np.zeros((2, 2)))
