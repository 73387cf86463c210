"""Evaluate: every view of an evaluation, the pictures behind its numbers, and the states without one."""

from __future__ import annotations

import shutil
from html import unescape

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from core.assess.heads import of_head
from core.assess.judging import evaluate_model
from core.assess.storing import open_evaluation
from core.assess.telling import STUDY_SENTENCE, evaluation_text
from core.errors import SettingsError
from core.evaluate.intervals import Interval
from core.learn.models import find_model, load_model
from core.learn.recipes import HeadWish
from core.workspace import open_workspace
from dashboard import evaluated, evaluating, evaluation_figures, predicting, predictions_table, state
from dashboard.theme import theme_for
from dashboard.views.predict import SOURCES
from tests.dashboard.test_pages import opened, said
from tests.probes import make_model
from tests.taught import QUESTION


@pytest.fixture
def taught(taught_folder, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(taught_folder))
    yield taught_folder
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def kept(taught_folder):
    space = open_workspace(taught_folder)
    yield open_evaluation(space, 1)
    space.close()


def test_without_models_and_without_evaluations_it_says_what_to_do(served, monkeypatch):
    assert "There is no model to judge yet" in said(opened("evaluate"))
    assert opened("evaluate").button(key="evaluate_train").label == "Train a model"
    info = type("Info", (), {"name": "keen", "problem": "", "created_at": ""})
    monkeypatch.setattr(predicting, "usable_models", lambda space: [info])
    app = opened("evaluate")
    assert "Nothing was evaluated yet" in said(app)
    assert app.button(key="evaluate_start").label == "Evaluate it"


def test_it_opens_with_the_figures_and_the_study_as_context(taught):
    app = opened("evaluate")
    assert not app.exception
    assert "MAP@20" in said(app)
    assert STUDY_SENTENCE in unescape(said(app))
    assert "served nothing before" in said(app)
    assert "Worst first" in said(app)


@pytest.mark.parametrize(
    ("show", "words"),
    [
        ("Concepts", "Concept by concept"),
        ("Probabilities", "Do the probabilities come true?"),
        ("Mistakes", "What is taken for what"),
        ("Where", "Where does it hold?"),
        ("Spoiled pictures", "Half the resolution: what suffers most"),
    ],
)
def test_every_view_opens(taught, show, words):
    app = opened("evaluate")
    app.selectbox("evaluation").select(1).run()
    next(item for item in app.get("button_group") if item.key == "evaluation_show").set_value(show).run()
    assert not app.exception
    assert words in said(app)
    assert "<b>bold</b>" not in said(app)


def test_two_models_stand_side_by_side(taught):
    app = opened("evaluate")
    app.selectbox("evaluation").select(1).run()
    app.selectbox("evaluation_beside").select_index(1).run()
    next(item for item in app.get("button_group") if item.key == "evaluation_show").set_value("Side by side").run()
    assert not app.exception
    assert "1 · keen on drawn less 2 · stiff on drawn" in said(app)
    assert "Where the first is worse (" in said(app)
    next(item for item in app.get("button_group") if item.key == "evaluation_worse").set_value("second").run()
    next(item for item in app.get("button_group") if item.key == "evaluation_kind").set_value("concept").run()
    assert not app.exception
    assert "Where the second is worse, by " in unescape(said(app))


def test_regions_are_found_in_the_run_by_image_and_region():
    table = pd.DataFrame({"image_id": [1, 1, 2], "region": ["0,0,4,4", "4,0,4,4", "image"]})
    regions = pd.DataFrame({"image_id": [1, 2, 1, 9], "region": ["4,0,4,4", "image", "image", "image"]})
    assert evaluating.rows_in(table, regions).tolist() == [1, 2, 0, -1]


def test_truth_stands_above_the_prediction(kept):
    lines = evaluating.captions(kept, np.arange(3))
    assert all(line.split("\n")[0].startswith("true: ") and line.split("\n")[1].startswith("said: ") for line in lines)


def test_the_pictures_behind_the_ood_figures_are_the_worst_ranked(kept):
    rows = evaluated.behind_figure(kept, "sauc")
    cases = kept.cases
    first = rows[0]
    same = cases.outside == cases.outside[first]
    extreme = np.min if cases.outside[first] == 1 else np.max
    assert cases.ood[first] == pytest.approx(extreme(cases.ood[same & np.isfinite(cases.ood)]))
    assert set(evaluated.behind_figure(kept, "brier")) == set(evaluated.behind_figure(kept, "map20"))


@pytest.fixture(scope="module")
def twofold(taught_folder, tmp_path_factory):
    """A copy with an ensemble of two members that asks two questions, judged once (evaluation 3)."""
    folder = tmp_path_factory.mktemp("twofold") / "workspace"
    shutil.copytree(taught_folder, folder)
    space = open_workspace(folder)
    names = load_model(find_model("keen", space), device="cpu").tree.names
    wishes = (HeadWish("kind", "single", tuple(names[:3])), HeadWish("more", "multi", tuple(names[3:])))
    place = make_model(space, "twofold", "drawn", heads=wishes, folds=2, held_out=0.4)
    evaluate_model(space, load_model(place, device="cpu"), QUESTION, actor="tester", workers=1)
    yield folder
    space.close()


def test_each_head_is_judged_alone(twofold):
    space = open_workspace(twofold)
    whole = open_evaluation(space, 3)
    assert whole.heads == ("kind", "more")
    kind, more = of_head(whole, "kind"), of_head(whole, "more")
    truth = np.asarray(whole.cases.truth)
    columns = [whole.cases.concepts.index(name) for name in kind.cases.concepts]
    clear = (truth[:, columns] == 1).sum(axis=1) == 1
    assert kind.cases.exclusive
    assert kind.regions["key"].tolist() == whole.regions["key"][clear].tolist()
    right = np.asarray(whole.cases.probabilities)[:, columns][clear].argmax(1) == truth[:, columns][clear].argmax(1)
    assert kind.overall["accuracy"].value == pytest.approx(right.mean())
    assert "accuracy" not in more.overall
    assert more.counts.regions == whole.counts.regions
    assert set(kind.concepts["concept"]) | set(more.concepts["concept"]) == set(whole.concepts["concept"])
    for head, entry in zip((kind, more), whole.facts["heads"], strict=True):  # what the terminal says is the same
        assert {key: value["value"] for key, value in entry["overall"].items()} == pytest.approx(
            {key: value.value for key, value in head.overall.items()}, nan_ok=True
        )
    assert f"head kind ({int(clear.sum())} regions): MAP@20" in evaluation_text(whole)
    with pytest.raises(SettingsError, match="there are: kind, more"):
        of_head(whole, "colour")
    space.close()


def test_the_pages_show_one_head_when_it_is_chosen(twofold, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(twofold))
    app = opened("evaluate")
    heads = next(item for item in app.get("button_group") if item.key == "evaluation_head")
    assert heads.options == ["all together", "kind", "more"]
    before = said(app)
    heads.set_value("kind").run()
    assert not app.exception
    assert said(app) != before
    assert "Accuracy" in said(app)
    app.selectbox("evaluation_beside").select_index(1).run()
    assert "has no head kind, so it cannot stand beside this one" in said(app)
    app = opened("predict", group="dive 3")
    app.selectbox("predict_model").select("twofold").run()
    assert "2 members" in said(app)
    next(item for item in app.get("button_group") if item.key == "predict_source").set_value(SOURCES[1]).run()
    app.button("predict_ask").click().run()
    next(item for item in app.get("button_group") if item.key == "predict_head").set_value("more").run()
    assert not app.exception
    view = state.View(space := state.workspace(), runs := tuple(space.runs()), state.open_run(space, runs[0]),
                      theme_for("light", None))  # fmt: skip
    found = next(one for one in predicting.of_run(view) if one.stored.model == "twofold")
    rows = np.flatnonzero(found.places >= 0)[:4]
    among = np.arange(len(found.tree)) >= 3
    spread = found.spread_of(int(rows[0]))
    assert spread.max() > 0
    lines = predicting.lines(found, rows, np.full(len(found.tree), 0.0, np.float32), among)
    assert all(" ± " in line for line in lines)
    assert not [name for name in found.tree.names[:3] if any(name in line for line in lines)]
    assert predictions_table.stored_rows(view, found, rows)[0].spread is not None
    st.cache_resource.clear()


@pytest.mark.parametrize(
    ("low", "high", "better", "word"),
    [(0.1, 0.2, 1, "first"), (0.1, 0.2, -1, "second"), (-0.2, -0.1, 1, "second"), (-0.1, 0.1, 1, "cannot be told")],
)
def test_a_winner_needs_an_interval_without_zero(low, high, better, word):
    assert evaluating.verdict(Interval((low + high) / 2, low, high, 0.95, 9), better) == word


def test_points_carry_their_row(kept):
    theme = theme_for("light", None)
    cells = evaluation_figures.drawn_cells(kept.confusion)
    drawn = evaluation_figures.confusion(cells, kept.confusion, theme)
    assert [row[0] for row in drawn.data[0].customdata] == list(range(len(cells)))
    assert cells["count"].sum() == kept.confusion.counts.sum()
    curve = evaluation_figures.reliability(kept.curves.reliability, theme)
    shown = curve.data[-1]
    assert kept.curves.reliability.loc[int(shown.customdata[0][0])]["probability"] == shown.x[0]
    table = kept.strata[kept.strata["map20"].notna()].reset_index(drop=True)
    dots = evaluation_figures.dots(table, theme, value="map20", title="MAP@20")
    assert [row[0] for row in dots.data[0].customdata] == list(range(len(table)))


def test_strain_is_told_as_a_loss_in_the_order_of_the_ways(kept):
    table = evaluating.strain_table(kept.facts["stress"])
    assert table["way"].iloc[0] == "half the resolution"
    np.testing.assert_allclose(table["clean"] - table["spoiled"], table["loss"])
    assert (table["low"].fillna(0) <= table["high"].fillna(0)).all()
