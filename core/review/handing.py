"""Who gets what next: regions of a queue are lent, so that two people do not look at the same one.

The contract:
- a region on which a decision stands, or that is lent to somebody else, is not handed out;
- only when it is asked for is a region handed out on which somebody has decided: for a second opinion to somebody
  else after exactly one person, or again to anyone;
- a loan that is not used ends by itself; asking again renews one's own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from core.catalogue.database import Database
from core.catalogue.schema import Decision, ReviewLease
from core.errors import ReviewError
from core.review.standing import parts, stands

Rule = Literal["fresh", "second", "again"]
LENT_FOR = timedelta(minutes=10)
MOST = 200


@dataclass(frozen=True)
class Handed:
    """What a reviewer gets.

    Attributes:
        regions: Ids, in the queue's order.
        decided: How many of the queue have a decision that stands.
        left: How many are still to be looked at, those lent out included.
        mine: How many decisions of this reviewer stand in the queue.
    """

    regions: tuple[int, ...]
    decided: int
    left: int
    mine: int


def hand_out(
    database: Database,
    run_id: int,
    queue: Sequence[int],
    *,
    actor: str,
    count: int,
    now: datetime,
    rule: Rule = "fresh",
    without: Collection[int] = (),
    keep: Collection[int] = (),
) -> Handed:
    """Lend the next regions of a queue to a reviewer.

    Args:
        queue: Region ids in order.
        count: How many at most, up to `MOST`.
        rule: ``fresh``: regions on which nobody has decided; ``second``: on which one other person has and this one has
            not; ``again``: whatever was decided, by whomever.
        without: Regions passed over (skipped, say); their loans are given back unless they are in `keep`.
        keep: Regions that the reviewer still holds, whose loans are renewed.

    Raises:
        ReviewError: no name, or a count out of range.
    """
    if not actor.strip():
        raise ReviewError("a reviewer's name is needed; write one first")
    if not 1 <= count <= MOST:
        raise ReviewError(f"1 to {MOST} pictures are handed out at once, got {count}")
    with database.write() as session:
        session.execute(delete(ReviewLease).where(ReviewLease.run_id == run_id, ReviewLease.until <= now))
        lent = dict(
            session.execute(select(ReviewLease.region_id, ReviewLease.actor).where(ReviewLease.run_id == run_id)).all()
        )
        who = deciders(session)
        chosen: list[int] = []
        decided = mine = 0
        for region in queue:
            people = who.get(region, frozenset())
            decided += bool(people)
            mine += actor in people
            if len(chosen) >= count or region in without or lent.get(region, actor) != actor:
                continue
            if open_to(rule, people, actor):
                chosen.append(region)
        _lend(session, run_id, {*chosen, *(r for r in keep if lent.get(r, actor) == actor)}, actor, now)
        _give_back(session, run_id, actor, {*without} - {*keep} - {*chosen})
    left = sum(open_to(rule, who.get(region, frozenset()), actor) for region in queue)
    return Handed(tuple(chosen), decided, left, mine)


def open_to(rule: Rule, people: Collection[str], actor: str) -> bool:
    """Whether a region on which these people have decided is still to be looked at by this reviewer."""
    if rule == "second":
        return len(people) == 1 and actor not in people
    return rule == "again" or not people


def deciders(session: Session) -> dict[int, frozenset[str]]:
    """Region id → who has decided on it, as far as it stands."""
    found: dict[int, set[str]] = {}
    for region, actor in session.execute(select(Decision.region_id, Decision.actor).where(stands())):
        if region is not None:
            found.setdefault(region, set()).add(actor)
    return {region: frozenset(people) for region, people in found.items()}


def give_back(database: Database, run_id: int, actor: str) -> None:
    """End all loans of a reviewer in a run."""
    with database.write() as session:
        session.execute(delete(ReviewLease).where(ReviewLease.run_id == run_id, ReviewLease.actor == actor))


def lent_count(database: Database, run_id: int, now: datetime) -> int:
    """How many regions of a run are lent at this moment."""
    with database.read() as session:
        query = select(func.count()).where(ReviewLease.run_id == run_id, ReviewLease.until > now)
        return session.scalar(query) or 0


def _lend(session: Session, run_id: int, regions: Collection[int], actor: str, now: datetime) -> None:
    until = now + LENT_FOR
    _give_back(session, run_id, actor, regions)
    rows = [{"run_id": run_id, "region_id": region, "actor": actor, "until": until} for region in sorted(regions)]
    if rows:
        session.execute(insert(ReviewLease), rows)


def _give_back(session: Session, run_id: int, actor: str, regions: Collection[int]) -> None:
    for part in parts(sorted(regions)):
        session.execute(
            delete(ReviewLease).where(
                ReviewLease.run_id == run_id, ReviewLease.actor == actor, ReviewLease.region_id.in_(part)
            )
        )
