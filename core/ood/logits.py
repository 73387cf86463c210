"""Scores from a classifier's logits alone: energy and maximum logit.

Energy: Liu et al. 2020, arXiv 2010.03759, eq. 4, ``-T logsumexp(logits / T)``; maximum logit: Hendrycks et al. 2022,
arXiv 1911.11132, ``-max(logits)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.errors import EmbeddingError, GraphError
from core.neighbours.vectors import Vectors
from core.ood.detector import BLOCK, Detector, Fitted, Logits, Scores


def logits_of(logits: Logits | None, rows: int, title: str) -> Logits:
    """The logits that a detector needs, checked.

    Raises:
        GraphError: there are none.
        EmbeddingError: not one row a region, or a number that is not finite.
    """
    if logits is None:
        raise GraphError(
            f"{title} reads a classifier's logits, and there is no classifier here; choose a detector of embeddings"
        )
    if logits.ndim != 2 or logits.shape[0] != rows or logits.shape[1] == 0:
        raise EmbeddingError(f"logits must have shape ({rows}, C), got {tuple(logits.shape)}")
    if not all(np.isfinite(logits[start : start + BLOCK]).all() for start in range(0, rows, BLOCK)):
        raise EmbeddingError("some logits are not finite; leave those regions out")
    return logits


@dataclass(frozen=True)
class FittedLogits(Fitted):
    """Nothing is learnt: the classifier has learnt it.

    Attributes:
        temperature: Positive; as it nears 0 the energy becomes the maximum logit.
        maximum: Whether the maximum alone is read.
    """

    temperature: float
    maximum: bool

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Energy, or the negative maximum logit; any number. Embeddings are not looked at."""
        given = logits_of(logits, len(target), "this detector")
        scores = np.empty(len(given))
        for start in range(0, len(given), BLOCK):
            block = np.asarray(given[start : start + BLOCK], np.float64)
            top = block.max(axis=1)
            scores[start : start + BLOCK] = -top
            if not self.maximum:
                rest = np.exp((block - top[:, None]) / self.temperature).sum(axis=1)
                scores[start : start + BLOCK] -= self.temperature * np.log(rest)
        return scores


@dataclass(frozen=True)
class Energy(Detector):
    """Free energy of the logits."""

    temperature: float = 1.0
    name: ClassVar[str] = "energy"
    title: ClassVar[str] = "energy"
    source: ClassVar[str] = "Liu et al. 2020, arXiv 2010.03759"
    needs_logits: ClassVar[bool] = True
    halved: ClassVar[bool] = False

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedLogits:
        """Only checks that there are logits."""
        logits_of(logits, len(reference), self.title)
        return FittedLogits(self.temperature, False)


@dataclass(frozen=True)
class MaxLogit(Detector):
    """How unsure the classifier's surest answer is."""

    name: ClassVar[str] = "max_logit"
    title: ClassVar[str] = "maximum logit"
    source: ClassVar[str] = "Hendrycks et al. 2022, arXiv 1911.11132"
    needs_logits: ClassVar[bool] = True
    halved: ClassVar[bool] = False

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedLogits:
        """Only checks that there are logits."""
        logits_of(logits, len(reference), self.title)
        return FittedLogits(1.0, True)
