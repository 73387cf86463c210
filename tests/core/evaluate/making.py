"""Small evaluations for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.evaluate.cases import Cases


def cases(probabilities: Any, truth: Any, **given: Any) -> Cases:
    """Cases over concepts ``a, b, c, …`` at threshold 0.5, each region its own group; any field can be given."""
    numbers, known = np.asarray(probabilities, float), np.asarray(truth, np.int8)
    count, width = numbers.shape
    fields: dict[str, Any] = {
        "concepts": tuple("abcdefghijklmnopqrstuvwxyz"[:width]),
        "levels": ("concept",) * width,
        "known": np.ones(width, bool),
        "ranked": np.ones(width, bool),
        "thresholds": np.full(width, 0.5),
        "groups": np.arange(count),
        "keys": np.array([f"{row}/image" for row in range(count)]),
    }
    return Cases(numbers, known, **(fields | given))


def drawn(seed: int, count: int = 60, width: int = 5, groups: int = 12, **given: Any) -> Cases:
    """Probabilities that know something of a random truth, with ties and some truth unknown."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((count, width)) < 0.3).astype(np.int8)
    truth[:2] = [[1] * width, [0] * width]
    numbers = np.clip(np.round(0.35 * truth + 0.65 * rng.random((count, width)), 2), 0, 1)
    unknown = rng.random((count, width)) < 0.1
    unknown[:2] = False
    fields = {"groups": rng.integers(0, groups, count)} | given
    return cases(numbers, np.where(unknown, -1, truth), **fields)
