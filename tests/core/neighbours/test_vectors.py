"""Distinct vectors are found exactly, and precision is put back as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import EmbeddingError
from core.neighbours import vectors
from core.neighbours.vectors import find_nodes, full_precision, similarity, unit_rows

CPU = torch.device("cpu")


@pytest.mark.parametrize("keep_bytes", [0, 1 << 30])
def test_equal_rows_share_a_node_and_reference_nodes_come_first(keep_bytes):
    a, b, c = np.float32([1, 0]), np.float32([0, 1]), np.float32([1, 1])
    embeddings = np.stack([a, b, a * 4, c, b, c])
    reference = np.array([False, False, True, False, False, True])
    nodes = find_nodes(embeddings, reference, CPU, keep_bytes)
    np.testing.assert_array_equal(nodes.row, [2, 5, 1])
    np.testing.assert_array_equal(nodes.of_row, [0, 2, 0, 1, 2, 1])
    assert nodes.references == 2
    np.testing.assert_allclose(nodes.block(0, 3).numpy(), np.stack([a, c / np.sqrt(2), b]), atol=1e-7)
    np.testing.assert_allclose(nodes.pick(np.array([2, 0])).numpy(), np.stack([b, a]), atol=1e-7)


def test_a_zero_of_either_sign_is_the_same_vector():
    nodes = find_nodes(np.float32([[1, 0.0], [1, -0.0]]), np.ones(2, bool), CPU)
    assert nodes.count == 1


def test_rows_that_share_a_fingerprint_only_stay_apart(monkeypatch):
    monkeypatch.setattr(vectors, "_odd_weights", lambda width, device: torch.zeros(width, dtype=torch.int64))
    embeddings = np.float32([[1, 0], [0, 1], [1, 0], [1, 1]])
    nodes = find_nodes(embeddings, np.ones(4, bool), CPU)
    np.testing.assert_array_equal(nodes.of_row, [0, 1, 0, 2])


def test_unit_rows_name_a_bad_row_by_its_place_in_the_whole_array():
    embeddings = np.ones((10, 2), np.float32)
    embeddings[7] = np.nan
    with pytest.raises(EmbeddingError, match="row 7 of queries is not finite"):
        unit_rows(embeddings, slice(5, 10), CPU, name="queries")
    with pytest.raises(EmbeddingError, match="row 7 of queries"):
        unit_rows(torch.from_numpy(embeddings), np.array([3, 7]), CPU, name="queries")


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("width", [1, 300, 768, 1024, 1280, 2500])
def test_products_are_exact_to_float32_by_either_library(monkeypatch, onednn, width):
    if onednn and not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(vectors, "_onednn", lambda: onednn)
    rng = np.random.default_rng(width)
    left = unit_rows(np.abs(rng.standard_normal((37, width))), slice(0, 37), CPU, name="rows")
    right = unit_rows(np.abs(rng.standard_normal((53, width))), slice(0, 53), CPU, name="rows")
    expected = left.double() @ right.double().T
    np.testing.assert_allclose(similarity(left, right).numpy(), expected.numpy(), atol=1e-6)


def test_full_precision_is_given_back():
    torch.set_float32_matmul_precision("high")
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
