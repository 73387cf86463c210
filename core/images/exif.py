"""What a camera wrote about a picture: time, position, depth, orientation.

The contract:
- input is the bare EXIF block (a small TIFF), with or without its ``Exif\\0\\0`` prefix, or a whole TIFF file;
- every field stands alone: what is absent or broken is ``None``, the rest is still read;
- nothing is ever raised and nothing is followed twice, whatever the bytes are.

Source: CIPA DC-008-2023, Exif 3.0, sections 4.6.4 to 4.6.6.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_MAKE, _MODEL, _ORIENTATION, _EXIF_IFD, _GPS_IFD = 0x010F, 0x0110, 0x0112, 0x8769, 0x8825
_TAKEN_AT, _OFFSET, _SUBSECONDS = 0x9003, 0x9011, 0x9291
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = 1, 2, 3, 4, 5, 6

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}
_MAX_ENTRIES = 1000
_MAX_VALUE_BYTES = 4096  # no field read here is longer; a hostile count must not copy the file
_DEEPEST_M = 11_000.0  # the Challenger Deep is 10,935 m
_BELOW_SEA = (1, 3)  # Exif 3.0 adds 3, "negative sea level value"
_DATE = re.compile(r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_ZONE = re.compile(r"([+-])(\d{2}):?(\d{2})")


@dataclass(frozen=True)
class ExifFacts:
    """The fields of an EXIF block that the catalogue uses; ``None`` where absent or broken.

    Attributes:
        orientation: 1 to 8, as EXIF counts; 1 where unknown.
        taken_at: DateTimeOriginal with its fraction of a second; aware where OffsetTimeOriginal was written,
            otherwise naive (the camera's own clock, zone unknown).
        latitude: Degrees north, in [-90, 90].
        longitude: Degrees east, in [-180, 180].
        depth_m: Metres below sea level, positive down, in [0, 11000]; only where GPSAltitudeRef says "below".
        camera: Make and model.
    """

    orientation: int = 1
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    depth_m: float | None = None
    camera: str | None = None


def read_exif(block: bytes) -> ExifFacts:
    """Read an EXIF block, or the first directory of a TIFF file; never raises."""
    block = block.removeprefix(b"Exif\0\0")
    order = _byte_order(block)
    if order is None:
        return ExifFacts()
    tags = _Directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
    exif = _Directory(block, order, tags.integer(_EXIF_IFD))
    gps = _Directory(block, order, tags.integer(_GPS_IFD))
    orientation = tags.integer(_ORIENTATION)
    return ExifFacts(
        orientation=orientation if orientation is not None and 1 <= orientation <= 8 else 1,
        taken_at=_time(exif.text(_TAKEN_AT), exif.text(_OFFSET), exif.text(_SUBSECONDS)),
        latitude=_degrees(gps.rationals(_LATITUDE), gps.text(_LATITUDE_REF), "N", "S", 90.0),
        longitude=_degrees(gps.rationals(_LONGITUDE), gps.text(_LONGITUDE_REF), "E", "W", 180.0),
        depth_m=_depth(gps.rationals(_ALTITUDE), gps.integer(_ALTITUDE_REF)),
        camera=_camera(tags.text(_MAKE), tags.text(_MODEL)),
    )


def directory_is_whole(block: bytes) -> bool:
    """Whether the first directory of a TIFF file, and all that it points at, lies inside (believed of BigTIFF)."""
    order = _byte_order(block)
    return order is None or _Directory(block, order, struct.unpack_from(order + "I", block, 4)[0]).whole


def _byte_order(block: bytes) -> str | None:
    return {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4]) if len(block) >= 8 else None


class _Directory:
    """One image file directory: tag to (type, count, raw value); entries that point outside are left out.

    Attributes:
        whole: Nothing was left out for want of bytes.
    """

    def __init__(self, block: bytes, order: str, offset: int | None) -> None:
        self.whole = False
        self._order = order
        self._entries: dict[int, tuple[int, int, bytes]] = {}
        if offset is None or offset + 2 > len(block):
            return
        (count,) = struct.unpack_from(order + "H", block, offset)
        everything = count <= _MAX_ENTRIES
        for entry in range(min(count, _MAX_ENTRIES)):
            at = offset + 2 + 12 * entry
            if at + 12 > len(block):
                return
            tag, kind, items, pointer = struct.unpack_from(order + "HHII", block, at)
            size = _TYPE_SIZES.get(kind, 0) * items
            start = at + 8 if size <= 4 else pointer
            if start + size > len(block):
                everything = False
            elif 0 < size <= _MAX_VALUE_BYTES:
                self._entries.setdefault(tag, (kind, items, block[start : start + size]))
        self.whole = everything

    def integer(self, tag: int) -> int | None:
        """The first of BYTE, SHORT or LONG values."""
        kind, _, value = self._entries.get(tag, (0, 0, b""))
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        return None if code is None else int(struct.unpack_from(self._order + code, value)[0])

    def text(self, tag: int) -> str | None:
        """An ASCII value up to its first NUL, without outer blanks; ``None`` where nothing is left."""
        kind, _, value = self._entries.get(tag, (0, 0, b""))
        if kind not in (2, 7):
            return None
        return value.split(b"\0", 1)[0].decode("utf-8", errors="replace").strip() or None

    def rationals(self, tag: int) -> tuple[float, ...] | None:
        """RATIONAL or SRATIONAL values; ``None`` where any denominator is zero."""
        kind, items, value = self._entries.get(tag, (0, 0, b""))
        if kind not in (5, 10):
            return None
        parts = struct.unpack(f"{self._order}{2 * items}{'I' if kind == 5 else 'i'}", value)
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        return None if any(below == 0 for _, below in pairs) else tuple(above / below for above, below in pairs)


def _time(written: str | None, offset: str | None, subseconds: str | None) -> datetime | None:
    match = _DATE.match(written or "")
    if match is None:
        return None
    digits = re.match(r"\d*", subseconds or "")
    fraction = (digits.group() if digits else "")[:6].ljust(6, "0")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, int(fraction), _zone(offset))
    except ValueError:  # "0000:00:00 00:00:00" is how cameras without a clock say that they do not know
        return None


def _zone(offset: str | None) -> timezone | None:
    if offset in ("Z", "z"):
        return timezone(timedelta())
    match = _ZONE.fullmatch(offset or "")
    if match is None:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(ahead if match[1] == "+" else -ahead) if ahead < timedelta(days=1) else None


def _degrees(parts: tuple[float, ...] | None, ref: str | None, plus: str, minus: str, limit: float) -> float | None:
    """Degrees, minutes, seconds with a hemisphere; without the hemisphere the sign is unknown, so nothing is."""
    sign = {plus: 1.0, minus: -1.0}.get((ref or "").upper())
    if parts is None or sign is None or not 1 <= len(parts) <= 3 or any(part < 0 for part in parts):
        return None
    degrees = sum(part / 60**power for power, part in enumerate(parts))
    return sign * degrees if degrees <= limit else None


def _depth(altitude: tuple[float, ...] | None, ref: int | None) -> float | None:
    if altitude is None or ref not in _BELOW_SEA:
        return None
    depth = abs(altitude[0])
    return depth if math.isfinite(depth) and depth <= _DEEPEST_M else None


def _camera(make: str | None, model: str | None) -> str | None:
    """Models often repeat their make: ``Canon`` and ``Canon EOS 5D`` give ``Canon EOS 5D``."""
    if make and model and not model.casefold().startswith(make.casefold()):
        return f"{make} {model}"
    return model or make
