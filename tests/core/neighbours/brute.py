"""The neighbour graph by the plainest means, to compare with."""

from __future__ import annotations

import numpy as np


def distances_of(embeddings):
    """``[N, N]`` float64 cosine distances, exactly 0 between rows of the same numbers."""
    rows = np.asarray(embeddings, np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    distances = np.clip(1.0 - unit @ unit.T, 0.0, 2.0)
    for row in range(len(rows)):
        distances[row, (rows == rows[row]).all(axis=1)] = 0.0
    return distances


def nearest(distances, allowed, k):
    """``[N]`` lists of the k nearest allowed columns of each row, ties by column."""
    return [
        [column for column in np.argsort(row, kind="stable") if fits[column]][:k]
        for row, fits in zip(distances, allowed, strict=True)
    ]
