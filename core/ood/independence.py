"""Are reference and target independent? Near-twins across the border, and groups where nobody named any.

The contract: a near-twin is another region at no more than a cosine distance, whatever its group; the report gives the
figures with and without such targets, and changes nothing in the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.duplicates import near_duplicates
from core.neighbours.graph import Graph, largest_k, reference_graph
from core.neighbours.search import search
from core.neighbours.vectors import Vectors
from core.ood.conformal import Flags, flag
from core.ood.knn import choose_k, knn_scores

TWIN_DISTANCE = 0.05
"""Cosine distance of neighbouring frames: on real ROV frames of mobilenet_v2 the median three frames apart was 0.039,
that between videos 0.326."""


@dataclass(frozen=True)
class LeakReport:
    """Near-twins of target regions in the reference.

    Attributes:
        twin: ``[N]`` bool, target regions with a near-twin in the reference; False elsewhere.
        nearest: ``[N]`` float32 distance of each target region to the nearest reference region (NaN elsewhere).
        targets: Target regions.
        share: Share of them with a near-twin, in [0, 1].
        within_group: Share of them whose own group is in the reference too.
        threshold: The distance.
        flagged_with, flagged_without: Share of target regions flagged, all and those without twin; NaN without flags.
        median_with, median_without: Median score of the same; NaN without scores.
        sentence: For people.
    """

    twin: NDArray[np.bool_]
    nearest: NDArray[np.float32]
    targets: int
    share: float
    within_group: float
    threshold: float
    flagged_with: float
    flagged_without: float
    median_with: float
    median_without: float
    sentence: str


def leak_report(
    embeddings: Vectors,
    reference: NDArray[np.bool_],
    target: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]],
    *,
    scores: NDArray[np.floating[Any]] | None = None,
    flagged: NDArray[np.bool_] | None = None,
    threshold: float = TWIN_DISTANCE,
) -> LeakReport:
    """How much of the target was seen in the reference already, for any pair of sets or split.

    Args:
        embeddings: ``[N, D]`` floating.
        reference, target: ``[N]`` bool; a region in both is not its own twin, but may be another's.
        groups: ``[N]`` integers.
        scores, flagged: ``[N]`` of the run, to tell what they would be without the twins.
        threshold: Largest cosine distance of a near-twin, in [0, 2].

    Raises:
        GraphError: there is no reference or no target region, or the threshold is out of range.
        EmbeddingError: a row is zero or not finite.
    """
    reference, target = np.asarray(reference, bool), np.asarray(target, bool)
    if not reference.any() or not target.any():
        raise GraphError("a leak report needs reference and target regions; choose conditions that some region meets")
    if not 0.0 <= threshold <= 2.0:
        raise GraphError(f"the distance of a near-twin is a cosine distance in [0, 2], got {threshold}")
    known, asked = np.flatnonzero(reference), np.flatnonzero(target)
    graph = search(embeddings[asked], embeddings[known], min(2, len(known)))
    itself = known[graph.indices] == asked[:, None]
    distances = np.where(itself, np.inf, graph.distances).min(axis=1)
    nearest = np.full(len(reference), np.nan, np.float32)
    nearest[asked] = distances
    twin = np.zeros(len(reference), bool)
    twin[asked] = distances <= threshold
    share = float(twin[asked].mean())
    within = float(np.isin(np.asarray(groups)[asked], np.asarray(groups)[known]).mean())
    clean = asked[~twin[asked]]
    shares = _share(flagged, asked), _share(flagged, clean)
    medians = _median(scores, asked), _median(scores, clean)
    text = (
        f"{100.0 * share:.1f} % of {len(asked):,} target regions have a near-twin in the reference (cosine distance at "
        f"most {threshold:g}), and {100.0 * within:.1f} % belong to a group that is in the reference too."
    )
    if flagged is not None and len(clean):
        text += (
            f" {100.0 * shares[0]:.1f} % of the target regions are flagged; of those without near-twin, "
            f"{100.0 * shares[1]:.1f} %."
        )
    if share > 0.01 and within < 1.0:
        text += " Such twins make the target look more familiar than new dives are: choose sets that share no dive."
    return LeakReport(twin, nearest, len(asked), share, within, threshold, *shares, *medians, text)


def _share(flagged: NDArray[np.bool_] | None, rows: NDArray[np.intp]) -> float:
    return float("nan") if flagged is None or len(rows) == 0 else float(np.asarray(flagged)[rows].mean())


def _median(scores: NDArray[np.floating[Any]] | None, rows: NDArray[np.intp]) -> float:
    return float("nan") if scores is None or len(rows) == 0 else float(np.median(np.asarray(scores)[rows]))


def found_groups(
    graph: Graph,
    *,
    threshold: float = TWIN_DISTANCE,
    times: NDArray[np.floating[Any]] | None = None,
    gap: float | None = None,
) -> NDArray[np.int64]:
    """Groups where no column names any: runs of near-duplicate frames, every other frame a group of its own.

    These are a lower bound on what belongs together: frames of one dive that look different stay apart, so where a
    dive, transect or video is known it is the better group.

    Args:
        graph: The whole collection's graph (`core.neighbours.graph.Graphs.all`).
        threshold: Largest cosine distance of two frames of a run.
        times: ``[N]`` seconds, NaN where unknown.
        gap: Largest time between two frames of a run, in seconds; needs `times`.

    Returns:
        ``[N]`` int64 from 0.
    """
    runs = near_duplicates(graph, threshold, times=times, gap=gap).astype(np.int64)
    alone = runs < 0
    runs[alone] = runs.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return np.unique(runs, return_inverse=True)[1].reshape(-1).astype(np.int64)


def flags_by_groups(
    embeddings: Vectors,
    reference: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]],
    *,
    k: int,
    alpha: float = 0.05,
) -> Flags:
    """What kNN would flag, had the groups been these: scored without the own group, and calibrated by groups.

    Args:
        embeddings: ``[N, D]`` floating.
        reference: ``[N]`` bool.
        groups: ``[N]`` integers, for example of `found_groups`.
        k: Neighbours averaged; fewer where the groups leave fewer.

    Raises:
        GraphError: no reference region remains outside a group.
        EmbeddingError: a row is zero or not finite.
    """
    largest = largest_k(groups, reference)
    k = choose_k(None, largest) if k > largest else k
    graph = reference_graph(embeddings, reference=reference, groups=groups, k=k)
    return flag(knn_scores(graph.distances, k), groups, reference, alpha)
