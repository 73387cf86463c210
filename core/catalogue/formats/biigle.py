"""BIIGLE's CSV report of image annotations: one row a label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.catalogue.formats.geometry import number
from core.catalogue.formats.listed import Listed, finite, read_listed, shape_of
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.quantities import is_missing
from core.catalogue.formats.report import Report, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions
from core.errors import FormatError

NEEDED = frozenset({"label_name", "filename", "shape_name", "points"})
_LINES = frozenset({"point", "linestring"})
_OWN = ("annotation_label_id", "annotation_id", "created_at", "attributes", "label_hierarchy")


def is_biigle(sheet: Sheet) -> bool:
    """Whether the columns are those of the report."""
    return frozenset(sheet.header) >= NEEDED


def read_biigle(source: Path, options: ReadOptions) -> Reading:
    """Read the report; the label's hierarchy (``Animalia > Cnidaria``) becomes the tree of concepts.

    Raises:
        FormatError: the file cannot be read, or has other columns.
    """
    report = Report()
    sheet = load_sheet(source, report)
    if not is_biigle(sheet):
        raise FormatError(f"{source.name} is not BIIGLE's report: columns {', '.join(sorted(NEEDED))} were expected")
    at = {name: place for place, name in enumerate(sheet.header)}

    def cell(row: Sequence[str], name: str) -> str:
        return row[at[name]].strip() if name in at else ""

    entries: dict[str, Listed] = {}
    parents: dict[str, str] = {}
    for index, row in enumerate(sheet.rows):
        where, name, label = sheet.where(index), cell(row, "filename"), cell(row, "label_name")
        if not name:
            report.problem("no-file-name", where, "the column filename is empty")
            continue
        entry = entries.setdefault(name, Listed(name, where, labelled=True))
        for column, role in (("image_longitude", "longitude"), ("image_latitude", "latitude")):
            if cell(row, column):
                entry.columns.setdefault(role, cell(row, column))
        if not label:
            report.problem("unknown-label", where, "the column label_name is empty")
            continue
        chain = [part.strip() for part in cell(row, "label_hierarchy").split(">") if part.strip()]
        parents |= dict(zip(chain[1:], chain, strict=False))
        person = f"{cell(row, 'firstname')} {cell(row, 'lastname')}".strip()
        extra = {column: cell(row, column) for column in _OWN if cell(row, column)}
        score = None if is_missing(cell(row, "confidence")) else _score(cell(row, "confidence"))
        geometry = _shape(cell(row, "shape_name"), cell(row, "points"), where, report)
        entry.annotations.append(AnnotationRecord(label, geometry, score, person or None, extra))
    concepts = [ConceptRecord(name, parent=parent) for name, parent in parents.items()]
    return read_listed(source, options, report, list(entries.values()), concepts=concepts, rows=len(sheet.rows))


def _score(cell: str) -> float | None:
    try:
        return number(float(cell))
    except ValueError:
        return None


def _shape(kind: str, points: str, where: str, report: Report) -> dict[str, Any] | None:
    if kind.casefold() in ("wholeframe", "wholeimage", ""):
        return None
    try:
        values = finite(json.loads(points)) if points else None
    except (ValueError, RecursionError):
        values = None
    geometry = shape_of(kind, values) if values is not None else None
    if geometry is None and kind.casefold() in _LINES:
        report.note("Points and lines have no area: their labels were kept for the whole image.")
    elif geometry is None:
        report.problem("bad-value", where, f"its {shown(kind)} {shown(points)} has no area; only the label was kept")
    return geometry
