"""One head of a model that asks several questions, judged alone: the same figures of its concepts.

The contract: a head's truth is that of its own concepts; where exactly one of them holds (a ``single`` head), regions
of which none or several are stated are unknown to it, as they were while it was trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.assess.storing import Stored, interval_json
from core.errors import SettingsError
from core.evaluate.cases import PRESENT, UNKNOWN, Cases
from core.evaluate.confusing import Confusion
from core.evaluate.curves import Curves
from core.evaluate.evaluation import Evaluation, evaluate, judged_cases
from core.evaluate.figures import draw_for, overall

if TYPE_CHECKING:
    import pandas as pd

    from core.learn.models import Model


@dataclass(frozen=True)
class OfHead(Stored):
    """One head of a kept evaluation, read like a whole one; nothing of it is on the disk.

    Attributes:
        part: The regions that the head is judged on, with its concepts.
        rows: ``[M]`` int64, their places among the whole evaluation's regions.
    """

    whole: Stored
    evaluation: Evaluation
    part: Cases
    rows: NDArray[np.int64]

    @property
    def title(self) -> str:
        """``3 · MODEL on DATASET, HEAD``."""
        return f"{self.whole.title}, {self.facts['head']}"

    @cached_property
    def regions(self) -> pd.DataFrame:
        return self.whole.regions.iloc[self.rows].reset_index(drop=True)

    @cached_property
    def cases(self) -> Cases:
        return self.part

    @cached_property
    def concepts(self) -> pd.DataFrame:
        return self.evaluation.concepts

    @cached_property
    def strata(self) -> pd.DataFrame:
        return self.evaluation.strata

    @cached_property
    def curves(self) -> Curves:
        return self.evaluation.curves

    @cached_property
    def confusion(self) -> Confusion:
        return self.evaluation.confusion


def head_facts(model: Model, cases: Cases, *, resamples: int) -> list[dict[str, Any]]:
    """Each head's ``name``, ``kind``, ``concepts`` and overall figures, plain JSON; empty for a model with one head.

    Args:
        cases: Of all heads. A head that none of the regions answers has no figures.
    """
    if len(model.heads) < 2:
        return []
    found = []
    for head in model.heads:
        entry: dict[str, Any] = {
            "name": head.name,
            "kind": head.kind,
            "concepts": [model.tree.names[column] for column in head.columns],
        }
        try:
            part = judged_cases(head_cases(cases, entry))
            drawn = draw_for(part, resamples=resamples)
            figures = {key: interval_json(drawn.interval(values)) for key, values in overall(part, drawn).items()}
            entry |= {"regions": part.count, "overall": figures}
        except SettingsError:
            entry |= {"regions": 0, "overall": {}}
        found.append(entry)
    return found


def head_cases(cases: Cases, head: Mapping[str, Any]) -> Cases:
    """The columns of one head, what it cannot answer unknown.

    Args:
        head: ``kind`` and ``concepts`` as in `head_facts`.
    """
    places = {name: place for place, name in enumerate(cases.concepts)}
    part = cases.columns(np.array([places[name] for name in head["concepts"]], np.int64))
    if head["kind"] != "single":
        return part
    unclear = (part.truth[:, part.ranked] == PRESENT).sum(axis=1) != 1
    truth = np.where(unclear[:, None], UNKNOWN, part.truth).astype(np.int8)
    stated = None if part.stated is None else np.where(unclear[:, None], UNKNOWN, part.stated).astype(np.int8)
    return replace(part, truth=truth, stated=stated, exclusive=True)


def of_head(stored: Stored, name: str) -> OfHead:
    """A kept evaluation of one head alone, every figure computed again.

    Raises:
        SettingsError: there is no such head.
    """
    head = next((one for one in stored.facts.get("heads", ()) if one["name"] == name), None)
    if head is None:
        raise SettingsError(f"evaluation {stored.id} has no head {name!r}; there are: {', '.join(stored.heads)}")
    whole = head_cases(stored.cases, head)
    rows = np.flatnonzero((whole.truth[:, whole.ranked] != UNKNOWN).any(axis=1))
    part = judged_cases(whole)
    evaluation = evaluate(part, resamples=int(stored.facts["resamples"]))
    facts = dict(stored.facts) | {
        "uid": f"{stored.key}/{name}",
        "head": name,
        "counts": asdict(evaluation.counts),
        "overall": {key: interval_json(value) for key, value in evaluation.overall.items()},
        "concepts": list(part.concepts),
        "levels": list(part.levels),
        "exclusive": part.exclusive,
        "beyond": [],
        "stress": None,
    }
    return OfHead(stored.id, stored.folder, facts, stored, evaluation, part, rows)
