"""Broken inputs by the command line: one clear sentence each, nothing lost, the rest goes on."""

from __future__ import annotations

import csv
import json
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from core.cli import app
from core.learn.predicting import predict_files
from core.workspace import open_workspace
from tests.core.learn.conftest import bring_in, make_source


def told(words, workspace, *, code):
    """The one object that a command prints."""
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace), "--device", "cpu", "--json"])
    assert done.exit_code == code, done.output
    answer = json.loads(done.stdout)
    if code:
        assert "\n" not in answer["error"]
        assert "Traceback" not in done.output
    return answer


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """A workspace of 30 pictures: one became text after its import, one claims 200 megapixels."""
    folder = tmp_path_factory.mktemp("spoiled")
    table = make_source(folder / "source", dives=6)
    workspace = open_workspace(folder / "ws")
    bring_in(workspace, table)
    images = sorted(workspace.datasets()[0].root.glob("*.png"))
    header = bytearray(images[1].read_bytes())
    header[16:24] = (20_000).to_bytes(4, "big") + (10_000).to_bytes(4, "big")
    images[0].write_text("not a picture any more")
    images[1].write_bytes(header)
    workspace.close()
    return folder / "ws"


def test_pictures_that_broke_are_named_and_the_others_teach(spoiled):
    words = ["train", "dives", "--name", "some", "--preset", "probe", "--short-side", "64", "--workers", "1"]
    answer = told(words, spoiled, code=0)
    assert any(note.startswith("2 images could not be opened") for note in answer["notes"])
    assert len(answer["notes"]) == 1


WEIGHTS = {
    "a text file": (lambda path: path.write_text("no weights"), ".safetensors", "cannot be read as weights"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"a": [1]})), ".pth", "could run code|weights-only"),
    "another network's": (lambda path: save_file({"o.weight": torch.zeros(3, 3)}, path), ".safetensors", "0 of"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_do_not_fit_are_refused(spoiled, tmp_path, kind):
    write, ending, says = WEIGHTS[kind]
    path = tmp_path / f"weights{ending}"
    write(path)
    words = ["train", "dives", "--name", "never", "--weights", str(path)]
    assert re.search(says, told([*words, "--embedder", "shufflenet_v2_x0_5"], spoiled, code=1)["error"])
    assert "choose that network" in told(words, spoiled, code=1)["error"]
    assert not (spoiled / "models" / "never").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--head", "kind=whale"], "does not know 'whale'"),
        (["--head", "kind:single=star"], "one concept"),
        (["--where", "depth_m>9000"], "no image of dives meets"),
        (["--preset", "best"], "no preset"),
        (["--init-from", "nobody"], "no model 'nobody'"),
        (["--epochs", "2"], "whole networks"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(spoiled, words, says):
    assert says in told(["train", "dives", "--name", "never", *words], spoiled, code=1)["error"]
    assert not (spoiled / "models" / "never").exists()


def test_an_empty_dataset_and_labels_that_nobody_knows(learnt, tmp_path):
    """A dataset without a usable image teaches and judges nothing; strange labels alone judge nothing."""
    workspace = tmp_path / "ws"
    shutil.copytree(learnt[0].root, workspace)
    space = open_workspace(workspace)
    for name, labels, colour in (("lost", ("crab", "star"), 10), ("strange", ("kraken", "ghost"), 90)):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        with (folder / "frames.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [[f"{place}.png", f"{name} {place}", labels[place % 2]] for place in range(6)]
            csv.writer(file).writerows([["filename", "dive", "labels"], *rows])
        for place in range(6):
            Image.new("RGB", (32, 32), (colour, place, 0)).save(folder / "images" / f"{place}.png")
        bring_in(space, folder / "frames.csv", dataset=name, key=False)
    for path in (tmp_path / "lost" / "images").iterdir():
        path.unlink()
    space.close()
    words = ["train", "lost", "--name", "x", "--rare", "keep"]
    assert "no image can be opened" in told(words, workspace, code=1)["error"]
    assert "could be opened" in told(["evaluate", "first", "lost"], workspace, code=1)["error"]
    assert "knows none of these" in told(["evaluate", "first", "strange"], workspace, code=1)["error"]
    assert not (workspace / "models" / "x").exists()
    assert not (workspace / "evaluations").exists()


def test_five_hundred_files_at_once_are_answered_block_by_block(learnt, model, tmp_path):
    picture = sorted(learnt[0].datasets()[0].root.glob("*.png"))[3]
    files = [tmp_path / f"{place:03d}.png" for place in range(500)]
    for file in files:
        file.symlink_to(picture)
    alone = next(iter(predict_files(model, [picture], workers=1))).probabilities
    seen = []
    found = list(predict_files(model, files, workers=1, progress=lambda done, total: seen.append((done, total))))
    assert [one.path for one in found] == files
    assert np.abs(np.array([one.probabilities for one in found]) - alone).max() <= 1e-5
    assert seen[-1] == (500, 500)
