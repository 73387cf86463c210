"""Every page and every state of it, run by Streamlit's own test driver."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.catalogue.schema import RunRow
from core.settings import RunSettings
from core.workspace import open_workspace
from dashboard import boundary, shell, state, warm
from dashboard.views import help as help_page
from tests.dashboard.synthetic import make_collection

MAIN = Path(shell.__file__).with_name("main.py")
ADDRESSES = [path for pages in shell.PAGES.values() for _, path, _, _ in pages]
EMPTY = {"predict", "evaluate"}
"""Pages that have nothing to show in a workspace without a model."""
PLOTS = {"overview": 2, "outliers": 2, "drift": 3}
GALLERIES = {"overview": 2, "outliers": 2, "browse": 2, "map": 2, "drift": 3}
"""How many of them a page has at least, the switch of the display counting as a gallery; 0 and 1 where not named."""


def opened(page: str = "", **query: str) -> AppTest:
    """The app after one run at a page's address."""
    app = AppTest.from_file(str(MAIN), default_timeout=240)
    for name, value in query.items():
        app.query_params[name] = value
    if page:
        app._page_hash = calc_hash(page)
    return app.run()


def said(app: AppTest) -> str:
    """All our own HTML on the page, without styles."""
    return "\n".join(item.body for item in app.get("html") if not item.body.startswith("<style>"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    yield tmp_path / "workspace"
    st.cache_resource.clear()


@pytest.mark.parametrize("page", ADDRESSES)
def test_every_page_opens(served, page):
    app = opened(page)
    assert not app.exception
    assert ("bs-empty" in said(app)) == (page in EMPTY)
    assert re.search(r"<h1[^>]*>[^<]+\?</h1>", said(app))
    assert len(app.get("plotly_chart")) >= PLOTS.get(page, 0)
    assert len(app.get("bidi_component")) >= GALLERIES.get(page, 1)
    assert 'class="bs-footer"' in said(app)
    assert "conformal, p ≤ 0.05" in said(app)


@pytest.mark.parametrize("page", ADDRESSES)
def test_every_page_opens_on_a_run_over_parts(served, page):
    app = opened(page, run="1")
    assert not app.exception
    assert ("bs-empty" in said(app)) == (page in EMPTY)
    assert app.query_params["run"] == "1"


def test_numbers_are_rounded(served):
    for page in ADDRESSES:
        without_sources = re.sub(r"arXiv [\d.]+|doi \S+", "", said(opened(page)))
        assert not re.findall(r"\d\.\d{5,}", without_sources)


def test_catalogue_text_is_never_markup(served):
    app = opened("overview", image="93")
    assert "<img" not in said(app)
    assert "<b>bold</b> sponge" not in said(app)
    assert not [item for item in app.markdown if "onerror" in item.value]


def test_the_run_switch_changes_the_run_and_the_address(served):
    app = opened("overview")
    assert app.query_params["run"] == "2"
    app.selectbox("run_box").select(1).run()
    assert app.query_params["run"] == "1"
    assert "384" in said(app)
    assert not app.exception


def test_datasets_are_switched_where_there_are_several(served, view):
    other = view.workspace.journal.start("Other", "other", RunSettings(("other",)), "tester")
    view.workspace.journal.fail(other.id, "failed", "it is only here to be switched to.")
    try:
        app = opened("overview", run="1")
        assert app.selectbox("dataset_box").value == "drawn"
        assert len(app.selectbox("run_box").options) == 2
        app.selectbox("dataset_box").select("other").run()
        assert app.query_params["run"] == str(other.id)
        assert "only here to be switched to" in said(app)
        app.selectbox("dataset_box").select("drawn").run()
        assert app.query_params["run"] == "2"
    finally:
        with view.workspace.database.write() as session:
            session.delete(session.get(RunRow, other.id))


def test_the_server_warms_up_and_does_not_mind_when_there_is_nothing(served, monkeypatch):
    warm.warm()
    monkeypatch.delenv(state.WORKSPACE_VARIABLE)
    warm.warm()


@pytest.mark.parametrize("run", ["99", "x", "-1", "", "1e9", "9" * 40])
def test_a_run_that_is_not_there_gives_the_newest(served, run):
    app = opened("overview", run=run)
    assert app.query_params["run"] == "2"
    assert not app.exception


def test_a_link_opens_the_image_panel(served):
    app = opened("outliers", image="93")
    assert not app.exception
    assert "dive 24" in said(app)
    assert "Is it strange?" in said(app)
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in said(app)


def test_a_link_to_a_part_opens_that_part(served, view):
    part = state.finished_run(1).table.iloc[7]
    app = opened("overview", run="1", image=str(part["image_id"]), region=str(part["region_id"]))
    assert not app.exception
    assert "a part, 173 × 97 pixels" in said(app)


@pytest.mark.parametrize("image", ["99999", "0", "x"])
def test_a_link_to_no_picture_says_so(served, image):
    app = opened("overview", image=image)
    assert not app.exception
    assert ("not in this run" in said(app)) == (image != "x")


@pytest.mark.parametrize("shape", ["density", "cumulative"])
def test_distributions_change_shape(served, shape):
    app = opened("outliers")
    next(item for item in app.get("button_group") if item.key == "shape").set_value(shape).run()
    assert app.session_state["shape"] == shape
    assert not app.exception


@pytest.mark.parametrize(("page", "key"), [("outliers", "outliers_by"), ("overview", "table_by")])
@pytest.mark.parametrize("by", ["group", "day", "site", "camera"])
def test_pages_compare_by_everything(served, page, key, by):
    app = opened(page)
    next(item for item in app.get("button_group") if item.key == key).set_value(by).run()
    assert not app.exception


def test_help_gives_formulas_sources_words_and_keys(served):
    app = opened("help")
    assert not app.exception
    assert any("frac" in formula.value for formula in app.latex)
    for words in ("arXiv 2306.06342", "HDBSCAN", "neighbour graph", "Esc", "independent reference groups"):
        assert words in said(app)


def test_help_finds_a_word(served):
    text = said(opened("help", find="Kappa"))
    assert "Cohen 1960" in text
    assert "How strange is it?" not in text
    assert "No rule here has that word" in said(opened("help", find="<b>xyzzy"))


def test_every_rule_is_explained_once_and_says_where_its_formula_comes_from():
    entries = [entry for _, section in help_page.SECTIONS for entry in section]
    titles = [entry.title for entry in entries]
    assert len(titles) == len(set(titles)) > 30
    for entry in entries:
        assert entry.text.endswith(".")
        assert not entry.formula or entry.where or entry.source
    told = " ".join(entry.title + entry.text for entry in entries)
    for term in ("Near-duplicates", "Saved selections", "Search by example", "report", "Kolmogorov", "haze", "kappa"):
        assert term in told


def test_without_a_workspace_the_page_says_how_to_open_one(monkeypatch):
    monkeypatch.delenv(state.WORKSPACE_VARIABLE, raising=False)
    app = opened()
    assert not app.exception
    assert "benthoscope serve --workspace DIR" in said(app)


def test_a_folder_that_is_no_workspace_is_refused_in_a_sentence(folder):
    folder.mkdir()
    app = opened()
    assert not app.exception
    assert "is not a workspace" in said(app)


def test_an_empty_workspace_says_how_to_import(folder):
    open_workspace(folder).close()
    app = opened()
    assert not app.exception
    assert "This workspace is empty" in said(app)
    assert "benthoscope import" in said(app)


def test_images_without_a_run_say_how_to_run(folder, tmp_path):
    table = make_collection(tmp_path / "collection", 1, 2)
    space = open_workspace(folder)
    plan = plan_import(table, ReadOptions(images=tmp_path / "collection" / "images", group="dive"))
    import_images(space, plan, dataset="drawn", actor="tester", now=datetime(2024, 1, 1, tzinfo=UTC), workers=1)
    space.close()
    app = opened()
    assert not app.exception
    assert "2 images in 1 dataset" in said(app)
    assert "benthoscope run drawn" in said(app)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            lambda journal, run: journal.fail(run, "failed", "the weights do not fit <b>."),
            ["Run 1 failed", "The weights do not fit &lt;b&gt;."],
        ),
        (lambda journal, run: journal.fail(run, "cancelled", ""), ["Run 1 was stopped", "benthoscope run drawn"]),
        (lambda journal, run: journal.reporter(run, "embed", 0, lambda done, total: None)(3, 12), ["Run 1 is at work"]),
    ],
    ids=["failed", "cancelled", "running"],
)
def test_a_run_that_is_not_done_is_a_state_of_its_own(folder, end, words):
    space = open_workspace(folder)
    info = space.journal.start("Half", "plan", RunSettings(("drawn",)), "tester")
    end(space.journal, info.id)
    space.close()
    app = opened()
    assert not app.exception
    for word in words:
        assert word in said(app)


def test_whatever_goes_wrong_is_one_sentence_with_a_number(served, monkeypatch, caplog):
    def broken(view):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setitem(shell.PAGES, "Look", [("Overview", "overview", ":material/lens_blur:", broken)])
    app = opened("overview")
    assert not app.exception
    text = said(app)
    assert "secret" not in text
    number = re.search(r"error ([0-9a-f]{8})", text).group(1)
    assert number in caplog.text
    assert "secret detail" in caplog.text


def test_what_goes_wrong_in_a_callback_is_said_the_same_way(monkeypatch):
    shown = []
    monkeypatch.setattr(boundary.parts, "empty", lambda title, text, commands=(): shown.append(text))
    assert boundary.on_script_error(ValueError("secret")) is True
    assert "secret" not in shown[0]
