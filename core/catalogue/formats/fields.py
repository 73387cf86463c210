"""When, where and how deep: the columns of a sheet that describe its images.

Used for the table that lists the images, for a second table joined to it, and for navigation logs, so that all three
understand the same names, units and times.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.catalogue.formats.columns import normalise, unit_of
from core.catalogue.formats.positions import read_degrees
from core.catalogue.formats.quantities import Complain, is_missing, is_sentinel, read_metres, typed
from core.catalogue.formats.report import Report, several
from core.catalogue.formats.sheet import Sheet
from core.catalogue.formats.times import Moment, read_times
from core.catalogue.records import Scalar

DEEPEST = 11_000.0
"""Metres; no sea floor lies deeper."""
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?$")
_SPRAY = 10.0  # metres above the surface that a depth may show on deck


@dataclass(frozen=True, slots=True)
class Fields:
    """What one row says about its image; the names are those of `ImageRecord`."""

    taken_at: datetime | None = None
    taken_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    depth_m: float | None = None
    altitude_m: float | None = None
    camera: str | None = None
    site: str | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict)


class FieldReader:
    """Reads all descriptive columns of one sheet.

    Args:
        sheet: The table.
        zone: The zone of times that carry none; ``None`` assumes UTC.
        report: Takes problems, notes and the meaning of columns.
        taken: Places of columns with another meaning (file, labels), which are not fields.
        prefix: Put before ``row 12`` in problems, for a second table.
    """

    def __init__(
        self, sheet: Sheet, zone: str | None, report: Report, taken: Collection[int] = (), prefix: str = ""
    ) -> None:
        self._sheet = sheet
        self._zone = zone
        self._report = report
        self._prefix = prefix
        self._used = set(taken)

    def read(self) -> list[Fields]:
        """One `Fields` a row."""
        size = len(self._sheet.rows)
        nothing: list[None] = [None] * size
        times = self._times() or nothing
        latitudes, longitudes = self._positions()
        grounds, drop = self._ground_distance()
        depths = self._depth() or self._sea_altitude() or drop or nothing
        cameras, sites = self._text("camera") or nothing, self._text("site") or nothing
        extras = self._extras()
        return [
            Fields(
                taken_at=moment.at if moment else None,
                taken_zone=moment.zone if moment else None,
                latitude=latitudes[index],
                longitude=longitudes[index],
                depth_m=depths[index],
                altitude_m=grounds[index],
                camera=cameras[index],
                site=sites[index],
                extra=extras[index],
            )
            for index, moment in enumerate(times)
        ]

    def _take(self, role: str, meaning: str) -> int | None:
        """The place of the likeliest unused column that has `role` and any value."""
        for place in self._sheet.places(role):
            if place not in self._used and not all(is_missing(row[place]) for row in self._sheet.rows):
                self._used.add(place)
                self._report.columns[self._sheet.header[place]] = meaning
                return place
        return None

    def _complainer(self, name: str) -> Complain:
        def complain(index: int, reason: str) -> None:
            self._report.problem("bad-value", self._prefix + self._sheet.where(index), f"{name}: {reason}")

        return complain

    def _times(self) -> list[Moment | None] | None:
        place = self._take("time", "time")
        if place is not None:
            name, cells = self._sheet.header[place], self._sheet.column(place)
        else:
            date_at, clock_at = self._take("date", "date"), self._take("clock", "time of day")
            if date_at is None and clock_at is not None and not self._holds_dates(clock_at):
                self._used.remove(clock_at)
                self._report.note(f"{self._sheet.header[clock_at]} gives times of day without a date: kept as it is.")
                return None
            if date_at is not None and clock_at is not None:
                name = f"{self._sheet.header[date_at]} and {self._sheet.header[clock_at]}"
                pairs = zip(self._sheet.column(date_at), self._sheet.column(clock_at), strict=True)
                cells = [_joined(day.strip(), clock.strip()) for day, clock in pairs]
            elif date_at is not None or clock_at is not None:
                place = date_at if date_at is not None else clock_at
                assert place is not None
                name, cells = self._sheet.header[place], self._sheet.column(place)
            else:
                return None
        in_utc = unit_of(name).upper() in ("UTC", "GMT", "Z") or normalise(name).endswith("utc")
        moments = read_times(cells, "UTC" if in_utc else self._zone, self._complainer(name))
        self._describe_times(name, moments)
        return moments

    def _holds_dates(self, place: int) -> bool:
        present = [cell for cell in self._sheet.column(place) if not is_missing(cell)]
        return any(read_times(present[:20], "UTC", lambda index, reason: None))

    def _describe_times(self, name: str, moments: Sequence[Moment | None]) -> None:
        given = [moment for moment in moments if moment]
        assumed = sum(moment.zone is None for moment in given)
        if assumed:
            self._report.note(
                f"{several(assumed, 'time')} in {name} carry no zone: UTC was assumed; --timezone says otherwise."
            )
        if days := sum(moment.day_only for moment in given):
            self._report.note(f"{several(days, 'time')} in {name} give only the day: midnight was taken.")
        if twofold := sum(moment.twofold for moment in given):
            self._report.note(
                f"{several(twofold, 'time')} in {name} fall where the clock was changed: the earlier reading was taken."
            )

    def _positions(self) -> tuple[list[float | None], list[float | None]]:
        sheet, nothing = self._sheet, [None] * len(self._sheet.rows)
        places = self._take("latitude", "latitude"), self._take("longitude", "longitude")
        latitudes: list[float | None] = [*nothing]
        longitudes: list[float | None] = [*nothing]
        if places[0] is not None:
            name = sheet.header[places[0]]
            latitudes = read_degrees(sheet.column(places[0]), "latitude", self._complainer(name))
            if "start" in normalise(name):
                self._report.note(f"Positions were taken from {name}: where a survey starts, not where each image is.")
        if places[1] is not None:
            longitudes = read_degrees(sheet.column(places[1]), "longitude", self._complainer(sheet.header[places[1]]))
        lone = 0
        for index, (latitude, longitude) in enumerate(zip(latitudes, longitudes, strict=True)):
            if (latitude is None) != (longitude is None):
                latitudes[index] = longitudes[index] = None
                lone += 1
                where = self._prefix + sheet.where(index)
                self._report.problem(
                    "bad-value", where, "a latitude without a longitude, or the reverse, is no position"
                )
        return latitudes, longitudes

    def _metres(self, place: int) -> tuple[str, list[float | None]]:
        """A column of lengths, with the numbers that stand for no value taken out and told of."""
        name = self._sheet.header[place]
        values = read_metres(self._sheet.column(place), unit_of(name), self._complainer(name))
        none = sum(value is not None and is_sentinel(value) for value in values)
        if none:
            self._report.note(f"{several(none, 'value')} in {name} such as -9999 stand for no value.")
        return name, [None if value is None or is_sentinel(value) else value for value in values]

    def _depth(self) -> list[float | None] | None:
        place = self._take("depth", "depth in metres, positive down")
        if place is None:
            return None
        name, values = self._metres(place)
        present = [value for value in values if value is not None]
        if present and max(present) <= 0 and min(present) < -_SPRAY:
            self._report.note(f"All values in {name} are negative: they were taken as heights and turned round.")
            values = [None if value is None else -value + 0.0 for value in values]
        return self._plausible(name, values)

    def _sea_altitude(self) -> list[float | None] | None:
        place = self._take("sea altitude", "height over the surface: depth is its negative")
        if place is None:
            return None
        name, values = self._metres(place)
        self._report.note(f"Depth was taken from {name}, which is negative below the surface.")
        return self._plausible(name, [None if value is None else -value + 0.0 for value in values])

    def _plausible(self, name: str, depths: list[float | None]) -> list[float | None]:
        complain = self._complainer(name)
        for index, depth in enumerate(depths):
            if depth is not None and not -_SPRAY <= depth <= DEEPEST:
                above = "lies above the surface" if depth < 0 else "is deeper than any sea"
                complain(index, f"a depth of {depth:g} m {above}")
                depths[index] = None
        return depths

    def _ground_distance(self) -> tuple[list[float | None], list[float | None] | None]:
        """Heights over ground; a bare ``altitude`` that is always negative is a depth instead."""
        place = self._take("ground distance", "height over the ground in metres")
        nothing: list[float | None] = [None] * len(self._sheet.rows)
        if place is None:
            return nothing, None
        name, values = self._metres(place)
        present = [value for value in values if value is not None]
        bare = normalise(name).startswith("altitude")
        if bare and present and max(present) <= 0 and min(present) < -_SPRAY:
            if not self._sheet.places("depth") and not self._sheet.places("sea altitude"):
                self._report.columns[name] = "height over the surface: depth is its negative"
                self._report.note(f"{name} is negative throughout: it was taken as depth below the surface.")
                return nothing, self._plausible(name, [None if value is None else -value + 0.0 for value in values])
        elif bare:
            self._report.note(f"{name} was taken as height over the ground, as vehicles log it.")
        complain = self._complainer(name)
        for index, value in enumerate(values):
            if value is not None and not 0 <= value <= DEEPEST:
                complain(index, f"a height over the ground of {value:g} m is not possible")
                values[index] = None
        return values, None

    def _text(self, role: str) -> list[str | None] | None:
        place = self._take(role, role)
        if place is None:
            return None
        return [None if is_missing(cell) else cell.strip() for cell in self._sheet.column(place)]

    def _extras(self) -> list[dict[str, Scalar]]:
        extras: list[dict[str, Scalar]] = [{} for _ in self._sheet.rows]
        for place, name in enumerate(self._sheet.header):
            if place in self._used:
                continue
            values, unit = typed(self._sheet.column(place))
            if unit:
                self._report.note(f"{name} was read as numbers in {unit}.")
            self._report.columns[name] = "kept as it is"
            for extra, value in zip(extras, values, strict=True):
                if value is not None:
                    extra[name] = value
        return extras


def _joined(day: str, clock: str) -> str:
    """A day and a time of day from two cells; some loggers write the whole date into both."""
    if is_missing(day) or len(clock) > 14:
        return "" if is_missing(day) else clock
    return day if is_missing(clock) else f"{_MIDNIGHT.sub('', day)} {clock}"
