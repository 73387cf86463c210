from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.listing import list_images
from core.catalogue.formats.matching import FileIndex, plain_path
from core.catalogue.formats.report import Report
from core.errors import FormatError

FILES = FileIndex(
    ["d1/a.jpg", "d1/b.JPG", "d2/a.jpg", "top.png", "d1/deep/c.tif", "odd\\name.jpg", "d3/2023.08.04_1.jpg"]
)


@pytest.mark.parametrize(
    ("name", "path", "how"),
    [
        ("d1/a.jpg", "d1/a.jpg", "exact"),
        ("./d1//a.jpg", "d1/a.jpg", "exact"),
        ("d1\\a.jpg", "d1/a.jpg", "exact"),
        ("odd\\name.jpg", "odd\\name.jpg", "exact"),
        ("D1/A.JPG", "d1/a.jpg", "case"),
        ("C:\\cruise\\photos\\d1\\a.jpg", "d1/a.jpg", "folder"),
        ("/mnt/cruise/d2/a.jpg", "d2/a.jpg", "folder"),
        ("https://host/x/d2/a.jpg?size=big", "d2/a.jpg", "folder"),
        ("../photos/top.png", "top.png", "folder"),
        ("b.jpg", "d1/b.JPG", "folder"),
        ("deep/c.tif", "d1/deep/c.tif", "folder"),
        ("d2/a", "d2/a.jpg", "ending"),
        ("top", "top.png", "ending"),
        ("2023.08.04_1", "d3/2023.08.04_1.jpg", "ending"),
        ("top.jpeg", "top.png", "other ending"),
        (" top.png ", "top.png", "exact"),
        ("a.jpg", None, "ambiguous"),
        ("a", None, "ambiguous"),
        ("d9/a.jpg", None, "missing"),
        ("d9/c.tif", None, "missing"),
        ("", None, "missing"),
        ("..", None, "missing"),
        ("/etc/passwd", None, "missing"),
        ("d1", None, "missing"),
    ],
)
def test_what_a_name_means(name, path, how):
    match = FILES.find(name)
    assert (match.path, match.how) == (path, how)


def test_a_table_that_knows_the_folder_above_its_images():
    assert FileIndex(["a.jpg"]).find("dive 7/a.jpg").path == "a.jpg"


def test_case_decides_between_files_that_differ_only_in_it():
    index = FileIndex(["x/Img.jpg", "x/img.jpg"])
    assert index.find("/old/x/Img.jpg").path == "x/Img.jpg"
    assert index.find("x/IMG.jpg").how == "ambiguous"


def test_letters_composed_and_taken_apart_are_the_same():
    assert FileIndex(["Ma\u0308rz.jpg"]).find("März.jpg").path == "Ma\u0308rz.jpg"


def test_ambiguous_names_list_what_they_may_mean():
    assert FILES.find("a.jpg").choices == ("d1/a.jpg", "d2/a.jpg")


@given(st.text())
def test_no_name_leads_out_of_the_folder(name):
    plain = plain_path(name)
    assert not plain.startswith("/")
    assert ".." not in plain.split("/")
    found = FILES.find(name).path
    assert found is None or FILES.find(found).path == found


def test_listing_sorts_files_by_what_they_are(tmp_path):
    for name in [
        "b.jpg",
        "a.PNG",
        "sub/c.tiff",
        "notes.txt",
        "dive one.mp4",
        ".hidden.jpg",
        "__MACOSX/b.jpg",
        "Thumbs.db",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent)
    report = Report()
    listing = list_images(tmp_path, report)
    assert listing.images == ("a.PNG", "b.jpg", "sub/c.tiff")
    assert {one.kind: one.where for one in report.problems} == {
        "linked-folder": "elsewhere",
        "other-file": "notes.txt",
        "video": "dive one.mp4",
    }
    video = next(one.reason for one in report.problems if one.kind == "video")
    assert "ffmpeg -i 'dive one.mp4'" in video
    assert listing.hidden == 3
    assert "3 hidden or system entries" in report.notes[0]


def test_listing_reports_names_that_are_not_unicode(tmp_path):
    try:
        (tmp_path / "fr\udce9.jpg").touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only Unicode names")
    report = Report()
    assert list_images(tmp_path, report).images == ()
    assert report.problems[0].kind == "bad-name"
    report.problems[0].where.encode()


def test_listing_needs_a_folder_and_can_be_limited(tmp_path):
    with pytest.raises(FormatError, match="is not there"):
        list_images(tmp_path / "none", Report())
    (tmp_path / "a.jpg").touch()
    with pytest.raises(FormatError, match="is a file"):
        list_images(tmp_path / "a.jpg", Report())
    assert not list_images(tmp_path, None, limit=0).complete
