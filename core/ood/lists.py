"""Which regions of a list to believe when many p-values are looked at: Benjamini-Hochberg and Benjamini-Yekutieli.

Benjamini & Hochberg 1995 keep the expected share of false findings at or below a rate for p-values of independent (or
positively dependent) regions: one pre-chosen region of each independent group. Benjamini & Yekutieli 2001,
doi 10.1214/aos/1013699998, pay a factor of about ln m for any dependence, as between frames of one dive. Conformal
p-values of one calibration set are positively dependent, so the first suffices there (Bates et al. 2023, arXiv
2104.08279, theorem 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

Method = Literal["benjamini-hochberg", "benjamini-yekutieli", "nominal"]


@dataclass(frozen=True)
class Findings:
    """A list of regions called new.

    Attributes:
        chosen: ``[N]`` bool, the regions in the list.
        rate: Share of false findings asked for, in expectation.
        method: How the list was cut; ``nominal`` means every p at or below the rate, without promise for the list.
        considered: p-values that competed.
        groups: Independent groups among them.
        sentence: What the list promises, for people.
    """

    chosen: NDArray[np.bool_]
    rate: float
    method: Method
    considered: int
    groups: int
    sentence: str


def one_per_group(groups: NDArray[np.integer[Any]], seed: int = 0) -> NDArray[np.bool_]:
    """``[N]`` bool: one region of each group, drawn without looking at any score."""
    order = np.random.default_rng(seed).permutation(len(groups))
    first = np.unique(np.asarray(groups)[order], return_index=True)[1]
    chosen = np.zeros(len(groups), bool)
    chosen[order[first]] = True
    return chosen


def step_up(p_values: NDArray[np.floating[Any]], rate: float, *, dependent: bool) -> NDArray[np.bool_]:
    """The regions that a step-up procedure finds: all with p up to the largest ``p_(i) <= i rate / (m c)``.

    Args:
        p_values: ``[m]`` in [0, 1].
        rate: False discovery rate, in (0, 1).
        dependent: ``c`` is the m-th harmonic number (Benjamini-Yekutieli) instead of 1 (Benjamini-Hochberg).

    Raises:
        SettingsError: the rate or a p-value is out of range.
    """
    p = np.asarray(p_values, np.float64)
    if not 0.0 < rate < 1.0:
        raise SettingsError(f"the rate of false findings must be in (0, 1), got {rate}")
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise SettingsError("p-values must lie in [0, 1]; leave out regions that were not scored")
    count = len(p)
    if count == 0:
        return np.zeros(0, bool)
    steps = np.arange(1, count + 1) * rate / count
    if dependent:
        steps /= (1.0 / np.arange(1, count + 1)).sum()
    passed = np.flatnonzero(np.sort(p) <= steps * (1.0 + 1e-12))
    if len(passed) == 0:
        return np.zeros(count, bool)
    chosen: NDArray[np.bool_] = p <= np.sort(p)[passed[-1]]
    return chosen


def _promised(chosen: NDArray[np.bool_], percent: str) -> str:
    many = int(chosen.sum())
    return f"at most {percent} of the {many:,} in the list are expected to be false" if many else "none can be listed"


def findings(
    p_values: NDArray[np.floating[Any]],
    groups: NDArray[np.integer[Any]],
    *,
    rate: float = 0.05,
    method: Method = "benjamini-yekutieli",
    smallest_p: float = 0.0,
    seed: int = 0,
) -> Findings:
    """Cut a list of target regions and say what it promises.

    Args:
        p_values: ``[N]`` in [0, 1], of target regions.
        groups: ``[N]`` integers.
        rate: Share of false findings to keep to.
        method: ``benjamini-hochberg`` looks at one region of each group, drawn at random; the others at all.
        smallest_p: What a p-value can be at least, ``1 / (G + 1)``, to say when no list can be made.
        seed: Of the draw.

    Raises:
        SettingsError: the method is unknown, or a value is out of range.
    """
    p, count = np.asarray(p_values, np.float64), len(np.unique(groups))
    percent = f"{100.0 * rate:g} %"
    if method == "benjamini-hochberg":
        looked = one_per_group(groups, seed)
        chosen = np.zeros(len(p), bool)
        chosen[looked] = step_up(p[looked], rate, dependent=False)
        text = (
            f"One region of each of {count:,} independent groups was drawn without looking at its score; "
            f"{_promised(chosen, percent)} (Benjamini–Hochberg)."
        )
        smallest_needed, tested = rate, int(looked.sum())
    elif method == "benjamini-yekutieli":
        chosen, tested = step_up(p, rate, dependent=True), len(p)
        text = (
            f"All {len(p):,} regions of {count:,} groups were looked at; whatever they have in common, "
            f"{_promised(chosen, percent)} (Benjamini–Yekutieli)."
        )
        smallest_needed = rate / float((1.0 / np.arange(1, max(tested, 1) + 1)).sum())
    elif method == "nominal":
        step_up(p, rate, dependent=False)  # checks the values
        chosen, tested = p <= rate + 1e-12, len(p)
        text = (
            f"The list of {int(chosen.sum()):,} holds every region with p ≤ {rate:g}. This is nominal: of regions with "
            f"nothing new about {percent} would be in it too, so nothing is promised for the list as a whole."
        )
        smallest_needed = rate
    else:
        raise SettingsError(
            f"a list is cut by benjamini-hochberg, benjamini-yekutieli or nominal, got {method!r}; choose one of them"
        )
    if smallest_p > smallest_needed:
        text += (
            f" No list can come of it: p is at least {smallest_p:.2g} with so few reference groups, and the list needs "
            f"{smallest_needed:.2g} or less; a reference of at least {int(np.ceil(1.0 / smallest_needed)) - 1} groups "
            "would do."
        )
    return Findings(chosen, rate, method, tested, count, text)
