"""What a person is told before and after an import, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.catalogue.records import PROBLEMS, ImageRecord, Problem

if TYPE_CHECKING:
    from core.catalogue.importing import ImportPlan, ImportReport

_FIRST_ROWS = 5


def preview_json(plan: ImportPlan) -> dict[str, Any]:
    """What an import would do, for programs."""
    reading = plan.reading
    return {
        "source": str(plan.source),
        "root": str(plan.root),
        "counts": dict(reading.counts),
        "columns": dict(reading.columns),
        "notes": list(reading.notes),
        "concepts": [concept.name for concept in reading.concepts],
        "first": first_rows(plan),
        "navigation": navigation_sentence(plan),
        "problems": [asdict(problem) for problem in reading.problems],
    }


def first_rows(plan: ImportPlan) -> list[dict[str, Any]]:
    """The first few images, completed from the navigation log."""
    return [_record(_filled(plan, record)) for record in plan.reading.records[:_FIRST_ROWS]]


def preview_text(plan: ImportPlan, shown: int) -> str:
    """What an import would do, for people; at most ``shown`` problems are listed."""
    reading = plan.reading
    lines = [f"{plan.source}: {_counted(reading.counts)}", f"images are looked for in {plan.root}"]
    lines += [f"column {source!r} gives {meaning}" for source, meaning in reading.columns.items()]
    lines += [note for note in (*reading.notes, navigation_sentence(plan)) if note]
    lines += ["first rows:"] if reading.records else []
    for known in first_rows(plan):
        facts = ", ".join(f"{name} {value}" for name, value in known.items() if value not in (None, [], {}))
        lines.append(f"  {facts}")
    lines += _problem_lines(reading.problems, shown)
    lines.append("nothing was written; leave out --dry-run to import")
    return "\n".join(lines)


def navigation_sentence(plan: ImportPlan) -> str:
    """How a navigation log fits the images' times, for adjusting its offset; empty without a log."""
    log = plan.navigation
    if log is None:
        return ""
    times = [record.taken_at for record in plan.reading.records if record.taken_at is not None]
    untimed = len(plan.reading.records) - len(times)
    seconds = [second for series in log.series.values() for second in (series.seconds[0], series.seconds[-1])]
    runs = " to ".join(f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S}" for end in (min(seconds), max(seconds)))
    said = f"The log {log.name} runs from {runs} UTC"
    if times:
        found = sum(log.at(time) is not None for time in times)
        said += f"; it has rows around {found:,} of {len(times):,} images with a time"
        if found < len(times):
            said += f", which were taken from {min(times):%Y-%m-%d %H:%M:%S} to {max(times):%Y-%m-%d %H:%M:%S}"
            said += f" and are shifted by {log.clock_offset:+g} s" if log.clock_offset else ""
    return said + (f"; {untimed:,} images name no time here, the import reads theirs from EXIF." if untimed else ".")


def _filled(plan: ImportPlan, record: ImageRecord) -> ImageRecord:
    return record if plan.navigation is None else plan.navigation.fill(record)[0]


def report_json(report: ImportReport) -> dict[str, Any]:
    """What an import did, for programs: every problem is listed."""
    return {
        "dataset": report.dataset,
        "counts": dict(report.counts),
        "notes": list(report.notes),
        "problems": [asdict(problem) for problem in report.problems],
    }


def report_text(report: ImportReport, shown: int) -> str:
    """What an import did, for people."""
    counts = {name.replace("_", " "): value for name, value in report.counts.items() if value and name != "problems"}
    lines = [f"dataset {report.dataset}: {_counted(counts)}", *report.notes]
    lines += _problem_lines(report.problems, shown)
    return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value:,} {name}" for name, value in counts.items()) or "nothing found"


def _problem_lines(problems: Sequence[Problem], shown: int) -> list[str]:
    if not problems:
        return []
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    lines = [f"{len(problems):,} could not be used as they are:"]
    each = max(1, shown // len(kinds))
    for kind, members in kinds.items():
        lines.append(f"  {len(members):,} {kind}: {PROBLEMS[kind]}")
        lines += [f"    {problem.where}: {problem.reason}" for problem in members[:each]]
        if len(members) > each:
            lines.append(f"    and {len(members) - each:,} more; --json lists them all")
    return lines


def _record(record: ImageRecord) -> dict[str, Any]:
    return {
        "path": record.path,
        "taken_at": record.taken_at.isoformat() if record.taken_at else None,
        "group": record.group,
        "camera": record.camera,
        "site": record.site,
        "depth_m": record.depth_m,
        "latitude": record.latitude,
        "longitude": record.longitude,
        "altitude_m": record.altitude_m,
        "labels": [note.concept for note in record.annotations],
        "extra": dict(record.extra),
    }
