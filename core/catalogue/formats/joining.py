"""A second table, joined to the records of the first by a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath

from core.catalogue.formats.columns import SYNONYMS, find_column, normalise
from core.catalogue.formats.concepts import plain_code
from core.catalogue.formats.fields import FieldReader, Fields
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.matching import FileIndex
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.records import ImageRecord, ReadOptions
from core.errors import SettingsError

KeyOf = Callable[[ImageRecord], str | None]

_FLAT = tuple(item.name for item in fields(Fields) if item.name != "extra")
_OF_THE_PATH: Mapping[str, Callable[[PurePosixPath], str]] = {
    "folder": lambda path: path.parent.name,
    "stem": lambda path: path.stem,
}


def value_of(record: ImageRecord, column: str) -> str | None:
    """What a record says under a column's name: an own column, camera, site, group, or its ``folder`` or ``stem``."""
    for name in [column, *(name for name in record.extra if normalise(name) == normalise(column))]:
        value = record.extra.get(name)
        if value is not None:
            return str(value)
    normal = normalise(column)
    for role in ("camera", "site"):
        if normal in SYNONYMS[role]:
            return getattr(record, role)  # type: ignore[no-any-return]
    if normal == "group":
        return record.group
    of_path = _OF_THE_PATH.get(normal)
    return (of_path(PurePosixPath(record.path)) or None) if of_path else None


def join_table(records: Sequence[ImageRecord], path: Path, options: ReadOptions, report: Report) -> list[ImageRecord]:
    """Fill what records lack from the row of a second table that has the same key.

    Keys are compared as text; only when no key at all agrees, also without regard to case and leading zeros. The
    records' own values win. Rows and keys without a partner are ``unmatched-metadata`` problems.

    Raises:
        FormatError: the table cannot be read.
        SettingsError: the key is a column of neither or only one table.
    """
    sheet = replace(load_sheet(path, report), told=options.columns)
    ours, place = _key(records, sheet, options.on)
    theirs = [row[place].strip() for row in sheet.rows]
    rows = FieldReader(sheet, options.timezone, report, {place}, prefix=f"{path.name} ").read()
    name = sheet.header[place]
    if ours is None:
        index = FileIndex(record.path for record in records)
        theirs = [index.find(key).path or key if key else "" for key in theirs]
        keys: list[str | None] = [record.path for record in records]
    else:
        keys = [value_of(record, ours) for record in records]
        if not set(keys) & set(theirs):
            keys = [None if key is None else _loose(key) for key in keys]
            if set(keys) & {_loose(key) for key in theirs}:
                report.note(f"{name} agrees only without regard to case and leading zeros: so it was joined.")
                theirs = [_loose(key) for key in theirs]
            else:
                keys = [value_of(record, ours) for record in records]
    by_key: dict[str, int] = {}
    for at, their_key in enumerate(theirs):
        where = f"{path.name} {sheet.where(at)}"
        if not their_key:
            report.problem("unmatched-metadata", where, f"its {name} is empty")
        elif their_key in by_key:
            kind = "repeated-id" if rows[by_key[their_key]] == rows[at] else "contradiction"
            report.problem(
                kind,
                where,
                f"{name} {shown(their_key)} stands in {sheet.where(by_key[their_key])} already, which was used",
            )
        else:
            by_key[their_key] = at
    used: set[str] = set()
    lacking: dict[str | None, int] = {}
    joined = []
    for record, key in zip(records, keys, strict=True):
        if key is None or key not in by_key:
            lacking[key] = lacking.get(key, 0) + 1
            joined.append(record)
        else:
            used.add(key)
            joined.append(_filled(record, rows[by_key[key]]))
    for key, number in lacking.items():
        where = shown(key) if key is not None else f"images without {ours or name}"
        report.problem(
            "unmatched-metadata", where, f"{path.name} has no such {name}: {several(number, 'image')} got nothing"
        )
    for theirs_only, at in by_key.items():
        if theirs_only not in used:
            where = f"{path.name} {sheet.where(at)}"
            report.problem("unmatched-metadata", where, f"no image has the {name} {shown(theirs_only)}")
    matched = len(records) - sum(lacking.values())
    report.note(f"{path.name} was joined by {name}: {matched:,} of {several(len(records), 'image')} have a row in it.")
    return joined


def _key(records: Sequence[ImageRecord], sheet: Sheet, on: str | None) -> tuple[str | None, int]:
    """Our side of the key (``None``: the image's file) and the place of their column."""
    if on is not None:
        ours, _, theirs = on.partition("=")
        place = find_column(sheet.header, (theirs or ours).strip())
        if place is None:
            listed = ", ".join(shown(name, 40) for name in sheet.header[:12])
            raise SettingsError(f"{sheet.name} has no column {shown((theirs or ours).strip())}; it has {listed}")
        ours = ours.strip()
        if any(value_of(record, ours) is not None for record in records):
            return ours, place
        if normalise(ours) in SYNONYMS["file"] or not records:
            return None, place
        raise SettingsError(
            f"no image has a value called {shown(ours)}; join on a column of both tables, on filename, folder or stem, "
            "on a named part of --group-pattern, or write OURS=THEIRS"
        )
    for place, name in enumerate(sheet.header):
        if any(value_of(record, name) is not None for record in records):
            return name, place
    named = sheet.places("file")
    if named:
        return None, named[0]
    raise SettingsError(f"{sheet.name} shares no column with the images; say which with --on OURS=THEIRS")


def _filled(record: ImageRecord, row: Fields) -> ImageRecord:
    lacking = {name: getattr(row, name) for name in _FLAT if getattr(record, name) is None}
    if record.latitude is not None or record.longitude is not None:
        lacking = {name: value for name, value in lacking.items() if name not in ("latitude", "longitude")}
    if record.taken_at is not None:
        lacking.pop("taken_zone", None)
    return replace(record, **lacking, extra={**row.extra, **record.extra})


def _loose(key: str) -> str:
    return plain_code(key).casefold()
