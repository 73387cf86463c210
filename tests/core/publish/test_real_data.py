"""Real labels through every format and back: what is read from a collection, written and read again says the same."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from core.catalogue.formats.registry import read
from core.catalogue.records import Reading, ReadOptions
from core.catalogue.regions import geometry_box
from core.publish import documents, tables
from core.publish.bundle import Bundle, Shown, Statement

pytestmark = pytest.mark.real
LIMIT = int(os.environ.get("REAL_LIMIT", "60"))
"""Images of each collection; ``REAL_LIMIT=100000`` takes all of them."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_SIZE = (1000, 800)  # of collections whose images are not here
SOURCES = {
    "trashcan": ("trashcan/instances.coco.json", "trashcan/images", {}),
    "aquarium": ("aquarium_yolo", None, {}),
    "coral": ("coral_kohtao/annotations.csv", "coral_kohtao/images", {"labels_key": "coral_kohtao/labelsets.csv"}),
    "fathomnet": ("fathomnet_2023_labels/train.csv", None, {"category_key": "fathomnet_2023_labels/category_key.csv"}),
}
FORMATS = {
    "coco": (documents.coco, "out.json", "coco", False),
    "ifdo": (documents.ifdo, "out.yaml", "ifdo", False),
    "fathomnet": (documents.fathomnet, "out.json", "fathomnet-json", True),
    "fathomnet-boxes": (tables.fathomnet_boxes, "out.csv", "fathomnet", True),
    "biigle": (tables.biigle, "out.csv", "biigle", False),
    "viame": (tables.viame, "out.csv", "viame", True),
}


def opened(shared: Path, name: str) -> Reading:
    source, images, options = SOURCES[name]
    paths = {key: shared / "data" / value for key, value in options.items()}
    folder = shared / "data" / images if images else None
    return read(shared / "data" / source, ReadOptions(images=folder, **paths))


def bundle(reading: Reading) -> Bundle:
    """The labelled images of a reading as an export has them."""
    parents = {concept.name: concept.parent for concept in reading.concepts}
    images = []
    for at, record in enumerate([one for one in reading.records if one.annotations][:LIMIT], start=1):
        size = NO_SIZE
        if not record.absent:
            with Image.open(reading.root / record.path) as picture:
                size = picture.size
        said = tuple(
            Statement(
                f"{at}-{number}", one.concept, None, parents.get(one.concept), one.geometry, one.score, "import",
                "importer", "", NOW, "",
            )
            for number, one in enumerate(record.annotations)
        )  # fmt: skip
        known = (record.taken_at, record.latitude, record.longitude, record.depth_m, record.altitude_m)
        images.append(
            Shown(
                at, f"uid-{at}", "real", record.path, *size, "", *known, record.camera, record.site, record.group, True,
                said, (), -1, None, None,
            )
        )  # fmt: skip
    return Bundle(tuple(images), {}, {"program": "test", "run": 1, "run_uid": "u", "run_name": "real"})


def rounded(box) -> tuple[float, ...] | None:
    return None if box is None else tuple(round(float(side), 2) for side in box)


def told(reading: Reading) -> dict[str, Counter]:
    return {
        record.path: Counter((one.concept, rounded(geometry_box(one.geometry))) for one in record.annotations)
        for record in reading.records
        if record.annotations
    }


def wanted(given: Bundle, *, full_frame: bool) -> dict[str, Counter]:
    return {
        image.path: Counter(
            (one.concept, rounded(one.box or ((0, 0, image.width, image.height) if full_frame else None)))
            for one in image.statements
        )
        for image in given.images
    }


def once(counts: dict[str, Counter]) -> dict[str, set]:
    """Two equal statements about one picture are one to every reader that joins rows."""
    return {path: set(labels) for path, labels in counts.items()}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", FORMATS)
def test_real_labels_come_back(shared, tmp_path, name, kind):
    make, file, reader, full_frame = FORMATS[kind]
    given = bundle(opened(shared, name))
    assert len(given.images) > 20
    (tmp_path / file).write_bytes(make(given))
    again = read(tmp_path / file, format=reader)
    assert once(told(again)) == once(wanted(given, full_frame=full_frame))


@pytest.mark.parametrize("name", ["trashcan", "aquarium", "coral"])
def test_real_labels_come_back_from_yolo(shared, tmp_path, name):
    reading = opened(shared, name)
    given = bundle(reading)
    for file, data in tables.yolo(given).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(data)
    again = read(tmp_path, ReadOptions(images=reading.root), format="yolo")
    assert once(told(again)) == once(wanted(given, full_frame=True))
