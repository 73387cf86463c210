"""Rendering into a folder: the same bytes always, resumable, and truth that fits the pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.demo.collection import PARTS, Collection, render_collection
from core.demo.concepts import CONCEPTS, NEW
from core.demo.truth import decode
from core.errors import Cancelled, SettingsError

SEED, FRAMES, SIZE = 4, 24, (320, 180)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return render_collection(tmp_path_factory.mktemp("demo"), seed=SEED, frames=FRAMES, size=SIZE, workers=1)


@pytest.fixture(scope="module")
def rows(collection: Collection) -> list[dict[str, str]]:
    with collection.labels.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def coco(collection: Collection) -> dict:
    return json.loads(collection.coco.read_text(encoding="utf-8"))


def test_two_processes_write_the_same_bytes_as_one(collection, tmp_path):
    render_collection(tmp_path, seed=SEED, frames=FRAMES, size=SIZE, workers=2)
    assert contents(tmp_path) == contents(collection.root)


def test_a_stopped_render_goes_on_from_its_finished_dives(collection, tmp_path):
    def stop(done: int, total: int) -> None:
        if done > 8:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        render_collection(tmp_path, seed=SEED, frames=FRAMES, size=SIZE, workers=1, progress=stop)
    assert not (tmp_path / "collection.json").exists()
    finished = sorted((tmp_path / PARTS).glob("kc*.json"))
    assert 0 < len(finished) < collection.counts["dives"]
    names = {path.stem for path in finished}
    cut_short = next(p for p in sorted(collection.images.rglob("*.jpg")) if p.parent.name not in names)
    half = tmp_path / "images" / cut_short.relative_to(collection.images)
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(cut_short.read_bytes()[:500])
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "images" / finished[0].stem).iterdir()}
    again = render_collection(tmp_path, seed=SEED, frames=FRAMES, size=SIZE, workers=1)
    assert again.counts == collection.counts
    assert contents(tmp_path) == contents(collection.root)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_finished_collection_is_left_alone(collection):
    before = {path: path.stat().st_mtime_ns for path in collection.root.rglob("*")}
    calls: list[tuple[int, int]] = []
    again = render_collection(collection.root, seed=SEED, frames=FRAMES, size=SIZE, progress=lambda *c: calls.append(c))
    assert again == collection
    assert calls == [(FRAMES, FRAMES)]
    assert {path: path.stat().st_mtime_ns for path in collection.root.rglob("*")} == before


def test_other_settings_replace_the_collection_and_nothing_else(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.txt").write_text("kept")
    render_collection(tmp_path, seed=1, frames=16, size=(160, 90), workers=1)
    render_collection(tmp_path, seed=2, frames=16, size=(160, 90), workers=1)
    second = contents(tmp_path)
    assert second["images/mine.txt"] == b"kept"
    pictures = {name.removeprefix("images/") for name in second if name.endswith(".jpg")}
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert pictures == {row["filename"] for row in csv.DictReader(file)}
    assert len(pictures) == 16


def test_labels_are_the_truth(collection, rows, coco):
    names = {category["id"]: category["name"] for category in coco["categories"]}
    by_image: dict[int, set[str]] = {image["id"]: set() for image in coco["images"]}
    for annotation in coco["annotations"]:
        by_image[annotation["image_id"]].add(names[annotation["category_id"]])
    assert [image["file_name"] for image in coco["images"]] == [row["filename"] for row in rows]
    for image, row in zip(coco["images"], rows, strict=True):
        assert set(filter(None, row["labels"].split(";"))) == by_image[image["id"]]
        assert image["new_to_reference"] == bool(by_image[image["id"]] & set(NEW))
    with collection.truth.open(encoding="utf-8", newline="") as file:
        truth = list(csv.DictReader(file))
    assert [t["new_to_reference"] for t in truth] == [str(i["new_to_reference"]).lower() for i in coco["images"]]
    assert [t["later_camera"] == "true" for t in truth] == [row["camera"] == "skua-4k" for row in rows]
    assert not any(
        t["new_to_reference"] == "true" and float(r["depth_m"]) < 800 for t, r in zip(truth, rows, strict=True)
    )
    assert collection.counts["animals"] == len(coco["annotations"]) > 10
    assert collection.counts["empty_frames"] == sum(not row["labels"] for row in rows)


def test_boxes_are_tight_around_masks_and_masks_do_not_overlap(coco):
    claimed: dict[int, np.ndarray] = {}
    for annotation in coco["annotations"]:
        mask = decode(annotation["segmentation"])
        assert mask.shape == (SIZE[1], SIZE[0])
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert annotation["bbox"] == box
        assert annotation["area"] == mask.sum()
        others = claimed.setdefault(annotation["image_id"], np.zeros_like(mask))
        assert not (others & mask).any()
        others |= mask


def test_pictures_are_whole_and_carry_their_time(collection, rows):
    assert len(rows) == FRAMES
    for row in rows:
        with Image.open(collection.images / row["filename"]) as image:
            image.load()
            assert image.size == SIZE
            assert image.format == "JPEG"
            taken = image.getexif().get_ifd(0x8769)[0x9003]
        assert taken.replace(":", "-", 2).replace(" ", "T") + "Z" == row["taken_at"]
        assert 40 < float(row["latitude"]) < 50
        assert -130 < float(row["longitude"]) < -120


def test_concepts_have_parents(collection):
    with collection.concepts.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["name"], row["supercat"]) for row in table] == [(c.name, c.parent) for c in CONCEPTS]
    assert [int(row["id"]) for row in table] == list(range(1, len(CONCEPTS) + 1))


@pytest.mark.parametrize(("frames", "size"), [(3, (960, 540)), (40, (100, 90)), (40, (960, 9000))])
def test_impossible_collections_are_refused(tmp_path, frames, size):
    with pytest.raises(SettingsError):
        render_collection(tmp_path / "new", frames=frames, size=size)
    assert not (tmp_path / "new").exists()
