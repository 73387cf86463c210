"""What is said of a dataset beside its images: licence, citation, where it came from; putting it away and back."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from core.catalogue.database import Database
from core.catalogue.schema import Dataset, Import, ImportProblem
from core.errors import WorkspaceError


@dataclass(frozen=True)
class ImportEntry:
    """One import, as it was asked for, and what it did.

    Attributes:
        options: As `core.catalogue.records.ReadOptions.to_json` writes them.
    """

    id: int
    source: str
    options: Mapping[str, Any]
    counts: Mapping[str, Any]
    notes: tuple[str, ...]
    actor: str
    created_at: datetime


@dataclass(frozen=True)
class Description:
    """A dataset without its images. All text is a stranger's: show, never interpret."""

    id: int
    uid: str
    name: str
    root: Path
    licence: str
    citation: str
    actor: str
    created_at: datetime
    archived_at: datetime | None
    imports: tuple[ImportEntry, ...]


def descriptions(database: Database) -> list[Description]:
    """All datasets, archived ones too, by name."""
    with database.read() as session:
        found = []
        for row in session.scalars(select(Dataset).order_by(Dataset.name)):
            imports = session.scalars(select(Import).where(Import.dataset_id == row.id).order_by(Import.id))
            found.append(
                Description(
                    row.id,
                    row.uid,
                    row.name,
                    Path(row.root),
                    row.licence,
                    row.citation,
                    row.actor,
                    row.created_at,
                    row.archived_at,
                    tuple(
                        ImportEntry(
                            one.id,
                            one.source,
                            _options(one.options),
                            one.counts,
                            tuple(one.notes.get("notes", ())),
                            one.actor,
                            one.created_at,
                        )
                        for one in imports
                    ),
                )
            )
        return found


def _options(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON; early imports kept each value as Python wrote it, what was usual too."""
    options = dict(kept)
    columns = options.get("columns")
    if isinstance(columns, str):
        try:
            options["columns"] = dict(ast.literal_eval(columns))
        except (ValueError, SyntaxError, TypeError):  # by another hand
            del options["columns"]
    if isinstance(options.get("folder_labels"), str):
        options["folder_labels"] = options["folder_labels"] == "True"
    for name in ("clock_offset", "max_gap"):
        if isinstance(options.get(name), str):
            options[name] = float(options[name])
    return options


def describe(database: Database, name: str, licence: str, citation: str) -> None:
    """Note a dataset's licence and citation.

    Raises:
        WorkspaceError: there is no such dataset, or a text is longer than 4,000 letters.
    """
    if max(len(licence), len(citation)) > 4000:
        raise WorkspaceError("a licence and a citation have up to 4,000 letters each; name where the whole text stands")
    values = {"licence": licence.strip(), "citation": citation.strip()}
    with database.write() as session:
        named = update(Dataset).where(Dataset.name == name).values(**values).returning(Dataset.id)
        if not session.execute(named).all():
            raise WorkspaceError(f"there is no dataset {name!r} in this workspace")


def archive_dataset(database: Database, dataset_id: int, *, now: datetime | None) -> None:
    """Put a dataset away (``now``), or take it back (``None``). Images on disk and finished runs stay as they are."""
    with database.write() as session:
        session.execute(update(Dataset).where(Dataset.id == dataset_id).values(archived_at=now))


def problems_of(database: Database, import_id: int, limit: int = 5000) -> list[tuple[str, str, str]]:
    """``(kind, where, reason)`` of what an import could not use."""
    query = select(ImportProblem).where(ImportProblem.import_id == import_id).order_by(ImportProblem.id).limit(limit)
    with database.read() as session:
        return [(row.kind, row.place, row.reason) for row in session.scalars(query)]
