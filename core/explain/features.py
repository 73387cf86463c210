"""Per-feature Grad-CAM++ of all D embedding values at once, in closed form.

The gradient of ``f_c`` with respect to the tensor A that enters the average pool is ``1/HW`` on channel c and 0
elsewhere. Grad-CAM++'s weights (Chattopadhay et al. 2018, arXiv 1710.11063, equation 19) are then one positive number
for channel c and 0 for the others, and scaling to [0, 1] cancels it: the map of feature c is channel ``A_c``, cut at 0
and scaled. pytorch-grad-cam scales twice (each layer's map, then their mean), each time ``(x - min) / (max + 1e-7)``,
resizing between the two; so do we.

The contract:
- features agree with the library's maps within 1e-3 of full scale wherever the channel is not constant;
- a constant channel, which has no map, is 0;
- maps scaled by their own range are not additive: the combination shows the study's own idea, the exact maps show the
  score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_EPSILON = 1e-7  # the library's
_ROWS = 16384


@dataclass(frozen=True)
class FeatureMaps:
    """Of B regions.

    Attributes:
        combined: ``[B, h, w]`` float32: all D maps, weighted by their features' contributions to the score.
        contributions: ``[B, D]`` float32, see `core.explain.exact.Split.contributions`; a row adds up to its score.
        top: ``[B, T]`` int64, the features that add most to the score, most first.
        top_maps: ``[B, T, h, w]`` float32 in [0, 1], the scaled maps of those.
    """

    combined: Tensor
    contributions: Tensor
    top: Tensor
    top_maps: Tensor


def feature_cams(features: Tensor) -> Tensor:
    """Grad-CAM++ of every embedding value, scaled as the library does without resizing.

    Args:
        features: ``[B, D, h, w]`` float32, the tensor that enters the plain average pool.

    Returns:
        ``[B, D, h, w]`` float32 in [0, 1].
    """
    return scaled(scaled(features.clamp_min(0)))


def resized_feature_cams(features: Tensor, size: tuple[int, int]) -> Tensor:
    """As `feature_cams`, resized between the two scalings to ``size`` ``(H, W)``, as the library does.

    Returns:
        ``[B, D, H, W]`` float32 in [0, 1]: 400 MB for one image of 224 x 224 and 2048 features.
    """
    first = scaled(features.clamp_min(0))
    return scaled(torch.nn.functional.interpolate(first, size, mode="bilinear", align_corners=False))


def scaled(maps: Tensor) -> Tensor:
    """``(x - min) / (max of that + 1e-7)`` over the last two dimensions."""
    shifted = maps - maps.amin((-2, -1), keepdim=True)
    return shifted / (shifted.amax((-2, -1), keepdim=True) + _EPSILON)


def feature_maps(features: Tensor, contributions: Tensor, top: int = 6) -> FeatureMaps:
    """All features' maps combined, and the most important ones by themselves.

    Args:
        features: ``[B, D, h, w]`` float32.
        contributions: ``[B, D]``, of any precision: ``e_c (e_c - m_c)`` for kNN.
        top: Features listed, cut to D.
    """
    contributions = contributions.to(features.dtype)
    cams = feature_cams(features)
    combined = torch.einsum("bchw,bc->bhw", cams, contributions)
    order = contributions.topk(min(top, contributions.shape[1]), dim=1).indices
    index = order[:, :, None, None].expand(-1, -1, *cams.shape[2:])
    return FeatureMaps(combined, contributions, order, cams.gather(1, index))


def typical_rows(embeddings: NDArray[np.floating], features: Sequence[int], count: int) -> NDArray[np.int64]:
    """For each feature the regions in which it is largest, as a share of the embedding's length.

    Args:
        embeddings: ``[N, D]``, any length; a memory map is read block by block.

    Returns:
        ``[len(features), min(count, N)]`` rows, most typical first, ties by row.
    """
    parts = []
    for start in range(0, len(embeddings), _ROWS):
        block = np.asarray(embeddings[start : start + _ROWS], np.float32)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        parts.append(block[:, list(features)] / np.maximum(lengths, np.finfo(np.float32).tiny))
    order = np.argsort(-np.concatenate(parts), axis=0, kind="stable")
    return order[:count].T.astype(np.int64)
