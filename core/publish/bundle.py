"""Everything that an export may say about some images, gathered once; each format takes from it what it can hold.

The contract: only what stands now; each statement with who or what made it; nothing here is written or changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select

from core.catalogue.regions import geometry_box
from core.catalogue.schema import Annotation, Concept, Dataset, Image
from core.review.repeats import repeats
from core.review.standing import DecisionEntry, standing
from core.review.verdicts import Verdict, all_verdicts

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace

_AT_ONCE = 500
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Statement:
    """That a concept is in an image.

    Attributes:
        geometry: As `core.catalogue.records` writes it; ``None`` for the whole image.
        source: ``person`` (a reviewer here), ``model`` or ``import``.
        decision: uid of the decision that it comes from, or empty.
    """

    uid: str
    concept: str
    code: str | None
    parent: str | None
    geometry: Mapping[str, Any] | None
    score: float | None
    source: str
    actor: str
    model: str
    created_at: datetime
    decision: str

    @property
    def box(self) -> Box | None:
        """``x, y, w, h`` in pixels of the upright image."""
        return geometry_box(dict(self.geometry) if self.geometry else None)


@dataclass(frozen=True)
class Shown:
    """One image.

    Attributes:
        path: Relative to its dataset's folder.
        statements: Oldest first.
        decisions: That stand on its regions in this export, oldest first.
        repeats: Number of its run of near-duplicates, -1 when it is alone.
        ood_score, ood_percentile: Of its strangest region; ``None`` when it was not judged.
    """

    id: int
    uid: str
    dataset: str
    path: str
    width: int
    height: int
    content_hash: str
    taken_at: datetime | None
    latitude: float | None
    longitude: float | None
    depth_m: float | None
    altitude_m: float | None
    camera: str | None
    site: str | None
    group: str | None
    labelled: bool
    statements: tuple[Statement, ...]
    decisions: tuple[DecisionEntry, ...]
    repeats: int
    ood_score: float | None
    ood_percentile: float | None


@dataclass(frozen=True)
class Bundle:
    """Images in the order of the run's rows, and where everything comes from.

    Attributes:
        provenance: Program, version, run, model, rule: JSON scalars by name.
    """

    images: tuple[Shown, ...]
    verdicts: Mapping[str, Verdict]
    provenance: Mapping[str, Any]

    def said(self) -> Iterator[tuple[Shown, Statement]]:
        """Every statement with its image."""
        return ((image, one) for image in self.images for one in image.statements)

    @property
    def concepts(self) -> list[str]:
        """Names in use, sorted."""
        return sorted({one.concept for _, one in self.said()})


def gather(space: Workspace, run: Run, rows: Sequence[int] | np.ndarray) -> Bundle:
    """Everything about the images of some rows of a run.

    Args:
        rows: Rows of the run's table; images keep the order of their first row.
    """
    table = run.table.iloc[np.asarray(rows, dtype=np.int64)]
    ids = list(dict.fromkeys(int(image) for image in table["image_id"]))
    regions = {int(region) for region in table["region_id"]}
    by_image: dict[int, list[DecisionEntry]] = {}
    for decision in standing(space.database):
        if decision.region_id in regions and decision.image_id is not None:
            by_image.setdefault(decision.image_id, []).append(decision)
    scores = table.groupby("image_id", sort=False)[["ood_score", "ood_percentile"]].max()
    numbers = repeats(run)[np.asarray(rows, dtype=np.int64)]
    run_of = dict(zip(table["image_id"].tolist()[::-1], numbers.tolist()[::-1], strict=True))
    found: dict[int, Shown] = {}
    with space.database.read() as session:
        parents = dict(session.execute(select(Concept.id, Concept.name)).all())
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            said: dict[int, list[Statement]] = {}
            query = (
                select(Annotation, Concept)
                .join(Concept, Concept.id == Annotation.concept_id)
                .where(Annotation.image_id.in_(part), Annotation.superseded_at.is_(None))
                .order_by(Annotation.id)
            )
            for note, concept in session.execute(query):
                said.setdefault(note.image_id, []).append(_statement(note, concept, parents))
            images = select(Image, Dataset.name).join(Dataset, Dataset.id == Image.dataset_id).where(Image.id.in_(part))
            for image, dataset in session.execute(images):
                found[image.id] = Shown(
                    id=image.id,
                    uid=image.uid,
                    dataset=dataset,
                    path=image.path,
                    width=image.width or 0,
                    height=image.height or 0,
                    content_hash=image.content_hash or "",
                    taken_at=image.taken_at,
                    latitude=image.latitude,
                    longitude=image.longitude,
                    depth_m=image.depth_m,
                    altitude_m=image.altitude_m,
                    camera=image.camera,
                    site=image.site,
                    group=image.group,
                    labelled=image.labelled,
                    statements=tuple(said.get(image.id, ())),
                    decisions=tuple(by_image.get(image.id, ())),
                    repeats=int(run_of[image.id]),
                    ood_score=_known(scores["ood_score"].get(image.id)),
                    ood_percentile=_known(scores["ood_percentile"].get(image.id)),
                )
    return Bundle(tuple(found[image] for image in ids if image in found), all_verdicts(space.database), provenance(run))


def provenance(run: Run) -> dict[str, Any]:
    """Where an export's numbers come from."""
    return {
        "program": f"Benthoscope {own_version()}",
        "run": run.id,
        "run_uid": run.info.uid,
        "run_name": run.name,
        "run_key": run.key,
        "model": run.settings.embed.embedder,
        "model_key": str(run.manifest.get("embedder", {}).get("key", "")),
        "flag_rule": str(run.manifest.get("flag", {}).get("flag_rule", "")),
    }


def own_version() -> str:
    """This program's version."""
    try:
        return version("benthoscope")
    except PackageNotFoundError:
        return "of a source folder"


def decision_json(decision: DecisionEntry, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """A decision for formats that can carry more than labels."""
    return {
        "uid": decision.uid,
        "verdict": decision.verdict,
        "verdict_name": verdicts[decision.verdict].name if decision.verdict in verdicts else decision.verdict,
        "concept": decision.concept,
        "note": decision.note,
        "actor": decision.actor,
        "decided_at": utc(decision.created_at),
        "region_id": decision.region_id,
        "run": decision.run_id,
        "boxes": [dict(box) for box in decision.boxes],
    }


def utc(moment: datetime | None) -> str | None:
    """``2024-05-01T10:00:00Z``, with a fraction where there is one."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _statement(note: Annotation, concept: Concept, parents: Mapping[int, str]) -> Statement:
    return Statement(
        uid=note.uid,
        concept=concept.name,
        code=concept.code,
        parent=parents.get(concept.parent_id) if concept.parent_id is not None else None,
        geometry=note.geometry,
        score=note.score,
        source=note.source,
        actor=note.actor,
        model=note.model or "",
        created_at=note.created_at,
        decision=str(note.extra.get("decision", "")),
    )


def _known(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
