"""Downloads and the edge of the dashboard."""

from __future__ import annotations

import csv
import io
import logging

import numpy as np
import pandas as pd
import pytest

from core.errors import CoreError, WorkspaceError
from dashboard import boundary, findings, parts, summaries
from tests.dashboard.frames import table


def read(frame: pd.DataFrame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(parts.to_csv(frame).decode("utf-8-sig"))))


def test_csv_holds_what_the_table_holds():
    rows = read(
        pd.DataFrame({"name": ["Crab", 'é, "x"\n'], "score": [0.5, np.nan], "list": [["a", "b"], np.array(["c"])]})
    )
    assert rows == [{"name": "Crab", "score": "0.5", "list": "a|b"}, {"name": 'é, "x"\n', "score": "", "list": "c"}]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_text_cell_runs_in_a_spreadsheet(cell):
    assert read(pd.DataFrame({"a": [cell], "b": pd.Series([cell], dtype="str")}))[0] == {
        "a": f"'{cell}",
        "b": f"'{cell}",
    }
    assert next(iter(read(pd.DataFrame({"=x": [1]}))[0])) == "'=x"


def test_numbers_stay_numbers():
    assert read(pd.DataFrame({"a": [-1.5], "b": [-2], "c": [True]}))[0] == {"a": "-1.5", "b": "-2", "c": "True"}


def test_a_table_that_is_downloaded_is_not_changed():
    frame = pd.DataFrame({"a": ["=1"], "b": [["x"]]})
    parts.to_csv(frame)
    assert frame["a"].tolist() == ["=1"]
    assert frame["b"].tolist() == [["x"]]


def test_known_errors_speak_for_themselves_and_are_not_logged(caplog):
    with caplog.at_level(logging.ERROR):
        title, sentence = boundary.explain(WorkspaceError("the folder is gone; name another"))
    assert sentence == "The folder is gone; name another."
    assert title
    assert caplog.text == ""
    assert boundary.explain(CoreError("what? (no)"))[1] == "What? (no)"


def test_unknown_errors_are_logged_under_the_number_they_show(caplog):
    with caplog.at_level(logging.ERROR):
        _, sentence = boundary.explain(KeyError("secret"))
    assert "secret" not in sentence
    number = sentence.split("error ")[1].split(":")[0]
    assert number in caplog.text
    assert "KeyError" in caplog.text


def test_streamlits_own_control_flow_passes_the_boundary():
    from streamlit.runtime.scriptrunner import StopException

    with pytest.raises(StopException), boundary.boundary():
        raise StopException


def test_an_opening_without_a_target_judges_the_reference_against_itself():
    head = summaries.headline(summaries.images(table(4, set="reference", flagged=[True, False, False, False])), 4)
    assert "judged against one another" in findings.opening(head)
    assert ("1", "flagged", "25 % of the judged") in findings.tiles(head)
    assert findings.judged(head, {"certified": True}).startswith("1 of 4 judged images (25 %)")
    assert "chance" not in findings.judged(head, {"certified": False})


def test_what_the_source_does_not_say_is_said():
    silent = summaries.headline(
        summaries.images(table(2, depth_m=np.nan, taken_at=pd.to_datetime([None] * 2, utc=True))), 2
    )
    assert findings.silence(silent, 0) == "The source gives no depths, times or positions, so nothing is shown by them."
    assert findings.silence(summaries.headline(summaries.images(table(2)), 2), 2) == ""


def test_only_what_differs_is_compared_by():
    assert summaries.comparable(summaries.images(table(4))) == ("depth", "group", "day")
    assert summaries.comparable(summaries.images(table(4, camera=["a", "a", "b", ""], group="", depth_m=np.nan))) == (
        "day",
        "camera",
    )
    assert summaries.lacking(summaries.images(table(4, camera=["a", "a", "b", ""])), "camera") == 1


def test_thresholds_are_marked_when_they_hold():
    sure = {"certified": True, "threshold": 0.4, "alpha": 0.05}
    assert [line[0] for line in findings.lines(sure, 0.3)] == [0.3, 0.4]
    unsure = {**sure, "certified": False}
    assert [line[0] for line in findings.lines({**unsure, "threshold": 0.301}, 0.3)] == [0.3]  # the same line
    assert [line[1] for line in findings.lines(unsure, 0.3)][1] == "flagged above, with no rate promised"
    assert findings.lines({}, None) == []
