"""Predict: pictures that are dropped, the current selection, limits in words, and the panel's slot."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from dashboard import parts, predicting, prediction_figures, predictions_table, state
from dashboard.listings import LISTINGS
from dashboard.predicting import Answer
from dashboard.theme import theme_for
from tests.dashboard.test_pages import opened, said


class Sent:
    """A file as the uploader gives it."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content, self.size = name, content, len(content)

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def taught(taught_folder, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(taught_folder))
    yield taught_folder
    st.cache_resource.clear()


@pytest.fixture
def view(taught):
    space = state.workspace()
    runs = tuple(space.runs())
    return state.View(space, runs, state.open_run(space, runs[0]), theme_for("light", None))


@pytest.fixture
def model(view):
    return predicting.open_model(next(i for i in predicting.usable_models(view.workspace) if i.name == "keen"))


def choose(app, key: str, value: str) -> None:
    next(item for item in app.get("button_group") if item.key == key).set_value(value).run()


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def test_without_a_model_it_says_how_to_train_one(served):
    app = opened("predict")
    assert "There is no model yet" in said(app)
    assert app.button(key="train_start").label == "Train it"


def test_the_page_opens_with_a_model_and_says_its_limits(taught):
    app = opened("predict")
    assert not app.exception
    assert "Up to 200 pictures at once, 25 MB each" in said(app)
    assert "bs-empty" not in said(app)


def test_what_is_dropped_is_answered_as_on_the_command_line(view, model, tmp_path):
    from core.learn.predicting import predict_files

    image = view.workspace.image(3)
    sent = [Sent("<b>mine</b>.jpg", image.path.read_bytes()), Sent("notes.jpg", b"hello"), Sent("none.png", b"")]
    told = []
    answers = predicting.answer(view, model, sent, lambda share, text: told.append(share))
    wanted = next(iter(predict_files(model, [image.path], workers=1))).probabilities
    np.testing.assert_allclose(answers.each[0].probabilities, wanted, atol=1e-5)
    assert answers.each[0].preview.startswith(b"\xff\xd8")
    assert answers.each[1].probabilities is None
    assert "not an image" in answers.each[1].reason
    assert "empty" in answers.each[2].reason
    assert any("How strange they are cannot be said" in note for note in answers.notes)
    assert max(told) <= 1.0


def test_too_many_too_large_and_too_wide_are_refused_one_by_one(view, model, monkeypatch):
    monkeypatch.setattr(predicting, "MOST_FILES", 2)
    picture = encoded(Image.new("RGB", (40, 30), (20, 60, 90)))
    wide = Sent("wide.png", encoded(Image.new("1", (20_000, 10_000))))
    answers = predicting.answer(view, model, [wide, Sent("a.png", picture), Sent("b.png", picture)], lambda s, t: None)
    assert "3 pictures are too many at once: the first 2 are answered" in answers.notes[0]
    assert "20000 x 10000 pixels" in answers.each[0].reason
    assert answers.each[1].probabilities is not None
    monkeypatch.setattr(predicting, "MOST_BYTES", 10)
    refused = predicting.answer(view, model, [Sent("a.png", picture)], lambda s, t: None)
    assert "all together" in refused.each[0].reason


def test_a_table_says_what_is_named_and_what_is_not(model):
    tree = model.tree
    values = np.full(len(tree), 0.2, np.float32)
    values[2] = 0.9
    answers = [Answer("=1+1", values), Answer("b", np.zeros(len(tree), np.float32)), Answer("c", reason="broken")]
    limits = np.full(len(tree), 0.5, np.float32)
    table = predictions_table.of_answers(answers, tree, limits, fallback=False)
    assert table["says"].tolist() == [f"{tree.names[2]} 0.90", "nothing above its threshold", "refused: broken"]
    assert predictions_table.summary(table) == "1 picture with at least one concept, 1 with none, 1 refused."
    named = predictions_table.of_answers(answers, tree, limits, fallback=True)
    assert named["says"].iloc[1] == f"{tree.names[0]} 0.00"
    rows = predictions_table.rows_of(answers)
    csv = predictions_table.file_of("csv", rows, model, limits, fallback=False).decode()
    assert "\n=1+1" not in csv
    data = json.loads(predictions_table.file_of("json", rows, model, limits, fallback=False))
    assert data["predictions"][0]["concepts"][0]["concept"] == tree.names[2]
    assert predictions_table.file_of("fathomnet", rows, model, limits, fallback=False).startswith(b"id,categories,osd")


def test_bars_show_the_likeliest_first_with_their_thresholds(model):
    values = np.linspace(0.1, 0.8, len(model.tree)).astype(np.float32)
    limits = np.full(len(model.tree), 0.5, np.float32)
    table = prediction_figures.bars_table(values, limits, model.tree, parents=False, most=3)
    assert table["probability"].is_monotonic_decreasing
    assert table["said"].tolist() == (table["probability"] >= 0.5).tolist()
    figure = prediction_figures.bars(table, theme_for("dark", None))
    assert list(figure.data[0].x) == table["probability"].tolist()
    assert not [name for name in figure.data[0].y if "<b>" in name]


def test_the_figures_of_bars_stand_clear_of_spread_and_threshold(model):
    values = np.linspace(0.02, 0.98, len(model.tree)).astype(np.float32)
    spread = np.full(len(model.tree), 0.3, np.float32)
    table = prediction_figures.bars_table(values, values, model.tree, parents=False, spread=spread)
    bars, marks, figures = prediction_figures.bars(table, theme_for("dark", None)).data
    reach = np.add(bars.x, bars.error_x.array)
    assert (np.subtract(bars.x, bars.error_x.arrayminus) >= 0).all()
    assert max(reach.max(), max(marks.x)) <= 1 < min(figures.x)
    assert list(figures.text) == [f"{value:.2f}" for value in bars.x]


def test_the_selection_shows_stored_predictions_and_the_threshold_changes_them(taught):
    app = opened("predict", site="ridge")
    app.selectbox("predict_model").select("keen").run()
    choose(app, "predict_source", "The current selection")
    assert not app.exception
    assert "pictures of the current selection" in said(app)
    before = said(app)
    assert "with at least one concept" in before
    choose(app, "predict_rule", "one for all")
    app.slider("predict_one").set_value(0.99).run()
    assert not app.exception
    assert said(app) != before


def test_a_model_that_was_not_asked_is_asked_on_a_button(taught):
    app = opened("predict", group="dive 3")
    app.selectbox("predict_model").select("stiff").run()
    choose(app, "predict_source", "The current selection")
    app.button("predict_ask").click().run()
    assert not app.exception
    assert "with at least one concept" in said(app)


def test_predictions_fill_their_slot_in_the_panel(taught):
    app = opened("browse", image="5")
    assert not app.exception
    assert "What the model says" in said(app)
    assert "keen" in said(app)


def test_captions_say_what_is_said(view):
    found = next(one for one in predicting.of_run(view) if one.stored.model == "keen")
    lines = predicting.lines(found, np.arange(5))
    assert all(line.startswith("said: ") for line in lines)
    assert found.of(0) is not None


def test_galleries_carry_what_is_said_block_by_block(view):
    name = predicting.caption(view)
    listing = LISTINGS.add(view.run, np.arange(4), ["group", *name])
    said_of = [one["lines"][-1] for one in listing.block(0)]
    keen = next(one for one in predicting.of_run(view) if f"predicted:{one.stored.id}" == name[0])
    assert said_of == predicting.lines(keen, np.arange(4))


@pytest.mark.parametrize(
    ("points", "number"),
    [
        ([], None),
        ([{"customdata": [3, 0.5]}], 3),
        ([{"customdata": 2}], 2),
        ([{"customdata": [0.5]}, {}], None),
    ],
)
def test_a_clicked_point_carries_its_row(points, number):
    assert parts.carried(points) == number
