"""The current selection: which regions of a run fit, and what else there is to choose.

The contract:
- pure: an `Index` and plain values in, masks and counts out;
- a facet's counts are of the regions that meet all *other* conditions, so they say what choosing a value would give;
- a region that lacks a field meets no condition on it and is counted as lacking, never dropped in silence. To choose
  such regions, `LACKING` is a value of every facet but ``lacks``, which asks for what a range or a position lacks;
- a selection and its text in a URL are inverse; what a URL holds beside that is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import SelectionError
from core.space.areas import MOST_AREAS, Area, within
from dashboard import ordering
from dashboard.indexing import BINS, SPANS, Facet, Index, Span

FACETS: dict[Facet, str] = {
    "set": "Set",
    "flagged": "Flagged",
    "concept": "Concept",
    "dataset": "Dataset",
    "group": "Group (dive)",
    "site": "Site",
    "camera": "Camera",
    "cluster": "Cluster",
    "lacks": "Missing",
}
TEXTS = {"text": "Text", "file": "File name"}
LACKING = ""
"""The value of regions that lack a facet's field."""
LONGEST = 200
"""Letters of a text that is looked for."""


@dataclass(frozen=True)
class Selection:
    """What is asked for.

    Attributes:
        chosen: Values a facet, any of which fits; facets without values ask for nothing.
        spans: ``(low, high)``, both included; times in seconds since 1970.
        file: Text that the file's path contains, case apart.
        text: Text that a concept, group, site, camera or another column of the source contains, case apart.
        saved, without: Ids of saved selections: regions must be in all of the first and in none of the second.
        like: What the list is ordered by likeness to: a region's id, or the key of an uploaded picture.
        sort: Key of `ordering.orders`.
        areas: Drawn on the map, each added to or taken from those before.
    """

    chosen: Mapping[Facet, tuple[str, ...]] = field(default_factory=dict)
    spans: Mapping[Span, tuple[float, float]] = field(default_factory=dict)
    file: str = ""
    text: str = ""
    saved: tuple[int, ...] = ()
    without: tuple[int, ...] = ()
    like: str = ""
    sort: str = ordering.FIRST
    areas: tuple[Area, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether any condition is set."""
        others = (self.spans, self.file, self.text, self.saved, self.without, self.areas)
        return any(self.chosen.values()) or any(map(bool, others))

    @property
    def everything(self) -> Selection:
        """The same order without any condition."""
        return Selection(like=self.like, sort=self.sort)

    def choosing(self, facet: Facet, values: Sequence[str]) -> Selection:
        """The same with other values of a facet."""
        rest = {name: kept for name, kept in self.chosen.items() if name != facet}
        return replace(self, chosen={**rest, facet: tuple(values)} if values else rest)

    def within(self, span: Span, ends: tuple[float, float] | None) -> Selection:
        """The same with another range, or without."""
        rest = {name: kept for name, kept in self.spans.items() if name != span}
        return replace(self, spans={**rest, span: ends} if ends is not None else rest)


@dataclass(frozen=True)
class Found:
    """What a selection gives.

    Attributes:
        mask: ``[N]`` bool, the regions that fit.
        counts: For each facet the regions a value would give, `LACKING` among them; values that give none are left out.
        bars: For each span ``[BINS]`` the regions in each bar of its histogram that meet every other condition.
        lacking: Regions that meet every other condition but lack the field of this one; by the field's title.
    """

    mask: np.ndarray
    counts: Mapping[Facet, Mapping[str, int]]
    bars: Mapping[Span, np.ndarray]
    lacking: Mapping[str, int]


def find(index: Index, selection: Selection, saved: Mapping[int, np.ndarray] | None = None) -> Found:
    """Apply a selection.

    Args:
        saved: ``[N]`` bool for the saved selections it names; one that is not given asks for nothing.
    """
    fits: dict[str, np.ndarray] = {}
    lacks: dict[str, np.ndarray] = {}
    for facet, values in selection.chosen.items():
        if values:
            fits[facet], without = _facet(index, facet, values)
            if without is not None and LACKING not in values:
                lacks[facet] = without
    for span, (low, high) in selection.spans.items():
        numbers = index.numbers[span]
        fits[span], lacks[span] = (numbers >= low) & (numbers <= high), np.isnan(numbers)
    if selection.file:
        wanted = selection.file.casefold()
        fits["file"] = np.fromiter((wanted in path for path in index.paths), bool, index.count)
    if selection.text:
        fits["text"] = _text(index, selection.text.casefold())
    if selection.areas:
        fits["area"] = within(index.points, selection.areas)
    masks = saved or {}
    fits |= {f"saved {name}": masks[name] for name in selection.saved if name in masks}
    fits |= {f"without {name}": ~masks[name] for name in selection.without if name in masks}
    others = {name: _all(index.count, [mask for key, mask in fits.items() if key != name]) for name in fits}
    mask = _all(index.count, list(fits.values()))
    return Found(
        mask,
        {facet: _counts(index, facet, others.get(facet, mask)) for facet in FACETS},
        {span: _bars(index, span, others.get(span, mask)) for span in SPANS},
        {_title(name): number for name, gone in lacks.items() if (number := int((others[name] & gone).sum()))},
    )


def _facet(index: Index, facet: Facet, values: Sequence[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Regions with one of the values, and regions that lack the field (``None`` for what cannot be lacking)."""
    if facet == "lacks":
        return _any(index.count, [index.blanks[name] for name in values if name in index.blanks]), None
    wanted = np.zeros(len(index.values[facet]) + 1, dtype=bool)  # the last place, -1, is that of regions that lack it
    asked = set(values)
    wanted[[place for place, name in enumerate(index.values[facet]) if name in asked]] = True
    wanted[-1] = LACKING in asked
    if facet != "concept":
        codes = index.codes[facet]
        return wanted[codes], codes < 0
    mask = index.unlabelled & wanted[-1]
    mask[index.tree_rows[wanted[index.tree_codes]]] = True
    return mask, index.unlabelled


def _text(index: Index, wanted: str) -> np.ndarray:
    """Regions with the text in what is said of them, the file's name apart."""
    columns = [(index.values[facet], index.codes[facet]) for facet in ("group", "site", "camera")]
    masks = []
    for names, codes in (*columns, *index.texts):
        hits = np.array([wanted in name.casefold() for name in names] + [False])
        if hits.any():
            masks.append(hits[codes])
    hits = np.array([wanted in name.casefold() for name in index.values["concept"]] + [False])
    shown = np.zeros(index.count, bool)
    shown[index.tree_rows[hits[index.tree_codes]]] = True
    return _any(index.count, [shown, *masks])


def _counts(index: Index, facet: Facet, within: np.ndarray) -> dict[str, int]:
    if facet == "lacks":
        every = {name: int(np.count_nonzero(within & mask)) for name, mask in index.blanks.items()}
        return {name: number for name, number in every.items() if number}
    names = index.values[facet]
    if facet == "concept":
        numbers = np.bincount(index.tree_codes[within[index.tree_rows]], minlength=len(names))
        lacking = int(np.count_nonzero(within & index.unlabelled))
    else:
        total = np.bincount(index.codes[facet][within] + 1, minlength=len(names) + 1)
        numbers, lacking = total[1:], int(total[0])
    counts = {name: int(number) for name, number in zip(names, numbers, strict=True) if number}
    return {**counts, LACKING: lacking} if lacking else counts


def _bars(index: Index, span: Span, within: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = np.bincount(index.bins[span][within] + 1, minlength=BINS + 1)[1:]
    return numbers


def _all(count: int, masks: Sequence[np.ndarray]) -> np.ndarray:
    result = np.ones(count, dtype=bool)
    for mask in masks:
        result &= mask
    return result


def _any(count: int, masks: Sequence[np.ndarray]) -> np.ndarray:
    result = np.zeros(count, dtype=bool)
    for mask in masks:
        result |= mask
    return result


def _title(name: str) -> str:
    words = {"concept": "label", "flagged": "score", "group": "group"}
    return words.get(name, name)


def to_query(selection: Selection) -> dict[str, list[str]]:
    """The selection as the parameters of a URL; only what is set."""
    query: dict[str, list[str]] = {facet: list(values) for facet, values in selection.chosen.items() if values}
    query |= {span: [f"{_end(span, low)}..{_end(span, high)}"] for span, (low, high) in selection.spans.items()}
    query |= {name: [text] for name in (*TEXTS, "like") if (text := getattr(selection, name))}
    query |= {name: [str(id_) for id_ in ids] for name in ("saved", "without") if (ids := getattr(selection, name))}
    if selection.sort != Selection.sort:
        query["sort"] = [selection.sort]
    if selection.areas:
        query["area"] = [area.to_text() for area in selection.areas]
    return query


PARAMETERS = (*FACETS, *SPANS, *TEXTS, "saved", "without", "like", "sort", "area")


def from_query(query: Mapping[str, Sequence[str]]) -> Selection:
    """The inverse of `to_query`; what cannot be read asks for nothing."""
    chosen = {facet: tuple(dict.fromkeys(query[facet])) for facet in FACETS if query.get(facet)}
    spans = {span: ends for span in SPANS if query.get(span) and (ends := _ends(span, query[span][0]))}
    first = {name: (query.get(name) or [""])[0][:LONGEST] for name in (*TEXTS, "like", "sort")}
    return Selection(
        chosen,
        spans,
        first["file"],
        first["text"],
        _ids(query.get("saved", ())),
        _ids(query.get("without", ())),
        first["like"],
        first["sort"] or Selection.sort,
        _areas(query.get("area", ())),
    )


def _areas(texts: Sequence[str]) -> tuple[Area, ...]:
    found = []
    for text in texts[:MOST_AREAS]:
        try:
            found.append(Area.from_text(text))
        except SelectionError:
            continue  # as everything else in a URL that cannot be read
    return tuple(found)


def _ids(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 16))


def _end(span: Span, number: float) -> str:
    if span != "time":
        return f"{number:.9g}"
    return str(np.datetime64(round(number * 1e3), "ms")).removesuffix(".000").removesuffix("T00:00:00")


def _ends(span: Span, text: str) -> tuple[float, float] | None:
    low, dots, high = text.partition("..")
    try:
        ends = _number(span, low), _number(span, high)
    except (ValueError, OverflowError):
        return None
    return ends if dots and all(map(math.isfinite, ends)) and ends[0] <= ends[1] else None


def _number(span: Span, text: str) -> float:
    if span != "time":
        return float(text)
    moment = np.datetime64(text.removesuffix("Z"), "ms")
    return math.nan if np.isnat(moment) else float(moment.astype(np.int64)) / 1e3
