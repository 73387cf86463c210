"""Decisions of reviewers, the verdicts that they may give, and who has what before them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VERDICTS = (
    ("new", "New to the model", "new"),
    ("taxon", "Known taxon", "taxon"),
    ("artefact", "Artefact", "artefact"),
    ("gear", "Platform or gear", "gear"),
    ("water", "Empty water", "empty"),
    ("habitat", "Habitat", "habitat"),
    ("duplicate", "Duplicate", "duplicate"),
    ("unsure", "Unsure", "unsure"),
)


def _integer() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    verdicts = op.create_table(
        "verdicts",
        sa.Column("id", _integer(), autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("meaning", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("archived_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("uid", name=op.f("uq_verdicts_uid")),
        sqlite_autoincrement=True,
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    op.bulk_insert(
        verdicts,
        [
            {
                "uid": str(uuid4()),
                "key": key,
                "name": name,
                "meaning": meaning,
                "position": position,
                "actor": "benthoscope",
                "created_at": now,
                "archived_at": None,
            }
            for position, (key, name, meaning) in enumerate(_VERDICTS)
        ],
    )
    op.create_table(
        "decisions",
        sa.Column("id", _integer(), autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("run_id", _integer(), nullable=False),
        sa.Column("image_id", _integer(), nullable=True),
        sa.Column("region_id", _integer(), nullable=True),
        sa.Column("cluster", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=40), nullable=False),
        sa.Column("concept_id", _integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("replaces_id", _integer(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_decisions_run_id_runs")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_decisions_image_id_images")),
        sa.ForeignKeyConstraint(["region_id"], ["regions.id"], name=op.f("fk_decisions_region_id_regions")),
        sa.ForeignKeyConstraint(["concept_id"], ["concepts.id"], name=op.f("fk_decisions_concept_id_concepts")),
        sa.ForeignKeyConstraint(["replaces_id"], ["decisions.id"], name=op.f("fk_decisions_replaces_id_decisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_decisions_idempotency_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_decisions_uid")),
        sqlite_autoincrement=True,
    )
    for column in ("act", "region_id", "image_id", "replaces_id"):
        op.create_index(f"ix_decisions_{column}", "decisions", [column])
    op.create_table(
        "review_leases",
        sa.Column("run_id", _integer(), nullable=False),
        sa.Column("region_id", _integer(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_review_leases_run_id_runs")),
        sa.ForeignKeyConstraint(["region_id"], ["regions.id"], name=op.f("fk_review_leases_region_id_regions")),
        sa.PrimaryKeyConstraint("run_id", "region_id", name=op.f("pk_review_leases")),
    )


def downgrade() -> None:
    op.drop_table("review_leases")
    for column in ("replaces_id", "image_id", "region_id", "act"):
        op.drop_index(f"ix_decisions_{column}", "decisions")
    op.drop_table("decisions")
    op.drop_table("verdicts")
