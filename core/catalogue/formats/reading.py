"""The last step of every reader: its parts, counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.catalogue.formats.report import Report
from core.catalogue.records import ConceptRecord, ImageRecord, Reading


def reading_of(
    records: Sequence[ImageRecord],
    concepts: tuple[ConceptRecord, ...],
    report: Report,
    root: Path,
    *,
    rows: int,
    categories: int,
) -> Reading:
    """Put a `Reading` together.

    Args:
        records: One an image.
        concepts: Parents before children.
        report: Problems, notes and columns.
        root: What record paths are relative to.
        rows: Rows or entries of the source.
        categories: Labels that the source lists, without parents.
    """
    labelled = sum(record.labelled for record in records)
    counts = {
        "rows": rows,
        "images": len(records),
        "labelled": labelled,
        "unlabelled": len(records) - labelled,
        "absent": sum(record.absent for record in records),
        "annotations": sum(len(record.annotations) for record in records),
        "categories": categories,
    }
    return Reading(
        tuple(records), concepts, tuple(report.problems), tuple(report.notes), dict(report.columns), counts, root
    )
