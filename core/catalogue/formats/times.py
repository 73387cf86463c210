"""Cells → moments: ISO 8601, EXIF, day.month.year, names of months, Unix time; zones kept.

The contract:
- what is returned is aware and in UTC; the zone that the cell gave is returned beside it;
- a cell without a zone takes the one that the caller names, else UTC, and is counted;
- ``03/04/2023`` is read only where another cell of the column shows which number is the day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from core.catalogue.formats.quantities import Complain, is_missing
from core.catalogue.formats.report import shown
from core.errors import SettingsError

DayOrder = Literal["day", "month", "?"]

_CLOCK = r"(?:[T ,_]+(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?:[:m](?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?"
_HALF = r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s*(?P<zone>[Zz]|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT)?"
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/:.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _CLOCK + _HALF + _ZONE)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T _-]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?" + _ZONE
)
_YEAR_LAST = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[/.-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})" + _CLOCK + _HALF + _ZONE
)
_NAMED = re.compile(r"(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})\.?,?[ -](?P<year>\d{4})" + _CLOCK + _HALF + _ZONE)
_NAMED_FIRST = re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})" + _CLOCK + _HALF + _ZONE)
_UNIX = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time.

    Attributes:
        at: Aware, UTC.
        zone: The zone given (``UTC``, ``+07:00``, an IANA name), or ``None`` when UTC was assumed.
        day_only: The cell gave no time of day; `at` is midnight of its zone.
        twofold: The clock showed this time twice, or never, because it was put back or forward; the first was taken.
    """

    at: datetime
    zone: str | None
    day_only: bool = False
    twofold: bool = False


@lru_cache(maxsize=64)
def zone_named(name: str) -> tzinfo:
    """The zone of ``--timezone``: an IANA name, ``UTC`` or ``+07:00``.

    Raises:
        SettingsError: there is no such zone.
    """
    fixed = _offset(name.strip())
    if fixed is not None:
        return fixed
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name gives an OSError
        raise SettingsError(
            f"{shown(name)} is not a time zone; write a name such as Asia/Tokyo or an offset such as +07:00"
        ) from None


def parse_time(text: str, zone: str | None = None, order: DayOrder = "?") -> Moment:
    """One point in time.

    Args:
        text: As written.
        zone: The zone of a time that carries none; ``None`` assumes UTC.
        order: Whether ``03/04/2023`` gives the day or the month first.

    Raises:
        ValueError: not a time, or one that may mean two days; the message says which.
        SettingsError: `zone` is not a zone.
    """
    text = text.strip()
    if _UNIX.fullmatch(text):
        seconds = float(text) / 1000 if len(text) == 13 and "." not in text else float(text)
        return Moment(_EPOCH + timedelta(microseconds=round(seconds * 1e6)), "UTC")
    found = _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text)
    if found:
        month, day = int(found["month"]), int(found["day"])
    elif found := _NAMED.fullmatch(text) or _NAMED_FIRST.fullmatch(text):
        day, month = int(found["day"]), _MONTHS.get(found["name"][:3].lower(), 0)
    elif found := _YEAR_LAST.fullmatch(text):
        one, two = int(found["one"]), int(found["two"])
        if found["mark"] == "." or one > 12 or one == two:
            day, month = one, two
        elif two > 12:
            day, month = two, one
        elif order == "?":
            raise ValueError(f"{shown(text)} may mean two days; write YYYY-MM-DD")
        else:
            day, month = (one, two) if order == "day" else (two, one)
    else:
        raise ValueError(f"{shown(text)} is not a date and time")
    return _moment(found.groupdict(), month, day, zone, text)


def day_order(cells: Sequence[str]) -> DayOrder:
    """Which number comes first in a column's ``03/04/2023``: told by a cell whose other number is above 12."""
    days = months = False
    for cell in cells:
        if found := _YEAR_LAST.fullmatch(cell.strip()):
            days = days or int(found["one"]) > 12
            months = months or int(found["two"]) > 12
    return "?" if days == months else "day" if days else "month"


def read_times(cells: Sequence[str], zone: str | None, complain: Complain) -> list[Moment | None]:
    """A column of times; ``None`` where a cell is missing or, after a complaint, cannot be understood."""
    order = day_order(cells)
    known: dict[str, Moment] = {}
    values: list[Moment | None] = []
    for index, cell in enumerate(cells):
        if is_missing(cell):
            values.append(None)
            continue
        moment = known.get(cell)
        if moment is None:
            try:
                moment = known[cell] = parse_time(cell, zone, order)
            except ValueError as error:
                complain(index, str(error))
        values.append(moment)
    return values


def localise(naive: datetime, zone: str | None) -> tuple[datetime, bool]:
    """A naive time of `zone` (``None``: UTC) in UTC, and whether the clock showed it twice or never."""
    if zone is None:
        return naive.replace(tzinfo=UTC), False
    place = zone_named(zone)
    local = naive.replace(tzinfo=place)
    return local.astimezone(UTC), local.utcoffset() != local.replace(fold=1).utcoffset()


def _moment(parts: dict[str, str | None], month: int, day: int, zone: str | None, text: str) -> Moment:
    year, hour = int(parts["year"] or 0), int(parts.get("hour") or 0)
    if not 1850 <= year <= 2200:
        raise ValueError(f"{shown(text)} lies in the year {year}")
    half = (parts.get("half") or "").lower().replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"{shown(text)} is not a date and time")
        hour = hour % 12 + (12 if half == "pm" else 0)
    micro = int(((parts.get("fraction") or "") + "000000")[:6])
    try:
        naive = datetime(year, month, day, hour, int(parts.get("minute") or 0), int(parts.get("second") or 0), micro)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a day and time that exists") from None
    day_only = parts.get("hour") is None
    given = parts.get("zone")
    if given:
        offset = _offset(given.upper())
        if offset is None:
            raise ValueError(f"{shown(text)} has an impossible zone")
        return Moment(naive.replace(tzinfo=offset).astimezone(UTC), _zone_text(offset), day_only)
    at, twofold = localise(naive, zone)
    return Moment(at, zone, day_only, twofold)


def _offset(text: str) -> tzinfo | None:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours > 14 or minutes > 59:
        return None
    return timezone((-1 if found[1] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _zone_text(zone: tzinfo) -> str:
    if zone is UTC:
        return "UTC"
    minutes = round((zone.utcoffset(None) or timedelta()).total_seconds() / 60)
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
