from __future__ import annotations

import json

import pytest

from core.catalogue.formats.registry import read
from core.catalogue.records import ReadOptions
from core.errors import FormatError

CATEGORIES = [{"id": 1, "name": "crab", "supercategory": "animal"}, {"id": 2, "name": "rov", "supercategory": "rov"}]


@pytest.fixture
def coco(tmp_path):
    def make(data, files=(), **options):
        path = tmp_path / "c.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        for name in files:
            (tmp_path / "images").mkdir(exist_ok=True)
            (tmp_path / "images" / name).touch()
        if files:
            options["images"] = tmp_path / "images"
        return read(path, ReadOptions(**options))

    return make


def image(key, name, **more):
    return {"id": key, "file_name": name, "width": 100, "height": 80, **more}


def box(key, image_id, category=1, bbox=(1, 2, 3, 4), **more):
    return {"id": key, "image_id": image_id, "category_id": category, "bbox": list(bbox), "iscrowd": 0, **more}


def kinds(reading):
    return [(one.kind, one.where) for one in reading.problems]


def test_images_boxes_and_categories(coco):
    reading = coco(
        {
            "images": [
                image(1, "a.jpg", video="000002", frame=14, camera="16:9", date_captured="2023-08-04 12:30:00"),
                image("two", "b.jpg", video="000003", frame=15, latitude=36.8, longitude=-121.9, depth_m=812),
            ],
            "annotations": [box(1, 1, score=0.5, observer="anna"), box(2, 1, 2, iscrowd=1)],
            "categories": CATEGORIES,
        },
        files=["a.jpg", "b.jpg", "c.jpg"],
    )
    first, second, third = reading.records
    assert [(one.concept, one.score, dict(one.extra)) for one in first.annotations] == [
        ("crab", 0.5, {"observer": "anna"}),
        ("rov", None, {"iscrowd": 1}),
    ]
    assert first.annotations[0].geometry == {"type": "box", "x": 1, "y": 2, "w": 3, "h": 4}
    assert (first.group, first.camera, first.extra["frame"]) == ("000002", "16:9", 14)
    assert first.taken_at.isoformat() == "2023-08-04T12:30:00+00:00"
    assert (second.latitude, second.depth_m, second.labelled, second.annotations) == (36.8, 812, True, ())
    assert (third.path, third.labelled) == ("c.jpg", False)
    assert [(one.name, one.parent, one.code) for one in reading.concepts] == [
        ("animal", None, None),
        ("crab", "animal", "1"),
        ("rov", None, "2"),
    ]
    assert reading.counts["categories"] == 2
    assert any("1 image without annotations" in note for note in reading.notes)
    assert kinds(reading) == [("unlabelled", "c.jpg")]


def test_faults_are_reported_one_by_one_and_the_rest_is_read(coco):
    reading = coco(
        {
            "images": [
                image(1, "a.jpg"),
                image(1, "again.jpg"),
                image(None, "x.jpg"),
                image(True, "x.jpg"),
                {"id": 3},
                "no",
                image(4, "a.jpg"),
            ],
            "annotations": [
                box(1, 1, bbox=(1, 2, -3, 4)),
                box(2, 99),
                box(3, 1, 99),
                box(4, 1, bbox=(90, 70, 50, 50)),
                box(5, 4, bbox=(500, 500, 5, 5)),
                box(4, 1, bbox=(5, 5, 5, 5)),
                7,
            ],
            "categories": [*CATEGORIES, {"id": 1, "name": "eel"}, {"name": "x"}, None],
        }
    )
    (record,) = reading.records
    assert [one.geometry and one.geometry["x"] for one in record.annotations] == [None, 90, 5]
    assert kinds(reading) == [
        ("repeated-id", "category 3 of the list"),
        ("bad-row", "category 4 of the list"),
        ("bad-row", "category 5 of the list"),
        ("repeated-id", "image 2 of the list"),
        ("bad-row", "image 3 of the list"),
        ("bad-row", "image 4 of the list"),
        ("no-file-name", "image 3"),
        ("bad-row", "image 6 of the list"),
        ("bad-value", "annotation 1"),
        ("bad-row", "annotation 2"),
        ("unknown-label", "annotation 3"),
        ("bad-value", "annotation 4"),
        ("bad-value", "annotation 5"),
        ("repeated-id", "annotation 4"),
        ("bad-row", "annotation 7 of the list"),
        ("repeated-id", "image 4"),
        ("repeated-id", "image 4"),
        ("absent-file", "image 1"),
    ]


def test_an_image_whose_annotations_cannot_be_used_is_not_empty(coco):
    reading = coco({"images": [image(1, "a.jpg")], "annotations": [box(1, 1, 99)], "categories": CATEGORIES})
    assert not reading.records[0].labelled
    assert reading.problem_counts["unlabelled"] == 1


def test_a_file_without_annotations_states_no_labels(coco):
    reading = coco({"images": [image(1, "a.jpg")]})
    assert not reading.records[0].labelled
    assert set(reading.problem_counts) == {"absent-file"}


def test_ids_may_be_written_in_several_ways(coco):
    reading = coco({"images": [image(1, "a.jpg")], "annotations": [box(1, "1", 1.0)], "categories": CATEGORIES})
    assert len(reading.records[0].annotations) == 1


def test_nan_and_huge_numbers(coco):
    text = (
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 1e999, "height": 80, "depth": NaN, "temp": Infinity}],'
        '"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [NaN, 1, 2, 3], "score": NaN},'
        f'{{"id": {"9" * 4000}, "image_id": 1, "category_id": 1, "bbox": [{"9" * 400}, 1, 2, 3]}}],'
        '"categories": [{"id": 1, "name": "crab"}]}'
    )
    reading = coco(text)
    assert [one.geometry for one in reading.records[0].annotations] == [None, None]
    assert reading.problem_counts["bad-value"] == 4
    assert reading.records[0].depth_m is None


def test_text_that_no_database_stores_is_made_whole(coco):
    text = (
        '{"images": [{"id": 1, "file_name": "a\\ud800\\u0000.jpg", "note": "\\udfff"}],'
        '"annotations": [{"id": 1, "image_id": 1, "category_id": 1}], "categories": [{"id": 1, "name": "cr\\ud800ab"}]}'
    )
    reading = coco(text)
    for part in (reading.records, reading.concepts, reading.problems, reading.notes):
        repr(part).encode()
        assert "\x00" not in str(part)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[1, 2]", "a list"),
        ("7", "a single value"),
        ('{"a": 1}', "'a' and no images"),
        ("{}", "nothing and no images"),
        ('{"images": {}}', "images are not a list"),
        ('{"images": [], "annotations": 5}', "annotations are not a list"),
        ('{"images": [', "cut short"),
        ("[" * 100_000, "nested too deeply"),
        ('{"images": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"images": [' + "9" * 5000 + "]}", "thousands of digits"),
    ],
)
def test_json_of_another_kind(coco, text, word):
    with pytest.raises(FormatError, match=word) as caught:
        coco(text)
    assert "\n" not in str(caught.value)


def test_nesting_that_the_parser_just_takes(coco):
    for depth in range(880, 1000, 3):
        deep = "[" * depth + "]" * depth
        text = (
            f'{{"images": [{{"id": 1, "file_name": "a.jpg", "x": {deep}}}], "annotations": [{{"image_id": 1, '
            f'"category_id": 1, "bbox": {deep}, "y": {deep}}}], "categories": [{{"id": 1, "name": "crab"}}]}}'
        )
        try:
            reading = coco(text)
        except FormatError:
            continue
        assert len(reading.records) == 1


def test_many_different_entries_do_not_fill_the_memory(coco):
    images = [{"id": at, "file_name": f"{at}.jpg", f"key{at}": at} for at in range(5000)]
    reading = coco({"images": images})
    assert len(reading.records) == 5000
    assert any("5,000 different entries" in note for note in reading.notes)
