"""Imports: everything arrives, again changes nothing, moved and changed files are found, bad files stop nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest
from PIL import Image
from sqlalchemy import func, select

from core.catalogue.importing import import_images, plan_import
from core.catalogue.preview import navigation_sentence, preview_json
from core.catalogue.records import ReadOptions
from core.catalogue.schema import Annotation, Concept, ImportProblem
from core.catalogue.schema import Image as ImageRow
from core.catalogue.trying import try_files
from core.errors import FormatError, SettingsError, WorkspaceError
from core.workspace import open_workspace
from tests.small import draw, make_collection

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def bring(workspace, source, *, dataset="dives", **options):
    plan = plan_import(source, ReadOptions(**options))
    return import_images(workspace, plan, dataset=dataset, actor="tester", now=NOW, workers=0)


def rows(workspace):
    with workspace.database.read() as session:
        return list(session.scalars(select(ImageRow).order_by(ImageRow.id)))


def count(workspace, kind):
    with workspace.database.read() as session:
        return session.scalar(select(func.count()).select_from(kind))


@pytest.fixture
def collection(tmp_path):
    return make_collection(tmp_path / "source", dives=4, frames=2)


@pytest.fixture
def workspace(tmp_path):
    opened = open_workspace(tmp_path / "ws")
    yield opened
    opened.close()


def test_a_table_and_its_images_arrive(workspace, collection):
    report = bring(workspace, collection, images=collection.parent / "images", group="dive")
    assert report.counts["rows"] == 8
    assert report.counts["new"] == 8
    assert report.counts["annotations_added"] == 6  # dive 2 has none
    stored = rows(workspace)
    assert {row.status for row in stored} == {"ok"}
    assert stored[0].group == "D00"
    assert stored[0].taken_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert (stored[0].width, stored[0].height) == (96, 64)
    assert stored[0].depth_m == 100
    assert workspace.thumbnails.has(stored[0].content_hash)
    entry = workspace.image(stored[0].id)
    assert entry.path.is_file()
    assert entry.name == "dive00_0.png"
    assert [note.concept for note in workspace.annotations(stored[0].id)] == ["crab"]


def test_importing_again_changes_nothing(workspace, collection):
    images = collection.parent / "images"
    bring(workspace, collection, images=images, group="dive")
    before = [{key: value for key, value in vars(row).items() if key[0] != "_"} for row in rows(workspace)]
    notes = count(workspace, Annotation)
    report = bring(workspace, collection, images=images, group="dive")
    after = [{key: value for key, value in vars(row).items() if key[0] != "_"} for row in rows(workspace)]
    assert before == after
    assert count(workspace, Annotation) == notes
    assert report.counts["unchanged"] == 8
    assert report.counts["annotations_added"] == report.counts["annotations_superseded"] == 0


def test_changed_metadata_and_labels_are_updated_and_history_stays(workspace, collection):
    images = collection.parent / "images"
    bring(workspace, collection, images=images)
    text = collection.read_text().replace("dive00_0.png,D00,100", "dive00_0.png,D00,111")
    collection.write_text(text.replace("sea star", "brittle star"))
    report = bring(workspace, collection, images=images)
    assert rows(workspace)[0].depth_m == 111
    assert report.counts["annotations_added"] == report.counts["annotations_superseded"] == 2
    assert count(workspace, Annotation) == 8
    assert count(workspace, Concept) == 3


def test_a_changed_file_keeps_its_id(workspace, collection):
    images = collection.parent / "images"
    bring(workspace, collection, images=images)
    before = rows(workspace)[0]
    draw(77, (120, 80)).save(images / "dive00_0.png")
    report = bring(workspace, collection, images=images)
    after = rows(workspace)[0]
    assert report.counts["changed"] == 1
    assert (after.id, after.uid) == (before.id, before.uid)
    assert after.content_hash != before.content_hash
    assert (after.width, after.height) == (120, 80)


def test_a_moved_file_is_found_by_its_content(workspace, collection):
    images = collection.parent / "images"
    bring(workspace, images)
    before = {row.content_hash: row.id for row in rows(workspace)}
    (images / "later").mkdir()
    shutil.move(images / "dive01_0.png", images / "later" / "renamed.png")
    report = bring(workspace, images)
    assert report.counts["moved"] == 1
    assert report.counts["new"] == report.counts["absent"] == 0
    after = {row.content_hash: row.id for row in rows(workspace)}
    assert after == before
    assert "later/renamed.png" in {row.path for row in rows(workspace)}


def test_a_file_that_is_gone_is_noted_and_never_deleted(workspace, collection):
    images = collection.parent / "images"
    bring(workspace, images)
    (images / "dive01_0.png").unlink()
    report = bring(workspace, images)
    assert report.counts["absent"] == 1
    gone = next(row for row in rows(workspace) if row.path == "dive01_0.png")
    assert gone.status == "absent"
    assert workspace.image(gone.id) is None
    draw(1000).save(images / "dive01_0.png")
    bring(workspace, images)
    assert next(row for row in rows(workspace) if row.path == "dive01_0.png").status == "ok"


def test_bad_files_are_quarantined_with_a_reason(workspace, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    draw(1).save(folder / "good.png")
    whole = (folder / "good.png").read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    draw(2).convert("CMYK").save(folder / "print.jpg")
    (folder / "away.png").symlink_to(tmp_path / "outside.png")
    draw(3).save(tmp_path / "outside.png")
    hostile = folder / "<img src=x onerror=alert(1)>.png"
    draw(4).save(hostile, format="PNG")
    report = bring(workspace, folder)
    by_path = {row.path: row for row in rows(workspace)}
    assert by_path["good.png"].status == by_path["print.jpg"].status == "ok"
    assert by_path[hostile.name].status == "ok"
    assert {path: row.code for path, row in by_path.items() if row.status == "unusable"} == {
        "half.png": "truncated",
        "empty.jpg": "empty",
        "text.jpg": "not-an-image",
        "away.png": "outside",
    }
    assert report.counts["unusable"] == 4
    assert count(workspace, ImportProblem) == report.counts["problems"] >= 4
    again = bring(workspace, folder)
    assert again.counts["unusable"] == 4
    assert again.counts["unchanged"] == 3


def test_a_preview_opens_what_the_import_will(tmp_path):
    for number in range(70):
        draw(number, (16, 12)).save(tmp_path / f"{number:03d}.png")
    (tmp_path / "003.png").write_bytes(b"")
    (tmp_path / "065.png").write_text("no picture")
    plan = plan_import(tmp_path, ReadOptions())
    tried = try_files(plan)
    assert (tried.tried, tried.total, tried.whole) == (70, 70, True)
    assert [(problem.where, problem.kind) for problem in tried.unusable] == [
        ("003.png", "empty"),
        ("065.png", "not-an-image"),
    ]
    ticks = iter(range(100))
    some = try_files(plan, patience=4, clock=lambda: next(ticks))  # 0, 61, 1: neighbours come late
    assert (some.tried, some.whole, some.unusable) == (3, False, ())


def test_a_repaired_file_leaves_quarantine(workspace, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "frame.jpg").write_bytes(b"")
    bring(workspace, folder)
    draw(1).save(folder / "frame.jpg")
    report = bring(workspace, folder)
    assert report.counts["changed"] == 1
    assert rows(workspace)[0].status == "ok"


def test_exif_fills_what_the_source_leaves_open(workspace, tmp_path):
    folder = tmp_path / "exif"
    folder.mkdir()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:00:00"
    draw(1).save(folder / "frame.jpg", exif=exif)
    bring(workspace, folder, timezone="+09:00")
    assert rows(workspace)[0].taken_at == datetime(2024, 5, 1, 3, tzinfo=UTC)


def test_a_dataset_stays_in_one_folder(workspace, collection, tmp_path):
    bring(workspace, collection.parent / "images")
    other = tmp_path / "other"
    other.mkdir()
    draw(9).save(other / "x.png")
    with pytest.raises(WorkspaceError, match="another name"):
        bring(workspace, other)


def test_a_moved_dataset_folder_is_followed(workspace, collection, tmp_path):
    images = collection.parent / "images"
    bring(workspace, images)
    moved = tmp_path / "elsewhere"
    shutil.move(images, moved)
    report = bring(workspace, moved)
    assert report.counts["new"] == 0
    assert workspace.datasets()[0].root == moved.resolve()
    assert workspace.image(1).path.is_relative_to(moved.resolve())


def test_what_cannot_be_imported_is_one_sentence(workspace, collection, tmp_path):
    with pytest.raises(FormatError, match="there is no file"):
        plan_import(tmp_path / "nothing.csv", ReadOptions())
    with pytest.raises(FormatError, match="not a folder"):
        plan_import(collection, ReadOptions(images=tmp_path / "nowhere"))
    with pytest.raises(SettingsError):
        bring(workspace, collection.parent / "images", dataset=" ")


def test_the_navigation_log_fills_position_and_depth_by_time(workspace, collection, tmp_path):
    log = tmp_path / "nav.csv"
    log.write_text("time,lat,lon,altitude\n2024-05-01T10:00:00Z,36.5,-122.0,2\n2024-05-01T10:00:02Z,36.7,-122.2,4\n")
    text = collection.read_text().replace("depth_m", "note")
    collection.write_text(text)
    plan = plan_import(collection, ReadOptions(images=collection.parent / "images", nav=log, clock_offset=1))
    assert navigation_sentence(plan) == (
        "The log nav.csv runs from 2024-05-01 10:00:00 to 2024-05-01 10:00:02 UTC; it has rows around 2 of 8 images "
        "with a time, which were taken from 2024-05-01 10:00:00 to 2024-05-04 10:00:01 and are shifted by +1 s."
    )
    assert preview_json(plan)["first"][0]["latitude"] == pytest.approx(36.6)
    report = bring(workspace, collection, images=collection.parent / "images", nav=log)
    by_path = {row.path: row for row in rows(workspace)}
    assert by_path["dive00_0.png"].latitude == pytest.approx(36.5)
    assert by_path["dive00_1.png"].latitude == pytest.approx(36.6)
    assert by_path["dive00_1.png"].altitude_m == pytest.approx(3)
    assert by_path["dive01_0.png"].latitude is None
    assert sum(problem.kind == "unmatched-navigation" for problem in report.problems) == 6
