"""Preprocessing belongs to a model: it is recorded, and everything that the model is shown goes through it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from core.cli import app
from core.embed.geometry import geometry_for
from core.embed.prepare import prepare
from core.errors import ModelError, SettingsError
from core.learn.bodies import assembled, body_facts, open_body, part_tensors
from core.learn.models import load_model
from core.learn.predicting import predict_files
from core.learn.recipes import TrainSettings, preset_settings
from core.learn.training import train_model
from core.processing.applying import applied
from core.settings import EmbedSettings, RegionSettings
from core.workspace import open_workspace
from tests.core.learn.conftest import silent_for

STEPS = ("clahe:2", "gray-world")


@pytest.fixture(scope="module")
def workspace(learnt, tmp_path_factory):
    """Room for more models of the same pictures."""
    opened = open_workspace(shutil.copytree(learnt[0].root, tmp_path_factory.mktemp("prepared") / "ws"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def prepared(workspace):
    """A model of the same pictures, each with its contrast raised and its cast taken away; by the command line."""
    words = ["train", "dives", "--name", "prepared", "--preset", "probe", "--short-side", "64", "--device", "cpu"]
    words += ["--prepare", STEPS[0], "--prepare", STEPS[1], "--workspace", str(workspace.root)]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return load_model(workspace.root / "models" / "prepared", device="cpu")


def test_the_steps_are_recorded_and_said(learnt, workspace, prepared):
    card = (workspace.root / "models" / "prepared" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert prepared.facts["settings"]["embed"]["steps"] == list(STEPS)
    assert "Preprocessing of whatever it is shown" in card
    assert "Preprocessing" not in (learnt[1].folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    # Class maps, detectors and predictions all ask the body for the geometry of what it is shown.
    (part,) = prepared.parts
    assert {tuple(one.geometry(96, 64).steps) for one in (part.base, part.embedder, part.scorer)} == {STEPS}


def test_its_answer_is_that_of_pictures_prepared_by_hand(workspace, prepared):
    (part,) = prepared.parts
    file = sorted(workspace.datasets()[0].root.glob("*.png"))[3]
    plain = geometry_for(96, 64, None, EmbedSettings(short_side=64), square=False, multiple=part.base.multiple)
    shown = np.asarray(prepare(Image.open(file).convert("RGB"), plain).permute(1, 2, 0))
    by_hand = torch.from_numpy(applied(shown, STEPS)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        features = part.embedder.embed(by_hand)
        expected = part.heads(features).numpy().ravel()
    (told,) = predict_files(prepared, [file], workers=1)
    assert np.abs(told.logits - expected).max() < 1e-4
    with torch.inference_mode():
        raw = part.embedder.embed(torch.from_numpy(shown.copy()).permute(2, 0, 1)[None])
    assert np.abs(told.logits - part.heads(raw).numpy().ravel()).max() > 1e-2


def test_steps_are_part_of_a_bodys_key_and_their_version_is_held(prepared):
    base = prepared.parts[0].base
    tensors = part_tensors(base.body, base.ending)
    keys = {
        assembled(EmbedSettings("demo", short_side=64, device="cpu", steps=steps), tensors, "of", "").key
        for steps in ((), STEPS, STEPS[::-1])
    }
    assert len(keys) == 3
    with pytest.raises(ModelError, match="preprocessing was of version 0"):
        open_body(body_facts(base, "mean") | {"processing": 0}, {}, device="cpu")


def test_a_crop_is_for_whole_images():
    cropped = EmbedSettings(steps=("crop:0.5",))
    assert TrainSettings(("d",), embed=cropped).embed.steps == ("crop:0.5",)
    with pytest.raises(SettingsError, match="for whole images"):
        TrainSettings(("d",), embed=cropped, regions=RegionSettings.parse("boxes"))


def test_a_whole_network_learns_on_prepared_pictures(workspace):
    body = EmbedSettings(embedder="demo", device="cpu", batch=8, steps=STEPS)
    settings = preset_settings("seafloor-2021", ("dives",), body, short_side=32)
    settings = settings.with_(network=type(settings.network)(epochs=1, head_epochs=0, batch=32, rate=1e-3), crop=1.0)
    trained = train_model(workspace, settings, "whole", workers=1, progress_for=silent_for)
    assert load_model(trained.folder, device="cpu").parts[0].base.settings.steps == STEPS
