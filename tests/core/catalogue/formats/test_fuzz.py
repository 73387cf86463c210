"""Whatever comes, a reader answers with a reading or one sentence, and accounts for every row."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.catalogue.formats.registry import read
from core.catalogue.records import PROBLEMS, Reading, ReadOptions
from core.errors import FormatError

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
"""Each test's examples. 30,000 over every reader, exported tables opened again among them:
``FUZZ_EXAMPLES=1500 pytest tests/core/catalogue/formats tests/core/publish -k "fuzz or random"``."""
HARD = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILES = ("a.jpg", "b.jpg", "sub/c.png")
HEADERS = ["time", "date", "lat", "lon", "depth", "altitude", "gps_altitude", "labels", "dive", "x"]
CELLS = st.one_of(
    st.sampled_from(
        ["a.jpg", "b", "sub\\c.png", "z.jpg", "", "12", "1,5", "15m", "-9999", "10°03'51\"N", "[1.0]", "[]"]
    )
    | st.sampled_from(["2023-08-04", "03/04/2023 10:00", "crab;eel", "sea star", "'=x", '"', "NaN", "1e999", "1,234"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner))


def answer(name: str, data: bytes, **options) -> Reading | None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for file in FILES:
            (root / "images" / file).parent.mkdir(parents=True, exist_ok=True)
            (root / "images" / file).touch()
        (root / name).write_bytes(data)
        try:
            reading = read(root / name, ReadOptions(images=root / "images"), **options)
        except FormatError:
            return None
    check(reading)
    return reading


def check(reading: Reading) -> None:
    names = [concept.name for concept in reading.concepts]
    assert len(set(names)) == len(names)
    assert all(concept.parent is None or concept.parent in names for concept in reading.concepts)
    paths = [record.path for record in reading.records]
    assert len(set(paths)) == len(paths)
    for record in reading.records:
        assert record.absent or record.path in FILES
        assert (record.latitude is None) == (record.longitude is None)
        assert all(one.concept in names for one in record.annotations)
        for value in [*record.extra.values(), *(value for one in record.annotations for value in one.extra.values())]:
            assert value is None or isinstance(value, str | int | float)
            assert not isinstance(value, float) or math.isfinite(value)
        for one in record.annotations:
            json.dumps(one.geometry, allow_nan=False)
    assert all(problem.kind in PROBLEMS for problem in reading.problems)
    repr(reading).encode()


@HARD
@given(st.binary(max_size=300), st.sampled_from(["t.csv", "t.json", "t.parquet"]))
def test_random_bytes(data, name):
    answer(name, data)


@HARD
@given(st.text(max_size=300))
def test_random_text(text):
    answer("t.csv", text.encode("utf-8", "replace"), format="table")


@HARD
@given(st.text(st.sampled_from("file,labs;\"\n\r\t|=1.5[]'-"), max_size=200))
def test_text_of_separators_and_quotation_marks(text):
    answer("t.csv", ("file,labels,depth\n" + text).encode())


@HARD
@given(st.data())
def test_every_row_of_a_table_is_a_record_or_a_problem(data):
    header = data.draw(st.lists(st.sampled_from(HEADERS), min_size=1, max_size=6, unique=True))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header)), max_size=8))
    named = [[f"new{at}.jpg" if at > 1 else ["a.jpg", ""][at], *row] for at, row in enumerate(rows)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=data.draw(st.sampled_from(",;\t")))
    writer.writerows([["filename", *header], *named])
    reading = answer("t.csv", out.getvalue().encode(), format="table")
    assert reading is not None
    told = {record.where for record in reading.records} | {problem.where for problem in reading.problems}
    filled = [number for number, row in enumerate(named, start=2) if any(cell.strip() for cell in row)]
    assert reading.counts["rows"] == len(filled)
    assert {f"row {number}" for number in filled} <= told


@HARD
@given(JSON)
def test_random_json(data):
    answer("t.json", json.dumps(data).encode())


@HARD
@given(
    st.lists(
        JSON | st.fixed_dictionaries({"id": SCALARS, "file_name": st.sampled_from(FILES) | SCALARS, "depth": SCALARS})
    ),
    st.lists(
        JSON
        | st.fixed_dictionaries(
            {
                "image_id": st.integers(0, 3) | SCALARS,
                "category_id": st.integers(0, 3) | SCALARS,
                "bbox": st.lists(st.floats() | st.integers(), min_size=4, max_size=4) | JSON,
                "segmentation": JSON | st.fixed_dictionaries({"counts": JSON, "size": JSON}),
            }
        )
    ),
    st.lists(JSON | st.fixed_dictionaries({"id": st.integers(0, 3), "name": st.text(), "supercategory": st.text()})),
)
def test_random_coco(images, annotations, categories):
    images = [*images, {"id": 1, "file_name": "a.jpg", "width": 10, "height": 8}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    reading = answer("t.json", json.dumps(document).encode())
    assert reading is not None
    kept = reading.counts["annotations"]
    lost = sum(one.kind in ("bad-row", "unknown-label") and "annotation" in one.where for one in reading.problems)
    joined = sum(one.kind in ("repeated-id", "missing-file") for one in reading.problems)
    assert kept + lost == len(annotations) or (joined and kept + lost <= len(annotations))


@HARD
@given(st.binary(max_size=60), st.integers(0, 400))
def test_damaged_parquet(parquet, damage, place):
    answer("t.parquet", parquet[:place] + damage + parquet[place + len(damage) :])


@pytest.fixture(scope="module")
def parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({"file": ["a.jpg", "b.jpg"], "depth": [1.5, None]}), out)
    return out.getvalue()
