"""Runs with further detectors, and how well each of them does against a truth."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from core.assess.otherwise import score_otherwise
from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.comparing import compare_detectors, comparison_json, comparison_text, write_comparison
from core.errors import GraphError, ModelError, SelectionError, SettingsError, WorkspaceError
from core.pipeline import execute
from core.progress import silent
from core.runs import TABLE_COLUMNS
from core.settings import EmbedSettings, OodSettings, RunSettings
from core.workspace import open_workspace
from tests.small import NETWORK, make_collection, random_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace and its settings without and with detectors."""
    folder = tmp_path_factory.mktemp("detectors")
    source = make_collection(folder / "source", dives=24, frames=2)
    workspace = open_workspace(folder / "ws")
    plan = plan_import(source, ReadOptions(images=source.parent / "images"))
    import_images(workspace, plan, dataset="dives", actor="tester", now=datetime(2026, 1, 2, tzinfo=UTC), workers=0)
    weights = random_weights(folder / "network.safetensors")
    plain = RunSettings(
        datasets=("dives",),
        reference=("depth_m<800",),
        embed=EmbedSettings(embedder=NETWORK, weights=str(weights), short_side=32, batch=4, device="cpu"),
        ood=OodSettings(alpha=0.2),
    )
    yield workspace, plain, replace(plain, ood=OodSettings(alpha=0.2, detectors=("Root-Residual", "lof")))
    workspace.close()


def run(workspace, settings):
    return execute(workspace, settings, name=None, actor="tester", workers=1, progress_for=lambda stage, unit: silent)


@pytest.fixture(scope="module")
def runs(made):
    workspace, plain, detecting = made
    return workspace, [workspace.open_run(run(workspace, settings).info.id) for settings in (plain, detecting)]


def test_detectors_add_columns_and_change_nothing_else(runs):
    _, (plain, detecting) = runs
    added = [f"{name}_{what}" for name in ("root_residual", "lof") for what in ("score", "p_value", "flagged")]
    assert [name for name in detecting.table.columns if name not in plain.table.columns] == added
    assert detecting.table[list(plain.table.columns)].equals(plain.table)
    assert list(detecting.table.columns[: len(TABLE_COLUMNS)]) == list(TABLE_COLUMNS)
    assert np.isfinite(detecting.table["lof_score"]).all()
    assert detecting.table["lof_p_value"].between(0, 1).all()
    assert "detectors" not in plain.manifest
    facts = detecting.manifest["detectors"]["root_residual"]
    assert facts["flag_rule"] == "conformal p<=0.2"
    assert facts["groups"] == 8
    assert "8 reference groups are needed" in facts["sentence"]
    assert detecting.damage() == []


def test_the_score_of_one_picture_shown_otherwise(runs):
    workspace, (run_, _) = runs
    row = int(np.flatnonzero(run_.table["set"] == "target")[0])
    path = workspace.image(int(run_.table["image_id"].iloc[row])).path
    same = score_otherwise(run_, row, path, ())
    assert same.after == pytest.approx(same.before, abs=1e-5)
    assert same.before == run_.table["ood_score"].iloc[row]
    assert same.rank_before == pytest.approx(run_.table["ood_percentile"].iloc[row])
    changed = score_otherwise(run_, row, path, ("clahe:4", "crop:0.5"))
    assert abs(changed.after - changed.before) > 1e-5
    known = int(np.flatnonzero(run_.table["set"] == "reference")[0])
    own = workspace.image(int(run_.table["image_id"].iloc[known])).path
    assert score_otherwise(run_, known, own, ()).after == pytest.approx(run_.table["ood_score"].iloc[known], abs=1e-5)
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        score_otherwise(run_, row, path.with_name("gone.png"), ())


def test_runs_with_and_without_detectors_are_found_again(made, runs):
    workspace, plain, detecting = made
    assert run(workspace, plain).reused
    assert run(workspace, detecting).reused
    other = run(workspace, replace(plain, ood=OodSettings(alpha=0.2, detectors=("root_residual", "lof"))))
    assert other.reused
    assert RunSettings.from_json(detecting.to_json()) == detecting


def test_what_cannot_be_detected_is_refused_before_the_long_work(made):
    workspace, plain, _ = made
    before = len(workspace.runs())
    with pytest.raises(SettingsError, match="did you mean lof"):
        run(workspace, replace(plain, ood=OodSettings(detectors=("lot",))))
    with pytest.raises(SettingsError, match="name a trained model"):
        run(workspace, replace(plain, ood=OodSettings(detectors=("energy",))))
    with pytest.raises(SettingsError, match="read by vim, energy and max_logit alone"):
        run(workspace, replace(plain, ood=OodSettings(detectors=("lof",), model="any")))
    with pytest.raises(ModelError, match="there is no model 'any'"):
        run(workspace, replace(plain, ood=OodSettings(detectors=("energy",), model="any")))
    with pytest.raises(GraphError, match="two or more groups"):
        run(workspace, replace(plain, reference=("group=D00",), ood=OodSettings(detectors=("lof",))))
    assert len(workspace.runs()) == before


def test_a_comparison_names_every_detector_and_is_written_as_a_table(runs, tmp_path):
    _, (plain, detecting) = runs
    found = compare_detectors(detecting, ("depth_m>=800",), resamples=50)
    assert set(found.detectors) == {"knn", "root_residual", "lof"}
    figures = found.detectors["lof"]
    assert (figures.known, figures.unknown, figures.known_groups, figures.unknown_groups) == (32, 16, 16, 8)
    assert figures.auroc.low <= figures.auroc.value <= figures.auroc.high
    text = comparison_text(found)
    assert "16 regions of 8 groups are truly unknown (depth_m>=800)" in text
    assert all(name in text for name in found.detectors)
    assert comparison_json(found)["detectors"]["knn"]["auroc"].keys() == {"value", "low", "high"}
    write_comparison(found, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = {row["detector"]: row for row in csv.DictReader(file)}
    assert float(rows["lof"]["auroc"]) == pytest.approx(figures.auroc.value, abs=1e-5)
    assert rows["lof"]["unknown_groups"] == "8"
    assert set(compare_detectors(plain, ("depth_m>=800",), resamples=5).detectors) == {"knn"}
    with pytest.raises(WorkspaceError, match="cannot be written"):
        write_comparison(found, tmp_path / "table.csv" / "below")


def test_a_truth_that_holds_everywhere_or_nowhere_is_said(runs):
    _, (plain, _) = runs
    for truth in ("depth_m>=0", "depth_m>=99999"):
        with pytest.raises(SelectionError, match="both kinds"):
            compare_detectors(plain, (truth,))
