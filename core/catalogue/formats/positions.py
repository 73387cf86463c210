"""Cells → degrees: decimal, or degrees, minutes and seconds in any of the ways people quote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from core.catalogue.formats.quantities import Complain, is_missing, is_sentinel
from core.catalogue.formats.report import shown

Axis = Literal["latitude", "longitude"]

_QUOTES = str.maketrans({"’": "'", "‘": "'", "′": "'", "´": "'", "`": "'", "”": '"', "“": '"', "″": '"', "\u2212": "-"})
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d*)?")
_SEXAGESIMAL = re.compile(
    r"""(?P<front>[NSEWO])?\s*(?P<sign>[+-])?\s*
    (?P<degrees>\d{1,3}(?:\.\d+)?)\s*(?:°|º|˚|deg|d|:|\s)?\s*
    (?:(?P<minutes>\d{1,2}(?:\.\d+)?)\s*(?:'|min|m|:|\s)?\s*
    (?:(?P<seconds>\d{1,2}(?:\.\d+)?)\s*(?:"|sec|s)?)?)?
    \s*(?P<back>[NSEWOnewo])?""",
    re.VERBOSE,
)


def parse_degrees(text: str, axis: Axis) -> float:
    """Degrees of a latitude (north positive) or longitude (east positive, in [-180, 180]).

    Raises:
        ValueError: not an angle of that axis; the message says why.
    """
    plain = text.strip().translate(_QUOTES)
    plain = re.sub(r"(?<=\d),(?=\d)", ".", plain).replace("''", '"')
    if _PLAIN.fullmatch(plain):
        return _within(float(plain), axis, text)
    found = _SEXAGESIMAL.fullmatch(plain)
    if found is None:
        raise ValueError(f"{shown(text)} is not a {axis}")
    degrees, minutes, seconds = found["degrees"], found["minutes"], found["seconds"]
    if (minutes and "." in degrees) or (seconds and "." in (minutes or "")):
        raise ValueError(f"{shown(text)} has a fraction before its last part")
    if float(minutes or 0) >= 60 or float(seconds or 0) >= 60:
        raise ValueError(f"{shown(text)} has 60 or more minutes or seconds")
    if found["front"] and found["back"]:
        raise ValueError(f"{shown(text)} names two directions")
    letter = (found["front"] or found["back"] or "").upper()
    if letter == "O":
        raise ValueError(f"{shown(text)}: O may mean east or west; write E or W")
    if letter and letter not in ("NS" if axis == "latitude" else "EW"):
        raise ValueError(f"{shown(text)} is not a {axis}: {letter} is the other axis")
    if letter and found["sign"]:
        raise ValueError(f"{shown(text)} has both a sign and a direction")
    value = float(degrees) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    return _within(-value if letter in ("S", "W") or found["sign"] == "-" else value, axis, text)


def read_degrees(cells: Sequence[str], axis: Axis, complain: Complain) -> list[float | None]:
    """A column of angles; ``None`` where a cell is missing or, after a complaint, cannot be understood."""
    known: dict[str, float] = {}
    values: list[float | None] = []
    for index, cell in enumerate(cells):
        if is_missing(cell):
            values.append(None)
            continue
        value = known.get(cell)
        if value is None:
            try:
                value = known[cell] = parse_degrees(cell, axis)
            except ValueError as error:
                complain(index, str(error))
        values.append(value)
    return values


def _within(value: float, axis: Axis, text: str) -> float:
    if axis == "longitude" and 180 < value <= 360:
        value -= 360
    if is_sentinel(value):
        raise ValueError(f"{shown(text)} stands for no value")
    if abs(value) > (90 if axis == "latitude" else 180):
        raise ValueError(f"{shown(text)} is not a {axis}: out of range")
    return value
