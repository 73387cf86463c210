"""A whole evaluation: the figures, the same by concept and by stratum, the curves, the confusion; and two compared.

The contract: everything comes from one `Cases` and one set of resamples, so figures fit each other, and differences of
two models are drawn on the same groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.evaluate.cases import PRESENT, UNKNOWN, Cases
from core.evaluate.confusing import Confusion, confusion
from core.evaluate.curves import Curves, curves
from core.evaluate.figures import CONCEPT, by_concept, draw_for, image_precision, overall
from core.evaluate.intervals import RESAMPLES, Interval

if TYPE_CHECKING:
    import pandas as pd

STRATUM_FIGURES = ("map20", "f1_micro", "ap_macro", "recall_micro", "precision_micro", "accuracy")
"""What is said of each depth band, site, camera and level."""
_STRATUM_RESAMPLES = 400
_MOST_STRATA = 60


@dataclass(frozen=True)
class Counts:
    """What stands behind an evaluation.

    Attributes:
        regions: Regions with a known truth, at least in part.
        groups: Independent groups among them.
        labels: True labels of exact concepts.
        beyond: Of these, labels of concepts that the model does not know.
        unlabelled: Regions without a true exact concept: left out of MAP@20.
        outside, inside: Regions that are truly unlike the reference, and truly like it; 0 where nobody said.
    """

    regions: int
    groups: int
    labels: int
    beyond: int
    unlabelled: int
    outside: int
    inside: int


@dataclass(frozen=True)
class Evaluation:
    """All figures.

    Attributes:
        overall: By key of `core.evaluate.figures.OVERALL`.
        concepts: One row a concept: ``concept, level, known, threshold, there, said, hits, misses, false_alarms`` and
            each figure of `CONCEPT` as ``NAME, NAME_low, NAME_high``.
        strata: One row a stratum and value: ``stratum, value, regions, groups`` and the figures of `STRATUM_FIGURES`
            with their ends. The levels of the label tree stand among them as stratum ``level``.
    """

    counts: Counts
    overall: Mapping[str, Interval]
    concepts: pd.DataFrame
    strata: pd.DataFrame
    curves: Curves
    confusion: Confusion


def evaluate(cases: Cases, *, resamples: int = RESAMPLES, seed: int = 0) -> Evaluation:
    """Hold predictions against the truth.

    Raises:
        SettingsError: no region has a known truth, or the model knows none of the concepts.
    """
    cases = judged_cases(cases)
    drawn = draw_for(cases, resamples=resamples, seed=seed)
    figures = {key: drawn.interval(values) for key, values in overall(cases, drawn).items()}
    return Evaluation(
        counts_of(cases),
        figures,
        concept_table(cases, resamples=resamples, seed=seed),
        strata_table(cases, resamples=min(resamples, _STRATUM_RESAMPLES), seed=seed),
        curves(cases, drawn),
        confusion(cases),
    )


def judged_cases(cases: Cases) -> Cases:
    """The regions with a known truth.

    Raises:
        SettingsError: there is none, or the model knows none of the concepts.
    """
    if not cases.judged.any():
        raise SettingsError("the model knows none of these concepts; evaluate it on a dataset with its own labels")
    known = (cases.truth[:, cases.ranked] != UNKNOWN).any(axis=1)
    if not known.any():
        raise SettingsError(f"none of {cases.count:,} regions has a known truth; label some, or choose another dataset")
    if not (cases.truth[:, cases.judged] != UNKNOWN).any():
        raise SettingsError("the model knows none of these concepts; evaluate it on a dataset with its own labels")
    return cases.rows(known)


def counts_of(cases: Cases) -> Counts:
    """What stands behind the figures of these cases."""
    exact = cases.columns(cases.ranked)
    true = (exact.truth if exact.stated is None else exact.stated) == PRESENT
    outside = np.full(cases.count, UNKNOWN) if cases.outside is None else cases.outside
    return Counts(
        cases.count,
        cases.group_count,
        int(true.sum()),
        int(true[:, ~exact.known].sum()),
        int((~np.isfinite(image_precision(cases))).sum()),
        int((outside == 1).sum()),
        int((outside == 0).sum()),
    )


def concept_table(cases: Cases, *, resamples: int, seed: int = 0) -> pd.DataFrame:
    """`Evaluation.concepts`: those that are there or are said, most frequent first within their level."""
    import pandas as pd

    drawn = draw_for(cases, resamples=resamples, seed=seed)
    said, known, true = cases.said(), cases.truth != UNKNOWN, cases.truth == PRESENT
    figures = by_concept(cases, drawn)
    table = pd.DataFrame(
        {
            "concept": list(cases.concepts),
            "level": list(cases.levels),
            "known": cases.known,
            "threshold": np.where(cases.known, cases.thresholds, np.nan).astype(float),
            "there": true.sum(axis=0),
            "groups": [len(np.unique(cases.groups[column])) for column in true.T],
            "said": (said & known).sum(axis=0),
            "hits": (said & true).sum(axis=0),
            "misses": (~said & true).sum(axis=0),
            "false_alarms": (said & known & ~true).sum(axis=0),
        }
    )
    for key in CONCEPT:
        ends = [drawn.interval(column) for column in figures[key].T]
        table[key] = [end.value for end in ends]
        table[f"{key}_low"], table[f"{key}_high"] = [end.low for end in ends], [end.high for end in ends]
    kept = table[(table["there"] > 0) | (table["said"] > 0)]
    return kept.sort_values(["level", "there", "concept"], ascending=[True, False, True]).reset_index(drop=True)


def strata_table(cases: Cases, *, resamples: int, seed: int = 0) -> pd.DataFrame:
    """`Evaluation.strata`; regions that lack a stratum's field are in none of its rows."""
    import pandas as pd

    rows: list[dict[str, object]] = []
    for name, values in cases.strata.items():
        named = sorted(set(values[values != ""].tolist()), key=_natural)[:_MOST_STRATA]
        rows += [
            {"stratum": name, "value": value} | _stratum(cases.rows(values == value), resamples, seed)
            for value in named
        ]
    for level in dict.fromkeys(cases.levels):
        part = cases.level(level)
        if (part.truth[:, part.known] == PRESENT).any():
            rows.append({"stratum": "level", "value": level} | _stratum(part, resamples, seed))
    ends = [f"{key}{end}" for key in STRATUM_FIGURES for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["stratum", "value", "regions", "groups", *ends])


def _stratum(cases: Cases, resamples: int, seed: int) -> dict[str, object]:
    drawn = draw_for(cases, resamples=resamples, seed=seed)
    found: dict[str, object] = {"regions": cases.count, "groups": cases.group_count}
    for key, values in overall(cases, drawn).items():
        if key in STRATUM_FIGURES:
            interval = drawn.interval(values)
            found |= {key: interval.value, f"{key}_low": interval.low, f"{key}_high": interval.high}
    return found


def _natural(text: str) -> tuple[tuple[bool, float, str], ...]:
    pieces = re.findall(r"[0-9]+|[^0-9]+", re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", text))
    return tuple((True, float(p), "") if p.isdecimal() else (False, 0.0, p.casefold()) for p in pieces)


@dataclass(frozen=True)
class Difference:
    """One figure of two models on the same regions.

    Attributes:
        gain: First less second, with the interval of the difference itself (each resample drawn for both).
    """

    first: Interval
    second: Interval
    gain: Interval


@dataclass(frozen=True)
class Compared:
    """Two models side by side.

    Attributes:
        regions, groups: What both were asked about and whose truth is known.
        overall: By key of `core.evaluate.figures.OVERALL`.
        concepts: By concept its average precision.
        left_out: Regions that only one of the two was asked about.
    """

    regions: int
    groups: int
    overall: Mapping[str, Difference]
    concepts: Mapping[str, Difference]
    left_out: int


def compare(first: Cases, second: Cases, *, resamples: int = RESAMPLES, seed: int = 0) -> Compared:
    """Two models on the regions and the exact concepts that both have.

    Raises:
        SettingsError: they share no region or no concept, or the truth differs between them.
    """
    first, second = judged_cases(first), judged_cases(second)
    _, here, there = np.intersect1d(first.keys, second.keys, return_indices=True)
    left_out = first.count + second.count - 2 * len(here)
    ours = set(second.concepts)
    names = [name for place, name in enumerate(first.concepts) if first.ranked[place] and name in ours]
    if not len(here) or not names:
        raise SettingsError("the two evaluations share no region or no concept; evaluate both models on one dataset")
    one, other = _aligned(first, here, names), _aligned(second, there, names)
    if not np.array_equal(one.truth, other.truth):
        raise SettingsError("the truth was changed between the two evaluations; evaluate both models again")
    drawn = draw_for(one, resamples=resamples, seed=seed)

    def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Difference:
        return Difference(drawn.interval(a), drawn.interval(b), drawn.interval(a - b))

    a, b = overall(one, drawn), overall(other, drawn)
    each = by_concept(one, drawn)["ap"], by_concept(other, drawn)["ap"]
    concepts = {
        name: difference(each[0][:, place], each[1][:, place])
        for place, name in enumerate(names)
        if np.isfinite(each[0][0, place]) and np.isfinite(each[1][0, place])
    }
    shared = {key: difference(a[key], b[key]) for key in a if key in b}
    return Compared(one.count, one.group_count, shared, concepts, left_out)


def _aligned(cases: Cases, rows: NDArray[np.integer], names: list[str]) -> Cases:
    places = {name: place for place, name in enumerate(cases.concepts)}
    return cases.rows(rows).columns(np.array([places[name] for name in names]))
