"""COCO JSON: images, their boxes and masks, categories with supercategories."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.catalogue.formats.concepts import forest
from core.catalogue.formats.decoding import decode, read_bytes
from core.catalogue.formats.fields import FieldReader
from core.catalogue.formats.gathering import Draft, gather, open_folder
from core.catalogue.formats.geometry import number, read_geometry
from core.catalogue.formats.reading import reading_of
from core.catalogue.formats.report import Report, several, shown, whole
from core.catalogue.formats.sheet import Sheet, unique_names
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions, Scalar
from core.errors import FormatError

_MOST_COLUMNS = 200
_NOT_COLUMNS = frozenset({"id", "file_name", "width", "height"})
_NOT_EXTRA = frozenset({"id", "image_id", "category_id", "bbox", "segmentation", "area", "score"})


def load_json(source: Path, report: Report) -> Any:
    """Any JSON document.

    Raises:
        FormatError: the file cannot be read or is not JSON.
    """
    text = decode(read_bytes(source), source.name, report).removeprefix("\ufeff")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise FormatError(f"{source.name} is not JSON ({error.msg} at {place}); it may have been cut short") from None
    except ValueError:
        raise FormatError(f"{source.name} holds a number of thousands of digits; no file of annotations does") from None


def read_coco(source: Path, options: ReadOptions) -> Reading:
    """Read a COCO file.

    Every image that it lists counts as looked at, so one without annotations is labelled with none, unless the file
    holds no annotations at all. An annotation whose box cannot be used keeps its label for the whole image.

    Raises:
        FormatError: the file cannot be read, or is not COCO.
    """
    report = Report()
    try:
        return _read(load_json(source, report), source, options, report)
    except RecursionError:
        raise FormatError(f"{source.name} is nested too deeply to be a file of annotations") from None


def _read(data: Any, source: Path, options: ReadOptions, report: Report) -> Reading:
    images, entries, categories = _sections(data, source.name)
    folder = open_folder(source, options, report)
    concepts = _categories(categories, report)
    listed = _images(images, report)
    annotations, unusable = _annotations(entries, listed, concepts, report)
    fields = FieldReader(_sheet(listed, source.name, report), options.timezone, report).read()
    first_by_name: dict[str, str] = {}
    drafts = []
    for (key, image), own in zip(listed.items(), fields, strict=True):
        name, where = whole(image["file_name"]), f"image {key}"
        if name in first_by_name:
            reason = f"{shown(name)} is image {first_by_name[name]} already; their annotations were joined"
            report.problem("repeated-id", where, reason)
        first_by_name.setdefault(name, key)
        stated = annotations.get(key, [])
        labelled = bool(entries) and (bool(stated) or key not in unusable)
        drafts.append(Draft(name, where, own, tuple(stated), labelled))
    if entries and (empty := sum(draft.labelled and not draft.annotations for draft in drafts)):
        report.note(
            f"{several(empty, 'image')} without annotations were taken as looked at and empty, as COCO means it."
        )
    report.columns["file_name"] = "file"
    records = gather(drafts, folder, report, source=source.name, joined=True, states_labels=bool(entries))
    named = list(concepts.values())
    return reading_of(
        records,
        forest(named, report),
        report,
        folder.root,
        rows=len(images),
        categories=len({one.name for one in named}),
    )


def _sections(data: Any, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    """The three lists of a COCO file."""
    if not isinstance(data, dict):
        what = "a list" if isinstance(data, list) else "a single value"
        raise FormatError(f"{name} is JSON, but {what}: COCO is an object with images, annotations and categories")
    if "images" not in data:
        keys = ", ".join(shown(key, 30) for key in list(data)[:8]) or "nothing"
        raise FormatError(f"{name} is JSON, but not COCO: it holds {keys} and no images")
    sections = []
    for key in ("images", "annotations", "categories"):
        section = data.get(key)
        if section is not None and not isinstance(section, list):
            raise FormatError(f"{name} is JSON, but not COCO: its {key} are not a list")
        sections.append(section or [])
    return sections[0], sections[1], sections[2]


def _id(value: Any) -> str | None:
    """An identifier as text, so that 7, 7.0 and "7" are one; ``None`` when it cannot be one."""
    if isinstance(value, str):
        return whole(value) or None
    found = number(value)
    if found is None:
        return None
    return str(int(found)) if isinstance(found, int) or found.is_integer() else str(found)


def _categories(categories: Sequence[Any], report: Report) -> dict[str, ConceptRecord]:
    """Category id → concept."""
    concepts: dict[str, ConceptRecord] = {}
    for index, category in enumerate(categories):
        where = f"category {index + 1} of the list"
        key = _id(category.get("id")) if isinstance(category, dict) else None
        name = category.get("name") if isinstance(category, dict) else None
        if key is None or not isinstance(name, str) or not name.strip():
            report.problem("bad-row", where, "a category needs an id and a name")
            continue
        if key in concepts:
            report.problem("repeated-id", where, f"the id {key} already means {shown(concepts[key].name)}")
            continue
        above = category.get("supercategory")
        parent = whole(above).strip() or None if isinstance(above, str) else None
        concepts[key] = ConceptRecord(whole(name).strip(), parent=parent, code=key)
    return concepts


def _images(images: Sequence[Any], report: Report) -> dict[str, Mapping[str, Any]]:
    """Image id → entry, for entries that name a file."""
    listed: dict[str, Mapping[str, Any]] = {}
    for index, image in enumerate(images):
        where = f"image {index + 1} of the list"
        key = _id(image.get("id")) if isinstance(image, dict) else None
        if key is None:
            report.problem("bad-row", where, "an image needs an id that is a number or a text")
        elif key in listed:
            report.problem("repeated-id", where, f"the id {key} belongs to {shown(listed[key]['file_name'])} already")
        elif not isinstance(image.get("file_name"), str) or not image["file_name"].strip():
            report.problem("no-file-name", f"image {key}", "its file_name is missing or not a text")
        else:
            listed[key] = image
    return listed


def _annotations(
    entries: Sequence[Any],
    listed: Mapping[str, Mapping[str, Any]],
    concepts: Mapping[str, ConceptRecord],
    report: Report,
) -> tuple[dict[str, list[AnnotationRecord]], set[str]]:
    """Image id → annotations, and ids of images of which an annotation could not be used."""
    annotations: dict[str, list[AnnotationRecord]] = {}
    unusable: set[str] = set()
    seen: Counter[str] = Counter()
    brushed: list[str] = []
    for index, entry in enumerate(entries):
        where = f"annotation {index + 1} of the list"
        if not isinstance(entry, dict):
            report.problem("bad-row", where, "an annotation is an object with image_id, category_id and bbox")
            continue
        own = _id(entry.get("id"))
        where = f"annotation {own}" if own is not None else where
        if own is not None and seen[own]:
            report.problem("repeated-id", where, "this id occurs again; both annotations were kept")
        if own is not None:
            seen[own] += 1
        image, category = _id(entry.get("image_id")), _id(entry.get("category_id"))
        if image not in listed:
            report.problem(
                "bad-row", where, f"its image_id {shown(str(entry.get('image_id'))[:100])} is not in the list"
            )
            continue
        assert image is not None
        if category not in concepts:
            reason = f"its category_id {shown(str(entry.get('category_id'))[:100])} is not in the list of categories"
            report.problem("unknown-label", where, reason)
            unusable.add(image)
            continue
        assert category is not None
        geometry = read_geometry(
            entry.get("bbox"),
            entry.get("segmentation"),
            _size(listed[image]),
            lambda reason, where=where: report.problem("bad-value", where, reason),  # type: ignore[misc]
            brushed.append,
        )
        found = AnnotationRecord(concepts[category].name, geometry, number(entry.get("score")), extra=_extra(entry))
        annotations.setdefault(image, []).append(found)
    if brushed:
        report.note(f"{several(len(brushed), 'box', 'boxes')} passed the edge by at most a pixel and were cut there.")
    return annotations, unusable


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = number(image.get("width")), number(image.get("height"))
    return (int(width), int(height)) if width and height and width >= 1 and height >= 1 else None


def _extra(entry: Mapping[str, Any]) -> dict[str, Scalar]:
    """What else an annotation says, as scalars."""
    extra: dict[str, Scalar] = {}
    for name, value in entry.items():
        if name in _NOT_EXTRA or value is None or (name == "iscrowd" and not value):
            continue
        if isinstance(value, bool) or number(value) is not None:
            extra[whole(name)] = value
        elif isinstance(value, str | list | dict):
            extra[whole(name)] = _text(value)
    return extra


def _sheet(listed: Mapping[str, Mapping[str, Any]], name: str, report: Report) -> Sheet:
    """What images say about themselves, as a table, so that it is understood as a table's columns are."""
    keys = Counter(key for image in listed.values() for key in image if key not in _NOT_COLUMNS)
    header = [key for key, _ in keys.most_common(_MOST_COLUMNS)]
    if len(keys) > len(header):
        report.note(f"Images have {len(keys):,} different entries: only the {len(header)} most frequent were kept.")
    header.sort(key=list(keys).index)
    for image, entry in listed.items():
        for key in header:
            if isinstance(entry.get(key), float) and not math.isfinite(entry[key]):
                report.problem("bad-value", f"image {image}", f"{shown(key)} is not a finite number")
    rows = [[_text(entry.get(key)) for key in header] for entry in listed.values()]
    columns = unique_names([whole(key) for key in header], name, report)
    return Sheet(name, columns, rows, list(listed), "image")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return whole(value)
    return whole(json.dumps(value, ensure_ascii=False))
