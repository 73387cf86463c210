"""Models and predictions: the same numbers by every way, and one clear sentence for everything broken."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from core.cli import app
from core.embed.load import load_embedder
from core.errors import Cancelled, CoreError, ImageError, ModelError, SettingsError, WorkspaceError
from core.learn.bodies import body_facts, part_tensors
from core.learn.features import stored_features
from core.learn.gathering import gather
from core.learn.heads import LinearHeads
from core.learn.models import find_model, list_models, load_model, model_folder, read_facts, save_model
from core.learn.predicting import image_files, predict_files, predict_regions
from core.learn.predictions import list_predictions, open_predictions
from core.learn.recipes import HeadWish, ProbeSettings, ProbeView, preset_settings
from core.learn.training import split_sides, train_model, wished_heads
from core.settings import EmbedSettings
from core.workspace import open_workspace
from tests.core.learn.conftest import BODY, bring_in, make_source, silent_for


def files_of(workspace):
    return sorted((workspace.datasets()[0].root).glob("*.png"))


def test_it_learns_and_says_so(learnt, model):
    workspace, trained = learnt
    assert trained.facts["figures"]["validation"]["mean_average_precision"] > 0.75
    assert model.tree.names == ("crab", "shrimp", "star", "crustacean")
    assert model.tree.parents == (3, 3, -1, -1)
    assert "crustacean" in (trained.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert [info.name for info in list_models(workspace) if not info.problem] == ["first"]


def test_groups_serve_once(learnt, model):
    workspace, _ = learnt
    examples = gather(workspace, ["dives"])
    sides = split_sides(examples, preset_settings("probe", ("dives",), BODY))
    held = {examples.group_names[group] for group in np.unique(examples.groups[sides == 2])}
    assert set(model.groups["held_out"]) == held
    assert not held & set(model.groups["training"])
    assert len(held) + len(model.groups["training"]) == 14
    assert all(len(set(sides[examples.groups == group])) == 1 for group in np.unique(examples.groups))
    assert sorted(np.unique(sides)) == [0, 1, 2]


def test_the_same_numbers_alone_together_stored_and_by_words(learnt, model, tmp_path):
    workspace, trained = learnt
    files = files_of(workspace)[:20]
    together = [one.probabilities for one in predict_files(model, files, workers=1)]
    alone = [next(iter(predict_files(model, [file], workers=1))).probabilities for file in files]
    assert np.abs(np.array(together) - np.array(alone)).max() <= 1e-5
    stored = predict_regions(workspace, model, workers=1)
    rows = {path: row for row, path in enumerate(stored.rows["path"])}
    kept = stored.probabilities[[rows[file.name] for file in files]]
    assert np.abs(kept - np.array(together)).max() <= 1e-5
    out = tmp_path / "p.csv"
    words = ["predict", str(trained.folder), *map(str, files), "--out", str(out), "--device", "cpu", "--json"]
    answer = CliRunner().invoke(app, [*words, "--workspace", str(tmp_path / "none")])
    assert answer.exit_code == 0, answer.output
    with out.open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    told = np.array([[float(row[name]) for name in model.tree.names] for row in written])
    assert np.abs(told - np.array(together)).max() <= 1e-5
    parents = np.array(together)
    assert (parents[:, 3] >= parents[:, :2].max(1)).all()


def test_stored_predictions_resume_after_a_stop_in_the_same_bytes(learnt, model, tmp_path, monkeypatch):
    workspace, _ = learnt
    monkeypatch.setattr("core.learn.predicting.BLOCK", 16)
    copy = open_workspace(tmp_path / "ws")
    bring_in(copy, workspace.datasets()[0].root.parent / "frames.csv")
    calls = []

    def stop(done, total):
        calls.append(done)
        if done > 40:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        predict_regions(copy, model, workers=1, progress=stop)
    assert list_predictions(copy) == []
    seen = []
    resumed = predict_regions(copy, model, workers=1, progress=lambda done, total: seen.append(done))
    assert min(seen) >= 32
    whole = np.array(resumed.logits), resumed.id
    shutil.rmtree(copy.root / "predictions")
    again = predict_regions(copy, model, workers=1)
    assert again.id == whole[1]
    assert (again.logits == whole[0]).all()
    assert [info.id for info in list_predictions(copy)] == [again.id]
    assert open_predictions(copy, again.id).row_of(int(again.rows["region_id"][3])) == 3
    copy.close()


def test_a_fathomnet_submission_is_ranked_and_coded(learnt, tmp_path):
    workspace, trained = learnt
    out = tmp_path / "s.csv"
    words = ["predict", str(trained.folder), "--dataset", "dives", "--out", str(out), "--format", "fathomnet"]
    answer = CliRunner().invoke(app, [*words, "--device", "cpu", "--workspace", str(workspace.root), "--json"])
    assert answer.exit_code == 0, answer.output
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "categories", "osd"]
    assert sorted(rows[0]["categories"].split()) == ["1", "2", "3"]


def test_files_are_as_strange_as_the_run_says(learnt, tmp_path, monkeypatch):
    """Beside a run each file has half its OOD score; without one the column is empty, and that is said."""
    workspace, trained = learnt
    asked = []

    def scores(run, paths, **_settings):
        asked.append((run, [path.name for path in paths]))
        return [0.25, 1.5, None]

    monkeypatch.setattr("core.assess.outsiders.file_scores", scores)
    monkeypatch.setattr("core.workspace.Workspace.open_run", lambda self, number: f"run {number}")
    files = files_of(workspace)[:2]
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    out = tmp_path / "s.csv"
    words = ["predict", str(trained.folder), *map(str, files), str(text), "--out", str(out), "--format", "fathomnet"]
    words += ["--device", "cpu", "--workspace", str(workspace.root), "--json"]
    bare = CliRunner().invoke(app, words)
    assert "osd is empty: no run has OOD scores" in json.loads(bare.stdout)["notes"][0]
    assert [line.rsplit(",", 1)[1] for line in out.read_text().splitlines()[1:]] == ["", "", ""]
    told = CliRunner().invoke(app, [*words, "--run", "1"])
    assert json.loads(told.stdout)["notes"] == []
    assert [line.rsplit(",", 1)[1] for line in out.read_text().splitlines()[1:]] == ["0.125", "0.75", ""]
    assert asked == [("run 1", [files[0].name, files[1].name, "notes.png"])]
    both = CliRunner().invoke(app, [*words, "--dataset", "dives"])
    assert both.exit_code == 1
    assert "one of them" in json.loads(both.stdout)["error"]


def test_broken_files_have_a_sentence_and_the_others_an_answer(learnt, model, tmp_path):
    good = files_of(learnt[0])[0]
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    huge = tmp_path / "huge.png"
    header = bytearray(good.read_bytes())
    header[16:24] = (20_000).to_bytes(4, "big") + (10_000).to_bytes(4, "big")
    huge.write_bytes(header)
    found = list(predict_files(model, [text, good, tmp_path / "empty.jpg", huge], workers=1))
    assert [one.probabilities is not None for one in found] == [False, True, False, False]
    assert "not an image" in found[0].reason
    assert "empty" in found[2].reason
    assert "20000 x 10000 pixels" in found[3].reason or "damaged" in found[3].reason
    answer = CliRunner().invoke(app, ["predict", str(model.folder), str(text), "--device", "cpu", "--json"])
    assert answer.exit_code == 1
    assert "none of the images could be used" in json.loads(answer.stdout)["error"]
    (tmp_path / "bare").mkdir()
    with pytest.raises(ImageError, match="no image"):
        image_files([tmp_path / "bare"])


def _facts(change):
    """A breakage of ``model.json``."""

    def breaks(folder):
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        change(facts)
        (folder / "model.json").write_text(json.dumps(facts), encoding="utf-8")

    return breaks


def _body(**changes):
    return _facts(lambda facts: facts["architecture"]["bodies"][0].update(changes))


BROKEN = {
    "no facts": (lambda folder: (folder / "model.json").unlink(), "has no model.json"),
    "no JSON": (lambda folder: (folder / "model.json").write_text("{"), "cannot be read as a model"),
    "newer": (lambda folder: (folder / "model.json").write_text('{"format": 99}'), "format 99"),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "has no weights.safetensors"),
    "pickle": (lambda folder: (folder / "weights.safetensors").write_bytes(pickle.dumps([1])), "could run code"),
    "a concept less": (_facts(lambda facts: facts["label_tree"].pop()), "label|threshold|head"),
    "a threshold less": (_facts(lambda facts: facts["thresholds"]["values"].pop()), "3 thresholds for 4"),
    "other network": (_body(embedder="shufflenet_v2_x0_5"), "another network"),
    "other preparation": (_body(preparation=99), "prepared by version 99"),
    "other weights": (_facts(lambda facts: facts["weights"].update(digest="0")), "are not those"),
    "no heads": (_facts(lambda facts: facts.pop("heads")), "cannot be understood"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_model_is_refused_in_one_sentence(learnt, tmp_path, kind):
    breakage, says = BROKEN[kind]
    folder = tmp_path / "copy"
    shutil.copytree(learnt[1].folder, folder)
    breakage(folder)
    with pytest.raises(ModelError, match=says) as told:
        load_model(folder, device="cpu")
    assert "\n" not in str(told.value)


def test_what_is_not_there_is_said(learnt, tmp_path):
    workspace, _ = learnt
    with pytest.raises(ModelError, match="models are: first"):
        find_model("nobody", workspace)
    (tmp_path / "x.pth").touch()
    with pytest.raises(ModelError, match="is a file"):
        find_model(str(tmp_path / "x.pth"), None)
    with pytest.raises(ModelError, match="letters, digits"):
        model_folder(workspace, "../elsewhere")
    with pytest.raises(WorkspaceError, match="no predictions"):
        open_predictions(workspace, "../..")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([""] * 8, "annotated with a concept"),
        (["crab"] * 8, "only concept is in every image"),
        (["crab", "star"] + [""] * 6, "rarer than the rule"),
    ],
)
def test_broken_datasets_are_refused_in_one_sentence(tmp_path, labels, says):
    (tmp_path / "images").mkdir()
    with (tmp_path / "frames.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "dive", "labels"])
        for place, label in enumerate(labels):
            Image.new("RGB", (32, 32), (place * 20, 0, 0)).save(tmp_path / "images" / f"{place}.png")
            writer.writerow([f"{place}.png", f"D{place}", label])
    workspace = open_workspace(tmp_path / "ws")
    bring_in(workspace, tmp_path / "frames.csv", key=False)
    with pytest.raises(CoreError, match=says):
        train_model(workspace, preset_settings("probe", ("dives",), BODY), "x", workers=1, progress_for=silent_for)
    with pytest.raises(WorkspaceError, match="there is no dataset"):
        train_model(workspace, preset_settings("probe", ("none",), BODY), "x", workers=1, progress_for=silent_for)
    assert not (workspace.root / "models" / "x").exists()
    workspace.close()


def test_heads_are_checked(model):
    heads = wished_heads([HeadWish.parse("animals:single=crustacean,star")], model.tree)
    assert heads[0].columns == (0, 1, 2, 3)
    with pytest.raises(SettingsError, match="does not know 'whale'"):
        wished_heads([HeadWish.parse("a=whale")], model.tree)
    with pytest.raises(SettingsError, match="one concept"):
        wished_heads([HeadWish.parse("a:single=star")], model.tree)
    with pytest.raises(SettingsError, match="written NAME"):
        HeadWish.parse("crab,star")
    with pytest.raises(SettingsError, match="no preset"):
        preset_settings("best", ("dives",))


def test_folds_make_an_ensemble_whose_members_disagree_in_numbers(learnt, tmp_path):
    workspace, single = learnt
    copy = open_workspace(tmp_path / "ws")
    bring_in(copy, workspace.datasets()[0].root.parent / "frames.csv")
    settings = preset_settings("probe", ("dives",), BODY, short_side=64, folds=3)
    trained = train_model(copy, settings, "three", workers=1, progress_for=silent_for)
    model = load_model(trained.folder, device="cpu")
    groups = model.groups
    assert model.members == 3
    assert len(model.parts) == 1  # one frozen body, asked once
    assert groups["training"] == groups["validation"]
    assert len(groups["training"]) + len(groups["held_out"]) == 14
    assert groups["held_out"] == load_model(single.folder, device="cpu").groups["held_out"]
    assert trained.facts["figures"]["validation"]["images"] == 5 * len(groups["training"])
    assert "3 folds, each image asked of what its group did not teach" in trained.sentence
    assert "in 3 folds" in (trained.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    files = files_of(workspace)[:6]
    found = list(predict_files(model, files, workers=1))
    # The mean of the members' logits, and how far their probabilities lie apart, by hand.
    heads, stored = model.parts[0].heads, predict_regions(copy, model, workers=1)
    by_path = {path: row for row, path in enumerate(stored.rows["path"])}
    features, _, _ = stored_features(
        copy.root / "embeddings", model.parts[0].embedder, gather(copy, ["dives"]).jobs, workers=1
    )
    each = np.einsum("nf,ecf->enc", features, heads.weight.numpy()) + heads.bias.numpy()[:, None]
    order = [gather(copy, ["dives"]).table["path"].tolist().index(file.name) for file in files]
    wanted = model.probabilities(each.mean(0)[order])
    spread = np.std([model.probabilities(one[order]) for one in each], axis=0)
    assert spread.max() > 1e-3
    assert np.abs(np.array([one.probabilities for one in found]) - wanted).max() <= 1e-5
    assert np.abs(np.array([one.spread for one in found]) - spread).max() <= 1e-5
    assert np.abs(stored.spread[[by_path[file.name] for file in files]] - spread).max() <= 1e-5
    out = tmp_path / "p.csv"
    words = ["predict", "three", *map(str, files), "--out", str(out), "--device", "cpu", "--json"]
    assert CliRunner().invoke(app, [*words, "--workspace", str(copy.root)]).exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    told = np.array([[float(row[f"spread {name}"]) for name in model.tree.names] for row in written])
    assert np.abs(told - spread).max() <= 1e-5
    copy.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"folds": 0}, "folds must be in"), ({"folds": 3, "refit_all": True}, "leave --refit-all away")],
)
def test_folds_that_make_no_sense_are_refused(changes, says):
    with pytest.raises(SettingsError, match=says):
        preset_settings("probe", ("dives",), BODY, **changes)


def test_more_folds_than_groups_are_as_many_as_groups_and_said(learnt, tmp_path):
    workspace, _ = learnt
    copy = open_workspace(tmp_path / "ws")
    bring_in(copy, workspace.datasets()[0].root.parent / "frames.csv")
    settings = preset_settings("probe", ("dives",), BODY, short_side=32, folds=13, where=("depth_m<260",))
    trained = train_model(copy, settings, "few", workers=1, progress_for=silent_for)
    count = len(load_model(trained.folder, device="cpu").groups["training"])
    assert f"{count} folds instead of 13: so many groups are not held out." in trained.notes
    assert load_model(trained.folder, device="cpu").members == count
    copy.close()


def test_a_second_view_joins_where_it_helps_out_of_fold(learnt, model, tmp_path):
    """The model of the recommended preset keeps one view or both, by the figures that it tells."""
    figures = learnt[1].facts["figures"]
    found = figures["views_out_of_fold"]
    assert figures["folds"] == 5
    assert figures["views"] == 1 + int(np.argmax(found)) == len(model.parts)
    assert figures["validation"]["mean_average_precision"] == pytest.approx(max(found), abs=0.03)  # calibrated: ties
    both = ProbeSettings(ProbeView("deviation"), second=ProbeView("mean", 0.5))
    with pytest.raises(SettingsError, match="ask for --folds"):
        preset_settings("probe", ("dives",), BODY, probe=both)
    alone = preset_settings("recommended", ("dives",), BODY, refit_all=True)
    assert (alone.folds, alone.probe.second) == (1, None)
    # Two views of one body: stored once, opened twice, each with its own input.
    body = load_embedder(EmbedSettings(embedder="shufflenet_v2_x0_5", weights=str(shuffled(tmp_path)), device="cpu"))
    small = load_embedder(replace(body.settings, short_side=96))
    heads = [LinearHeads(torch.randn(2, 4, body.dimension), torch.zeros(2, 4)) for _ in range(2)]
    facts = json.loads((learnt[1].folder / "model.json").read_text(encoding="utf-8"))
    facts["architecture"]["bodies"] = [body_facts(body, "mean"), body_facts(small, "mean")]
    facts = {name: value for name, value in facts.items() if name not in ("format", "weights")}
    save_model(tmp_path / "twice", facts, [(body, heads[0]), (small, heads[1])], "")
    opened = load_model(tmp_path / "twice", device="cpu")
    assert [part.base.settings.short_side for part in opened.parts] == [224, 96]
    assert [part.base.key for part in opened.parts] == [body.key, small.key]
    stored = sum(tensor.numel() for tensor in load_file(tmp_path / "twice" / "weights.safetensors").values())
    assert stored < 1.5 * sum(tensor.numel() for tensor in part_tensors(body.body, body.ending).values())


def shuffled(folder):
    """A small network's untrained weights in a file."""
    path = folder / "shuffled.safetensors"
    save_file(torchvision.models.shufflenet_v2_x0_5(weights=None).state_dict(), path)
    return path


NETWORK = """
import os, signal, sys
from dataclasses import replace
from core.learn.recipes import preset_settings
from core.learn.training import train_model
from core.settings import EmbedSettings
from core.workspace import open_workspace
from tests.core.learn.conftest import BODY

workspace = open_workspace(sys.argv[1])
settings = preset_settings("fathomnet-2023", ("dives",), BODY, short_side=32)
recipe = replace(settings.network, epochs=2, batch=16, prepare_side=48, rate=0.003, oversample=0)
settings = settings.with_(network=recipe)

def progress_for(stage, unit):
    def told(done, total):
        if stage == "training":
            print(done, total, flush=True)
            if sys.argv[2:] and done > total // 2:
                os.kill(os.getpid(), signal.SIGKILL)
    return told

train_model(workspace, settings, "net", workers=1, progress_for=progress_for)
"""


def test_a_killed_training_goes_on_and_ends_in_the_same_weights(tmp_path):
    table = make_source(tmp_path / "source", dives=8, frames=4)
    digests = []
    for name, kill in (("whole", False), ("killed", True)):
        workspace = open_workspace(tmp_path / name)
        bring_in(workspace, table)
        workspace.close()
        command = [sys.executable, "-c", NETWORK, str(tmp_path / name)]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        if kill:
            dead = subprocess.run([*command, "dies"], stdout=subprocess.DEVNULL, check=False, env=env)
            assert dead.returncode == -signal.SIGKILL
            assert (tmp_path / name / "models" / ".net.training" / "training.safetensors").is_file()
            assert not (tmp_path / name / "models" / "net").exists()
        lines = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.splitlines()
        facts = read_facts(tmp_path / name / "models" / "net")
        digests.append(facts["weights"]["digest"])
        assert not (tmp_path / name / "models" / ".net.training").exists()
        assert len(facts["figures"]["training_curve"]["losses"]) == 3
    done = int(lines[0].split()[0])
    assert done > 1  # the killed one did not begin at the beginning
    assert digests[0] == digests[1]


def test_a_network_begins_where_a_model_ended(learnt, tmp_path):
    workspace, _ = learnt
    copy = open_workspace(tmp_path / "ws")
    bring_in(copy, workspace.datasets()[0].root.parent / "frames.csv")
    settings = preset_settings("fathomnet-2023", ("dives",), BODY, short_side=32)
    recipe = replace(settings.network, head_epochs=0, epochs=1, batch=32, prepare_side=48, oversample=0)
    first = train_model(copy, settings.with_(network=recipe), "one", workers=1, progress_for=silent_for)
    assert len(first.facts["figures"]["training_curve"]["rate_finder"]["rates"]) > 10
    start = load_model(first.folder, device="cpu")
    gentle = settings.with_(network=replace(recipe, rate=1e-5), refit_all=True)
    second = train_model(copy, gentle, "two", start=start, workers=1, progress_for=silent_for)
    began = second.facts["figures"]["training_curve"]["losses"][0][1]
    ended = first.facts["figures"]["training_curve"]["losses"][-1][1]
    assert began == pytest.approx(ended, rel=0.05)
    assert second.facts["data"]["groups"]["held_out"] == []
    pair = train_model(
        copy, gentle.with_(refit_all=False, folds=2), "pair", start=start, workers=1, progress_for=silent_for
    )
    both = load_model(pair.folder, device="cpu")
    assert [part.heads.shape[0] for part in both.parts] == [1, 1]
    assert both.parts[0].base.key != both.parts[1].base.key
    assert len(pair.facts["figures"]["training_curves"]) == 2
    alone = [one.spread for one in predict_files(both, files_of(copy)[:2], workers=1)]
    assert np.isfinite(alone).all()
    with pytest.raises(SettingsError, match="begins nowhere"):
        train_model(
            copy, preset_settings("probe", ("dives",), BODY), "x", start=start, workers=1, progress_for=silent_for
        )
    copy.close()
