"""What is written in each format and read back says the same."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from core.catalogue.formats.registry import guess_format, read
from core.catalogue.records import ReadOptions
from core.errors import CoreError, FormatError, SettingsError, WorkspaceError
from core.publish.bundle import gather
from core.publish.darwin import TERMS
from core.publish.worms import load_register
from core.publish.writing import FORMATS, Options, as_download, make, rows_of, write
from tests.core.publish.conftest import HOSTILE, NOW

WORMS = (
    "ScientificName,AphiaID,AphiaID_accepted,ScientificName_accepted,Rank\nSolmissus,117030,117030,Solmissus,Genus\n"
)
READ_AS = {"fathomnet": "fathomnet-json", "fathomnet-boxes": "fathomnet", "fathomnet-submission": "fathomnet"}
FULL = (0.0, 0.0, 320.0, 180.0)


def everything(run) -> np.ndarray:
    return np.arange(len(run.table))


def back(published, name, tmp_path, **options):
    space, run, images = published
    out = tmp_path / ("yolo" if name == "yolo" else f"out.{name}.{'json' if name in ('coco', 'fathomnet') else 'csv'}")
    out = out.with_suffix(".yaml") if name == "ifdo" else out
    write(make(space, run, name, everything(run), Options(**options)), out)
    assert guess_format(out) == READ_AS.get(name, name)
    return read(out, ReadOptions(images=images))


def box(geometry) -> tuple[float, ...] | None:
    if geometry is None:
        return None
    sides = geometry["box"] if "box" in geometry else [geometry[side] for side in "xywh"]
    return tuple(round(float(side), 4) for side in sides)


def said(reading, *, whole=None) -> dict[str, list[tuple]]:
    return {
        record.path: sorted(((one.concept, box(one.geometry) or whole) for one in record.annotations), key=repr)
        for record in reading.records
        if record.labelled
    }


def stated(published, *, whole=None) -> dict[str, list[tuple]]:
    space, run, _ = published
    return {
        image.path: sorted(
            ((one.concept, tuple(round(float(side), 4) for side in one.box) if one.box else whole)
             for one in image.statements), key=repr)
        for image in gather(space, run, everything(run)).images
        if image.statements or image.labelled
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "whole"),
    [("coco", None), ("ifdo", None), ("biigle", None), ("fathomnet", FULL), ("fathomnet-boxes", FULL), ("viame", FULL),
     ("yolo", FULL)],
)  # fmt: skip
def test_labels_and_boxes_come_back(published, tmp_path, name, whole):
    reading = back(published, name, tmp_path)
    want = stated(published, whole=whole)
    if name in ("biigle", "fathomnet-boxes", "viame"):  # tables of labels cannot say that a picture has none
        want = {path: labels for path, labels in want.items() if labels}
    assert said(reading, whole=whole) == want
    assert [problem.kind for problem in reading.problems if problem.kind != "unlabelled"] == []


@pytest.mark.parametrize("name", ["coco", "ifdo", "biigle"])
def test_polygons_come_back(published, tmp_path, name):
    found = [one.geometry for record in back(published, name, tmp_path).records for one in record.annotations]
    polygons = [geometry for geometry in found if geometry and geometry["type"] == "polygon"]
    assert polygons == [{"type": "polygon", "points": [[10.5, 20], [60, 22], [40.25, 70]], "box": [10.5, 20, 49.5, 50]}]


@pytest.mark.parametrize("name", ["coco", "ifdo", "fathomnet"])
def test_time_place_and_depth_come_back(published, tmp_path, name):
    reading = back(published, name, tmp_path)
    table = published[1].table.set_index("path")
    for record in reading.records:
        row = table.loc[record.path]
        assert record.taken_at == row["taken_at"].to_pydatetime()
        assert (record.latitude, record.longitude) == (row["latitude"], row["longitude"])
        assert (record.depth_m, record.altitude_m) == (row["depth_m"], row["altitude_m"])
        if name != "fathomnet":
            assert (record.camera, record.site) == ("cam A", "ridge, north")


@pytest.mark.parametrize("name", ["coco", "ifdo", "fathomnet", "fathomnet-boxes", "viame", "yolo"])
def test_scores_come_back(published, tmp_path, name):
    found = [one.score for record in back(published, name, tmp_path).records for one in record.annotations]
    told = [score for score in found if score not in (None, 1.0)]
    if name == "fathomnet-boxes":
        return  # FathomNet's table has no score of its own: ours comes back as a column
    assert sorted(told) == [0.75, 0.875]


def test_who_said_it_comes_back(published, tmp_path):
    reading = back(published, "ifdo", tmp_path)
    actors = {one.actor for record in reading.records for one in record.annotations}
    assert actors == {"importer", "Ada Ørsted", "resnet50 v2"}


def test_a_tree_of_concepts_comes_back(published, tmp_path):
    for name in ("coco", "biigle"):
        parents = {concept.name: concept.parent for concept in back(published, name, tmp_path).concepts}
        assert parents["Solmissus"] == "Cnidaria"


def test_decisions_and_provenance_travel_along(published):
    space, run, _ = published
    coco = json.loads(make(space, run, "coco", everything(run)).files["coco.json"])
    assert coco["info"]["benthoscope"]["run_uid"] == run.info.uid
    assert coco["images"][4]["decisions"][0]["verdict_name"] == "Known taxon"
    assert coco["images"][4]["decisions"][0]["actor"] == "Ada Ørsted"
    document = yaml.safe_load(make(space, run, "ifdo", everything(run)).files["ifdo.yaml"])
    items = document["image-set-items"]
    assert items["dive 0/frame;1.jpg"]["benthoscope-decisions"][0]["verdict"] == "new"


def test_ifdo_keeps_the_rules_of_its_schema(published):
    space, run, _ = published
    document = yaml.safe_load(make(space, run, "ifdo", everything(run)).files["ifdo.yaml"])
    header, items = document["image-set-header"], document["image-set-items"]
    assert {"image-set-name", "image-set-uuid", "image-set-handle", "image-set-ifdo-version"} <= header.keys()
    labels = {label["id"] for label in header["image-annotation-labels"]}
    people = {person["id"] for person in header["image-annotation-creators"]}
    for item in items.values():
        assert pd.Timestamp(item["image-datetime"]).tz is None
        assert item["image-altitude-meters"] < 0
        for note in item.get("image-annotations", []):
            assert note["shape"] in ("whole-image", "rectangle", "polygon")
            assert all(isinstance(part, list) and len(part) % 2 == 0 for part in note["coordinates"])
            assert {label["id"] for label in note["labels"]} <= labels
            assert {label["annotator"] for label in note["labels"]} <= people


def darwin(published, tmp_path):
    space, run, _ = published
    worms = tmp_path / "worms-2026-02-03.csv"
    worms.write_text(WORMS)
    return make(space, run, "darwin-core", everything(run), Options(worms=worms))


def test_occurrences_are_of_known_names_alone(published, tmp_path):
    written = darwin(published, tmp_path)
    table = pd.read_csv(pd.io.common.BytesIO(written.files["occurrence.csv"]))
    assert list(table.columns) == list(TERMS)
    assert set(table["scientificName"]) == {"Solmissus"}
    assert set(table["scientificNameID"]) == {"urn:lsid:marinespecies.org:taxname:117030"}
    assert set(table["occurrenceStatus"]) == {"present"}
    assert set(table["basisOfRecord"]) == {"MachineObservation"}
    by_media = table.set_index("associatedMedia")
    assert by_media.loc["dive 2/frame;4.jpg", "identificationVerificationStatus"] == "ValidatedByHuman"
    assert by_media.loc["dive 2/frame;4.jpg", "identifiedBy"] == "Ada Ørsted"
    predicted = table[table["associatedMedia"].str.contains("dive 0/frame;1.jpg")]
    assert predicted["identificationVerificationStatus"].tolist() == ["PredictedByMachine"]
    assert "worms-2026-02-03.csv of 2026-02-03" in table["identificationReferences"].iloc[0]
    # Of two brittle stars one is on a picture of which a reviewer says that it shows gear.
    assert any("brittle star, small (1)" in remark and HOSTILE in remark for remark in written.remarks)
    assert table["occurrenceID"].is_unique
    assert darwin(published, tmp_path).files == written.files  # the same occurrence keeps its id


def test_occurrences_come_back(published, tmp_path):
    (tmp_path / "occurrence.csv").write_bytes(darwin(published, tmp_path).files["occurrence.csv"])
    reading = read(tmp_path / "occurrence.csv", ReadOptions(images=published[2]))
    assert reading.concepts[0].aphia_id == 117030
    labelled = {record.path for record in reading.records if record.annotations}
    assert labelled == {"dive 0/frame;0.jpg", "dive 0/frame;1.jpg", "dive 2/frame;4.jpg"}
    assert next(record for record in reading.records if record.annotations).depth_m == 812.5


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("worms.csv", WORMS, "when it was taken"),
        ("worms-2026-13-01.csv", WORMS, "when it was taken"),
        ("worms-2026-01-01.csv", "a,b\n1,2\n", "no columns"),
        ("worms-2026-01-01.csv", "ScientificName,AphiaID\nSolmissus,\n", "no name an AphiaID"),
        ("worms-2026-01-01.csv", "ScientificName,AphiaID\nSolmissus,1\nsolmissus ,2\n", "leave the right one in"),
    ],
)
def test_a_register_without_date_or_ids_is_refused(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=reason):
        load_register(tmp_path / name)


def test_darwin_core_is_not_written_without_a_register(published):
    space, run, _ = published
    with pytest.raises(SettingsError, match="--worms"):
        make(space, run, "darwin-core", everything(run))


def test_a_submission_holds_codes_best_first(published, tmp_path):
    space, run, _ = published
    written = make(space, run, "fathomnet-submission", everything(run))
    table = pd.read_csv(pd.io.common.BytesIO(written.files["submission.csv"]), dtype=str)
    assert list(table.columns) == ["id", "categories", "osd"]
    assert table["categories"].iloc[0] == "1 2"
    assert table["osd"].astype(float).between(0, 1).all()


def test_the_selection_is_exported_and_not_the_whole(published):
    space, run, _ = published
    rows = rows_of(space, run, ("verdict=taxon",))
    assert rows.tolist() == [4]
    coco = json.loads(make(space, run, "coco", rows).files["coco.json"])
    assert [image["file_name"] for image in coco["images"]] == ["dive 2/frame;4.jpg"]
    table = pd.read_csv(pd.io.common.BytesIO(make(space, run, "csv", rows).files["regions.csv"]))
    assert table["decided_by"].tolist() == ["Ada Ørsted"]
    assert table["decision_note"].tolist() == ["'" + HOSTILE]
    assert json.loads(make(space, run, "json", rows).files["regions.json"])["regions"][0]["decision_note"] == HOSTILE


def test_the_run_s_table_opens_again_without_the_images(published, tmp_path):
    space, run, _ = published
    write(make(space, run, "csv", everything(run)), tmp_path / "regions.csv")
    reading = read(tmp_path / "regions.csv")
    assert [record.path for record in reading.records] == run.table["path"].tolist()
    assert {one.concept for record in reading.records for one in record.annotations} >= {"Solmissus", HOSTILE}


def test_a_folder_is_never_written_over_another(published, tmp_path):
    space, run, _ = published
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("x")
    with pytest.raises(WorkspaceError, match="name a new one"):
        write(make(space, run, "yolo", everything(run)), tmp_path / "out")
    name, data = as_download(make(space, run, "yolo", everything(run)))
    assert (name, data[:2]) == ("yolo.zip", b"PK")


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_selected_is_an_empty_file_and_no_error(published, tmp_path, name):
    space, run, _ = published
    worms = tmp_path / "worms-2026-02-03.csv"
    worms.write_text(WORMS)
    assert make(space, run, name, [], Options(worms=worms)).count == 0


def test_an_unknown_format_is_a_sentence(published):
    space, run, _ = published
    with pytest.raises(CoreError, match="a format is one of csv"):
        make(space, run, "pickle", [0])
    assert NOW
