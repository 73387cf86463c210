"""Each batch of a timeline against the reference: content, coordinates, pictures and labels.

The contract:
- groups of a batch never belong to the reference that it is compared with;
- batches of the reference itself are compared with the rest of the reference, to show what is usual; alarms are for
  target batches alone;
- the same input and seed give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core.drift.marginals import Feature, ks_shift, prior_shift
from core.drift.mmd import kernel_means, kernel_width, sample_rows, squared_mmd, unit_sample, witness
from core.drift.permuting import PERMUTATIONS, Verdict, assignments, verdict
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
"""Leading directions of the reference that are looked at one by one."""


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


def timeline(of: Collection, *, permutations: int = PERMUTATIONS, seed: int = 0) -> tuple[Shift, ...]:
    """All batches, in order; first those of the target, then those of the reference.

    Raises:
        GraphError: there is no reference, or no region is in any batch.
        EmbeddingError: a row is zero or not finite.
    """
    if not of.reference.any():
        raise GraphError("there is no reference to compare with; choose reference conditions that some region meets")
    if not ((of.target | of.reference) & (of.batches >= 0)).any():
        raise GraphError("no region is in any batch; compare by something that the source names")
    rows = sample_rows(of.groups, np.flatnonzero(of.reference), seed=seed)
    units = unit_sample(of.embeddings, rows)
    width = kernel_width(units, of.groups[rows], seed=seed)
    axes = _axes(units)
    return tuple(_shifts(of, width, axes, permutations, seed))


def _axes(units: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Mean and leading axes of the reference; ``None`` where all of it is one picture."""
    try:
        basis = Basis.of(units, "drift")
    except GraphError:
        return None
    return basis.mean, basis.axes[:, :COORDINATES]


def _shifts(
    of: Collection,
    width: float,
    axes: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    permutations: int,
    seed: int,
) -> Iterator[Shift]:
    for is_reference, side in ((False, of.target & ~of.reference), (True, of.reference)):
        for number in np.unique(of.batches[side & (of.batches >= 0)]):
            batch = side & (of.batches == number)
            rest = of.reference & ~np.isin(of.groups, of.groups[batch])
            if rest.any():
                yield _shift(of, int(number), is_reference, batch, rest, width, axes, permutations, seed)


def _shift(
    of: Collection,
    number: int,
    is_reference: bool,
    batch: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    width: float,
    axes: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    permutations: int,
    seed: int,
) -> Shift:
    both = [sample_rows(of.groups, np.flatnonzero(side), seed=seed) for side in (batch, rest)]
    rows = np.concatenate(both)
    units = unit_sample(of.embeddings, rows)
    member, drawn = _pool(of.groups[rows], len(both[0]), permutations, seed)
    verdicts: dict[Question, Verdict] = {
        "content": verdict(squared_mmd(kernel_means(units, member, drawn.shape[1], width), drawn))
    }
    features: dict[Question, tuple[Feature, ...]] = {}
    if axes is not None:
        coordinates = (units.numpy() - axes[0]) @ axes[1]
        names = tuple(f"direction {i + 1}" for i in range(coordinates.shape[1]))
        verdicts["coordinates"], found = ks_shift(coordinates, member, names, drawn)
        features["coordinates"] = _sorted(found)
    parts: tuple[tuple[Question, NDArray[np.floating[Any]], tuple[str, ...]], ...] = (
        ("pictures", of.statistics, of.statistic_names),
        ("labels", of.concepts, of.concept_names),
    )
    for question, values, names in parts:
        known = np.isfinite(values[rows]).all(axis=1) & (len(names) > 0)
        inside = np.arange(len(rows)) < len(both[0])
        if not (known & inside).any() or not (known & ~inside).any():
            continue
        own, shuffled = _pool(of.groups[rows[known]], int((known & inside).sum()), permutations, seed)
        test = ks_shift if question == "pictures" else prior_shift
        verdicts[question], found = test(values[rows[known]], own, names, shuffled)
        features[question] = _sorted(found)
    return Shift(
        number,
        is_reference,
        int(batch.sum()),
        len(np.unique(of.groups[batch])),
        len(np.unique(of.groups[rest])),
        verdicts,
        features,
    )


def _pool(
    groups: NDArray[np.integer[Any]], first: int, permutations: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Groups numbered with those of the first `first` rows (the batch) in front, and the assignments of them."""
    batch = np.unique(groups[:first])
    rest = np.unique(groups[first:])
    order = np.concatenate([batch, rest])
    place = np.argsort(order, kind="stable")
    member: NDArray[np.int64] = place[np.searchsorted(order[place], groups)]
    return member, assignments(len(batch), len(rest), permutations, seed)


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
    width = kernel_width(old, of.groups[known], seed=seed)
    all_new = unit_sample(of.embeddings, came)
    drives = witness(all_new, new, old, width)
    lacks = witness(old, new, old, width)
    return came[np.argsort(-drives, kind="stable")], known[np.argsort(lacks, kind="stable")]
