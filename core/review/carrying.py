"""Decisions taken along when datasets are merged: what stands on the old images stands on the new ones as well.

The contract:
- who decided, when, of which run, and what was said stay as they were; the old decisions are not touched;
- only what stands now comes along; what is decided later stays where it is decided;
- repeated, it adds nothing, and it never overrules what the same reviewer said of the new image itself;
- decisions about clusters belong to their run and stay there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.artefacts import canonical_json, digest
from core.catalogue.annotating import ensure_concepts
from core.catalogue.database import Database
from core.catalogue.merging import place_below
from core.catalogue.regions import box_of
from core.catalogue.schema import Annotation, Concept, Dataset, Decision, Image, Region, new_uid
from core.review.deciding import Place, decision_row, statements
from core.review.standing import MERGED, parts, standing_of, stands

_Part = tuple[int, str, str]
"""Image id, scheme and box of a region."""


def carry_decisions(database: Database, names: Sequence[str], into: str) -> int:
    """Copy the standing decisions on the images of some datasets to the dataset that they were merged into.

    Returns:
        How many decisions came along.
    """
    with database.write() as session:
        sets = {row.name: row for row in session.scalars(select(Dataset).where(Dataset.name.in_([*names, into])))}
        target = sets[into]
        ours = {
            row.path: row
            for row in session.execute(
                select(Image.path, Image.id, Image.uid).where(Image.dataset_id == target.id, Image.status == "ok")
            )
        }
        newest: dict[tuple[str, _Part], tuple[Decision, str, str | None]] = {}
        for decision, part, uid, concept in sorted(
            _found(session, [sets[name] for name in names], Path(target.root), ours), key=lambda one: one[0].id
        ):
            newest[decision.actor, part] = (decision, uid, concept)
        regions = _regions(session, {part for _, part in newest})
        rows = _rows(session, newest, regions, target)
        if rows:
            session.execute(insert(Decision), [row for row, _ in rows])
            _state(session, rows, target.label_set_id)
        return len(rows)


def _found(
    session: Session, sources: Iterable[Dataset], root: Path, ours: dict[str, Any]
) -> Iterable[tuple[Decision, _Part, str, str | None]]:
    """Standing decisions with the part of the new image that they are about, its image's uid, and their concept."""
    for source in sources:
        query = (
            select(Decision, Region.scheme, Region.box, Image.path, Concept.name)
            .join(Region, Region.id == Decision.region_id)
            .join(Image, Image.id == Region.image_id)
            .outerjoin(Concept, Concept.id == Decision.concept_id)
            .where(Image.dataset_id == source.id, stands())
        )
        for decision, scheme, box, path, concept in session.execute(query):
            image = ours.get(place_below(root, source.root, path))
            if image is not None:
                yield decision, (image.id, scheme, box), image.uid, concept


def _regions(session: Session, wanted: set[_Part]) -> dict[_Part, int]:
    """Ids of regions, made where they are not there yet."""

    def known() -> dict[_Part, int]:
        return {
            (row.image_id, row.scheme, row.box): row.id
            for part in parts(sorted({image for image, _, _ in wanted}))
            for row in session.execute(select(Region).where(Region.image_id.in_(part))).scalars()
        }

    lacking = sorted(wanted - known().keys())
    if lacking:
        new = [{"uid": new_uid(), "image_id": image, "scheme": scheme, "box": box} for image, scheme, box in lacking]
        session.execute(insert(Region), new)
    return known()


def _rows(
    session: Session,
    newest: dict[tuple[str, _Part], tuple[Decision, str, str | None]],
    regions: dict[_Part, int],
    target: Dataset,
) -> list[tuple[dict[str, Any], _Part]]:
    """Decisions to write, those left out that came along before or that their reviewer has overtaken."""
    taken: dict[str, set[int]] = {}
    for actor in {actor for actor, _ in newest}:
        own = [regions[part] for who, part in newest if who == actor]
        taken[actor] = set(standing_of(session, actor, own))
    new = [part[0] for _, part in newest]
    before: set[str] = set()
    for some in parts(sorted(set(new))):
        before |= set(session.scalars(select(Decision.idempotency_key).where(Decision.image_id.in_(some))))
    names = {concept for _, _, concept in newest.values() if concept}
    concepts = ensure_concepts(session, target.label_set_id, (), sorted(names)) if names else {}
    rows = []
    for (actor, part), (decision, uid, concept) in sorted(newest.items(), key=lambda item: item[1][0].id):
        key = f"{decision.uid}>{uid}"
        if key in before or regions[part] in taken[actor]:
            continue
        act = digest(canonical_json([decision.act, target.uid]))[:32]
        row = decision_row(
            act,
            0,
            actor,
            decision.created_at,
            kind="verdict",
            scope=MERGED,
            run_id=decision.run_id,
            image_id=part[0],
            region_id=regions[part],
            verdict=decision.verdict,
            concept_id=concepts[concept] if concept else None,
            note=decision.note,
            boxes=[dict(box) for box in decision.boxes],
            seconds=decision.seconds,
        )
        rows.append((row | {"idempotency_key": key}, part))
    return rows


def _state(session: Session, rows: Sequence[tuple[dict[str, Any], _Part]], label_set: int) -> None:
    """The annotations that these decisions make, as when they were taken."""
    named = {box["concept"] for row, _ in rows for box in row["boxes"] if box.get("concept")}
    ids = ensure_concepts(session, label_set, (), sorted(named)) if named else {}
    concepts = {(label_set, name): number for name, number in ids.items()}
    notes = [
        note for row, part in rows for note in statements(row, Place(part[0], label_set, box_of(part[2])), concepts)
    ]
    if notes:
        session.execute(insert(Annotation), notes)
