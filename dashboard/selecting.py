"""The current selection: which regions of a run fit, what else there is to choose, and in which order they are shown.

The contract:
- pure: tables and plain values in, masks and counts out; `Index` is made once a run and shared;
- a facet's counts are of the regions that meet all *other* conditions, so they say what choosing a value would give;
- a region that lacks a field meets no condition on it and is counted as lacking, never dropped in silence. To choose
  such regions, `LACKING` is a value of every facet;
- a selection and its text in a URL are inverse; what a URL holds beside that is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.errors import SelectionError
from core.space.areas import MOST_AREAS, Area, Plane, plane, within

if TYPE_CHECKING:
    import pandas as pd

Facet = Literal["set", "flagged", "concept", "group", "site", "camera", "cluster"]
Span = Literal["depth", "score"]

FACETS: dict[Facet, str] = {
    "set": "Set",
    "flagged": "Flagged",
    "concept": "Concept",
    "group": "Group (dive)",
    "site": "Site",
    "camera": "Camera",
    "cluster": "Cluster",
}
SPANS: dict[Span, tuple[str, str]] = {"depth": ("Depth (m)", "depth_m"), "score": ("Score", "ood_score")}
"""Title and column of what is chosen by a range."""
LACKING = ""
"""The value of regions that lack a facet's field."""
SORTS: dict[str, tuple[str, str, bool]] = {
    "strangest": ("strangest first", "ood_score", False),
    "familiar": ("most familiar first", "ood_score", True),
    "shallow": ("shallowest first", "depth_m", True),
    "deep": ("deepest first", "depth_m", False),
    "earliest": ("earliest first", "taken_at", True),
    "latest": ("latest first", "taken_at", False),
    "file": ("by file", "path", True),
    "cluster": ("by cluster", "cluster", True),
    "concepts": ("most concepts first", "concepts", False),
}
"""How a list can be ordered: words, column, whether it ascends. Regions that lack the column come last."""


@dataclass(frozen=True)
class Selection:
    """What is asked for.

    Attributes:
        chosen: Values a facet, any of which fits; facets without values ask for nothing.
        spans: ``(low, high)``, both included.
        file: Text that the file's path contains, case apart.
        sort: Key of `SORTS`.
        areas: Drawn on the map, each added to or taken from those before.
    """

    chosen: Mapping[Facet, tuple[str, ...]] = field(default_factory=dict)
    spans: Mapping[Span, tuple[float, float]] = field(default_factory=dict)
    file: str = ""
    sort: str = "strangest"
    areas: tuple[Area, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether any condition is set."""
        return any(self.chosen.values()) or bool(self.spans) or bool(self.file) or bool(self.areas)

    def choosing(self, facet: Facet, values: Sequence[str]) -> Selection:
        """The same with other values of a facet."""
        rest = {name: kept for name, kept in self.chosen.items() if name != facet}
        return replace(self, chosen={**rest, facet: tuple(values)} if values else rest)

    def within(self, span: Span, ends: tuple[float, float] | None) -> Selection:
        """The same with another range, or without."""
        rest = {name: kept for name, kept in self.spans.items() if name != span}
        return replace(self, spans={**rest, span: ends} if ends is not None else rest)


@dataclass(frozen=True)
class Index:
    """What conditions are tried on.

    Attributes:
        values: A facet's values in the order to offer them, without `LACKING`.
        codes: ``[N]`` place of a region's value, -1 where it lacks the field; for all facets but concepts.
        concept_rows, concept_codes: ``[M]`` pairs of a region and one of its concepts.
        unlabelled: ``[N]`` bool: nobody said what is in it.
        numbers: ``[N]`` float64 a span, NaN where missing.
        paths: ``[N]`` file paths in small letters.
        points: The places on the map.
    """

    count: int
    values: Mapping[Facet, tuple[str, ...]]
    codes: Mapping[Facet, np.ndarray]
    concept_rows: np.ndarray
    concept_codes: np.ndarray
    unlabelled: np.ndarray
    numbers: Mapping[Span, np.ndarray]
    paths: np.ndarray
    points: Plane

    def limits(self, span: Span) -> tuple[float, float] | None:
        """Smallest and largest value; ``None`` where nothing is known."""
        known = self.numbers[span][np.isfinite(self.numbers[span])]
        return (float(known.min()), float(known.max())) if len(known) else None


@dataclass(frozen=True)
class Found:
    """What a selection gives.

    Attributes:
        mask: ``[N]`` bool, the regions that fit.
        counts: For each facet the regions a value would give, `LACKING` among them; values that give none are left out.
        lacking: Regions that meet every other condition but lack the field of this one; by the field's title.
    """

    mask: np.ndarray
    counts: Mapping[Facet, Mapping[str, int]]
    lacking: Mapping[str, int]


def index(table: pd.DataFrame) -> Index:
    """Prepare a run's table (`core.runs.TABLE_COLUMNS`)."""
    import pandas as pd

    count = len(table)
    lists = table["concepts"].to_numpy()
    lengths = np.fromiter((0 if names is None else len(names) for names in lists), np.int64, count)
    flat = pd.Series([str(name) for names in lists if names is not None for name in names], dtype="object")
    concept_codes, concept_names = _coded(flat)
    values: dict[Facet, tuple[str, ...]] = {"concept": concept_names}
    codes: dict[Facet, np.ndarray] = {}
    for facet, column in _columns(table).items():
        codes[facet], values[facet] = _coded(column)
    return Index(
        count,
        values,
        codes,
        np.repeat(np.arange(count), lengths),
        concept_codes,
        ~table["labelled"].fillna(False).to_numpy(dtype=bool) & (lengths == 0),
        {span: table[column].to_numpy(dtype=float, na_value=np.nan) for span, (_, column) in SPANS.items()},
        np.array([str(path).casefold() for path in table["path"]], dtype=object),
        plane(*(table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("x", "y"))),
    )


def _columns(table: pd.DataFrame) -> dict[Facet, pd.Series]:
    flagged = table["flagged"].astype("object").map({True: "yes", False: "no"}, na_action="ignore")
    cluster = table["cluster"].astype("object").map(lambda n: "noise" if n < 0 else str(int(n)), na_action="ignore")
    return {
        "set": table["set"],
        "flagged": flagged.where(table["ood_score"].notna(), None),
        "group": table["group"],
        "site": table["site"],
        "camera": table["camera"],
        "cluster": cluster,
    }


def _coded(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Places in the sorted values (numbers in names by their size), -1 for what is empty."""
    import pandas as pd

    text = column.astype("object").map(str, na_action="ignore").replace("", None)
    codes, names = pd.factorize(text, use_na_sentinel=True)
    order = sorted(range(len(names)), key=lambda place: _natural(str(names[place])))
    places = np.empty(len(names) + 1, dtype=np.int64)
    places[order], places[-1] = np.arange(len(names)), -1
    return places[codes], tuple(str(names[place]) for place in order)


def _natural(name: str) -> tuple[tuple[int, float, str], ...]:
    import re

    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, float(piece), "") if piece.isdecimal() else (1, 0.0, piece.casefold()) for piece in pieces)


def find(index: Index, selection: Selection) -> Found:
    """Apply a selection."""
    fits: dict[str, np.ndarray] = {}
    lacks: dict[str, np.ndarray] = {}
    for facet, values in selection.chosen.items():
        if values:
            fits[facet], without = _facet(index, facet, values)
            if LACKING not in values:
                lacks[facet] = without
    for span, (low, high) in selection.spans.items():
        numbers = index.numbers[span]
        fits[span], lacks[span] = (numbers >= low) & (numbers <= high), np.isnan(numbers)
    if selection.file:
        wanted = selection.file.casefold()
        fits["file"] = np.fromiter((wanted in path for path in index.paths), bool, index.count)
    if selection.areas:
        fits["area"] = within(index.points, selection.areas)
    others = {name: _all(index.count, [mask for key, mask in fits.items() if key != name]) for name in fits}
    mask = _all(index.count, list(fits.values()))
    counts = {facet: _counts(index, facet, others.get(facet, mask)) for facet in FACETS}
    lacking = {_title(name): int((others[name] & without).sum()) for name, without in lacks.items()}
    return Found(mask, counts, {name: number for name, number in lacking.items() if number})


def _facet(index: Index, facet: Facet, values: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Regions with one of the values, and regions that lack the field."""
    wanted = np.zeros(len(index.values[facet]) + 1, dtype=bool)  # the last place, -1, is that of regions that lack it
    wanted[[place for place, name in enumerate(index.values[facet]) if name in values]] = True
    wanted[-1] = LACKING in values
    if facet != "concept":
        codes = index.codes[facet]
        return wanted[codes], codes < 0
    mask = index.unlabelled & wanted[-1]
    mask[index.concept_rows[wanted[index.concept_codes]]] = True
    return mask, index.unlabelled


def _counts(index: Index, facet: Facet, within: np.ndarray) -> dict[str, int]:
    names = index.values[facet]
    if facet == "concept":
        numbers = np.bincount(index.concept_codes[within[index.concept_rows]], minlength=len(names))
        lacking = int((within & index.unlabelled).sum())
    else:
        every = np.bincount(index.codes[facet][within] + 1, minlength=len(names) + 1)
        numbers, lacking = every[1:], int(every[0])
    counts = {name: int(number) for name, number in zip(names, numbers, strict=True) if number}
    return {**counts, LACKING: lacking} if lacking else counts


def _all(count: int, masks: Sequence[np.ndarray]) -> np.ndarray:
    result = np.ones(count, dtype=bool)
    for mask in masks:
        result &= mask
    return result


def _title(name: str) -> str:
    words = {"concept": "label", "flagged": "score", "group": "group"}
    return words.get(name, name)


def order(table: pd.DataFrame, sort: str) -> np.ndarray:
    """``[N]`` rows of the table in one of `SORTS`' orders; ties by row, what lacks the column last."""
    _, column, ascending = SORTS[sort]
    values = table[column]
    if column == "concepts":
        values = values.map(lambda names: 0 if names is None else len(names))
    elif column == "cluster":
        values = values.astype("Float64").mask(values < 0)  # noise after every cluster
    ranked = values.reset_index(drop=True).sort_values(ascending=ascending, kind="stable", na_position="last")
    rows: np.ndarray = ranked.index.to_numpy()
    return rows


def to_query(selection: Selection) -> dict[str, list[str]]:
    """The selection as the parameters of a URL; only what is set."""
    query: dict[str, list[str]] = {facet: list(values) for facet, values in selection.chosen.items() if values}
    query |= {span: [f"{low:.9g}..{high:.9g}"] for span, (low, high) in selection.spans.items()}
    if selection.file:
        query["file"] = [selection.file]
    if selection.sort != Selection.sort:
        query["sort"] = [selection.sort]
    if selection.areas:
        query["area"] = [area.to_text() for area in selection.areas]
    return query


PARAMETERS = (*FACETS, *SPANS, "file", "sort", "area")


def from_query(query: Mapping[str, Sequence[str]]) -> Selection:
    """The inverse of `to_query`; what cannot be read asks for nothing."""
    chosen = {facet: tuple(dict.fromkeys(query[facet])) for facet in FACETS if query.get(facet)}
    spans = {span: ends for span in SPANS if query.get(span) and (ends := _ends(query[span][0]))}
    file = query["file"][0][:200] if query.get("file") else ""
    sort = query["sort"][0] if query.get("sort") else ""
    return Selection(chosen, spans, file, sort if sort in SORTS else Selection.sort, _areas(query.get("area", ())))


def _areas(texts: Sequence[str]) -> tuple[Area, ...]:
    found = []
    for text in texts[:MOST_AREAS]:
        try:
            found.append(Area.from_text(text))
        except SelectionError:
            continue  # as everything else in a URL that cannot be read
    return tuple(found)


def _ends(text: str) -> tuple[float, float] | None:
    low, dots, high = text.partition("..")
    try:
        ends = float(low), float(high)
    except ValueError:
        return None
    return ends if dots and all(map(math.isfinite, ends)) and ends[0] <= ends[1] else None
