"""Bringing, running, watching and taking home, as pages: by Streamlit's own driver, on real workspaces."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as given_by
from PIL import Image

from core.catalogue.describing import descriptions
from core.catalogue.editing import acts_of, edit_images
from core.catalogue.formats.columns import KEPT, SYNONYMS
from core.errors import WorkspaceError
from core.jobs.asking import ask, book
from core.jobs.lanes import LANE_OF
from core.jobs.worker import Worker
from core.learn.models import read_facts
from core.serving import ROOTS_VARIABLE
from core.workspace import open_workspace
from dashboard import catalogued, correcting, finding, leading, mapping, sending, state
from dashboard.views import outputs
from tests.dashboard.synthetic import make_workspace
from tests.dashboard.test_pages import opened, said
from tests.small import make_collection


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A workspace without anything, and a folder that may be imported from."""
    make_collection(tmp_path / "data", dives=4, frames=2)
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path / "data"))
    space = open_workspace(tmp_path / "workspace")
    yield space
    space.close()
    st.cache_resource.clear()


@pytest.mark.parametrize("page", ["datasets", "runs", "jobs", "outputs"])
def test_pages_open_on_an_empty_workspace(empty, page):
    app = opened(page)
    assert not app.exception
    assert "bs-empty" not in said(app)


def test_a_folder_is_imported_by_clicks_alone(empty):
    app = opened("datasets")
    app.button(key="find_table_frames.csv").click().run()
    assert not app.exception
    assert "First rows" in said(app)
    app.button(key="bring_import").click().run()
    (job,) = book(empty).jobs()
    assert (job.kind, job.state, job.arguments["dataset"]) == ("import", "waiting", "data")
    Worker(empty, "files").work(until_idle=True)
    assert book(empty).job(job.id).state == "done"
    app = opened("datasets")
    assert "8 images in 1 dataset" in said(app)
    assert "What to keep in mind" in said(app)
    (entry,) = descriptions(empty.database)
    app.button(key=f"archive_{entry.id}").click().run()
    assert "Nothing yet" in said(app)
    app.button(key=f"unarchive_{entry.id}").click().run()
    assert "8 images in 1 dataset" in said(app)


def test_a_run_is_asked_for_by_clicks_alone(empty):
    ask(empty, "import", "Import d", {"source": str(finding.roots()[0] / "frames.csv"), "dataset": "d"}, actor="t")
    Worker(empty, "files").work(until_idle=True)
    app = opened("runs")
    app.button(key="reference_add").click().run()
    app.button(key="start_run").click().run()
    assert not app.exception
    job = book(empty).jobs()[0]
    assert job.kind == "run"
    assert job.lane == "compute"
    (condition,) = job.arguments["settings"]["reference"]
    assert condition.startswith("depth_m<")


def test_who_comes_to_start_a_run_finds_the_form_open(served):
    app = opened("runs")
    assert "start_run" not in [button.key for button in app.button]
    with closing(open_workspace(served, create=False)) as space:
        name = space.datasets()[0].name
    app.session_state["new_datasets"] = [name]  # as a dataset's button leaves it
    app.run()
    app.text_input(key="start_name").set_value("mine").run()
    assert app.multiselect(key="start_datasets").value == [name]
    assert app.button(key="start_run")


def test_jobs_are_cancelled_and_retried_on_their_page(empty):
    job = ask(empty, "import", "Import <b>x</b>", {}, actor="t")
    app = opened("jobs")
    assert "<b>x</b>" not in said(app)
    app.button(key=f"job_cancel_{job.id}").click().run()
    assert book(empty).job(job.id).state == "cancelled"
    app.button(key=f"job_retry_{job.id}").click().run()
    assert book(empty).job(job.id).state == "waiting"


def test_runs_are_renamed_pinned_put_away_and_compared(served):
    space = open_workspace(served, create=False)
    try:
        app = opened("runs")
        assert "Two runs side by side" in said(app)
        titles = " ".join(place.label for place in app.expander)
        for number, unit in ((1, "flagged regions"), (2, "flagged")):  # as Overview counts: in the target
            table = space.open_run(number).table
            flagged = int((table["flagged"] & table["set"].isin(["target", "both"])).sum())
            assert flagged != int(table["flagged"].sum())
            assert f"{flagged:,} {unit}" in titles
        app.session_state["run_1"] = True  # opened
        app.run()
        app.button(key="run_pin_1").click().run()
        assert space.journal.pinned() == {1}
        app.button(key="run_pin_1").click().run()
        assert space.journal.pinned() == frozenset()
        before = space.journal.run(1).name
        app.text_input(key="run_name_1").set_value("Another name").run()
        app.button(key="run_rename_1").click().run()
        assert space.journal.run(1).name == "Another name"
        space.journal.rename(1, before)
        app.button(key="run_archive_1").click().run()
        assert [info.id for info in space.runs()] == [2]
        app.button(key="run_unarchive_1").click().run()
        assert [info.id for info in space.runs()] == [2, 1]
    finally:
        space.journal.archive(1, False)
        space.close()


def test_outputs_knows_what_is_selected(served):
    assert outputs.SELECTED not in opened("outputs").selectbox(key="make_of").options
    app = opened("outputs", run="2", set="target")
    app.selectbox(key="make_of").set_value(outputs.SELECTED).run()
    app.button(key="make_it").click().run()
    assert not app.exception
    space = open_workspace(served, create=False)
    try:
        job = book(space).jobs()[0]
        target = int((space.open_run(2).table["set"] == "target").sum())
        assert len(job.arguments["regions"]) == target
        assert "target" in job.arguments["said"]
        book(space).request_cancel(job.id)
    finally:
        space.close()


def test_nothing_outside_the_roots_is_found(tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "folder").mkdir(parents=True)
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    monkeypatch.setenv(ROOTS_VARIABLE, str(inside))
    assert finding.listing(inside).folders == ("folder",)
    assert finding.allowed(inside / "folder") == inside / "folder"
    for path in (outside, inside / "..", inside / "link", inside / "gone", "\0"):
        with pytest.raises(WorkspaceError):
            finding.allowed(path)


class Sent:
    """What an uploader gives."""

    def __init__(self, name, body):
        self.name, self.body, self.size = name, body, len(body)

    def getvalue(self):
        return self.body


def test_sent_files_are_opened_before_they_are_kept(empty):
    out = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(out, "PNG")
    folder, refused = sending.keep(
        empty, "b", [Sent("../../a b.png", out.getvalue()), Sent("bad.jpg", b"<script>"), Sent("t.csv", b"file\na\n")]
    )
    assert sorted(path.name for path in folder.iterdir()) == ["a_b.png", "t.csv"]
    assert [name for name, _ in refused] == ["bad.jpg"]
    assert sending.source_of(folder).name == "t.csv"


@given(given_by.lists(given_by.text(max_size=300), max_size=20))
def test_kept_names_are_harmless_and_differ(names):
    taken = set()
    kept = [sending.harmless(name, taken) for name in names]
    assert len({name.lower() for name in kept}) == len(names)
    for name in kept:
        assert name not in ("", ".", "..")
        assert not name.startswith((".", "-"))
        assert "/" not in name
        assert "\\" not in name
        assert len(name) <= 130


def test_a_model_is_trained_asked_and_judged_by_clicks_alone(tmp_path, monkeypatch):
    place = make_workspace(tmp_path, 12, 2, parts=False)
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(place))
    space = open_workspace(place, create=False)
    compute = Worker(space, "compute")
    try:
        app = opened("predict")
        app.selectbox(key="train_preset").select("probe").run()
        app.text_input(key="train_name").set_value("no/name").run()
        app.button(key="train_start").click().run()
        assert "a model&#x27;s name is letters" in said(app).lower()
        app.text_input(key="train_name").set_value("first").run()
        monkeypatch.setattr("core.embed.checking.answers", lambda url: False)
        monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
        app.selectbox(key="train_embedder").select("resnet50").run()
        app.button(key="train_start").click().run()
        assert "The weights of resnet50 are not on this machine" in said(app)
        assert not book(space).jobs()
        app.selectbox(key="train_embedder").select("demo").run()
        app.multiselect(key="train_steps").set_value(["gray-world"]).run()
        app.button(key="train_start").click().run()
        assert "Train first" in said(app)
        compute.work(until_idle=True)
        assert [(job.kind, job.state, job.error) for job in book(space).jobs()] == [("train", "done", "")]
        assert read_facts(place / "models" / "first")["settings"]["embed"]["steps"] == ["gray-world"]
        app.run()
        app.button(key="news_open_1").click().run()
        app = opened("predict")
        source = next(item for item in app.get("button_group") if item.key == "predict_source")
        source.set_value("The current selection").run()
        monkeypatch.setattr("dashboard.predicting.MOST_REGIONS", 5)
        app.run()
        app.button(key="predict_whole").click().run()
        app = opened("evaluate")
        app.button(key="evaluate_start").click().run()
        compute.work(until_idle=True)
        assert [(job.kind, job.state, job.error) for job in book(space).jobs()][:2] == [
            ("evaluate", "done", ""),
            ("predict", "done", ""),
        ]
        assert "Which evaluation" in said(opened("evaluate"))
    finally:
        space.close()
        st.cache_resource.clear()


def test_every_kind_of_job_leads_to_what_it_left(empty):
    found = {}
    for kind, result in {
        "run": {"run": 3},
        "train": {"model": "m"},
        "predict": {"run": 3},
        "evaluate": {"evaluation": 2},
        "import": {},
        "export": {},
        "report": {},
    }.items():
        job = ask(empty, kind, kind, {"model": "m", "run": 3}, actor="t")
        assert leading.way(book(empty).job(job.id)) is None
        book(empty).claim(job.id)
        book(empty).finish(job.id, "done", result=result)
        found[kind] = leading.way(book(empty).job(job.id))
    assert set(found) == set(LANE_OF)
    assert [way.page for way in found.values()] == [
        "overview",
        "predict",
        "predict",
        "evaluate",
        "datasets",
        "outputs",
        "outputs",
    ]
    assert found["run"].query == {"run": "3"}
    assert found["evaluate"].wishes == {"evaluation": 2}


def test_columns_are_mapped_by_clicks(empty):
    (finding.roots()[0] / "t.csv").write_text("Bild,Tiefe,Tier\nx.jpg,512,Krebs\n")
    app = opened("datasets")
    app.button(key="find_table_t.csv").click().run()
    assert "no column that names the images" in said(app)
    assert "What the columns are" in said(app)
    app.session_state[mapping.TOLD] = {"Bild": "file", "Tiefe": "depth", "Tier": "labels"}
    app.run()
    assert "no column that names the images" not in said(app)
    assert "depth in metres, positive down" not in said(app), "the table of columns says it, once"
    (columns,) = [frame.value for frame in app.dataframe if "read as" in frame.value.columns]
    assert columns.set_index("column")["read as"]["Tiefe"] == "depth in metres, positive down"
    assert (mapping.role_said("group"), mapping.role_said("depth in metres, positive down")) == ("group", "depth")
    assert set(mapping.ROLES) == {*SYNONYMS, "group", KEPT}


def test_a_role_that_moves_leaves_the_column_that_had_it(monkeypatch):
    kept = {mapping.TOLD: {"a": "depth", "b": KEPT}, "k": {"edited_rows": {1: {"is": mapping.ROLES["depth"]}}}}
    monkeypatch.setattr(st, "session_state", kept)
    mapping._changed("k", ["a", "b"])
    assert kept[mapping.TOLD] == {"a": KEPT, "b": "depth"}


def test_metadata_is_edited_and_undone_and_datasets_are_merged(empty):
    table = str(finding.roots()[0] / "frames.csv")
    for name in ("d", "e"):
        ask(empty, "import", name, {"source": table, "dataset": name}, actor="t")
    Worker(empty, "files").work(until_idle=True)
    images = catalogued.images(empty, ["d"])
    frame = correcting._frame(images)
    changes = correcting._changes(frame, {0: {"site": "Ridge", "depth, m": 12.5, "time, UTC": "2024-05-01T12:00:00"}})
    assert {change.field for change in changes} == {"site", "depth_m", "taken_at"}
    act = edit_images(empty.database, changes, actor="me", now=datetime.now(UTC))
    changed = correcting._frame(catalogued.images(empty, ["d"])).iloc[0]
    assert (changed["site"], changed["depth, m"], str(changed["time, UTC"])) == ("Ridge", 12.5, "2024-05-01 12:00:00")
    app = opened("datasets")
    app.session_state[f"edit_{images_dataset(empty, 'd')}"] = True
    app.run()
    assert not app.exception
    app.button(key=f"edit_undo_{act}").click().run()
    assert not app.exception
    assert acts_of(empty.database, images_dataset(empty, "d"))[0].undone
    app.multiselect(key="merge_names").set_value(["d", "e"]).run()
    app.text_input(key="merge_name").set_value("both").run()
    app.checkbox(key="merge_put_away").check().run()
    app.button(key="merge_start").click().run()
    Worker(empty, "files").work(until_idle=True)
    assert [(entry.name, entry.images) for entry in empty.datasets()] == [("both", 8)]
    app = opened("datasets")
    app.button(key=f"unmerge_{images_dataset(empty, 'both')}").click().run()
    assert not app.exception
    assert [entry.name for entry in empty.datasets()] == ["d", "e"]


def images_dataset(space, name):
    return next(entry.id for entry in space.datasets() if entry.name == name)
