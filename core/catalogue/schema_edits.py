"""The table of metadata that people changed; beside the other tables, of one schema with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.catalogue.schema import Base, new_uid


class Edit(Base):
    """One value of an image's metadata that a person changed, or the undoing of that; only ever added.

    ``before`` and ``after`` are ``{"value": …}``; all edits of one ``act`` were saved together; ``undoes`` names the
    act that this one takes back.
    """

    __tablename__ = "edits"
    __table_args__ = (
        Index("ix_edits_image_id", "image_id"),
        Index("ix_edits_act", "act"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    uid: Mapped[str] = mapped_column(String(36), default=new_uid, unique=True)
    act: Mapped[str] = mapped_column(String(64))
    undoes: Mapped[str | None] = mapped_column(String(64))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"))
    field: Mapped[str] = mapped_column(String(40))
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
