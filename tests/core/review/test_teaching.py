"""Concepts that reviewers named in images without labels teach: what was named is there, the rest is unknown."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sqlalchemy import update

from core.catalogue.schema import Annotation, Image
from core.learn.gathering import gather
from core.learn.labels import RareRule
from core.review.deciding import Act, decide, undo
from tests.core.review.conftest import NOW
from tests.probes import make_model

KEEP = RareRule("keep")


@pytest.fixture
def partly(space):
    """Two dives without labels; ids of their regions and images."""
    run = space.open_run(2)
    table = run.table[run.table["group"].isin(sorted(set(run.table["group"]) - {""})[:2])]
    with space.database.write() as session:
        ids = [int(image) for image in table["image_id"]]
        session.execute(update(Image).where(Image.id.in_(ids)).values(labelled=False))
        session.execute(update(Annotation).where(Annotation.image_id.in_(ids)).values(superseded_at=NOW))
    return table["region_id"].tolist()


def say(space, region, verdict="taxon", concept="", actor="Ada"):
    key = f"{actor}-{region}-{concept or verdict}".replace(" ", "_")[:60]
    decide(space.database, Act(key, actor, 2, verdict, regions=(region,), concept=concept), now=NOW)
    return key


def test_named_is_present_and_the_rest_unknown(space, partly):
    name = space.datasets()[0].name
    without = gather(space, [name], rule=KEEP)
    assert len(gather(space, [name], decisions=True, rule=KEEP)) == len(without)  # nobody said anything
    say(space, partly[0], concept="crab")
    taken_back = say(space, partly[1], concept="crab")
    say(space, partly[2], verdict="water")
    say(space, partly[3], concept="crab")
    say(space, partly[3], concept="ray", actor="Bob")
    undo(space.database, key="undo-teaching", act=taken_back, actor="Ada", now=NOW)
    assert len(gather(space, [name], rule=KEEP)) == len(without)  # labels alone, unless asked for
    found = gather(space, [name], decisions=True, rule=KEEP)
    assert sorted(set(found.table["region_id"]) - set(without.table["region_id"])) == [partly[0], partly[2]]
    named, empty = (int(np.flatnonzero(found.table["region_id"] == region)[0]) for region in (partly[0], partly[2]))
    crab = found.tree.names.index("crab")
    assert found.targets[named, crab]
    assert found.known[named, crab]
    others = [place for place, name_ in enumerate(found.tree.names) if not found.targets[named, place]]
    assert others
    assert not found.known[named, others].any()
    assert found.known[empty].all()
    assert not found.targets[empty].any()
    assert found.data_hash != without.data_hash
    assert any("1 images without labels teach" in note and "1 were named differently" in note for note in found.notes)


def test_decisions_teach_a_model_and_labels_alone_choose_its_thresholds(space, partly):
    for region in partly:
        say(space, region, concept="crab")
    name = space.datasets()[0].name
    facts = [
        json.loads((make_model(space, f"m{int(asked)}", name, decisions=asked) / "model.json").read_text())
        for asked in (False, True)
    ]
    images = [one["data"]["images"] for one in facts]
    assert images[1] == images[0] + len(partly)
    assert facts[1]["settings"]["decisions"] is True
    assert facts[1]["figures"]["validation"]["images"] + len(partly) <= images[1]
