"""Match maps: the similarity of two regions, split over pairs of cells.

``e_x·e_y = sum_ij sum_kl (A_ij·B_kl) / (HW·H'W' |f_x||f_y|)``, exactly, for networks that end in global average pooling
(Stylianou, Souvenir & Pless 2019, arXiv 1901.00536).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import SettingsError
from core.explain.exact import pooled, unit


@dataclass(frozen=True)
class Match:
    """The split of one similarity.

    Attributes:
        pairs: ``[h, w, h', w']`` float32; the sum of all is the similarity.
        first: ``[h, w]`` float32, the first region's marginal; its sum is the similarity.
        second: ``[h', w']`` float32, the second's.
        similarity: Cosine of the two embeddings, in [-1, 1].
    """

    pairs: Tensor
    first: Tensor
    second: Tensor
    similarity: float

    def of_cell(self, row: int, column: int) -> Tensor:
        """What one cell of the first region matches: ``[h', w']``, adding up to ``first[row, column]``.

        Raises:
            SettingsError: there is no such cell.
        """
        rows, columns = self.first.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise SettingsError(f"a cell must lie in {rows} x {columns}, got row {row}, column {column}")
        return self.pairs[row, column]


def match(first: Tensor, second: Tensor) -> Match:
    """Split the similarity of two regions.

    Args:
        first: ``[D, h, w]`` float32, the tensor that enters the pool for one region.
        second: ``[D, h', w']`` float32, for the other; the grids may differ.

    Raises:
        EmbeddingError: an embedding is zero or not finite.
        SettingsError: the two come from different networks.
    """
    if first.shape[0] != second.shape[0]:
        raise SettingsError(
            f"two regions match by one network's features, got {first.shape[0]} and {second.shape[0]} of them"
        )
    one, other = (pooled(features[None])[0].double() for features in (first, second))
    similarity = float(unit(one[None])[0] @ unit(other[None])[0])
    cells = first.shape[1] * first.shape[2] * second.shape[1] * second.shape[2]
    scale = 1 / (float(one.norm()) * float(other.norm()) * cells)
    pairs = torch.einsum("chw,ckl->hwkl", first, second * scale)
    return Match(pairs, pairs.sum((2, 3)), pairs.sum((0, 1)), similarity)


def match_marginals(features: Tensor, unit_other: Tensor) -> Tensor:
    """The first marginal alone, for many regions at once and without the other's cells.

    Args:
        features: ``[B, D, h, w]`` float32.
        unit_other: ``[B, D]`` unit embeddings of the regions that each is compared with.

    Returns:
        ``[B, h, w]`` float32; a row's cells add up to its similarity.
    """
    length = pooled(features).double().norm(dim=1, keepdim=True)
    weights = unit_other.double() / (length * features.shape[2] * features.shape[3])
    return torch.einsum("bchw,bc->bhw", features, weights.to(features.dtype))
