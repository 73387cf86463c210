"""Statements about images → one record an image, each with its file.

The contract, for every format that lists images:
- with a folder of images, of which at least one is named: a row whose file is not there is a ``missing-file`` problem
  and is not imported, and an image that no row names is an ``unlabelled`` problem and a record without labels;
- without such a folder, or when no row at all finds its file: every row is kept, as a record that is `absent` where its
  file was not found, and reported as ``absent-file``;
- statements about one image become one record: joined where the source has one row a label, else the first is kept, the
  others are ``repeated-id`` problems, and ``contradiction`` problems besides where they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.catalogue.formats.fields import Fields
from core.catalogue.formats.listing import Listing, list_images
from core.catalogue.formats.matching import FileIndex, Match
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.records import AnnotationRecord, ImageRecord, ReadOptions, Scalar

_MOST_BESIDE = 200_000
_FLAT = tuple(item.name for item in fields(Fields) if item.name != "extra")
_LOOSELY = {
    "case": "although case or spelling differs",
    "folder": "by the end of their paths",
    "ending": "although the source leaves out the ending",
    "other ending": "although the ending differs",
}


@dataclass(frozen=True)
class Draft:
    """What one row says, before its file is looked for.

    Attributes:
        name: The file, as written.
        where: ``row 12``.
        fields: Time, position and so on.
        annotations: Its labels.
        labelled: It states its labels, even if there are none.
    """

    name: str
    where: str
    fields: Fields = field(default_factory=Fields)
    annotations: tuple[AnnotationRecord, ...] = ()
    labelled: bool = False


@dataclass(frozen=True)
class Folder:
    """Where a source's images are looked for.

    Attributes:
        listing: The files.
        index: The same, to be found by name.
        given: A person named this folder; else it is the source's own.
    """

    listing: Listing
    index: FileIndex
    given: bool

    @property
    def root(self) -> Path:
        """What record paths are relative to."""
        return self.listing.root


def open_folder(source: Path, options: ReadOptions, report: Report) -> Folder:
    """List the folder of ``--images``, or else the one that `source` lies in.

    Raises:
        FormatError: the named folder cannot be listed.
    """
    if options.images is not None:
        listing = list_images(options.images, report)
        return Folder(listing, FileIndex(listing.images), given=True)
    listing = list_images(source.parent, None, limit=_MOST_BESIDE)
    if not listing.complete:
        report.note(f"{source.parent} holds too much to look through: name the folder of the images with --images.")
        listing = replace(listing, images=())
    return Folder(listing, FileIndex(listing.images), given=False)


def gather(
    drafts: Sequence[Draft], folder: Folder, report: Report, *, source: str, joined: bool, states_labels: bool
) -> list[ImageRecord]:
    """One record an image.

    Args:
        drafts: In the source's order.
        folder: Where the files are.
        report: Takes problems and notes.
        source: The source's file name, for sentences.
        joined: The source has one row a label: rows of one image add up.
        states_labels: The source has labels at all.

    Returns:
        Records in the source's order, then those of images that it does not name.
    """
    matches = {name: folder.index.find(name) for name in dict.fromkeys(draft.name for draft in drafts)}
    found = any(match.path for match in matches.values())
    keep_absent = not (folder.given and found)
    together: dict[str, list[Draft]] = {}
    for draft in drafts:
        together.setdefault(matches[draft.name].path or draft.name, []).append(draft)
    records = []
    for group in together.values():
        match = matches[group[0].name]
        record = _record(group, match, report, joined=joined)
        if match.path is None:
            kind = "absent-file" if keep_absent else "ambiguous-file" if match.choices else "missing-file"
            for draft in group[:1] if keep_absent else group:
                report.problem(kind, draft.where, _not_found(match, draft, folder))
            if not keep_absent:
                continue
        if states_labels and not record.labelled:
            report.problem("unlabelled", record.where, f"{source} gives {shown(record.path)} no labels")
        records.append(record)
    _describe(matches.values(), folder, found, report, source)
    if folder.given:
        records.extend(_unnamed(matches.values(), folder, report, source, kept=found or not drafts))
    return records


def _record(group: Sequence[Draft], match: Match, report: Report, *, joined: bool) -> ImageRecord:
    first = group[0]
    fields_, annotations, labelled = first.fields, first.annotations, first.labelled
    if len(group) > 1 and joined:
        fields_ = _merge_fields(group, report)
        annotations = _joined_annotations(group, report)
        labelled = any(draft.labelled for draft in group)
    else:
        for later in group[1:]:
            report.problem("repeated-id", later.where, f"{shown(later.name)} stands in {first.where} already")
            if differing := _differences(first, later):
                report.problem("contradiction", later.where, f"{shown(later.name)}: {'; '.join(differing)}")
    return ImageRecord(
        path=match.path or first.name,
        **dict(_flat(fields_)),
        extra=fields_.extra,
        annotations=annotations,
        labelled=labelled,
        where=first.where,
        absent=match.path is None,
    )


def _joined_annotations(group: Sequence[Draft], report: Report) -> tuple[AnnotationRecord, ...]:
    """All annotations of one image's rows, each once; a row that adds none is a repetition."""
    joined: dict[str, AnnotationRecord] = {}
    for draft in group:
        new = {_identity(one): one for one in draft.annotations}
        if draft.labelled and new.keys() <= joined.keys() and joined:
            report.problem("repeated-id", draft.where, f"{shown(draft.name)} has this label already")
        joined.update(new)
    return tuple(joined.values())


def _merge_fields(group: Sequence[Draft], report: Report) -> Fields:
    """The first value of every field that any row gives; differing values are contradictions."""
    merged: dict[str, Any] = {}
    extra: dict[str, Scalar] = {}
    for draft in group:
        differing = []
        for name, value in _flat(draft.fields):
            if value is not None and merged.setdefault(name, value) != value:
                differing.append(f"{name} is {shown(str(value))}, before it was {shown(str(merged[name]))}")
        for name, scalar in draft.fields.extra.items():
            if extra.setdefault(name, scalar) != scalar:
                differing.append(f"{name} is {shown(str(scalar))}, before it was {shown(str(extra[name]))}")
        if differing:
            report.problem("contradiction", draft.where, f"{shown(draft.name)}: {'; '.join(differing)}")
    return replace(group[0].fields, **merged, extra=extra)


def _differences(first: Draft, later: Draft) -> list[str]:
    """What two rows of one image say differently, in words."""
    differing = []
    ours, theirs = ({one.concept for one in draft.annotations} for draft in (first, later))
    if ours != theirs or first.labelled != later.labelled:
        listed = [shown(", ".join(sorted(labels)) or "none") for labels in (theirs, ours)]
        differing.append(f"labels are {listed[0]}, in {first.where} they are {listed[1]}")
    elif {_identity(one) for one in first.annotations} != {_identity(one) for one in later.annotations}:
        differing.append(f"the regions of its labels are not those of {first.where}")
    before, after = ({**dict(_flat(draft.fields)), **draft.fields.extra} for draft in (first, later))
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            was, now = (shown(str(side.get(name, "empty"))) for side in (before, after))
            differing.append(f"{name} is {now}, in {first.where} it is {was}")
    return differing


def _flat(fields_: Fields) -> list[tuple[str, Any]]:
    return [(name, getattr(fields_, name)) for name in _FLAT]


def _identity(annotation: AnnotationRecord) -> str:
    return repr(
        (annotation.concept, annotation.geometry, annotation.score, annotation.actor, sorted(annotation.extra.items()))
    )


def _not_found(match: Match, draft: Draft, folder: Folder) -> str:
    if match.choices:
        return f"{shown(draft.name)} may mean {', '.join(shown(path) for path in match.choices)}"
    return f"{shown(draft.name)} is not in {folder.root.name or folder.root}"


def _describe(matches: Iterable[Match], folder: Folder, found: bool, report: Report, source: str) -> None:
    ways = [match.how for match in matches]
    for how, words in _LOOSELY.items():
        if number := sum(way == how for way in ways):
            report.note(f"{several(number, 'file was', 'files were')} found {words}.")
    if ways and not found:
        place = f"in {folder.root}" if folder.given else f"beside {source}"
        report.note(
            f"None of the {len(ways):,} files that {source} names is {place}: "
            "every row was kept without its file. Check --images if the files are elsewhere."
        )


def _unnamed(matches: Iterable[Match], folder: Folder, report: Report, source: str, *, kept: bool) -> list[ImageRecord]:
    """Images in the folder that no row names."""
    named = {match.path for match in matches}
    rest = [path for path in folder.listing.images if path not in named]
    ending = "" if kept else "; it was not imported, because no row finds its file"
    for path in rest:
        report.problem("unlabelled", path, f"no row of {source} names this image{ending}")
    return [ImageRecord(path, where=path) for path in rest] if kept else []
