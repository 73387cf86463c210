"""Made-up embeddings with groups, for the tests of detectors."""

from __future__ import annotations

import numpy as np


def collection(groups: int, frames: int = 6, width: int = 24, seed: int = 0, spread: float = 0.5, first: int = 0):
    """Positive vectors ``[groups * frames, width]`` float32 around one centre a group, and the groups.

    Centres share a few directions, as embeddings do; `first` is the number of the first group.
    """
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(7).normal(size=(5, width))
    centres = 2.0 + rng.normal(size=(groups, 5)) @ directions * spread
    vectors = np.repeat(centres, frames, axis=0) + 0.2 * rng.normal(size=(groups * frames, width))
    return np.abs(vectors).astype(np.float32), np.repeat(np.arange(first, first + groups), frames)
