"""Metadata of images that people changed, value by value, and what it was before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "edits",
        sa.Column("id", integer, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("undoes", sa.String(length=64), nullable=True),
        sa.Column("image_id", integer, nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_edits_image_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edits")),
        sa.UniqueConstraint("uid", name=op.f("uq_edits_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_edits_image_id", "edits", ["image_id"])
    op.create_index("ix_edits_act", "edits", ["act"])


def downgrade() -> None:
    op.drop_index("ix_edits_act", "edits")
    op.drop_index("ix_edits_image_id", "edits")
    op.drop_table("edits")
