"""Heads: what a model asks of a picture's features, several questions of one body if need be.

The contract:
- a `multi` head answers for each of its concepts alone (sigmoid), a `single` head for exactly one of them (softmax);
- every concept belongs to one head; a parent's column in a `single` head is the sum of its children's probabilities;
- linear layers compute in float32 whatever the precision around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import ModelError, SettingsError
from core.learn.labels import LabelTree

HeadKind = Literal["multi", "single"]


@dataclass(frozen=True)
class HeadSpec:
    """One question.

    Attributes:
        name: Shown to people.
        kind: ``multi`` (any number of its concepts) or ``single`` (exactly one).
        columns: Places of its concepts in the label tree.
    """

    name: str
    kind: HeadKind
    columns: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.kind not in ("multi", "single"):
            raise SettingsError(f"a head answers multi or single, got {self.kind!r}")
        object.__setattr__(self, "columns", tuple(self.columns))

    def answering(self, tree: LabelTree) -> NDArray[np.int64]:
        """Columns that have a logit of their own: for a `single` head, those that images are annotated with."""
        columns = np.array(self.columns, np.int64)
        return columns if self.kind == "multi" else columns[tree.fine_level[columns]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "kind": self.kind, "columns": list(self.columns)}


def one_head(tree: LabelTree, kind: HeadKind = "multi") -> tuple[HeadSpec, ...]:
    """All concepts of a tree in one head."""
    return (HeadSpec("concepts", kind, tuple(range(len(tree)))),)


def checked_heads(heads: Sequence[HeadSpec], tree: LabelTree) -> tuple[HeadSpec, ...]:
    """Heads that share the concepts among them without rest.

    Raises:
        ModelError: a concept belongs to no head or to two.
    """
    columns = sorted(column for head in heads for column in head.columns)
    if columns != list(range(len(tree))):
        raise ModelError("every concept of the label tree must belong to exactly one head; train the model again")
    return tuple(heads)


def raw_probabilities(logits: NDArray[np.floating], heads: Sequence[HeadSpec], tree: LabelTree) -> NDArray[np.float64]:
    """``[N, C]`` in [0, 1] from logits alone, parents not yet raised above their children.

    Args:
        logits: ``[N, C]``.
    """
    values = np.asarray(logits, np.float64)
    result = np.zeros_like(values)
    for head in heads:
        columns = head.answering(tree)
        if head.kind == "multi":
            result[:, columns] = sigmoid(values[:, columns])
        else:
            result[:, columns] = softmax(values[:, columns])
            result = _summed(result, head, tree)
    return result


def _summed(values: NDArray[np.float64], head: HeadSpec, tree: LabelTree) -> NDArray[np.float64]:
    """Parents of a `single` head: what their children hold together, added to their own share."""
    inside = set(head.columns)
    for place in head.columns:
        own, above, seen = values[:, place].copy(), tree.parents[place], {place}
        if not tree.stated[place]:
            continue
        while above >= 0 and above in inside and above not in seen:
            seen.add(above)
            values[:, above] += own if not tree.stated[above] else 0.0
            above = tree.parents[above]
    return np.minimum(values, 1.0)


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 / (1 + exp(-x))`` without overflow."""
    from scipy.special import expit

    return np.asarray(expit(values), np.float64)


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that add up to one."""
    from scipy.special import softmax as of_scipy

    return np.asarray(of_scipy(values, axis=1), np.float64)


class LinearHeads(nn.Module):
    """One or several linear layers on the same features: an ensemble on one body.

    Args:
        weight: ``[E, C, F]``.
        bias: ``[E, C]``.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        if weight.dim() != 3 or bias.shape != weight.shape[:2]:
            raise ModelError(f"heads need weights [E, C, F] and biases [E, C], got {tuple(weight.shape)}")
        self.weight = nn.Parameter(weight.float().contiguous(), requires_grad=False)
        self.bias = nn.Parameter(bias.float().contiguous(), requires_grad=False)

    @property
    def shape(self) -> tuple[int, int]:
        """``(E, C)``."""
        return int(self.weight.shape[0]), int(self.weight.shape[1])

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, F]`` to logits ``[B, E * C]``, member by member."""
        with torch.autocast(features.device.type, enabled=False):
            return torch.nn.functional.linear(features.float(), self.weight.flatten(0, 1), self.bias.flatten())
