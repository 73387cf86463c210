"""Several detectors by their ranks, so that none outvotes the others by its scale.

Each member's score becomes its rank among scores of reference regions that this member was not fitted on (two halves of
the groups, each scored by a fit on the other); the ensemble's score is the mean rank. Beyond the strangest reference
region the rank still grows, but by less than one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.neighbours.vectors import Vectors
from core.ood.detector import Detector, Fitted, Logits, Scores, group_numbers
from core.ood.gaussian import Mahalanobis, RootMahalanobis
from core.ood.halves import half_of_groups
from core.ood.subspace import PcaResidual


@dataclass(frozen=True)
class FittedEnsemble(Fitted):
    """Fitted members and what their scores are worth.

    Attributes:
        members: In the order of `tables`.
        tables: ``[M, R]`` float64, each member's held-out reference scores, rising.
    """

    members: tuple[Fitted, ...]
    tables: NDArray[np.float64]

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Mean rank, in [0, 1]."""
        return self.combine([member.score(target, logits) for member in self.members])

    def combine(self, scores: list[Scores]) -> Scores:
        """Mean rank from the members' scores, in [0, 1]."""
        ranks = np.stack([_ranks(table, score) for table, score in zip(self.tables, scores, strict=True)])
        mean: Scores = ranks.mean(axis=0)
        return mean

    def disagreement(self, scores: list[Scores]) -> Scores:
        """Largest less smallest rank of the members, in [0, 1]; 0 is agreement."""
        ranks = np.stack([_ranks(table, score) for table, score in zip(self.tables, scores, strict=True)])
        spread: Scores = np.ptp(ranks, axis=0)
        return spread


@dataclass(frozen=True)
class RankEnsemble(Detector):
    """Mean rank of some detectors.

    Attributes:
        members: Detectors, none of which needs logits unless logits are given.
        seed: Of the halving.
    """

    members: tuple[Detector, ...] = (Mahalanobis(), RootMahalanobis(), PcaResidual())
    seed: int = 0
    name: ClassVar[str] = "ensemble"
    title: ClassVar[str] = "rank ensemble"
    source: ClassVar[str] = "mean rank; Aggarwal & Sathe 2015, doi 10.1145/2830544.2830549"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedEnsemble:
        """See `Detector.fit`; needs two groups on either half."""
        own = group_numbers(groups, len(reference))
        first = half_of_groups(own, self.seed)
        tables = np.empty((len(self.members), len(reference)))
        for row, member in enumerate(self.members):
            for half in (first, ~first):
                fitted = member.fit(reference[half], None if logits is None else logits[half], own[half])
                tables[row, ~half] = fitted.score(reference[~half], None if logits is None else logits[~half])
        members = tuple(member.fit(reference, logits, own) for member in self.members)
        return FittedEnsemble(members, np.sort(tables, axis=1))


def _ranks(table: NDArray[np.float64], scores: Scores) -> Scores:
    """Share of the rising `table` below each score, equal ones by half; past its end a little more."""
    below = np.searchsorted(table, scores, side="left") + np.searchsorted(table, scores, side="right")
    width = max(float(table[-1] - np.median(table)), 1e-12)
    excess = np.maximum(scores - table[-1], 0.0) / width
    result: Scores = (below / 2.0 + excess / (1.0 + excess)) / (len(table) + 1)
    return result
