"""Decisions that come along when datasets are merged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.catalogue.importing import import_images, plan_import
from core.catalogue.merging import merge_plan
from core.catalogue.records import ReadOptions
from core.catalogue.schema import Annotation, Image, Region
from core.review.carrying import carry_decisions
from core.review.deciding import Act, decide, undo
from core.review.standing import MERGED, history, recent, standing
from tests.core.review.conftest import NOW
from tests.small import make_collection

LATER = NOW + timedelta(days=1)


def act(key, region, verdict="new", actor="Ada", **more):
    return Act(key=key.ljust(8, "0"), actor=actor, run_id=2, verdict=verdict, regions=(region,), **more)


def merged(space, into="both"):
    names = [entry.name for entry in space.datasets() if entry.name != into]
    plan = merge_plan(space.database, names)
    import_images(space, plan, dataset=into, actor="t", now=LATER, workers=1)
    return carry_decisions(space.database, names, into)


@pytest.fixture
def two(space, tmp_path):
    """The drawn workspace with a second dataset."""
    table = make_collection(tmp_path / "more", dives=2, frames=1)
    import_images(space, plan_import(table, ReadOptions()), dataset="e", actor="t", now=NOW, workers=1)
    return space


def paths(space):
    """Decision of the merged dataset by the name of its file and by reviewer."""
    with space.database.read() as session:
        return {
            (session.get(Image, one.image_id).path.rsplit("/", 1)[-1], one.actor): one
            for one in standing(space.database)
            if one.scope == MERGED
        }


def test_what_stands_comes_along_as_it_was_said_and_only_once(two, run, regions):
    box = {"x": 3.0, "y": 4.25, "w": 10.0, "h": 12.0, "concept": "sea pen"}
    said = act("k1", regions[0], "taxon", concept="crab", note="left", boxes=(box,), seconds=2.5)
    decide(two.database, said, now=NOW)
    decide(two.database, act("k2", regions[0], "water", actor="Ben"), now=NOW)
    decide(two.database, act("k3", regions[1], "water"), now=NOW)
    undo(two.database, key="u3".ljust(8, "0"), act=act("k3", 0).key, actor="Ada", now=NOW)
    assert merged(two) == 2
    name = run.table["path"].iloc[0].rsplit("/", 1)[-1]
    found = paths(two)
    assert set(found) == {(name, "Ada"), (name, "Ben")}
    ada = found[name, "Ada"]
    assert (ada.verdict, ada.concept, ada.note, ada.boxes) == ("taxon", "crab", "left", (box,))
    assert (ada.created_at, ada.run_id) == (NOW, 2)
    assert ada.region_id not in regions
    notes = [(note.concept, note.source, note.actor) for note in two.annotations(ada.image_id)]
    assert {("crab", "person", "Ada"), ("sea pen", "person", "Ada")} <= set(notes)
    assert not [note for note in notes if note[0] in ("crab", "sea pen") and note[1] == "import" and note[2] == "Ada"]
    assert merged(two) == 0
    assert len(history(two.database, ada.image_id)) == 2


def test_the_runs_own_work_stays_its_own_and_a_later_word_stands(two, regions):
    decide(two.database, act("k1", regions[0], "taxon", concept="crab"), now=NOW)
    merged(two)
    assert [one.region_id for one in standing(two.database, run_id=2)] == [regions[0]]
    assert [one.region_id for one in recent(two.database, 2, "Ada")] == [regions[0]]
    (copy,) = [one for one in standing(two.database) if one.scope == MERGED]
    decide(two.database, act("k2", copy.region_id, "water"), now=LATER)
    assert [one.verdict for one in standing(two.database) if one.region_id == copy.region_id] == ["water"]
    with two.database.read() as session:
        stood = session.scalars(
            select(Annotation).where(Annotation.image_id == copy.image_id, Annotation.superseded_at.is_(None))
        )
        assert not [note for note in stood if note.source == "person"]
        parts = session.scalars(select(Region.id).where(Region.image_id == copy.image_id)).all()
    decide(two.database, act("k3", regions[0], "new"), now=LATER)
    assert merged(two) == 0
    assert parts == [copy.region_id]
