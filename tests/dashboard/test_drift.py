"""The Drift page: batches of a run, their order, their words, and the page in all its states."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.drift.marginals import Feature
from core.drift.permuting import Verdict
from core.drift.timeline import QUESTIONS, Shift
from dashboard import drift_figures, drift_words, drifting
from dashboard.theme import theme_for
from dashboard.views import drift as drift_page
from tests.dashboard.frames import table
from tests.dashboard.test_pages import opened, said

THEME = theme_for("light", None)


@pytest.fixture
def found(view):
    return drifting.drift(view.run, "group")


def test_batches_are_offered_where_the_source_names_them(view):
    assert list(drifting.choices(view.run.table)) == ["group", "day", "month", "camera", "site"]
    one = table(6, group=["a"] * 6, taken_at=pd.NaT, camera=["c"] * 6, site=["s"] * 6)
    assert drifting.choices(one) == {}
    cruise = table(6, group=[""] * 6, taken_at=pd.NaT, **{"extra.Cruise": ["k1", "k1", "k2", "k2", None, "k2"]})
    assert drifting.choices(cruise) == {"extra.Cruise": "Cruise"}


def test_batches_stand_in_the_order_of_time_and_then_of_names():
    times = pd.to_datetime(["2020-05-01", "2020-01-01", None, None, "2019-01-01", "2020-05-02"], utc=True)
    frame = table(6, group=["b", "a", "dive 10", "dive 9", "z", "b"], taken_at=times)
    assert drifting._ordered(frame, drifting.batch_names(frame, "group")) == ["z", "a", "b", "dive 9", "dive 10"]


def test_every_dive_of_the_run_is_compared(found):
    target = [shift for shift in found.shifts if not shift.reference]
    assert len(found.names) == 24
    assert {shift.batch for shift in target} | {s.batch for s in found.shifts if s.reference} == set(range(24))
    assert found.judged("content") == target
    assert all(set(shift.verdicts) <= set(QUESTIONS) for shift in found.shifts)
    assert (np.diff(found.times).astype(float) > 0).all()
    csv = drifting.table_of(found)
    assert len(csv) == len(found.shifts)
    assert {"batch", "content_p_value", "pictures_statistic", "brightness change"} <= set(csv.columns)


def test_concepts_nobody_was_asked_for_are_unknown_not_absent():
    frame = table(4, concepts=[["crab"], [], ["ray", "crab"], []], labelled=[True, True, True, False])
    values, names = drifting._concepts(frame)
    assert names == ("crab", "ray")
    assert values[:3].tolist() == [[1, 0], [0, 0], [1, 1]]
    assert np.isnan(values[3]).all()


def test_an_alarm_is_ringed_and_names_are_no_markup(found):
    found.names[found.judged("content")[0].batch] = "<b>x</b>"
    first = found.judged("content")[0].batch
    figure = drift_figures.timeline(found, "content", (first,), THEME)
    assert [trace.name for trace in figure.data] == ["reference, each against the rest", "target", "alarm"]
    assert len(figure.data[2].x) == 1
    assert "&lt;b&gt;" in figure.data[1].customdata[0][0]
    sheet = drift_figures.pictures_over_time(found, THEME).data[0]
    assert np.shape(sheet.z) == (8, len(found.shifts))
    assert np.abs(sheet.z).max() <= 3.0


def test_concepts_keep_their_names():
    features = pd.DataFrame(
        {"name": ["animal_eel"], "statistic": 1.0, "p_value": 0.01, "batch": 0.5, "reference": 0.1, "change": 0.4}
    )
    assert drift_figures.changes(features, THEME, shares=True).data[0].y[0] == "animal_eel"
    one = Shift(0, False, 2, 1, 9, {"labels": Verdict(1.0, 0.01, 0.01)}, {"labels": (Feature(*features.iloc[0]),)})
    assert "Most changed: animal_eel above the reference." in drift_words.of_batch(one)


def test_a_batch_is_told_in_words(found):
    texts = drift_words.of_batch(found.judged("content")[0])
    assert drift_words.statistic("red_green") == "red against green"
    assert "share nothing with it" in texts[0]
    assert "p = " in " ".join(texts)


@pytest.mark.parametrize("question", ["coordinates", "pictures", "labels"])
def test_every_question_can_be_asked(served, question):
    app = opened("drift")
    app.selectbox("drift_question").select(question).run()
    assert not app.exception
    assert "bs-empty" not in said(app)


@pytest.mark.parametrize("control", ["benjamini-yekutieli", "lord++", "nominal"])
def test_alarms_are_controlled_as_asked(served, control):
    app = opened("drift")
    app.selectbox("drift_control").select(control).run()
    assert not app.exception
    words = {"benjamini-yekutieli": "whatever the batches", "lord++": "never taken back", "nominal": "This is nominal"}
    assert words[control] in said(app)


@pytest.mark.parametrize("by", ["month", "site", "camera"])
def test_batches_can_be_larger_than_dives(served, by):
    app = opened("drift")
    app.selectbox("drift_by").select(by).run()
    assert not app.exception


def test_a_run_without_batches_says_what_is_missing(view, monkeypatch):
    shown = []
    monkeypatch.setattr(drift_page.parts, "empty", lambda title, text, commands=(): shown.append(title))
    monkeypatch.setattr(drift_page.parts, "heading", lambda *texts: None)
    monkeypatch.setattr(drift_page.drifting, "choices", lambda table: {})
    drift_page.page(view)
    assert shown == ["There are no batches to compare"]
