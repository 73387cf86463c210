"""The kNN score is the plain mean of sorted distances, and its k is checked."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.errors import EmbeddingError, GraphError
from core.neighbours.graph import reference_graph
from core.ood.knn import choose_k, default_k, knn_scores, knn_scores_of


def test_scores_by_hand():
    distances = np.float32([[0.1, 0.2, 0.6], [0.0, 0.0, 2.0]])
    np.testing.assert_allclose(knn_scores(distances, 1), [0.1, 0.0])
    np.testing.assert_allclose(knn_scores(distances, 3), [0.3, 2 / 3], rtol=1e-6)
    assert knn_scores(distances, 2).dtype == np.float32


@pytest.mark.parametrize("k", [0, 4, -1])
def test_a_graph_too_narrow_is_an_error_and_not_a_second_search(k):
    with pytest.raises(
        GraphError, match=rf"k must be in \[1, 3\] for this neighbour graph, got {k}; choose a smaller k"
    ):
        knn_scores(np.zeros((2, 3), np.float32), k)


def test_the_mean_is_taken_in_double_precision():
    distances = np.full((1, 4096), np.float32(0.1))
    distances[0, 0] = 2.0
    assert knn_scores(distances, 4096)[0] == np.float32(distances[0].astype(np.float64).mean())


def test_scores_equal_scikit_learns_and_ignore_the_lengths_of_vectors():
    rng = np.random.default_rng(0)
    reference, queries = rng.standard_normal((300, 40)), rng.standard_normal((80, 40))
    neighbours = NearestNeighbors(n_neighbors=25, metric="cosine", algorithm="brute").fit(reference)
    expected = neighbours.kneighbors(queries)[0].mean(axis=1)
    np.testing.assert_allclose(knn_scores_of(queries, reference, k=25), expected, atol=1e-6)
    stretched = queries * rng.uniform(0.01, 100, (80, 1))
    np.testing.assert_allclose(knn_scores_of(stretched, reference * 7, k=25, block=33), expected, atol=1e-6)


def test_a_region_is_scored_without_its_own_group():
    rng = np.random.default_rng(1)
    embeddings = rng.standard_normal((120, 10)).astype(np.float32)
    groups, reference = np.arange(120) // 8, np.arange(120) < 80
    scores = knn_scores(reference_graph(embeddings, groups=groups, reference=reference, k=15).distances, 15)
    for group in range(15):
        mine, theirs = groups == group, reference & (groups != group)
        alone = knn_scores_of(embeddings[mine], embeddings[theirs], k=15)
        np.testing.assert_allclose(scores[mine], alone, atol=1e-6)


def test_k_is_100_or_the_largest_that_is_allowed():
    assert default_k(812) == 100
    assert default_k(60) == 60
    assert choose_k(7, 60) == 7
    with pytest.raises(
        GraphError, match=r"k must be in \[1, 812\] for this reference set, got 1000; choose a smaller k"
    ):
        choose_k(1000, 812)
    with pytest.raises(GraphError, match="choose a reference of two or more groups"):
        default_k(0)


def test_vectors_that_cannot_be_compared_are_refused():
    with pytest.raises(GraphError, match=r"\[1, 3\]"):
        knn_scores_of(np.eye(3), np.eye(3), k=4)
    with pytest.raises(EmbeddingError, match="dimensions"):
        knn_scores_of(np.eye(2), np.eye(3), k=1)
    with pytest.raises(GraphError, match="shape"):
        knn_scores(np.zeros(3, np.float32), 1)
