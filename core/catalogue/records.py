"""Plain records that format readers produce and the importer stores.

The contract:
- a record says only what its source says; nothing here opens an image or a database;
- `ImageRecord.path` is relative to `Reading.root`, POSIX, and names a file that exists unless `ImageRecord.absent`;
- every row of a source ends in a record, in a `Problem`, or in both; nothing is dropped in silence;
- text is valid Unicode without lone surrogates; every value in an ``extra`` is a JSON scalar, never NaN.

Geometry is a plain dict in pixels of the image as stored, origin at the top left:
``{"type": "box", "x", "y", "w", "h"}``; ``{"type": "polygon", "points": [[x, y], ...]}``;
``{"type": "multipolygon", "parts": [points, ...]}``; ``{"type": "rle", "counts": [int, ...], "size": [height, width]}``
(runs of background and foreground in turn, column by column). The last three also carry ``"box": [x, y, w, h]``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import SettingsError

Scalar = str | int | float | bool | None
"""A JSON scalar; floats are finite."""

PROBLEMS: Mapping[str, str] = {
    # said by readers
    "absent-file": "the image file is not here; the row was kept without it",
    "ambiguous-file": "several files could be meant",
    "bad-name": "a file's name is not valid Unicode",
    "bad-row": "a row or entry cannot be read at all",
    "bad-value": "one value cannot be understood; the rest of its row was used",
    "contradiction": "two statements about one image differ; the first was kept",
    "linked-folder": "a link to a folder, which is not followed",
    "missing-file": "no such file in the image folder; the row was not imported",
    "no-file-name": "a row names no image",
    "no-time": "the time pattern does not fit the file's name",
    "other-file": "a file whose ending is not that of an image",
    "repeated-id": "an image or identifier occurs again",
    "unknown-label": "a label that the key or the list of categories does not hold",
    "unlabelled": "an image for which the source states no labels",
    "unmatched-metadata": "a key without a partner in the second table, or the reverse",
    "unmatched-navigation": "an image whose time lies in no stretch of the navigation log",
    "unreadable-folder": "a folder that may not be listed",
    "video": "a video, of which frames must be made first",
    # said when image files are opened: the codes of `core.errors.ImageError`
    "empty": "a file of zero bytes",
    "missing": "the file was gone when it was to be opened",
    "not-an-image": "the content is not that of an image",
    "outside": "a link that leaves the dataset's folder",
    "too-large": "more pixels than are safe to open",
    "truncated": "the file ends before the picture does",
    "unreadable": "the file may not be read",
    "unsupported": "a kind of image that cannot be shown",
}
"""Every kind of problem that an import may report, and what it means."""


@dataclass(frozen=True, slots=True)
class ConceptRecord:
    """One concept of a source's label set.

    Attributes:
        name: Unique within one `Reading`, not empty.
        parent: Name of the concept above, itself in the same `Reading`; the whole is a forest without cycles.
        code: What the source's tables write instead of the name.
        rank: Taxonomic rank, where the source gives one.
        aphia_id: WoRMS AphiaID, > 0, where the source gives one.
    """

    name: str
    parent: str | None = None
    code: str | None = None
    rank: str | None = None
    aphia_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """One statement that an image shows a concept.

    Attributes:
        concept: Name of a concept in the same `Reading`.
        geometry: Where, as the module describes; ``None`` means the whole image.
        score: Confidence as the source writes it, usually in [0, 1], larger is surer.
        actor: Who or what said so.
        extra: Everything else that the source says about this annotation.
    """

    concept: str
    geometry: Mapping[str, Any] | None = None
    score: float | None = None
    actor: str | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image as its source describes it.

    Attributes:
        path: Relative to `Reading.root`, POSIX; exactly as the source writes it when `absent`.
        taken_at: Aware, in UTC; ``None`` when unknown.
        taken_zone: The zone that the source or ``--timezone`` gave (``UTC``, ``+07:00``, ``Asia/Tokyo``);
            ``None`` when neither did and UTC was assumed.
        latitude, longitude: Degrees, WGS 84, in [-90, 90] and [-180, 180]; both or neither.
        depth_m: Metres below the surface, positive down.
        altitude_m: Metres over the ground, not negative.
        camera, site: As written.
        group: Images of one group are not independent of each other (dive, transect, video).
        extra: Every other column, under the name that the source gives it.
        annotations: In the source's order.
        labelled: The source states this image's labels, even when it states that there are none.
        where: Where the source says it (``row 12``: the header is row 1).
        absent: No file was found; `path` must not be opened.
    """

    path: str
    taken_at: datetime | None = None
    taken_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    depth_m: float | None = None
    altitude_m: float | None = None
    camera: str | None = None
    site: str | None = None
    group: str | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict)
    annotations: tuple[AnnotationRecord, ...] = ()
    labelled: bool = False
    where: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be used, where, and why (one sentence for a person).

    Attributes:
        kind: A key of `PROBLEMS`.
    """

    kind: str
    where: str
    reason: str

    def __post_init__(self) -> None:
        if self.kind not in PROBLEMS:
            raise ValueError(f"{self.kind!r} is not a kind of problem; add it to PROBLEMS with its meaning")


@dataclass(frozen=True)
class Reading:
    """Everything that one source says.

    Attributes:
        records: One an image, in the source's order, then images that the source does not mention.
        concepts: The label set, parents before children.
        problems: In the order found.
        notes: Sentences for the preview: how columns, zones and separators were understood.
        columns: Source column → how it was used.
        counts: ``rows`` (of the source), ``images``, ``labelled``, ``unlabelled``, ``absent`` (records),
            ``annotations`` and ``categories`` (as the source lists them, without parents).
        root: The folder that paths are relative to.
    """

    records: tuple[ImageRecord, ...]
    concepts: tuple[ConceptRecord, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    columns: Mapping[str, str]
    counts: Mapping[str, int]
    root: Path

    @property
    def problem_counts(self) -> Mapping[str, int]:
        """Kind → how many problems of it; kinds that do not occur are left out."""
        return Counter(problem.kind for problem in self.problems)


@dataclass(frozen=True)
class ReadOptions:
    """What a person may say about a source beyond the source itself.

    Attributes:
        images: Folder of the image files; without it they are looked for beside the source.
        metadata: A second table, joined by `on`.
        on: ``KEY`` or ``OURS=THEIRS``: columns (or ``folder``, ``filename``, ``stem``, or a named part of
            `group_pattern`) whose values join the two tables; without it the first column that both have.
        labels_key: Table of codes and names for the labels.
        category_key: FathomNet's ``category_key.csv``; the same thing with supercategories.
        group: Column (or ``folder``) that gives the group.
        group_pattern: Regular expression searched in the file's name, else in its path; the part named ``group``, else
            the first part, is the group; other named parts become columns.
        nav: Navigation log, read by `core.catalogue.formats.navigation`.
        max_gap: Seconds between two rows of the log across which is still interpolated, > 0.
        timezone: IANA name or ``+HH:MM`` for times that carry no zone.
        clock_offset: Seconds added to an image's time to get the log's time.
        time_pattern: ``%Y%m%d_%H%M%S`` and the like, searched in the file's name where no column gives a time.
        folder_labels: Take the folder of an image as its label.
        label_separator: What stands between labels in one cell; without it the column itself decides.
        columns: Column → what it is (a role of `core.catalogue.formats.columns`, or ``kept``), where its name does not
            say so; of the table and of the one joined to it.
    """

    images: Path | None = None
    metadata: Path | None = None
    on: str | None = None
    labels_key: Path | None = None
    category_key: Path | None = None
    group: str | None = None
    group_pattern: str | None = None
    nav: Path | None = None
    max_gap: float = 10.0
    timezone: str | None = None
    clock_offset: float = 0.0
    time_pattern: str | None = None
    folder_labels: bool = False
    label_separator: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_gap) and self.max_gap > 0):
            raise SettingsError(f"max_gap must be a number of seconds above 0, got {self.max_gap}")
        if not (math.isfinite(self.clock_offset) and abs(self.clock_offset) < 1e10):
            raise SettingsError(f"clock_offset must be a number of seconds, got {self.clock_offset}")
        if self.label_separator == "":
            raise SettingsError("label_separator must not be empty; leave it out to let the column decide")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, what is left as it is left out; the inverse of `options_from_json`."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        usual = {name: one.default for name, one in ReadOptions.__dataclass_fields__.items()} | {"columns": {}}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in given.items()
            if value != usual[name]
        }


def options_from_json(data: Mapping[str, Any]) -> ReadOptions:
    """Options as `ReadOptions.to_json` writes them.

    Raises:
        SettingsError: an option is not known, or out of range.
    """
    paths = ("images", "metadata", "labels_key", "category_key", "nav")
    try:
        values: dict[str, Any] = {name: Path(value) if name in paths else value for name, value in data.items()}
        return ReadOptions(**values)
    except TypeError as error:
        raise SettingsError(f"these options of an import are not of this version: {error}") from None
