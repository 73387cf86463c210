"""The one-file report, and two runs held against each other: hand-worked, and on the drawn workspace."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from core.assess.storing import open_evaluation
from core.between import clusters_between, flags_between, settings_between
from core.errors import WorkspaceError
from core.report.drawing import bars, histogram, scatter
from core.report.frame import MOST_BYTES
from core.report.judged import evaluation_report
from core.report.page import run_report
from core.runs import flags
from core.settings import OodSettings, RunSettings
from core.workspace import open_workspace
from tests.dashboard.synthetic import HOSTILE, make_workspace


def test_a_report_stands_alone(tmp_path):
    space = open_workspace(make_workspace(tmp_path, 12, 4), create=False)
    text = run_report(space, space.open_run(2))
    assert len(text.encode()) < MOST_BYTES
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "data:image/jpeg;base64," in text
    assert HOSTILE not in text
    assert "<b>bold</b>" not in text
    for title in ("How strange is the target?", "The strangest", "Where does it sit?", "How was it done?"):
        assert title in text
    assert text == run_report(space, space.open_run(2))
    alone = space.open_run(2)
    alone.table["set"] = "reference"
    text = run_report(space, alone)
    assert "How strange is the reference?" in text
    assert "Largest scores of the reference first" in text
    alone.manifest["k"] = 0
    alone.table["ood_score"] = np.nan
    text = run_report(space, alone)
    assert "nothing has a score" in text
    assert "The strangest" not in text
    space.close()


def stands_alone(text):
    assert len(text.encode()) < MOST_BYTES
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "data:image/jpeg;base64," in text
    assert HOSTILE not in text


def test_a_report_of_a_selection_is_about_its_regions_alone(tmp_path):
    space = open_workspace(make_workspace(tmp_path, 12, 4), create=False)
    run = space.open_run(2)
    ids = run.table["region_id"].tolist()[:7]
    text = run_report(space, run, regions=ids, said="dive <1>")
    stands_alone(text)
    assert "Selection: dive &lt;1&gt;" in text
    assert "<b>7</b>regions" in text
    assert "How strange is the selection?" in text
    with pytest.raises(WorkspaceError, match="none of these regions"):
        run_report(space, run, regions=[-1])
    space.close()


def test_a_report_of_an_evaluation_stands_alone(taught_folder):
    space = open_workspace(taught_folder, create=False)
    try:
        stored = open_evaluation(space, 1)
        text = evaluation_report(space, stored)
        stands_alone(text)
        for title in ("How far can it be trusted?", "By concept", "Spoiled pictures", "Where it is most wrong"):
            assert title in text
        assert str(stored.overall["ap_macro"]) in text
        assert "true: " in text
    finally:
        space.close()


def test_figures_say_when_there_is_nothing():
    nothing = np.array([np.nan])
    assert "Nothing was scored" in histogram(nothing, nothing, None, "x")
    assert "Nothing is labelled" in bars([], [])
    assert "There is no map" in scatter(np.empty((0, 2)), np.empty(0, bool), np.empty(0, bool))


def test_labels_in_figures_are_text():
    assert "<b>" not in bars(["<b>x</b>"], [3])


def test_a_histogram_shows_the_threshold_only_where_scores_are():
    scores = np.array([0.1, 0.2, 0.3])
    assert histogram(scores, scores, 0.2, "x").count("<line") == 2
    assert histogram(scores, scores, 0.9, "x").count("<line") == 1


def test_settings_that_differ():
    first = RunSettings(("a",), reference=("depth_m<800",))
    second = RunSettings(("a",), ood=OodSettings(alpha=0.1))
    assert settings_between(first, second) == [("reference", "depth_m<800", ""), ("ood alpha", "0.05", "0.1")]
    assert settings_between(first, first) == []


def table(ids, flagged, cluster, sets="target"):
    scores = np.linspace(0.1, 0.9, len(ids))
    return pd.DataFrame({"region_id": ids, "flagged": flagged, "cluster": cluster, "ood_score": scores, "set": sets})


def test_flags_that_came_and_went():
    first = table([1, 2, 3, 4], [True, True, False, False], [0, 0, 1, 1])
    second = table([4, 3, 2, 9], [True, True, True, True], [0, 0, 1, 1])
    found = flags_between(first, second)
    assert (found.common, found.both) == (3, 1)
    assert found.gained.tolist() == [1, 0]  # rows of the second run, the strangest first
    assert found.lost.tolist() == []  # region 1 is not in the second


def test_flags_count_where_a_run_judges():
    sets = ["reference", "reference", "target", "both"]
    mixed = table([1, 2, 3, 4], [True, False, True, True], [0] * 4, sets)
    assert flags(mixed).tolist() == [False, False, True, True]
    assert flags(mixed.assign(set="reference")).tolist() == [True, False, True, True], "without a target all are judged"
    assert flags_between(mixed, table([1, 2, 3, 4], [True, False, False, True], [0] * 4)).gained.tolist() == [0]


def test_clusters_by_overlap():
    first = table([1, 2, 3, 4, 5], [False] * 5, [0, 0, 0, 1, -1])
    second = table([1, 2, 3, 4, 5], [False] * 5, [7, 7, 8, -1, 7])
    # cluster 0 shares {1, 2} of {1, 2, 3, 5} with 7; cluster 1 became noise
    assert clusters_between(first, second) == [(0, 7, 2, 0.5), (1, -1, 0, 0.0)]
