"""The Outliers page: detectors chosen and made, ridges, depth, kinds, agreement, truth, lists, leaks."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from core.learn.apart import group_names
from core.learn.labels import LabelTree
from core.learn.predictions import ROW_COLUMNS, PredictionWriter, predictions_folder
from core.ood.halves import detect
from core.ood.kind import CAMERA_OR_WATER, CONTENT, kinds_of_strange
from core.ood.registry import DETECTORS
from core.stages import group_codes
from dashboard import (
    depth_scatter,
    detecting,
    outlier_kinds,
    outlier_promises,
    outlier_truth,
    ridges,
    score_figures,
    summaries,
    words,
)
from dashboard.theme import theme_for
from tests.dashboard.frames import table
from tests.dashboard.test_pages import opened, said

THEME = theme_for("light", None)


def chosen(app, key, value):
    return next(item for item in app.get("button_group") if item.key == key).set_value(value).run()


# --- detectors --------------------------------------------------------------------------------------------------------


def test_the_runs_own_detectors_come_first_and_others_are_said_to_be_made_here(view):
    offered = detecting.offered(view.run)
    assert offered[0] == "knn"
    assert "energy" not in offered
    assert detecting.named(view.run, "knn") == "kNN distance (the run's score)"
    assert detecting.named(view.run, "ensemble") == "rank ensemble (made here, suggested)"


def test_a_detector_made_here_is_the_pipelines_own(view):
    found = detecting.said(view.run, "mahalanobis")
    reference = summaries.is_reference(view.run.table)
    known = detect(DETECTORS["mahalanobis"], view.run.embeddings, reference, group_codes(view.run.table))
    assert np.array_equal(found.score, known.score)
    assert np.array_equal(found.p_value, known.p_value)
    assert (found.stored, detecting.said(view.run, "knn").stored) == (False, True)
    shown = detecting.table(view.run, "mahalanobis")
    assert np.array_equal(shown["ood_score"], known.score)
    assert shown["ood_percentile"].between(0, 100).all()
    assert "mahalanobis_score" not in view.run.table


def test_stored_detectors_are_read_from_the_run(view, monkeypatch):
    kept = view.run.table.assign(lof_score=1.5, lof_p_value=0.25, lof_flagged=True)
    monkeypatch.setitem(view.run.__dict__, "table", kept)
    monkeypatch.setattr(view.run, "manifest", {**view.run.manifest, "detectors": {"lof": {"alpha": 0.1}}})
    assert detecting.offered(view.run)[:2] == ["knn", "lof"]
    found = detecting._said(view.run, "lof")
    assert (found.score[0], found.p_value[0], bool(found.flagged[0])) == (1.5, 0.25, True)
    assert (found.facts, found.stored) == ({"alpha": 0.1}, True)


def test_large_runs_show_what_is_stored(view, monkeypatch):
    monkeypatch.setattr(detecting, "MOST_REGIONS", 10)
    assert detecting.offered(view.run) == ["knn"]


def test_the_page_shows_another_detector(served):
    app = opened("outliers")
    app.selectbox("detector").select("ensemble").run()
    assert not app.exception
    assert "Score: rank ensemble" in said(app)
    assert "are not kept" in said(app)


# --- ridges and depth -------------------------------------------------------------------------------------------------


def test_ridges_are_densities_of_each_category():
    rng = np.random.default_rng(0)
    frame = table(300, ood_score=rng.normal(5, 1, 300), camera=["a"] * 200 + ["b"] * 99 + ["c"])
    found = ridges.ridges(frame.assign(row=range(300)), "camera", ["a", "b", "c"])
    assert found["density"].max() == pytest.approx(1.0)
    sizes = found.groupby(["category", "set"])["images"].agg(["first", "size"])
    assert sizes.loc[("a", "reference")].tolist() == [150, ridges.GRID]
    assert sizes.loc[("c", "target")].tolist() == [1, 1]
    peak = found[(found["category"] == "a") & (found["set"] == "reference")].set_index("score")["density"].idxmax()
    assert abs(peak - 5) < 0.6


def test_ridges_stand_in_order_and_names_are_no_markup():
    frame = table(40, ood_score=np.linspace(-3, 3, 40), site=["<b>x</b>", "y"] * 20)
    names = ["y", "<b>x</b>"]
    figure = ridges.figure(ridges.ridges(frame, "site", names), names, [(0.0, "a", "reference", "dot")], THEME, "score")
    assert list(figure.layout.yaxis.ticktext) == ["&lt;b&gt;x&lt;/b&gt;", "y"]
    assert min(min(trace.x) for trace in figure.data) < -3
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2
    empty = ridges.ridges(frame.assign(ood_score=np.nan), "site", names)
    assert empty.empty
    assert not ridges.figure(empty, names, [], THEME, "score").data


def test_negative_scores_keep_their_axis():
    figure = score_figures.score_histogram(np.linspace(-9, -5, 50), np.linspace(-7, -1, 50), [], THEME, "other")
    assert figure.layout.xaxis.range[0] < -9
    assert figure.layout.xaxis.title.text == "other"


def test_the_strangest_are_in_every_sample(monkeypatch):
    monkeypatch.setattr(depth_scatter, "MOST", 50)
    monkeypatch.setattr(depth_scatter, "_STRANGEST", 20)
    frame = table(400).assign(row=range(400))
    frame.loc[3, "depth_m"] = np.nan
    found = depth_scatter.sample(frame)
    assert (len(found.frame), found.among) == (50, 399)
    assert set(range(380, 400)) <= set(found.frame["row"])
    assert depth_scatter.sample(frame.iloc[:9]).among == 8


def test_points_say_what_they_are_and_open_only_their_own():
    frame = table(2, path=["a/<i>.jpg", "b.jpg"]).assign(row=[0, 1])
    assert depth_scatter.texts(frame, words.score)[0] == "<i>.jpg\ndive 0, 0 m\nscore 0.100, p = 1.00"
    rows = np.array([7, 9])
    assert depth_scatter.opened({"of": "k", "place": 1}, rows, "k") == 9
    for event in (None, {}, {"of": "x", "place": 1}, {"of": "k", "place": 2}, {"of": "k", "place": "1"}):
        assert depth_scatter.opened(event, rows, "k") is None


@pytest.mark.parametrize("page", ["outliers", "drift"])
def test_pages_do_without_depths_times_groups_and_labels(view, monkeypatch, page):
    bare = view.run.table.assign(depth_m=np.nan, taken_at=pd.NaT, group="", camera="", site="", labelled=False)
    bare["taken_at"] = pd.to_datetime(bare["taken_at"], utc=True)
    bare["concepts"] = [[] for _ in range(len(bare))]
    monkeypatch.setitem(view.run.__dict__, "table", bare)
    app = opened(page)
    assert not app.exception
    assert ("There are no batches to compare" in said(app)) == (page == "drift")
    assert "Strange at what depth?" not in said(app)


@pytest.mark.parametrize("page", ["outliers", "drift"])
def test_pages_do_without_a_target(view, monkeypatch, page):
    monkeypatch.setitem(view.run.__dict__, "table", view.run.table.assign(set="reference"))
    app = opened(page)
    assert not app.exception
    assert "bs-empty" not in said(app)


# --- kinds and agreement ----------------------------------------------------------------------------------------------


def test_kinds_are_told_with_what_they_rest_on(view):
    found = outlier_kinds.kinds(view.run, "knn")
    flagged = int((found.verdict > 0).sum())
    assert flagged == int((view.run.table["flagged"] & (view.run.table["set"] == "target")).sum())
    csv = outlier_kinds.kind_table(view.run, "knn", found)
    assert len(csv) == len(view.run.table)
    assert set(csv["kind"]) <= set(outlier_kinds.WORDS.values())
    for kind in (CAMERA_OR_WATER, CONTENT):
        rows = np.flatnonzero(found.verdict == kind)
        assert len(outlier_kinds.remarks(found, rows, kind)) == len(rows)


def test_the_statistic_furthest_out_is_named():
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(60, 8))
    statistics[50:, 4] += 9.0
    reference = np.arange(60) < 50
    found = kinds_of_strange(
        np.where(reference, rng.random(60), 3.0), ~reference, statistics, outlier_kinds.FIELDS, reference
    )
    assert outlier_kinds.remarks(found, np.array([55]), CAMERA_OR_WATER)[0].startswith("blue against green +")
    means = outlier_kinds.mean_deviations(found)
    assert means.loc[means["deviation"].idxmax(), "statistic"] == "blue_green"


def test_without_statistics_the_kind_cannot_be_told(view, monkeypatch):
    bare = view.run.table.drop(columns=list(outlier_kinds.FIELDS))
    monkeypatch.setitem(view.run.__dict__, "table", bare)
    assert "image statistics" in outlier_kinds.kinds(view.run, "knn")


def test_detectors_are_compared_and_their_disagreement_shown(served):
    app = opened("outliers")
    assert "Choose two or more detectors" in said(app)
    app.multiselect("detectors").set_value(["knn", "mahalanobis", "pca_residual"]).run()
    assert not app.exception
    assert "flagged by all 3" in said(app)


# --- truth, lists, leaks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["depth", "concept", "camera"])
def test_detectors_are_judged_where_the_truth_is_known(served, kind):
    app = opened("outliers")
    app.selectbox("truth_kind").select(kind).run()
    assert not app.exception
    assert "are truly" in said(app)
    assert len(app.get("plotly_chart")) >= 4


def test_a_truth_of_ones_own_and_one_that_nobody_meets(served):
    app = opened("outliers")
    app.selectbox("truth_kind").select("condition").run()
    app.text_input("truth_condition").set_value("site ~ canyon").run()
    assert "are truly" in said(app)
    app.text_input("truth_condition").set_value("depth_m>99999").run()
    assert not app.exception
    assert "both kinds are needed" in said(app)
    app.text_input("truth_condition").set_value("nonsense").run()
    assert "FIELD OP VALUE" in said(app)


def test_figures_and_curves_of_a_truth(view):
    others = {"made": np.where(view.run.table["depth_m"] > 800, 2.0, 1.0)}
    truth = ("depth_m>800",)
    found = outlier_truth.compare_detectors(view.run, truth, others=others, resamples=20)
    csv = outlier_truth.figure_table(found)
    assert csv["detector"].tolist() == ["made", "knn"]
    assert csv["auroc"].iloc[0] == 1.0
    figure = outlier_truth.intervals(found, THEME)
    assert [trace.x[0] for trace in figure.data] == [1.0, 1.0, 1.0, 0.0]
    points = outlier_truth.roc_table(view.run, truth, others)
    assert points.groupby("detector")["found"].agg(["first", "last"]).to_numpy().tolist() == [[0.0, 1.0]] * 2
    assert len(outlier_truth.roc(view.run, truth, others, THEME).data) == 3


@pytest.mark.parametrize("rule", ["benjamini-hochberg", "nominal"])
def test_lists_say_what_they_promise(served, rule):
    app = chosen(opened("outliers"), "list_rule", rule)
    assert not app.exception
    assert ("This is nominal" in said(app)) == (rule == "nominal")
    assert ("Benjamini–Hochberg" in said(app)) == (rule == "benjamini-hochberg")


def test_a_list_holds_the_strangest_first(view):
    target = summaries.is_target(view.run.table)
    found, rows = outlier_promises._listed(view.run, "knn", "nominal", target)
    csv = outlier_promises.list_table(view.run, "knn", found, rows)
    assert len(csv) == int((view.run.table["p_value"][target] <= 0.05).sum()) > 0
    assert (np.diff(csv["score"]) <= 0).all()
    assert set(csv["rule"]) == {"nominal"}


def test_leaks_are_reported_with_the_groups_behind_them(view):
    none = outlier_promises.leak(view.run, "knn", 0.0)
    every = outlier_promises.leak(view.run, "knn", 2.0)
    assert (none.share, every.share) == (0.0, 1.0)
    assert "24 groups that the source names" in outlier_promises.group_sentence(view.run, 0.05)
    assert "within ten minutes" in outlier_promises.group_sentence(view.run, 0.05)


def test_without_groups_the_sentence_warns(view, monkeypatch):
    monkeypatch.setitem(view.run.__dict__, "table", view.run.table.assign(group="", taken_at=pd.NaT))
    text = outlier_promises.group_sentence(view.run, 0.05)
    assert "import with --group" in text
    assert "would be flagged instead of" in text
    assert "within" not in text


# --- detectors of logits ----------------------------------------------------------------------------------------------


@pytest.fixture
def predicted(view):
    """Stored predictions of two concepts for every region of the run, in another order than the run's."""
    order = np.random.default_rng(0).permutation(len(view.run.table))
    rows = view.run.table.iloc[order][list(ROW_COLUMNS[:-1])].reset_index(drop=True)
    logits = np.random.default_rng(1).normal(size=(len(rows), 2)).astype(np.float32)
    root = predictions_folder(view.workspace)
    writer = PredictionWriter(root, "abc123", rows, 2, spread=False)
    writer.write(0, {"logits": logits, "probabilities": 1 / (1 + np.exp(-logits))}, {})
    tree = LabelTree(("crab", "ray"), (-1, -1))
    facts = {"model": {"name": "shallow", "key": "k"}, "source": {}, "created_at": "2026-01-01T00:00:00+00:00"}
    writer.finish({**facts, "thresholds": [0.5, 0.5], "members": 1, "label_tree": tree.to_json()})
    yield dict(zip(rows["region_id"], logits, strict=True))
    shutil.rmtree(root)


def test_detectors_of_logits_wait_for_predictions(view):
    assert detecting.predictions(view.run) is None
    assert not {"vim", "energy", "max_logit"} & set(detecting.offered(view.run))


def test_detectors_of_logits_read_the_predictions_of_their_own_regions(view, predicted):
    assert {"vim", "energy", "max_logit"} <= set(detecting.offered(view.run))
    found = detecting.said(view.run, "max_logit")
    assert found.score == pytest.approx([-predicted[region].max() for region in view.run.table["region_id"]])
    assert np.isfinite(detecting.said(view.run, "vim").score).all()


def test_what_served_the_model_does_not_calibrate(view, predicted):
    table = view.run.table
    groups = sorted(set(group_names(table[table["set"] == "reference"])))
    manifest = predictions_folder(view.workspace) / "abc123" / "manifest.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(facts | {"groups": {"training": groups[1:], "held_out": groups[:1]}}))
    found = detecting._said(view.run, "energy")
    assert found.facts["groups"] == 1
    assert f"{len(groups) - 1} served to make the classifier" in found.facts["sentence"]


def test_the_page_says_whose_predictions_a_detector_reads(served, predicted):
    app = opened("outliers")
    app.selectbox("detector").select("energy").run()
    assert not app.exception
    assert "energy: by the predictions of shallow" in said(app)


def test_predictions_of_other_regions_are_left_alone(view, predicted, monkeypatch):
    monkeypatch.setitem(view.run.__dict__, "table", view.run.table.assign(region_id=view.run.table["region_id"] + 9999))
    assert detecting.predictions(view.run) is None
