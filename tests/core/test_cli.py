"""The command line, as processes see it: exit codes, one JSON object, no traceback, no delay."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from core.cli import app
from tests.small import NETWORK, make_collection, random_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace filled by the command line alone."""
    folder = tmp_path_factory.mktemp("cli")
    table = make_collection(folder / "source")
    weights = random_weights(folder / "network.safetensors")
    workspace = str(folder / "ws")
    images = str(table.parent / "images")
    here = ("--workspace", workspace, "--workers", "1")
    imported = call("import", str(table), "--images", images, "--dataset", "dives", "--group", "dive", *here)
    network = ("--embedder", NETWORK, "--weights", str(weights), "--short-side", "32", "--device", "cpu")
    ran = call("run", "dives", "--reference", "depth_m<800", "--alpha", "0.2", *network, *here)
    return workspace, imported, ran


def call(*words, code=0):
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == code, result.output
    lines = result.stdout.strip().splitlines()
    assert len(lines) == 1, result.stdout
    return json.loads(lines[0])


def test_from_a_folder_to_a_run_by_words_alone(made):
    _, imported, ran = made
    assert imported["counts"]["images"] == 48
    assert ran["counts"]["regions"] == 48
    assert ran["run"] == 1
    assert {"embeddings", "neighbours", "scores", "projection", "clusters"} <= set(ran["timings"])


def test_export_has_one_row_a_region_and_the_promised_columns(made, tmp_path):
    workspace, _, _ = made
    out = tmp_path / "run.csv"
    assert call("export", "1", "--out", str(out), "--workspace", workspace)["rows"] == 48
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    promised = {
        *("image_id", "path", "region", "group", "set", "x", "y", "cluster", "cluster_probability", "ood_score"),
        *("ood_percentile", "p_value", "flagged", "flag_rule"),
    }
    assert promised <= set(rows[0])
    assert {row["set"] for row in rows} == {"reference", "target"}
    assert {row["flag_rule"] for row in rows} == {"conformal p<=0.2"}
    out = tmp_path / "some.json"
    deep = ("--select", "depth_m>800", "--workspace", workspace)
    assert call("export", "1", "--format", "json", "--out", str(out), *deep)["rows"] == 16
    document = json.loads(out.read_text(encoding="utf-8"))
    assert len(document["regions"]) == 16
    assert document["regions"][0]["concepts"] == []


def test_errors_are_one_object_and_exit_code_one(made, tmp_path):
    workspace, _, _ = made
    for words in (
        ("export", "99", "--out", str(tmp_path / "x.csv"), "--workspace", workspace),
        ("run", "nothing", "--workspace", workspace),
        ("run", "dives", "--workspace", str(tmp_path / "nowhere")),
        ("import", str(tmp_path / "no.csv"), "--dataset", "x", "--workspace", workspace),
        ("run", "dives", "--regions", "circle", "--workspace", workspace),
        ("run", "dives", "--embedder", "no_such_network", "--workspace", workspace),
    ):
        answer = call(*words, code=1)
        assert set(answer) == {"error"}
        assert len(answer["error"]) > 20


def test_dry_run_writes_nothing(tmp_path):
    table = make_collection(tmp_path / "source", dives=2)
    answer = call("import", str(table), "--dataset", "x", "--dry-run", "--workspace", str(tmp_path / "ws"))
    assert answer["counts"]["rows"] == 4
    assert not (tmp_path / "ws").exists()


def test_doctor_looks_at_everything(made):
    workspace, _, _ = made
    answer = call("doctor", "--workspace", workspace)
    topics = {finding["topic"] for finding in answer["findings"]}
    assert {"python", "torch", "device", "disk", "workspace", "dataset", "run"} <= topics
    assert answer["healthy"]


def test_help_works_as_a_process():
    done = subprocess.run([sys.executable, "-m", "core.cli", "--help"], capture_output=True, text=True, check=True)
    assert "import" in done.stdout


def test_the_unforeseen_is_kept_in_a_file_not_shown(tmp_path):
    code = (
        "import sys, core.console, core.doctor\n"
        "def broken(*_): raise RuntimeError('boom')\n"
        "core.doctor.examine = broken\n"
        "sys.argv = ['benthoscope', 'doctor']\n"
        "import core.cli; core.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 70
    assert "Traceback" not in done.stderr + done.stdout
    logs = list(tmp_path.glob("benthoscope-*.log"))
    assert len(logs) == 1
    assert "boom" in logs[0].read_text()
