"""A workspace of the first schema opens, with everything in it, and can be decided in."""

from __future__ import annotations

import sqlite3

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import core.catalogue.migrations as migrations
from core.errors import WorkspaceError
from core.review.deciding import Act, decide
from core.review.verdicts import verdicts
from core.workspace import open_workspace
from tests.core.review.conftest import NOW


def to_revision(folder, revision: str) -> None:
    engine = create_engine(f"sqlite:///{folder / 'catalogue.sqlite'}")
    config = Config()
    config.set_main_option("script_location", next(iter(migrations.__path__)))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def tables(folder) -> set[str]:
    with sqlite3.connect(folder / "catalogue.sqlite") as there:
        return {name for (name,) in there.execute("select name from sqlite_master where type = 'table'")}


def test_a_workspace_of_the_first_schema_opens_and_upgrades(folder):
    to_revision(folder, "0001")
    assert not tables(folder) & {"decisions", "verdicts", "review_leases"}
    space = open_workspace(folder)
    assert tables(folder) >= {"decisions", "verdicts", "review_leases"}
    assert [verdict.key for verdict in verdicts(space.database)][:2] == ["new", "taxon"]
    run = space.open_run(2)
    region = int(run.table["region_id"].iloc[0])
    assert len(run.table) == 24
    assert decide(space.database, Act("upgraded-1", "Ada", 2, "new", regions=(region,)), now=NOW)
    space.close()


def test_the_models_and_the_migrations_agree(space):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from core.catalogue.schema import Base

    with space.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_workspace_of_a_later_schema_is_refused(folder):
    with sqlite3.connect(folder / "catalogue.sqlite") as there:
        there.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(WorkspaceError, match="newer Benthoscope"):
        open_workspace(folder)
