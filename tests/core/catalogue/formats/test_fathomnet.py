from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue.formats.registry import guess_format, read
from core.catalogue.records import ReadOptions
from core.errors import FormatError


@pytest.fixture
def source(tmp_path):
    (tmp_path / "category_key.csv").write_text("id,name,supercat\n1,Actiniaria,Anemone\n9,Eel,Eel\n11,Crab,\n")

    def make(text):
        (tmp_path / "t.csv").write_text(text)
        return tmp_path / "t.csv"

    return make


KEY = ReadOptions(category_key=Path("category_key.csv"))


def test_competition_file(source):
    path = source('id,categories\nu-1,"[1.0, 9.0]"\nu-2,[11.0]\n')
    assert guess_format(path) == "fathomnet"
    reading = read(path, KEY)
    assert [(one.path, one.absent, [a.concept for a in one.annotations]) for one in reading.records] == [
        ("u-1", True, ["Actiniaria", "Eel"]),
        ("u-2", True, ["Crab"]),
    ]
    assert [(one.name, one.parent) for one in reading.concepts] == [
        ("Anemone", None),
        ("Actiniaria", "Anemone"),
        ("Eel", None),
        ("Crab", None),
    ]


def test_without_a_key_the_numbers_stay(source):
    reading = read(source('id,categories\nu-1,"[1.0, 9.0]"\n'))
    assert [one.concept for one in reading.records[0].annotations] == ["1", "9"]
    assert any("--category-key" in note for note in reading.notes)


def test_submission_file(source):
    path = source("id,categories,osd\nu-1,9 1 11,0.25\nu-2,1,0.9\n")
    assert guess_format(path) == "fathomnet"
    first = read(path, KEY).records[0]
    assert [(one.concept, one.extra["rank"]) for one in first.annotations] == [
        ("Eel", 1),
        ("Actiniaria", 2),
        ("Crab", 3),
    ]
    assert first.extra == {"osd": 0.25}


def test_box_file(source):
    path = source(
        "concept,image,x,y,width,height,observer,depthMeters\nSebastes, juvenile;x,u-1,10,20,30,40,anna,812\n".replace(
            "Sebastes, juvenile;x", '"Sebastes, juvenile"'
        )
        + "crab,u-1,1,2,3,4,ben,812\ncrab,u-2,1,2,-3,4,ben,900\ncrab,u-3,a,2,3,4,ben,901\n"
    )
    assert guess_format(path) == "fathomnet"
    reading = read(path)
    first, second, third = reading.records
    assert [(one.concept, one.geometry, one.extra) for one in first.annotations] == [
        ("Sebastes, juvenile", {"type": "box", "x": 10, "y": 20, "w": 30, "h": 40}, {"observer": "anna"}),
        ("crab", {"type": "box", "x": 1, "y": 2, "w": 3, "h": 4}, {"observer": "ben"}),
    ]
    assert first.depth_m == 812
    assert [one.annotations[0].geometry for one in (second, third)] == [None, None]
    assert [one.where for one in reading.problems if one.kind == "bad-value"] == ["row 4", "row 5"]


def test_names_as_categories_make_it_a_table(source):
    assert guess_format(source("id,categories\na.jpg,crab\n")) == "table"


def test_another_table_called_fathomnet_is_refused(source):
    with pytest.raises(FormatError, match="not a FathomNet CSV"):
        read(source("file,depth\na.jpg,1\n"), format="fathomnet")
