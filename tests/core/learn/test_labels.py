"""The label tree: closure, enforcement, rare concepts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import ModelError, SettingsError
from core.learn.labels import LabelTree, RareRule, build_tree

TREE = LabelTree(("crab", "crustacean", "king crab", "star"), (1, -1, 0, -1), stated=(True, False, True, True))


def test_what_holds_for_a_concept_holds_for_its_parents():
    stated = TREE.statements([{"king crab"}, {"star"}, set()])
    assert TREE.closed(stated).tolist() == [[True, True, True, False], [False, False, False, True], [False] * 4]


@given(arrays(np.float64, (3, 4), elements=st.floats(0, 1)))
def test_no_parent_is_below_its_child_and_leaves_stay(values):
    raised = TREE.enforce(values)
    for child, parent in enumerate(TREE.parents):
        assert parent < 0 or (raised[:, parent] >= raised[:, child]).all()
    assert (raised >= values).all()
    assert (raised[:, 2:] == values[:, 2:]).all()


def test_levels():
    assert TREE.level("fine").tolist() == [True, False, True, True]
    assert TREE.level("parent").tolist() == [True, True, False, False]
    with pytest.raises(SettingsError, match="fine, parent or all"):
        TREE.level("genus")


def test_the_tree_survives_json():
    assert LabelTree.from_json(TREE.to_json()) == TREE
    with pytest.raises(ModelError, match="cannot be understood"):
        LabelTree.from_json([{"name": "a", "parent": "nobody", "code": "", "stated": True}])
    with pytest.raises(ModelError, match="circle"):
        LabelTree(("a", "b"), (1, 0))


def test_an_unknown_concept_is_named_with_near_ones():
    assert TREE.index("CRAB") == 0
    with pytest.raises(SettingsError, match="near names are: star"):
        TREE.index("stat")
    assert TREE.unknown_names([{"crab", "whale"}, {"whale"}]) == {"whale": 2}


PARENTS = {"crab": "crustacean", "shrimp": "crustacean", "worm": None, "star": None}
LABELS = [["crab"], ["crab"], ["crab"], ["shrimp"], ["worm"], ["star"], ["star"], ["star"]]
GROUPS = np.array([0, 1, 2, 0, 0, 0, 1, 2])


@pytest.mark.parametrize(
    ("how", "names", "outcomes"),
    [
        ("merge", ("crab", "star", "crustacean"), {"shrimp": "merged into crustacean", "worm": "left out"}),
        ("leave-out", ("crab", "star", "crustacean"), {"shrimp": "left out", "worm": "left out"}),
        ("keep", ("crab", "shrimp", "star", "worm", "crustacean"), {"shrimp": "kept", "worm": "kept"}),
    ],
)
def test_rare_concepts_meet_their_stated_fate(how, names, outcomes):
    tree, fates = build_tree(LABELS, GROUPS, PARENTS, RareRule(how, images=2, groups=2))
    assert tree.names == names
    assert {fate.name: fate.outcome for fate in fates} == outcomes
    assert tree.parents[0] == names.index("crustacean")


def test_a_concept_of_one_dive_is_rare_however_many_frames_show_it():
    _, fates = build_tree([["crab"]] * 50, np.zeros(50, int), {}, RareRule("leave-out", 5, 3))
    assert [(fate.images, fate.groups, fate.outcome) for fate in fates] == [(50, 1, "left out")]
