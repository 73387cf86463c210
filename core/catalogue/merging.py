"""Datasets made one: a new dataset that links the same files, with everything known of them; the old ones stay.

The contract: what is merged is read from the catalogue as it is now, edits included, as if it were a source: so a
merge is an import like any other, with a report, safe to repeat. What reviewers stated by decisions is left out here:
it comes with the decisions (`core.review.carrying`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.catalogue.database import Database
from core.catalogue.importing import ImportPlan
from core.catalogue.records import AnnotationRecord, ConceptRecord, ImageRecord, Reading, ReadOptions
from core.catalogue.schema import Annotation, Concept, Dataset, Image
from core.errors import WorkspaceError


def merge_plan(database: Database, names: Sequence[str]) -> ImportPlan:
    """A plan that brings the images of several datasets together.

    Raises:
        WorkspaceError: fewer than two datasets are named, one is unknown, or their folders have nothing in common.
    """
    if len(set(names)) < 2:
        raise WorkspaceError("merging takes at least two datasets")
    with database.read() as session:
        sets = {row.name: row for row in session.scalars(select(Dataset).where(Dataset.name.in_(names)))}
        for name in names:
            if name not in sets:
                raise WorkspaceError(f"there is no dataset {name!r} in this workspace")
        root = _common([Path(sets[name].root) for name in names])
        concepts: dict[str, ConceptRecord] = {}
        records: list[ImageRecord] = []
        for name in names:
            by_id = _concepts(session, sets[name].label_set_id)
            for concept in by_id.values():
                known = concepts.get(concept.name)
                if known is None or (known.parent is None and concept.parent is not None):
                    concepts[concept.name] = concept
            records += _records(session, sets[name], by_id, root)
    counts = Counter(rows=len(records), images=len(records), labelled=sum(record.labelled for record in records))
    reading = Reading(
        tuple(records),
        tuple(_parents_first(concepts)),
        (),
        (f"Merged from {', '.join(names)}.",),
        {},
        counts,
        root,
    )
    return ImportPlan(root, root, reading, None, ReadOptions())


def place_below(root: Path, dataset_root: str, path: str) -> str:
    """The path below a merged dataset's folder of what lies at a path below another dataset's."""
    return (Path(dataset_root).resolve() / path).relative_to(root).as_posix()


def _common(roots: Sequence[Path]) -> Path:
    try:
        common = Path(os.path.commonpath([root.resolve() for root in roots]))
    except ValueError:
        raise WorkspaceError("the datasets' images lie on different drives; one folder must hold them all") from None
    return common


def _concepts(session: Any, label_set: int) -> dict[int, ConceptRecord]:
    rows = {row.id: row for row in session.scalars(select(Concept).where(Concept.label_set_id == label_set))}
    return {
        row.id: ConceptRecord(
            row.name, rows[row.parent_id].name if row.parent_id in rows else None, row.code, row.rank, row.aphia_id
        )
        for row in rows.values()
    }


def _parents_first(concepts: dict[str, ConceptRecord]) -> list[ConceptRecord]:
    """A forest again: where two label sets contradict each other so that a circle would close, the link is left out."""
    found: dict[str, ConceptRecord] = {}

    def add(name: str, below: tuple[str, ...]) -> None:
        if name in found or name not in concepts:
            return
        one = concepts[name]
        if one.parent is not None and one.parent in (*below, name):
            one = ConceptRecord(one.name, None, one.code, one.rank, one.aphia_id)
        elif one.parent is not None:
            add(one.parent, (*below, name))
        found[name] = one

    for name in sorted(concepts):
        add(name, ())
    return list(found.values())


def _records(session: Any, dataset: Dataset, concepts: dict[int, ConceptRecord], root: Path) -> list[ImageRecord]:
    images = list(session.scalars(select(Image).where(Image.dataset_id == dataset.id).order_by(Image.id)))
    said: dict[int, list[AnnotationRecord]] = {}
    query = (
        select(Annotation)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.dataset_id == dataset.id, Annotation.superseded_at.is_(None), Annotation.source != "model")
        .order_by(Annotation.id)
    )
    for row in session.scalars(query):
        if row.source == "person" and "decision" in row.extra:
            continue
        one = AnnotationRecord(concepts[row.concept_id].name, row.geometry, row.score, row.actor, row.extra)
        said.setdefault(row.image_id, []).append(one)
    return [
        ImageRecord(
            place_below(root, dataset.root, row.path),
            row.taken_at,
            row.taken_zone,
            row.latitude,
            row.longitude,
            row.depth_m,
            row.altitude_m,
            row.camera,
            row.site,
            row.group,
            row.extra,
            tuple(said.get(row.id, ())),
            row.labelled,
            f"{dataset.name}: {row.path}",
            row.status == "absent",
        )
        for row in images
    ]
