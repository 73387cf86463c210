"""Each batch of a timeline against the reference: content, coordinates, pictures and labels.

The contract:
- groups of a batch never belong to the reference that it is compared with;
- batches of the reference itself are compared with the rest of the reference, to show what is usual; alarms are for
  target batches alone;
- the same input and seed give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core.drift.marginals import Distributions, Feature, distributions, grids, ks_shift, prior_shift
from core.drift.mmd import cross_means, kernel_means, kernel_width, sample_rows, squared_mmd, unit_sample, witness
from core.drift.permuting import PERMUTATIONS, Verdict, assignments, group_means, verdict
from core.errors import GraphError
from core.neighbours.vectors import Vectors
from core.ood.basis import Basis

Question = Literal["content", "coordinates", "pictures", "labels"]
QUESTIONS: dict[Question, str] = {
    "content": "content, all at once (MMD)",
    "coordinates": "content, by direction (KS)",
    "pictures": "image statistics (KS)",
    "labels": "how often concepts occur",
}
COORDINATES = 8
"""Leading directions of reference and target together that are looked at one by one."""


@dataclass(frozen=True)
class Shift:
    """One batch against the reference.

    Attributes:
        batch: Its number.
        reference: Whether it is a part of the reference, compared with the rest of it.
        regions, groups: In the batch.
        against: Reference groups that it was compared with.
        verdicts: By question; a question that cannot be asked (no statistics, no labels) is left out.
        features: By question, the most changed first; none of `content`.
    """

    batch: int
    reference: bool
    regions: int
    groups: int
    against: int
    verdicts: dict[Question, Verdict]
    features: dict[Question, tuple[Feature, ...]]


@dataclass(frozen=True)
class Collection:
    """What is known of N regions.

    Attributes:
        embeddings: ``[N, D]`` floating.
        reference, target: ``[N]`` bool.
        groups: ``[N]`` integers.
        batches: ``[N]`` integers, -1 for a region of no batch; the timeline's order is theirs.
        statistics: ``[N, S]`` image statistics, NaN where there are none.
        statistic_names: Of the S statistics.
        concepts: ``[N, C]`` 0 or 1; NaN rows where nobody said.
        concept_names: Of the C concepts.
    """

    embeddings: Vectors
    reference: NDArray[np.bool_]
    target: NDArray[np.bool_]
    groups: NDArray[np.integer[Any]]
    batches: NDArray[np.integer[Any]]
    statistics: NDArray[np.floating[Any]]
    statistic_names: tuple[str, ...]
    concepts: NDArray[np.floating[Any]]
    concept_names: tuple[str, ...]


@dataclass(frozen=True)
class _Side:
    """A sample of some regions, group by group: what all tests of a batch or of the reference start from."""

    named: NDArray[np.int64]
    units: torch.Tensor
    member: NDArray[np.int64]
    coordinates: Distributions | None
    pictures: tuple[NDArray[np.int64], Distributions] | None
    labels: tuple[NDArray[np.int64], NDArray[np.float64]] | None


class _Comparison:
    """A reference, prepared once, and batches compared with it."""

    def __init__(self, of: Collection, permutations: int, seed: int) -> None:
        self.of, self.permutations, self.seed = of, permutations, seed
        rows = sample_rows(of.groups, np.flatnonzero(of.reference), seed=seed)
        asked = sample_rows(of.groups, np.flatnonzero(of.target & ~of.reference), seed=seed)
        both = np.concatenate([rows, asked])
        # Scales come of both sides alike: fitted on the reference alone they would make every batch look different.
        units = unit_sample(of.embeddings, both)
        self.width = kernel_width(units, of.groups[both], seed=seed)
        self.basis = _basis(units)
        if self.basis is not None:
            coordinates = self._coordinates(units)
            self.coordinate_grids, self.coordinate_spread = grids(coordinates), coordinates.std(axis=0)
        finite = np.isfinite(of.statistics).all(axis=1) & (len(of.statistic_names) > 0)
        self.has_pictures = bool(finite[both].any())
        if self.has_pictures:
            self.picture_grids = grids(of.statistics[both[finite[both]]])
            inside = of.statistics[rows[finite[rows]]]
            self.picture_spread = inside.std(axis=0) if len(inside) else np.ones(len(of.statistic_names))
        self.finite = finite
        self.reference = self._side(rows)
        self.kernel = kernel_means(self.reference.units, self.reference.member, len(self.reference.named), self.width)

    def _coordinates(self, units: torch.Tensor) -> NDArray[np.float32]:
        assert self.basis is not None
        found: NDArray[np.float32] = (units.numpy() - self.basis.mean) @ self.basis.axes[:, :COORDINATES]
        return found

    def _side(self, rows: NDArray[np.int64]) -> _Side:
        of = self.of
        units = unit_sample(of.embeddings, rows)
        named, member = _numbered(of.groups[rows])
        coordinates = pictures = labels = None
        if self.basis is not None:
            coordinates = distributions(self._coordinates(units), member, len(named), self.coordinate_grids)
        seen = rows[self.finite[rows]]
        if self.has_pictures and len(seen):
            some, own = _numbered(of.groups[seen])
            pictures = some, distributions(of.statistics[seen], own, len(some), self.picture_grids)
        said = rows[np.isfinite(of.concepts[rows]).all(axis=1)] if len(of.concept_names) else rows[:0]
        if len(said):
            some, own = _numbered(of.groups[said])
            labels = some, group_means(of.concepts[said], own, len(some))
        return _Side(named, units, member, coordinates, pictures, labels)

    def shift(self, number: int, is_reference: bool, batch: NDArray[np.bool_]) -> Shift | None:
        """One batch against the reference without its groups; ``None`` where nothing of the reference is left."""
        own_groups = np.unique(self.of.groups[batch])
        known = self.reference
        kept = ~np.isin(known.named, own_groups)
        if not kept.any():
            return None
        new = self._side(sample_rows(self.of.groups, np.flatnonzero(batch), seed=self.seed))
        verdicts: dict[Question, Verdict] = {"content": self._content(new, kept)}
        features: dict[Question, tuple[Feature, ...]] = {}
        if new.coordinates is not None and known.coordinates is not None:
            names = tuple(f"direction {i + 1}" for i in range(new.coordinates.means.shape[1]))
            both, rows = new.coordinates.then(known.coordinates[kept]), self._drawn(len(new.named), int(kept.sum()))
            verdicts["coordinates"], found = ks_shift(both, self.coordinate_spread, names, rows)
            features["coordinates"] = _sorted(found)
        if new.pictures is not None and known.pictures is not None:
            there = ~np.isin(known.pictures[0], own_groups)
            if there.any():
                both, rows = (
                    new.pictures[1].then(known.pictures[1][there]),
                    self._drawn(len(new.pictures[0]), int(there.sum())),
                )
                verdicts["pictures"], found = ks_shift(both, self.picture_spread, self.of.statistic_names, rows)
                features["pictures"] = _sorted(found)
        if new.labels is not None and known.labels is not None:
            there = ~np.isin(known.labels[0], own_groups)
            if there.any():
                shares = np.concatenate([new.labels[1], known.labels[1][there]])
                rows = self._drawn(len(new.labels[0]), int(there.sum()))
                verdicts["labels"], found = prior_shift(shares, self.of.concept_names, rows)
                features["labels"] = _sorted(found)
        return Shift(number, is_reference, int(batch.sum()), len(own_groups), int(kept.sum()), verdicts, features)

    def _drawn(self, batch: int, reference: int) -> NDArray[np.bool_]:
        return assignments(batch, reference, self.permutations, self.seed)

    def _content(self, new: _Side, kept: NDArray[np.bool_]) -> Verdict:
        known, count = self.reference, len(new.named)
        inside = kernel_means(new.units, new.member, count, self.width)
        across = cross_means(new.units, new.member, count, known.units, known.member, len(known.named), self.width)[
            :, kept
        ]
        means = np.block([[inside, across], [across.T, self.kernel[np.ix_(kept, kept)]]])
        return verdict(squared_mmd(means, self._drawn(count, int(kept.sum()))))


def timeline(of: Collection, *, permutations: int = PERMUTATIONS, seed: int = 0) -> tuple[Shift, ...]:
    """All batches, in order; first those of the target, then those of the reference.

    A batch that shares every group with the reference cannot be compared and is left out.

    Raises:
        GraphError: there is no reference, or no region is in any batch.
        EmbeddingError: a row is zero or not finite.
    """
    if not of.reference.any():
        raise GraphError("there is no reference to compare with; choose reference conditions that some region meets")
    if not ((of.target | of.reference) & (of.batches >= 0)).any():
        raise GraphError("no region is in any batch; compare by something that the source names")
    compared = _Comparison(of, permutations, seed)
    sides = ((False, of.target & ~of.reference), (True, of.reference))
    found = [
        compared.shift(int(number), is_reference, side & (of.batches == number))
        for is_reference, side in sides
        for number in np.unique(of.batches[side & (of.batches >= 0)])
    ]
    return tuple(shift for shift in found if shift is not None)


def _basis(units: torch.Tensor) -> Basis | None:
    """The leading axes; ``None`` where all is one picture."""
    try:
        return Basis.of(units, "drift")
    except GraphError:
        return None


def _numbered(groups: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The groups, and each row's place among them."""
    named, member = np.unique(groups, return_inverse=True)
    return named.astype(np.int64), member.reshape(-1).astype(np.int64)


def _sorted(features: Sequence[Feature]) -> tuple[Feature, ...]:
    return tuple(sorted(features, key=lambda feature: (feature.p_value, -feature.statistic)))


def driving(
    of: Collection, number: int, *, is_reference: bool = False, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The images that drive a batch's change: what came, and what is missing.

    Returns:
        Rows of the batch, the most unlike the reference first; and rows of the reference (a sample of every group), the
        most unlike the batch first.

    Raises:
        GraphError: the batch is empty, or the reference has no other group.
    """
    side = of.reference if is_reference else of.target & ~of.reference
    batch = side & (of.batches == number)
    rest = of.reference & ~np.isin(of.groups, of.groups[batch])
    if not batch.any() or not rest.any():
        raise GraphError("this batch has no region of its own or no reference beside it; choose another one")
    came, known = np.flatnonzero(batch), sample_rows(of.groups, np.flatnonzero(rest), seed=seed)
    sample = sample_rows(of.groups, came, seed=seed)
    new, old = unit_sample(of.embeddings, sample), unit_sample(of.embeddings, known)
    width = kernel_width(torch.cat([new, old]), of.groups[np.concatenate([sample, known])], seed=seed)
    all_new = unit_sample(of.embeddings, came)
    drives = witness(all_new, new, old, width)
    lacks = witness(old, new, old, width)
    return came[np.argsort(-drives, kind="stable")], known[np.argsort(lacks, kind="stable")]
