"""Two runs held against each other: what was asked differently, which flags came and went, how clusters overlap.

The contract: pure; regions are matched by their id, so only those in both runs are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.evaluate.intervals import Interval
from core.evaluate.separation import auroc_gain, separation
from core.runs import flags
from core.stages import JOINED, group_codes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from core.settings import RunSettings


@dataclass(frozen=True)
class FlagChange:
    """How flags of what each run judges differ over the regions that both have.

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


@dataclass(frozen=True)
class VerdictChange:
    """What became of the target regions with one verdict, over those that both runs have.

    Attributes:
        verdict: Its key; empty for regions that nobody judged.
        joined: Of them in the second run's reference because they were judged known.
        flagged: Flagged in the first run and in the second.
        score: Median OOD score in the first and in the second; NaN when none has one.
    """

    verdict: str
    regions: int
    joined: int
    flagged: tuple[int, int]
    score: tuple[float, float]


def verdicts_between(first: pd.DataFrame, second: pd.DataFrame, said: Mapping[int, str]) -> list[VerdictChange]:
    """What changed by verdict, verdicts with most regions first, what nobody judged at the end.

    Args:
        said: Region id → verdict. Only target regions are counted.
    """
    left, right = (frame.iloc[rows] for frame, rows in zip((first, second), _judged(first, second), strict=True))
    verdicts = np.array([said.get(int(region), "") for region in left["region_id"]], dtype=object)
    joined = right[JOINED].to_numpy(bool) if JOINED in right.columns else np.zeros(len(right), bool)
    found = []
    for verdict in set(verdicts):
        rows = np.flatnonzero(verdicts == verdict)
        flagged = tuple(int(frame["flagged"].to_numpy(bool)[rows].sum()) for frame in (left, right))
        score = tuple(_median(frame["ood_score"].to_numpy(float)[rows]) for frame in (left, right))
        found.append(VerdictChange(str(verdict), len(rows), int(joined[rows].sum()), flagged, score))  # type: ignore[arg-type]
    return sorted(found, key=lambda change: (change.verdict == "", -change.regions, change.verdict))


@dataclass(frozen=True)
class TellingApart:
    """How well the scores of two runs tell what reviewers call new from what they call known.

    Attributes:
        new, known: Regions of either kind; those that joined the second run's reference take no part.
        first, second: AUROC in [0, 1], 0.5 is guessing, larger is better.
        gain: The second's less the first's, on the same resamples of groups.
    """

    new: int
    known: int
    first: Interval
    second: Interval
    gain: Interval


def telling_apart(
    first: pd.DataFrame, second: pd.DataFrame, new: Collection[int], known: Collection[int]
) -> TellingApart | None:
    """Compare two runs on regions that reviewers judged after both, or that did not join.

    Args:
        new, known: Ids of regions judged either way.

    Returns:
        ``None`` when not both kinds are there.
    """
    rows = _judged(first, second)
    left, right = first.iloc[rows[0]], second.iloc[rows[1]]
    ids = left["region_id"]
    unknown, familiar = ids.isin(list(new)).to_numpy(), ids.isin(list(known)).to_numpy()
    scores = [frame["ood_score"].to_numpy(float) for frame in (left, right)]
    joined = right[JOINED].to_numpy(bool) if JOINED in right.columns else np.zeros(len(right), bool)
    kept = (unknown | familiar) & ~joined & np.isfinite(scores[0]) & np.isfinite(scores[1])
    unknown = unknown[kept]
    if unknown.all() or not unknown.any():
        return None
    before, after = (values[kept] for values in scores)
    groups = group_codes(left)[kept]
    return TellingApart(
        int(unknown.sum()),
        int((~unknown).sum()),
        separation(before, unknown, groups).auroc,
        separation(after, unknown, groups).auroc,
        auroc_gain(after, before, unknown, groups),
    )


def _judged(first: pd.DataFrame, second: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left, right = _matched(first, second)
    target = first["set"].isin(["target", "both"]).to_numpy()[left]
    return left[target], right[target]


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def settings_between(first: RunSettings, second: RunSettings) -> list[tuple[str, str, str]]:
    """``(setting, first's value, second's value)`` of every setting that differs."""
    left, right = dict(_flat(first.to_tell())), dict(_flat(second.to_tell()))
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
    before, after = flags(first)[rows[0]], flags(second)[rows[1]]
    gained, lost = rows[1][after & ~before], rows[0][before & ~after]
    return FlagChange(len(rows[0]), _strangest(second, gained), _strangest(first, lost), int((before & after).sum()))


@dataclass(frozen=True)
class ScoreChange:
    """How OOD scores differ over the regions that both runs scored.

    Attributes:
        common: Regions scored in both.
        order: Spearman's rank correlation in [-1, 1]; 1 is the same order, NaN where there is none.
        strangest: Of the ``top`` strangest target regions of either run, how many both share.
        median: Median score in the first and in the second.
        moved: Rows of the second run, those whose rank among all changed most first.
    """

    common: int
    order: float
    top: int
    strangest: int
    median: tuple[float, float]
    moved: NDArray[np.int64]


def scores_between(first: pd.DataFrame, second: pd.DataFrame, top: int = 100) -> ScoreChange:
    """Compare the OOD scores of two runs."""
    from scipy.stats import rankdata

    rows = _matched(first, second)
    scores = [frame["ood_score"].to_numpy(float)[at] for frame, at in zip((first, second), rows, strict=True)]
    kept = np.isfinite(scores[0]) & np.isfinite(scores[1])
    before, after = scores[0][kept], scores[1][kept]
    ranks = rankdata(before), rankdata(after)
    varied = len(before) > 1 and np.ptp(ranks[0]) > 0 and np.ptp(ranks[1]) > 0
    order = float(np.corrcoef(*ranks)[0, 1]) if varied else float("nan")
    target = second["set"].isin(["target", "both"]).to_numpy()[rows[1]][kept]
    top = min(top, int(target.sum()))
    ahead = [
        set(np.flatnonzero(target)[np.argsort(-values[target], kind="stable")[:top]]) for values in (before, after)
    ]
    moved = rows[1][kept][np.argsort(-np.abs(ranks[1] - ranks[0]), kind="stable")]
    return ScoreChange(len(before), order, top, len(ahead[0] & ahead[1]), (_median(before), _median(after)), moved)


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
