"""A run as a timeline of batches: which regions belong to which, in what order, and what became of each.

The contract: pure functions of a run's table and embeddings; batches are ordered by the median time of their pictures,
those without any time by name; what cannot be said (no label, no statistics) is left out, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.drift.timeline import QUESTIONS, Collection, Question, Shift, timeline
from core.images.statistics import FIELDS
from core.stages import calibrating, group_codes
from dashboard.indexing import natural
from dashboard.summaries import is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run

MOST_CONCEPTS = 40
MOST_BATCHES = 400
_KEPT = {"group": "dive (group)", "day": "day", "month": "month", "year": "year", "dataset": "dataset"}
_OTHERS = {"camera": "camera", "site": "site"}
_CRUISES = ("cruise", "expedition", "leg", "campaign", "survey", "deployment")


@dataclass(frozen=True)
class Drift:
    """A run's timeline.

    Attributes:
        names: Of all batches, in order; a shift's ``batch`` is a place in it.
        times: ``[B]`` datetime64, the median time of each batch's pictures, NaT where unknown.
        shifts: Of `core.drift.timeline.timeline`.
        unplaced: Regions of no batch.
        collection: What was compared.
    """

    names: list[str]
    times: np.ndarray
    shifts: tuple[Shift, ...]
    unplaced: int
    collection: Collection

    def judged(self, question: Question) -> list[Shift]:
        """The batches that an alarm can be raised for: the target's, or the reference's where there is no target."""
        target = [shift for shift in self.shifts if not shift.reference]
        return [shift for shift in target or self.shifts if question in shift.verdicts]


def choices(table: pd.DataFrame) -> dict[str, str]:
    """What batches can be made of: by column, for people; only where at least two are known."""
    cruises = {
        name: name.removeprefix("extra.")
        for name in table.columns
        if str(name).lower().removeprefix("extra.") in _CRUISES
    }
    return {
        key: name
        for key, name in {**_KEPT, **cruises, **_OTHERS}.items()
        if 2 <= batch_names(table, key).nunique() <= MOST_BATCHES
    }


def batch_names(table: pd.DataFrame, by: str) -> pd.Series:
    """``[N]`` the batch of each region as text, missing where unknown."""
    formats = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
    if by in formats:
        if not table["taken_at"].notna().any():
            return table["path"].map(lambda _: None).astype(object)
        return table["taken_at"].dt.strftime(formats[by]).astype(object)
    names = table[by].astype(object).replace("", None)
    return names.map(str, na_action="ignore")


def drift(run: Run, by: str) -> Drift:
    """The timeline of a run.

    Raises:
        GraphError: there is no reference, or no batch.
    """
    table = run.table
    names = batch_names(table, by)
    order = _ordered(table, names)
    places = {name: place for place, name in enumerate(order)}
    batches = names.map(places).fillna(-1).to_numpy(dtype=np.int64)
    of = Collection(
        run.embeddings,
        calibrating(table, is_reference(table)),
        is_target(table),
        group_codes(table),
        batches,
        table.reindex(columns=list(FIELDS)).to_numpy(dtype=np.float64),
        FIELDS,
        *_concepts(table),
    )
    return Drift(order, _times(table, batches, len(order)), timeline(of), int((batches < 0).sum()), of)


def _ordered(table: pd.DataFrame, names: pd.Series) -> list[str]:
    times = table["taken_at"].groupby(names).median()
    known = [str(name) for name in times.dropna().sort_values(kind="stable").index]
    return known + sorted((str(name) for name in times[times.isna()].index), key=natural)


def _times(table: pd.DataFrame, batches: np.ndarray, count: int) -> np.ndarray:
    found = np.full(count, np.datetime64("NaT"), dtype="datetime64[ns]")
    if table["taken_at"].notna().any():
        medians = table["taken_at"].dt.tz_convert("UTC").dt.tz_localize(None).groupby(batches).median()
        for place, time in medians.items():
            if int(str(place)) >= 0:
                found[int(str(place))] = np.datetime64(time)
    return found


def _concepts(table: pd.DataFrame) -> tuple[np.ndarray, tuple[str, ...]]:
    """``[N, C]`` the commonest concepts, NaN where nobody labelled; and their names."""
    import pandas as pd

    lists = table["concepts"].map(lambda item: list(item) if hasattr(item, "__len__") else [])
    said = table["labelled"].fillna(False).to_numpy(dtype=bool)
    exploded = pd.Series(lists[said].explode().dropna(), dtype=object)
    names = tuple(str(name) for name in exploded.value_counts().index[:MOST_CONCEPTS])
    values = np.zeros((len(table), len(names)), np.float32)
    place = {name: column for column, name in enumerate(names)}
    for row, named in enumerate(lists):
        for name in named:
            if name in place:
                values[row, place[name]] = 1.0
    values[~said] = np.nan
    return values, names


def table_of(found: Drift) -> pd.DataFrame:
    """One row a batch: its size, and statistic and p-value of every question."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for shift in found.shifts:
        row: dict[str, Any] = {
            "batch": found.names[shift.batch],
            "median_time": pd.Timestamp(found.times[shift.batch]),
            "set": "reference" if shift.reference else "target",
            "regions": shift.regions,
            "groups": shift.groups,
            "reference_groups": shift.against,
        }
        for question in QUESTIONS:
            verdict = shift.verdicts.get(question)
            row[f"{question}_statistic"] = verdict.statistic if verdict else None
            row[f"{question}_p_value"] = verdict.p_value if verdict else None
        for feature in (feature for part in shift.features.values() for feature in part):
            row[f"{feature.name} change"], row[f"{feature.name} p"] = feature.change, feature.p_value
        rows.append(row)
    return pd.DataFrame(rows)


def features_of(shift: Shift, question: Question) -> pd.DataFrame:
    """What became of each feature of one question, the most changed first."""
    import pandas as pd

    return pd.DataFrame(
        [vars(feature) for feature in shift.features.get(question, ())],
        columns=["name", "statistic", "p_value", "batch", "reference", "change"],
    )
