"""Search of new vectors agrees with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.errors import EmbeddingError, GraphError
from core.neighbours.search import distances_to, search


@pytest.mark.parametrize("block", [7, 4096])
def test_search_agrees_with_scikit_learn(block):
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((200, 20)).astype(np.float32)
    queries = rng.standard_normal((30, 20)).astype(np.float32)
    found = search(queries, embeddings, 11, block=block)
    distances, indices = NearestNeighbors(metric="cosine", algorithm="brute").fit(embeddings).kneighbors(queries, 11)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)


def test_ties_break_by_row():
    found = search(np.float32([[1, 1]]), np.float32([[1, 0], [0, 1], [1, 0], [0, 1]]), 3)
    assert found.indices.tolist() == [[0, 1, 2]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(EmbeddingError, match="queries must have the embeddings' 3 dimensions, got 2"):
        search(np.ones((1, 2)), np.ones((4, 3)), 1)
    with pytest.raises(GraphError, match=r"k must be in \[1, 4\] for this collection, got 5"):
        search(np.ones((1, 3)), np.ones((4, 3)), 5)
    with pytest.raises(EmbeddingError, match="row 0 of queries is zero"):
        search(np.zeros((1, 3)), np.ones((4, 3)), 1)


def test_distances_to_one_vector_are_those_of_the_search():
    rng = np.random.default_rng(4)
    embeddings = rng.normal(size=(50, 6)).astype(np.float32)
    found = distances_to(embeddings[7] * 3, embeddings, block=16)
    graph = search(embeddings[7:8], embeddings, 50)
    assert np.allclose(found[graph.indices[0]], graph.distances[0], atol=1e-6)
    assert found[7] <= 1e-6
    with pytest.raises(EmbeddingError, match="6 dimensions, got 5"):
        distances_to(embeddings[0, :5], embeddings)
