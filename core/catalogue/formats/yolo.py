"""YOLO folders: ``data.yaml`` with the names, a text file of boxes beside each image.

A line is ``class x-centre y-centre width height`` in shares of the image's sides, or ``class`` and the corners of a
polygon; a fifth or last number after a box is a score. The image's header says how large it is; no pixel is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.catalogue.formats.decoding import decode
from core.catalogue.formats.gathering import Folder
from core.catalogue.formats.listed import Listed, as_text, box_of_corners, polygon_of, read_listed
from core.catalogue.formats.listing import list_images
from core.catalogue.formats.matching import FileIndex
from core.catalogue.formats.report import Report, shown
from core.catalogue.formats.yamls import load_yaml
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions
from core.errors import FormatError

NAMES = ("data.yaml", "dataset.yaml", "data.yml", "classes.txt")


def is_yolo(source: Path) -> bool:
    """Whether this is a YOLO folder, or its ``data.yaml``."""
    folder = source if source.is_dir() else source.parent
    named = source.is_dir() or source.name in NAMES
    return named and any((folder / name).is_file() for name in NAMES) and any(_label_folders(folder))


def _label_folders(folder: Path) -> list[Path]:
    """Folders named ``labels``, at most two below."""
    return [
        path for pattern in ("labels", "*/labels", "labels/*") for path in sorted(folder.glob(pattern)) if path.is_dir()
    ]


def read_yolo(source: Path, options: ReadOptions) -> Reading:
    """Read a folder. An image whose text file is empty is labelled with none; one without a text file is not labelled.

    Raises:
        FormatError: there is no list of names, or the folder cannot be listed.
    """
    report = Report()
    folder = source if source.is_dir() else source.parent
    names = _class_names(folder, report)
    root = options.images or folder
    listing = list_images(root, None)
    entries: list[Listed] = []
    rows = 0
    used: set[Path] = set()
    for path in listing.images:
        listed = Listed(path, path)
        text_file = _text_file(root / path, folder, path)
        if text_file is not None:
            used.add(text_file)
            listed.labelled = True
            rows += _read_labels(text_file, root / path, names, listed, report)
        entries.append(listed)
    for text in sorted(path for place in _label_folders(folder) for path in place.rglob("*.txt")):
        if text not in used and text.name not in NAMES:
            report.problem("missing-file", str(text.relative_to(folder)), "there is no image of this name")
    concepts = [ConceptRecord(name, code=code) for code, name in names.items()]
    where = Folder(listing, FileIndex(listing.images), given=True)
    return read_listed(folder, options, report, entries, concepts=concepts, rows=rows, folder=where)


def _class_names(folder: Path, report: Report) -> dict[str, str]:
    found = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if found is None:
        raise FormatError(f"{folder} has no data.yaml with the names of its classes; a YOLO folder needs one")
    if found.suffix == ".txt":
        lines = decode(found.read_bytes(), found.name, report).splitlines()
        return {str(at): line.strip() for at, line in enumerate(lines) if line.strip()}
    data = load_yaml(found, report)
    names = data.get("names") if isinstance(data, dict) else None
    pairs = names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else ()
    named = {as_text(key): as_text(name).strip() for key, name in pairs if as_text(name).strip()}
    if not named:
        raise FormatError(f"{found.name} has no list called names; a YOLO folder needs the names of its classes there")
    return named


def _text_file(image: Path, folder: Path, relative: str) -> Path | None:
    """``images/a.jpg`` → ``labels/a.txt``, beside the image, or under ``labels/``; never outside the folder."""
    parts = list(image.parts)
    choices = [image.with_suffix(".txt"), (folder / "labels" / relative).with_suffix(".txt")]
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "images":
            choices.insert(0, Path(*parts[:at], "labels", *parts[at + 1 :]).with_suffix(".txt"))
            break
    below = folder.resolve()
    return next((path for path in choices if path.is_file() and below in path.resolve().parents), None)


def _read_labels(text: Path, image: Path, names: Mapping[str, str], listed: Listed, report: Report) -> int:
    where = text.name
    data = text.read_bytes()
    lines = decode(data, where, report).splitlines() if data.strip() else []
    size = _size(image) if any(line.strip() for line in lines) else None
    count = 0
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        count += 1
        place = f"{where} line {number}"
        code = words[0].removesuffix(".0")
        values = _numbers(words[1:])
        if values is None or not (code.isascii() and code.isdecimal()):
            report.problem("bad-row", place, f"{shown(line[:80])} is not a class and numbers")
            continue
        if code not in names:
            report.problem("unknown-label", place, f"the class {code} has no name; it was kept as a number")
        listed.annotations.append(_annotation(names.get(code, code), values, size, place, report))
    return count


def _annotation(
    name: str, values: Sequence[float], size: tuple[int, int] | None, place: str, report: Report
) -> AnnotationRecord:
    score = values[4] if len(values) == 5 else None
    geometry: dict[str, Any] | None = None
    if size is None:
        report.problem("bad-value", place, "the image's size is not known; only the label was kept")
    else:
        width, height = size
        if len(values) in (4, 5):
            x, y, w, h = values[0] * width, values[1] * height, values[2] * width, values[3] * height
            geometry = box_of_corners(x - w / 2, y - h / 2, x + w / 2, y + h / 2) if w > 0 and h > 0 else None
        elif len(values) >= 6:
            geometry = polygon_of([(x * width, y * height) for x, y in zip(values[::2], values[1::2], strict=False)])
        if geometry is None:
            report.problem("bad-value", place, "the numbers make no box; only the label was kept")
    return AnnotationRecord(name, geometry, score)


def _numbers(words: Sequence[str]) -> list[float] | None:
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if all(math.isfinite(value) and abs(value) < 1e6 for value in values) else None


def _size(image: Path) -> tuple[int, int] | None:
    """Width and height of the upright image by its header; ``None`` when it is no image."""
    from PIL import Image

    try:
        with Image.open(image) as picture:
            turned = picture.getexif().get(0x0112, 1) >= 5
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return (height, width) if turned else (width, height)
