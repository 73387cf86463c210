"""The same for the formats of science: damaged, truncated and hostile files of each kind."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.registry import read
from core.catalogue.records import Reading
from core.errors import FormatError
from tests.core.catalogue.formats.test_fuzz import CELLS, FILES, HARD, JSON, SCALARS, answer, check

NAMES = st.sampled_from([*FILES, "", "z.jpg", "../a.jpg"])
NUMBERS = st.integers(-5, 400) | st.floats(allow_nan=True, allow_infinity=True) | SCALARS
POINTS = st.lists(NUMBERS, max_size=9) | st.lists(st.lists(NUMBERS, max_size=9), max_size=3) | JSON
SHAPES = (
    st.sampled_from(["rectangle", "polygon", "circle", "whole-image", "single-pixel", "polyline", "ellipse"]) | SCALARS
)
LABEL = st.fixed_dictionaries(
    {"id": st.sampled_from(["l1", "l2"]) | SCALARS, "confidence": NUMBERS, "annotator": SCALARS}
)
NOTE = JSON | st.fixed_dictionaries(
    {"shape": SHAPES, "coordinates": POINTS, "labels": JSON | st.lists(LABEL | JSON, max_size=3)}
)
ITEM = JSON | st.fixed_dictionaries(
    {
        "image-datetime": st.sampled_from(["2024-05-01 10:00:00.5", "yesterday"]) | SCALARS,
        "image-latitude": NUMBERS,
        "image-altitude-meters": NUMBERS,
        "image-annotations": JSON | st.lists(NOTE, max_size=3),
    }
)
LABELS = JSON | st.lists(LABEL, max_size=3)
ITEMS = st.dictionaries(NAMES | st.text(max_size=4), ITEM | st.lists(ITEM, max_size=2), max_size=4)
HEADER = st.fixed_dictionaries({"image-annotation-labels": LABELS, "image-longitude": NUMBERS})
IFDO = st.fixed_dictionaries({"image-set-header": JSON | HEADER, "image-set-items": JSON | ITEMS})
BOX = JSON | st.fixed_dictionaries(
    {"concept": st.text(max_size=5) | SCALARS, **dict.fromkeys(("x", "y", "width", "height", "confidence"), NUMBERS)}
)
IMAGE = JSON | st.fixed_dictionaries(
    {"url": NAMES | SCALARS, "uuid": SCALARS, "timestamp": SCALARS, "boundingBoxes": JSON | st.lists(BOX, max_size=3)}
)


def table(header: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows] if header else rows)
    return out.getvalue().encode("utf-8", "replace")


@HARD
@given(IFDO)
def test_random_ifdo(document):
    answer("t.json", json.dumps(document).encode(), format="ifdo")


@HARD
@given(IFDO)
def test_random_ifdo_as_yaml(document):
    plain = json.loads(json.dumps(document))
    answer("t.yaml", yaml.safe_dump(plain).encode(), format="ifdo")


@HARD
@given(st.text(st.sampled_from("image-set-items: \n-[]{}&*!|>'\"#,1a\t"), max_size=160))
def test_text_of_yaml_s_marks(text):
    answer("t.yaml", f"image-set-items:\n  a.jpg: {text}".encode(), format="ifdo")


@HARD
@given(st.lists(IMAGE, max_size=5) | st.fixed_dictionaries({"content": st.lists(IMAGE, max_size=3)}) | JSON)
def test_random_fathomnet_json(document):
    reading = answer("t.json", json.dumps(document).encode(), format="fathomnet-json")
    if isinstance(document, list):
        assert reading is not None
        assert reading.counts["images"] + len(reading.problems) >= min(1, len(document))


@HARD
@given(st.data())
def test_every_row_of_a_biigle_report_is_accounted_for(data):
    header = ["filename", "label_name", "shape_name", "points", "label_hierarchy", "confidence"]
    shapes = st.sampled_from(["Rectangle", "Polygon", "Circle", "Point", "WholeFrame", "x"])
    points = st.sampled_from(["[1,2,3,4,5,6,7,8]", "[5,5,3]", "[", "[1]", "[1e999,2,3,4]", "", "null", "[[[[1]]]]"])
    row = st.tuples(NAMES, CELLS, shapes, points, st.sampled_from(["A > B", ">", "B > A > B"]), CELLS)
    rows = [list(one) for one in data.draw(st.lists(row, max_size=6))]
    reading = answer("t.csv", table(header, rows), format="biigle")
    assert reading is not None
    labelled = [one for one in rows if one[0].strip() and one[1].strip()]
    kept = reading.counts["annotations"]
    assert kept <= len(labelled)
    assert kept == len(labelled) or reading.problems


@HARD
@given(st.lists(st.lists(CELLS, min_size=1, max_size=14), max_size=6))
def test_random_viame(rows):
    answer("t.csv", table([], rows), format="viame")


@HARD
@given(st.data())
def test_every_detection_of_viame_is_accounted_for(data):
    number = st.sampled_from(["0", "1.5", "-3", "40", "nan", "1e999", "", "x"])
    tail = st.lists(st.sampled_from(["crab", "0.5", "(trk) 1", "'=x", "1", ""]), max_size=6)
    row = st.tuples(number, NAMES, number, number, number, number, number, number, number, tail)
    rows = [[*one[:9], *one[9]] for one in data.draw(st.lists(row, min_size=1, max_size=6))]
    reading = answer("t.csv", table([], rows), format="viame")
    if reading is not None:
        told = sum(problem.where.startswith("line") for problem in reading.problems)
        assert reading.counts["annotations"] + told >= len(rows) or reading.problems


@HARD
@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=6))
def test_random_darwin_core(rows):
    header = ["occurrenceID", "scientificName", "associatedMedia", "eventDate", "occurrenceStatus", "scientificNameID"]
    assert answer("t.csv", table(header, rows), format="darwin-core") is not None


def png(width: int = 40, height: int = 30) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", width, height, 8, 2, 0, 0, 0, 0)


def yolo(names: bytes, labels: bytes) -> Reading | None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("a", "b"):
            (root / "images").mkdir(exist_ok=True)
            (root / "images" / f"{name}.jpg").write_bytes(png())
        (root / "labels").mkdir()
        (root / "labels" / "a.txt").write_bytes(labels)
        (root / "data.yaml").write_bytes(names)
        try:
            reading = read(root, format="yolo")
        except FormatError:
            return None
    return reading


@HARD
@given(
    st.lists(
        st.lists(st.sampled_from(["0", "1", "7", "0.5", "-1", "nan", "1e999", "x", "0.25", "+1", "1_0"]), max_size=9),
        max_size=6,
    )
)
def test_every_line_of_yolo_is_accounted_for(lines):
    text = "\n".join(" ".join(words) for words in lines)
    reading = yolo(b"names: [crab, 'sea star']", text.encode())
    assert reading is not None
    filled = [words for words in lines if words]
    lost = sum(problem.kind == "bad-row" for problem in reading.problems)
    assert reading.counts["annotations"] + lost == len(filled) or "repeated-id" in reading.problem_counts


@HARD
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_random_bytes_in_a_yolo_folder(names, labels):
    reading = yolo(b"names: " + names, labels)
    assert reading is None or reading.counts["images"] == 2


@HARD
@given(st.binary(max_size=300), st.sampled_from(["ifdo", "fathomnet-json", "biigle", "viame", "darwin-core"]))
def test_random_bytes_in_every_format(data, name):
    answer("t.json", data, format=name)


@pytest.mark.parametrize("name", ["ifdo", "fathomnet-json"])
def test_documents_nested_without_end_are_refused(tmp_path, name):
    (tmp_path / "t.json").write_text('{"image-set-items": ' + "[" * 200_000)
    with pytest.raises(FormatError):
        read(tmp_path / "t.json", format=name)
    assert check
