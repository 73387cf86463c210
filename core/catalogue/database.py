"""The database behind the catalogue: engine, pragmas, migrations, transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from core.errors import WorkspaceError

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",  # readers never wait for the writer
    "PRAGMA synchronous=FULL",  # what was acknowledged survives a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=15000",
)


class Database:
    """A connection to one catalogue; safe to share between threads, opened anew in every process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = _engine(path)
        _migrate(self.engine, path)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; anything changed in it is discarded."""
        with Session(self.engine) as session, _explained(self.path):
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session committed as a whole at the end, or not at all."""
        engine = self.engine.execution_options(immediate=True)
        with Session(engine, expire_on_commit=False) as session, _explained(self.path), session.begin():
            yield session

    def close(self) -> None:
        """Give the file handles back."""
        self.engine.dispose()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise WorkspaceError(
            f"the catalogue {path} could not be used ({error.orig}); close other programs that hold it, "
            "check free disk space and that the folder can be written, then try again"
        ) from error


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver would commit around schema changes; transactions begin below
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Writers take the lock at once: a reader that turns writer half-way could only fail.
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _migrate(engine: Engine, path: Path) -> None:
    """Bring the schema to this version's; refuse a catalogue made by a newer one."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    try:
        with engine.execution_options(immediate=True).begin() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            if current == scripts.get_current_head():
                return
            known = {script.revision for script in scripts.walk_revisions()}
            if current is not None and current not in known:
                raise WorkspaceError(
                    f"the catalogue {path} was made by a newer Benthoscope (schema {current}); "
                    "update Benthoscope to open it"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DatabaseError as error:
        raise WorkspaceError(f"{path} is not a catalogue of Benthoscope or is damaged ({error.orig})") from error
