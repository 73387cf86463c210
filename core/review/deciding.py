"""Taking and undoing decisions.

The contract:
- an act is written as a whole or not at all, and is on the disk before it is acknowledged;
- the client makes the act's key: sent again, the act is answered as the first time and nothing is added;
- nothing is changed or deleted: a new decision replaces the reviewer's own, an undo is one more row;
- a decision that names a concept is also a person's annotation, superseded when the decision no longer stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core.catalogue.annotating import ensure_concepts
from core.catalogue.database import Database
from core.catalogue.formats.report import shown, whole
from core.catalogue.regions import box_of
from core.catalogue.schema import Annotation, Dataset, Decision, Image, Region, ReviewLease, RunRow, VerdictRow, new_uid
from core.errors import ReviewError
from core.review.standing import DecisionEntry, act_entries, parts, standing_of, stands

_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
SCOPES = ("one", "duplicates", "selection", "cluster")
MOST_REGIONS = 100_000
MOST_BOXES = 200
_LONGEST = {"reviewer's name": 100, "concept": 200, "note": 2000}


@dataclass(frozen=True)
class Act:
    """What a reviewer says, as it comes in; nothing in it is trusted.

    Attributes:
        key: Made by the client, once for each act: 8–64 letters, digits, ``-`` or ``_``.
        run_id: The run that was looked at.
        verdict: Key of a verdict in the list.
        regions: Ids; the first is the one that was looked at. Empty for a cluster.
        cluster: Its number in the run, when the act is about a cluster as a whole.
        concept: Name, or empty.
        boxes: On the first region: ``{"x", "y", "w", "h"}`` and maybe ``"concept"``, pixels of the upright image.
        seconds: How long the picture was looked at, when the client knows.
    """

    key: str
    actor: str
    run_id: int
    verdict: str
    regions: tuple[int, ...] = ()
    cluster: int | None = None
    concept: str = ""
    note: str = ""
    boxes: tuple[Mapping[str, Any], ...] = ()
    scope: str = "one"
    seconds: float | None = None


def decide(database: Database, act: Act, *, now: datetime) -> list[DecisionEntry]:
    """Take a decision on each of the act's regions.

    Returns:
        The decisions, in the order of the regions; those of the first time when the key was used before.

    Raises:
        ReviewError: the act is not whole, names what is not there, or its key belongs to another act.
        WorkspaceError: the catalogue is locked or the disk is full; nothing was written.
    """
    act = _checked(act)
    with database.write() as session:
        before = act_entries(session, act.key)
        if before:
            _same(before, act)
            return before
        meaning = session.scalar(
            select(VerdictRow.meaning).where(VerdictRow.key == act.verdict, VerdictRow.archived_at.is_(None))
        )
        if meaning is None:
            raise ReviewError(f"{shown(act.verdict)} is not in this workspace's list of verdicts; load the page again")
        if session.get(RunRow, act.run_id) is None:
            raise ReviewError(f"there is no run {act.run_id}; open one that is there")
        found = _regions(session, act.regions)
        concepts = _concepts(session, act, found)
        _write(session, act, found, concepts, now)
        return act_entries(session, act.key)


def undo(database: Database, *, key: str, act: str, actor: str, now: datetime) -> list[DecisionEntry]:
    """Undo one's own act: all of its decisions that still stand.

    Returns:
        The undoing decisions; those of the first time when the key was used before.

    Raises:
        ReviewError: there is no such act of this reviewer, or none of it stands any more.
    """
    actor = _text("reviewer's name", actor)
    _check_key(key)
    with database.write() as session:
        again = act_entries(session, key)
        if again:
            if again[0].kind != "undo" or again[0].actor != actor:
                raise ReviewError("this key belongs to another decision; load the page again")
            return again
        query = select(Decision).where(Decision.act == act, Decision.actor == actor, stands()).order_by(Decision.id)
        rows = session.scalars(query).all()
        if not rows:
            raise ReviewError("there is nothing of yours to undo here: it was undone or replaced, or is another's")
        session.execute(
            insert(Decision),
            [
                {
                    **decision_row(key, place, actor, now, kind="undo", scope=row.scope, run_id=row.run_id),
                    "image_id": row.image_id,
                    "region_id": row.region_id,
                    "cluster": row.cluster,
                    "verdict": row.verdict,
                    "concept_id": row.concept_id,
                    "replaces_id": row.id,
                }
                for place, row in enumerate(rows)
            ],
        )
        _withdraw(session, [row.id for row in rows], now)
        _restore(session, [row.replaces_id for row in rows if row.replaces_id is not None])
        return act_entries(session, key)


def decision_row(key: str, place: int, actor: str, now: datetime, **values: Any) -> dict[str, Any]:
    """Column → value of one decision of an act; what is not given is empty."""
    empty: dict[str, Any] = {
        "note": "",
        "boxes": [],
        "seconds": None,
        "cluster": None,
        "concept_id": None,
        "replaces_id": None,
    }
    own = key if place == 0 else f"{key}#{place}"
    return {"uid": new_uid(), "idempotency_key": own, "act": key, "actor": actor, "created_at": now, **empty, **values}


def _write(
    session: Session, act: Act, found: Mapping[int, Place], concepts: Mapping[tuple[int, str], int], now: datetime
) -> None:
    if act.cluster is not None:
        values = {"image_id": None, "region_id": None, "cluster": act.cluster, "note": act.note}
        values |= {"verdict": act.verdict, "scope": "cluster", "run_id": act.run_id, "kind": "verdict"}
        session.execute(insert(Decision), [decision_row(act.key, 0, act.actor, now, **values)])
        return
    for part in parts(act.regions):  # what is decided is no longer held: others may be asked for a second opinion
        mine = (ReviewLease.actor == act.actor, ReviewLease.region_id.in_(part))
        session.execute(delete(ReviewLease).where(*mine))
    replaced = standing_of(session, act.actor, act.regions)
    rows = []
    for place, region in enumerate(act.regions):
        at = found[region]
        first = place == 0
        rows.append(
            decision_row(
                act.key,
                place,
                act.actor,
                now,
                kind="verdict",
                scope=act.scope,
                run_id=act.run_id,
                image_id=at.image_id,
                region_id=region,
                verdict=act.verdict,
                concept_id=concepts.get((at.label_set_id, act.concept)),
                note=act.note,
                boxes=[dict(box) for box in act.boxes] if first else [],
                seconds=act.seconds if first else None,
                replaces_id=replaced.get(region),
            )
        )
    session.execute(insert(Decision), rows)
    _withdraw(session, list(replaced.values()), now)
    notes = [note for row in rows for note in statements(row, found[row["region_id"]], concepts)]
    if notes:
        session.execute(insert(Annotation), notes)


def statements(row: Mapping[str, Any], at: Place, concepts: Mapping[tuple[int, str], int]) -> list[dict[str, Any]]:
    """What a decision states about its image: a concept for each box drawn, else one for the region."""
    shared = {
        "image_id": at.image_id,
        "region_id": row["region_id"],
        "score": None,
        "source": "person",
        "run_id": row["run_id"],
        "actor": row["actor"],
        "created_at": row["created_at"],
        "extra": {"decision": row["uid"], "verdict": row["verdict"]},
    }
    marked = [
        (concept, {"type": "box", **{side: box[side] for side in "xywh"}})
        for box in row["boxes"]
        if (concept := concepts.get((at.label_set_id, box.get("concept", ""))) or row["concept_id"]) is not None
    ]
    whole_image = None if at.box is None else {"type": "box", **dict(zip("xywh", at.box, strict=True))}
    if row["concept_id"] is not None and not any(concept == row["concept_id"] for concept, _ in marked):
        marked.append((row["concept_id"], whole_image))  # type: ignore[arg-type]  # None is the whole image
    return [{"uid": new_uid(), "concept_id": one, "geometry": geometry, **shared} for one, geometry in marked]


def _withdraw(session: Session, decisions: Sequence[int], now: datetime) -> None:
    """Annotations of decisions that no longer stand are superseded."""
    for ids in _annotations_of(session, decisions, standing=True):
        session.execute(update(Annotation).where(Annotation.id.in_(ids)).values(superseded_at=now))


def _restore(session: Session, decisions: Sequence[int]) -> None:
    for ids in _annotations_of(session, decisions, standing=False):
        session.execute(update(Annotation).where(Annotation.id.in_(ids)).values(superseded_at=None))


def _annotations_of(session: Session, decisions: Sequence[int], *, standing: bool) -> list[list[int]]:
    found: list[list[int]] = []
    for part in parts(decisions):
        rows = session.execute(select(Decision.uid, Decision.image_id).where(Decision.id.in_(part))).all()
        uids, images = {row.uid for row in rows}, {row.image_id for row in rows}
        query = select(Annotation.id, Annotation.extra).where(
            Annotation.image_id.in_(images),
            Annotation.source == "person",
            Annotation.superseded_at.is_(None) if standing else Annotation.superseded_at.is_not(None),
        )
        ids = [row.id for row in session.execute(query) if row.extra.get("decision") in uids]
        found.extend(parts(ids))
    return found


# --- what comes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a region lies: its image, the vocabulary of its dataset, its box."""

    image_id: int
    label_set_id: int
    box: tuple[int, int, int, int] | None


def _regions(session: Session, wanted: Sequence[int]) -> dict[int, Place]:
    found: dict[int, Place] = {}
    for part in parts(wanted):
        query = (
            select(Region.id, Region.image_id, Region.box, Dataset.label_set_id)
            .join(Image, Image.id == Region.image_id)
            .join(Dataset, Dataset.id == Image.dataset_id)
            .where(Region.id.in_(part))
        )
        found |= {row.id: Place(row.image_id, row.label_set_id, box_of(row.box)) for row in session.execute(query)}
    missing = next((region for region in wanted if region not in found), None)
    if missing is not None:
        raise ReviewError(f"there is no region {missing} in this workspace; load the page again")
    return found


def _concepts(session: Session, act: Act, found: Mapping[int, Place]) -> dict[tuple[int, str], int]:
    names = list(dict.fromkeys(name for name in (act.concept, *(box.get("concept", "") for box in act.boxes)) if name))
    ids: dict[tuple[int, str], int] = {}
    for label_set in sorted({place.label_set_id for place in found.values()}) if names else ():
        known = ensure_concepts(session, label_set, (), names)
        ids |= {(label_set, name): known[name] for name in names}
    return ids


def _same(before: Sequence[DecisionEntry], act: Act) -> None:
    """Refuse a key that was used for something else."""
    first = before[0]
    said = (first.kind, first.actor, first.run_id, first.verdict, first.concept or "", first.note, first.cluster)
    now = ("verdict", act.actor, act.run_id, act.verdict, act.concept, act.note, act.cluster)
    if said != now or tuple(entry.region_id for entry in before if entry.region_id) != act.regions:
        raise ReviewError("this key belongs to another decision; load the page again and decide anew")


def _check_key(key: str) -> None:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ReviewError("a decision needs a key of 8 to 64 letters, digits, - or _, made once by whoever decides")


def _text(what: str, value: str, *, needed: bool = True) -> str:
    text = whole(value).strip() if isinstance(value, str) else ""
    if needed and not text:
        raise ReviewError(f"a {what} is needed; write one first")
    if len(text) > _LONGEST[what]:
        raise ReviewError(f"a {what} has up to {_LONGEST[what]:,} letters, got {len(text):,}; shorten it")
    return text


def _checked(act: Act) -> Act:
    _check_key(act.key)
    if act.scope not in SCOPES:
        raise ReviewError(f"a decision is about one of {', '.join(SCOPES)}, got {shown(str(act.scope))}")
    regions = tuple(dict.fromkeys(int(region) for region in act.regions))
    if (act.cluster is None) != bool(regions):
        raise ReviewError("a decision is about regions or about one cluster, and about one of the two")
    if len(regions) > MOST_REGIONS:
        raise ReviewError(f"up to {MOST_REGIONS:,} regions are decided at once, got {len(regions):,}; narrow them down")
    if len(act.boxes) > MOST_BOXES:
        raise ReviewError(f"up to {MOST_BOXES} boxes are drawn on a picture, got {len(act.boxes)}")
    seconds = act.seconds if act.seconds is not None and math.isfinite(act.seconds) and act.seconds >= 0 else None
    return Act(
        key=act.key,
        actor=_text("reviewer's name", act.actor),
        run_id=int(act.run_id),
        verdict=whole(str(act.verdict)),
        regions=regions,
        cluster=None if act.cluster is None else int(act.cluster),
        concept=_text("concept", act.concept, needed=False),
        note=_text("note", act.note, needed=False),
        boxes=tuple(_box(box) for box in act.boxes),
        scope=act.scope,
        seconds=seconds,
    )


def _box(box: Mapping[str, Any]) -> dict[str, Any]:
    try:
        sides = {side: round(float(box[side]), 2) for side in "xywh"}
    except (KeyError, TypeError, ValueError):
        raise ReviewError("a box has the numbers x, y, w and h in pixels of the picture") from None
    if (
        not all(math.isfinite(value) and abs(value) < 1e7 for value in sides.values())
        or min(sides["w"], sides["h"]) <= 0
    ):
        raise ReviewError("a box has a width and a height above 0; draw it again")
    concept = _text("concept", box.get("concept", "") or "", needed=False)
    return sides | ({"concept": concept} if concept else {})
