"""How far reviewers agree beyond chance, and where they do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import ReviewError
from core.review.standing import DecisionEntry


@dataclass(frozen=True)
class Agreement:
    """Two reviewers over what both have decided.

    Attributes:
        both: Regions that both have decided.
        same: Of these, with the same verdict.
        kappa: Cohen's kappa in [-1, 1]: 1 is full agreement, 0 what chance gives; NaN when both always say one thing.
    """

    first: str
    second: str
    both: int
    same: int
    kappa: float


def verdicts_by_region(decisions: Iterable[DecisionEntry]) -> dict[int, dict[str, str]]:
    """Region id → reviewer → verdict, of decisions that stand."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for decision in decisions:
        if decision.stands and decision.region_id is not None:
            found[decision.region_id][decision.actor] = decision.verdict
    return dict(found)


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Cohen's kappa of two lists of verdicts on the same regions.

    ``(p_o - p_e) / (1 - p_e)`` with p_o the share of equal verdicts and p_e the share that chance gives two people with
    these habits.

    Returns:
        In [-1, 1]; NaN when both gave one and the same verdict throughout, where chance explains everything.

    Raises:
        ReviewError: the lists differ in length or are empty.

    Source: Cohen 1960, doi 10.1177/001316446002000104.
    """
    if len(first) != len(second) or not first:
        raise ReviewError(f"two equally long lists of verdicts are compared, got {len(first)} and {len(second)}")
    names = sorted({*first, *second})
    place = {name: at for at, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for one, other in zip(first, second, strict=True):
        table[place[one], place[other]] += 1
    table /= table.sum()
    observed, expected = float(np.trace(table)), float(table.sum(axis=1) @ table.sum(axis=0))
    return float("nan") if expected >= 1.0 else (observed - expected) / (1.0 - expected)


def fleiss_kappa(counts: np.ndarray) -> float:
    """Fleiss' kappa of several reviewers, not the same ones for every region.

    Args:
        counts: ``[N, V]``: how many gave each of V verdicts to each of N regions; each row adds up to the same n >= 2.

    Returns:
        In [-1, 1]; NaN when only one verdict was ever given.

    Raises:
        ReviewError: no region, or rows of differing sums, or fewer than two reviewers.

    Source: Fleiss 1971, doi 10.1037/h0031619.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or not len(table):
        raise ReviewError(f"expected counts of shape [regions, verdicts], got {table.shape}")
    raters = table.sum(axis=1)
    if raters.min() < 2 or raters.max() != raters.min():
        raise ReviewError("every region needs the same number of verdicts, at least two")
    n = raters[0]
    agreed = (np.square(table).sum(axis=1) - n) / (n * (n - 1))
    chance = float(np.square(table.sum(axis=0) / table.sum()).sum())
    return float("nan") if chance >= 1.0 else (float(agreed.mean()) - chance) / (1.0 - chance)


def pairs(verdicts: Mapping[int, Mapping[str, str]]) -> list[Agreement]:
    """Every two reviewers that share regions, those with most in common first."""
    shared: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in verdicts.values():
        people = sorted(said)
        for at, one in enumerate(people):
            for other in people[at + 1 :]:
                shared[one, other].append((said[one], said[other]))
    found = []
    for (one, other), both in shared.items():
        left, right = [pair[0] for pair in both], [pair[1] for pair in both]
        same = sum(a == b for a, b in both)
        found.append(Agreement(one, other, len(both), same, cohen_kappa(left, right)))
    return sorted(found, key=lambda pair: (-pair.both, pair.first, pair.second))


def overall(verdicts: Mapping[int, Mapping[str, str]]) -> tuple[float, int, int] | None:
    """Fleiss' kappa over the regions with the commonest number (two or more) of verdicts.

    Returns:
        Kappa, regions, verdicts a region; ``None`` when no region has two.
    """
    by_number: dict[int, list[Mapping[str, str]]] = defaultdict(list)
    for said in verdicts.values():
        if len(said) >= 2:
            by_number[len(said)].append(said)
    if not by_number:
        return None
    number = max(by_number, key=lambda n: (len(by_number[n]), n))
    names = sorted({verdict for said in by_number[number] for verdict in said.values()})
    counts = np.array([[list(said.values()).count(name) for name in names] for said in by_number[number]])
    return fleiss_kappa(counts), len(counts), number


def disagreements(verdicts: Mapping[int, Mapping[str, str]]) -> list[int]:
    """Regions on which reviewers differ, those with most verdicts first, then by id."""
    differing = [region for region, said in verdicts.items() if len(set(said.values())) > 1]
    return sorted(differing, key=lambda region: (-len(verdicts[region]), region))
