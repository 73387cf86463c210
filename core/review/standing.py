"""Which decisions stand now: read from the whole history, which only ever grows.

The contract: of each reviewer at most one decision stands on a region; a replaced one stands again when what replaced
it is undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from core.catalogue.database import Database
from core.catalogue.schema import Concept, Decision

MERGED = "merged"
"""Scope of decisions that came along when datasets were merged (`core.review.carrying`): no run's own work."""
_AT_ONCE = 500


@dataclass(frozen=True)
class DecisionEntry:
    """One decision, for showing and for exports.

    Attributes:
        kind: ``verdict`` or ``undo``.
        scope: ``one``, ``duplicates``, ``selection`` or ``cluster``: what the act was given to; or `MERGED`.
        boxes: ``{"x", "y", "w", "h", "concept"}`` in pixels of the upright image.
        replaces: The decision replaced or undone, or ``None``.
        stands: Whether it counts now.
    """

    id: int
    uid: str
    act: str
    kind: str
    scope: str
    actor: str
    created_at: datetime
    run_id: int
    image_id: int | None
    region_id: int | None
    cluster: int | None
    verdict: str
    concept: str | None
    note: str
    boxes: tuple[dict[str, Any], ...]
    replaces: int | None
    stands: bool


def stands(through: int | None = None) -> ColumnElement[bool]:
    """The condition that a row of `Decision` counts now, or counted when `through` was the last decision."""
    undo, later, undone = aliased(Decision), aliased(Decision), aliased(Decision)
    not_undone = ~exists().where(and_(undo.replaces_id == Decision.id, undo.kind == "undo", *_by(undo, through)))
    replaced = exists().where(
        and_(
            later.replaces_id == Decision.id,
            later.kind == "verdict",
            *_by(later, through),
            ~exists().where(and_(undone.replaces_id == later.id, undone.kind == "undo", *_by(undone, through))),
        )
    )
    return and_(Decision.kind == "verdict", not_undone, ~replaced, *_by(Decision, through))


def _by(row: Any, through: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if through is None else (row.id <= through,)


def standing_of(session: Session, actor: str, regions: Sequence[int]) -> dict[int, int]:
    """Region id → id of the decision of this reviewer that stands on it."""
    found: dict[int, int] = {}
    for part in parts(regions):
        query = select(Decision.region_id, Decision.id).where(
            Decision.region_id.in_(part), Decision.actor == actor, stands()
        )
        found |= {region: decision for region, decision in session.execute(query) if region is not None}
    return found


def history(database: Database, image_id: int) -> list[DecisionEntry]:
    """Everything that was ever decided about an image, oldest first."""
    with database.read() as session:
        return _entries(session, Decision.image_id == image_id)


def standing(database: Database, *, run_id: int | None = None) -> list[DecisionEntry]:
    """All decisions that stand, in the order in which they were taken; of one run, or of all."""
    with database.read() as session:
        condition = stands() if run_id is None else and_(stands(), *_taken_in(run_id))
        return _entries(session, condition, all_stand=True)


def act_entries(session: Session, act: str) -> list[DecisionEntry]:
    """The decisions of one act, in their order."""
    return _entries(session, Decision.act == act)


def recent(database: Database, run_id: int, actor: str, limit: int = 30) -> list[DecisionEntry]:
    """The first decision of each of a reviewer's last acts in a run that still stand, newest first."""
    with database.read() as session:
        newest = session.execute(
            select(func.min(Decision.id), Decision.act)
            .where(*_taken_in(run_id), Decision.actor == actor, stands())
            .group_by(Decision.act)
            .order_by(func.min(Decision.id).desc())
            .limit(limit)
        ).all()
        return _entries(session, Decision.id.in_([first for first, _ in newest]), all_stand=True)[::-1]


def _taken_in(run_id: int) -> tuple[ColumnElement[bool], ...]:
    return Decision.run_id == run_id, Decision.scope != MERGED


def _entries(session: Session, condition: ColumnElement[bool], *, all_stand: bool = False) -> list[DecisionEntry]:
    query = select(Decision, Concept.name).outerjoin(Concept, Concept.id == Decision.concept_id).where(condition)
    rows = session.execute(query.order_by(Decision.id)).all()
    counting: set[int] = set()
    if not all_stand:
        for part in parts([row.id for row, _ in rows]):
            counting |= set(session.scalars(select(Decision.id).where(Decision.id.in_(part), stands())))
    return [
        DecisionEntry(
            id=row.id,
            uid=row.uid,
            act=row.act,
            kind=row.kind,
            scope=row.scope,
            actor=row.actor,
            created_at=row.created_at,
            run_id=row.run_id,
            image_id=row.image_id,
            region_id=row.region_id,
            cluster=row.cluster,
            verdict=row.verdict,
            concept=name,
            note=row.note,
            boxes=tuple(row.boxes),
            replaces=row.replaces_id,
            stands=all_stand or row.id in counting,
        )
        for row, name in rows
    ]


def parts(values: Iterable[int]) -> Iterator[list[int]]:
    """Portions that a statement's variables hold."""
    listed = list(values)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
