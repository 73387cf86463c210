from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue.formats.registry import read
from core.catalogue.records import ReadOptions
from core.errors import FormatError, SettingsError


@pytest.fixture
def joined(tmp_path):
    def make(main, second, **options):
        (tmp_path / "t.csv").write_text(main)
        (tmp_path / "meta.csv").write_text(second)
        return read(tmp_path / "t.csv", ReadOptions(**{"metadata": Path("meta.csv"), **options}))

    return make


def unmatched(reading):
    return [(one.where, one.reason) for one in reading.problems if one.kind == "unmatched-metadata"]


def test_a_second_table_fills_what_is_lacking(joined):
    reading = joined(
        "file,survey,depth\na.jpg,01,5\nb.jpg,02,\nc.jpg,03,\nd.jpg,,\n",
        "survey,depth,lat,lon,temp\n01,9m,1,2,31℃\n02,9m,3,4,30℃\n04,1m,5,6,29℃\n",
        on="survey",
    )
    assert [(one.depth_m, one.latitude, one.extra.get("temp")) for one in reading.records] == [
        (5, 1, 31),
        (9, 3, 30),
        (None, None, None),
        (None, None, None),
    ]
    assert unmatched(reading) == [
        ("'03'", "meta.csv has no such survey: 1 image got nothing"),
        ("images without survey", "meta.csv has no such survey: 1 image got nothing"),
        ("meta.csv row 4", "no image has the survey '04'"),
    ]
    assert any("2 of 4 images have a row in it" in note for note in reading.notes)


def test_the_key_may_be_called_differently_or_come_from_the_name(joined):
    main, second = "file\nx/CBK_0001_1.jpg\n", "folder_name,surveyid,site\nx,0001,Bay\n"
    assert joined(main, second, on="folder=folder_name").records[0].site == "Bay"
    pattern = r"_(?P<surveyid>\d+)_"
    assert joined(main, second, on="surveyid", group_pattern=pattern).records[0].site == "Bay"
    assert joined(main, second, group_pattern=pattern).records[0].site == "Bay"


def test_file_names_join_as_they_match_files(joined):
    reading = joined("file\nd1/a.jpg\nd1/b.jpg\n", "image,depth\nA,5\nD1\\B.JPG,6\nzzz,7\n", on="image")
    assert [one.depth_m for one in reading.records] == [5, 6]
    assert unmatched(reading) == [("meta.csv row 4", "no image has the image 'zzz'")]
    assert joined("file\na.jpg\n", "image,depth\na,5\n").records[0].depth_m == 5


def test_zeros_that_a_spreadsheet_ate(joined):
    reading = joined("file,survey\na.jpg,0001\n", "survey,depth\n1,5\n", on="survey")
    assert reading.records[0].depth_m == 5
    assert any("leading zeros" in note for note in reading.notes)


def test_rows_that_share_a_key(joined):
    reading = joined("file,s\na.jpg,1\n", "s,depth\n1,5\n1,5\n1,6\n,7\n", on="s")
    assert reading.records[0].depth_m == 5
    found = [(one.kind, one.where) for one in reading.problems if one.kind != "absent-file"]
    assert found == [
        ("repeated-id", "meta.csv row 3"),
        ("contradiction", "meta.csv row 4"),
        ("unmatched-metadata", "meta.csv row 5"),
    ]


def test_a_position_is_never_put_together_from_two_tables(joined):
    reading = joined("file,s,lat,lon\na.jpg,1,10,20\n", "s,lat,lon\n1,30,40\n", on="s")
    assert (reading.records[0].latitude, reading.records[0].longitude) == (10, 20)


def test_bad_values_name_the_second_table(joined):
    reading = joined("file,s\na.jpg,1\n", "s,depth\n1,deep\n", on="s")
    assert ("bad-value", "meta.csv row 2") in [(one.kind, one.where) for one in reading.problems]


@pytest.mark.parametrize(
    ("on", "word"), [("nothing", "no column 'nothing'"), ("boat=s", "no image has a value called 'boat'")]
)
def test_keys_that_do_not_fit(joined, on, word):
    with pytest.raises(SettingsError, match=word):
        joined("file,s\na.jpg,1\n", "s,depth\n1,5\n", on=on)


def test_tables_that_share_nothing(joined):
    with pytest.raises(SettingsError, match="shares no column"):
        joined("file\na.jpg\n", "x,y\n1,5\n")
    with pytest.raises(FormatError, match="cannot be read"):
        joined("file\na.jpg\n", "file\na.jpg\n", metadata=Path("none.csv"))
