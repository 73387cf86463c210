from __future__ import annotations

import pytest

from core.catalogue.formats.registry import FORMATS, guess_format, read
from core.catalogue.records import PROBLEMS, Problem, ReadOptions
from core.errors import FormatError, SettingsError


@pytest.fixture
def tree(tmp_path):
    for name in ["top.jpg", "sponge/a.jpg", "animal/crab/b.png", "animal/eel/c.tif", "notes.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_is_listed(tree):
    reading = read(tree)
    assert [one.path for one in reading.records] == ["animal/crab/b.png", "animal/eel/c.tif", "sponge/a.jpg", "top.jpg"]
    assert not any(one.labelled or one.absent for one in reading.records)
    assert [(one.kind, one.where) for one in reading.problems] == [("other-file", "notes.txt")]
    assert reading.root == tree


def test_folders_as_labels_make_a_tree(tree):
    reading = read(tree, ReadOptions(folder_labels=True, group="folder"))
    assert [[a.concept for a in one.annotations] for one in reading.records] == [["crab"], ["eel"], ["sponge"], []]
    assert [one.labelled for one in reading.records] == [True, True, True, False]
    assert {one.name: one.parent for one in reading.concepts} == {
        "animal": None,
        "crab": "animal",
        "eel": "animal",
        "sponge": None,
    }
    assert ("unlabelled", "top.jpg") in [(one.kind, one.where) for one in reading.problems]
    assert [one.group for one in reading.records] == ["crab", "eel", "sponge", None]


def test_a_folder_without_images(tmp_path):
    with pytest.raises(FormatError, match="holds no images"):
        read(tmp_path)
    (tmp_path / "dive 1.mp4").touch()
    with pytest.raises(FormatError, match=r"ffmpeg -i 'dive 1\.mp4'"):
        read(tmp_path)


def test_sources_that_are_no_source(tmp_path):
    cases = {
        "dive.mp4": (b"x", r"ffmpeg -i dive\.mp4 -vf fps=1"),
        "one.jpg": (b"\xff\xd8\xff", "single image"),
        "empty.csv": (b"", "is empty"),
        "t.xlsx": (b"PK\x03\x04...", "Excel"),
        "b.bin": (b"\x00\x01\x02" * 100, "binary"),
    }
    for name, (data, word) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FormatError, match=word):
            read(tmp_path / name)
    with pytest.raises(FormatError, match="cannot be read"):
        read(tmp_path / "none.csv")
    with pytest.raises(FormatError, match="ffmpeg"):
        read(tmp_path / "dive.mp4", format="table")


def test_the_wrong_kind_of_thing(tmp_path):
    (tmp_path / "t.csv").write_text("file\na.jpg\n")
    for name in ("table", "coco", "fathomnet"):
        with pytest.raises(FormatError, match="folder"):
            read(tmp_path, format=name)
    with pytest.raises(FormatError, match="folder of images"):
        read(tmp_path / "t.csv", format="folder")
    with pytest.raises(SettingsError, match="a format is one of yolo, folder, ifdo"):
        read(tmp_path / "t.csv", format="ifdx")
    with pytest.raises(SettingsError, match="not a time zone"):
        read(tmp_path / "t.csv", ReadOptions(timezone="Nowhere"))
    with pytest.raises(FormatError, match="folder of images"):
        read(tmp_path / "t.csv", ReadOptions(images=tmp_path / "nowhere"))


def test_formats_are_guessed(tree):
    (tree / "c.json").write_text('{"images": []}')
    (tree / "t.tsv").write_text("file\tdepth\na.jpg\t1\n")
    assert guess_format(tree) == "folder"
    assert guess_format(tree / "c.json") == "coco"
    assert guess_format(tree / "t.tsv") == "table"
    assert all(name == format_.name for name, format_ in FORMATS.items())


@pytest.mark.parametrize(
    "options", [{"max_gap": 0.0}, {"max_gap": float("nan")}, {"clock_offset": float("inf")}, {"label_separator": ""}]
)
def test_options_out_of_range(options):
    with pytest.raises(SettingsError):
        ReadOptions(**options)


def test_kinds_of_problems_are_a_closed_set():
    assert all(meaning and not meaning.endswith(".") for meaning in PROBLEMS.values())
    with pytest.raises(ValueError, match="not a kind of problem"):
        Problem("whim", "row 1", "because")
