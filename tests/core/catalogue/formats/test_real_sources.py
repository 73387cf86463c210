"""The real collections beside the repository, to the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.catalogue.formats.registry import guess_format, read
from core.catalogue.records import ReadOptions

pytestmark = pytest.mark.real


def test_coral_tiles(shared):
    source = shared / "data" / "coral_kohtao" / "annotations.csv"
    reading = read(source, ReadOptions(images=Path("images"), labels_key=Path("labelsets.csv")))
    assert reading.counts["rows"] == 23_965
    assert reading.counts["images"] == 1_012
    assert reading.counts["labelled"] == 975
    assert reading.counts["unlabelled"] == 37
    assert reading.problem_counts == {"missing-file": 22_990, "repeated-id": 30, "contradiction": 24, "unlabelled": 37}
    assert "Healthy coral" in {one.concept for record in reading.records for one in record.annotations}
    assert not any(record.absent for record in reading.records)


def test_coral_surveys_join_by_a_part_of_the_name(shared):
    source = shared / "data" / "coral_kohtao" / "annotations.csv"
    options = ReadOptions(
        images=Path("images"),
        labels_key=Path("labelsets.csv"),
        metadata=Path("surveys_metadata.csv"),
        on="surveyid",
        group_pattern=r"^(?P<group>[A-Z]{3}_(?P<surveyid>\d{4})_\d\d_\d{8}_\d{4})_\d+",
    )
    reading = read(source, options)
    (tile,) = [record for record in reading.records if "TTB_0002_00_20230815_0001_1" in record.path]
    assert (tile.depth_m, tile.extra["temp"], tile.camera, tile.site) == (15.0, 31.0, "Olympus TG-6", "TTB")
    assert tile.latitude == pytest.approx(10 + 5 / 60)
    assert tile.longitude == pytest.approx(99 + 51 / 60 + 3 / 3600)
    assert reading.problem_counts["unmatched-metadata"] > 0
    assert not [problem for problem in reading.problems if problem.kind == "bad-value"]


def test_trashcan_table_and_coco_agree(shared):
    folder = shared / "data" / "trashcan"
    table = read(folder / "labels.csv", ReadOptions(images=folder / "images", group="video"))
    coco = read(folder / "instances.coco.json", ReadOptions(images=folder / "images", group="video"))
    assert table.counts["images"] == coco.counts["images"] == 1_999
    assert len({record.group for record in table.records}) == 171
    assert "000002" in {record.group for record in table.records}
    assert (coco.counts["annotations"], coco.counts["categories"]) == (3_621, 40)
    assert not table.problems
    assert not coco.problems

    def described(reading):
        return {
            one.path: ({each.concept for each in one.annotations}, one.group, one.camera, dict(one.extra))
            for one in reading.records
        }

    assert described(table) == described(coco)
    geometry = coco.records[0].annotations[0].geometry
    assert (geometry["type"], geometry["box"], geometry["size"]) == ("rle", [261, 101, 35, 30], [270, 480])


def test_fathomnet_competition_without_its_images(shared):
    folder = shared / "data" / "fathomnet_2023_labels"
    assert guess_format(folder / "train.csv") == "fathomnet"
    reading = read(folder / "train.csv", ReadOptions(category_key=Path("category_key.csv")))
    assert reading.counts["images"] == reading.counts["absent"] == 5_950
    assert reading.counts["categories"] == 290
    assert len({one.concept for record in reading.records for one in record.annotations}) == 133
    assert reading.problem_counts == {"absent-file": 5_950}
    assert read(folder / "sample_submission.csv").records[0].extra == {"osd": 0.1}
