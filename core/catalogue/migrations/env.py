"""Alembic's entry point: runs migrations on the connection that `core.catalogue.database` hands over."""

from __future__ import annotations

from alembic import context

from core.catalogue.schema_edits import Edit

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Edit.metadata,  # of all tables
    render_as_batch=True,  # SQLite alters tables by copying them
)
with context.begin_transaction():
    context.run_migrations()
