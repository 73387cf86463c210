"""Models judged on what they never served on; strain; what is kept and told; pictures from outside a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.assess.fairness import fair_rows
from core.assess.gathering import _bands, cases_of, ood_of, outside_of
from core.assess.judging import Question, judge
from core.assess.outsiders import judge_files
from core.assess.storing import keep, list_evaluations, open_evaluation
from core.assess.strain import WAYS
from core.assess.telling import (
    STUDY,
    beyond_sentence,
    calibration_sentence,
    compared_text,
    evaluation_json,
    evaluation_text,
    strain_text,
    write_tables,
)
from core.cli import app
from core.errors import SelectionError, SettingsError, WorkspaceError
from core.evaluate.behind import surprise, worse_first
from core.evaluate.evaluation import compare, evaluate, judged_cases
from core.evaluate.figures import image_precision
from core.learn.gathering import gather
from core.learn.models import find_model, load_model
from core.workspace import open_workspace
from tests.taught import QUESTION


@pytest.fixture(scope="module")
def space(taught_folder):
    opened = open_workspace(taught_folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def model(space):
    return load_model(find_model("keen", space), device="cpu")


def test_only_groups_that_served_nothing_judge(space, model):
    found = gather(space, ["drawn"], tree=model.tree)
    fair = fair_rows(found, model.groups, "keen")
    names = {found.group_names[group] for group in found.groups[fair.rows]}
    assert names == set(model.groups["held_out"])
    assert fair.left_out == len(found) - len(fair.rows)
    assert "served nothing before" in fair.sentence
    everything = {"training": list(found.group_names), "held_out": []}
    with pytest.raises(SettingsError, match="no figure on them would be honest"):
        fair_rows(found, everything, "keen")


def test_an_evaluation_is_kept_and_opens_as_it_was(space, model):
    judged = judge(space, model, QUESTION, workers=1)
    kept = open_evaluation(space, 1)
    cases = judged_cases(judged.cases)
    np.testing.assert_allclose(kept.cases.probabilities, cases.probabilities, atol=1e-5)
    np.testing.assert_array_equal(kept.cases.truth, cases.truth)
    assert kept.cases.keys.tolist() == cases.keys.tolist()
    again = evaluate(cases, resamples=QUESTION.resamples)
    assert list(kept.overall) == list(again.overall)
    for key, value in again.overall.items():
        assert kept.overall[key].value == pytest.approx(value.value, abs=1e-4), key
    assert kept.counts == again.counts
    assert kept.confusion.counts.tolist() == again.confusion.counts.tolist()
    assert [one.id for one in list_evaluations(space)] == [2, 1]
    assert set(kept.regions["path"]) == set(judged.examples.table["path"])
    with pytest.raises(WorkspaceError, match="there are: 1, 2"):
        open_evaluation(space, 9)


def test_probabilities_are_those_of_the_files_alone(space, model):
    from core.learn.predicting import predict_files

    kept = open_evaluation(space, 1)
    images = [space.image(int(image)) for image in kept.regions["image_id"][:3]]
    said = list(predict_files(model, [image.path for image in images], workers=1))
    width = len(model.tree)
    for place, one in enumerate(said):
        np.testing.assert_allclose(kept.cases.probabilities[place, :width], one.probabilities, atol=1e-5)


def test_strain_is_paired_and_complete(space):
    data = open_evaluation(space, 1).facts["stress"]
    assert set(data["ways"]) == set(WAYS)
    assert data["regions"] == 8
    for way in data["ways"].values():
        gain, first, second = (way["map20"][part]["value"] for part in ("gain", "first", "second"))
        assert gain == pytest.approx(first - second)
    assert {way["map20"]["second"]["value"] for way in data["ways"].values()} == {second}
    assert "JPEG at quality 30" in strain_text(data)
    kept = open_evaluation(space, 1)
    for way, figures in data["ways"].items():  # the pictures behind each figure are those that made it
        rows, again = kept.spoiled(way)
        said = image_precision(again)
        assert figures["map20"]["first"]["value"] == pytest.approx(np.nanmean(said))
        worse = worse_first(again, kept.cases)
        gap = surprise(again) - surprise(kept.cases)[rows]
        assert set(worse) == set(np.flatnonzero(gap > 0))
        assert (np.diff(gap[worse]) <= 0).all()
    assert open_evaluation(space, 2).spoiled("half") is None


@pytest.mark.parametrize(("key", "size"), [("half", (90, 60)), ("cropped", (60, 40)), ("dark", (90, 60))])
def test_ways_of_spoiling(key, size):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    spoiled = WAYS[key][1](picture)
    assert spoiled.size == size
    if key == "dark":
        assert np.asarray(spoiled).mean() == pytest.approx(0.7 * np.asarray(picture).mean(), rel=0.02)
    if key == "half":
        assert np.asarray(spoiled).std() < 0.8 * np.asarray(picture).std()


def test_a_concept_that_the_model_lacks_becomes_a_column_that_can_only_be_missed(space, model):
    found = gather(space, ["drawn"], tree=model.tree)
    table = found.table.copy()
    table["concepts"] = [[*names, "kraken"] for names in table["concepts"]]
    strange = replace(found, table=table)
    probabilities = np.full((len(found), len(model.tree)), 0.5, np.float32)
    cases = cases_of(strange, model, probabilities, None)
    assert cases.concepts[-1] == "kraken"
    assert not cases.known[-1]
    assert (cases.truth[:, -1] == 1).all()
    assert not cases.said()[:, -1].any()


def test_what_is_outside_is_a_condition_and_unknown_where_the_field_is_missing():
    table = pd.DataFrame({"depth_m": [100.0, 900.0, np.nan], "concepts": [[]] * 3, "labelled": True})
    assert outside_of(table, ["depth_m>=800"]).tolist() == [0, 1, -1]
    assert outside_of(table, []) is None
    with pytest.raises(SelectionError, match="needs both kinds"):
        outside_of(table, ["depth_m>=5000"])


def test_scores_come_from_the_run_or_from_the_images_strangest_region():
    table = pd.DataFrame({"image_id": [1, 2, 3], "region": ["image", "image", "image"]})
    run = SimpleNamespace(
        table=pd.DataFrame(
            {"image_id": [1, 2, 2], "region": ["image", "0,0,5,5", "5,0,5,5"], "ood_score": [0.3, 0.2, 0.7]}
        )
    )
    np.testing.assert_array_equal(ood_of(table, run), [0.3, 0.7, np.nan])


def test_depth_bands_are_round_and_few():
    names = _bands(np.array([12.0, 95.0, 799.0, np.nan, 1290.0]))
    assert names.tolist() == ["0–200 m", "0–200 m", "600–800 m", "", "1,200–1,400 m"]


def test_it_tells_everything_in_words_and_files(space, tmp_path):
    first, second = open_evaluation(space, 1), open_evaluation(space, 2)
    text = evaluation_text(first)
    assert "MAP@20" in text
    assert str(STUDY) in text
    assert "not a comparison" in text
    assert calibration_sentence(first) in text
    assert beyond_sentence(first) == ""
    assert "keen less stiff" in compared_text(compare(first.cases, second.cases, resamples=20), "keen", "stiff")
    files = write_tables(first, tmp_path / "out")
    data = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert data["overall"]["map20"]["value"] == first.overall["map20"].value
    assert len(data["concept_figures"]) == len(first.concepts)
    rows = pd.read_csv(tmp_path / "out" / "overall.csv")
    assert rows["figure"].tolist()[0] == "MAP@20"
    assert len(files) == 4
    assert evaluation_json(first)["id"] == 1


def test_a_full_disk_leaves_nothing_half_written(space, monkeypatch):
    kept = open_evaluation(space, 1)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WorkspaceError, match="could not be stored"):
        keep(space, kept.cases, evaluate(kept.cases, resamples=5), kept.regions, {"model": "x", "datasets": []})
    assert [one.id for one in list_evaluations(space)] == [2, 1]
    assert not [path for path in (space.root / "evaluations").iterdir() if path.name.startswith(".")]


def test_pictures_from_outside_stand_to_the_reference(space, tmp_path):
    run = space.open_run(1)
    broken = tmp_path / "broken"
    broken.write_bytes(b"no picture")
    # The run's vectors are invented (eight numbers), the network's are not: only the way is tried here.
    with pytest.raises(Exception, match="dimensions"):
        judge_files(run, [space.image(1).path], workers=1)
    assert judge_files(run, [broken], workers=1) == [None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody", "drawn"], "there is no model 'nobody'"),
        (["keen", "nothing"], "nothing"),
        (["keen", "drawn", "--outside", "depth_m>=99999"], "needs both kinds"),
        (["keen", "drawn", "--where", "depth_m>=99999"], "meets"),
        (["keen", "drawn", "--outside", "depth_m>=700", "--run", "77"], "77"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(taught_folder, words, said):
    done = CliRunner().invoke(app, ["evaluate", *words, "--json", "--workspace", str(taught_folder)])
    assert done.exit_code == 1
    assert said in json.loads(done.stdout.splitlines()[-1])["error"]


def test_no_run_means_no_scores(space, model):
    with pytest.raises(WorkspaceError):
        judge(space, model, Question(("drawn",), outside=("depth_m>=700",), run=99), workers=1)
