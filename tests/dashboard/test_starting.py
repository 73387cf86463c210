"""A new run's form: weights chosen, sent and checked, and an earlier run's settings to begin with."""

from __future__ import annotations

import io
import shutil
import urllib.request
from contextlib import closing

import pytest
import streamlit as st
import torch
from safetensors.torch import save, save_file

from core.embed import checking
from core.errors import ModelError, WorkspaceError
from core.jobs.asking import ask, book
from core.jobs.worker import Worker
from core.serving import ROOTS_VARIABLE
from core.settings import EmbedSettings, OodSettings, ProjectionSettings, RunSettings
from core.workspace import open_workspace
from dashboard import finding, starting_from, state, weighing
from tests.core.embed.networks import untrained
from tests.dashboard.test_pages import opened, said
from tests.small import make_collection

NAME = "mobilenet_v2"


class Sent(io.BytesIO):
    """What an uploader gives."""

    def __init__(self, name, body, size=None):
        super().__init__(body)
        self.name, self.size = name, len(body) if size is None else size


@pytest.fixture(scope="module")
def weights():
    """A file with a head of seven classes, as bytes."""
    tensors = untrained(NAME).state_dict() | {
        "classifier.1.weight": torch.zeros(7, 1280),
        "classifier.1.bias": torch.zeros(7),
    }
    return save(tensors)


@pytest.fixture
def desk(tmp_path, monkeypatch, weights):
    """A workspace with eight pictures, and a folder that may be looked into with a weights file in it."""
    make_collection(tmp_path / "data", dives=4, frames=2)
    (tmp_path / "data" / "net").mkdir()
    (tmp_path / "data" / "net" / "own.safetensors").write_bytes(weights)
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(checking, "answers", lambda url: False)
    st.cache_data.clear()
    with closing(open_workspace(tmp_path / "workspace")) as space:
        ask(space, "import", "d", {"source": str(tmp_path / "data" / "frames.csv"), "dataset": "d"}, actor="t")
        Worker(space, "files").work(until_idle=True)
        yield space
    st.cache_resource.clear()
    st.cache_data.clear()


def start(app):
    return app.button(key="start_run")


def test_weights_are_chosen_by_clicks_checked_and_run_with(desk, tmp_path):
    app = opened("runs")
    assert not start(app).disabled
    app.selectbox(key="start_embedder").set_value(NAME).run()
    assert start(app).disabled
    assert f"The weights of {NAME} are not on this machine" in said(app)
    app.segmented_control(key=weighing.WAY).set_value(weighing.KEPT).run()
    assert "no weights file in this workspace yet" in said(app)
    app.segmented_control(key=weighing.WAY).set_value(weighing.MACHINE).run()
    app.button(key="weigh_folder_net").click().run()
    app.button(key="weigh_weights file_own.safetensors").click().run()
    assert not app.exception
    assert f"own.safetensors fits {NAME}: every layer has its weights, and a picture becomes 1,280 numbers" in said(app)
    assert "tells 7 classes apart" in said(app)
    assert str(tmp_path) not in said(app)
    app.selectbox(key="start_embedder").set_value("resnet50").run()
    assert start(app).disabled
    assert "own.safetensors for resnet50: 0 of" in said(app)
    app.selectbox(key="start_embedder").set_value(NAME).run()
    app.button(key="start_cost").click().run()
    assert "8 images take about" in said(app)
    start(app).click().run()
    job = book(desk).jobs()[0]
    assert job.arguments["settings"]["embed"]["weights"] == str(tmp_path / "data" / "net" / "own.safetensors")
    Worker(desk, "compute").work(until_idle=True)
    assert (book(desk).job(job.id).state, book(desk).job(job.id).error) == ("done", "")
    app = opened("runs")
    app.session_state["run_1"] = True
    app.run()
    assert f"{NAME}, weights own.safetensors, 224 pixels" in said(app)


def test_own_weights_are_asked_for_before_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    checking.check_own("demo")
    monkeypatch.setattr(checking, "answers", lambda url: False)
    with pytest.raises(ModelError, match=r"not on this machine, and download.pytorch.org"):
        checking.check_own("resnet18")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(b"")
    checking.check_own("resnet18")  # fetched before
    monkeypatch.setattr(checking, "answers", lambda url: True)
    checking.check_own("resnet34")


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch):
    def refused(request, timeout):
        raise OSError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    assert not checking.answers("https://example.org/x.pth")
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: io.BytesIO())
    assert checking.answers("https://example.org/x.pth")


def test_what_is_sent_is_kept_once_and_only_as_plain_weights(desk, weights):
    first = weighing.keep(desk, Sent("../../my net.safetensors", weights))
    assert first == desk.root.resolve() / weighing.FOLDER / "my_net.safetensors"
    assert weighing.keep(desk, Sent("again.safetensors", weights)) == first
    other = save({"x": torch.ones(3)})
    second = weighing.keep(desk, Sent("MY net.safetensors", other))
    assert second.name == "MY_net_2.safetensors"
    code = io.BytesIO()
    torch.save({"x": torch.nn.Linear(2, 2)}, code)  # a module, which would run code
    for name, body, size, told in (
        ("net.pth", code.getvalue(), None, "could run code"),
        ("net.safetensors", b"<html>", None, "cannot be read as weights"),
        ("net.exe", other, None, "is no weights file"),
        ("net.safetensors", other, weighing.MAX_BYTES + 1, "up to 200 MB"),
    ):
        with pytest.raises(ModelError, match=told):
            weighing.keep(desk, Sent(name, body, size))
    assert weighing.kept(desk) == [second, first]
    assert sorted(path.name for path in (desk.root / weighing.FOLDER).iterdir()) == [second.name, first.name]
    (desk.root / weighing.FOLDER / "out.pth").symlink_to("/etc/hostname")
    assert weighing.kept(desk) == [second, first]


def test_more_than_was_said_is_not_written(desk, monkeypatch):
    monkeypatch.setattr(weighing, "MAX_BYTES", 10)
    with pytest.raises(ModelError, match="larger than it said"):
        weighing.keep(desk, Sent("a.pth", bytes(20), 5))
    assert weighing.kept(desk) == []


def test_a_file_kept_in_the_workspace_is_offered(desk, weights):
    path = weighing.keep(desk, Sent("sent.safetensors", weights))
    app = opened("runs")
    app.selectbox(key="start_embedder").set_value(NAME).run()
    app.segmented_control(key=weighing.WAY).set_value(weighing.KEPT).run()
    assert "sent.safetensors fits" in said(app)
    start(app).click().run()
    assert book(desk).jobs()[0].arguments["settings"]["embed"]["weights"] == str(path)


def test_weights_outside_the_allowed_folders_are_refused(desk, tmp_path, weights):
    outside = tmp_path / "out.safetensors"
    outside.write_bytes(weights)
    app = opened("runs")
    app.selectbox(key="start_embedder").set_value(NAME).run()
    app.session_state[weighing.WAY] = weighing.MACHINE
    app.session_state[weighing.PLACES[weighing.MACHINE]] = str(outside)
    app.run()
    assert start(app).disabled
    assert "outside the folders" in said(app)
    assert finding.listing(tmp_path / "data" / "net", weighing.ENDINGS).files == ("own.safetensors",)
    with pytest.raises(WorkspaceError):
        finding.allowed(outside)


def test_a_check_is_made_again_when_the_file_changes(desk, tmp_path, weights):
    path = tmp_path / "data" / "net" / "own.safetensors"
    app = opened("runs")
    app.selectbox(key="start_embedder").set_value(NAME).run()
    app.session_state[weighing.WAY] = weighing.MACHINE
    app.session_state[weighing.PLACES[weighing.MACHINE]] = str(path)
    app.run()
    assert not start(app).disabled
    save_file({"x": torch.ones(3)}, path)
    app.run()
    assert start(app).disabled
    path.unlink()
    app.run()
    assert start(app).disabled
    assert "not there any more" in said(app)


def test_an_earlier_run_fills_the_form(desk, tmp_path, weights):
    shutil.copy(tmp_path / "data" / "net" / "own.safetensors", tmp_path / "data" / "other.safetensors")
    first = RunSettings(
        ("d",),
        ("depth_m<800",),
        (),
        embed=EmbedSettings(
            embedder=NAME, weights=str(tmp_path / "data" / "other.safetensors"), short_side=64, steps=("crop:0.7",)
        ),
        ood=OodSettings(k=1, alpha=0.2, detectors=("mahalanobis",)),
        projection=ProjectionSettings(n_neighbors=4, fast=True),
    )
    run = desk.journal.start("first", "k", first, "t")
    desk.journal.fail(run.id, "failed", "")
    app = opened("runs")
    app.session_state["runs_new"] = True
    app.run()
    app.selectbox(key=starting_from.FROM).set_value(1).run()
    assert not app.exception
    assert "neighbours in a score 1; map: neighbours 4" in said(app)
    assert "other.safetensors fits" in said(app)
    app.number_input(key="start_side").set_value(96).run()
    start(app).click().run()
    asked = RunSettings.from_json(book(desk).jobs()[0].arguments["settings"])
    assert asked.embed.short_side == 96
    assert asked.with_(embed=first.embed) == first
    app.selectbox(key=starting_from.FROM).set_value(None).run()
    assert not app.exception
    assert not start(app).disabled
    start(app).click().run()
    assert RunSettings.from_json(book(desk).jobs()[0].arguments["settings"]) == RunSettings(("d",))
