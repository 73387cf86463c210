"""What a reviewer is shown: queues over the open run and everything that one picture brings along.

The contract: plain JSON values, texts in a scientist's words; the same for everyone, but for the reviewer's own loans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.errors import ReviewError, SelectionError
from core.review import agreement
from core.review.handing import Rule, hand_out
from core.review.queues import QUEUES, queue_order
from core.review.repeats import repeats, run_of
from core.review.standing import recent, standing
from dashboard import assets, called, slots, words
from dashboard.listings import LISTINGS
from dashboard.payload import to_json
from dashboard.theme import theme_for

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace

NEAREST = 6
MOST_BOXES = 200
DISPUTED, SELECTED = "disputed", "selected"
"""Queues made of decisions and of the current selection; the others are `core.review.queues.QUEUES`."""
RULES: dict[str, Rule] = {"fresh": "fresh", "second": "second", "again": "again"}


@st.cache_resource(max_entries=6, show_spinner=False)
def _repeats(run_key: str, _run: Run) -> np.ndarray:
    return repeats(_run)


@st.cache_resource(max_entries=36, show_spinner=False)
def _order(run_key: str, queue: str, _run: Run) -> np.ndarray:
    return queue_order(_run, queue, _repeats(run_key, _run))


@st.cache_resource(max_entries=6, show_spinner=False)
def _rows_by_region(run_key: str, _run: Run) -> dict[int, int]:
    return {int(region): row for row, region in enumerate(_run.table["region_id"])}


def near_duplicates(run: Run, region: int) -> list[int]:
    """Region ids of the run of near-duplicates that a region is in, itself first."""
    row = row_of(run, region)
    return run.table["region_id"].to_numpy()[run_of(_repeats(run.key, run), row)].tolist()


def holds(run: Run, region: int) -> bool:
    """Whether a region is in the run."""
    return region in _rows_by_region(run.key, run)


def row_of(run: Run, region: int) -> int:
    """The row of a region.

    Raises:
        ReviewError: it is not in this run.
    """
    row = _rows_by_region(run.key, run).get(region)
    if row is None:
        raise ReviewError(f"region {region} is not in run {run.id}; load the page again")
    return row


def queue_regions(space: Workspace, run: Run, name: str, listing: str) -> list[int]:
    """Region ids of a queue in order.

    Raises:
        ReviewError: no such queue, or a selection that is no longer kept.
    """
    if name == DISPUTED:
        said = agreement.verdicts_by_region(standing(space.database))
        known = _rows_by_region(run.key, run)
        return [region for region in agreement.disagreements(said) if region in known]
    if name == SELECTED:
        found = LISTINGS.get(listing)
        if found is None:
            raise ReviewError("this selection is no longer kept; load the page again")
        rows = found.rows
    elif name in QUEUES:
        rows = _order(run.key, name, run)
    else:
        raise ReviewError("there is no such queue; load the page again")
    return run.table["region_id"].to_numpy()[rows].tolist()


def hand(
    space: Workspace,
    run: Run,
    *,
    queue: str,
    listing: str,
    rule: str,
    actor: str,
    count: int,
    without: list[int],
    keep: list[int],
) -> dict[str, Any]:
    """The next pictures of a queue for a reviewer, lent to them, with the queue's progress."""
    if rule not in RULES:
        raise SelectionError(f"a rule is one of {', '.join(RULES)}")
    regions = queue_regions(space, run, queue, listing)
    handed = hand_out(
        space.database,
        run.id,
        regions,
        actor=actor,
        count=count,
        now=datetime.now(UTC),
        rule="again" if queue == DISPUTED else RULES[rule],
        without=set(without),
        keep=set(keep),
    )
    return {
        "items": [item(space, run, region) for region in handed.regions],
        "decided": handed.decided,
        "left": handed.left,
        "mine": handed.mine,
        "total": len(regions),
    }


def item(space: Workspace, run: Run, region: int) -> dict[str, Any]:
    """Everything that is shown of one region."""
    row = row_of(run, region)
    record = run.table.iloc[row]
    image = int(record["image_id"])
    box = None if record["region"] == "image" else [float(record[f"box_{side}"]) for side in "xywh"]
    value: Any = to_json(
        {
            "region": region,
            "row": row,
            "image": image,
            "name": str(record["path"]),
            "width": int(record["width"]),
            "height": int(record["height"]),
            "box": box,
            "source": f"{assets.base()}/image/{image}",
            "preview": f"{assets.base()}/thumb/{image}",
            "score": words.score(record["ood_score"]),
            "flagged": bool(record["flagged"]) if not words.missing(record["flagged"]) else False,
            "strange": _strange(run, record),
            "facts": _facts(record, called.names(run, space)),
            "said": _said(space, image),
            "marks": _marks(space, image),
            "repeats": len(near_duplicates(run, region)) - 1,
            "nearest": _nearest(run, row),
            "layers": [
                {"name": layer.name, "url": layer.url}
                for make in slots.LAYERS
                for layer in make(_view(space, run), row)
            ],
        }
    )
    found: dict[str, Any] = value
    return found


def recent_acts(space: Workspace, run: Run, actor: str) -> list[dict[str, Any]]:
    """A reviewer's last acts in this run, newest first, so that they can be undone after a reload too."""
    entries = [one for one in recent(space.database, run.id, actor) if one.region_id is not None]
    known = _rows_by_region(run.key, run)
    return [
        {
            "act": one.act,
            "verdict": one.verdict,
            "concept": one.concept or "",
            "boxes": list(one.boxes),
            "item": item(space, run, one.region_id),
        }
        for one in entries
        if one.region_id is not None and one.region_id in known
    ]


def concepts(space: Workspace, run: Run) -> list[list[Any]]:
    """Names with how many images carry them, commonest first: of the run's datasets, the unused ones last."""
    from core.catalogue.regions import concept_names

    counts = Counter(name for names in run.table["concepts"] for name in names)
    known = concept_names(space.database, run.settings.datasets)
    return [[name, counts.get(name, 0)] for name in sorted({*known, *counts}, key=lambda name: (-counts[name], name))]


def _view(space: Workspace, run: Run) -> Any:
    from dashboard.state import View

    return View(space, (), run, theme_for("light", None))


def _strange(run: Run, record: Any) -> list[str]:
    if words.missing(record["ood_score"]):
        return ["Not judged: it is in neither set, or there is nothing to compare it with."]
    k, flag = int(run.manifest.get("k", 1)), run.manifest.get("flag", {})
    said = [words.score_sentence(record["ood_score"], record["ood_percentile"], k)]
    if not words.missing(record["p_value"]):
        said.append(words.p_sentence(float(record["p_value"]), flag))
    return said


def _facts(record: Any, known_clusters: Mapping[int, str]) -> list[list[str]]:
    known = [
        ("Group", words.text(record["group"])),
        ("Depth", words.metres(record["depth_m"])),
        ("Time", words.when(record["taken_at"])),
        ("Site", words.text(record["site"])),
        ("Camera", words.text(record["camera"])),
        ("Cluster", called.of(record["cluster"], known_clusters)),
    ]
    return [[name, value] for name, value in known if value != words.MISSING]


def _said(space: Workspace, image: int) -> list[str]:
    """What the source says is in the picture; what other reviewers say is kept from a second opinion."""
    counts = Counter(note.concept for note in space.annotations(image) if note.source != "person")
    return [name if number == 1 else f"{name} × {number}" for name, number in counts.items()]


def _marks(space: Workspace, image: int) -> list[dict[str, Any]]:
    from core.catalogue.regions import geometry_box

    marks = []
    for note in space.annotations(image)[:MOST_BOXES]:
        box = geometry_box(note.geometry)
        if box is not None and note.source != "person":
            marks.append({"concept": note.concept, **dict(zip("xywh", box, strict=True))})
    return marks


def _nearest(run: Run, row: int) -> list[dict[str, Any]]:
    graph = run.graph_reference
    rows = np.asarray(graph.indices[row][:NEAREST], dtype=np.int64)
    distances = np.asarray(graph.distances[row][:NEAREST], dtype=float)[rows >= 0]
    table = run.table
    return [
        {
            "image": int(table["image_id"].iloc[near]),
            "preview": f"{assets.base()}/thumb/{int(table['image_id'].iloc[near])}",
            "caption": f"distance {words.score(float(distance))}",
            "where": words.group(table["group"].iloc[near]),
        }
        for near, distance in zip(rows[rows >= 0], distances, strict=True)
    ]
