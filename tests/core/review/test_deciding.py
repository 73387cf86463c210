"""Decisions: taken once, replaced, undone, never lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.catalogue.schema import Annotation, Decision
from core.errors import ReviewError, WorkspaceError
from core.review.deciding import Act, decide, undo
from core.review.standing import history, standing
from core.workspace import open_workspace
from tests.core.review.conftest import NOW


def act(key: str, region: int, verdict: str = "new", actor: str = "Ada", **more) -> Act:
    return Act(key=key.ljust(8, "0"), actor=actor, run_id=2, verdict=verdict, regions=(region,), **more)


def says(space) -> dict[tuple[int, str], str]:
    return {(one.region_id, one.actor): one.verdict for one in standing(space.database)}


def test_a_decision_is_kept_with_everything_that_was_said(space, regions):
    box = {"x": 3, "y": 4.25, "w": 10, "h": 12, "concept": "sea pen"}
    said = act("k1", regions[0], "taxon", concept="crab", note="left of the rock", boxes=(box,), seconds=2.5)
    (made,) = decide(space.database, said, now=NOW)
    assert (made.verdict, made.concept, made.note, made.actor) == ("taxon", "crab", "left of the rock", "Ada")
    assert (made.created_at, made.run_id, made.region_id, made.stands) == (NOW, 2, regions[0], True)
    assert made.boxes == (box,)
    assert [entry.uid for entry in history(space.database, made.image_id)] == [made.uid]


def test_the_same_key_is_the_same_act(space, regions):
    first = decide(space.database, act("k1", regions[0]), now=NOW)
    again = decide(space.database, act("k1", regions[0]), now=NOW + timedelta(hours=1))
    assert again == first
    with pytest.raises(ReviewError, match="belongs to another decision"):
        decide(space.database, act("k1", regions[1]), now=NOW)
    assert len(standing(space.database)) == 1


def test_a_second_decision_replaces_the_first_and_undo_brings_it_back(space, regions):
    region = regions[0]
    (first,) = decide(space.database, act("k1", region, "new"), now=NOW)
    (second,) = decide(space.database, act("k2", region, "water"), now=NOW)
    assert second.replaces == first.id
    assert says(space) == {(region, "Ada"): "water"}
    (gone,) = undo(space.database, key="u1".ljust(8, "0"), act=second.act, actor="Ada", now=NOW)
    assert (gone.kind, gone.replaces) == ("undo", second.id)
    assert says(space) == {(region, "Ada"): "new"}
    undo(space.database, key="u2".ljust(8, "0"), act=first.act, actor="Ada", now=NOW)
    assert says(space) == {}
    kept = history(space.database, first.image_id)
    assert [(one.kind, one.verdict, one.stands) for one in kept] == [
        ("verdict", "new", False),
        ("verdict", "water", False),
        ("undo", "water", False),
        ("undo", "new", False),
    ]


def test_undo_is_once_and_only_of_ones_own(space, regions):
    (made,) = decide(space.database, act("k1", regions[0]), now=NOW)
    with pytest.raises(ReviewError, match="nothing of yours"):
        undo(space.database, key="undo-key-1", act=made.act, actor="Bob", now=NOW)
    first = undo(space.database, key="undo-key-2", act=made.act, actor="Ada", now=NOW)
    assert undo(space.database, key="undo-key-2", act=made.act, actor="Ada", now=NOW) == first
    with pytest.raises(ReviewError, match="nothing of yours"):
        undo(space.database, key="undo-key-3", act=made.act, actor="Ada", now=NOW)


def test_two_reviewers_stand_side_by_side(space, regions):
    decide(space.database, act("k1", regions[0], "new", "Ada"), now=NOW)
    decide(space.database, act("k2", regions[0], "gear", "Bob"), now=NOW)
    assert says(space) == {(regions[0], "Ada"): "new", (regions[0], "Bob"): "gear"}


def test_many_regions_are_one_act_and_one_undo(space, regions):
    many = replace(act("bulk", regions[0], "water"), regions=tuple(regions), scope="selection")
    made = decide(space.database, many, now=NOW)
    assert [one.region_id for one in made] == regions
    assert decide(space.database, many, now=NOW) == made
    undone = undo(space.database, key="undo-bulk", act=made[0].act, actor="Ada", now=NOW)
    assert [one.replaces for one in undone] == [one.id for one in made]
    assert says(space) == {}


def test_a_cluster_can_be_decided_on(space):
    (made,) = decide(space.database, Act("cluster-key", "Ada", 2, "habitat", cluster=3, scope="cluster"), now=NOW)
    assert (made.cluster, made.region_id, made.image_id) == (3, None, None)


def test_a_named_taxon_is_an_annotation_as_long_as_it_stands(space, run, regions):
    region = regions[0]
    image = int(run.table["image_id"].iloc[0])

    def person() -> list[str]:
        return [note.concept for note in space.annotations(image) if note.source == "person"]

    (first,) = decide(space.database, act("k1", region, "taxon", concept="glass sponge"), now=NOW)
    assert person() == ["glass sponge"]
    (second,) = decide(space.database, act("k2", region, "taxon", concept="crab"), now=NOW)
    assert person() == ["crab"]
    undo(space.database, key="undo-key-1", act=second.act, actor="Ada", now=NOW)
    assert person() == ["glass sponge"]
    undo(space.database, key="undo-key-2", act=first.act, actor="Ada", now=NOW)
    assert person() == []
    with space.database.read() as session:
        assert session.scalar(select(func.count()).where(Annotation.source == "person")) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": "  "},
        {"actor": "x" * 101},
        {"verdict": "nonsense"},
        {"verdict": "new'; drop table decisions; --"},
        {"regions": (999999,)},
        {"regions": ()},
        {"run_id": 77},
        {"key": "short"},
        {"key": "a b c d e f g h"},
        {"note": "n" * 2001},
        {"boxes": ({"x": 1, "y": 1, "w": 0, "h": 5},)},
        {"boxes": ({"x": float("nan"), "y": 1, "w": 1, "h": 5},)},
        {"boxes": ({"x": 1},)},
        {"scope": "all"},
        {"cluster": 1},
    ],
)
def test_what_is_not_whole_is_refused_in_a_sentence_and_writes_nothing(space, regions, wrong):
    with pytest.raises(ReviewError) as told:
        decide(space.database, replace(act("k1", regions[0]), **wrong), now=NOW)
    assert len(str(told.value)) > 20
    with space.database.read() as session:
        assert session.scalar(select(func.count(Decision.id))) == 0


def test_a_locked_catalogue_is_a_sentence_and_the_same_key_succeeds_later(space, folder, regions):
    other = sqlite3.connect(folder / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with space.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
        connection.rollback()
    with pytest.raises(WorkspaceError, match="close other programs that hold it"):
        decide(space.database, act("k1", regions[0]), now=NOW)
    other.execute("ROLLBACK")
    other.close()
    assert len(decide(space.database, act("k1", regions[0]), now=NOW)) == 1


def test_a_full_disk_is_a_sentence_and_loses_nothing(space, folder, regions):
    decide(space.database, act("k0", regions[0]), now=NOW)
    with space.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")  # what SQLite says then is what a full disk says
        connection.rollback()

    def fill() -> None:
        for number in range(60):
            many = replace(act(f"k{number + 1:02d}-long", regions[0], "water"), regions=tuple(regions), note="n" * 2000)
            decide(space.database, many, now=NOW)

    with pytest.raises(WorkspaceError, match=r"full.*free disk space"):
        fill()
    space.close()
    again = open_workspace(folder)
    with again.database.read() as session:
        counts = dict(session.execute(select(Decision.act, func.count()).group_by(Decision.act)).all())
    assert counts.pop("k0000000") == 1
    assert set(counts.values()) <= {len(regions)}
    again.close()


_WRITER = """
    import sys
    from datetime import UTC, datetime
    from core.review.deciding import Act, decide
    from core.workspace import open_workspace

    space = open_workspace(sys.argv[1])
    for number in range(100000):
        act = Act(f"kill-{number:06d}", "Ada", 2, "new", regions=(int(sys.argv[2]),))
        decide(space.database, act, now=datetime.now(UTC))
        print(act.key, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(space, folder, regions):
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(folder), str(regions[0])]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        told = [writer.stdout.readline().strip() for _ in range(12)]
        writer.kill()
        told += [line.strip() for line in writer.stdout]
    kept = [one.act for one in history(space.database, 1)]
    assert len(told) >= 12
    assert kept[: len(told)] == told
    assert len(kept) - len(told) <= 1  # one may be on the disk that nobody was told of


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 1), st.sampled_from(["new", "water", "undo"])), max_size=12
    )
)
def test_what_stands_is_what_a_stack_for_each_reviewer_says(space, regions, steps):
    stacks: dict[tuple[int, str], list[tuple[str, str]]] = {}
    while left := standing(space.database):  # of an earlier example
        for one in left:
            undo(space.database, key=f"clear-{one.id:06d}", act=one.act, actor=one.actor, now=NOW)
    with space.database.read() as session:
        begin = session.scalar(select(func.count(Decision.id)))
    for number, (actor, which, what) in enumerate(steps):
        region, key = regions[which], f"step-{begin:06d}-{number:03d}"
        stack = stacks.setdefault((region, actor), [])
        if what == "undo":
            if stack:
                undo(space.database, key=key, act=stack.pop()[0], actor=actor, now=NOW)
        else:
            decide(space.database, replace(act("x", region, what, actor), key=key), now=NOW)
            stack.append((key, what))
    assert says(space) == {place: stack[-1][1] for place, stack in stacks.items() if stack}
