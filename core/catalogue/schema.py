"""The tables of the catalogue.

The contract:
- integer ids are never used twice (``AUTOINCREMENT``); ``uid`` is a UUID that survives export and merging;
- nothing is deleted: rows are superseded or archived, and say when;
- all times are stored in UTC and come back aware; the zone that the source gave is kept beside them;
- paths are relative to their dataset's root, with forward slashes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as naive UTC. Naive values are refused: they would be taken for UTC in silence."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a zone, got {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def new_uid() -> str:
    """A random UUID as text."""
    return str(uuid4())


class Base(DeclarativeBase):
    """Base of all tables; constraint names are fixed so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: JSON, datetime: UtcTime}  # noqa: RUF012 - read by SQLAlchemy


def _key() -> Mapped[int]:
    return mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


_NEVER_REUSED = {"sqlite_autoincrement": True}


class Dataset(Base):
    """Images imported together under one name; ``root`` is the only absolute path and may be moved."""

    __tablename__ = "datasets"
    __table_args__ = (_NEVER_REUSED,)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    root: Mapped[str] = mapped_column(Text)
    label_set_id: Mapped[int] = mapped_column(ForeignKey("label_sets.id"))
    licence: Mapped[str] = mapped_column(Text, default="")
    citation: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class Image(Base):
    """One image file. ``status`` is ``ok``, ``absent`` (listed, but no such file) or ``unusable``.

    ``code`` is that of `core.errors.ImageError` when it is not ``ok``, ``reason`` its sentence.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("dataset_id", "path"),
        Index("ix_images_dataset_id_content_hash", "dataset_id", "content_hash"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    path: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    content_hash: Mapped[str | None] = mapped_column(String(64))
    hash_name: Mapped[str | None] = mapped_column(String(20))
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    mtime_ns: Mapped[int | None] = mapped_column(BigInteger)
    format: Mapped[str | None] = mapped_column(String(20))
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    taken_at: Mapped[datetime | None]
    taken_zone: Mapped[str | None] = mapped_column(String(64))
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    depth_m: Mapped[float | None] = mapped_column(Float)
    altitude_m: Mapped[float | None] = mapped_column(Float)
    camera: Mapped[str | None] = mapped_column(Text)
    site: Mapped[str | None] = mapped_column(Text)
    group: Mapped[str | None] = mapped_column("group_name", Text)
    labelled: Mapped[bool] = mapped_column(Boolean, default=False)
    statistics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Region(Base):
    """An image with an optional box: the unit of embedding, score, cluster, prediction and decision.

    ``scheme`` is ``image``, ``tiles:2x3`` (with its overlap) or ``boxes``; ``box`` is empty for the whole image and
    ``x,y,w,h`` in pixels of the upright image otherwise.
    """

    __tablename__ = "regions"
    __table_args__ = (UniqueConstraint("image_id", "scheme", "box"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    scheme: Mapped[str] = mapped_column(String(40))
    box: Mapped[str] = mapped_column(String(100), default="")


class LabelSet(Base):
    """A vocabulary; concepts with the same name in two label sets are different concepts."""

    __tablename__ = "label_sets"
    __table_args__ = (_NEVER_REUSED,)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class Concept(Base):
    """What can be seen in an image; a tree through ``parent_id``."""

    __tablename__ = "concepts"
    __table_args__ = (UniqueConstraint("label_set_id", "name"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    label_set_id: Mapped[int] = mapped_column(ForeignKey("label_sets.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    name: Mapped[str] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(Text)
    rank: Mapped[str | None] = mapped_column(String(40))
    aphia_id: Mapped[int | None] = mapped_column(Integer)


class Annotation(Base):
    """A statement that a concept is in an image, by a person, a model or an import; superseded, never deleted."""

    __tablename__ = "annotations"
    __table_args__ = (Index("ix_annotations_image_id", "image_id"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    concept_id: Mapped[int] = mapped_column(ForeignKey("concepts.id"))
    geometry: Mapped[dict[str, Any] | None]
    score: Mapped[float | None] = mapped_column(Float)
    source: Mapped[str] = mapped_column(String(20))
    model: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Import(Base):
    """One import: what was asked, by whom, and its report."""

    __tablename__ = "imports"
    __table_args__ = (_NEVER_REUSED,)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    source: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    notes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class ImportProblem(Base):
    """One row or file that an import could not use, with its reason."""

    __tablename__ = "import_problems"
    __table_args__ = (Index("ix_import_problems_import_id", "import_id"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    kind: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class SavedSelection(Base):
    """A named condition over the catalogue: a versioned JSON tree (`core.catalogue.selections`)."""

    __tablename__ = "selections"
    __table_args__ = (_NEVER_REUSED,)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    tree: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class RunRow(Base):
    """One execution of the pipeline. ``state`` is ``running``, ``done``, ``failed`` or ``cancelled``."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_plan_key", "plan_key"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    plan_key: Mapped[str] = mapped_column(String(64))
    settings: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(20))
    error: Mapped[str] = mapped_column(Text, default="")
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]


class StageProgress(Base):
    """How far one stage of a run is; any process may read it."""

    __tablename__ = "stage_progress"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    began_with: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class VerdictRow(Base):
    """One verdict that reviewers may give; a changed list archives the old rows and adds new ones.

    ``meaning`` is one of `core.review.verdicts.MEANINGS`: what exports make of it, whatever a lab calls it.
    """

    __tablename__ = "verdicts"
    __table_args__ = (_NEVER_REUSED,)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    meaning: Mapped[str] = mapped_column(String(20))
    position: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class Decision(Base):
    """A reviewer's verdict on a region or a cluster, or the undoing of one; only ever added, never changed.

    ``kind`` is ``verdict`` or ``undo``; ``replaces_id`` is the decision that it replaces or undoes. All decisions of
    one ``act`` (a key that the client makes) were taken together: on a run of near-duplicates, on a selection.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_act", "act"),
        Index("ix_decisions_region_id", "region_id"),
        Index("ix_decisions_image_id", "image_id"),
        Index("ix_decisions_replaces_id", "replaces_id"),
        _NEVER_REUSED,
    )

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    idempotency_key: Mapped[str] = mapped_column(String(80), unique=True)
    act: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    cluster: Mapped[int | None] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(String(40))
    concept_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    boxes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    seconds: Mapped[float | None] = mapped_column(Float)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))


class ReviewLease(Base):
    """A region handed to one reviewer for a while, so that nobody else gets it meanwhile."""

    __tablename__ = "review_leases"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), primary_key=True)
    actor: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime]


class JobRow(Base):
    """One piece of work that the worker processes do, and how far it is.

    ``state`` is ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``; ``lane`` names the worker that does
    it; ``heard_at`` is the last sign of life of that worker; ``began_with`` is what of ``done`` was there before.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state"), _NEVER_REUSED)

    id: Mapped[int] = _key()
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(Text)
    lane: Mapped[str] = mapped_column(String(20))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    stage: Mapped[str] = mapped_column(String(40), default="")
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    began_with: Mapped[int] = mapped_column(BigInteger, default=0)
    stage_began_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
