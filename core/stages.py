"""The stages of a run, each a function from artefacts to one artefact, and the dataclasses they leave behind.

The contract: a stage reads nothing but its arguments and writes nothing; `VERSIONS` is raised whenever a stage's
results change for equal input, and is part of the stage's key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.catalogue.conditions import parse_all
from core.catalogue.selections import Node, evaluate
from core.errors import EmbeddingError, SelectionError
from core.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd

    from core.ood.halves import Detected

VERSIONS: Mapping[str, int] = {
    "regions": 1,
    "embeddings": 1,
    "graph_all": 1,
    "graph_reference": 1,
    "scores": 1,
    "projection": 2,
    "clusters": 1,
}
"""Every stage that leaves an artefact, in order, with the version of its results."""
DETECTOR_VERSION = 1
"""The same of the detectors beside kNN; apart, so that runs without them keep their keys."""
QUALITY_VERSION = 1
"""The same of the map's quality, which later came to runs; apart for the same reason."""
QUALITY_ROWS = 500
"""Rows that the map's quality is measured on."""
JOINED = "judged_known"
"""Column of a run's table: which regions joined the reference because reviewers judged them known."""
REFERENCE_COLUMNS = 100
"""Columns kept of the reference graph, so that a smaller k needs no new search."""


@dataclass(frozen=True)
class Regions:
    """What a run is about: the catalogue's rows as they were when it began.

    Attributes:
        table: One row a region, `core.catalogue.regions.region_table`.
        reference, target: ``[N]`` bool.
        groups: ``[N]`` int64, equal for regions that are not independent of each other.
        lacking: For each field of a condition, how many regions lack it.
    """

    table: pd.DataFrame
    reference: NDArray[np.bool_]
    target: NDArray[np.bool_]
    groups: NDArray[np.int64]
    lacking: dict[str, int]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of the regions that could be embedded.

    Attributes:
        vectors: ``[M, D]`` float32, any length.
        rows: ``[M]`` int64, row of each in `Regions.table`, ascending.
        failures: ``[region_id, reason]`` of the others.
    """

    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    failures: list[list[Any]]


@dataclass(frozen=True)
class Answers:
    """What a classifier says of the embedded regions, for the detectors that read it.

    Attributes:
        logits: ``[M, C]`` float32.
        served: ``[M]`` bool, regions of groups that the classifier was made with.
        key: Changes when either may.
    """

    logits: NDArray[np.float32]
    served: NDArray[np.bool_]
    key: str


@dataclass(frozen=True)
class GraphColumns:
    """One neighbour graph: ``indices`` ``[M, K]`` int32 rows of the embeddings, ``distances`` ``[M, K]`` float32."""

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """OOD scores and flags.

    Attributes:
        ood_score, ood_percentile, p_value: ``[M]`` float32/64; NaN where a region could not be scored.
        flagged: ``[M]`` bool.
        k: Neighbours averaged; 0 when nothing could be scored.
        flag: ``flag_rule, alpha, groups, certified, smallest_p, threshold`` and ``sentence`` for people.
    """

    ood_score: NDArray[np.float32]
    ood_percentile: NDArray[np.float64]
    p_value: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    k: int
    flag: dict[str, Any]


@dataclass(frozen=True)
class Projection:
    """``xy`` ``[M, 2]`` float32: the map."""

    xy: NDArray[np.float32]


def resolve_regions(
    table: pd.DataFrame,
    settings: RunSettings,
    descendants: Mapping[str, list[str]],
    judged_known: Collection[int] = (),
) -> Regions:
    """Decide which regions are reference and target.

    Args:
        judged_known: Ids of regions that join the reference beside those that meet its conditions. They stay in the
            target, so that its figures can be compared; their group comes with them; a column `JOINED` names them.

    Raises:
        SelectionError: a condition cannot be understood or no region meets the reference's or the target's conditions.
    """
    lacking: dict[str, int] = {}

    def mask(name: str, conditions: tuple[str, ...]) -> NDArray[np.bool_]:
        node: Node = parse_all(conditions)
        outcome = evaluate(node, table, descendants)
        lacking.update(outcome.missing)
        if not outcome.mask.any():
            lacks = "".join(f"; {count:,} regions have no {field}" for field, count in outcome.missing.items())
            raise SelectionError(f"no region meets the {name}'s condition {' and '.join(conditions)!r}{lacks}")
        return outcome.mask

    reference = mask("reference", settings.reference) if settings.reference else np.ones(len(table), bool)
    target = mask("target", settings.target) if settings.target else ~reference
    if judged_known:
        joined = table["region_id"].isin(list(judged_known)).to_numpy() & ~reference
        table, reference = table.assign(**{JOINED: joined}), reference | joined
    return Regions(table, reference, target, group_codes(table), lacking)


def calibrating(table: pd.DataFrame, reference: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[N]`` bool: the reference regions that p-values and percentiles count.

    What reviewers judged known was picked by looking at the strangest, so it is no sample of an ordinary dive: it is
    compared with, and not counted. The promise about a new dive then rests on the same groups as without it.
    """
    if JOINED not in table.columns:
        return reference
    counted: NDArray[np.bool_] = reference & ~table[JOINED].to_numpy(bool)
    return counted


def group_codes(table: pd.DataFrame) -> NDArray[np.int64]:
    """Groups as integers: dataset and group, or the image alone where it names no group."""
    import pandas as pd

    alone = (table["group"] == "").to_numpy()
    keys = table["dataset"].astype("str") + "\x1f" + table["group"].astype("str")
    keys = keys.mask(alone, "\x1e" + table["image_id"].astype("str"))
    codes, _ = pd.factorize(keys)
    return np.asarray(codes, dtype=np.int64)


def score_regions(graph: GraphColumns, regions: Regions, rows: NDArray[np.int64], k: int, alpha: float) -> Scores:
    """Scores from the reference graph, p-values and flags by groups."""
    from core.ood.conformal import explain_rule, flag, percentiles
    from core.ood.knn import knn_scores

    groups, reference = regions.groups[rows], calibrating(regions.table, regions.reference)[rows]
    scores = knn_scores(graph.distances, k)
    flags = flag(scores, groups, reference, alpha)
    joined = int(regions.reference[rows].sum() - reference.sum())
    facts = {
        "flag_rule": flags.flag_rule,
        "alpha": alpha,
        "groups": int(flags.groups),
        "certified": bool(flags.certified),
        "smallest_p": float(flags.smallest_p),
        "threshold": float(flags.threshold) if np.isfinite(flags.threshold) else None,
        "sentence": explain_rule(flags) + joined_sentence(joined),
    }
    return Scores(scores, percentiles(scores, scores[reference]), flags.p_value, flags.flagged, k, facts)


def joined_sentence(joined: int) -> str:
    """What the regions that reviewers judged known are used for; empty without any."""
    if not joined:
        return ""
    return (
        f" {joined:,} {'region' if joined == 1 else 'regions'} that reviewers judged known are compared with as well, "
        "though never by pictures of their own group; p-values count the original reference alone."
    )


def unscored(count: int, alpha: float, sentence: str) -> Scores:
    """The scores of a run whose reference cannot score anything; `sentence` says why."""
    nan = np.full(count, np.nan)
    facts = {
        "flag_rule": "none",
        "alpha": alpha,
        "groups": 0,
        "certified": False,
        "smallest_p": 1.0,
        "threshold": None,
        "sentence": sentence,
    }
    return Scores(nan.astype(np.float32), nan, nan.copy(), np.zeros(count, bool), 0, facts)


def detect_regions(
    name: str, embeddings: Embeddings, regions: Regions, alpha: float, answers: Answers | None = None
) -> Detected:
    """What one detector beside kNN says of every embedded region; `answers` are for those that read logits."""
    from core.ood.halves import detect
    from core.ood.registry import DETECTORS

    rows = embeddings.rows
    return detect(
        DETECTORS[name],
        embeddings.vectors,
        regions.reference[rows],
        regions.groups[rows],
        alpha=alpha,
        logits=None if answers is None else answers.logits,
        served=None if answers is None else answers.served,
        counted=calibrating(regions.table, regions.reference)[rows],
    )


def results_table(
    regions: Regions,
    embeddings: Embeddings,
    scores: Scores,
    xy: Any,
    clusters: Any,
    detected: Sequence[Detected] = (),
) -> pd.DataFrame:
    """The run's table: `core.runs.TABLE_COLUMNS`, image statistics, the source's other columns, the detectors'."""
    from core.runs import TABLE_COLUMNS

    rows = embeddings.rows
    table = regions.table.iloc[rows].reset_index(drop=True)
    names = np.array(["none", "reference", "target", "both"])
    table["set"] = names[regions.reference[rows].astype(int) + 2 * regions.target[rows].astype(int)]
    table["ood_score"], table["ood_percentile"] = scores.ood_score, scores.ood_percentile
    table["p_value"], table["flagged"] = scores.p_value, scores.flagged
    table["x"], table["y"] = xy[:, 0], xy[:, 1]
    table["cluster"] = clusters.labels
    table["cluster_probability"] = clusters.probabilities
    table["cluster_outlier_score"] = clusters.outlier_scores
    for found in detected:
        table[f"{found.name}_score"], table[f"{found.name}_p_value"] = found.score, found.p_value
        table[f"{found.name}_flagged"] = found.flagged
    leading = list(TABLE_COLUMNS)
    return table[[*leading, *(name for name in table.columns if name not in TABLE_COLUMNS)]]


def check_embedded(embeddings: Embeddings) -> None:
    """A run goes on only with something to show.

    Raises:
        EmbeddingError: no region could be embedded; the first reason is named.
    """
    if len(embeddings.rows) == 0:
        reason = embeddings.failures[0][1] if embeddings.failures else "there is no usable image"
        raise EmbeddingError(f"none of the regions could be embedded: {reason}")
