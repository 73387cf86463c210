"""What clusters sort by: species, or dives? And whether the projection or the embedding tells concepts apart better.

The contract: pure; figures compare labels over the regions where both are known; samples are seeded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.clusters.portraits import unit_rows_of

if TYPE_CHECKING:
    import pandas as pd

_MOST = 20_000
_NEIGHBOURS = 10
_LOF_NEIGHBOURS = 20


@dataclass(frozen=True)
class Sorting:
    """Adjusted mutual information of clusters with what is known of their regions.

    Attributes:
        concepts, groups: In [about 0, 1]: 0 is what chance gives, 1 the same partition; NaN where nothing is known or
            one value alone.
        labelled, grouped: Regions compared; noise is left out.
    """

    concepts: float
    groups: float
    labelled: int
    grouped: int


def single_concepts(table: pd.DataFrame) -> NDArray[np.int64]:
    """``[N]`` the concept of regions that show exactly one, else the rarest of theirs (it tells most); -1 without."""
    lists = [() if names is None else tuple(str(n) for n in names) for names in table["concepts"]]
    often = Counter(name for names in lists for name in names)
    place = {name: code for code, name in enumerate(sorted(often))}
    return np.array(
        [place[min(names, key=lambda name: (often[name], name))] if names else -1 for names in lists], np.int64
    )


def group_codes(table: pd.DataFrame) -> NDArray[np.int64]:
    """``[N]`` the group, -1 for images that stand alone."""
    import pandas as pd

    named = (table["group"] != "").to_numpy()
    codes, _ = pd.factorize(table["dataset"].astype("str") + "\x1f" + table["group"].astype("str"))
    return np.where(named, codes, -1).astype(np.int64)


def sorts_by(labels: NDArray[np.integer], concepts: NDArray[np.integer], groups: NDArray[np.integer]) -> Sorting:
    """Compare clusters with concepts and with groups.

    Source: Vinh, Epps & Bailey 2010, JMLR 11, 2837 (by scikit-learn).
    """
    by_concept, labelled = _agreement(labels, concepts)
    by_group, grouped = _agreement(labels, groups)
    return Sorting(by_concept, by_group, labelled, grouped)


def _agreement(labels: NDArray[np.integer], other: NDArray[np.integer]) -> tuple[float, int]:
    from sklearn.metrics import adjusted_mutual_info_score

    rows = np.flatnonzero((labels >= 0) & (other >= 0))
    if len(rows) < 2 or len(np.unique(other[rows])) < 2:
        return float("nan"), len(rows)
    if len(rows) > _MOST:
        rows = np.random.default_rng(0).choice(rows, _MOST, replace=False)
    return float(adjusted_mutual_info_score(other[rows], labels[rows])), len(rows)


@dataclass(frozen=True)
class SpaceFigures:
    """What one space (embedding or projection) is worth.

    Attributes:
        accuracy: Share of labelled regions whose concept is that of most of their 10 nearest labelled regions of other
            groups, every concept counting the same (balanced), in [0, 1]; NaN without two concepts.
        auroc: How well the local outlier factor against the reference tells flagged regions from the others, in [0, 1];
            0.5 is chance, NaN without both.
        concepts: Among how many concepts the first figure chooses: guessing is right for one in so many.
    """

    accuracy: float
    auroc: float
    concepts: int


def compare_spaces(
    embeddings: NDArray[np.floating],
    projection: NDArray[np.floating],
    concepts: NDArray[np.integer],
    groups: NDArray[np.integer],
    reference: NDArray[np.bool_],
    flagged: NDArray[np.bool_],
    *,
    most: int = 5000,
    seed: int = 0,
) -> dict[str, SpaceFigures]:
    """kNN classification and local outlier factor on the embedding and on the projection, as in the fin study.

    Args:
        embeddings: ``[N, D]``; projection: ``[N, 2]``; the others ``[N]``, codes -1 where unknown.
        most: Regions looked at; more are sampled by the seed.

    Returns:
        Figures for ``embedding`` and ``projection``.

    Source: Breunig, Kriegel, Ng & Sander 2000, doi 10.1145/335191.335388 (local outlier factor, by scikit-learn).
    """
    rows = np.flatnonzero(np.isfinite(projection).all(axis=1))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    alone = groups[rows].max(initial=0) + 1 + np.arange(len(rows))
    apart = np.where(groups[rows] >= 0, groups[rows], alone)
    found = {}
    for name, points in (("embedding", unit_rows_of(embeddings, rows)), ("projection", projection[rows])):
        points = np.asarray(points, np.float64)
        accuracy, among = _knn_accuracy(points, concepts[rows], apart)
        found[name] = SpaceFigures(accuracy, _lof_auroc(points, reference[rows], flagged[rows]), among)
    return found


def _knn_accuracy(
    points: NDArray[np.float64], concepts: NDArray[np.integer], groups: NDArray[np.integer]
) -> tuple[float, int]:
    """The balanced accuracy, and among how many concepts."""
    from sklearn.metrics import balanced_accuracy_score

    rows = np.flatnonzero(concepts >= 0)
    if len(np.unique(concepts[rows])) < 2:
        return float("nan"), 0
    place, known, apart = points[rows], concepts[rows], groups[rows]
    said = np.full(len(rows), -1)
    squares = (place**2).sum(axis=1)
    for start in range(0, len(rows), 512):
        part = slice(start, start + 512)
        away = squares[part, None] + squares - 2 * place[part] @ place.T
        away[apart[part, None] == apart] = np.inf
        k = min(_NEIGHBOURS, len(rows) - 1)
        near = np.argpartition(away, k - 1, axis=1)[:, :k]
        reached = np.isfinite(np.take_along_axis(away, near, axis=1))
        for at, (columns, there) in enumerate(zip(near, reached, strict=True)):
            votes = Counter(known[columns[there]].tolist())
            if votes:
                said[start + at] = min(votes, key=lambda code: (-votes[code], code))
    asked = said >= 0
    among = len(np.unique(known[asked]))
    if among < 2:
        return float("nan"), 0
    real, given = known[asked], said[asked]
    given = np.where(np.isin(given, real), given, real.min())
    return float(balanced_accuracy_score(real, given)), among


def _lof_auroc(points: NDArray[np.float64], reference: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> float:
    from sklearn.metrics import roc_auc_score
    from sklearn.neighbors import LocalOutlierFactor

    judged = ~reference
    if reference.sum() < 3 or not flagged[judged].any() or flagged[judged].all():
        return float("nan")
    k = min(_LOF_NEIGHBOURS, int(reference.sum()) - 1)
    factor = LocalOutlierFactor(n_neighbors=k, novelty=True).fit(points[reference])
    return float(roc_auc_score(flagged[judged], -factor.score_samples(points[judged])))
