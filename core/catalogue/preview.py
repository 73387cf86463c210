"""What a person is told before and after an import, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
        "first": [_record(record) for record in reading.records[:_FIRST_ROWS]],
        "problems": [asdict(problem) for problem in reading.problems],
    }


def preview_text(plan: ImportPlan, shown: int) -> str:
    """What an import would do, for people; at most ``shown`` problems are listed."""
    reading = plan.reading
    lines = [f"{plan.source}: {_counted(reading.counts)}", f"images are looked for in {plan.root}"]
    lines += [f"column {source!r} gives {meaning}" for source, meaning in reading.columns.items()]
    lines += list(reading.notes)
    lines += ["first rows:"] if reading.records else []
    for record in reading.records[:_FIRST_ROWS]:
        facts = ", ".join(f"{name} {value}" for name, value in _record(record).items() if value not in (None, [], {}))
        lines.append(f"  {facts}")
    lines += _problem_lines(reading.problems, shown)
    lines.append("nothing was written; leave out --dry-run to import")
    return "\n".join(lines)


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
