from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.catalogue.formats.registry import read
from core.catalogue.records import ReadOptions
from core.errors import FormatError, SettingsError


@pytest.fixture
def table(tmp_path):
    """Write a table, optionally with empty image files beside it in ``images``; read it."""

    def make(text, files=(), encoding="utf-8", **options):
        path = tmp_path / "t.csv"
        path.write_bytes(text.encode(encoding))
        for name in files:
            file = tmp_path / "images" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        if files:
            options.setdefault("images", tmp_path / "images")
        return read(path, ReadOptions(**options), format="table")

    return make


def kinds(reading):
    return [(one.kind, one.where) for one in reading.problems]


def labels(record):
    return [one.concept for one in record.annotations]


def test_every_known_column_by_another_name(table):
    reading = table(
        "File Name,SUB_datetime,SUB_latitude,SUB_longitude,SUB_altitude,SUB_distance,Camera,Station,concepts,Oxygen\n"
        "a.jpg,2023-08-04T12:30:00+07:00,36.8,-121.9,-812.5,2.5,HD 1,M1,crab;sea star,0.3\n"
    )
    (record,) = reading.records
    assert record.taken_at == datetime(2023, 8, 4, 5, 30, tzinfo=UTC)
    assert record.taken_zone == "+07:00"
    assert (record.latitude, record.longitude) == (36.8, -121.9)
    assert (record.depth_m, record.altitude_m) == (812.5, 2.5)
    assert (record.camera, record.site) == ("HD 1", "M1")
    assert labels(record) == ["crab", "sea star"]
    assert record.extra == {"Oxygen": 0.3}
    assert record.where == "row 2"
    assert reading.columns["SUB_altitude"] == "height over the surface: depth is its negative"
    assert reading.columns["concepts"] == "labels, separated by ;"


def test_the_coral_survey_table(table):
    reading = table(
        "\ufefffilename,lat_start,lng_start,depth,temp\n"
        'a.jpg,"10°03\'51""N","99°49\'36""E",0.3m,31.3℃\n'
        "b.jpg,10°05'00''N,99°51'03''E,15m,31.0℃\n"
    )
    first, second = reading.records
    assert first.latitude == pytest.approx(10.0641667, abs=1e-6)
    assert second.longitude == pytest.approx(99.8508333, abs=1e-6)
    assert (first.depth_m, second.depth_m) == (0.3, 15.0)
    assert (first.extra, second.extra) == ({"temp": 31.3}, {"temp": 31.0})
    assert any("where a survey starts" in note for note in reading.notes)
    assert not [one for one in reading.problems if one.kind == "bad-value"]


@pytest.mark.parametrize(
    ("column", "cells", "depths", "heights", "note"),
    [
        ("depth", ["812", "0"], [812, 0], [None, None], ""),
        ("depth_m", ["-812", "-3"], [812, 3], [None, None], "turned round"),
        ("depth (ft)", ["100", "200"], [30.48, 60.96], [None, None], ""),
        ("gps_altitude", ["-812", "-3"], [812, 3], [None, None], "negative below the surface"),
        ("altitude", ["2.5", "3"], [None, None], [2.5, 3], "height over the ground"),
        ("altitude", ["-812", "-3"], [812, 3], [None, None], "as depth"),
        ("distance_to_ground", ["2", "3"], [None, None], [2, 3], ""),
        ("depth", ["812", "-9999"], [812, None], [None, None], "no value"),
    ],
)
def test_the_many_meanings_of_up_and_down(table, column, cells, depths, heights, note):
    reading = table(f"file,{column}\na.jpg,{cells[0]}\nb.jpg,{cells[1]}\n")
    assert [record.depth_m for record in reading.records] == depths
    assert [record.altitude_m for record in reading.records] == heights
    assert any(note in one for one in reading.notes)
    assert set(reading.problem_counts) == {"absent-file"}


def test_a_depth_and_a_bare_altitude_together(table):
    (record,) = table("file,depth,altitude\na.jpg,812,2.5\n").records
    assert (record.depth_m, record.altitude_m) == (812, 2.5)


def test_impossible_values_are_left_out_and_told(table):
    reading = table(
        "file,depth,lat,lon,altitude,taken_at\na.jpg,812,95,10,-4,never\nb.jpg,-50,10,,1,2023-01-01\nc.jpg,20000,1,1,1,\n"
    )
    first, second, third = reading.records
    assert (first.depth_m, first.latitude, first.longitude, first.altitude_m, first.taken_at) == (812, *[None] * 4)
    assert (second.depth_m, second.latitude) == (None, None)
    assert (third.depth_m, third.latitude) == (None, 1)
    told = [(one.where, one.reason.split(":")[0]) for one in reading.problems if one.kind == "bad-value"]
    assert sorted(told) == [
        ("row 2", "a latitude without a longitude, or the reverse, is no position"),
        ("row 2", "altitude"),
        ("row 2", "lat"),
        ("row 2", "taken_at"),
        ("row 3", "a latitude without a longitude, or the reverse, is no position"),
        ("row 3", "depth"),
        ("row 4", "depth"),
    ]


def test_decimal_commas(table):
    reading = table("file;lat;lon;depth;temp\na.jpg;36,80214;-121,9;812,5;4,1\nb.jpg;36,9;-121,8;1.012,5;4,2\n")
    assert [(one.latitude, one.longitude, one.depth_m) for one in reading.records] == [
        (36.80214, -121.9, 812.5),
        (36.9, -121.8, 1012.5),
    ]


def test_times_without_a_zone(table):
    text = "file,date,time\na.jpg,2023-08-04,19:30:00\n"
    assumed = table(text)
    assert assumed.records[0].taken_at == datetime(2023, 8, 4, 19, 30, tzinfo=UTC)
    assert assumed.records[0].taken_zone is None
    assert any("UTC was assumed" in note for note in assumed.notes)
    named = table(text, timezone="Asia/Bangkok")
    assert named.records[0].taken_at == datetime(2023, 8, 4, 12, 30, tzinfo=UTC)
    assert named.records[0].taken_zone == "Asia/Bangkok"
    in_name = table("file,time (UTC)\na.jpg,2023-08-04 12:30\n", timezone="Asia/Bangkok")
    assert in_name.records[0].taken_at == datetime(2023, 8, 4, 12, 30, tzinfo=UTC)


def test_a_time_of_day_alone_is_kept_as_it_is(table):
    reading = table("file,time\na.jpg,19:30:00\n")
    assert reading.records[0].extra == {"time": "19:30:00"}
    assert not [one for one in reading.problems if one.kind == "bad-value"]


def test_leading_zeros_stay(table):
    reading = table("filename,video,frame,camera\na.jpg,000002,14,16:9\nb.jpg,000003,16,4:3\n")
    first = reading.records[0]
    assert first.group == "000002"
    assert first.extra == {"video": "000002", "frame": 14}
    assert first.camera == "16:9"


def test_one_row_a_label_is_joined(table):
    reading = table(
        "image,concept,depth,observer,dive\n"
        "a.jpg,crab,10,anna,D1\na.jpg,sea star,10,ben,D1\nb.jpg,crab,11,anna,D1\na.jpg,crab,10,anna,D1\n"
    )
    first, second = reading.records
    assert labels(first) == ["crab", "sea star"]
    assert [one.extra for one in first.annotations] == [{"observer": "anna"}, {"observer": "ben"}]
    assert first.extra == {"dive": "D1"}
    assert second.annotations[0].extra == {"observer": "anna"}
    assert reading.problem_counts["repeated-id"] == 1
    assert [one.where for one in reading.problems if one.kind == "repeated-id"] == ["row 5"]
    assert reading.counts["rows"] == 4


def test_joined_rows_that_contradict_each_other(table):
    reading = table("image,concept,depth,dive\na.jpg,crab,10,D1\na.jpg,eel,12,D2\n")
    assert labels(reading.records[0]) == ["crab", "eel"]
    assert (reading.records[0].depth_m, reading.records[0].group) == (10, "D1")
    (problem,) = [one for one in reading.problems if one.kind == "contradiction"]
    assert problem.where == "row 3"
    assert "depth_m is '12.0', before it was '10.0'" in problem.reason
    assert "dive is 'D2'" in problem.reason


def test_repeated_rows_of_lists_keep_the_first(table):
    reading = table('id,label\nx,"1,2"\nx,"2,1"\ny,0\ny,1\n')
    assert [labels(record) for record in reading.records] == [["1", "2"], ["0"]]
    repeated = [one for one in kinds(reading) if one[0] in ("repeated-id", "contradiction")]
    assert repeated == [("repeated-id", "row 3"), ("repeated-id", "row 5"), ("contradiction", "row 5")]


def test_rows_without_labels_and_with_none(table):
    reading = table('file,labels\na.jpg,"[""crab""]"\nb.jpg,[]\nc.jpg,\n')
    assert [record.labelled for record in reading.records] == [True, True, False]
    assert ("unlabelled", "row 4") in kinds(reading)
    assert (reading.counts["labelled"], reading.counts["unlabelled"]) == (2, 1)


def test_some_files_are_there_and_some_not(table):
    reading = table("patch,label\na,1\nb,1\nc,2\n", files=["a.jpg", "sub/c.png", "extra.jpg"])
    assert [(record.path, record.labelled, record.absent) for record in reading.records] == [
        ("a.jpg", True, False),
        ("sub/c.png", True, False),
        ("extra.jpg", False, False),
    ]
    assert kinds(reading) == [("missing-file", "row 3"), ("unlabelled", "extra.jpg")]


def test_no_file_is_there(table, tmp_path):
    reading = table("file,label\nx.jpg,crab\n", files=["other.jpg"])
    assert [(record.path, record.absent) for record in reading.records] == [("x.jpg", True)]
    assert kinds(reading) == [("absent-file", "row 2"), ("unlabelled", "other.jpg")]
    assert any("every row was kept without its file" in note for note in reading.notes)
    (tmp_path / "empty").mkdir()
    assert table("file\nx.jpg\n", images=tmp_path / "empty").records[0].absent


def test_without_a_folder_files_are_found_beside_the_table(table, tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "a.jpg").touch()
    reading = table("file,label\na.jpg,crab\nb.jpg,eel\n")
    assert [(one.path, one.absent) for one in reading.records] == [("frames/a.jpg", False), ("b.jpg", True)]
    assert kinds(reading) == [("absent-file", "row 3")]
    assert reading.root == tmp_path


def test_two_spellings_of_one_file_are_one_image(table):
    reading = table('file,labels\nA.JPG,"a;b"\n/old/disk/a.jpg,"b;a"\n', files=["a.jpg"])
    assert len(reading.records) == 1
    assert reading.problem_counts == {"repeated-id": 1}


def test_ambiguous_names_are_reported(table):
    reading = table("file\na.jpg\nb.jpg\n", files=["d1/a.jpg", "d2/a.jpg", "b.jpg"])
    assert kinds(reading)[0] == ("ambiguous-file", "row 2")
    assert reading.records[0].path == "b.jpg"


def test_the_column_under_which_files_are_found_is_the_file(table):
    reading = table("id,image,path\n7,a,frames/a.jpg\n8,b,frames/b.jpg\n", files=["frames/a.jpg", "frames/b.jpg"])
    assert reading.columns["image"] == "file"
    assert [record.path for record in reading.records] == ["frames/a.jpg", "frames/b.jpg"]
    reading = table("tile,what\nframes/a,crab\n", files=["frames/a.jpg"])
    assert reading.columns["tile"] == "file"


def test_rows_without_a_file_name(table):
    reading = table("file,depth\n,10\na.jpg,11\n")
    assert ("no-file-name", "row 2") in kinds(reading)
    assert len(reading.records) == 1


def test_no_column_names_the_images(table):
    with pytest.raises(FormatError, match="no column that names the images"):
        table("depth,temp\n1,2\n")


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.jpg",
        'say "hi".jpg',
        "two\nlines.jpg",
        "深海_ヒトデ.jpg",
        "=cmd|'x'!A1.jpg",
        "a, b;c.jpg",
    ],
)
def test_names_are_just_text(table, name):
    quoted = name.replace('"', '""')
    reading = table(f'file,labels\n"{quoted}",crab\n', files=[name])
    assert [(record.path, labels(record)) for record in reading.records] == [(name, ["crab"])]
    assert not reading.problems


def test_codes_become_names(table, tmp_path):
    (tmp_path / "key.csv").write_text("label,label_name\n0,Background\n1,Healthy coral\n")
    reading = table('file,label\na.jpg,"1,0"\nb.jpg,9\n', labels_key=Path("key.csv"))
    assert labels(reading.records[0]) == ["Healthy coral", "Background"]
    assert labels(reading.records[1]) == ["9"]
    assert ("unknown-label", "row 3") in kinds(reading)
    assert [one.name for one in reading.concepts] == ["Background", "Healthy coral", "9"]
    assert reading.counts["categories"] == 2


def test_encodings_and_separators(table):
    text = "filename;site;labels\nä.jpg;Malmö;crab|eel\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        (record,) = table(text, encoding=encoding).records
        assert (record.path, record.site, labels(record)) == ("ä.jpg", "Malmö", ["crab", "eel"])


def test_parquet_is_a_table_too(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": ["a.jpg", "b.jpg"], "labels": [["sea star", "crab"], []], "depth": [812.5, None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    reading = read(tmp_path / "t.parquet")
    assert [(labels(one), one.labelled, one.depth_m) for one in reading.records] == [
        (["sea star", "crab"], True, 812.5),
        ([], True, None),
    ]
    assert reading.records[0].where == "row 1"


def test_a_header_alone_is_an_empty_table(table):
    reading = table("file,labels\n", files=["a.jpg"])
    assert [(record.path, record.labelled) for record in reading.records] == [("a.jpg", False)]
    assert reading.counts["rows"] == 0


def test_groups_from_names_columns_and_folders(table):
    text = "file,dive,leg\nd1/CBK_0001_2.jpg,D1,\nd2/other.jpg,,L2\n"
    assert [one.group for one in table(text).records] == ["D1", None]
    assert [one.group for one in table(text, group="LEG").records] == [None, "L2"]
    assert [one.group for one in table(text, group="folder").records] == ["d1", "d2"]
    reading = table(text, group_pattern=r"^(?P<site>[A-Z]+)_(?P<group>\d+)")
    assert [one.group for one in reading.records] == ["0001", None]
    assert reading.records[0].extra["site"] == "CBK"
    assert any("do not fit the pattern" in note for note in reading.notes)
    assert [one.group for one in table(text, group_pattern=r"^([^/]+)/").records] == ["d1", "d2"]
    with pytest.raises(SettingsError, match="no column 'boat'"):
        table(text, group="boat")


def test_times_from_names(table):
    text = "file,taken_at\nROV_20230804_123000.jpg,\nx.jpg,\ny_20230804_123000.jpg,2020-01-01T00:00:00Z\n"
    reading = table(text, time_pattern="%Y%m%d_%H%M%S", timezone="+07:00")
    assert [one.taken_at and one.taken_at.isoformat() for one in reading.records] == [
        "2023-08-04T05:30:00+00:00",
        None,
        "2020-01-01T00:00:00+00:00",
    ]
    assert ("no-time", "x.jpg") in kinds(reading)
