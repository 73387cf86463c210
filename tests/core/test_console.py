"""What the command line prints."""

from __future__ import annotations

import io
import json

import pytest

from core.console import Console, describe, duration
from core.progress import Pace


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (16.2, "16 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_carry_what_they_should(seconds, text):
    assert duration(seconds) == text


def test_pace_counts_only_fresh_work():
    pace = Pace.of(done=600, total=1000, began_with=400, seconds=10)
    assert pace.rate == 20
    assert pace.seconds_left == 20
    assert Pace.of(400, 1000, 400, 10).seconds_left is None


def test_progress_names_rate_and_time_left():
    line = describe("embeddings", 512, 1200, "regions", Pace(43.0, 16.0), 12)
    assert line == "embeddings   512 of 1,200 regions, 43/s, 16 s left"
    assert describe("embeddings", 1200, 1200, "regions", Pace(43.0, 0.0), 28).endswith("1,200 regions, done in 28 s")


def test_json_mode_prints_one_object_and_nothing_else():
    out, err = io.StringIO(), io.StringIO()
    console = Console(as_json=True, out=out, err=err)
    console.say("a remark")
    console.progress("embed")(1, 1)
    console.result({"run": 1}, "run 1")
    assert json.loads(out.getvalue()) == {"run": 1}
    assert "a remark" in err.getvalue()


def test_errors_are_one_sentence_or_one_object():
    out, err = io.StringIO(), io.StringIO()
    Console(as_json=False, out=out, err=err).error("k is too large")
    assert err.getvalue() == "benthoscope: k is too large\n"
    assert out.getvalue() == ""
    Console(as_json=True, out=out, err=err).error("k is too large")
    assert json.loads(out.getvalue()) == {"error": "k is too large"}
