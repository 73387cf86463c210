"""Selections: conditions over regions, as a small versioned tree.

The contract:
- a tree is plain data: `to_json` and `from_json` are inverse, and an unknown version or node is refused;
- evaluation is three-valued (Kleene): a region that lacks a condition's field is neither in nor out, is left out of
  the result, also under `Not`, and is counted in `Outcome.missing`;
- `core.catalogue.conditions` reads the subset that can be written as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from core.errors import SelectionError

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
ALIASES: Mapping[str, str] = {
    "concept": "concepts",
    "label": "concepts",
    "labels": "concepts",
    "depth": "depth_m",
    "time": "taken_at",
    "altitude": "altitude_m",
    "score": "ood_score",
    "file": "path",
    "filename": "path",
}
"""Other words for a column, used where the table has no column (or source column) of that very name."""
_GROUP_WORDS = ("dive", "video", "transect", "deployment", "cruise", "session")

Comparison = Literal["=", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | float | bool


@dataclass(frozen=True)
class Compare:
    """The field equals the value, or lies on one side of it (numbers and times). For concepts: is among them."""

    field: str
    op: Comparison
    value: Scalar


@dataclass(frozen=True)
class OneOf:
    """The field equals one of the values. For concepts: one of them is among them."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Between:
    """The field lies in ``[low, high]``, both ends included."""

    field: str
    low: Scalar
    high: Scalar


@dataclass(frozen=True)
class Contains:
    """The field, as text, contains the given text; case does not matter."""

    field: str
    text: str


@dataclass(frozen=True)
class Missing:
    """The field is empty."""

    field: str


@dataclass(frozen=True)
class Polygon:
    """The region's place on the run's projection lies inside the polygon (even-odd rule)."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Regions:
    """Regions named one by one, by id."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class And:
    """All parts hold; no parts hold for every region."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Not:
    """The part is false (not merely unknown)."""

    part: Node


Node: TypeAlias = Compare | OneOf | Between | Contains | Missing | Polygon | Regions | And | Or | Not
EVERYTHING = And()

_NAMES: Mapping[str, type] = {
    "compare": Compare,
    "in": OneOf,
    "between": Between,
    "contains": Contains,
    "missing": Missing,
    "polygon": Polygon,
    "regions": Regions,
    "and": And,
    "or": Or,
    "not": Not,
}


@dataclass(frozen=True)
class Outcome:
    """What a selection gave.

    Attributes:
        mask: ``[N]`` bool, true for the regions selected.
        missing: Regions that a condition could not be applied to, by field; empty when none.
    """

    mask: np.ndarray
    missing: Mapping[str, int] = field(default_factory=dict)


# --- plain data -------------------------------------------------------------------------------------------------------


def to_json(node: Node) -> dict[str, Any]:
    """The tree as JSON with its version."""
    return {"version": VERSION, "tree": _plain(node)}


def _plain(value: Any) -> Any:
    for name, kind in _NAMES.items():
        if isinstance(value, kind):
            return {"node": name} | {key: _plain(item) for key, item in vars(value).items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def from_json(data: Mapping[str, Any]) -> Node:
    """The inverse of `to_json`.

    Raises:
        SelectionError: another version, an unknown node, or a node without its parts.
    """
    if data.get("version") != VERSION:
        raise SelectionError(f"this selection is of version {data.get('version')!r}, expected {VERSION}; save it again")
    return _node(data.get("tree"), depth=0)


def _node(data: Any, depth: int) -> Node:
    if depth > 50 or not isinstance(data, Mapping) or data.get("node") not in _NAMES:
        raise SelectionError("this selection cannot be read: it is nested too deeply or holds an unknown condition")
    values = {key: value for key, value in data.items() if key != "node"}
    try:
        if "parts" in values:
            values["parts"] = tuple(_node(part, depth + 1) for part in values["parts"])
        if "part" in values:
            values["part"] = _node(values["part"], depth + 1)
        if "points" in values:
            values["points"] = tuple((float(x), float(y)) for x, y in values["points"])
        if "ids" in values:
            values["ids"] = tuple(int(item) for item in values["ids"])
        if "values" in values:
            values["values"] = tuple(values["values"])
        result: Node = _NAMES[data["node"]](**values)
    except (TypeError, ValueError) as error:
        raise SelectionError(f"this selection cannot be read: {error}") from None
    return result


# --- evaluation -------------------------------------------------------------------------------------------------------


def evaluate(node: Node, table: pd.DataFrame, descendants: Mapping[str, Sequence[str]] | None = None) -> Outcome:
    """Apply a selection to a table of regions (`core.runs.TABLE_COLUMNS`).

    Args:
        node: The selection.
        table: One row a region; columns it lacks cannot be asked for.
        descendants: For a concept, the names of all concepts below it in the tree; they count as the concept itself.

    Raises:
        SelectionError: an unknown field, or a value that does not fit the field's kind.
    """
    missing: dict[str, int] = {}
    true, _ = _Evaluation(table, descendants or {}, missing).of(node)
    return Outcome(true, missing)


def resolve_field(name: str, columns: Iterable[str]) -> str:
    """The table's column that a person's word for a field means.

    Raises:
        SelectionError: there is none; the sentence lists the fields there are.
    """
    known = list(columns)
    wanted = name.strip().strip("\"'")
    lowered = {column.casefold(): column for column in reversed(known)}
    candidates = [wanted, f"extra.{wanted}", ALIASES.get(wanted.casefold(), "")]
    if wanted.casefold() in _GROUP_WORDS:
        candidates.append("group")
    for candidate in candidates:
        if candidate.casefold() in lowered:
            return lowered[candidate.casefold()]
    fields = ", ".join(column.removeprefix("extra.") for column in known)
    raise SelectionError(f"there is no field {wanted!r} here; fields are {fields}")


Verdict: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Masks of the regions for which a condition is true, and for which it is false."""


class _Evaluation:
    def __init__(self, table: pd.DataFrame, descendants: Mapping[str, Sequence[str]], missing: dict[str, int]) -> None:
        self.table = table
        self.descendants = descendants
        self.missing = missing

    def of(self, node: Node) -> Verdict:
        match node:
            case And(parts):
                verdicts = [self.of(part) for part in parts]
                true, false = np.ones(len(self.table), bool), np.zeros(len(self.table), bool)
                for part_true, part_false in verdicts:
                    true, false = true & part_true, false | part_false
                return true, false
            case Or(parts):
                true, false = self.of(And(tuple(Not(part) for part in parts)))
                return false, true
            case Not(part):
                true, false = self.of(part)
                return false, true
            case Regions(ids):
                mask = np.isin(self.table["region_id"].to_numpy(), np.asarray(ids, dtype=np.int64))
                return mask, ~mask
            case Polygon(points):
                return self._polygon(points)
            case Missing(name):
                mask = self._missing(resolve_field(name, self.table.columns))
                return mask, ~mask
            case _:
                return self._condition(node)

    def _condition(self, node: Compare | OneOf | Between | Contains) -> Verdict:
        column = resolve_field(node.field, self.table.columns)
        lacks = self._missing(column)
        if column == "concepts":
            mask = self._concepts(node)
            lacks = lacks & ~mask
        else:
            mask = self._plain(node, column) & ~lacks
        if lacks.any():
            self.missing[column] = int(lacks.sum())
        return mask, ~mask & ~lacks

    def _missing(self, column: str) -> np.ndarray:
        if column == "concepts":  # an image that a person found empty is labelled; its concepts are not missing
            return ~self.table["labelled"].to_numpy(bool)
        values = self.table[column]
        mask: np.ndarray = values.isna().to_numpy()
        return mask | (values == "").to_numpy(bool, na_value=False) if values.dtype.kind in "OTU" else mask

    def _concepts(self, node: Compare | OneOf | Between | Contains) -> np.ndarray:
        match node:
            case Compare(_, "=", value):
                wanted = {str(value)}
            case OneOf(_, values):
                wanted = {str(value) for value in values}
            case Contains(_, text):
                lowered = text.casefold()
                return self._any_concept(lambda name: lowered in name.casefold())
            case _:
                raise SelectionError("concepts have no order; use =, in, ~, missing or present with them")
        closure = wanted.union(*(self.descendants.get(name, ()) for name in wanted))
        return self._any_concept(lambda name: name in closure)

    def _any_concept(self, test: Any) -> np.ndarray:
        lists = self.table["concepts"].to_numpy()
        lengths = np.fromiter((len(names) for names in lists), np.int64, len(lists))
        flat = [name for names in lists for name in names]
        names = sorted(set(flat))
        codes = {name: code for code, name in enumerate(names)}
        hits = np.array([test(name) for name in names] + [False], bool)
        found = hits[np.fromiter((codes[name] for name in flat), np.int64, len(flat))] if flat else np.zeros(0, bool)
        rows = np.repeat(np.arange(len(lists)), lengths)
        mask = np.zeros(len(lists), bool)
        mask[rows[found]] = True
        return mask

    def _plain(self, node: Compare | OneOf | Between | Contains, column: str) -> np.ndarray:
        values = self.table[column]
        match node:
            case Contains(_, text):
                found = values.astype("str").str.contains(text, case=False, regex=False)
                return found.to_numpy(bool, na_value=False)
            case OneOf(_, wanted):
                return values.isin([_as_kind(value, values, column) for value in wanted]).to_numpy(bool)
            case Between(_, low, high):
                between = values.between(_as_kind(low, values, column), _as_kind(high, values, column))
                return between.to_numpy(bool, na_value=False)
            case Compare(_, op, value):
                wanted_value = _as_kind(value, values, column)
                if op != "=" and values.dtype.kind not in "iufM":
                    raise SelectionError(f"{column} is text and has no order; use =, !=, in or ~ with it")
                compared = {
                    "=": values.eq,
                    "<": values.lt,
                    "<=": values.le,
                    ">": values.gt,
                    ">=": values.ge,
                }[op](wanted_value)
                return compared.to_numpy(bool, na_value=False)

    def _polygon(self, points: Sequence[tuple[float, float]]) -> Verdict:
        if "x" not in self.table.columns:
            raise SelectionError("a polygon selects on a run's map; open a run first")
        inside = points_in_polygon(self.table["x"].to_numpy(float), self.table["y"].to_numpy(float), points)
        return inside, ~inside


def _as_kind(value: Scalar, values: pd.Series[Any], column: str) -> Any:
    import pandas as pd

    kind = values.dtype.kind
    try:
        if kind == "M":
            moment = pd.Timestamp(str(value))
            return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        if kind == "b":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                str(value).casefold()
            ]
        if kind in "iuf":
            return float(value)
    except (ValueError, KeyError, TypeError):
        wanted = {"M": "a time such as 2024-05-01", "b": "true or false"}.get(kind, "a number")
        raise SelectionError(f"{column} is compared with {wanted}, got {value!r}") from None
    return str(value)


def points_in_polygon(x: np.ndarray, y: np.ndarray, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Which points lie inside a polygon, by the even-odd rule.

    Args:
        x, y: ``[N]`` coordinates.
        points: Corners in order; the last joins the first. Fewer than three hold nothing.

    Returns:
        ``[N]`` bool.
    """
    inside = np.zeros(len(x), bool)
    if len(points) < 3:
        return inside
    corners = np.asarray(points, dtype=float)
    near = np.flatnonzero(
        (x >= corners[:, 0].min())
        & (x <= corners[:, 0].max())
        & (y >= corners[:, 1].min())
        & (y <= corners[:, 1].max())
    )
    px, py = x[near], y[near]
    hit = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > py) != (y1 > py)
            hit ^= crosses & (px < (x1 - x0) * (py - y0) / (y1 - y0) + x0)
    inside[near] = hit
    return inside
