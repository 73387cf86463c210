"""Saved selections: conditions under a name, kept for every visitor of a workspace and for links.

The contract: a name has one live selection; saving under it again puts the older one into the archive, where its links
still find it; nothing is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from core.catalogue.database import Database
from core.catalogue.schema import SavedSelection
from core.catalogue.selections import Node, from_json, to_json
from core.errors import SelectionError

LONGEST_NAME = 120


@dataclass(frozen=True)
class SavedEntry:
    """One saved selection. ``name`` is a person's text: show, never interpret."""

    id: int
    name: str
    tree: Node
    actor: str
    created_at: datetime
    archived: bool


def save_selection(
    database: Database, name: str, tree: Node, *, actor: str, now: datetime, key: str | None = None
) -> SavedEntry:
    """Keep a selection under a name.

    Args:
        key: Made by the client; the same key again gives what was saved under it before.

    Raises:
        SelectionError: the name is empty or longer than `LONGEST_NAME`.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise SelectionError(f"a selection needs a name of 1 to {LONGEST_NAME} letters, got {len(name)}")
    with database.write() as session:
        row = session.scalar(select(SavedSelection).where(SavedSelection.idempotency_key == key)) if key else None
        if row is None:
            older = (SavedSelection.name == name, SavedSelection.archived_at.is_(None))
            session.execute(update(SavedSelection).where(*older).values(archived_at=now))
            row = SavedSelection(name=name, tree=to_json(tree), actor=actor, created_at=now, idempotency_key=key)
            session.add(row)
            session.flush()
        return _entry(row)


def saved_selections(database: Database) -> list[SavedEntry]:
    """All that are not in the archive, by name."""
    live = select(SavedSelection).where(SavedSelection.archived_at.is_(None)).order_by(SavedSelection.name)
    with database.read() as session:
        return [_entry(row) for row in session.scalars(live)]


def saved_selection(database: Database, selection_id: int) -> SavedEntry | None:
    """One by its id, also from the archive; ``None`` when there is none."""
    with database.read() as session:
        row = session.get(SavedSelection, selection_id)
        return None if row is None else _entry(row)


def archive_selection(database: Database, selection_id: int, *, now: datetime) -> None:
    """Take one from the list; links to it still work. Nothing happens when it is gone already."""
    mine = (SavedSelection.id == selection_id, SavedSelection.archived_at.is_(None))
    with database.write() as session:
        session.execute(update(SavedSelection).where(*mine).values(archived_at=now))


def _entry(row: SavedSelection) -> SavedEntry:
    return SavedEntry(row.id, row.name, from_json(row.tree), row.actor, row.created_at, row.archived_at is not None)
