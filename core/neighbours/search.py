"""Similarity search: the nearest rows of a collection to vectors that need not be in it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import EmbeddingError, GraphError
from core.neighbours.graph import Graph
from core.neighbours.select import NearestColumns
from core.neighbours.vectors import Vectors, check_shape, full_precision, graph_device, similarity, unit_rows
from core.progress import Progress, silent


def search(
    queries: Vectors,
    embeddings: Vectors,
    k: int,
    *,
    device: str | torch.device = "cpu",
    block: int = 4096,
    progress: Progress = silent,
) -> Graph:
    """The `k` rows of `embeddings` nearest to each query.

    Args:
        queries: ``[Q, D]`` floating, any length.
        embeddings: ``[N, D]`` floating, any length; a memory map is read block by block.
        k: Neighbours for each query, ``1 <= k <= N``.
        block: Rows on either side of one product; results agree within 1e-6 between block sizes.
        progress: Called with (blocks of embeddings done, blocks in total).

    Returns:
        A graph of Q rows: ``[Q, k]`` row ids of `embeddings` and cosine distances in [0, 2], nearest first, ties by id.

    Raises:
        EmbeddingError: dimensions differ, or a row is zero or not finite.
        GraphError: `k` is out of range.
    """
    asked, width = check_shape(queries, "queries")
    count, stored = check_shape(embeddings)
    if width != stored:
        raise EmbeddingError(f"queries must have the embeddings' {stored} dimensions, got {width}")
    if not 1 <= k <= count:
        raise GraphError(f"k must be in [1, {count}] for this collection, got {k}; choose a smaller k")
    where = graph_device(device)
    found = NearestColumns(asked, k, where)
    with full_precision():
        left = unit_rows(queries, np.arange(asked), where, name="queries")
        starts = range(0, count, block)
        for done, begin in enumerate(starts):
            progress(done, len(starts))
            end = min(begin + block, count)
            right = unit_rows(embeddings, slice(begin, end), where, name="embeddings")
            columns = torch.arange(begin, end, device=where)
            for start in range(0, asked, block):
                found.take(start, similarity(left[start : start + block], right), columns)
        progress(len(starts), len(starts))
    indices, distances = found.result()
    return Graph(indices.astype(np.int32), distances)


def distances_to(query: Vectors, embeddings: Vectors, *, block: int = 4096) -> NDArray[np.float32]:
    """How far every row of a collection lies from one vector.

    Args:
        query: ``[D]`` floating, any length.
        embeddings: ``[N, D]`` floating, any length; a memory map is read block by block.
        block: Rows of one product.

    Returns:
        ``[N]`` float32 cosine distances in [0, 2]; 0 is a copy.

    Raises:
        EmbeddingError: dimensions differ, or a row is zero or not finite.
    """
    asked = query[None]
    _, width = check_shape(asked, "queries")
    count, stored = check_shape(embeddings)
    if width != stored:
        raise EmbeddingError(f"queries must have the embeddings' {stored} dimensions, got {width}")
    where = torch.device("cpu")
    found = np.empty(count, np.float32)
    with full_precision():
        left = unit_rows(asked, np.arange(1), where, name="queries")
        for begin in range(0, count, block):
            right = unit_rows(embeddings, slice(begin, begin + block), where, name="embeddings")
            found[begin : begin + block] = (1 - similarity(left, right)[0]).numpy()
    clipped: NDArray[np.float32] = np.clip(found, 0, 2)
    return clipped
