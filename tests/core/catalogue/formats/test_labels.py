from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.concepts import forest, load_key, plain_code
from core.catalogue.formats.labels import read_labels
from core.catalogue.formats.report import Report
from core.catalogue.records import ConceptRecord
from core.errors import FormatError


def labels(*cells, **options):
    told = []
    column = read_labels(cells, lambda at, reason: told.append((at, reason)), **options)
    return column.labels, column.separator, told


@pytest.mark.parametrize(
    ("cells", "expected", "separator"),
    [
        (["trash_clothing;rov", "sea star"], [("trash_clothing", "rov"), ("sea star",)], ";"),
        (["crab, eel", "sea star"], [("crab", "eel"), ("sea star",)], ","),
        (["crab|sea star", ""], [("crab", "sea star"), None], "|"),
        (["Worm, polychaete; crab"], [("Worm, polychaete", "crab")], ";"),
        (["[1.0, 9.0]", "[1.0]", "[]"], [("1", "9"), ("1",), ()], "JSON list"),
        (['["sea star", "crab"]'], [("sea star", "crab")], "JSON list"),
        (["['sea star', 'crab']", "[]"], [("sea star", "crab"), ()], "JSON list"),
        (["1 146 10", "17"], [("1", "146", "10"), ("17",)], " "),
        (["crab eel", "crab", "eel"], [("crab", "eel"), ("crab",), ("eel",)], " "),
        (["animal_crab trash_net"], [("animal_crab", "trash_net")], " "),
        (["sea star", "sea pen", "crab"], [("sea star",), ("sea pen",), ("crab",)], None),
        (["Asterias rubens", "Asterias"], [("Asterias rubens",), ("Asterias",)], None),
        (["Holothuria scabra Jaeger, 1833"], [("Holothuria scabra Jaeger, 1833",)], None),
        (["crab;crab; ;eel"], [("crab", "eel")], ";"),
        (["NA", "none", " "], [None, None, None], None),
        (["0", "1"], [("0",), ("1",)], None),
    ],
)
def test_one_separator_for_a_whole_column(cells, expected, separator):
    assert labels(*cells)[:2] == (expected, separator)


def test_a_person_may_name_the_separator():
    assert labels("a/b", "c,d", separator="/")[0] == [("a", "b"), ("c,d",)]


def test_known_labels_are_never_split():
    found, separator, _ = labels("Worm, polychaete", "crab", known={"Worm, polychaete", "crab"})
    assert found == [("Worm, polychaete",), ("crab",)]
    assert separator is None
    assert labels("crab eel", known={"crab", "eel"})[0] == [("crab", "eel")]


def test_items_of_a_list_that_are_no_labels_are_told():
    found, _, told = labels('["crab", ["x"], true, null, NaN]')
    assert found == [("crab",)]
    assert [reason for _, reason in told] == ["'[…]' is not a label", "'True' is not a label", "'nan' is not a label"]


@pytest.mark.parametrize("cell", ["[" * 5000 + "]" * 5000, "[" + "9" * 6000 + "]", "['a', [", "[]]", "['a''b']"])
def test_hostile_lists_do_not_crash(cell):
    labels(cell, "[1]", "[2]")


@given(st.lists(st.text(max_size=20)))
def test_every_cell_gets_an_answer(cells):
    assert len(labels(*cells)[0]) == len(cells)


def write_key(tmp_path, text):
    path = tmp_path / "key.csv"
    path.write_text(text)
    return path


def test_the_coral_key_and_the_fathomnet_key(tmp_path):
    coral = load_key(write_key(tmp_path, "label,label_name\n0,Background\n1,Healthy coral\n"), Report())
    assert coral.name_of("1") == "Healthy coral"
    assert coral.name_of("1.0") == "Healthy coral"
    assert coral.name_of("Background") == "Background"
    assert coral.name_of("7") is None
    key = load_key(write_key(tmp_path, "id,name,supercat\n1,Actiniaria,Anemone\n"), Report())
    assert key.concepts == (ConceptRecord("Actiniaria", parent="Anemone", code="1"),)


def test_a_key_with_faults_is_read_as_far_as_it_goes(tmp_path):
    report = Report()
    lsid = "urn:lsid:marinespecies.org:taxname:99"
    text = f"code,name,AphiaID,rank\n1,a,12345,Species\n1,b,,\n1,a,,\n2,,,\n3,c,{lsid},\n4,d,x,\n"
    key = load_key(write_key(tmp_path, text), report)
    assert [one.kind for one in report.problems] == ["contradiction", "repeated-id", "bad-row", "bad-value"]
    assert [(one.name, one.aphia_id, one.rank) for one in key.concepts] == [
        ("a", 12345, "Species"),
        ("c", 99, None),
        ("d", None, None),
    ]


def test_a_key_of_one_column_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no names"):
        load_key(write_key(tmp_path, "name\na\n"), Report())


@pytest.mark.parametrize(
    ("code", "plain"), [("01", "1"), ("1.0", "1"), ("0", "0"), ("1.5", "1.5"), ("a1", "a1"), ("", "")]
)
def test_plain_codes(code, plain):
    assert plain_code(code) == plain


def test_parents_come_first_and_are_added():
    found = forest([ConceptRecord("crab", "animal"), ConceptRecord("rov", "rov")], Report())
    assert found == (ConceptRecord("animal"), ConceptRecord("crab", "animal"), ConceptRecord("rov"))


def test_loops_are_cut():
    report = Report()
    found = forest([ConceptRecord("a", "b"), ConceptRecord("b", "c"), ConceptRecord("c", "b")], report)
    assert {one.name: one.parent for one in found} == {"a": "b", "b": None, "c": "b"}
    assert len(report.notes) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["a", "b", "c", "d", "e", "f", None]))))
def test_any_pairs_make_a_forest(pairs):
    found = forest([ConceptRecord(name, parent) for name, parent in pairs], Report())
    placed = set()
    for one in found:
        assert one.parent is None or one.parent in placed
        assert one.name not in placed
        placed.add(one.name)
    assert {name for name, _ in pairs} <= placed
