"""What the points of a map are coloured by: one byte a point, and what each byte means.

The contract:
- pure; a point's code is a place in a palette of 256, so that hiding a value or changing a colour sends no points;
- codes of categories: 0 is missing, 1 noise, 2 all others, from 3 on the commonest, commonest first. Codes of amounts:
  0 is missing, 1 to 255 even steps between the ends;
- where a name is not written on the map itself, no two of its colours are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard import words
from dashboard.summaries import is_reference, is_target
from dashboard.theme import CATEGORIES, Theme, sequential

if TYPE_CHECKING:
    import pandas as pd

NAMED = 7
MOST_CLUSTERS = 250
MISSING, NOISE, OTHERS, FIRST = 0, 1, 2, 3
COLUMNS = {"depth": "depth_m", "score": "ood_score", "time": "taken_at"}
TITLES = {
    "set": "set",
    "concept": "concept",
    "cluster": "cluster",
    "depth": "depth (m)",
    "score": "OOD score",
    "time": "time",
    "flagged": "flagged",
    "group": "group (dive)",
    "ood_percentile": "percentile of the score",
    "p_value": "p-value",
    "cluster_probability": "membership of its cluster",
    "cluster_outlier_score": "outlier score (GLOSH)",
    "altitude_m": "height over ground (m)",
    "latitude": "latitude (°)",
    "longitude": "longitude (°)",
}
_NEVER = {
    *("region_id", "image_id", "path", "region", "content_hash", "box_x", "box_y", "box_w", "box_h", "x", "y"),
    *("set", "concepts", "cluster", *COLUMNS.values()),
}
_MOST_VALUES = 2000
_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Entry:
    """One value in the legend: its code, name, colour as ``#rrggbb`` and number of points."""

    code: int
    name: str
    colour: str
    count: int


@dataclass(frozen=True)
class Colouring:
    """Colours of N points.

    Attributes:
        codes: ``[N]`` uint8.
        title: What the points are coloured by.
        palette: 256 colours by code.
        entries: Categories that can be hidden one by one; of amounts only the missing ones.
        ticks: Of amounts: place in [0, 1] along the scale, and what is written there; else empty.
        note: What is to be said of it, or empty.
    """

    codes: np.ndarray
    title: str
    palette: tuple[str, ...]
    entries: tuple[Entry, ...]
    ticks: tuple[tuple[float, str], ...] = ()
    note: str = ""


def title(name: str) -> str:
    """A choice in words."""
    return TITLES.get(name) or name.removeprefix("extra.").replace("_", " ")


def available(table: pd.DataFrame) -> list[str]:
    """What the points can be coloured by: the usual first, then every column that tells points apart."""
    known = {
        "set": True,
        "concept": any(map(_many, table["concepts"].to_numpy())),
        "cluster": bool((table["cluster"].fillna(-1) >= 0).any()),
        **{name: bool(table[column].notna().any()) for name, column in COLUMNS.items()},
    }
    usual = [name for name, there in known.items() if there]
    return usual + [name for name in table.columns if name not in _NEVER and _tells_apart(table[name])]


def _tells_apart(column: pd.Series) -> bool:
    if column.dtype.kind not in "biufM" and not _is_text(column):
        return False
    # Of a million values the first thousands mostly tell.
    some = column.iloc[:_LOOKED_AT].nunique()
    if some > 1 and column.dtype.kind in "iufM":
        return True
    distinct = some if some > _MOST_VALUES else column.nunique()
    return distinct > 1 and (distinct <= _MOST_VALUES or column.dtype.kind in "iufM")


def _is_text(column: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_string_dtype(column.dtype) or column.dtype.name in ("category", "boolean"))


def colouring(
    table: pd.DataFrame,
    name: str,
    theme: Theme,
    clusters: tuple[np.ndarray, Sequence[str]] | None = None,
) -> Colouring:
    """Colour a run's regions.

    Args:
        name: One of `available`.
        clusters: ``[N]`` labels (noise is -1) and the clusters' names, where they are not the run's own.
    """
    if name == "set":
        return _sets(table, theme)
    if name == "concept":
        raw, names = _commonest_concept(table)
        note = "A picture with several concepts has the colour of the one that is seen most often."
        return _categories(raw, names, title(name), "nothing named", theme, note)
    if name == "cluster":
        labels, names = clusters or _own(table)
        return _clusters(labels, names, theme)
    column = table[COLUMNS.get(name, name)]
    if column.dtype.kind in "iuf" and column.dtype.name != "boolean":
        return _amounts(column.to_numpy(dtype=float, na_value=np.nan), title(name), theme, _number)
    if column.dtype.kind == "M":
        known = column.notna().to_numpy()
        seconds = np.where(known, column.astype("int64").to_numpy() / _per_second(column), np.nan)
        return _amounts(seconds, title(name), theme, _day)
    values = column.astype("object").map(_said, na_action="ignore").replace("", None)
    import pandas as pd

    raw, found = pd.factorize(values, use_na_sentinel=True)
    return _categories(raw, [str(value) for value in found], title(name), "not given", theme)


def _said(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool | np.bool_) else str(value)


def _per_second(column: pd.Series) -> int:
    import pandas as pd

    unit = pd.api.types.pandas_dtype(column.dtype)
    return {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[getattr(unit, "unit", "ns")]


def _own(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    labels = table["cluster"].fillna(-1).to_numpy(dtype=np.int64)
    return labels, [f"cluster {number}" for number in range(int(labels.max(initial=-1)) + 1)]


def _sets(table: pd.DataFrame, theme: Theme) -> Colouring:
    p = theme.palette
    target = is_target(table)
    reference = is_reference(table) & ~target
    codes = np.select([target, reference], [FIRST + 1, FIRST], OTHERS).astype(np.uint8)
    names = {FIRST + 1: ("target", p.target), FIRST: ("reference", p.reference), OTHERS: ("in neither", p.muted)}
    return _made(codes, "set", [(code, *names[code]) for code in names], theme)


def _many(names: object) -> int:
    return 0 if names is None else len(names)  # type: ignore[arg-type]


def _commonest_concept(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """``[N]`` the concept that is seen most often among a region's own, -1 without any; and the concepts' names."""
    import pandas as pd

    lists = table["concepts"].to_numpy()
    lengths = np.fromiter((_many(names) for names in lists), np.int64, len(lists))
    flat = list(chain.from_iterable(names for names in lists if names is not None))
    codes, names = pd.factorize(np.array(flat, dtype=object), sort=True)
    often = np.bincount(codes, minlength=len(names))
    order = np.argsort(often, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    best = np.full(len(lists), -1)
    np.maximum.at(best, np.repeat(np.arange(len(lists)), lengths), rank[codes])
    found = np.where(best >= 0, order[best], -1) if len(order) else best
    return found, [str(name) for name in names]


def _categories(
    raw: np.ndarray, names: Sequence[str], called: str, lacking: str, theme: Theme, note: str = ""
) -> Colouring:
    """Categories by place in `names`, -1 missing: the commonest have colours of their own."""
    often = np.bincount(raw[raw >= 0], minlength=len(names)) if len(names) else np.empty(0, int)
    common = [place for place in np.argsort(-often, kind="stable")[:NAMED] if often[place]]
    codes_of = np.full(len(names) + 1, OTHERS, np.uint8)
    codes_of[-1] = MISSING
    for number, place in enumerate(common):
        codes_of[place] = FIRST + number
    muted = theme.palette.muted
    rest = [(OTHERS, f"{len(names) - len(common)} others", muted), (MISSING, lacking, muted)]
    named = [(FIRST + number, names[place], CATEGORIES[number]) for number, place in enumerate(common)]
    return _made(codes_of[raw], called, [*named, *rest], theme, note)


def _clusters(labels: np.ndarray, names: Sequence[str], theme: Theme) -> Colouring:
    """Clusters largest first; their colours come again, since the map itself names them."""
    count = min(len(names), MOST_CLUSTERS)
    codes = np.where(labels < 0, NOISE, np.where(labels < count, labels + FIRST, OTHERS)).astype(np.uint8)
    muted = theme.palette.muted
    named = [(FIRST + i, names[i], CATEGORIES[i % NAMED]) for i in range(count)]
    again = "Neighbouring names tell clusters of one colour apart." if count > NAMED else ""
    rest = [(OTHERS, "smaller clusters", muted), (NOISE, "noise, in no cluster", muted)]
    return _made(codes, "cluster", [*named, *rest], theme, again)


def _made(
    codes: np.ndarray, called: str, named: Sequence[tuple[int, str, str]], theme: Theme, note: str = ""
) -> Colouring:
    counts = np.bincount(codes, minlength=256)
    palette = [theme.palette.muted] * 256
    for code, _, colour in named:
        palette[code] = colour
    entries = tuple(Entry(code, name, colour, int(counts[code])) for code, name, colour in named if counts[code])
    return Colouring(codes, called, tuple(palette), entries, note=note)


def _amounts(values: np.ndarray, called: str, theme: Theme, said: Any) -> Colouring:
    known = np.isfinite(values)
    muted = theme.palette.muted
    codes = np.zeros(len(values), np.uint8)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 1.0)
    codes[known] = 1 + np.rint(254 * (values[known] - low) / ((high - low) or 1.0)).astype(np.uint8)
    palette = (muted, *_steps(theme))
    lacking = int((~known).sum())
    entries = (Entry(MISSING, "not given", muted, lacking),) if lacking else ()
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    ticks = tuple((share, said(low + share * (high - low), high - low)) for share in shares)
    return Colouring(codes, called, palette, entries, ticks)


def _steps(theme: Theme) -> list[str]:
    """255 colours of the theme's scale, without its first, which is hardly told from the ground."""
    tones = [str(colour) for _, colour in sequential(theme)][1:]
    channels = np.array([[int(tone[i : i + 2], 16) for i in (1, 3, 5)] for tone in tones], float)
    places = np.linspace(0, len(tones) - 1, 255)
    mixed = [np.interp(places, np.arange(len(tones)), channels[:, channel]) for channel in range(3)]
    return ["#{:02x}{:02x}{:02x}".format(*(round(value) for value in tone)) for tone in zip(*mixed, strict=True)]


def _number(value: float, width: float) -> str:
    digits = max(0, min(6, 2 - int(np.floor(np.log10(width))))) if width > 0 else 2
    return f"{value:,.{digits}f}"


def _day(value: float, width: float) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(value, UTC)
    return words.when(moment, time=width < 3 * 86400)
