"""The current selection: masks, counts that know each other, orders, and the text in a URL."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.conditions import parse_all
from core.catalogue.selections import evaluate
from core.space.areas import Area
from dashboard import indexing, ordering, saved, selecting
from dashboard.indexing import BINS, SPANS
from dashboard.selecting import FACETS, LACKING, Selection


def table() -> pd.DataFrame:
    """Six regions; one lacks a depth, one a score, one a site, one labels."""
    return pd.DataFrame(
        {
            "dataset": ["d"] * 6,
            "latitude": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0],
            "longitude": [1.0, 2.0, 3.0, 4.0, np.nan, 6.0],
            "extra.vessel": ["Tern", "Tern", "Skua", "Skua", None, ""],
            "set": ["reference", "reference", "target", "target", "target", "none"],
            "flagged": pd.array([False, False, True, True, False, None], dtype="boolean"),
            "concepts": [["crab"], ["crab", "ray"], ["ray"], [], [], ["crab"]],
            "labelled": [True, True, True, True, False, True],
            "group": ["dive 2", "dive 2", "dive 10", "dive 10", "dive 1", ""],
            "site": ["ridge", "ridge", "plain", "plain", None, "plain"],
            "camera": ["A"] * 6,
            "cluster": [0, 0, 1, -1, -1, 0],
            "depth_m": [100.0, 200.0, 900.0, np.nan, 1000.0, 300.0],
            "ood_score": [0.1, 0.2, 0.6, 0.5, 0.3, np.nan],
            "x": [0.0, 1.0, 2.0, 3.0, np.nan, 5.0],
            "y": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            "taken_at": pd.to_datetime(["2021-03-01"] * 3 + ["2021-02-01"] * 2 + [None], utc=True),
            "path": ["a/Crab.jpg", "b.jpg", "c.jpg", "d CRAB.jpg", "e.jpg", "f.jpg"],
        }
    )


TREE = {"crustacean": ["crab", "hermit", "shrimp"], "crab": ["hermit"]}
INDEX = indexing.index(table())
GROWN = indexing.index(table(), TREE)


def found(**conditions) -> selecting.Found:
    spans = {name: conditions.pop(name) for name in SPANS if name in conditions}
    texts = {name: conditions.pop(name) for name in ("file", "text") if name in conditions}
    return selecting.find(INDEX, Selection(conditions, spans, **texts))


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"set": ("target",)}, [2, 3, 4]),
        ({"set": ("target", "none")}, [2, 3, 4, 5]),
        ({"flagged": ("yes",)}, [2, 3]),
        ({"flagged": (LACKING,)}, [5]),
        ({"concept": ("ray",)}, [1, 2]),
        ({"concept": ("ray", "crab")}, [0, 1, 2, 5]),
        ({"concept": (LACKING,)}, [4]),
        ({"concept": ("ray", LACKING)}, [1, 2, 4]),
        ({"site": (LACKING, "ridge")}, [0, 1, 4]),
        ({"cluster": ("noise",)}, [3, 4]),
        ({"depth": (200, 900)}, [1, 2, 5]),
        ({"score": (0.3, 2)}, [2, 3, 4]),
        ({"file": "crab"}, [0, 3]),
        ({"file": "crab", "set": ("target",)}, [3]),
        ({"group": ("no such dive",)}, []),
        ({"lacks": ("position",)}, [2, 4]),
        ({"lacks": ("depth", "score")}, [3, 5]),
        ({"lacks": ("nonsense",)}, []),
        ({"text": "RIDGE"}, [0, 1]),
        ({"text": "skua"}, [2, 3]),
        ({"text": "crab"}, [0, 1, 5]),
        ({"text": "ray", "file": "b."}, [1]),
        ({"time": (1612137600.0, 1612137600.0)}, [3, 4]),
    ],
)
def test_conditions_choose_regions(conditions, rows):
    assert np.flatnonzero(found(**conditions).mask).tolist() == rows


def test_counts_of_a_facet_forget_its_own_condition_and_know_the_others():
    result = found(set=("target",), cluster=("noise",))
    assert result.counts["set"] == {"target": 2}
    assert result.counts["cluster"] == {"1": 1, "noise": 2}
    assert result.counts["concept"] == {LACKING: 1}
    assert result.counts["flagged"] == {"no": 1, "yes": 1}
    assert result.counts["group"] == {"dive 1": 1, "dive 10": 1}


def test_what_lacks_a_field_is_counted_among_what_meets_the_rest():
    assert found(depth=(0, 2000)).lacking == {"depth": 1}
    assert found(depth=(0, 2000), set=("reference",)).lacking == {}
    assert found(concept=("crab",)).lacking == {"label": 1}
    assert found(concept=("crab", LACKING)).lacking == {}
    assert found(score=(0, 2)).lacking == {"score": 1}


def test_values_are_offered_in_the_order_of_their_numbers():
    assert INDEX.values["group"] == ("dive 1", "dive 2", "dive 10")
    assert INDEX.values["cluster"] == ("0", "1", "noise")
    assert INDEX.limits("depth") == (100.0, 1000.0)


@given(st.sets(st.sampled_from(["ridge", "plain"]), min_size=1), st.sets(st.sampled_from(["crab", "ray"]), min_size=1))
def test_masks_are_those_of_the_command_line(sites, concepts):
    conditions = [f"site in {','.join(sites)}", f"concept in {','.join(concepts)}", "depth_m between 150..950"]
    expected = evaluate(parse_all(conditions), table())
    result = found(site=tuple(sites), concept=tuple(concepts), depth=(150, 950))
    assert result.mask.tolist() == expected.mask.tolist()


def test_a_concept_stands_for_all_below_it_and_counts_a_region_once():
    assert GROWN.values["concept"] == ("crab", "crustacean", "ray")
    assert GROWN.parents == {"crab": "crustacean", "hermit": "crab", "shrimp": "crustacean"}
    both = table().assign(concepts=[["crab", "shrimp"], ["hermit"], ["ray"], [], [], []])
    grown = indexing.index(both, TREE)
    result = selecting.find(grown, Selection({"concept": ("crustacean",)}))
    assert np.flatnonzero(result.mask).tolist() == [0, 1]
    assert result.counts["concept"] == {"crab": 2, "crustacean": 2, "hermit": 1, "ray": 1, "shrimp": 1, LACKING: 1}


def test_histograms_are_of_what_meets_every_other_condition():
    result = found(depth=(100, 200), site=("plain",))
    assert result.bars["depth"].shape == (BINS,)
    assert result.bars["depth"].sum() == 2  # rows 2 and 5; row 3 has no depth
    assert np.flatnonzero(result.bars["depth"]).tolist() == [8, 35]
    assert result.bars["score"].sum() == 0
    assert found().bars["score"].sum() == 5


def test_saved_selections_narrow_and_take_away():
    masks = {3: np.array([True, True, False, True, False, False])}
    assert np.flatnonzero(selecting.find(INDEX, Selection(saved=(3,)), masks).mask).tolist() == [0, 1, 3]
    assert np.flatnonzero(selecting.find(INDEX, Selection(without=(3, 9)), masks).mask).tolist() == [2, 4, 5]


CONDITIONS = st.builds(
    Selection,
    st.fixed_dictionaries(
        {},
        optional={
            "set": st.sampled_from([("target",), ("reference", "none")]),
            "flagged": st.sampled_from([("yes",), ("no", LACKING), (LACKING,)]),
            "concept": st.sampled_from([("crab",), ("ray", LACKING), ("crustacean",)]),
            "site": st.sampled_from([("ridge",), ("plain", LACKING)]),
            "cluster": st.sampled_from([("noise",), ("0", "1")]),
            "lacks": st.sampled_from([("position",), ("depth", "label")]),
        },
    ),
    st.fixed_dictionaries({}, optional={"depth": st.just((150.0, 950.0)), "time": st.just((1.6e9, 1.6135e9))}),
    st.sampled_from(["", "crab", "B.J"]),
    st.sampled_from(["", "ridge", "tern"]),
    areas=st.lists(st.builds(Area, st.just(((0.5, 0.5), (3.5, 0.5), (2.0, 3.5))), st.booleans()), max_size=2).map(
        tuple
    ),
)


@given(CONDITIONS)
def test_what_is_saved_means_the_same_as_what_is_shown(selection):
    tree = saved.tree(selection, {}, list(table().columns))
    expected = evaluate(tree, table(), TREE).mask
    assert selecting.find(GROWN, selection).mask.tolist() == expected.tolist()


@pytest.mark.parametrize("facet", FACETS)
def test_a_count_is_what_choosing_the_value_gives(facet):
    base = Selection({"set": ("target", "none")}, {"depth": (150.0, 2000.0)})
    base = base.choosing(facet, ())
    for value, number in selecting.find(INDEX, base).counts[facet].items():
        assert selecting.find(INDEX, base.choosing(facet, [value])).mask.sum() == number


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ("strangest", [2, 3, 4, 1, 0, 5]),
        ("familiar", [0, 1, 4, 3, 2, 5]),
        ("shallow", [0, 1, 5, 2, 4, 3]),
        ("deep", [4, 2, 5, 1, 0, 3]),
        ("earliest", [3, 4, 0, 1, 2, 5]),
        ("latest", [0, 1, 2, 3, 4, 5]),
        ("file", [0, 1, 2, 3, 4, 5]),
        ("cluster", [0, 1, 5, 2, 3, 4]),
        ("concepts", [1, 0, 2, 5, 3, 4]),
    ],
)
def test_orders_break_ties_by_row_and_put_what_is_missing_last(sort, rows):
    assert ordering.order(table(), sort).tolist() == rows


SELECTIONS = st.builds(
    Selection,
    st.dictionaries(
        st.sampled_from(list(FACETS)), st.lists(st.text(max_size=8), min_size=1, unique=True).map(tuple), max_size=3
    ),
    st.dictionaries(
        st.sampled_from(list(SPANS)),
        st.tuples(st.integers(0, 900), st.integers(901, 9000)).map(lambda ends: (*map(float, ends),)),
    ),
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(st.integers(1, 99), unique=True, max_size=2).map(tuple),
    st.lists(st.integers(1, 99), unique=True, max_size=2).map(tuple),
    st.sampled_from(["", "12", "u00ff"]),
    st.sampled_from([*ordering.USUAL, "+p_value", "-extra.remark"]),
)


@given(SELECTIONS)
def test_a_link_holds_the_selection(selection):
    assert selecting.from_query(selecting.to_query(selection)) == selection


@pytest.mark.parametrize("text", ["", "x..y", "1", "5..1", "nan..nan", "0..inf", ".."])
def test_a_link_that_holds_no_range_asks_for_none(text):
    assert selecting.from_query({"depth": [text], "time": [text], "saved": ["x", "-1"]}) == Selection()


def test_any_column_can_be_sorted_by():
    known = ordering.orders(table().assign(p_value=[0.3, 0.1, 0.2, 0.5, np.nan, 0.4]))
    assert known["+p_value"].words == "p-value, lowest first"
    assert known["-extra.vessel"].words == "vessel, Z first"
    assert "+region_id" not in known
    assert ordering.order(table(), "+extra.vessel").tolist() == [2, 3, 0, 1, 4, 5]
    assert ordering.order(table(), "no such order").tolist() == ordering.order(table(), "strangest").tolist()


def test_a_table_without_rows_or_numbers_is_lawful():
    empty = indexing.index(table().iloc[:0])
    assert empty.limits("depth") is None
    assert selecting.find(empty, Selection({"concept": ("crab",)})).mask.shape == (0,)
    bare = table().assign(depth_m=np.nan, ood_score=np.nan, flagged=None)
    result = selecting.find(indexing.index(bare), Selection(spans={"depth": (0, 10)}))
    assert result.lacking == {"depth": 6}
    assert result.counts["flagged"] == {}


def test_an_area_of_the_map_is_a_condition_like_any_other():
    square = Area(((0.5, 0.5), (3.5, 0.5), (3.5, 3.5), (0.5, 3.5)))
    selection = Selection({"set": ("target",)}, areas=(square,))
    found = selecting.find(indexing.index(table()), selection)
    assert np.flatnonzero(found.mask).tolist() == [2, 3]
    assert found.counts["set"] == {"reference": 1, "target": 2}
    assert selection.narrows
    again = selecting.from_query(selecting.to_query(selection))
    assert again == selection
    assert selecting.from_query({"area": ["rubbish", square.to_text()]}).areas == (square,)
