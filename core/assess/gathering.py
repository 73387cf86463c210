"""From labelled regions and a model's probabilities to the arrays that are evaluated.

The contract: a concept that people stated and the model does not know becomes a column that it can only miss; strata
are what the catalogue says; a region that the run did not judge has no OOD score and no place in sAUC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.catalogue.conditions import parse_all
from core.catalogue.selections import evaluate
from core.errors import SelectionError
from core.evaluate.cases import ABSENT, PRESENT, UNKNOWN, Cases
from core.learn.gathering import Examples
from core.learn.models import Model
from core.runs import Run

if TYPE_CHECKING:
    import pandas as pd

_BANDS = 8
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)


def cases_of(
    examples: Examples,
    model: Model,
    probabilities: NDArray[np.floating],
    raw: NDArray[np.floating] | None,
    *,
    ood: NDArray[np.floating] | None = None,
    outside: NDArray[np.int8] | None = None,
) -> Cases:
    """Predictions of one model beside what people said.

    Args:
        examples: Gathered with the model's own tree.
        probabilities, raw: ``[N, C]`` of the model's concepts, calibrated and not.
        ood: ``[N]``, NaN where not judged.
        outside: ``[N]``, see `outside_of`.
    """
    tree, table = model.tree, examples.table
    count = len(examples)
    beyond = _stated_beyond(examples)
    width = len(tree) + len(beyond)
    truth = np.full((count, width), UNKNOWN, np.int8)
    truth[:, : len(tree)] = np.where(examples.known, np.where(examples.targets, PRESENT, ABSENT), UNKNOWN)
    stated = truth.copy()
    own = tree.statements([list(names) for names in table["concepts"]])
    stated[:, : len(tree)] = np.where(examples.known, np.where(own, PRESENT, ABSENT), UNKNOWN)
    for place, name in enumerate(beyond, start=len(tree)):
        there = np.array([name in set(names) for names in table["concepts"]], bool)
        truth[:, place] = stated[:, place] = np.where(there, PRESENT, ABSENT)
    exclusive = len(model.heads) == 1 and model.heads[0].kind == "single"
    levels = ["concept" if fine else "parent" for fine in tree.fine_level] + ["concept"] * len(beyond)
    return Cases(
        probabilities=_padded(probabilities, width),
        truth=truth,
        concepts=(*tree.names, *beyond),
        levels=tuple(levels),
        known=np.arange(width) < len(tree),
        ranked=np.array([level == "concept" for level in levels], bool),
        thresholds=np.concatenate([model.thresholds.astype(float), np.ones(len(beyond))]),
        groups=examples.groups.astype(np.int64),
        keys=keys_of(table),
        exclusive=exclusive,
        strata=strata_of(table),
        ood=ood,
        outside=outside,
        raw=None if raw is None else _padded(raw, width),
        stated=stated,
    )


def keys_of(table: pd.DataFrame) -> NDArray[np.str_]:
    """``[N]`` the same text for the same region of a workspace: ``image id/region``."""
    return np.array([f"{i}/{region}" for i, region in zip(table["image_id"], table["region"], strict=True)], np.str_)


def strata_of(table: pd.DataFrame) -> dict[str, NDArray[np.str_]]:
    """Depth band, site and camera of each region, empty where unknown; a field that nobody filled is left out."""
    found = {"depth band": _bands(table["depth_m"].to_numpy(float))}
    for name in ("site", "camera"):
        values: Any = table[name].fillna("").astype("str").to_numpy()
        found[name] = np.asarray(np.where(np.isin(values, ("None", "nan")), "", values), np.str_)
    return {name: values for name, values in found.items() if (values != "").any()}


def outside_of(table: pd.DataFrame, conditions: Sequence[str]) -> NDArray[np.int8] | None:
    """``[N]``: `PRESENT` for regions that meet all conditions, `UNKNOWN` where a field is missing, else `ABSENT`.

    Raises:
        SelectionError: a condition cannot be understood, or all regions or none meet them.
    """
    if not conditions:
        return None
    from core.catalogue.selections import Not

    node = parse_all(tuple(conditions))
    there, not_there = evaluate(node, table).mask, evaluate(Not(node), table).mask
    if not there.any() or not not_there.any():
        raise SelectionError(
            f"{int(there.sum()):,} of {len(table):,} regions meet {' and '.join(conditions)!r}: what is truly outside "
            "needs both kinds; name another condition, or evaluate more dives"
        )
    return np.where(there, PRESENT, np.where(not_there, ABSENT, UNKNOWN)).astype(np.int8)


def ood_of(table: pd.DataFrame, run: Run) -> NDArray[np.float64]:
    """``[N]`` OOD scores of the same regions in a run, NaN where it has none; of the image's strangest region else."""
    judged = run.table[["image_id", "region", "ood_score"]]
    exact = judged.drop_duplicates(["image_id", "region"])
    found = table[["image_id", "region"]].merge(exact, on=["image_id", "region"], how="left")["ood_score"]
    strangest = judged.groupby("image_id")["ood_score"].max()
    whole = table["region"].to_numpy() == "image"
    scores = found.to_numpy(np.float64)
    fallback = table["image_id"].map(strangest).to_numpy(np.float64)
    return np.where(np.isnan(scores) & whole, fallback, scores)


def _stated_beyond(examples: Examples) -> list[str]:
    """Concepts that people stated and the model's tree lacks."""
    return list(examples.tree.unknown_names([list(names) for names in examples.table["concepts"]]))


def _padded(values: NDArray[np.floating], width: int) -> NDArray[np.float32]:
    result = np.zeros((len(values), width), np.float32)
    result[:, : values.shape[1]] = values
    return result


def _bands(depth: NDArray[np.floating]) -> NDArray[np.str_]:
    """Depth bands of one round height, at most `_BANDS` of them."""
    names = np.full(len(depth), "", dtype="U32")
    known = np.isfinite(depth)
    if known.any():
        low, high = float(depth[known].min()), float(depth[known].max())
        step = next((s for s in _STEPS if high // s - low // s < _BANDS), _STEPS[-1])
        place = np.floor(depth[known] / step) * step
        names[known] = [f"{at:,.0f}–{at + step:,.0f} m" for at in place]
    return names
