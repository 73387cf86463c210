"""Runs whose detectors read a model: logits, calibration apart from what it was made with, keys."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.learn.apart import serving
from core.learn.models import load_model
from core.learn.predicting import predict_regions
from core.ood.halves import detect
from core.ood.registry import DETECTORS
from core.pipeline import execute
from core.progress import silent
from core.settings import OodSettings, RunSettings
from core.stages import group_codes
from core.workspace import open_workspace
from tests.core.learn.conftest import BODY


@pytest.fixture(scope="module")
def made(learnt, tmp_path_factory):
    """A workspace of its own with the model in it, and the settings of a run that reads it."""
    folder = tmp_path_factory.mktemp("reading") / "ws"
    shutil.copytree(learnt[0].root, folder)
    workspace = open_workspace(folder)
    settings = RunSettings(
        datasets=("dives",), embed=BODY, ood=OodSettings(alpha=0.2, detectors=("energy", "lof"), model="first")
    )
    yield workspace, settings
    workspace.close()


def run(workspace, settings):
    return execute(workspace, settings, name=None, actor="tester", workers=1, progress_for=lambda stage, unit: silent)


def test_a_run_reads_a_models_answers_and_calibrates_apart_from_it(made):
    workspace, settings = made
    outcome = run(workspace, settings)
    opened = workspace.open_run(outcome.info.id)
    table, facts = opened.table, opened.manifest["detectors"]
    assert facts["energy"]["model"] == "first"
    assert "model" not in facts["lof"]
    model = load_model(workspace.root / "models" / "first", device="cpu")
    answers = predict_regions(workspace, model, run=opened)
    used = serving(model.groups)
    served = np.array([f"dives/{group}" in used for group in table["group"]])
    assert 0 < served.sum() < len(table)
    reference = np.ones(len(table), bool)
    expected = detect(
        DETECTORS["energy"],
        np.asarray(opened.embeddings),
        reference,
        group_codes(table),
        alpha=0.2,
        logits=np.asarray(answers.logits),
        served=served,
    )
    np.testing.assert_allclose(table["energy_score"], expected.score)
    np.testing.assert_allclose(table["energy_p_value"], expected.p_value)
    assert facts["energy"]["groups"] == len(set(table["group"][~served]))


def test_the_models_answers_are_part_of_what_a_run_is(made):
    workspace, settings = made
    first = run(workspace, settings)
    assert run(workspace, settings).reused
    elsewhere = workspace.root / "models" / "second"
    shutil.copytree(workspace.root / "models" / "first", elsewhere)
    assert run(workspace, replace(settings, ood=replace(settings.ood, model="second"))).info.id == first.info.id
    plain = run(workspace, replace(settings, ood=OodSettings(alpha=0.2, detectors=("lof",))))
    assert plain.info.id != first.info.id
    kept = workspace.open_run(first.info.id).table
    lof = workspace.open_run(plain.info.id).table["lof_score"]
    np.testing.assert_array_equal(kept["lof_score"], lof)
    assert RunSettings.from_json(settings.to_json()) == settings
