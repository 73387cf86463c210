"""Entries of a document that lists images, whatever its kind → a `Reading`.

What the formats that are not tables share: their entries become a sheet, so that times, positions and units are
understood as in a table, and find their files in the same way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.catalogue.formats.concepts import forest
from core.catalogue.formats.fields import FieldReader
from core.catalogue.formats.gathering import Draft, Folder, gather, open_folder
from core.catalogue.formats.geometry import number
from core.catalogue.formats.reading import reading_of
from core.catalogue.formats.report import Report, whole
from core.catalogue.formats.sheet import Sheet, unique_names
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions

_MOST_COLUMNS = 200


@dataclass
class Listed:
    """One image of a document.

    Attributes:
        name: The file, as written.
        where: For sentences: ``image 7``.
        columns: Everything that the document says of the image as a whole, by column name.
        annotations: What it shows.
        labelled: The document states its labels, even if there are none.
    """

    name: str
    where: str
    columns: dict[str, Any] = field(default_factory=dict)
    annotations: list[AnnotationRecord] = field(default_factory=list)
    labelled: bool = False


def read_listed(
    source: Path,
    options: ReadOptions,
    report: Report,
    entries: Sequence[Listed],
    *,
    concepts: Sequence[ConceptRecord] = (),
    rows: int | None = None,
    states_labels: bool = True,
    folder: Folder | None = None,
) -> Reading:
    """Put the entries together.

    Args:
        concepts: What the document says of its concepts; names that only annotations use are added.
        rows: Rows or entries of the source when there are not as many as images.
    """
    folder = folder or open_folder(source, options, report)
    fields = FieldReader(_sheet(entries, source.name, report), options.timezone, report).read()
    drafts = [
        Draft(entry.name, entry.where, own, tuple(entry.annotations), entry.labelled)
        for entry, own in zip(entries, fields, strict=True)
    ]
    records = gather(drafts, folder, report, source=source.name, joined=True, states_labels=states_labels)
    used = dict.fromkeys(one.concept for entry in entries for one in entry.annotations)
    known = {concept.name for concept in concepts}
    named = [*concepts, *(ConceptRecord(name) for name in used if name not in known)]
    return reading_of(
        records,
        forest(named, report),
        report,
        folder.root,
        rows=len(entries) if rows is None else rows,
        categories=len({concept.name for concept in named}),
    )


def _sheet(entries: Sequence[Listed], name: str, report: Report) -> Sheet:
    keys = Counter(key for entry in entries for key in entry.columns)
    header = sorted((key for key, _ in keys.most_common(_MOST_COLUMNS)), key=list(keys).index)
    if len(keys) > len(header):
        report.note(f"Images have {len(keys):,} different entries: only the {len(header)} most frequent were kept.")
    rows = [[as_text(entry.columns.get(key)) for key in header] for entry in entries]
    columns = unique_names([whole(key) for key in header], name, report)
    return Sheet(name, columns, rows, [entry.where for entry in entries], "")


def as_text(value: Any) -> str:
    """A value of a document as a cell; nothing is the empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, float) and number(value) is None:
        return ""
    return whole(json.dumps(value, ensure_ascii=False, default=str))


def box_of_corners(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any] | None:
    """A box geometry from two opposite corners; ``None`` without an area."""
    left, top, right, bottom = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    if not (right > left and bottom > top):
        return None
    return {"type": "box", "x": left, "y": top, "w": right - left, "h": bottom - top}


def polygon_of(points: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """A polygon geometry with its box; ``None`` for fewer than three corners or without an area."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(points) < 3 or max(xs) <= min(xs) or max(ys) <= min(ys):
        return None
    box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    return {"type": "polygon", "points": [[x, y] for x, y in points], "box": box}


def shape_of(kind: str, values: Sequence[float]) -> dict[str, Any] | None:
    """Geometry of a named shape with its flat list of numbers; ``None`` for the whole image or what has no area.

    Rectangles become their upright box, circles ``x, y, radius`` the box around them, points and lines have no area.
    """
    points = list(zip(values[0::2], values[1::2], strict=False))
    kind = kind.casefold().replace("-", "").replace(" ", "")
    if kind == "circle" and len(values) == 3:
        x, y, radius = values
        return box_of_corners(x - radius, y - radius, x + radius, y + radius)
    if kind in ("rectangle", "ellipse", "box") and len(points) >= 2:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return box_of_corners(min(xs), min(ys), max(xs), max(ys))
    return polygon_of(points) if kind == "polygon" else None


def finite(values: Any) -> list[float] | None:
    """A list of finite numbers, ``None`` when it is not one."""
    if not isinstance(values, list):
        return None
    found = [number(value) for value in values]
    return None if any(value is None for value in found) else [float(value) for value in found if value is not None]


def scalars(values: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    """What else an entry says, as JSON scalars."""
    return {
        whole(str(name)): value if isinstance(value, bool | int) and abs(value) < 2**53 else as_text(value)
        for name, value in values.items()
        if name not in without and value is not None
    }
