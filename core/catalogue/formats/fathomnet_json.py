"""FathomNet's images as its interface gives them: JSON with boxes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.catalogue.formats.coco import load_json
from core.catalogue.formats.geometry import number
from core.catalogue.formats.listed import Listed, as_text, box_of_corners, read_listed, scalars
from core.catalogue.formats.report import Report, shown, whole
from core.catalogue.records import AnnotationRecord, Reading, ReadOptions
from core.errors import FormatError

_BOX = frozenset({"concept", "x", "y", "width", "height", "observer", "confidence"})
_COLUMNS = {"depthMeters": "depth_m", "timestamp": "timestamp_utc"}
_NOT_COLUMNS = frozenset({"boundingBoxes", "tags", "width", "height", "file"})


def is_fathomnet_json(head: bytes) -> bool:
    """Whether the first bytes are those of FathomNet's images."""
    return b'"boundingBoxes"' in head


def read_fathomnet_json(source: Path, options: ReadOptions) -> Reading:
    """Read a list of images, or a page of them (``content``).

    The file is the last part of the image's address, or ``uuid`` where there is none.

    Raises:
        FormatError: the file cannot be read, or holds no images.
    """
    report = Report()
    try:
        data = load_json(source, report)
    except RecursionError:
        raise FormatError(f"{source.name} is nested too deeply to be a file of annotations") from None
    if isinstance(data, dict):
        data = next((data[key] for key in ("content", "images") if isinstance(data.get(key), list)), [data])
    if not isinstance(data, list):
        raise FormatError(f"{source.name} is JSON, but a single value: a list of FathomNet's images was expected")
    entries = []
    for index, image in enumerate(data):
        where = f"image {index + 1} of the list"
        if not isinstance(image, dict):
            report.problem("bad-row", where, "an image is an object with url and boundingBoxes")
            continue
        name = _file(image)
        if not name:
            report.problem("no-file-name", where, "it has neither url nor uuid")
            continue
        boxes = image.get("boundingBoxes")
        columns = {_COLUMNS.get(str(key), str(key)): value for key, value in image.items() if key not in _NOT_COLUMNS}
        listed = Listed(name, where, columns, labelled=isinstance(boxes, list))
        for at, box in enumerate(boxes if isinstance(boxes, list) else ()):
            found = _annotation(box, f"box {at + 1} of {where}", report)
            if found is not None:
                listed.annotations.append(found)
        entries.append(listed)
    return read_listed(source, options, report, entries, states_labels=any(entry.labelled for entry in entries))


def _file(image: Mapping[str, Any]) -> str:
    given = image.get("file") if isinstance(image.get("file"), str) else None
    url = image.get("url") if isinstance(image.get("url"), str) else ""
    last = str(url).split("?")[0].split("#")[0].rstrip("/").rpartition("/")[2]
    return whole(given or last or as_text(image.get("uuid"))).strip()


def _annotation(box: Any, where: str, report: Report) -> AnnotationRecord | None:
    concept = whole(box["concept"]).strip() if isinstance(box, dict) and isinstance(box.get("concept"), str) else ""
    if not concept:
        report.problem("unknown-label", where, "a box needs a concept")
        return None
    assert isinstance(box, dict)
    sides = [number(box.get(name)) for name in ("x", "y", "width", "height")]
    geometry = None
    if any(side is not None for side in sides):
        if None not in sides:
            x, y, width, height = (float(side) for side in sides if side is not None)
            geometry = box_of_corners(x, y, x + width, y + height) if width > 0 and height > 0 else None
        if geometry is None:
            report.problem("bad-value", where, f"{shown(concept)}: its box has no area; only the label was kept")
    actor = as_text(box.get("observer")).strip() or None
    return AnnotationRecord(concept, geometry, number(box.get("confidence")), actor, scalars(box, _BOX))
