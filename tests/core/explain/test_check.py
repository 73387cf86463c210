"""The check, its report, and the two commands."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.cli import app
from core.errors import SettingsError, WorkspaceError
from core.explain.boxes import FoundBox, encode_mask
from core.explain.check import BASELINES, MEASURES, Check, check_maps, kept_check
from core.explain.export import explain_into, store_boxes
from core.explain.maps import MapSettings
from core.explain.report import check_json, check_text, losses
from core.explain.truth import known_places, rasterised, rendered_truth


@pytest.fixture(scope="module")
def annotated(workspace):
    """Boxes of a concept that only targets show, of one that all show, on the first run's images."""
    run = workspace.open_run(1)
    for row in range(len(run.table)):
        mask = np.zeros((64, 96), bool)
        mask[10:30, 20:60] = True
        box = FoundBox((20, 10, 40, 20), 1.0, mask)
        store_boxes(workspace, run, row, "sponge", "test", [box], actor="tester")
    with workspace.database.write() as session:
        from core.catalogue.schema import Annotation

        for note in session.query(Annotation).filter(Annotation.source == "model"):
            note.source = "person"
    return run


def test_the_check_stands_beside_its_baselines(annotated, workspace):
    check = check_maps(annotated, workspace, limit=6)
    assert "every annotated concept" in check.sentence
    table = check.table
    assert set(table["measure"]) == set(MEASURES)
    methods = {"centred", "centred, larger", "novel", "novel, larger", "additive", "features", *BASELINES}
    assert set(table.loc[table["measure"] == "pointing", "method"]) == methods
    assert not check.skipped
    complete = table[table["measure"] == "completeness"]
    assert (complete["mean"] < 1e-5).all()
    signs = table[table["measure"] == "sign"].set_index("method")["mean"]
    assert ((signs >= 0) & (signs <= 1)).all()
    assert set(table.loc[table["measure"] == "boxes", "concept"]) == {"", "sponge"}
    assert (table["low"] <= table["mean"] + 1e-9).all()
    pointing = table[(table["measure"] == "pointing")].set_index("method")
    rival = pointing["over"].iloc[0]
    assert pointing.loc[list(BASELINES), "mean"].max() == pointing.loc[rival, "mean"]
    np.testing.assert_allclose(pointing["lead"], pointing["mean"] - pointing.loc[rival, "mean"], atol=1e-9)
    lower = table[(table["measure"] == "deletion")].set_index("method")
    np.testing.assert_allclose(lower["lead"], lower.loc[lower["over"].iloc[0], "mean"] - lower["mean"], atol=1e-9)
    assert kept_check(annotated, workspace, 6).table.equals(table)
    assert kept_check(annotated, workspace, 5) is None
    with pytest.raises(SettingsError, match="at least 2"):
        check_maps(annotated, workspace, limit=1)


def test_places_are_those_of_what_the_reference_lacks(annotated, workspace, monkeypatch):
    table = annotated.table.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.explain.truth._catalogued", lambda workspace, images: {})
        with pytest.raises(SettingsError, match="no target region"):
            known_places(annotated, workspace, 4)
    targets = table["set"] == "target"
    table.loc[~targets, "set"] = "none"  # whose sponges then are nobody's
    monkeypatch.setitem(annotated.__dict__, "table", table)
    found, sentence = known_places(annotated, workspace, 4)
    assert "1 concepts that no reference region shows" in sentence
    assert all(targets[one.row] for one in found)
    assert len({one.group for one in found}) == len(found) == 4
    assert found[0].mask.sum() == 20 * 40
    assert found[0].objects == (("sponge", (20.0, 10.0, 40.0, 20.0)),)


def test_places_come_from_a_coco_file(run, workspace, tmp_path, monkeypatch):
    table = run.table
    row = int(np.flatnonzero(table["set"].isin(["target", "both"]))[0])
    line = table.iloc[row]
    width, height = int(line["width"]), int(line["height"])
    coco = {
        "images": [{"id": 7, "file_name": str(line["path"]), "width": width, "height": height}],
        "categories": [{"id": 1, "name": "unheard-of"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, width // 2, height]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(coco))
    monkeypatch.setattr("core.explain.truth._catalogued", lambda workspace, images: {})
    with pytest.raises(SettingsError, match="--truth"):
        known_places(run, workspace, 4)
    (found,), sentence = known_places(run, workspace, 4, tmp_path / "truth.json")
    assert "1 concepts that no reference region shows" in sentence
    assert found.row == row
    assert found.mask[:, : found.mask.shape[1] // 2 - 1].all()
    assert not found.mask[:, found.mask.shape[1] // 2 + 1 :].any()
    # A rendered demonstration lies beside its truth.
    assert rendered_truth(run, workspace) is None
    images = workspace.image(int(line["image_id"])).path.parents[str(line["path"]).count("/")]
    beside = images.parent / "truth.coco.json"
    beside.write_text(json.dumps(coco))
    try:
        assert rendered_truth(run, workspace) == beside
        assert known_places(run, workspace, 4)[0][0].row == row
    finally:
        beside.unlink()


def test_geometries_become_masks():
    box = {"type": "box", "x": 2, "y": 4, "w": 4, "h": 2}
    expected = np.zeros((5, 10), bool)
    expected[2:3, 1:3] = True
    assert (rasterised(box, (20, 10), (10, 5)) == expected).all()
    triangle = {"type": "polygon", "points": [[0, 0], [9, 0], [0, 9]]}
    assert rasterised(triangle, (10, 10), (10, 10))[[0, 0, 9, 9], [0, 9, 0, 9]].tolist() == [True, True, True, False]
    parts = {"type": "multipolygon", "parts": [triangle["points"], [[9, 9], [8, 9], [9, 8]]]}
    assert rasterised(parts, (10, 10), (10, 10))[9, 9]
    runs = {"type": "rle", **encode_mask(expected)}
    assert (rasterised(runs, (10, 5), (10, 5)) == expected).all()


def lines(**values):
    facts = {"concept": "", "images": 3, "groups": 2}
    rows = []
    for (measure, method), mean in values["rows"].items():
        rivals = {name: value for (of, name), value in values["rows"].items() if of == measure and name in BASELINES}
        sign = -1 if measure == "deletion" else 1
        over = max(rivals, key=lambda name: sign * rivals[name])
        lead = sign * (mean - rivals[over])
        near = {"lead": lead, "lead_low": lead - 0.05, "lead_high": lead + 0.05, "over": over}
        rows.append({"measure": measure, "method": method, "mean": mean, "low": mean, "high": mean, **facts, **near})
    return Check(pd.DataFrame(rows), "places", ["features: not for this network"])


def test_the_report_says_where_the_maps_lose():
    check = lines(
        rows={
            ("pointing", "centred"): 0.2,
            ("pointing", "centre blob"): 0.3,
            ("energy", "centred"): 0.2,
            ("energy", "random"): 0.1,
            ("ranking", "centred"): 0.62,
            ("ranking", "random"): 0.6,
            ("deletion", "novel"): 0.5,
            ("deletion", "random"): 0.4,
            ("sign", "centred"): float("nan"),
            ("sign", "random"): 0.5,
        }
    )
    found = losses(check)
    assert len(found) == 3
    assert "centred, 0.200) does not beat centre blob (lead -0.100 [-0.150 to -0.050])" in found[0]
    assert "does not surely beat random" in found[1]
    assert found[2].startswith("deletion")
    text = check_text(check)
    assert text.index("centre blob (baseline)") < text.index("centred  ")
    assert "left out: features" in text
    data = json.loads(json.dumps(check_json(check), allow_nan=False))
    assert data["rows"][8]["mean"] is None
    assert data["losses"] == found


def test_the_map_that_pages_show_first_is_named_where_it_loses_though_another_wins():
    rows = {
        ("pointing", "novel, larger"): 0.5,
        ("pointing", "centred"): 0.2,
        ("pointing", "activation norm, larger"): 0.3,
    }
    (found,) = losses(lines(rows=rows))
    assert found.startswith("pointing: the centred map (0.200) does not beat activation norm, larger (lead -0.100")
    assert found.endswith("look at novel, larger (0.500)")


def call(*words, code=0):
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("kind", ["ood", "ood-centred", "ood-novel", "ood-features", "class", "embedding", "match"])
def test_explain_writes_cells_and_a_picture(workspace, run, tmp_path, kind):
    path = str(run.table["path"][5])
    folders = ["--out", str(tmp_path), "--workspace", str(workspace.root)]
    facts = call("explain", "1", "--image", path, "--kind", kind, *folders)
    cells = np.load(tmp_path / "map.npy")
    assert cells.dtype == np.float32
    assert list(cells.shape) == facts["shape"]
    assert facts["sum"] == pytest.approx(float(cells.sum(dtype=np.float64)), abs=1e-6)
    assert facts["stored_score"] == pytest.approx(float(run.table["ood_score"][5]))
    if kind == "ood":
        assert facts["sum"] == pytest.approx(facts["score"], abs=1e-5)
        assert facts["score"] == pytest.approx(facts["stored_score"], abs=1e-5)
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.size[0] == 96
        assert picture.size[1] > 64
    boxes = json.loads((tmp_path / "boxes.json").read_text())
    assert len(boxes["annotations"]) == facts["boxes"]


def test_explain_takes_ids_files_from_outside_and_a_second_image(workspace, run, tmp_path):
    root = ["--workspace", str(workspace.root), "--out", str(tmp_path / "out")]
    by_id = call("explain", "1", "--image", str(run.table["image_id"][5]), *root)
    assert by_id["row"] == 5
    Image.new("RGB", (40, 30), (9, 80, 90)).save(tmp_path / "new.png")
    outside = call("explain", "1", "--image", str(tmp_path / "new.png"), *root)
    assert outside["row"] is None
    assert outside["stored_score"] is None
    matched = call("explain", "1", "--image", "5", "--kind", "match", "--with", "9", *root)
    assert matched["with"] == 8
    for words, sentence in (
        (["--image", "nothing.png"], "holds no image"),
        (["--image", "5", "--with", "9"], "--kind match"),
        (["--image", "5", "--kind", "heat"], "kind is one of"),
        (["--image", "5", "--kind", "class", "--concept", "whale"], "no class 'whale'"),
        (["--image", "5", "--detector", "lof"], "it has: knn"),
    ):
        assert sentence in call("explain", "1", *words, *root, code=1)["error"]


def test_the_detector_that_flagged_is_the_one_explained(workspace, tmp_path, monkeypatch):
    run = workspace.open_run(1)
    chosen = []

    def explain(run, workspace, rows, *, settings, others):
        chosen.append((settings.kind, settings.detector))
        raise SettingsError("enough")

    monkeypatch.setattr("core.explain.export.explain_regions", explain)
    monkeypatch.setattr("core.explain.export.flagging_detectors", lambda run, row: ("lof", "mahalanobis"))
    image = str(run.table["path"][4])
    for settings, asked in (
        (MapSettings("ood"), None),
        (MapSettings("ood-features"), None),
        (MapSettings("class"), None),
        (MapSettings("ood", "tiles"), None),
        (MapSettings("ood-centred"), "knn"),
    ):
        with pytest.raises(SettingsError, match="enough"):
            explain_into(run, workspace, image, settings, tmp_path, detector=asked)
    features = ("ood-features", "mahalanobis")
    assert chosen == [("ood", "lof"), features, ("class", "knn"), ("ood", "knn"), ("ood-centred", "knn")]


def test_boxes_are_kept_in_the_catalogue_when_asked_for(workspace, run, tmp_path):
    root = ["--workspace", str(workspace.root), "--out", str(tmp_path / "out")]
    image_id = int(run.table["image_id"][7])
    facts = call("explain", "1", "--image", str(image_id), "--store-boxes", *root)
    kept = [note for note in workspace.annotations(image_id) if note.concept == "strange"]
    assert facts["stored"] == facts["boxes"] == len(kept) > 0
    assert {note.source for note in kept} == {"model"}
    Image.new("RGB", (40, 30), (9, 80, 90)).save(tmp_path / "new.png")
    refused = call("explain", "1", "--image", str(tmp_path / "new.png"), "--store-boxes", *root, code=1)
    assert "is not in run 1" in refused["error"]


def test_explain_check_prints_and_writes_the_table(annotated, workspace, tmp_path):
    out = tmp_path / "table.csv"
    facts = call("explain-check", "1", "--images", "6", "--out", str(out), "--workspace", str(workspace.root))
    table = pd.read_csv(out)
    assert len(table) == len(facts["rows"])
    assert {"measure", "method", "mean", "low", "high"} <= set(table.columns)


def test_boxes_of_a_map_are_superseded_by_the_next(workspace, run):
    image = int(run.table["image_id"][3])
    mask = np.zeros((64, 96), bool)
    mask[1:3, 1:3] = True
    for _ in range(2):
        store_boxes(workspace, run, 3, "oddity", "ood", [FoundBox((1, 1, 2, 2), 0.5, mask)], actor="tester")
    kept = [note for note in workspace.annotations(image) if note.concept == "oddity"]
    assert len(kept) == 1
    assert kept[0].source == "model"
    assert kept[0].score == 0.5
    assert kept[0].geometry["box"] == [1, 1, 2, 2]


def test_a_folder_that_cannot_be_written_is_told(workspace, run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        explain_into(run, workspace, "5", MapSettings("ood"), tmp_path / "file" / "out")
