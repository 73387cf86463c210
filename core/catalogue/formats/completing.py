"""What holds for every format: time and group from the file's name, the second table, and the group."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from core.catalogue.formats.columns import GROUPS, normalise
from core.catalogue.formats.joining import join_table, value_of
from core.catalogue.formats.patterns import search_all
from core.catalogue.formats.quantities import is_missing
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.formats.timepattern import TimePattern
from core.catalogue.records import ImageRecord, Reading, ReadOptions
from core.errors import SettingsError


def complete(reading: Reading, options: ReadOptions) -> Reading:
    """Add what `options` say beyond the source itself, in this order: pattern, second table, time, group.

    Raises:
        FormatError: the second table cannot be read.
        SettingsError: a pattern, a key or a group column does not fit.
    """
    report = Report()
    report.problems.extend(reading.problems)
    report.notes.extend(reading.notes)
    report.columns.update(reading.columns)
    records = list(reading.records)
    if options.group_pattern is not None:
        records = _grouped_by_name(records, options.group_pattern, report)
    if options.metadata is not None:
        records = join_table(records, options.metadata, options, report)
    if options.time_pattern is not None:
        records = _timed_by_name(records, options.time_pattern, options.timezone, report)
    records = _grouped_by_column(records, options, report)
    return replace(
        reading,
        records=tuple(records),
        problems=tuple(report.problems),
        notes=tuple(report.notes),
        columns=report.columns,
    )


def _grouped_by_name(records: list[ImageRecord], pattern: str, report: Report) -> list[ImageRecord]:
    """Groups, and named parts as columns, from file names or else from whole paths."""
    found = search_all(pattern, [(PurePosixPath(record.path).name, record.path) for record in records])
    grouped = []
    without = []
    for record, one in zip(records, found, strict=True):
        if one is None or one.group is None:
            without.append(record.path)
        if one is None:
            grouped.append(record)
            continue
        parts = {name: text for name, text in one.named.items() if name != "group"}
        grouped.append(replace(record, group=one.group, extra={**parts, **record.extra}))
    number = len({record.group for record in grouped if record.group is not None})
    report.note(f"{several(number, 'group')} were found in the names by {shown(pattern)}.")
    if without:
        report.note(
            f"{several(len(without), 'name')} such as {shown(without[0])} do not fit the pattern: without a group."
        )
    return grouped


def _timed_by_name(records: list[ImageRecord], pattern: str, zone: str | None, report: Report) -> list[ImageRecord]:
    """Times from file names for records that have none."""
    parsed = TimePattern(pattern, zone)
    timed = []
    filled = 0
    for record in records:
        if record.taken_at is not None:
            timed.append(record)
            continue
        at = parsed.find(PurePosixPath(record.path).name)
        if at is None:
            report.problem("no-time", record.path, f"no time of the form {shown(pattern)} in its name")
            timed.append(record)
        else:
            filled += 1
            timed.append(replace(record, taken_at=at, taken_zone="UTC" if "%s" in pattern else zone))
    if filled and zone is None and "%s" not in pattern:
        report.note(
            f"{several(filled, 'time')} in file names carry no zone: UTC was assumed; --timezone says otherwise."
        )
    return timed


def _grouped_by_column(records: list[ImageRecord], options: ReadOptions, report: Report) -> list[ImageRecord]:
    """Groups from the column that a person names, else, without a pattern, from one that is called like a group."""
    column = options.group
    if column is None and options.group_pattern is None:
        own = {normalise(name): name for record in records for name in record.extra}
        column = next((own[name] for name in GROUPS if name in own), None)
    if column is None:
        return records
    values = [_present(value_of(record, column)) for record in records]
    if options.group is not None and records and not any(value is not None for value in values):
        names = dict.fromkeys(name for record in records[:1000] for name in record.extra)
        listed = ", ".join(shown(name, 40) for name in [*list(names)[:12], "folder"])
        raise SettingsError(f"there is no column {shown(column)} to group by; there are {listed}")
    report.columns[column] = "group"
    if options.group is None:
        report.note(f"Images were grouped by {shown(column)}; --group or --group-pattern says otherwise.")
    without = sum(value is None and record.group is None for value, record in zip(values, records, strict=True))
    if without:
        report.note(f"{several(without, 'image')} have no {shown(column)}: without a group.")
    return [
        replace(record, group=value) if value is not None else record
        for record, value in zip(records, values, strict=True)
    ]


def _present(value: str | None) -> str | None:
    return None if value is None or is_missing(value) else value
