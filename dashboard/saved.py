"""Saved selections on the screen: what is narrowed down now, kept under a name and laid over any run again.

The contract: what is saved is a tree of `core.catalogue.selections`, so the command line means the same by it; a link
carries its id; it is evaluated once a run and kept.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.catalogue.saving import SavedEntry, save_selection, saved_selection
from core.catalogue.selections import (
    And,
    Between,
    Contains,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Polygon,
    evaluate,
)
from core.errors import SelectionError
from dashboard.indexing import BLANKS, SPANS, Facet
from dashboard.selecting import LACKING, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.runs import Run
    from core.space.areas import Area
    from core.workspace import Workspace

ACTOR = "dashboard"
_COLUMNS: dict[Facet, str] = {"concept": "concepts"}
_TEXT = ("concepts", "group", "site", "camera")


def tree(selection: Selection, among: dict[int, SavedEntry], columns: Sequence[str] = ()) -> Node:
    """The selection's conditions as a tree; its order is no condition.

    Args:
        among: The saved selections that it names.
        columns: The run's columns, for text that is looked for in the source's own.
    """
    nodes = [_facet(facet, values) for facet, values in selection.chosen.items() if values]
    for span, (low, high) in selection.spans.items():
        ends = (_iso(low), _iso(high)) if span == "time" else (low, high)
        nodes.append(Between(SPANS[span][1], *ends))
    if selection.file:
        nodes.append(Contains("path", selection.file))
    if selection.text:
        extra = [name for name in columns if name.startswith("extra.")]
        nodes.append(Or(tuple(Contains(name, selection.text) for name in (*_TEXT, *extra))))
    nodes += [_areas(selection.areas)] if selection.areas else []
    nodes += [among[name].tree for name in selection.saved if name in among]
    nodes += [Not(among[name].tree) for name in selection.without if name in among]
    return And(tuple(nodes))


def _facet(facet: Facet, values: Sequence[str]) -> Node:
    if facet == "lacks":
        return Or(tuple(Missing(column) for name in values for column in BLANKS.get(name) or ("concepts",)))
    column = _COLUMNS.get(facet, facet)
    given = [value for value in values if value != LACKING]
    parts: list[Node] = []
    if facet == "flagged":
        judged = Not(Missing("ood_score"))
        parts = [And((OneOf(column, tuple(value == "yes" for value in given)), judged))] if given else []
        return Or((*parts, *((Missing("ood_score"),) if LACKING in values else ())))
    if given:
        numbers = [-1 if value == "noise" else int(value) for value in given if value == "noise" or value.isdecimal()]
        parts.append(OneOf(column, tuple(numbers) if facet == "cluster" else tuple(given)))
    if LACKING in values:
        parts.append(Missing(column))
    return Or(tuple(parts))


def _areas(areas: Sequence[Area]) -> Node:
    """One after the other, each added to or taken from those before; beginning by taking away begins with all."""
    chosen: Node | None = None
    for area in areas:
        held = Polygon(area.corners)
        if chosen is None:
            chosen = held if area.adds else And((Not(Missing("x")), Not(held)))
        else:
            chosen = Or((chosen, held)) if area.adds else And((chosen, Not(held)))
    return chosen or And()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def named(space: Workspace, ids: Sequence[int]) -> dict[int, SavedEntry]:
    """Those of the saved selections that there are."""
    found = ((name, saved_selection(space.database, name)) for name in ids)
    return {name: entry for name, entry in found if entry is not None}


@st.cache_resource(max_entries=64, show_spinner=False)
def _mask(root: str, saved_id: int, run_key: str, _run: Run, _space: Workspace) -> np.ndarray | None:
    from core.catalogue.regions import concept_descendants, dataset_ids

    entry = saved_selection(_space.database, saved_id)
    if entry is None:
        return None
    known = {dataset.name for dataset in _space.datasets()}
    ids = dataset_ids(_space.database, [name for name in _run.settings.datasets if name in known])
    try:
        return evaluate(entry.tree, _run.table, concept_descendants(_space.database, ids)).mask
    except SelectionError:  # it asks for a column that this run does not have: nothing fits
        return np.zeros(len(_run.table), bool)


def masks(space: Workspace, run: Run, selection: Selection) -> dict[int, np.ndarray]:
    """``[N]`` bool for each saved selection that the selection names."""
    found = {name: _mask(str(space.root), name, run.key, run, space) for name in (*selection.saved, *selection.without)}
    return {name: mask for name, mask in found.items() if mask is not None}


def keep(space: Workspace, name: str, node: Node) -> SavedEntry:
    """Save under a name.

    Raises:
        SelectionError: the name is empty or too long.
    """
    return save_selection(space.database, name, node, actor=ACTOR, now=datetime.now(UTC))
