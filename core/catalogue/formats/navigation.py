"""Navigation logs: where the vehicle was when an image was taken.

The contract:
- a log is a table with a time and any of position, depth and height over ground, usually one row a second;
- between two rows is interpolated linearly, the short way round in longitude; never across more than the largest gap,
  and never before the first row or after the last;
- the clock offset is added here, and nowhere else, to the image's time to get the log's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.catalogue.formats.fields import FieldReader, Fields
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.report import Report, several, shown
from core.catalogue.formats.times import zone_named
from core.catalogue.records import ImageRecord, Problem, ReadOptions
from core.errors import FormatError

_FIELDS = ("latitude", "longitude", "depth_m", "altitude_m")


@dataclass(frozen=True)
class Series:
    """One field over time.

    Attributes:
        seconds: Unix time, rising strictly.
        values: One a time.
    """

    seconds: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, second: float, max_gap: float, *, circular: bool) -> float | None:
        """The value at a time; ``None`` outside the series or in a gap longer than `max_gap` seconds."""
        after = bisect_left(self.seconds, second)
        if after == len(self.seconds):
            return None
        if self.seconds[after] == second:
            return self.values[after]
        if after == 0 or self.seconds[after] - self.seconds[after - 1] > max_gap:
            return None
        start, end = self.values[after - 1], self.values[after]
        share = (second - self.seconds[after - 1]) / (self.seconds[after] - self.seconds[after - 1])
        if not circular:
            return start + share * (end - start)
        turn = (end - start + 180) % 360 - 180
        return (start + share * turn + 180) % 360 - 180


@dataclass(frozen=True)
class Navigation:
    """A log that has been read.

    Attributes:
        name: File name, for sentences.
        series: Field of `ImageRecord` → its course.
        max_gap: Seconds between rows across which is interpolated.
        clock_offset: Seconds added to an image's time to get the log's.
        problems, notes, columns, counts: As in `core.catalogue.records.Reading`; counts are ``rows`` and ``used``.
    """

    name: str
    series: Mapping[str, Series]
    max_gap: float
    clock_offset: float
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    columns: Mapping[str, str]
    counts: Mapping[str, int]

    @classmethod
    def read(cls, path: Path, options: ReadOptions) -> Navigation:
        """Read a log (CSV, TSV, Parquet) with `ReadOptions.timezone`, ``max_gap`` and ``clock_offset``.

        Raises:
            FormatError: it cannot be read, or gives no time, or nothing besides times.
            SettingsError: the time zone does not exist.
        """
        if options.timezone is not None:
            zone_named(options.timezone)
        report = Report()
        sheet = load_sheet(path, report)
        rows = FieldReader(sheet, options.timezone, report, prefix=f"{path.name} ").read()
        timed: dict[float, Fields] = {}
        untimed = repeated = 0
        for row in rows:
            if row.taken_at is None:
                untimed += 1
            elif timed.setdefault(row.taken_at.timestamp(), row) is not row:
                repeated += 1
        if not timed:
            listed = ", ".join(shown(name, 40) for name in sheet.header[:12])
            raise FormatError(f"{path.name} gives no times: a column such as timestamp was expected among {listed}")
        if untimed:
            report.note(f"{several(untimed, 'row')} of {path.name} without a time were not used.")
        if repeated:
            report.note(f"{several(repeated, 'row')} of {path.name} repeat a time: the first row of each was used.")
        series = {name: found for name in _FIELDS if (found := _series(timed, name)) is not None}
        if not series:
            raise FormatError(f"{path.name} gives times, but no position, depth or height over ground at any of them")
        for name in [name for name, meaning in report.columns.items() if meaning == "kept as it is"]:
            report.columns[name] = "not used"
        return cls(
            path.name,
            series,
            options.max_gap,
            options.clock_offset,
            tuple(report.problems),
            tuple(report.notes),
            report.columns,
            {"rows": len(rows), "used": len(timed)},
        )

    def at(self, time: datetime) -> dict[str, float] | None:
        """What the log says about a moment.

        Args:
            time: Aware, by the image's clock.

        Returns:
            Those of ``latitude``, ``longitude``, ``depth_m`` and ``altitude_m`` that the log gives, in the units of
            `ImageRecord`; ``None`` when it gives none.

        Raises:
            ValueError: `time` is naive.
        """
        if time.tzinfo is None:
            raise ValueError("an aware time was expected, got a naive one")
        second = time.astimezone(UTC).timestamp() + self.clock_offset
        found = {
            name: value
            for name, series in self.series.items()
            if (value := series.at(second, self.max_gap, circular=name == "longitude")) is not None
        }
        return found or None

    def fill(self, record: ImageRecord) -> tuple[ImageRecord, Problem | None]:
        """A record with what it lacks of position, depth and height, and a problem when the log has nothing for it.

        What the record says itself is kept. A record that lacks nothing that the log could give is returned as it is.
        """
        lacking = [name for name in self.series if getattr(record, name) is None]
        if not lacking:
            return record, None
        if record.taken_at is None:
            return record, self._unmatched(record, "its time is unknown")
        found = self.at(record.taken_at)
        if found is None:
            return record, self._unmatched(
                record, f"the log has no rows around {record.taken_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        if record.latitude is not None or record.longitude is not None:
            lacking = [name for name in lacking if name not in ("latitude", "longitude")]
        given = {name: found[name] for name in lacking if name in found}
        return replace(record, **given), None  # type: ignore[arg-type]

    def _unmatched(self, record: ImageRecord, reason: str) -> Problem:
        return Problem("unmatched-navigation", record.path, f"{reason}; {self.name} gives it no position or depth")


def _series(timed: Mapping[float, Fields], name: str) -> Series | None:
    known = [(second, getattr(row, name)) for second, row in sorted(timed.items()) if getattr(row, name) is not None]
    return Series(tuple(second for second, _ in known), tuple(value for _, value in known)) if known else None
