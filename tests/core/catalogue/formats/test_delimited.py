from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats import delimited
from core.catalogue.formats.decoding import decode, read_bytes
from core.catalogue.formats.delimited import parse_sheet
from core.catalogue.formats.loading import load_sheet
from core.catalogue.formats.report import Report
from core.errors import FormatError


def parse(text):
    report = Report()
    return parse_sheet(text, "t.csv", report), report


def test_each_separator_is_found():
    for mark in ",;\t|":
        sheet, _ = parse(f"filename{mark}depth\na.jpg{mark}12\n")
        assert (sheet.header, list(sheet.rows)) == (("filename", "depth"), [["a.jpg", "12"]])


def test_decimal_commas_do_not_beat_the_semicolon():
    sheet, _ = parse("file;lat;lon\na.jpg;36,8;-121,9\nb.jpg;36,9;-121,8\n")
    assert sheet.rows[1] == ["b.jpg", "36,9", "-121,8"]


def test_semicolons_inside_cells_do_not_beat_the_comma():
    sheet, _ = parse("filename,labels\na.jpg,crab;rov;eel\n")
    assert sheet.rows == [["a.jpg", "crab;rov;eel"]]


def test_one_column_keeps_names_with_commas():
    sheet, _ = parse("filename\na, b.jpg\n")
    assert sheet.rows == [["a, b.jpg"]]


def test_separator_declared_by_excel():
    sheet, _ = parse("sep=;\r\nfile;depth\r\na.jpg;1,5\r\n")
    assert sheet.rows == [["a.jpg", "1,5"]]
    assert sheet.numbers == [2]  # Excel does not show the declaration


def test_space_after_the_separator_before_a_quotation_mark():
    sheet, _ = parse('id, categories\nx, "[1.0, 9.0]"\n')
    assert sheet.rows == [["x", "[1.0, 9.0]"]]


def test_rows_are_numbered_as_a_spreadsheet_shows_them():
    sheet, _ = parse('file,note\na,"two\nlines"\n\nb,x\n')
    assert sheet.rows == [["a", "two\nlines"], ["b", "x"]]
    assert sheet.numbers == [2, 4]


def test_short_rows_are_filled_and_said():
    sheet, report = parse("file,a,b\nx,1\n")
    assert sheet.rows == [["x", "1", ""]]
    assert "1 row of t.csv end early" in report.notes[0]


def test_long_rows_are_reported_and_trailing_separators_forgiven():
    sheet, report = parse("file,a\nx,1,,\ny,1,2\nz,3\n")
    assert sheet.rows == [["x", "1"], ["z", "3"]]
    assert [(one.kind, one.where) for one in report.problems] == [("bad-row", "row 3")]


@pytest.mark.parametrize(
    "text",
    ['file,a\nx,"1\ny,2\nz,3\n', 'file,a\nx,"1\ny,2\nz,"3\n', 'file,a\nx,"1\ny,2\nz,3'],
    ids=["to the end", "pairs with a later one", "no last newline"],
)
def test_an_unclosed_quotation_mark_costs_its_own_row_only(text):
    sheet, report = parse(text)
    assert ["y", "2"] in sheet.rows
    assert report.problems[0].kind == "bad-row"
    assert report.problems[0].where == "row 2"
    assert len(sheet.rows) + len(report.problems) == 3


def test_columns_without_or_with_the_same_name_are_told_apart():
    sheet, report = parse("file,,a,a\nx,1,2,3\n")
    assert sheet.header == ("file", "column 2", "a", "a (2)")
    assert len(report.notes) == 1


def test_neutralised_cells_are_restored():
    sheet, _ = parse("file,label\n'=x.jpg,'@home\n")
    assert sheet.rows == [["=x.jpg", "@home"]]


def test_a_wide_header_over_many_short_rows_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(delimited, "_MOST_PADDING", 1_000)
    with pytest.raises(FormatError, match="end before the last column"):
        parse("file" + "," * 200 + "\n" + "x\n" * 20)


@pytest.mark.parametrize("text", ["\n\n", "   \n", ","])
def test_no_header(text):
    with pytest.raises(FormatError, match="header"):
        parse(text)


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), min_size=3, max_size=3)))
def test_what_the_csv_module_writes_is_read_back(rows):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["filename", "note", "other"])
    writer.writerows(rows)
    sheet, report = parse(out.getvalue())
    expected = [row for row in rows if any(cell and not cell.isspace() for cell in row)]
    assert not report.problems
    assert [[cell.lstrip("'") for cell in row] for row in sheet.rows] == [[c.lstrip("'") for c in r] for r in expected]


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16-le", None),
        ("utf-16-be", None),
        ("cp1252", "Windows-1252"),
    ],
)
def test_encodings(tmp_path, encoding, note):
    path = tmp_path / "t.csv"
    path.write_bytes("filename,site\nä.jpg,Malmö fjord station\n".encode(encoding))
    report = Report()
    assert load_sheet(path, report).rows == [["ä.jpg", "Malmö fjord station"]]
    assert [note in one for one in report.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"PK\x03\x04zzz", "Excel"),
        (b"\x89PNG\r\n", "image"),
        (b"a,b\n1,\x00\n", "binary"),
        (bytes(range(1, 32)) * 9 + b"\xff", "binary"),
        (b"PAR1 not really PAR1", "Parquet"),
    ],
)
def test_files_that_are_no_table(tmp_path, data, word):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=word) as caught:
        load_sheet(path, Report())
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(FormatError, match="folder"):
        read_bytes(tmp_path)
    with pytest.raises(FormatError, match="No such file"):
        read_bytes(tmp_path / "none.csv")
    (tmp_path / "t.parquet").write_text("a,b\n")
    with pytest.raises(FormatError, match="not a Parquet"):
        load_sheet(tmp_path / "t.parquet", Report())


def test_undefined_bytes_of_windows_fall_back_to_latin_1():
    report = Report()
    assert decode(b"a\x81b caf\xe9 and some more text", "t", report).startswith("a\x81b café")
    assert "Latin-1" in report.notes[0]


def test_parquet_becomes_text(tmp_path):
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    moment = datetime.datetime(2023, 8, 4, 12, 30, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "filename": ["a.jpg", "b.jpg", None],
            "labels": pa.array([["sea star", "crab"], [], None]),
            "depth": [1.5, None, None],
            "taken_at": pa.array([moment, None, None], pa.timestamp("ns", "UTC")),
            "n": pa.array([7, None, None], pa.int64()),
            "raw": [b"\x00", b"", None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    report = Report()
    sheet = load_sheet(tmp_path / "t.parquet", report)
    assert sheet.header == ("filename", "labels", "depth", "taken_at", "n")
    assert sheet.rows[0] == ["a.jpg", '["sea star", "crab"]', "1.5", "2023-08-04T12:30:00+00:00", "7"]
    assert sheet.rows[1] == ["b.jpg", "[]", "", "", ""]
    assert sheet.numbers == [1, 2]
    assert any("raw" in note for note in report.notes)
