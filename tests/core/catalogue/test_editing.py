"""Metadata changed by people: recorded, standing over imports, undone; datasets made one."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.catalogue.editing import Change, acts_of, edit_images, standing, undo_edits
from core.catalogue.importing import import_images, plan_import
from core.catalogue.merging import merge_plan
from core.catalogue.records import ReadOptions
from core.catalogue.schema import Image
from core.catalogue.schema_edits import Edit
from core.errors import SettingsError, WorkspaceError
from core.workspace import open_workspace
from tests.small import make_collection

NOW = datetime(2024, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def space(tmp_path):
    opened = open_workspace(tmp_path / "ws")
    bring(opened, make_collection(tmp_path / "data", dives=3, frames=2), "d")
    yield opened
    opened.close()


def bring(space, table, name):
    plan = table if not hasattr(table, "suffix") else plan_import(table, ReadOptions())
    return import_images(space, plan, dataset=name, actor="t", now=NOW, workers=1)


def image(space, number):
    with space.database.read() as session:
        return session.get(Image, number)


def edit(space, *changes):
    return edit_images(space.database, [Change(*change) for change in changes], actor="me", now=NOW)


def test_an_edit_is_recorded_and_undone_by_one_more_entry(space):
    before = image(space, 1)
    act = edit(space, (1, "depth_m", "123.5"), (1, "site", " Ridge "), (2, "group", ""))
    after = image(space, 1)
    assert (after.depth_m, after.site, image(space, 2).group) == (123.5, "Ridge", None)
    (told,) = acts_of(space.database, before.dataset_id)
    assert (told.images, set(told.fields), told.actor, told.undone) == (1, {"depth_m", "site", "group"}, "me", False)
    assert undo_edits(space.database, act, actor="me", now=NOW) == 3
    assert (image(space, 1).depth_m, image(space, 1).site) == (before.depth_m, before.site)
    assert [told.undone for told in acts_of(space.database, before.dataset_id)] == [True]
    with space.database.read() as session:
        assert len(session.scalars(select(Edit)).all()) == 6
    with pytest.raises(WorkspaceError, match="undone already"):
        undo_edits(space.database, act, actor="me", now=NOW)


def test_times_are_utc_and_what_does_not_differ_is_no_edit(space):
    moment = image(space, 1).taken_at
    assert edit(space, (1, "taken_at", moment.isoformat())) is None
    act = edit(space, (1, "taken_at", "2024-05-01T14:00:00+02:00"))
    assert image(space, 1).taken_at == datetime(2024, 5, 1, 12, tzinfo=UTC)
    undo_edits(space.database, act, actor="me", now=NOW)
    assert image(space, 1).taken_at == moment


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([(1, "depth_m", "deep")], "depth_m is a number"),
        ([(1, "depth_m", 2), (1, "latitude", 91)], r"latitude lies in \[-90, 90\]"),
        ([(1, "depth_m", float("nan"))], "depth_m lies in"),
        ([(1, "latitude", 5.0)], "no position"),
        ([(1, "taken_at", "yesterday")], "a time such as"),
        ([(1, "path", "x")], "cannot be changed here"),
        ([(1, "site", "x" * 2000)], "up to 1,000 letters"),
        ([(99, "site", "x")], "no image 99"),
    ],
)
def test_what_cannot_be_is_refused_whole(space, changes, said):
    before = image(space, 1)
    with pytest.raises((SettingsError, WorkspaceError), match=said):
        edit(space, *changes)
    assert image(space, 1).depth_m == before.depth_m
    assert acts_of(space.database, before.dataset_id) == []


def test_an_older_edit_cannot_be_undone_over_a_later_one(space):
    first = edit(space, (1, "site", "A"))
    second = edit(space, (1, "site", "B"))
    with pytest.raises(WorkspaceError, match="undo that edit first"):
        undo_edits(space.database, first, actor="me", now=NOW)
    undo_edits(space.database, second, actor="me", now=NOW)
    undo_edits(space.database, first, actor="me", now=NOW)
    with space.database.read() as session:
        assert standing(session, [1]) == {}


def test_importing_again_keeps_edits_and_what_was_undone_follows_the_source(space, tmp_path):
    table = tmp_path / "data" / "frames.csv"
    edit(space, (1, "depth_m", 777.0))
    undone = edit(space, (2, "depth_m", 888.0))
    undo_edits(space.database, undone, actor="me", now=NOW)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    depth = next(name for name in rows[0] if name.lower().startswith("depth"))
    for row in rows:
        row[depth] = "55"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    bring(space, table, "d")
    assert [image(space, number).depth_m for number in (1, 2, 3)] == [777.0, 55.0, 55.0]


def test_two_datasets_become_a_third(space, tmp_path):
    bring(space, make_collection(tmp_path / "more", dives=2, frames=2), "e")
    edit(space, (1, "site", "Ridge"))
    plan = merge_plan(space.database, ["d", "e"])
    report = bring(space, plan, "both")
    assert report.counts["images"] == 10
    assert report.counts["problems"] == 0
    assert [(entry.name, entry.images) for entry in space.datasets()] == [("both", 10), ("d", 6), ("e", 4)]
    old, new = image(space, 1), image(space, 11)
    assert new.path == f"data/{old.path}"
    assert (new.content_hash, new.site, new.depth_m, new.taken_at) == (
        old.content_hash,
        "Ridge",
        old.depth_m,
        old.taken_at,
    )
    said = [{note.concept for note in space.annotations(number)} for number in (1, 11)]
    assert said[0] == said[1]
    assert bring(space, merge_plan(space.database, ["d", "e"]), "both").counts["new"] == 0
    with pytest.raises(WorkspaceError, match="at least two"):
        merge_plan(space.database, ["d", "d"])
    with pytest.raises(WorkspaceError, match="no dataset 'x'"):
        merge_plan(space.database, ["d", "x"])
