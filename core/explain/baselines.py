"""Maps that know nothing of the score: what a why-map must beat before it is believed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def random_map(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Independent uniform cells in [0, 1)."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def centre_blob(shape: tuple[int, int], width: float = 0.2) -> NDArray[np.float32]:
    """A Gaussian in the middle: where photographers, and pilots, put what they look at.

    Args:
        shape: ``(h, w)`` of the map.
        width: Standard deviation as a share of each side.
    """
    rows = (np.arange(shape[0]) + 0.5) / shape[0] - 0.5
    columns = (np.arange(shape[1]) + 0.5) / shape[1] - 0.5
    return np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / (2 * width**2)).astype(np.float32)


def activation_norm(features: Tensor) -> Tensor:
    """The length of every cell's features: ``[B, D, h, w]`` to ``[B, h, w]`` float32."""
    norms: Tensor = torch.linalg.vector_norm(features, dim=1)
    return norms
