"""The verdicts that reviewers may give; a lab can change the list.

The contract: a verdict's key, once used, keeps its meaning; a changed list archives and never deletes, so that old
decisions can always be named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import select, update

from core.catalogue.database import Database
from core.catalogue.formats.columns import find_column
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.report import Report, shown, whole
from core.catalogue.schema import VerdictRow
from core.errors import FormatError, ReviewError

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "new": "something living or not that the model has not met",
        "taxon": "a taxon with a name: becomes an occurrence when a concept is given",
        "artefact": "the picture is at fault: blur, light, transmission",
        "gear": "the vehicle, its tools, litter",
        "empty": "nothing but water",
        "habitat": "the ground itself",
        "duplicate": "the same as another picture",
        "unsure": "not decided",
    }
)
"""What a verdict may mean to an export, whatever a lab calls it."""
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
MOST = 9
"""Verdicts in a list: one digit on the keyboard each."""


@dataclass(frozen=True)
class Verdict:
    """One verdict.

    Attributes:
        key: What is stored; lower-case letters, digits, ``-`` and ``_``.
        name: What people read.
        meaning: A key of `MEANINGS`.
    """

    key: str
    name: str
    meaning: str


def verdicts(database: Database) -> list[Verdict]:
    """The list that reviewers choose from now, in its order."""
    with database.read() as session:
        rows = session.scalars(
            select(VerdictRow).where(VerdictRow.archived_at.is_(None)).order_by(VerdictRow.position, VerdictRow.id)
        )
        return [Verdict(row.key, row.name, row.meaning) for row in rows]


def all_verdicts(database: Database) -> dict[str, Verdict]:
    """Every verdict that ever was, by key, the newest words for each: what old decisions are read with."""
    with database.read() as session:
        rows = session.scalars(select(VerdictRow).order_by(VerdictRow.archived_at.is_(None), VerdictRow.id))
        return {row.key: Verdict(row.key, row.name, row.meaning) for row in rows}


def read_verdicts(path: Path) -> list[Verdict]:
    """A list of verdicts from a table with the columns ``key``, ``name`` and ``meaning``.

    Raises:
        FormatError: the file cannot be read or lacks a column.
    """
    sheet = load_sheet(path, Report())
    places = [find_column(sheet.header, name) for name in ("key", "name", "meaning")]
    if None in places:
        raise FormatError(
            f"{path.name} needs the columns key, name and meaning; it has {', '.join(sheet.header)[:200]}"
        )
    return [Verdict(*(row[place].strip() for place in places if place is not None)) for row in sheet.rows]


def change_verdicts(database: Database, wanted: Sequence[Verdict], *, actor: str, now: datetime) -> None:
    """Make another list the one that reviewers choose from.

    Raises:
        ReviewError: the list is empty, too long, repeats a key, or gives a used key another meaning.
    """
    if not 1 <= len(wanted) <= MOST:
        raise ReviewError(f"a list of verdicts has 1 to {MOST} entries, one a digit key, got {len(wanted)}")
    before = all_verdicts(database)
    for verdict in wanted:
        if not _KEY.fullmatch(verdict.key):
            raise ReviewError(f"a verdict's key is lower-case letters, digits, - and _, got {shown(verdict.key)}")
        if not whole(verdict.name).strip() or len(verdict.name) > 200:
            raise ReviewError(f"the verdict {verdict.key} needs a name of up to 200 letters")
        if verdict.meaning not in MEANINGS:
            raise ReviewError(f"a verdict's meaning is one of {', '.join(MEANINGS)}, got {shown(verdict.meaning)}")
        if verdict.key in before and before[verdict.key].meaning != verdict.meaning:
            was = before[verdict.key].meaning
            raise ReviewError(f"the key {verdict.key} means {was} in decisions already taken; choose another key")
    if len({verdict.key for verdict in wanted}) != len(wanted):
        raise ReviewError("two verdicts have the same key; give each its own")
    with database.write() as session:
        session.execute(update(VerdictRow).where(VerdictRow.archived_at.is_(None)).values(archived_at=now))
        for position, verdict in enumerate(wanted):
            session.add(
                VerdictRow(
                    key=verdict.key,
                    name=whole(verdict.name).strip(),
                    meaning=verdict.meaning,
                    position=position,
                    actor=actor,
                    created_at=now,
                )
            )
