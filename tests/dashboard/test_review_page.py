"""The Review page as Streamlit draws it, and the history in the image panel."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs.asking import book
from core.review.deciding import Act, decide, undo
from core.review.estimating import Sample
from core.review.standing import history, standing
from core.review.verdicts import all_verdicts
from core.settings import RunSettings
from dashboard import decided, review_results, state
from tests.core.review.conftest import NOW


@pytest.fixture
def space(workspace_folder, tmp_path, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(shutil.copytree(workspace_folder, Path(tmp_path) / "w")))
    yield state.workspace()
    st.cache_resource.clear()


def drawn(app: AppTest) -> str:
    """Everything that the page shows, as one text."""
    return "".join(str(node.proto) for node in app.main)


def page() -> AppTest:
    return AppTest.from_file(str(Path(__file__).with_name("review_script.py")), default_timeout=240)


def test_an_empty_review_says_what_to_do(space):
    app = page().run()
    assert not app.exception
    shown = drawn(app)
    assert "What do you decide?" in shown
    assert "Nothing yet" in shown
    assert app.selectbox(key="queue").options[0] == "Strangest first"
    assert "Detectors disagree: this run has one detector" in shown


def test_counts_agreement_and_sample_are_shown(space):
    run = space.open_run(2)
    for number, (actor, verdict) in enumerate([("Ada", "new"), ("Bob", "gear")]):
        region = int(run.table["region_id"].iloc[0])
        decide(space.database, Act(f"page-key-{number}", actor, 2, verdict, regions=(region,)), now=NOW)
    app = page().run()
    assert not app.exception
    shown = drawn(app)
    assert "No agreement" in shown
    assert "Ada and Bob" in shown
    assert "1 picture judged differently" in shown


def test_every_queue_opens(space):
    app = page().run()
    for queue in ("repeats", "uncertain", "clusters", "random", "disputed", "selected"):
        app.selectbox(key="queue").set_value(queue).run()
        assert not app.exception, queue


def test_one_verdict_for_a_selection_and_its_undo(space, monkeypatch):
    rows = list(range(5))
    view = state.View(space, (), space.open_run(2), None)
    monkeypatch.setattr(st, "session_state", {})
    review_results._give(view, rows, "habitat", "Ada")
    assert [one.verdict for one in standing(space.database)] == ["habitat"] * 5
    done = st.session_state["bulk_done"]
    assert done["count"] == 5
    review_results._take_back(view, done)
    assert standing(space.database) == []


def test_what_was_decided_is_prepared_and_downloaded(space):
    region = int(space.open_run(2).table["region_id"].iloc[0])
    decide(space.database, Act("taken-home", "Ada", 2, "new", regions=(region,)), now=NOW)
    app = page().run()
    app.selectbox(key="takeaway_format").set_value("coco").run()
    app.button(key="takeaway_prepare").click().run()
    assert not app.exception
    ready = app.session_state["takeaway_ready"]
    assert (ready["name"], ready["count"]) == ("coco.json", 1)
    assert b"decided_at" in ready["data"]
    app.selectbox(key="takeaway_format").set_value("darwin-core").run()
    app.button(key="takeaway_prepare").click().run()
    assert not app.exception
    assert "Darwin Core needs the AphiaIDs of WoRMS" in drawn(app)


def test_the_history_of_a_picture_in_words(space):
    run = space.open_run(2)
    region, image = int(run.table["region_id"].iloc[0]), int(run.table["image_id"].iloc[0])
    box = {"x": 1, "y": 1, "w": 5, "h": 5}
    first = Act("history-1", "Ada", 2, "taxon", regions=(region,), concept="<b>crab</b>", note="odd", boxes=(box,))
    decide(space.database, first, now=NOW)
    undo(space.database, key="history-2", act=first.key, actor="Ada", now=NOW)
    entries = history(space.database, image)
    names = all_verdicts(space.database)
    known = {one.id: one for one in entries}
    assert [decided.sentence(one, known, names) for one in entries] == [
        "Ada: Known taxon, <b>crab</b>, 1 box. Note: odd (no longer stands)",
        "Ada undid: Known taxon",
    ]


@pytest.mark.parametrize(("broken", "said"), [(0, False), (3, True)])
def test_a_sample_says_when_its_end_is_not_used(broken, said):
    sentence = review_results.sample_sentence(Sample(20, broken, 271, {}))
    assert "first 20 of 271" in sentence
    assert ("3 later decisions" in sentence) is said


def test_what_was_judged_known_is_offered_for_a_new_run_and_its_change_is_shown(space):
    run = space.open_run(2)
    target = run.table.loc[run.table["set"] == "target", "region_id"].tolist()
    app = page().run()
    assert "nobody has decided anything yet" in drawn(app).lower()
    for number, verdict in enumerate(["habitat", "taxon", "new"]):
        decide(space.database, Act(f"learn-key-{number}", "Ada", 2, verdict, regions=(target[number],)), now=NOW)
    app = page().run()
    assert not app.exception
    shown = drawn(app)
    assert "pictures join the reference" in shown
    assert "p-values go on counting the original reference" in shown
    app.button(key="learn_start").click().run()
    (job,) = book(space).jobs(states=("waiting", "running"))
    known = job.arguments["settings"]["known"]
    assert (known["through"], known["beside"]) == (3, 2)
    assert "habitat" in known["verdicts"]

    # The run that the job makes, as lawful as the drawn one: the same table with two of the flags gone.
    table = run.table.assign(judged_known=run.table["region_id"].isin(target[:2]))
    table.loc[table["judged_known"], "set"] = "both"
    flagged = table.index[table["flagged"] & (table["set"] == "target")][:2]
    table.loc[flagged, "flagged"] = False
    info = space.journal.start("reviewed", "another-plan", RunSettings.from_json(job.arguments["settings"]), "Ada")
    folder = space.run_folder(info.id)
    shutil.copytree(run.folder, folder)
    table.to_parquet(folder / "regions.parquet")
    space.journal.finish(info.id, run.info.counts)
    app = page().run()
    assert not app.exception
    shown = drawn(app)
    assert "What a new run learned" in shown
    assert "joined the reference" in shown
    assert f"run 2 to run {info.id}" in shown
    table = app.dataframe[0].value
    assert table.loc[table["verdict"] == "Habitat", "joined"].tolist() == [1]
    assert "cannot be said yet" in shown
