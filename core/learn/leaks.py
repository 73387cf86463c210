"""How much of the validation images the training images have given away: near copies on both sides of a split.

Frames of one dive resemble each other; a split that mixes them (because no groups are known, or the groups named are
smaller than what belongs together) makes every figure too good: on 1,999 real frames of 171 videos the same probe
reached a mean average precision of 0.87 with random frames and 0.17 with whole videos kept apart
(``benchmarks/learn.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR = 0.9
"""Correlation of scaled features from which two pictures count as near copies: on those frames under 1 % of the
validation images have one with videos kept apart, 23 to 46 % with random frames."""
WORTH_SAYING = 0.2
_BLOCK = 1024


@dataclass(frozen=True)
class Leak:
    """Near copies between two sides.

    Attributes:
        share: Validation images with a near copy among the training images, in [0, 1].
        images: Validation images looked at.
    """

    share: float
    images: int

    @property
    def sentence(self) -> str:
        """The warning, or empty where there is nothing to warn of."""
        if self.share < WORTH_SAYING:
            return ""
        return (
            f"{self.share:.0%} of the validation images have a near copy among the training images, so the figures may "
            "be too good; where these belong together, say so at import (--group, --group-pattern)."
        )


def measure_leak(training: NDArray[np.floating], validation: NDArray[np.floating]) -> Leak:
    """Look for near copies.

    Args:
        training, validation: ``[N, F]`` and ``[M, F]`` features of the same kind.
    """
    if len(training) < 2 or len(validation) == 0:
        return Leak(0.0, len(validation))
    mean, deviation = training.mean(0), training.std(0)
    deviation = np.maximum(deviation, 0.05 * np.median(deviation) + 1e-6)
    known, asked = (_units((side - mean) / deviation) for side in (training, validation))
    nearest = [(asked[start : start + _BLOCK] @ known.T).max(axis=1) for start in range(0, len(asked), _BLOCK)]
    return Leak(float((np.concatenate(nearest) >= NEAR).mean()), len(asked))


def _units(values: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(length, 1e-12), np.float32)
