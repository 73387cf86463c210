"""What kind of strange: a changed camera or changed water, or something new in the picture.

Two measures of every region, each without its own group:
- how unusual its image statistics are: Mahalanobis distance to the reference's statistics;
- its residual score: what is left of its OOD score when what the statistics explain is taken away, by a ridge
  regression of scores on the statistics and their squares, over reference and target, every group counting once.

Both are put on one scale, on which 0 is the reference's median and 1 its 95th percentile. A flagged region looks like a
camera or water change when its statistics lie beyond 1 and further out than its residual score, or beyond 2: no score
says anything of content in pictures so unlike the reference's, and a single dive of a new camera is too little to learn
what it does to scores. Otherwise its content is new. Nothing else is looked at: no camera, dive, depth or time, and no
frame size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.ood.detector import group_numbers

Floats: TypeAlias = NDArray[np.float64]
NOT_FLAGGED, CAMERA_OR_WATER, CONTENT, UNTOLD = 0, 1, 2, 3
WORDS = {
    NOT_FLAGGED: "not flagged",
    CAMERA_OR_WATER: "looks like a camera or water change",
    CONTENT: "content is new",
    UNTOLD: "cannot be told: no image statistics",
}
_RIDGE = 0.1
_REACH = 4.0
_FAR = 2.0
_MOST = 0.7


@dataclass(frozen=True)
class Kinds:
    """The verdict on N regions and on the flagged ones together.

    Attributes:
        verdict: ``[N]`` int8, keys of `WORDS`.
        unusual: ``[N]`` float64, how unusual the statistics are: 0 is the reference's median, 1 its 95th percentile.
            NaN without statistics.
        residual: ``[N]`` float64, the score without what statistics explain, on the same scale. NaN likewise.
        explained: ``[N]`` float64, the part of the score that statistics explain, in units of the score; 0 on average
            over the reference. NaN likewise.
        deviations: ``[N, S]`` float64, each statistic less the reference's mean, in its standard deviations.
        set_verdict: Of the flagged regions together: `CAMERA_OR_WATER` or `CONTENT` where one holds 70 % of them,
            `NOT_FLAGGED` where nothing is flagged, otherwise `UNTOLD`.
        sentence: The same for people.
    """

    verdict: NDArray[np.int8]
    unusual: Floats
    residual: Floats
    explained: Floats
    deviations: Floats
    set_verdict: int
    sentence: str


def kinds_of_strange(
    scores: NDArray[np.floating[Any]],
    flagged: NDArray[np.bool_],
    statistics: NDArray[np.floating[Any]],
    names: Sequence[str],
    reference: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]] | None = None,
) -> Kinds:
    """Tell a changed picture from changed content.

    Args:
        scores: ``[N]`` OOD scores of any detector, larger is stranger.
        flagged: ``[N]`` bool.
        statistics: ``[N, S]`` image statistics (`core.images.statistics.FIELDS`), NaN where there are none.
        names: Of the S statistics.
        reference: ``[N]`` bool.
        groups: ``[N]`` integers; ``None``: each region its own group.

    Raises:
        GraphError: lengths differ, or fewer than two reference groups have statistics and scores.
    """
    scores, statistics = np.asarray(scores, np.float64), np.asarray(statistics, np.float64)
    flagged, reference = np.asarray(flagged, bool), np.asarray(reference, bool)
    count = len(scores)
    if statistics.shape != (count, len(names)) or not len(flagged) == len(reference) == count:
        raise GraphError(
            f"scores, flags, reference and statistics must be of {count} regions and {len(names)} statistics, got "
            f"statistics of shape {statistics.shape}, {len(flagged)} flags and {len(reference)} reference marks"
        )
    own = group_numbers(groups, count)
    usable = np.isfinite(statistics).all(axis=1) & np.isfinite(scores)
    known = reference & usable
    if len(np.unique(own[known])) < 2:
        raise GraphError(
            "telling a camera change from new content needs image statistics of two or more reference groups; "
            "import the images again to measure them, or choose a wider reference"
        )
    mean, spread = statistics[known].mean(axis=0), statistics[known].std(axis=0)
    deviations = (statistics - mean) / np.where(spread > 1e-9, spread, 1.0)
    near = np.clip(deviations[usable], -_REACH, _REACH)
    distances = _distances(deviations[usable], own[usable], reference[usable])
    explained = np.full(count, np.nan)
    explained[usable] = _explained(near, scores[usable], own[usable])
    explained -= explained[known].mean()
    unusual = np.full(count, np.nan)
    unusual[usable] = distances
    unusual = _scaled(unusual, known)
    residual = _scaled(scores - explained, known)
    changed = ((unusual > 1.0) & (unusual >= residual)) | (unusual > _FAR)
    verdict = np.where(usable, np.where(changed, CAMERA_OR_WATER, CONTENT), UNTOLD)
    verdict[~flagged] = NOT_FLAGGED
    whole, sentence = _together(verdict, deviations, names)
    return Kinds(verdict.astype(np.int8), unusual, residual, explained, deviations, whole, sentence)


def _without_group(
    groups: NDArray[np.int64], members: NDArray[np.bool_], solve: Callable[[NDArray[np.bool_], NDArray[np.bool_]], None]
) -> None:
    """``solve(fit rows, judged rows)`` for every group that is among the fitted, then once for all that are not."""
    inside = np.unique(groups[members])
    for group in inside:
        own = groups == group
        solve(members & ~own, own)
    rest = ~np.isin(groups, inside)
    if rest.any():
        solve(members, rest)


def _distances(deviations: Floats, groups: NDArray[np.int64], reference: NDArray[np.bool_]) -> Floats:
    """``[n]``: Mahalanobis distance of statistics to the reference's, without the row's own group."""
    found = np.empty(len(deviations))

    def solve(fit: NDArray[np.bool_], judged: NDArray[np.bool_]) -> None:
        mean = deviations[fit].mean(axis=0)
        centred = deviations[fit] - mean
        covariance = centred.T @ centred / len(centred) + _RIDGE * np.eye(centred.shape[1])
        asked = deviations[judged] - mean
        found[judged] = np.sqrt((asked * np.linalg.solve(covariance, asked.T).T).sum(axis=1))

    _without_group(groups, reference, solve)
    return found


def _explained(deviations: Floats, scores: Floats, groups: NDArray[np.int64]) -> Floats:
    """``[n]``: the score that the statistics alone would predict, by a regression without the row's own group."""
    design = np.column_stack([np.ones(len(scores)), deviations, deviations**2])
    weight = 1.0 / np.bincount(groups)[groups]
    ridge = _RIDGE * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    found = np.empty(len(scores))
    # Sums over all groups once; a group's own part is taken away again.
    heavy = design * weight[:, None]
    products, targets = design.T @ heavy, heavy.T @ scores
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        part = heavy[rows]
        left = products - design[rows].T @ part
        found[rows] = design[rows] @ np.linalg.solve(
            left + ridge * max(left[0, 0], 1.0), targets - part.T @ scores[rows]
        )
    return found


def _scaled(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Values with the reference's median at 0 and its 95th percentile at 1."""
    middle, high = np.percentile(values[known], [50.0, 95.0])
    scaled: Floats = (values - middle) / max(float(high - middle), 1e-9)
    return scaled


def _together(verdict: NDArray[np.int64], deviations: Floats, names: Sequence[str]) -> tuple[int, str]:
    total = int((verdict != NOT_FLAGGED).sum())
    if total == 0:
        return NOT_FLAGGED, "Nothing is flagged."
    changed, content = int((verdict == CAMERA_OR_WATER).sum()), int((verdict == CONTENT).sum())
    text = (
        f"Of {total:,} flagged regions, {changed:,} look like a camera or water change and the content of {content:,} "
        "is new."
    )
    if total > changed + content:
        text += f" {total - changed - content:,} have no image statistics, so their kind cannot be told."
    if changed:
        shift = deviations[verdict == CAMERA_OR_WATER].mean(axis=0)
        most = int(np.abs(shift).argmax())
        way = "above" if shift[most] > 0 else "below"
        text += (
            f" What changed most is {names[most].replace('_', ' against ')}: on average {abs(shift[most]):.1f} "
            f"standard deviations {way} the reference."
        )
    for kind, number in ((CAMERA_OR_WATER, changed), (CONTENT, content)):
        if number >= _MOST * total:
            return kind, f"As a whole, the flagged set: {WORDS[kind]}. {text}"
    return UNTOLD, f"As a whole, the flagged set is mixed. {text}"
