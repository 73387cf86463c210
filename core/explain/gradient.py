"""Maps by gradient: for detectors without an exact split, for networks without a pooled ending, and of embeddings.

The contract:
- gradients are taken from the last activations on, never through the body, and by `torch.autograd.grad`: nothing is
  hooked, no parameter's ``.grad`` is touched, and nothing outlives the call, also after an error;
- where the network ends in the plain average pool, `gradient_map` of a score is exactly
  `core.explain.exact.centred_map`; elsewhere it is an approximation and is to be called one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.embed.embedder import Embedder
from core.errors import EmbeddingError, SettingsError
from core.explain.features import scaled

Score = Callable[[Tensor], Tensor]
"""Embeddings ``[B, D]`` to scores ``[B]``, each of its own row alone, differentiable."""


def gradient_map(embedder: Embedder, activations: Tensor, score: Score) -> tuple[Tensor, Tensor]:
    """What every cell does to any score: the gradient times what sets the cell apart from the mean cell.

    Putting the mean cell in a cell's place lowers the score by the cell's value, to first order. The mean matters for
    networks whose next layer is a layer norm: there activation times gradient alone is 0 in every cell, for the norm
    takes a cell's length and offset away.

    Args:
        activations: What `Embedder.activations` gave.
        score: Larger is stranger.

    Returns:
        Cells ``[B, h, w]`` float32 and scores ``[B]`` float32. Positive cells make the score larger. For networks of
        tokens the class token's own part is left out.

    Raises:
        EmbeddingError: the gradient is not finite.

    Source: HiResCAM (Draelos & Carin 2020, arXiv 2011.08891), without its cut at 0, against the mean cell.
    """
    values, gradient, scores = _differentiate(embedder, activations, score)
    cells, slope = embedder.map_of(values), embedder.map_of(gradient)
    effects = ((cells - cells.mean((2, 3), keepdim=True)) * slope).sum(1)
    if not bool(torch.isfinite(effects).all()):
        raise EmbeddingError("the score's gradient is not finite at this region, so no map can be drawn from it")
    return effects, scores


def grad_cam(embedder: Embedder, activations: Tensor, score: Score) -> Tensor:
    """Plain Grad-CAM of any score: ``relu(sum_c mean(gradient_c) A_c)``.

    Returns:
        ``[B, h, w]`` float32, at least 0, not scaled.

    Source: Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2.
    """
    values, gradient, _ = _differentiate(embedder, activations, score)
    weights = embedder.map_of(gradient).mean((2, 3))
    return torch.einsum("bchw,bc->bhw", embedder.map_of(values), weights).clamp_min(0)


def embedding_map(embedder: Embedder, activations: Tensor) -> Tensor:
    """What the embedding as a whole rests on: Grad-CAM of the sum of its values, scaled to [0, 1].

    Returns:
        ``[B, h, w]`` float32 in [0, 1]; all 0 where nothing is positive.

    Source: the visualisation of the Whale-do study's winning solution: gradient of the embedding's sum with respect to
    the last feature maps, channel means as weights.
    """
    return scaled(grad_cam(embedder, activations, lambda embeddings: embeddings.sum(1)))


def union(maps: Sequence[Tensor]) -> Tensor:
    """The pixelwise maximum of an ensemble's maps, each scaled to [0, 1] first.

    Args:
        maps: ``[B, h, w]`` each, over the same input; grids may differ, the finest is kept.

    Raises:
        SettingsError: there are no maps.
    """
    if not maps:
        raise SettingsError("a union needs the maps of at least one network, got none")
    size = max((tuple(one.shape[1:]) for one in maps), key=lambda shape: shape[0] * shape[1])
    fitted = [
        scaled(torch.nn.functional.interpolate(scaled(one)[:, None], size, mode="bilinear", align_corners=False)[:, 0])
        for one in maps
    ]
    return torch.stack(fitted).amax(0)


def _differentiate(embedder: Embedder, activations: Tensor, score: Score) -> tuple[Tensor, Tensor, Tensor]:
    with torch.enable_grad():
        values = activations.detach().requires_grad_()
        scores = score(embedder.pool(values))
        (gradient,) = torch.autograd.grad(scores.sum(), values)
    return values.detach(), gradient, scores.detach().float()
