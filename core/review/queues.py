"""In which order a run's regions are looked at. Pure: a run in, rows out; who has seen what is not asked here.

The contract: a queue is an order of distinct rows of the run, the same each time it is made; ties break by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ReviewError

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run


@dataclass(frozen=True)
class Queue:
    """One way to go through a run.

    Attributes:
        title: For people.
        says: What comes first, in one sentence.
        order: Run and the numbers of its near-duplicate runs → rows in order.
        why_not: Run → why it cannot be made from it, or empty.
    """

    name: str
    title: str
    says: str
    order: Callable[[Run, np.ndarray], np.ndarray]
    why_not: Callable[[Run], str]


def judged(table: pd.DataFrame) -> np.ndarray:
    """Rows of the target, or of the whole run when it has none; without those that were not scored, where any was."""
    target = table["set"].isin(["target", "both"]).to_numpy()
    mask = target if target.any() else np.ones(len(table), bool)
    scored = mask & np.isfinite(table["ood_score"].to_numpy(dtype=float))
    return np.flatnonzero(scored if scored.any() else mask)


def _descending(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rows by their value, largest first, missing last, ties by row."""
    chosen = values[rows]
    ordered: np.ndarray = rows[np.argsort(-np.nan_to_num(chosen, nan=-np.inf), kind="stable")]
    return ordered


def _strangest(run: Run, _repeats: np.ndarray) -> np.ndarray:
    return _descending(judged(run.table), run.table["ood_score"].to_numpy(dtype=float))


def _uncertain(run: Run, _repeats: np.ndarray) -> np.ndarray:
    """Closest to the line between flagged and not: by p-value where there is one, else by the score's percentile."""
    p_value = run.table["p_value"].to_numpy(dtype=float)
    alpha = float(run.manifest["flag"].get("alpha", 0.05))
    if np.isfinite(p_value).any():
        away = np.abs(np.log(np.maximum(p_value, 1e-12)) - np.log(alpha))
    else:
        away = np.abs(run.table["ood_percentile"].to_numpy(dtype=float) - 95.0)
    return _descending(judged(run.table), -away)


def detector_ranks(table: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """Each detector's score as a rank in [0, 1] among all regions; kNN and whatever else the run has."""
    names = {"kNN": "ood_score"} | {
        name.removesuffix("_score"): name
        for name in table.columns
        if name.endswith("_score")
        and name not in ("ood_score", "cluster_outlier_score")
        and not name.startswith("extra.")
    }
    return {name: table[column].rank(pct=True).to_numpy(dtype=float) for name, column in names.items()}


def _disagreement(run: Run, _repeats: np.ndarray) -> np.ndarray:
    ranks = np.stack(list(detector_ranks(run.table).values()))
    known = np.isfinite(ranks)
    high = np.where(known, ranks, -np.inf).max(axis=0)
    low = np.where(known, ranks, np.inf).min(axis=0)
    spread = np.where(known.sum(axis=0) > 1, high - low, np.nan)
    return _descending(judged(run.table), spread)


def _one_each(run: Run, repeats: np.ndarray) -> np.ndarray:
    order = _strangest(run, repeats)
    numbers = repeats[order]
    first = np.zeros(len(order), bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    kept: np.ndarray = order[first | (numbers < 0)]
    return kept


def _clusters(run: Run, _repeats: np.ndarray) -> np.ndarray:
    """The most typical of every cluster, largest cluster first, then the second of each, and so on; noise last."""
    table = run.table
    rows = judged(table)
    cluster = table["cluster"].to_numpy()[rows]
    typical = rows[np.lexsort((rows, -table["cluster_probability"].to_numpy(dtype=float)[rows], cluster))]
    numbers = table["cluster"].to_numpy()[typical]
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]) if len(typical) else np.empty(0, int)
    turn = np.arange(len(typical)) - np.repeat(starts, np.diff(np.r_[starts, len(typical)]))
    noise = numbers < 0
    ordered: np.ndarray = typical[np.lexsort((numbers, turn, noise))]
    return ordered


def _random(run: Run, _repeats: np.ndarray) -> np.ndarray:
    """By a hash of run and region: anyone can check it, and looking at the first n is a simple random sample."""
    rows = judged(run.table)
    drawn = [hashlib.blake2b(f"{run.key} {region}".encode(), digest_size=8).digest()
             for region in run.table["region_id"].to_numpy()[rows]]  # fmt: skip
    return rows[sorted(range(len(rows)), key=drawn.__getitem__)] if len(rows) else rows


def _nothing(_run: Run) -> str:
    return ""


def _needs_detectors(run: Run) -> str:
    if len(detector_ranks(run.table)) > 1:
        return ""
    return "this run has one detector; make a run with other detectors beside it to compare"


QUEUES: Mapping[str, Queue] = MappingProxyType(
    {
        queue.name: queue
        for queue in (
            Queue("strangest", "Strangest first", "The highest OOD score comes first.", _strangest, _nothing),
            Queue(
                "repeats",
                "One per near-duplicate run",
                "The strangest of every run of near-duplicates; the others follow its verdict with Shift.",
                _one_each,
                _nothing,
            ),
            Queue(
                "uncertain",
                "Most uncertain",
                "What lies closest to the line between flagged and not.",
                _uncertain,
                _nothing,
            ),
            Queue(
                "detectors",
                "Detectors disagree",
                "What one detector ranks high and another low.",
                _disagreement,
                _needs_detectors,
            ),
            Queue(
                "clusters",
                "Representatives of clusters",
                "The most typical picture of every cluster, then the second of each, and so on.",
                _clusters,
                _nothing,
            ),
            Queue(
                "random",
                "Random sample",
                "In an order drawn by chance: the first n estimate the share in the whole target.",
                _random,
                _nothing,
            ),
        )
    }
)  # fmt: skip
"""Every queue by name."""


def queue_order(run: Run, name: str, repeats: np.ndarray) -> np.ndarray:
    """``[M]`` rows of the run in a queue's order.

    Args:
        repeats: ``[N]`` from `core.review.repeats.repeats`.

    Raises:
        ReviewError: no such queue, or it cannot be made from this run.
    """
    queue = QUEUES.get(name)
    if queue is None:
        raise ReviewError(f"a queue is one of {', '.join(QUEUES)}, got {name!r}")
    if reason := queue.why_not(run):
        raise ReviewError(f"{queue.title} cannot be made: {reason}")
    return queue.order(run, repeats)
