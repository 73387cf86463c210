"""iFDO 2: FAIR image sets in YAML or JSON, with their annotations.

Source: https://www.marine-imaging.com/fair/ifdos/iFDO-overview/. Values of the header hold for every item that does not
say otherwise; an altitude below the surface is negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.catalogue.formats.coco import load_json
from core.catalogue.formats.geometry import number
from core.catalogue.formats.listed import Listed, as_text, finite, read_listed, scalars, shape_of
from core.catalogue.formats.report import Report, shown, whole
from core.catalogue.formats.yamls import load_yaml
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions
from core.errors import FormatError

HEADER, ITEMS = "image-set-header", "image-set-items"
_COLUMNS = {
    "image-datetime": "datetime_utc",
    "image-latitude": "latitude",
    "image-longitude": "longitude",
    "image-depth": "depth_m",
    "image-meters-above-ground": "meters above ground",
    "image-camera": "camera",
    "image-sensor": "camera",
    "image-station": "site",
}
_ALTITUDE = ("image-altitude-meters", "image-altitude")
_NOT_COLUMNS = frozenset({"image-annotations", "image-annotation-labels", "image-annotation-creators", *_ALTITUDE})
_INHERITED = frozenset({*_COLUMNS, *_ALTITUDE, "image-platform", "image-project", "image-event", "image-annotations"})


def is_ifdo(head: bytes) -> bool:
    """Whether the first bytes are those of an iFDO file."""
    return HEADER.encode() in head or ITEMS.encode() in head


def read_ifdo(source: Path, options: ReadOptions) -> Reading:
    """Read an iFDO file. A video's item, which has a list of moments, gives its first.

    Raises:
        FormatError: the file cannot be read, or is not iFDO.
    """
    report = Report()
    try:
        data = load_json(source, report) if source.suffix.lower() == ".json" else load_yaml(source, report)
    except RecursionError:
        raise FormatError(f"{source.name} is nested too deeply to be a file of annotations") from None
    if not isinstance(data, dict) or not isinstance(data.get(ITEMS), dict):
        raise FormatError(f"{source.name} is not iFDO: an object with {HEADER} and {ITEMS} was expected")
    header = data.get(HEADER) if isinstance(data.get(HEADER), dict) else {}
    assert isinstance(header, dict)
    labels, people = _names(header, "image-annotation-labels"), _names(header, "image-annotation-creators")
    entries = []
    stated = False
    for name, item in data[ITEMS].items():
        where = f"item {shown(as_text(name))}"
        if isinstance(item, list):
            if len(item) > 1:
                report.problem("video", where, f"it has {len(item):,} moments; only the first was read")
            item = item[0] if item else {}
        if not isinstance(item, dict):
            report.problem("bad-row", where, "an item is an object of image-… entries")
            continue
        if not as_text(name).strip():
            report.problem("no-file-name", where, "an item is named by its file")
            continue
        merged = {key: header[key] for key in _INHERITED if key in header} | item
        listed = Listed(as_text(name), where, _columns(merged))
        notes = merged.get("image-annotations")
        if isinstance(notes, list):
            listed.labelled = stated = True
            for at, note in enumerate(notes):
                listed.annotations.extend(_annotations(note, f"annotation {at + 1} of {where}", labels, people, report))
        elif notes is not None:
            report.problem("bad-value", where, "image-annotations is not a list")
        entries.append(listed)
    concepts = [ConceptRecord(label, code=key) for key, label in labels.items() if label]
    return read_listed(source, options, report, entries, concepts=concepts, states_labels=stated)


def _names(header: Mapping[str, Any], key: str) -> dict[str, str]:
    """Id → name of the labels or people that the header lists."""
    listed = header.get(key)
    found = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") is not None:
            name = as_text(one.get("name")).strip() or as_text(one["id"]).strip()
            found[as_text(one["id"])] = name
    return found


def _columns(item: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for key, value in item.items():
        name = _COLUMNS.get(as_text(key), as_text(key))
        if key not in _NOT_COLUMNS and value is not None:
            columns.setdefault(name, value.get("name", value) if isinstance(value, dict) else value)
    altitude = next((value for key in _ALTITUDE if (value := number(item.get(key))) is not None), None)
    if altitude is not None and "depth_m" not in columns:
        columns["depth_m"] = -altitude
    return columns


def _annotations(
    note: Any, where: str, labels: Mapping[str, str], people: Mapping[str, str], report: Report
) -> list[AnnotationRecord]:
    """One record for each label of an annotation."""
    if not isinstance(note, dict) or not isinstance(note.get("labels"), list):
        report.problem("bad-row", where, "an annotation is an object with labels and a shape")
        return []
    geometry = _geometry(note, where, report)
    found = []
    for label in note["labels"]:
        given = label.get("id", label.get("label")) if isinstance(label, dict) else label
        key = as_text(given).strip()
        if not key:
            report.problem("unknown-label", where, "a label has no id")
            continue
        if labels and key not in labels:
            report.problem("unknown-label", where, f"the label {shown(key)} is not in the header; kept as it is")
        entry = label if isinstance(label, dict) else {}
        actor = as_text(entry.get("annotator")).strip()
        found.append(
            AnnotationRecord(
                whole(labels.get(key) or key),
                geometry,
                score=number(entry.get("confidence")),
                actor=people.get(actor, actor) or None,
                extra=scalars(entry, frozenset({"id", "label", "annotator", "confidence"})),
            )
        )
    return found


def _geometry(note: Mapping[str, Any], where: str, report: Report) -> dict[str, Any] | None:
    shape = as_text(note.get("shape")).casefold()
    if shape in ("", "whole-image"):
        return None
    values = _flat(note.get("coordinates"))
    geometry = shape_of(shape, values) if values is not None else None
    if geometry is None and shape not in ("single-pixel", "polyline"):
        report.problem("bad-value", where, f"its {shown(shape)} has no area; the label was kept for the whole image")
    elif geometry is None:
        report.note("Points and lines have no area: their labels were kept for the whole image.")
    return geometry


def _flat(coordinates: Any) -> list[float] | None:
    """``[x, y, x, y]`` from that, from ``[[x, y, x, y], …]`` (the first moment) or from ``[{x, y}, …]``."""
    if not isinstance(coordinates, list) or not coordinates:
        return None
    first = coordinates[0]
    if isinstance(first, dict):
        return finite([point.get(side) if isinstance(point, dict) else None for point in coordinates for side in "xy"])
    if isinstance(first, list):
        return finite(first) if len(first) > 2 else finite([v for p in coordinates if isinstance(p, list) for v in p])
    return finite(coordinates)
