"""Detectors behind one interface: fit on what is known, score what is judged.

The contract:
- ``detector.fit(reference)`` gives a fitted detector, ``fitted.score(target)`` a score a row; larger is stranger;
- embeddings count by direction alone: every row is divided by its length, a zero or not finite one is an error; with a
  ``power`` below 1, every number is then raised to it, its sign kept, and the row divided by its length again, so that
  many weak features weigh as much as a few strong ones (Perronnin et al. 2010, doi 10.1007/978-3-642-15561-1_11);
- a fitted detector is a frozen dataclass of arrays and plain numbers, so the artefact store keeps it without pickles;
- `score` walks over blocks: its extra memory depends on the block, not on how many rows there are;
- the same input, seed, machine and thread count give the same bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import EmbeddingError, GraphError
from core.neighbours.vectors import Vectors, check_shape, full_precision, unit_rows

Logits: TypeAlias = NDArray[np.floating[Any]]
Scores: TypeAlias = NDArray[np.float64]
BLOCK = 4096


class Fitted(ABC):
    """A detector that knows its reference; subclasses are frozen dataclasses of arrays."""

    @abstractmethod
    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """How strange each row is.

        Args:
            target: ``[Q, D]`` floating, any length; a memory map is read block by block.
            logits: ``[Q, C]`` of a classifier, for detectors that read them; ignored by the others.

        Returns:
            ``[Q]`` float64, larger is stranger; comparable only within one fit.

        Raises:
            EmbeddingError: dimensions differ from the reference's, or a row is zero or not finite.
            GraphError: logits are needed and missing.
        """


class Detector(ABC):
    """Settings of a detector; subclasses are frozen dataclasses.

    Attributes:
        name: Short name for columns and the command line, lower case with underscores.
        title: Name for people.
        source: Where it comes from.
        needs_logits: Whether a classifier's logits are needed to fit and score.
        halved: Whether it estimates a density or a covariance, so that reference regions that it was fitted on score
            too low and another half of the groups has to calibrate it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    needs_logits: ClassVar[bool] = False
    halved: ClassVar[bool] = True

    @abstractmethod
    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> Fitted:
        """Learn what is known.

        Args:
            reference: ``[R, D]`` floating, any length.
            logits: ``[R, C]``, for detectors that read them.
            groups: ``[R]`` integers, equal for rows that are not independent; ``None``: each row its own group.

        Raises:
            EmbeddingError: no row, or a row that is zero or not finite.
            GraphError: the reference is too small or too uniform for this detector; the sentence names the way out.
        """


def streamed(
    target: Vectors,
    width: int,
    score_block: Callable[[Tensor, slice], Tensor],
    *,
    power: float = 1.0,
    block: int = BLOCK,
) -> Scores:
    """Scores of all rows, block by block.

    Args:
        width: Dimensions of the reference.
        score_block: ``[n, D]`` float32 unit vectors and the slice they come from, to ``[n]`` scores.
    """
    if target.ndim != 2 or int(target.shape[1]) != width:
        raise EmbeddingError(f"targets must be an array of shape (N, {width}), got shape {tuple(target.shape)}")
    scores = np.empty(len(target))
    with torch.inference_mode(), full_precision():
        for start in range(0, len(target), block):
            rows = slice(start, min(start + block, len(target)))
            units = unit_rows(target, rows, torch.device("cpu"), name="the targets")
            scores[rows] = score_block(powered(units, power), rows).double().numpy()
    return scores


def powered(units: Tensor, power: float) -> Tensor:
    """Unit vectors ``[n, D]`` of the signed powers of unit vectors; themselves when `power` is 1."""
    if power == 1.0:
        return units
    raised = units.sign() * units.abs().pow(power)
    unit: Tensor = raised / torch.linalg.vector_norm(raised, dim=1, keepdim=True)
    return unit


def reference_units(reference: Vectors, minimum: int, title: str, *, power: float = 1.0) -> Tensor:
    """``[R, D]`` float32 unit vectors of a reference of at least `minimum` rows.

    Raises:
        EmbeddingError: wrong shape, or a row that is zero or not finite.
        GraphError: fewer rows.
    """
    count, _ = check_shape(reference, "the reference")
    if count < minimum:
        raise GraphError(
            f"{title} needs at least {minimum} reference regions to learn from, got {count}; choose a larger reference"
        )
    units = unit_rows(reference, slice(0, count), torch.device("cpu"), name="the reference")
    return powered(units, power)


def group_numbers(groups: NDArray[np.integer[Any]] | None, count: int) -> NDArray[np.int64]:
    """Groups as ``[count]`` integers from 0; each row its own when ``None``.

    Raises:
        EmbeddingError: there is not one group for each row.
    """
    if groups is None:
        return np.arange(count)
    if np.shape(groups) != (count,):
        raise EmbeddingError(f"groups must have one entry for each of {count} rows, got shape {np.shape(groups)}")
    numbers: NDArray[np.int64] = np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return numbers
