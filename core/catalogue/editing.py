"""Metadata of images changed by people: value by value, undone by one more entry, never by forgetting.

The contract:
- an edit is recorded with what was there before, who made it and when; files on the disk are never touched;
- what a person changed stands: importing the source again does not bring the old value back;
- an act (all edits saved together) is undone whole, and only while nothing later changed the same values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.catalogue.database import Database
from core.catalogue.schema import Image
from core.catalogue.schema_edits import Edit
from core.errors import SettingsError, WorkspaceError

_PART = 500
LONGEST_TEXT = 1000


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def checked(name: str, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise SettingsError(f"{name} is a number, got {str(value)[:40]!r}") from None
        if not low <= number <= high:
            raise SettingsError(f"{name} lies in [{low:g}, {high:g}], got {number:g}")
        return number

    return checked


def _text(name: str, value: Any) -> str:
    text = str(value).strip()
    if len(text) > LONGEST_TEXT:
        raise SettingsError(f"{name} has up to {LONGEST_TEXT:,} letters, got {len(text):,}")
    return text


def _moment(name: str, value: Any) -> datetime:
    """A time in UTC; one that names no zone is UTC."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise SettingsError(f"{name} is a time such as 2024-05-01 12:30:00, got {str(value)[:40]!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


EDITABLE: Mapping[str, Callable[[str, Any], Any]] = {
    "taken_at": _moment,
    "latitude": _number(-90, 90),
    "longitude": _number(-180, 180),
    "depth_m": _number(-10, 11_000),
    "altitude_m": _number(0, 11_000),
    "camera": _text,
    "site": _text,
    "group": _text,
}
"""Fields of an image that a person may change, and what a value must be; ``None`` (unknown) always may."""


@dataclass(frozen=True)
class Change:
    """A wish: this image's field is to be this; ``None`` is unknown."""

    image_id: int
    field: str
    value: Any


@dataclass(frozen=True)
class Act:
    """Edits that were saved together.

    Attributes:
        images: How many images it changed.
        fields: Which of their fields.
        undone: Whether it was undone later.
    """

    act: str
    images: int
    fields: tuple[str, ...]
    actor: str
    created_at: datetime
    undone: bool


def edit_images(database: Database, changes: Sequence[Change], *, actor: str, now: datetime) -> str | None:
    """Save edits; the name of the act, ``None`` when nothing differed from what is there.

    Raises:
        SettingsError: a field cannot be changed, or a value is out of range; then nothing is saved.
        WorkspaceError: there is no such image.
    """
    wanted = [(change.image_id, change.field, _checked(change)) for change in changes]
    act = str(uuid4())
    with database.write() as session:
        images = _images(session, {image_id for image_id, _, _ in wanted})
        written = 0
        for image_id, name, value in wanted:
            row = images[image_id]
            if getattr(row, name) != value:
                _write(session, row, name, value, act, None, actor, now)
                written += 1
        for row in images.values():
            if (row.latitude is None) != (row.longitude is None):
                raise SettingsError(f"{row.path}: a latitude without a longitude is no position; give both or neither")
    return act if written else None


def undo_edits(database: Database, act: str, *, actor: str, now: datetime) -> int:
    """Bring back what was there before an act; how many values.

    Raises:
        WorkspaceError: there is no such act, it was undone already, or a later edit changed the same values.
    """
    with database.write() as session:
        edits = list(session.scalars(select(Edit).where(Edit.act == act, Edit.undoes.is_(None)).order_by(Edit.id)))
        if not edits:
            raise WorkspaceError("there is no such edit in this workspace; look at the list again")
        if session.scalar(select(Edit.id).where(Edit.undoes == act).limit(1)) is not None:
            raise WorkspaceError("this edit was undone already")
        images = _images(session, {edit.image_id for edit in edits})
        back = str(uuid4())
        for edit in edits:
            row = images[edit.image_id]
            if getattr(row, edit.field) != _value(edit.field, edit.after):
                raise WorkspaceError(f"{edit.field} of {row.path} was changed again since; undo that edit first")
            _write(session, row, edit.field, _value(edit.field, edit.before), back, act, actor, now)
        return len(edits)


def acts_of(database: Database, dataset_id: int) -> list[Act]:
    """What people changed in a dataset, newest first; undoings are told with what they undid."""
    with database.read() as session:
        undone = set(session.scalars(select(Edit.undoes).where(Edit.undoes.is_not(None))))
        query = (
            select(Edit.act, Edit.field, Edit.actor, func.min(Edit.created_at), func.count(), func.max(Edit.id))
            .join(Image, Image.id == Edit.image_id)
            .where(Image.dataset_id == dataset_id, Edit.undoes.is_(None))
            .group_by(Edit.act, Edit.field, Edit.actor)
            .order_by(func.max(Edit.id).desc())
        )
        found: dict[str, Act] = {}
        for act, name, actor, at, count, _ in session.execute(query):
            before = found.get(act)
            names = (*(before.fields if before else ()), name)
            images = max(count, before.images if before else 0)
            when = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            found[act] = Act(act, images, names, actor, when, act in undone)
        return list(found.values())


def last_edit(database: Database) -> int:
    """Id of the newest edit or undoing; 0 when there is none: tells whether anything changed."""
    with database.read() as session:
        return int(session.scalar(select(func.max(Edit.id))) or 0)


def standing(session: Session, image_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """By image, the values that people gave and that stand: what an import must not overwrite."""
    stacks: dict[tuple[int, str], list[Edit]] = defaultdict(list)
    for part in _parts(sorted(image_ids)):
        for edit in session.scalars(select(Edit).where(Edit.image_id.in_(part)).order_by(Edit.id)):
            stack = stacks[edit.image_id, edit.field]
            if edit.undoes is None:
                stack.append(edit)
            else:
                stack[:] = [one for one in stack if one.act != edit.undoes]
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for (image_id, name), stack in stacks.items():
        if stack:
            found[image_id][name] = _value(name, stack[-1].after)
    return dict(found)


def _checked(change: Change) -> Any:
    rule = EDITABLE.get(change.field)
    if rule is None:
        raise SettingsError(f"{change.field!r} cannot be changed here; {', '.join(EDITABLE)} can")
    empty = change.value is None or (isinstance(change.value, str) and not change.value.strip())
    return None if empty else rule(change.field, change.value)


def _write(
    session: Session, row: Image, name: str, value: Any, act: str, undoes: str | None, actor: str, now: datetime
) -> None:
    session.add(
        Edit(
            act=act,
            undoes=undoes,
            image_id=row.id,
            field=name,
            before=_json(getattr(row, name)),
            after=_json(value),
            actor=actor,
            created_at=now,
        )
    )
    setattr(row, name, value)


def _json(value: Any) -> dict[str, Any]:
    return {"value": value.isoformat() if isinstance(value, datetime) else value}


def _value(name: str, stored: Mapping[str, Any]) -> Any:
    value = stored["value"]
    return datetime.fromisoformat(value) if name == "taken_at" and value is not None else value


def _images(session: Session, ids: set[int]) -> dict[int, Image]:
    found = {
        row.id: row for part in _parts(sorted(ids)) for row in session.scalars(select(Image).where(Image.id.in_(part)))
    }
    if len(found) < len(ids):
        raise WorkspaceError(f"there is no image {min(ids - found.keys())} in this workspace; look at the list again")
    return found


def _parts(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[start : start + _PART] for start in range(0, len(values), _PART))
