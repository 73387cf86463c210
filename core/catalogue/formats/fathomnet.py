"""FathomNet: the competition's CSV and submission CSV, and the site's CSV of boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.catalogue.formats.columns import normalise
from core.catalogue.formats.concepts import load_key
from core.catalogue.formats.gathering import open_folder
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.quantities import parse_number
from core.catalogue.formats.report import Report, several
from core.catalogue.formats.sheet import Sheet
from core.catalogue.formats.table import read_sheet
from core.catalogue.records import ImageRecord, Reading, ReadOptions
from core.errors import FormatError

BOX_COLUMNS = ("x", "y", "width", "height")
_LISTS = (frozenset({"id", "categories"}), frozenset({"id", "categories", "osd"}))
_BOXES = frozenset({"concept", "image", *BOX_COLUMNS})
_CODES = re.compile(r"\[?\s*(\d+(\.0)?\s*[, ]?\s*)*\]?", re.ASCII)
_MOST_CATEGORIES = 20  # of a submission


def is_fathomnet(sheet: Sheet) -> bool:
    """Whether the columns, and the categories of the first rows, are FathomNet's."""
    names = frozenset(normalise(name) for name in sheet.header)
    if names >= _BOXES:
        return True
    at = next((at for at, name in enumerate(sheet.header) if normalise(name) == "categories"), None)
    return names in _LISTS and at is not None and all(_CODES.fullmatch(row[at].strip()) for row in sheet.rows[:20])


def read_fathomnet(source: Path, options: ReadOptions) -> Reading:
    """Read ``id,categories`` (named by ``--category-key``), the same with ``osd``, or ``concept,image,x,y,…``.

    In a submission the categories stand best first: each annotation's ``rank`` in its ``extra`` counts from 1.

    Raises:
        FormatError: the file or its key cannot be read, or has other columns.
    """
    report = Report()
    sheet = load_sheet(source, report)
    names = frozenset(normalise(name) for name in sheet.header)
    if not (names >= _BOXES or names >= _LISTS[0]):
        raise FormatError(
            f"{source.name} is not a FathomNet CSV: columns id,categories or concept,image,x,y,width,height were "
            f"expected, but it has {', '.join(sheet.header[:8])[:200]}; read it as a table with --format table"
        )
    folder = open_folder(source, options, report)
    key_path = options.category_key or options.labels_key
    key = load_key(key_path, report) if key_path else None
    if names >= _BOXES:
        places = [next(at for at, name in enumerate(sheet.header) if normalise(name) == want) for want in BOX_COLUMNS]
        boxes = _boxes(sheet, places, report)
        return read_sheet(sheet, source, folder, key, options, report, boxes=boxes, taken=places)
    if key is None:
        report.note("Categories are numbers without names: give category_key.csv with --category-key.")
    reading = read_sheet(sheet, source, folder, key, options, report)
    if "osd" not in names:
        return reading
    long = sum(len(record.annotations) > _MOST_CATEGORIES for record in reading.records)
    notes = (
        [f"{several(long, 'image')} have more than {_MOST_CATEGORIES} categories: a submission counts no more."]
        if long
        else []
    )
    return replace(
        reading, records=tuple(_ranked(record) for record in reading.records), notes=(*reading.notes, *notes)
    )


def _ranked(record: ImageRecord) -> ImageRecord:
    ranked = (replace(one, extra={**one.extra, "rank": rank}) for rank, one in enumerate(record.annotations, start=1))
    return replace(record, annotations=tuple(ranked))


def _boxes(sheet: Sheet, places: Sequence[int], report: Report) -> list[dict[str, Any] | None]:
    """One box a row; ``None``, after a problem, where its numbers cannot be one."""
    boxes: list[dict[str, Any] | None] = []
    for index, row in enumerate(sheet.rows):
        try:
            x, y, width, height = (parse_number(row[place])[0] for place in places)
            if width <= 0 or height <= 0:
                raise ValueError("the box has no area")
        except ValueError as error:
            report.problem("bad-value", sheet.where(index), f"{error}; only the label was kept")
            boxes.append(None)
        else:
            boxes.append({"type": "box", "x": x, "y": y, "w": width, "h": height})
    return boxes
