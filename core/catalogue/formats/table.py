"""CSV, TSV and Parquet with one row an image, or one row a label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.catalogue.formats.columns import GROUPS, normalise
from core.catalogue.formats.concepts import LabelKey, forest, load_key
from core.catalogue.formats.fields import FieldReader, Fields
from core.catalogue.formats.gathering import Draft, Folder, gather, open_folder
from core.catalogue.formats.labels import LabelColumn, read_labels
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.quantities import is_missing
from core.catalogue.formats.reading import reading_of
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.formats.sheet import Sheet
from core.catalogue.records import AnnotationRecord, ConceptRecord, Reading, ReadOptions, Scalar
from core.errors import FormatError


def read_table(source: Path, options: ReadOptions) -> Reading:
    """Read a table of images.

    The file column is the one of a known name under which the most files are found; failing that, any column whose
    values name files in ``--images``. Rows of one image are joined when no cell holds more than one label (one row a
    label); columns that differ between such rows then belong to the label, not to the image.

    Raises:
        FormatError: the table or its key cannot be read, or no column names the images.
    """
    report = Report()
    sheet = replace(load_sheet(source, report), told=options.columns)
    folder = open_folder(source, options, report)
    key_path = options.labels_key or options.category_key
    key = load_key(key_path, report) if key_path else None
    return read_sheet(sheet, source, folder, key, options, report)


def read_sheet(
    sheet: Sheet,
    source: Path,
    folder: Folder,
    key: LabelKey | None,
    options: ReadOptions,
    report: Report,
    *,
    boxes: Sequence[Mapping[str, Any] | None] | None = None,
    taken: Collection[int] = (),
) -> Reading:
    """Read a sheet that lists images; the part of `read_table` that other formats share.

    Args:
        sheet, source, folder, key, options, report: As `read_table` makes them.
        boxes: The geometry of every row's one label, for a table of objects.
        taken: Columns that `boxes` were made of.
    """
    file_at = _file_column(sheet, folder)
    report.columns[sheet.header[file_at]] = "file"
    label_at = next((at for at in sheet.places("labels") if at != file_at), None)
    labels = _labels(sheet, label_at, key, options, report, whole_cells=boxes is not None)
    for place in taken:
        report.columns[sheet.header[place]] = "box in pixels"
    used_columns = {file_at, *taken} if label_at is None else {file_at, label_at, *taken}
    fields = FieldReader(sheet, options.timezone, report, used_columns).read()
    names = [row[file_at] for row in sheet.rows]
    joined = labels is not None and not labels.several
    own_extras = _label_columns(names, fields, options) if joined else frozenset()
    if own_extras:
        listed = ", ".join(sorted(own_extras))
        report.note(f"One row a label: columns that differ between rows of an image belong to the label ({listed}).")
    drafts = []
    for index, name in enumerate(names):
        if not name.strip():
            report.problem("no-file-name", sheet.where(index), f"the column {sheet.header[file_at]} is empty")
            continue
        given = labels.labels[index] if labels is not None else None
        extra = fields[index].extra
        own: dict[str, Scalar] = {column: extra[column] for column in own_extras if column in extra}
        drafts.append(
            Draft(
                name,
                sheet.where(index),
                replace(fields[index], extra=_without(extra, own)) if own else fields[index],
                tuple(AnnotationRecord(label, boxes[index] if boxes else None, extra=own) for label in given or ()),
                given is not None,
            )
        )
    records = gather(drafts, folder, report, source=source.name, joined=joined, states_labels=labels is not None)
    if joined and len(records) < len(drafts):
        report.note("Rows of one image were joined: no cell holds more than one label.")
    used = dict.fromkeys(label for given in (labels.labels if labels else ()) for label in given or ())
    listed_concepts = [*(key.concepts if key else ()), *(ConceptRecord(label) for label in sorted(used))]
    return reading_of(
        records,
        forest(listed_concepts, report),
        report,
        folder.root,
        rows=len(sheet.rows),
        categories=len(key.concepts) if key else len(used),
    )


def _file_column(sheet: Sheet, folder: Folder) -> int:
    """The column that names the images."""
    named = sheet.places("file")
    found = {at: _files_found(sheet.column(at), folder) for at in named if len(named) > 1 and len(folder.index)}
    if found and max(found.values()):
        return max(named, key=lambda at: found[at])  # the first of equals: the likelier name
    if named:
        return next((at for at in named if any(cell.strip() for cell in sheet.column(at))), named[0])
    if len(folder.index):
        found = {at: _files_found(sheet.column(at), folder) for at in range(len(sheet.header))}
        best = max(found, key=lambda at: found[at])
        if found[best]:
            return best
    raise FormatError(
        f"{sheet.name} has no column that names the images: one called filename, file, image, path or id was expected, "
        f"but the columns are {', '.join(shown(name, 40) for name in sheet.header[:12])}; rename one"
    )


def _files_found(cells: Sequence[str], folder: Folder) -> int:
    return sum(folder.index.find(cell).path is not None for cell in dict.fromkeys(cells) if cell.strip())


def _labels(
    sheet: Sheet, place: int | None, key: LabelKey | None, options: ReadOptions, report: Report, *, whole_cells: bool
) -> LabelColumn | None:
    """The labels of every row, as names; with `whole_cells` each cell is one label."""
    if place is None:
        if key is not None:
            report.note(f"{sheet.name} has no column of labels, so the key of labels was not needed.")
        return None
    name = sheet.header[place]
    cells = sheet.column(place)
    if whole_cells:
        column = LabelColumn([None if is_missing(cell) else (cell.strip(),) for cell in cells], None, several=False)
    else:
        column = read_labels(
            cells,
            lambda index, reason: report.problem("bad-value", sheet.where(index), f"{name}: {reason}"),
            separator=options.label_separator,
            known=key.by_code.keys() | key.names if key else frozenset(),
        )
    separators = {" ": "separated by spaces", None: "one in a cell", "JSON list": "a list in each cell"}
    report.columns[name] = f"labels, {separators.get(column.separator, f'separated by {column.separator}')}"
    if column.separator is None and any(" " in label for cell in column.labels for label in cell or ()):
        report.note(f"Labels in {name} hold spaces and were not split at them.")
    if key is None:
        return column
    named: list[tuple[str, ...] | None] = []
    unknown = 0
    for index, labels in enumerate(column.labels):
        names: dict[str, None] = {}
        for label in labels or ():
            meant = key.name_of(label)
            if meant is None:
                unknown += 1
                report.problem("unknown-label", sheet.where(index), f"{shown(label)} is not in the key; kept as it is")
            names[meant or label] = None
        named.append(None if labels is None else tuple(names))
    if unknown:
        report.note(f"{several(unknown, 'label')} in {name} are not in the key.")
    return replace(column, labels=named)


def _label_columns(names: Sequence[str], fields: Sequence[Fields], options: ReadOptions) -> frozenset[str]:
    """Columns without a meaning of their own that differ between rows of one image."""
    whole_image = {*GROUPS, normalise(options.group or "group")}
    first: dict[str, Fields] = {}
    differing: set[str] = set()
    for name, own in zip(names, fields, strict=True):
        before = first.setdefault(name, own)
        if before is not own and before.extra != own.extra:
            columns = before.extra.keys() | own.extra.keys()
            differing.update(column for column in columns if before.extra.get(column) != own.extra.get(column))
    return frozenset(column for column in differing if normalise(column) not in whole_image)


def _without(extra: Mapping[str, Scalar], own: Collection[str]) -> dict[str, Scalar]:
    return {column: value for column, value in extra.items() if column not in own}
