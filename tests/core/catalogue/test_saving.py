"""Saved selections: one live selection a name, nothing lost, nothing doubled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.catalogue.saving import archive_selection, save_selection, saved_selection, saved_selections
from core.catalogue.selections import Between, Regions
from core.errors import SelectionError
from core.workspace import open_workspace

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    space = open_workspace(tmp_path / "workspace")
    yield space.database
    space.close()


def test_a_selection_comes_back_as_it_was_saved(database):
    entry = save_selection(database, "  deep\n ones ", Between("depth_m", 800, 900), actor="ann", now=NOW)
    assert saved_selections(database) == [entry]
    assert (entry.name, entry.tree, entry.actor) == ("deep ones", Between("depth_m", 800, 900), "ann")
    assert saved_selection(database, entry.id + 1) is None


def test_the_same_name_again_archives_the_older_whose_link_still_works(database):
    old = save_selection(database, "mine", Regions((1, 2)), actor="ann", now=NOW)
    new = save_selection(database, "mine", Regions((3,)), actor="ann", now=NOW)
    assert [entry.id for entry in saved_selections(database)] == [new.id]
    assert saved_selection(database, old.id).tree == Regions((1, 2))
    assert saved_selection(database, old.id).archived


def test_a_repeated_request_saves_once(database):
    first = save_selection(database, "mine", Regions((1,)), actor="ann", now=NOW, key="k")
    again = save_selection(database, "mine", Regions((9,)), actor="ann", now=NOW, key="k")
    assert again == first


def test_the_archive_takes_from_the_list_only(database):
    entry = save_selection(database, "mine", Regions((1,)), actor="ann", now=NOW)
    archive_selection(database, entry.id, now=NOW)
    archive_selection(database, entry.id, now=NOW)
    assert saved_selections(database) == []
    assert saved_selection(database, entry.id).archived


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_a_name_is_needed(database, name):
    with pytest.raises(SelectionError, match="1 to 120"):
        save_selection(database, name, Regions((1,)), actor="ann", now=NOW)
