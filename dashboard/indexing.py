"""What conditions are tried on: a run's table taken apart once, so that a selection over a million rows is a few sums.

The contract:
- pure: a table in, an `Index` out; it is made once a run, shared, and changed by nobody;
- a concept stands for itself and all concepts below it: a region with a shrimp has a crustacean, counted once;
- a region that lacks a field keeps its place, with the code -1 or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.space.areas import Plane, plane

if TYPE_CHECKING:
    import pandas as pd

Facet = Literal["set", "flagged", "concept", "dataset", "group", "site", "camera", "cluster", "lacks"]
Span = Literal["depth", "time", "score"]

SPANS: dict[Span, tuple[str, str]] = {
    "depth": ("Depth (m)", "depth_m"),
    "time": ("Time (UTC)", "taken_at"),
    "score": ("Score", "ood_score"),
}
"""Title and column of what is chosen by a range."""
BINS = 40
"""Bars of a range's histogram."""
BLANKS: dict[str, tuple[str, ...]] = {
    "depth": ("depth_m",),
    "time": ("taken_at",),
    "position": ("latitude", "longitude"),
    "score": ("ood_score",),
    "label": (),
    "group": ("group",),
    "site": ("site",),
    "camera": ("camera",),
}
"""What a source may leave out, and the columns that say it."""


@dataclass(frozen=True)
class Index:
    """A run's table taken apart.

    Attributes:
        values: A facet's values in the order to offer them, without the one for lacking.
        codes: ``[N]`` int32 place of a region's value, -1 where it lacks the field; for facets with one value a region.
        concept_rows, concept_codes: ``[M]`` int32 pairs of a region and a concept that is said of it.
        tree_rows, tree_codes: The same with the concepts that lie above those, each pair once.
        parents: For each concept that lies below another, that other.
        unlabelled: ``[N]`` bool: nobody said what is in it.
        blanks: ``[N]`` bool a field of `BLANKS` that at least one region lacks.
        numbers: ``[N]`` float64 a span, NaN where missing; times are seconds since 1970.
        bins: ``[N]`` int16 the bar of the span's histogram, -1 where missing.
        paths: ``[N]`` file paths in small letters.
        points: The places on the map.
        texts: Values and places, as in `codes`, of every other column of text of the source.
    """

    count: int
    values: Mapping[Facet, tuple[str, ...]]
    codes: Mapping[Facet, np.ndarray]
    concept_rows: np.ndarray
    concept_codes: np.ndarray
    tree_rows: np.ndarray
    tree_codes: np.ndarray
    parents: Mapping[str, str]
    unlabelled: np.ndarray
    blanks: Mapping[str, np.ndarray]
    numbers: Mapping[Span, np.ndarray]
    bins: Mapping[Span, np.ndarray]
    paths: np.ndarray
    points: Plane
    texts: tuple[tuple[tuple[str, ...], np.ndarray], ...]

    def limits(self, span: Span) -> tuple[float, float] | None:
        """Smallest and largest value; ``None`` where nothing is known."""
        return _limits(self.numbers[span])


def index(table: pd.DataFrame, descendants: Mapping[str, Sequence[str]] | None = None) -> Index:
    """Prepare a run's table (`core.runs.TABLE_COLUMNS`).

    Args:
        descendants: For a concept, the names of all concepts below it, as `concept_descendants` gives them.
    """
    below = descendants or {}
    above = _above(below)
    said, tree, concepts = _concepts(table, above)
    values: dict[Facet, tuple[str, ...]] = {"concept": concepts}
    single: dict[Facet, np.ndarray] = {}
    for facet, (codes, names) in _columns(table).items():
        single[facet], values[facet] = codes, names
    plain = np.zeros(len(table), bool)
    plain[said[0]] = True
    unlabelled = ~table["labelled"].fillna(False).to_numpy(dtype=bool) & ~plain
    blanks = _blanks(table, unlabelled)
    numbers = {span: _numbers(table[column]) for span, (_, column) in SPANS.items()}
    extra = [name for name in table.columns if name.startswith("extra.") and table[name].dtype.kind in "OTU"]
    return Index(
        len(table),
        {**values, "lacks": tuple(blanks)},
        single,
        *said,
        *tree,
        {name: min(over, key=lambda parent: len(below[parent])) for name, over in above.items()},
        unlabelled,
        blanks,
        numbers,
        {span: _binned(column) for span, column in numbers.items()},
        table["path"].str.lower().to_numpy(dtype=object),
        plane(*(table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("x", "y"))),
        tuple((names, codes) for codes, names in (_coded(table[name]) for name in extra)),
    )


def edges(low: float, high: float) -> np.ndarray:
    """``[BINS + 1]`` edges of a histogram's bars; the last holds its upper edge."""
    return np.linspace(low, high, BINS + 1)


def _limits(numbers: np.ndarray) -> tuple[float, float] | None:
    known = numbers[np.isfinite(numbers)]
    return (float(known.min()), float(known.max())) if len(known) else None


def _binned(numbers: np.ndarray) -> np.ndarray:
    limits = _limits(numbers)
    places = np.full(len(numbers), -1, np.int16)
    if limits is None or limits[0] == limits[1]:
        places[np.isfinite(numbers)] = 0
        return places
    known = np.isfinite(numbers)
    share = (numbers[known] - limits[0]) / (limits[1] - limits[0])
    places[known] = np.minimum((share * BINS).astype(np.int16), BINS - 1)
    return places


def _numbers(column: pd.Series) -> np.ndarray:
    if column.dtype.kind != "M":
        return column.to_numpy(dtype=float, na_value=np.nan)
    times = column.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _above(below: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """For a concept, all concepts over it."""
    found: dict[str, list[str]] = {}
    for parent, names in below.items():
        for name in names:
            if name != parent:
                found.setdefault(name, []).append(parent)
    return found


Pairs = tuple[np.ndarray, np.ndarray]


def _concepts(table: pd.DataFrame, above: Mapping[str, Sequence[str]]) -> tuple[Pairs, Pairs, tuple[str, ...]]:
    """Pairs of region and concept as they are said; the same with all concepts above; and the concepts' names."""

    which, lists = combinations(table["concepts"])
    own_names = list(dict.fromkeys(chain.from_iterable(lists)))
    names = tuple(sorted({name for kept in own_names for name in (kept, *above.get(kept, ()))}, key=natural))
    place = {name: code for code, name in enumerate(names)}
    own = [[place[name] for name in held] for held in lists]
    whole = [sorted({place[over] for name in held for over in (name, *above.get(name, ()))}) for held in lists]
    return _spread(which, own), _spread(which, whole), names


def _spread(which: np.ndarray, lists: Sequence[Sequence[int]]) -> Pairs:
    """Pairs of a row and each code of its list, rows ascending.

    Args:
        which: ``[N]`` the list of each row.
    """
    sizes = np.array([len(held) for held in lists], dtype=np.int64)
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int32)
    many = sizes[which] if len(sizes) else np.zeros(len(which), dtype=np.int64)
    rows = np.repeat(np.arange(len(which), dtype=np.int32), many)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(many) - many, many)
    starts = np.cumsum(sizes) - sizes
    return rows, flat[np.repeat(starts[which], many) + within] if len(rows) else np.empty(0, np.int32)


def combinations(column: pd.Series) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """``[N]`` int32 which list each row holds, and the different lists; none is an empty one.

    Tables hold few different lists of concepts, however many rows there are.
    """
    seen: dict[tuple[str, ...], int] = {}
    codes = np.fromiter(
        (seen.setdefault(tuple(names) if hasattr(names, "__len__") else (), len(seen)) for names in column.to_numpy()),
        dtype=np.int32,
        count=len(column),
    )
    return codes, list(seen)


def _columns(table: pd.DataFrame) -> dict[Facet, tuple[np.ndarray, tuple[str, ...]]]:
    """Places and values of every facet with one value a region."""
    import pandas as pd

    flagged = table["flagged"].astype("boolean")
    judged = (flagged.notna() & table["ood_score"].notna()).to_numpy()
    numbers, clusters = pd.factorize(table["cluster"].astype("Int64"), sort=True)
    noise = bool(len(clusters)) and int(clusters[0]) < 0
    if noise:  # the last of the values, not the first
        numbers = np.where(numbers == 0, len(clusters) - 1, numbers - 1 + (numbers < 0))
    named = [str(int(number)) for number in clusters[noise:]]
    text: tuple[Facet, ...] = ("set", "dataset", "group", "site", "camera")
    return {
        "flagged": _without_unused(np.where(judged, flagged.fillna(False).to_numpy(dtype=np.int32), -1), ("no", "yes")),
        "cluster": (numbers.astype(np.int32), (*named, *(("noise",) if noise else ()))),
        **{facet: _coded(table[facet]) for facet in text},
    }


def _without_unused(codes: np.ndarray, values: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    used = [place for place in range(len(values)) if (codes == place).any()]
    places = np.full(len(values) + 1, -1, np.int32)
    places[used] = np.arange(len(used))
    return places[codes], tuple(values[place] for place in used)


def _blanks(table: pd.DataFrame, unlabelled: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, columns in BLANKS.items():
        mask = unlabelled if name == "label" else np.zeros(len(table), bool)
        for column in columns:
            values = table[column]
            mask = mask | values.isna().to_numpy() | (values == "").fillna(False).to_numpy(dtype=bool)
        if mask.any():
            found[name] = mask
    return found


def _coded(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Places in the sorted values (numbers in names by their size), -1 for what is empty."""
    import pandas as pd

    codes, raw = pd.factorize(column, use_na_sentinel=True)
    names = [str(name) for name in raw]
    order = sorted((place for place, name in enumerate(names) if name), key=lambda place: natural(names[place]))
    places = np.full(len(names) + 1, -1, dtype=np.int32)
    places[order] = np.arange(len(order))
    return places[codes], tuple(names[place] for place in order)


def natural(name: str) -> tuple[tuple[int, float, str], ...]:
    """Sorting key under which ``dive 9`` comes before ``dive 10``."""
    import re

    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, float(piece), "") if piece.isdecimal() else (1, 0.0, piece.casefold()) for piece in pieces)
