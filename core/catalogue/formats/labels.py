"""Cells of labels → lists of labels, every cell of a column by the same separator.

The contract: a label that holds a space, or a comma, survives wherever the column uses another separator; when only
spaces could separate, they do so only if the words are codes, or also stand alone in other cells.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from core.catalogue.formats.quantities import Complain, is_missing
from core.catalogue.formats.report import shown, whole

JSON_LIST = "JSON list"
_ITEMS = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,'"\[\]]+))\s*(?:,|$)""")
_BINOMIAL = re.compile(r"[A-Z][a-zé\-]+( \([A-Z][a-z]+\))?( [a-z.\-]+)+")
_AUTHORITY = re.compile(r", ?\d{4}\)?(?=$|[;|])", re.ASCII)  # Holothuria scabra Jaeger, 1833
_CODE = re.compile(r"\d+(?:\.0*)?", re.ASCII)


@dataclass(frozen=True)
class LabelColumn:
    """A column of labels, taken apart.

    Attributes:
        labels: One tuple a cell, without repetitions; ``None`` where the cell states nothing.
        separator: ``JSON list``, the separating text, or ``None`` when every cell is one label.
        several: Whether any cell holds more than one label.
    """

    labels: list[tuple[str, ...] | None]
    separator: str | None
    several: bool


def read_labels(
    cells: Sequence[str], complain: Complain, *, separator: str | None = None, known: Collection[str] = frozenset()
) -> LabelColumn:
    """Take a column of labels apart.

    Args:
        cells: The column. ``[]`` states that there are no labels; an empty cell states nothing.
        complain: Told about items that are not labels.
        separator: What a person says stands between labels; ``None`` lets the column decide.
        known: Labels that are known as a whole and are never split.
    """
    distinct = dict.fromkeys(cell.strip() for cell in cells)
    if separator is None:
        separator = _separator(list(distinct), known)
    split = {cell: _split(cell, separator, known) for cell in distinct}
    labels: list[tuple[str, ...] | None] = []
    for index, cell in enumerate(cells):
        found, bad = split[cell.strip()]
        for item in bad:
            complain(index, f"{shown(item)} is not a label")
        labels.append(found)
    return LabelColumn(labels, separator, any(found is not None and len(found) > 1 for found, _ in split.values()))


def _separator(distinct: Sequence[str], known: Collection[str]) -> str | None:
    present = [cell for cell in distinct if not is_missing(cell)]
    lists = sum(cell.startswith("[") and cell.endswith("]") for cell in present)
    if lists and 2 * lists >= len(present):
        return JSON_LIST
    open_cells = [cell for cell in present if cell not in known]
    for mark in (";", "|"):
        if any(mark in cell for cell in open_cells):
            return mark
    if any("," in _AUTHORITY.sub("", cell) for cell in open_cells):
        return ","
    return " " if _spaces_separate(open_cells, present, known) else None


def _spaces_separate(open_cells: Sequence[str], present: Sequence[str], known: Collection[str]) -> bool:
    spaced = [cell.split() for cell in open_cells if len(cell.split()) > 1]
    words = {word for cell in spaced for word in cell}
    if not words:
        return False
    if all(_CODE.fullmatch(word) for word in words) or (known and words <= set(known)):
        return True
    if 2 * sum(_BINOMIAL.fullmatch(" ".join(cell)) is not None for cell in spaced) >= len(spaced):
        return False
    alone = {cell for cell in present if len(cell.split()) == 1}
    return 2 * len(words & alone) >= len(words) or all("_" in word or word in alone for word in words)


def _split(cell: str, separator: str | None, known: Collection[str]) -> tuple[tuple[str, ...] | None, list[str]]:
    """Labels of one cell, and items that are none."""
    if is_missing(cell) and cell not in known:
        return None, []
    if separator == JSON_LIST and cell.startswith("[") and cell.endswith("]"):
        return _items(cell)
    if separator in (None, JSON_LIST) or cell in known:
        return (cell,), []
    parts = cell.split() if separator == " " else cell.split(separator)
    labels = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    return labels or None, []


def _items(cell: str) -> tuple[tuple[str, ...], list[str]]:
    values: list[Any]
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        # Python's own way to write a list: ['sea star', 'crab']
        inner, values, at = cell[1:-1], [], 0
        while inner[at:].strip():
            found = _ITEMS.match(inner, at)
            if found is None:
                return tuple(dict.fromkeys(values)), [inner[at:]]
            values.append(next(group for group in found.groups() if group is not None).strip())
            at = found.end()
    labels: dict[str, None] = {}
    bad: list[str] = []
    for value in values:
        text = _label(value)
        if text is None:
            bad.append("[…]" if isinstance(value, list | dict) else str(value)[:100])
        elif text:
            labels[text] = None
    return tuple(labels), bad


def _label(value: Any) -> str | None:
    """An item of a list as a label; empty for nothing; ``None`` when it is not one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return whole(value).strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if abs(value) < 10**18 else None
