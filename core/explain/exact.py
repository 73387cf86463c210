"""Exact maps: OOD scores split over the cells of the tensor that enters global average pooling.

With ``f_c = (1/HW) sum_ij A_c,ij`` and ``e = f/|f|``, a score that is linear in e once a direction w is fixed,
``s = e·w + b``, is a sum over cells: ``s = sum_ij (A_ij·w / |f| + b) / HW``. One forward pass, nothing else.

The contract:
- the additive map's cells add up to the score, up to the rounding of float32;
- the centred map's cells add up to zero: it is ``A·grad_f s / HW``, and s does not change with the length of f (Euler's
  theorem on homogeneous functions). Positive cells make the region stranger, negative ones more familiar: to first
  order, removing a cell lowers the score by its value;
- for kNN the centred map is also ``d - s·q``, where q is each cell's share of the embedding's own length, and its
  positive part is plain Grad-CAM with the score as the target;
- every row of a batch is computed by itself: alone or in a batch it comes out the same, up to rounding.

Detectors enter as plain tensors (`knn_split`, `mahalanobis_split`, `residual_split`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import EmbeddingError


@dataclass(frozen=True)
class Split:
    """What a detector's score becomes once its direction is fixed, for B embeddings.

    Attributes:
        score: ``[B]`` float64, the score itself; larger is stranger.
        weights: ``[B, D]`` float64, the direction w.
        offset: ``[B]`` float64, b in ``score = e·w + b``.
        gradient: ``[B, D]`` float64, the score's gradient with respect to the unit embedding e.
        origin: ``[D]`` float64, mu in ``score = (e - mu)·w``; ``None`` is 0. Feature c adds ``(e_c - mu_c) w_c``.
    """

    score: Tensor
    weights: Tensor
    offset: Tensor
    gradient: Tensor
    origin: Tensor | None = None

    def contributions(self, e: Tensor) -> Tensor:
        """What every feature adds to the score: ``[B, D]`` float64 for unit embeddings e; a row adds up to it."""
        return (e if self.origin is None else e - self.origin) * self.weights


def unit(embeddings: Tensor) -> Tensor:
    """``[B, D]`` float64 of length one.

    Raises:
        EmbeddingError: a row is zero or not finite.
    """
    rows = embeddings.double()
    lengths = rows.norm(dim=1, keepdim=True)
    if not bool((torch.isfinite(lengths) & (lengths > 0)).all()):
        raise EmbeddingError(
            "an embedding is zero or not finite, so its score cannot be split over cells; look at the image itself"
        )
    units: Tensor = rows / lengths
    return units


def knn_split(embeddings: Tensor, neighbour_mean: Tensor) -> Split:
    """The kNN score, ``1 - e·m = e·(e - m)``.

    Args:
        embeddings: ``[B, D]``, any length.
        neighbour_mean: ``[B, D]`` mean of the unit embeddings of the k neighbours that made each score. It is not of
            length one, and must not be made so.

    Returns:
        Scores in [0, 2].

    Source: the score is that of Kuan & Mueller 2022, arXiv 2207.03061.
    """
    e, m = unit(embeddings), neighbour_mean.double()
    weights = e - m
    return Split((e * weights).sum(1), weights, torch.zeros_like(e[:, 0]), -m)


def mahalanobis_split(embeddings: Tensor, mean: Tensor, precision: Tensor) -> Split:
    """The squared Mahalanobis distance, ``(e - mu)·P(e - mu)``, of a detector fitted on unit embeddings.

    Args:
        embeddings: ``[B, D]``, any length.
        mean: ``[D]`` mu, or ``[B, D]`` when each row has its own (the nearest class's).
        precision: ``[D, D]`` P, symmetric.

    Returns:
        Squared distances, at least 0.
    """
    e, mu = unit(embeddings), mean.double()
    difference = e - mu
    weights = difference @ precision.double()
    return Split((difference * weights).sum(1), weights, -(mu * weights).sum(1), 2 * weights, mu)


def residual_split(embeddings: Tensor, mean: Tensor, basis: Tensor) -> Split:
    """The PCA residual, ``|r|`` with ``r`` what is left of ``e - mu`` outside the principal subspace.

    Args:
        embeddings: ``[B, D]``, any length.
        mean: ``[D]`` mu of the detector, fitted on unit embeddings.
        basis: ``[D, P]`` orthonormal columns that span the principal subspace.

    Returns:
        Lengths of the residual, at least 0; where it is 0 every cell is 0.
    """
    e, mu, columns = unit(embeddings), mean.double(), basis.double()
    difference = e - mu
    residual = difference - (difference @ columns) @ columns.T
    score = residual.norm(dim=1)
    weights = residual / score.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
    return Split(score, weights, -(mu * weights).sum(1), weights, mu)


def additive_map(features: Tensor, split: Split) -> Tensor:
    """Where the score sits.

    Args:
        features: ``[B, D, h, w]`` float32, the tensor that enters the plain average pool.
        split: Of the embeddings ``features.mean((2, 3))``.

    Returns:
        ``[B, h, w]`` float32; the sum of a row's cells is its score. Nearly all cells are positive for kNN: it says
        where the score sits, not what would lower it.
    """
    length, cells = _length_and_cells(features)
    offset = split.offset[:, None, None].to(features.dtype) / cells
    return _project(features, split.weights / (length * cells)) + offset


def centred_map(features: Tensor, split: Split) -> Tensor:
    """What makes it stranger (positive), and what more familiar (negative).

    Args:
        features, split: As for `additive_map`.

    Returns:
        ``[B, h, w]`` float32; a row's cells add up to 0.
    """
    length, cells = _length_and_cells(features)
    e = unit(pooled(features))
    tangent = split.gradient - (split.gradient * e).sum(1, keepdim=True) * e
    return _project(features, tangent / (length * cells))


def activation_shares(features: Tensor) -> Tensor:
    """q: each cell's share of the embedding's length.

    Returns:
        ``[B, h, w]`` float32; a row's cells add up to 1.
    """
    length, cells = _length_and_cells(features)
    return _project(features, unit(pooled(features)) / (length * cells))


def pooled(features: Tensor) -> Tensor:
    """``[B, D]`` float32: the mean over the cells of ``[B, D, h, w]``."""
    return features.mean((2, 3), dtype=torch.float32)


def _length_and_cells(features: Tensor) -> tuple[Tensor, int]:
    return pooled(features).double().norm(dim=1, keepdim=True), features.shape[2] * features.shape[3]


def _project(features: Tensor, weights: Tensor) -> Tensor:
    """Sum over channels, each weighted: a batched product, so that no ``[B, D, h, w]`` copy is made."""
    return torch.einsum("bchw,bc->bhw", features, weights.to(features.dtype))
