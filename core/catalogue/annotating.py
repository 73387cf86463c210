"""Concepts and annotations of an import, written so that repeating it changes nothing.

The contract: what the source no longer says is superseded, never deleted; statements by people and models are not
touched by an import.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.artefacts import canonical_json
from core.catalogue.records import ConceptRecord, ImageRecord
from core.catalogue.schema import Annotation, Concept, new_uid

SOURCE = "import"


def ensure_concepts(
    session: Session, label_set_id: int, known: Iterable[ConceptRecord], used: Iterable[str]
) -> dict[str, int]:
    """Ids by name of all concepts of a label set, after adding the new ones and the parents they name."""
    ids = {
        row.name: row.id
        for row in session.execute(select(Concept.id, Concept.name).where(Concept.label_set_id == label_set_id))
    }
    records = {record.name: record for record in known}
    parents = [record.parent for record in records.values() if record.parent]
    for name in dict.fromkeys([*parents, *records, *used]):
        record = records.get(name, ConceptRecord(name))
        if name not in ids:
            row = Concept(
                label_set_id=label_set_id, name=name, code=record.code, rank=record.rank, aphia_id=record.aphia_id
            )
            session.add(row)
            session.flush()
            ids[name] = row.id
    for record in records.values():
        if record.parent and record.parent != record.name:
            session.execute(
                update(Concept)
                .where(Concept.id == ids[record.name], Concept.parent_id.is_(None))
                .values(parent_id=ids[record.parent])
            )
    return ids


def write_annotations(
    session: Session,
    records: Mapping[int, ImageRecord],
    concepts: Mapping[str, int],
    actor: str,
    now: datetime,
) -> Counter[str]:
    """Bring the imported annotations of some images in line with their records.

    Args:
        records: By image id. A record that states no labels leaves what is there.

    Returns:
        Counts ``annotations_added`` and ``annotations_superseded``.
    """
    have: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in session.execute(
        select(Annotation.id, Annotation.image_id, Annotation.concept_id, Annotation.geometry, Annotation.score).where(
            Annotation.image_id.in_(records), Annotation.source == SOURCE, Annotation.superseded_at.is_(None)
        )
    ):
        have[row.image_id][_identity(row.concept_id, row.geometry, row.score)].append(row.id)
    new: list[dict[str, Any]] = []
    gone: list[int] = []
    for image_id, record in records.items():
        if not record.labelled:
            continue
        left = have[image_id]
        for note in record.annotations:
            geometry = None if note.geometry is None else dict(note.geometry)
            matching = left[_identity(concepts[note.concept], geometry, note.score)]
            if matching:
                matching.pop(0)
                continue
            new.append(
                {
                    "uid": new_uid(),
                    "image_id": image_id,
                    "concept_id": concepts[note.concept],
                    "geometry": geometry,
                    "score": note.score,
                    "source": SOURCE,
                    "actor": note.actor or actor,
                    "created_at": now,
                    "extra": dict(note.extra),
                }
            )
        gone.extend(id_ for ids in left.values() for id_ in ids)
    if new:
        session.execute(insert(Annotation), new)
    for part in _parts(gone, 500):
        session.execute(update(Annotation).where(Annotation.id.in_(part)).values(superseded_at=now))
    return Counter(annotations_added=len(new), annotations_superseded=len(gone))


def _identity(concept_id: int, geometry: dict[str, Any] | None, score: float | None) -> str:
    return canonical_json([concept_id, geometry, score])


def _parts(values: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))
