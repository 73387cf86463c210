"""Two runs held against each other: what was asked differently, which flags came and went, how clusters overlap.

The contract: pure; regions are matched by their id, so only those in both runs are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from core.settings import RunSettings


@dataclass(frozen=True)
class FlagChange:
    """How flags differ over the regions that both runs have.

    Attributes:
        common: Regions in both.
        gained: Rows of the second run that are flagged there alone, the strangest first.
        lost: Rows of the first run that are flagged there alone, the strangest first.
        both: Regions flagged in both.
    """

    common: int
    gained: NDArray[np.int64]
    lost: NDArray[np.int64]
    both: int


def settings_between(first: RunSettings, second: RunSettings) -> list[tuple[str, str, str]]:
    """``(setting, first's value, second's value)`` of every setting that differs."""
    left, right = dict(_flat(first.to_json())), dict(_flat(second.to_json()))
    names = dict.fromkeys([*left, *right])
    return [(name, left.get(name, ""), right.get(name, "")) for name in names if left.get(name) != right.get(name)]


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name} ")
        else:
            shown = " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            yield f"{above}{name}".replace("_", " "), "" if value is None else shown


def flags_between(first: pd.DataFrame, second: pd.DataFrame) -> FlagChange:
    """Compare the tables of two runs."""
    rows = _matched(first, second)
    before = first["flagged"].to_numpy(bool)[rows[0]]
    after = second["flagged"].to_numpy(bool)[rows[1]]
    gained, lost = rows[1][after & ~before], rows[0][before & ~after]
    return FlagChange(len(rows[0]), _strangest(second, gained), _strangest(first, lost), int((before & after).sum()))


def clusters_between(first: pd.DataFrame, second: pd.DataFrame) -> list[tuple[int, int, int, float]]:
    """``(cluster, most like it in the second run, regions they share, Jaccard overlap in [0, 1])``, by first's cluster;
    the second is -1 where all of a cluster became noise."""
    rows = _matched(first, second)
    left = first["cluster"].to_numpy(np.int64)[rows[0]]
    right = second["cluster"].to_numpy(np.int64)[rows[1]]
    found = []
    for cluster in np.unique(left[left >= 0]):
        mine = left == cluster
        others, counts = np.unique(right[mine & (right >= 0)], return_counts=True)
        if not len(others):
            found.append((int(cluster), -1, 0, 0.0))
            continue
        union = [int((mine | (right == other)).sum()) for other in others]
        overlap = counts / np.array(union)
        best = int(np.argmax(overlap))
        found.append((int(cluster), int(others[best]), int(counts[best]), float(overlap[best])))
    return found


def _matched(first: pd.DataFrame, second: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left, right = first["region_id"].to_numpy(np.int64), second["region_id"].to_numpy(np.int64)
    _, rows_left, rows_right = np.intersect1d(left, right, return_indices=True)
    return rows_left.astype(np.int64), rows_right.astype(np.int64)


def _strangest(table: pd.DataFrame, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    scores = table["ood_score"].to_numpy(float)[rows]
    return rows[np.argsort(-scores, kind="stable")]
