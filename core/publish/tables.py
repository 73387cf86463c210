"""Exports that are tables: FathomNet's boxes and submissions, BIIGLE, VIAME; and YOLO's folder of small tables.

Text cells that a spreadsheet would run are neutralised and restored by our readers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.catalogue.formats.cells import neutralise
from core.publish.bundle import Bundle, Shown, Statement, utc
from core.publish.documents import plain

BIIGLE_COLUMNS = (
    *("annotation_label_id", "label_id", "label_name", "label_hierarchy", "user_id", "firstname", "lastname"),
    *("image_id", "filename", "image_longitude", "image_latitude", "shape_id", "shape_name", "points", "attributes"),
    *("annotation_id", "created_at", "confidence"),
)
_SHAPE_IDS = {"Polygon": 3, "Rectangle": 5, "WholeFrame": 7}
MOST_CATEGORIES = 20
"""A submission to FathomNet's competition counts no more."""


def sheet(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 CSV; text neutralised, missing values empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # also quotes a cell that holds a bare \r
    if header:
        writer.writerow(header)
    for row in rows:
        writer.writerow([neutralise(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in row])
    return out.getvalue().encode("utf-8")


def fathomnet_boxes(bundle: Bundle) -> bytes:
    """``concept,image,x,y,width,height``, then who said so; labels without a place are boxes of the whole picture."""
    rows = []
    for image, one in bundle.said():
        box = one.box or (0, 0, image.width, image.height)
        rows.append([one.concept, image.path, *(plain(side) for side in box), one.source, one.actor, one.score])
    return sheet(("concept", "image", "x", "y", "width", "height", "source", "observer", "confidence"), rows)


def fathomnet_submission(bundle: Bundle) -> tuple[bytes, list[str]]:
    """``id,categories,osd``: codes best first, at most 20, and how strange the image is, as a share in [0, 1].

    Returns:
        The file, and the concepts that have no code and were left out.
    """
    without: set[str] = set()
    rows = []
    for image in bundle.images:
        codes: dict[str, None] = {}
        for one in sorted(image.statements, key=lambda one: (one.source == "model", -(one.score or 0))):
            if one.code is None:
                without.add(one.concept)
            else:
                codes[one.code.removesuffix(".0")] = None
        osd = None if image.ood_percentile is None else round(image.ood_percentile / 100, 6)
        rows.append([PurePosixPath(image.path).stem, " ".join(list(codes)[:MOST_CATEGORIES]), osd])
    return sheet(("id", "categories", "osd"), rows), sorted(without)


def biigle(bundle: Bundle) -> bytes:
    """BIIGLE's report of image annotations."""
    labels = {name: at for at, name in enumerate(bundle.concepts, start=1)}
    people = {who: at for at, who in enumerate(sorted({one.actor for _, one in bundle.said()}), start=1)}
    rows = []
    for number, (image, one) in enumerate(bundle.said(), start=1):
        kind, points = _biigle_shape(one)
        hierarchy = f"{one.parent} > {one.concept}" if one.parent else one.concept
        where = ("" if image.longitude is None else image.longitude, "" if image.latitude is None else image.latitude)
        row = [number, labels[one.concept], one.concept, hierarchy, people[one.actor], one.actor, ""]
        row += [image.id, image.path, *where, _SHAPE_IDS[kind], kind, json.dumps(points), "", number]
        rows.append([*row, utc(one.created_at), one.score])
    return sheet(BIIGLE_COLUMNS, rows)


def _biigle_shape(one: Statement) -> tuple[str, list[int | float]]:
    shape = dict(one.geometry or {})
    if shape.get("type") == "polygon":
        return "Polygon", [plain(value) for point in shape["points"] for value in point]
    if one.box is None:
        return "WholeFrame", []
    x, y, w, h = one.box
    return "Rectangle", [plain(value) for value in (x, y, x + w, y, x + w, y + h, x, y + h)]


def viame(bundle: Bundle) -> bytes:
    """VIAME's detections; the frame is the image's place in this file, a person's statement has the score 1."""
    head = "# 1: Detection,2: Image,3: Frame,4-7: TL-x TL-y BR-x BR-y,8: Confidence,9: Length,10+: Class,Score\n"
    head += f"# {' '.join(str(bundle.provenance['program']).split())}, run {bundle.provenance['run_uid']}\n"
    rows = []
    number = 0
    for frame, image in enumerate(bundle.images):
        for one in image.statements:
            x, y, w, h = one.box or (0, 0, image.width, image.height)
            score = 1.0 if one.score is None else one.score
            corners = [plain(value) for value in (x, y, x + w, y + h)]
            rows.append([number, image.path, frame, *corners, score, -1, one.concept, score])
            number += 1
    return head.encode("utf-8") + sheet((), rows)


def yolo(bundle: Bundle) -> dict[str, bytes]:
    """``data.yaml`` and a text file for each labelled image, by name. Images are not copied: link their folder."""
    import yaml

    names = {name: at for at, name in enumerate(bundle.concepts)}
    about = {"path": ".", "names": {at: name for name, at in names.items()}, "benthoscope": dict(bundle.provenance)}
    text = yaml.safe_dump(about, allow_unicode=True, sort_keys=False, width=120)
    files = {"data.yaml": str(text).encode("utf-8")}
    for image in bundle.images:
        if image.width and image.height and (image.statements or image.labelled):
            name = PurePosixPath("labels", image.path).with_suffix(".txt").as_posix()
            lines = [_yolo_line(image, one, names[one.concept]) for one in image.statements]
            files[name] = "".join(f"{line}\n" for line in lines).encode("ascii")
    return files


def _yolo_line(image: Shown, one: Statement, code: int) -> str:
    x, y, w, h = one.box or (0, 0, image.width, image.height)
    shares = ((x + w / 2) / image.width, (y + h / 2) / image.height, w / image.width, h / image.height)
    return " ".join(
        [str(code), *(f"{share:.9g}" for share in shares), *([] if one.score is None else [f"{one.score:.6g}"])]
    )
