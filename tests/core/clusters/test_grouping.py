"""Edits of clusters: replayed by hand on a small tree, undone, kept in a file that only grows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.grouping import Edit, Grouping, Tree, replay, rows_of, rows_text, standing
from core.clusters.log import add_edit, log_path, read_edits
from core.errors import SelectionError
from core.space.clusters import CondensedTree, cluster
from core.workspace import open_workspace

# Ten rows: the root 10 parts into 11 (rows 0-3) and 12, row 9 leaves; 12 parts into 13 (4, 5) and 14 (6, 7), 8 leaves.
TREE = CondensedTree(
    np.array([10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 13, 13, 14, 14], np.int32),
    np.array([11, 12, 9, 0, 1, 2, 3, 13, 14, 8, 4, 5, 6, 7], np.int32),
    np.ones(14),
    np.array([4, 5, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1], np.int32),
)
LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, -1])
NODES = [12, 11]


def edit(kind: str, *clusters: int, key: str = "", **more: object) -> Edit:
    return Edit(key or f"{kind}{clusters}{more}", kind, "tester", "2024-01-01T00:00:00+00:00", clusters, **more)


def after(*edits: Edit) -> Grouping:
    return replay(LABELS, NODES, TREE, edits)


def test_without_edits_the_runs_own_clusters_stand():
    now = after()
    assert now.labels.tolist() == LABELS.tolist()
    assert now.numbers() == [0, 1]
    assert dict(now.nodes) == {0: 12, 1: 11}


def test_a_cluster_parts_where_the_tree_does():
    now = after(edit("split", 0))
    assert now.labels.tolist() == [1, 1, 1, 1, 2, 2, 3, 3, -1, -1]
    assert (now.nodes[2], now.nodes[3], now.next) == (13, 14, 4)
    assert after(edit("split", 1)).labels.tolist() == LABELS.tolist()  # a leaf has nothing to part into


def test_clusters_merge_and_keep_the_largest_ones_name():
    now = after(edit("name", 0, name="crabs"), edit("merge", 0, 1))
    assert now.labels.tolist() == [2] * 9 + [-1]
    assert now.names[2] == "crabs"
    assert now.nodes[2] is None
    assert after(edit("merge", 0, 1, name="all")).names[2] == "all"
    assert after(edit("merge", 0, 7)).labels.tolist() == LABELS.tolist()


def test_a_cut_makes_a_node_one_cluster():
    now = after(edit("cut", node=10, name="everything"))
    assert now.labels.tolist() == [2] * 10
    assert now.names[2] == "everything"
    deeper = after(edit("cut", node=13))
    assert deeper.labels.tolist() == [1, 1, 1, 1, 2, 2, 0, 0, 0, -1]
    assert deeper.numbers() == [1, 0, 2]


def test_given_parts_take_only_what_is_in_the_cluster():
    now = after(edit("parts", 0, parts=("4-5", "6,9")))
    assert now.labels.tolist() == [1, 1, 1, 1, 2, 2, 3, -1, -1, -1]
    assert after(edit("parts", 0, parts=("4-5", "0-3"))).labels.tolist() == LABELS.tolist()


def test_undo_takes_the_last_standing_edit_away():
    first, second = edit("name", 0, name="a"), edit("split", 0)
    undo = edit("undo")
    assert standing([first, second, undo]) == [first]
    assert standing([first, undo, undo, second]) == [second]
    assert after(first, second, undo).labels.tolist() == LABELS.tolist()
    assert after(first, second, undo).names == {0: "a"}
    assert after(first, undo).names == {}


KINDS = st.sampled_from(["name", "merge", "split", "cut", "parts", "undo"])


@given(st.lists(st.tuples(KINDS, st.lists(st.integers(-1, 8), max_size=3), st.integers(10, 14)), max_size=12))
def test_whatever_is_done_numbers_are_never_used_twice_and_no_row_is_lost(done):
    edits = [
        edit(kind, *clusters, key=str(place), node=node, parts=("0-4", "5-9"), name="n")
        for place, (kind, clusters, node) in enumerate(done)
    ]
    now = after(*edits)
    assert len(now.labels) == 10
    assert now.labels.max() < now.next
    assert sum(len(now.members(number)) for number in now.numbers()) == (now.labels >= 0).sum()
    again = after(*edits)
    assert again.labels.tolist() == now.labels.tolist()


def test_the_tree_of_a_real_map_holds_its_clusters():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(middle, 0.3, (60, 2)) for middle in ((0, 0), (4, 0), (0, 5))])
    found = cluster(points)
    tree = Tree(found.tree, len(points))
    for label, node in enumerate(found.nodes):
        assert set(np.flatnonzero(found.labels == label)) <= set(tree.members(int(node)).tolist())
    assert tree.members(len(points)).tolist() == list(range(len(points)))


@given(st.sets(st.integers(0, 60)))
def test_rows_and_their_text_are_inverse(rows):
    ordered = np.array(sorted(rows), np.int64)
    assert rows_of(rows_text(ordered), 61) == ordered.tolist()


@pytest.mark.parametrize("text", ["a", "1-", "-1", "99", "0-99", "1;2"])
def test_rows_of_nonsense_are_refused(text):
    with pytest.raises(SelectionError, match="rows are written like"):
        rows_of(text, 10)


def test_an_edit_is_of_a_known_kind_and_its_name_not_a_novel():
    with pytest.raises(SelectionError, match="is one of"):
        edit("explode")
    with pytest.raises(SelectionError, match="letters"):
        edit("name", 0, name="x" * 500)


class Told:
    """A run, as far as its file of edits cares."""

    class info:  # noqa: N801
        uid = "run-1"


def test_the_file_grows_once_for_each_key_and_survives_a_broken_line(tmp_path):
    space = open_workspace(tmp_path / "w")
    try:
        assert read_edits(space, Told) == []
        first, second = edit("name", 0, name="Krebse é <b>", key="one"), edit("undo", key="two")
        for one in (first, first, second):
            add_edit(space, Told, one)
        assert read_edits(space, Told) == [first, second]
        with log_path(space, Told).open("a") as file:
            file.write('{"key": "cut off')
        third = edit("split", 0, key="three")
        add_edit(space, Told, third)
        assert read_edits(space, Told) == [first, second, third]
    finally:
        space.close()
