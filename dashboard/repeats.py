"""Runs of near-duplicates as a page shows them: which picture of each is kept, and which could be left out.

The contract: pure; a run of near-duplicates is what `core.neighbours.duplicates` numbers; ties break by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

RULES: dict[str, tuple[str, str, bool]] = {
    "sharpest": ("the sharpest", "sharpness", False),
    "first": ("the first in time", "taken_at", True),
    "strangest": ("the strangest", "ood_score", False),
    "named": ("with most concepts", "concepts", False),
}
"""Which of a run is kept: words, the column, and whether the smallest is."""


@dataclass(frozen=True)
class Repeats:
    """Runs of near-duplicates, largest first, ties by their number.

    Attributes:
        numbers: ``[G]`` their numbers.
        kept: ``[G]`` the row of the run of the pipeline that is kept of each.
        sizes: ``[G]`` how many pictures they hold.
        rest: ``[M]`` rows that could be left out, run by run.
        members: ``[N]`` int32 the number of each row's run, -1 for a row that is alone or left aside.
    """

    numbers: np.ndarray
    kept: np.ndarray
    sizes: np.ndarray
    rest: np.ndarray
    members: np.ndarray

    def of(self, number: int) -> np.ndarray:
        """Rows of one run, the kept one first."""
        rows = np.flatnonzero(self.members == number)
        return rows[np.argsort(~np.isin(rows, self.kept), kind="stable")]


def rules(table: pd.DataFrame) -> list[str]:
    """The rules that this table can follow; never none."""
    known = [name for name, (_, column, _) in RULES.items() if column in table and table[column].notna().any()]
    return known or ["first"]


def repeats(numbers: np.ndarray, mask: np.ndarray, ranked: np.ndarray, wished: Mapping[int, int]) -> Repeats:
    """Sort runs of near-duplicates out.

    Args:
        numbers: ``[N]`` the number of each row's run, -1 for a row that is alone.
        mask: ``[N]`` bool, the rows that are looked at; runs with fewer than two of them are none.
        ranked: ``[N]`` rows in the order in which they would be kept, best first.
        wished: Rows that a person keeps instead, by the number of their run; others are ignored.
    """
    inside = np.where(mask, numbers, -1)
    sizes = np.bincount(inside + 1)[1:] if len(inside) else np.empty(0, np.int64)
    members = np.where((inside >= 0) & (sizes[inside] > 1 if len(sizes) else False), inside, -1)
    rank = np.empty(len(numbers), np.int64)
    rank[ranked] = np.arange(len(numbers))
    for number, row in wished.items():
        if 0 <= row < len(members) and members[row] == number:
            rank[row] = -1
    rows = np.flatnonzero(members >= 0)
    rows = rows[np.lexsort((rank[rows], members[rows]))]
    first = np.ones(len(rows), bool)
    first[1:] = members[rows][1:] != members[rows][:-1]
    kept = rows[first]
    many = sizes[members[kept]] if len(kept) else np.empty(0, np.int64)
    order = np.argsort(-many, kind="stable")
    return Repeats(members[kept][order], kept[order], many[order], rows[~first], members)


def table(run_table: pd.DataFrame, found: Repeats) -> pd.DataFrame:
    """One row a picture of a run: the run's number from 1, whether it is kept, what identifies it; run by run."""
    import pandas as pd

    place = {int(number): at + 1 for at, number in enumerate(found.numbers)}
    rows = np.flatnonzero(found.members >= 0)
    runs = np.array([place[int(number)] for number in found.members[rows]], dtype=int)
    kept = np.isin(rows, found.kept)
    order = np.lexsort((~kept, runs))
    columns = ["region_id", "image_id", "dataset", "path", "region", "group", "taken_at", "depth_m", "ood_score"]
    shown = run_table[columns].iloc[rows[order]].reset_index(drop=True)
    head = pd.DataFrame({"run_of_near_duplicates": runs[order], "kept": np.where(kept[order], "yes", "no")})
    return pd.concat([head, shown], axis=1)
