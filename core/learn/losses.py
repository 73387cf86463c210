"""What training a whole network minimises.

`bce`: binary cross-entropy; `asymmetric`: Ridnik et al. 2021, arXiv 2009.14119, eq. 4 and 5, with gamma- = 4,
gamma+ = 0 and a margin of 0.05, for concepts that nearly every picture lacks. A `single` head has softmax
cross-entropy, with class weights if asked for.

The contract: a cell that is unknown adds nothing, neither to the loss nor to what it is divided by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.learn.heads import HeadSpec
from core.learn.labels import LabelTree

LossKind = Literal["bce", "asymmetric"]
GAMMA, MARGIN = 4.0, 0.05


def network_loss(
    logits: Tensor,
    targets: Tensor,
    known: Tensor,
    heads: Sequence[HeadSpec],
    tree: LabelTree,
    kind: LossKind,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Mean loss of each head over its known cells, added up.

    Args:
        logits, targets, known: ``[B, C]``; `targets` and `known` are 0 or 1.
        class_weights: ``[C]`` positive weights: of a `single` head's classes, of a `multi` head's present cells.
    """
    total = logits.new_zeros(())
    for head in heads:
        columns = torch.from_numpy(head.answering(tree)).to(logits.device)
        z, y, k = logits[:, columns].float(), targets[:, columns], known[:, columns]
        weight = None if class_weights is None else class_weights[columns]
        if head.kind == "single":
            use = (k.min(1).values > 0) & (y.sum(1) == 1)
            if use.any():
                total = total + functional.cross_entropy(z[use], y[use].argmax(1), weight=weight)
            continue
        each = _asymmetric(z, y) if kind == "asymmetric" else _binary(z, y)
        if weight is not None:
            each = each * (y * weight + (1 - y))
        total = total + (each * k).sum() / k.sum().clamp(min=1.0)
    return total


def _binary(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def _asymmetric(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    shifted = (p - MARGIN).clamp(min=0)
    present = -functional.logsigmoid(logits)
    absent = -(shifted**GAMMA) * torch.log1p(-shifted.clamp(max=1 - 1e-6))
    return torch.where(targets > 0.5, present, absent)


def inverse_frequency(
    targets: NDArray[np.bool_], known: NDArray[np.bool_], heads: Sequence[HeadSpec]
) -> NDArray[np.float32]:
    """``[C]`` weights by inverse frequency, scaled to a mean of one within each head and at most ten."""
    count = (targets & known).sum(0).clip(min=1).astype(np.float64)
    weights = np.ones(len(count))
    for head in heads:
        columns = np.array(head.columns)
        inverse = 1.0 / count[columns]
        weights[columns] = np.clip(inverse / inverse.mean(), 0.1, 10.0)
    return weights.astype(np.float32)


def oversampled(
    rows: NDArray[np.int64], targets: NDArray[np.bool_], least: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of one epoch: all of them, and images of concepts with fewer than `least` drawn again until they have that.

    Args:
        rows: Training rows: draw only after the split, or copies of one picture land on both sides.
    """
    extra = []
    for column in range(targets.shape[1]):
        having = rows[targets[rows, column]]
        if 0 < len(having) < least:
            extra.append(rng.choice(having, least - len(having)))
    return np.concatenate([rows, *extra]) if extra else rows
