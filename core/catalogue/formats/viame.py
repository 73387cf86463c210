"""VIAME CSV: no header, one row a detection.

Columns: id, image, frame, top-left x and y, bottom-right x and y, confidence, length, then class and score in turn,
then remarks in brackets. Lines that begin with ``#`` are comments.
Source: VIAME's manual, "Detection file formats".
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from core.catalogue.formats.cells import restore
from core.catalogue.formats.decoding import decode, read_bytes
from core.catalogue.formats.listed import Listed, box_of_corners, read_listed
from core.catalogue.formats.report import Report, shown, whole
from core.catalogue.records import AnnotationRecord, Reading, ReadOptions
from core.errors import FormatError

FIXED = 9
_COMMENT = "#"


def rows_of(text: str) -> list[list[str]]:
    """Rows with their line numbers' places kept; comments and blank lines are empty rows."""
    lines = text.splitlines()
    return [next(csv.reader([line]), []) if line.strip() and not line.lstrip().startswith(_COMMENT) else []
            for line in lines]  # fmt: skip


def is_viame(text: str) -> bool:
    """Whether the first rows are detections."""
    try:
        rows = [row for row in rows_of(text) if row][:10]
    except csv.Error:
        return False
    return bool(rows) and all(len(row) >= FIXED and all(_number(cell) is not None for cell in row[2:9]) for row in rows)


def read_viame(source: Path, options: ReadOptions) -> Reading:
    """Read detections. Of a row's classes the first is the label, the others are kept beside it.

    Raises:
        FormatError: the file cannot be read, or no row is a detection.
    """
    report = Report()
    text = decode(read_bytes(source), source.name, report).removeprefix("\ufeff")
    try:
        rows = rows_of(text)
    except csv.Error as error:
        raise FormatError(f"{source.name} is not CSV ({error}); check how it was written") from None
    entries: dict[str, Listed] = {}
    count = 0
    for line, row in enumerate(rows, start=1):
        if not row:
            continue
        count += 1
        where = f"line {line}"
        if len(row) < FIXED:
            report.problem("bad-row", where, f"a detection has at least {FIXED} columns, this has {len(row)}")
            continue
        name = whole(restore(row[1])).strip()
        if not name:
            report.problem("no-file-name", where, "the second column, the image, is empty")
            continue
        entry = entries.setdefault(name, Listed(name, where, labelled=True))
        pairs = _pairs(row[FIXED:])
        if not pairs:
            report.problem("unknown-label", where, "the detection has no class")
            continue
        corners = [_number(cell) for cell in row[3:7]]
        geometry = None
        if None not in corners:
            geometry = box_of_corners(*(corner for corner in corners if corner is not None))
        if geometry is None and any(corners):
            report.problem("bad-value", where, "its corners make no box; only the label was kept")
        extra: dict[str, str | float] = {"detection": whole(row[0]).strip()}
        extra |= {f"class {at + 2}": f"{label} {score:g}" for at, (label, score) in enumerate(pairs[1:])}
        length = _number(row[8])
        if length is not None and length > 0:
            extra["length"] = length
        label, score = pairs[0]
        entry.annotations.append(AnnotationRecord(label, geometry, score, extra=extra))
    if not entries and count:
        first = shown(",".join(next(row for row in rows if row))[:80])
        raise FormatError(f"{source.name} is not VIAME's CSV: no row is a detection; the first is {first}")
    return read_listed(source, options, report, list(entries.values()), rows=count)


def _pairs(cells: list[str]) -> list[tuple[str, float]]:
    """Classes with their scores, until the remarks begin."""
    found = []
    for label, score in zip(cells[0::2], cells[1::2], strict=False):
        value = _number(score)
        name = whole(restore(label)).strip()
        if not name or (name.startswith("(") and value is None) or value is None:
            break
        found.append((name, value))
    return found


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
