"""Cells → numbers: units, decimal commas, thousands, Unicode minus signs.

The contract:
- a whole column is read one way: whether a comma is a decimal mark is decided from all its cells;
- what may mean two things is refused with a reason, never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from core.catalogue.formats.report import shown
from core.catalogue.records import Scalar

Complain = Callable[[int, str], None]
"""``complain(index of the cell, reason)``."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "#n/a", "nat", "<na>", "nil"})
"""Cells, in lower case, that stand for no value."""

METRES = {
    "": 1.0, "m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "mbsl": 1.0, "cm": 0.01, "km": 1000.0,
    "ft": 0.3048, "feet": 0.3048, "foot": 0.3048, "fathom": 1.8288, "fathoms": 1.8288,
}  # fmt: skip
"""Unit of length, in lower case → metres."""

_UNITS = frozenset({
    "℃", "°C", "°F", "°", "%", "‰", "m", "cm", "mm", "km", "m/s", "kn", "psu", "PSU", "dbar", "bar", "hPa",
    "ml/l", "mL/L", "mg/l", "mg/L", "µmol/kg", "umol/kg", "µmol/l", "NTU",
})  # fmt: skip
_SENTINELS = frozenset({-99.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, -999.9, -9999.9})
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_QUANTITY = re.compile(r"([+-]?(?:\d[\d.,' \u00a0\u202f]*|[.,]\d+)(?:[eE][+-]?\d{1,4})?)(.*)", re.DOTALL)
_THOUSANDS = re.compile(r"[' \u00a0\u202f](?=\d{3}(?!\d))")
_TYPED = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)

DecimalMark = Literal[".", ",", "?"]


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value (``NA``, ``-`` …)."""
    return len(cell) < 8 and cell.strip().lower() in MISSING


def is_sentinel(value: float) -> bool:
    """Whether a number is one of those that loggers write for no value (-9999 …)."""
    return value in _SENTINELS


def decimal_mark(cells: Iterable[str]) -> DecimalMark:
    """The decimal mark of a column: ``?`` when ``1,234`` is all that its commas look like."""
    mark: DecimalMark = "."
    for cell in cells:
        if "," not in cell:
            continue
        found = _QUANTITY.match(cell.strip().replace("\u2212", "-"))
        number = found.group(1).strip().rstrip(",.") if found else ""
        if "," not in number:
            continue
        if "." in number:
            return "," if number.rindex(",") > number.rindex(".") else "."
        whole, _, rest = number.lstrip("+-").partition(",")
        if "," in rest:
            return "."
        if len(re.split(r"[eE]", rest)[0]) != 3 or len(whole) > 3 or whole in ("", "0"):
            return ","
        mark = "?"
    return mark


def parse_number(text: str, mark: DecimalMark = ".") -> tuple[float, str]:
    """A number and the unit behind it.

    Returns:
        The value, finite, and the unit as written (empty when there is none).

    Raises:
        ValueError: not a number, not finite, or a comma that may mean two things; the message says which.
    """
    text = text.strip().replace("\u2212", "-")
    if _PLAIN.fullmatch(text):
        digits, unit = text, ""
    else:
        found = _QUANTITY.fullmatch(text)
        if found is None:
            raise ValueError(f"{shown(text)} is not a number")
        digits, unit = found.group(1).strip(), found.group(2).strip()
        if "," in digits and mark == "?":
            raise ValueError(f"{shown(text)} may mean thousands or a decimal comma; write it with a point")
        digits = digits.rstrip(",") if mark == "." else digits
        digits = digits.replace(".", "").replace(",", ".") if mark == "," else digits.replace(",", "")
        digits = _THOUSANDS.sub("", digits)
        if not _PLAIN.fullmatch(digits):
            raise ValueError(f"{shown(text)} is not a number")
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is not a finite number")
    return value, unit


def read_metres(cells: Sequence[str], column_unit: str, complain: Complain) -> list[float | None]:
    """A column of lengths in metres; ``15m``, ``49 ft`` and ``1.2 km`` are turned into metres.

    Args:
        cells: The column.
        column_unit: The unit in the column's name, for cells without their own.
        complain: Told about every cell that is neither missing nor a length.

    Returns:
        Metres, or ``None`` where there is none.
    """
    mark = decimal_mark(cells)
    values: list[float | None] = []
    for index, cell in enumerate(cells):
        if is_missing(cell):
            values.append(None)
            continue
        try:
            value, unit = parse_number(cell, mark)
            factor = METRES.get((unit or column_unit).lower().rstrip("."))
            if factor is None:
                raise ValueError(f"{shown(unit or column_unit)} is not a unit of length; give metres")
        except ValueError as error:
            complain(index, str(error))
            values.append(None)
        else:
            values.append(value if is_sentinel(value) else round(value * factor, 9))
    return values


def typed(cells: Sequence[str]) -> tuple[list[Scalar], str | None]:
    """A column that has no meaning of its own, as numbers if every cell is plainly one, else as text.

    A number with a leading zero, a plus sign, more than 15 digits or an exponent is taken for a name and stays text, as
    does then its whole column. A common unit behind every number is taken off.

    Returns:
        One value a cell (``None`` for an empty one, and in a column of numbers for a missing one), and the unit.
    """
    present = [cell.strip() for cell in cells if not is_missing(cell)]
    unit = _common_unit(present)
    if unit is None:
        return [cell if cell and not cell.isspace() else None for cell in cells], None
    values: list[Scalar] = []
    for cell in cells:
        if is_missing(cell):
            values.append(None)
            continue
        number = cell.strip().removesuffix(unit).strip()
        values.append(float(number) if "." in number else int(number))
    return values, unit or None


def _common_unit(present: Sequence[str]) -> str | None:
    """The unit behind every cell; empty for plain numbers; ``None`` when the column is text."""
    if not present:
        return None
    found = _QUANTITY.fullmatch(present[0])
    unit = found.group(2).strip() if found else ""
    if unit and unit not in _UNITS:
        return None
    for cell in present:
        if unit and not cell.endswith(unit):
            return None
        if not _TYPED.fullmatch(cell.removesuffix(unit).strip() if unit else cell):
            return None
    return unit
