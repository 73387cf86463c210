"""Times in file names, told by a pattern such as ``%Y%m%d_%H%M%S``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.catalogue.formats.times import localise
from core.errors import SettingsError

_PARTS = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>[0-9]{2})",
    "d": r"(?P<d>[0-9]{2})",
    "j": r"(?P<j>[0-9]{3})",
    "H": r"(?P<H>[0-9]{2})",
    "M": r"(?P<M>[0-9]{2})",
    "S": r"(?P<S>[0-9]{2})",
    "f": r"(?P<f>[0-9]{1,9})",
    "s": r"(?P<s>[0-9]{9,10})",
    "%": "%",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimePattern:
    """A pattern of ``%Y %y %m %d %j %H %M %S %f %s`` and plain text, searched anywhere in a name.

    Raises:
        SettingsError: an unknown or repeated part, or no whole date.
    """

    def __init__(self, pattern: str, zone: str | None) -> None:
        self._zone = zone
        pieces: list[str] = []
        parts: set[str] = set()
        for at, piece in enumerate(re.split(r"%(.?)", pattern)):
            if at % 2 == 0:
                pieces.append(re.escape(piece))
                continue
            if piece not in _PARTS or piece in parts:
                known = " ".join(f"%{name}" for name in _PARTS)
                raise SettingsError(f"a time pattern knows {known}, each once, but {pattern!r} has %{piece}")
            if piece != "%":
                parts.add(piece)
            pieces.append(_PARTS[piece])
        if not ("s" in parts or (parts & {"Y", "y"} and ({"m", "d"} <= parts or "j" in parts))):
            raise SettingsError(f"a time pattern must give a whole date, such as %Y%m%d_%H%M%S, got {pattern!r}")
        self._regex = re.compile("".join(pieces))

    def find(self, name: str) -> datetime | None:
        """The time in a name, in UTC; ``None`` when there is none."""
        for found in self._regex.finditer(name):
            parts = found.groupdict()
            fraction = timedelta(microseconds=int(((parts.get("f") or "") + "000000")[:6]))
            if parts.get("s"):
                return _EPOCH + timedelta(seconds=int(parts["s"])) + fraction
            year = int(parts["Y"]) if parts.get("Y") else 2000 + int(parts["y"])
            hour, minute, second = (int(parts.get(part) or 0) for part in "HMS")
            try:
                if parts.get("j"):
                    day = datetime(year, 1, 1, hour, minute, second) + timedelta(days=int(parts["j"]) - 1)
                else:
                    day = datetime(year, int(parts["m"]), int(parts["d"]), hour, minute, second)
            except ValueError:
                continue  # digits that fit the pattern and are no date, such as month 13
            if not 1850 <= year <= 2200:
                continue
            return localise(day, self._zone)[0] + fraction
        return None
