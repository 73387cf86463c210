"""How good a map is, as numbers.

The contract:
- maps are judged by their positive part, in pixels of the image; a map that is nowhere positive earns 0;
- against masks: the pointing game and the energy inside; both rise with the area of the mask, so they are only to be
  read beside the same measure of `core.explain.baselines`;
- against the score: deletion and insertion, the sign of every cell against taking the cell away, completeness.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.explain.exact import pooled

Score = Callable[[Tensor], Tensor]
"""Embeddings ``[B, D]`` of any length to scores ``[B]``."""


def pointing_game(pixels: NDArray[np.floating], mask: NDArray[np.bool_]) -> bool:
    """Whether the map's highest pixel lies in the mask.

    Args:
        pixels: ``[H, W]``, NaN where unknown.
        mask: ``[H, W]``.

    Source: Zhang et al. 2016, arXiv 1608.00507 (without its margin of 15 pixels).
    """
    known = np.where(np.isnan(pixels), -np.inf, pixels)
    return bool(mask.ravel()[int(known.argmax())])


def energy_inside(pixels: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Share of the map's positive part that lies in the mask, in [0, 1].

    Source: the energy-based pointing game of Wang et al. 2020 (Score-CAM), arXiv 1910.01279.
    """
    positive = np.clip(np.nan_to_num(np.asarray(pixels, np.float64)), 0, None)
    whole = positive.sum()
    return float(positive[mask].sum() / whole) if whole > 0 else 0.0


def ranking_auc(pixels: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Chance that a pixel in the mask is higher than one outside: 0.5 for no knowledge, NaN without either kind.

    It does not change when the map's scale is bent, as energy does.
    """
    known = ~np.isnan(pixels)
    values, inside = np.asarray(pixels)[known], mask[known]
    hits, misses = int(inside.sum()), int((~inside).sum())
    if not hits or not misses:
        return float("nan")
    from scipy.stats import rankdata

    return float((rankdata(values)[inside].sum() - hits * (hits + 1) / 2) / (hits * misses))


def completeness_error(cells: NDArray[np.floating], promised: float) -> float:
    """How far the sum of the cells is from what it promises to be: the score, or 0 for a centred map."""
    return abs(float(np.asarray(cells, np.float64).sum()) - promised)


def removal_effects(features: Tensor, score: Score, block: int = 64) -> Tensor:
    """What becomes of a region's score when one of its cells is taken away.

    Args:
        features: ``[D, h, w]``, the tensor that enters the average pool, of one region.
        score: Scores embeddings anew, neighbours and all.
        block: Cells at once.

    Returns:
        ``[h, w]`` float64: score before minus score without the cell. Positive cells make it stranger.

    Raises:
        ValueError: there is only one cell; nothing would be left.
    """
    cells = features.flatten(1).double()
    count = cells.shape[1]
    if count < 2:
        raise ValueError("a map of one cell has no other cells to be compared with")
    whole = cells.sum(1)
    before = score(pooled(features[None]).double()).double()
    without = [
        score((whole[None] - cells[:, start : start + block].T) / (count - 1)).double()
        for start in range(0, count, block)
    ]
    return (before - torch.cat(without)).reshape(features.shape[1:])


def sign_agreement(cells: NDArray[np.floating], effects: NDArray[np.floating]) -> float:
    """Share of cells whose sign is that of their removal's effect; cells without effect are left out (NaN if all)."""
    counted = effects != 0
    return float((np.sign(cells[counted]) == np.sign(effects[counted])).mean()) if counted.any() else float("nan")


def deletion_curve(
    cells: NDArray[np.floating],
    pixels: Tensor,
    ground: Tensor,
    score: Callable[[Tensor], Tensor],
    *,
    steps: int = 8,
    insertion: bool = False,
) -> NDArray[np.float64]:
    """Scores while the picture's cells are replaced, the map's highest first.

    Args:
        cells: ``[h, w]`` map over the whole input.
        pixels: ``[3, H, W]`` uint8 input.
        ground: ``[3, H, W]`` uint8, what takes the pixels' place, such as the picture blurred beyond recognition.
        score: Inputs ``[B, 3, H, W]`` uint8 to scores ``[B]``.
        steps: Equal shares of the cells.
        insertion: Begin with the ground and bring the picture back instead.

    Returns:
        ``[steps + 1]`` scores, from nothing replaced to everything.

    Source: Petsiuk, Das & Saenko 2018 (RISE), arXiv 1806.07421.
    """
    order = np.argsort(-np.asarray(cells, np.float64), axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    height, width = pixels.shape[1:]
    at_rows = np.arange(height) * cells.shape[0] // height
    at_columns = np.arange(width) * cells.shape[1] // width
    places = torch.from_numpy(rank.reshape(cells.shape)[at_rows][:, at_columns])
    bounds = np.rint(np.linspace(0, order.size, steps + 1)).astype(np.int64)
    first, second = (ground, pixels) if insertion else (pixels, ground)
    stages = torch.stack([torch.where(places < int(bound), second, first) for bound in bounds])
    scores: NDArray[np.float64] = score(stages).double().cpu().numpy()
    return scores


def area(curve: NDArray[np.floating]) -> float:
    """Mean height of a curve over equal steps (trapezoids)."""
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def group_interval(
    values: NDArray[np.floating], groups: NDArray[np.integer], *, seed: int = 0, draws: int = 1000, level: float = 0.95
) -> tuple[float, float, float]:
    """Mean with a bootstrap interval over whole groups; NaN values are left out.

    Args:
        values: ``[N]``.
        groups: ``[N]``, equal for values that are not independent.

    Returns:
        ``(mean, low, high)``; all NaN without values.
    """
    known = ~np.isnan(values)
    if not known.any():
        return (float("nan"),) * 3
    _, codes = np.unique(np.asarray(groups)[known], return_inverse=True)
    sums = np.bincount(codes, weights=np.asarray(values, np.float64)[known])
    counts = np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    tail = 50 * (1 - level)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(sums.sum() / counts.sum()), float(low), float(high)
