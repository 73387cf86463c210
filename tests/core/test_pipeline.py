"""The pipeline: results, reuse, resuming to the same bytes, and every small or strange collection."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.errors import Cancelled, CoreError, GraphError, ModelError, SelectionError, WorkspaceError
from core.neighbours.recall import GraphRecall
from core.pipeline import execute
from core.progress import silent
from core.runs import TABLE_COLUMNS
from core.settings import (
    ClusterSettings,
    EmbedSettings,
    OodSettings,
    ProjectionSettings,
    RegionSettings,
    RunSettings,
    SearchSettings,
)
from core.space import clusters
from core.space.quality import MapQuality
from core.workspace import open_workspace
from tests.small import NETWORK, draw, make_collection, random_weights

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    return random_weights(tmp_path_factory.mktemp("weights") / "network.safetensors")


def settings_for(weights, **changes):
    base = RunSettings(
        datasets=("dives",),
        reference=("depth_m<800",),
        embed=EmbedSettings(embedder=NETWORK, weights=str(weights), short_side=32, batch=4, device="cpu"),
        ood=OodSettings(alpha=0.2),
    )
    return replace(base, **changes)


def imported(folder, source, **options):
    workspace = open_workspace(folder)
    plan = plan_import(source, ReadOptions(**options))
    import_images(workspace, plan, dataset="dives", actor="tester", now=NOW, workers=0)
    return workspace


def run(workspace, settings, **changes):
    options = {"name": None, "actor": "tester", "workers": 1, "progress_for": lambda stage, unit: silent}
    return execute(workspace, settings, **(options | changes))


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture(scope="module")
def source_workspace(tmp_path_factory, collection):
    workspace = imported(tmp_path_factory.mktemp("source") / "ws", collection, images=collection.parent / "images")
    workspace.close()
    return workspace.root


@pytest.fixture
def workspace(tmp_path, source_workspace):
    shutil.copytree(source_workspace, tmp_path / "ws")
    opened = open_workspace(tmp_path / "ws")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, source_workspace, weights):
    folder = tmp_path_factory.mktemp("finished") / "ws"
    shutil.copytree(source_workspace, folder)
    opened = open_workspace(folder)
    outcome = run(opened, settings_for(weights))
    yield opened, outcome
    opened.close()


def test_a_run_holds_every_region_and_every_column(finished):
    workspace, outcome = finished
    opened = workspace.open_run(outcome.info.id)
    table = opened.table
    assert list(table.columns[: len(TABLE_COLUMNS)]) == list(TABLE_COLUMNS)
    assert len(table) == outcome.counts["regions"] == 48
    assert (table["set"] == "reference").sum() == outcome.counts["reference"] == 32
    assert (table["set"] == "target").sum() == outcome.counts["target"] == 16
    assert table["ood_score"].between(0, 2).all()
    assert table["p_value"].between(0, 1).all()
    assert opened.embeddings.shape[0] == 48
    assert (opened.graph_all.indices[:, 0] == np.arange(48)).all()
    assert opened.damage() == []


def test_scores_equal_a_plain_computation(finished):
    workspace, outcome = finished
    opened = workspace.open_run(outcome.info.id)
    table, vectors = opened.table, np.asarray(opened.embeddings, dtype=np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    known, group = (table["set"] == "reference").to_numpy(), table["group"].to_numpy()
    for row in range(len(table)):
        others = known & (group != group[row])
        expected = np.sort(distance[row, others])[: outcome.k].mean()
        assert table["ood_score"][row] == pytest.approx(expected, abs=1e-5)


def test_the_same_words_are_the_same_run(finished, weights):
    workspace, outcome = finished
    again = run(workspace, settings_for(weights))
    assert again.reused
    assert again.info.id == outcome.info.id
    assert len(workspace.runs()) == 1


def test_only_what_depends_on_a_change_is_computed_again(workspace, weights):
    first = run(workspace, settings_for(weights))
    before = workspace.open_run(first.info.id).manifest["artefacts"]
    other_k = run(workspace, settings_for(weights, ood=OodSettings(k=5, alpha=0.2)))
    after = workspace.open_run(other_k.info.id).manifest["artefacts"]
    assert {stage for stage in before if before[stage] != after[stage]} == {"scores"}
    other_map = run(workspace, settings_for(weights, projection=ProjectionSettings(seed=5)))
    after = workspace.open_run(other_map.info.id).manifest["artefacts"]
    assert {stage for stage in before if before[stage] != after[stage]} == {
        "projection",
        "clusters",
        "quality",
    }
    leaf = run(workspace, settings_for(weights, clusters=ClusterSettings(method="leaf", min_cluster_size=3)))
    after = workspace.open_run(leaf.info.id).manifest["artefacts"]
    assert {stage for stage in before if before[stage] != after[stage]} == {"clusters"}
    assert workspace.open_run(first.info.id).artefact("quality", MapQuality).rows == first.counts["regions"]


def test_a_large_map_has_its_tree_found_as_that_of_a_flat_one_and_the_run_says_so(workspace, weights, monkeypatch):
    exact = run(workspace, settings_for(weights))
    monkeypatch.setattr(clusters, "FLAT_PAST", 10)
    flat = run(workspace, settings_for(weights))
    before, after = (workspace.open_run(one.info.id).manifest for one in (exact, flat))
    assert flat.info.id != exact.info.id
    assert {name for name in before["artefacts"] if before["artefacts"][name] != after["artefacts"][name]} == {
        "clusters"
    }
    assert (before.get("cluster_tree"), after.get("cluster_tree")) == (None, "flat")
    assert run(workspace, settings_for(weights)).reused


def test_without_its_weights_a_run_is_made_again_from_its_embeddings_alone(workspace, weights, tmp_path):
    gone = shutil.copy(weights, tmp_path / "gone.safetensors")
    first = run(workspace, settings_for(gone))
    gone.unlink()
    flat = run(workspace, settings_for(gone, projection=ProjectionSettings(method="pca")))
    before, after = (workspace.open_run(one.info.id).manifest for one in (first, flat))
    assert after["embedder"] == before["embedder"]
    assert after["artefacts"]["embeddings"] == before["artefacts"]["embeddings"]
    assert after["artefacts"]["projection"] != before["artefacts"]["projection"]
    assert run(workspace, settings_for(gone)).reused
    with pytest.raises(ModelError, match=r"gone\.safetensors"):  # these parts were never embedded
        run(workspace, settings_for(gone, regions=RegionSettings("tiles", rows=1, columns=2)))
    with pytest.raises(ModelError, match=r"gone\.safetensors"):  # and this size never was
        run(workspace, settings_for(gone, embed=replace(settings_for(gone).embed, short_side=64)))


def test_an_approximate_run_says_its_recall_and_is_another_run_only_where_it_is_approximate(workspace, weights):
    first = run(workspace, settings_for(weights))
    assert run(workspace, settings_for(weights, search=SearchSettings("exact"))).reused
    near = run(workspace, settings_for(weights, search=SearchSettings("auto", limit=5)))
    assert not near.reused
    assert run(workspace, settings_for(weights, search=SearchSettings("approximate"))).reused
    opened, exact = workspace.open_run(near.info.id), workspace.open_run(first.info.id)
    recall = opened.artefact("recall_reference", GraphRecall)
    assert recall.mean == 1.0, "so few regions lie in one cell"
    assert opened.artefact("recall_all", GraphRecall).rows > 0
    assert exact.artefact("recall_all", GraphRecall) is None
    np.testing.assert_allclose(opened.table["ood_score"], exact.table["ood_score"], atol=1e-6)
    assert not opened.damage()


def test_a_supervised_map_reads_the_labels_and_a_flat_one_needs_none(workspace, weights):
    for method in ("supervised", "pca"):
        made = run(workspace, settings_for(weights, projection=ProjectionSettings(method=method, fast=True)))
        table = workspace.open_run(made.info.id).table
        assert np.isfinite(table[["x", "y"]].to_numpy()).all()


def test_one_frame_more_embeds_one_frame(tmp_path, weights):
    source = make_collection(tmp_path / "source", dives=3)
    images = source.parent / "images"
    workspace = imported(tmp_path / "ws", images)
    settings = settings_for(weights, reference=())
    run(workspace, settings)
    store = next((workspace.root / "embeddings").iterdir())
    size = {path.name: path.stat().st_size for path in store.iterdir()}
    vectors = max(size, key=size.__getitem__)
    draw(4242).save(images / "one_more.png")
    workspace.close()
    workspace = imported(tmp_path / "ws", images)
    outcome = run(workspace, settings)
    assert outcome.counts["regions"] == 7
    assert (store / vectors).stat().st_size * 6 == size[vectors] * 7
    workspace.close()


def artefact_bytes(root):
    folders = [root / name for name in ("artefacts", "embeddings", "runs")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): path.read_bytes() for path in files if path.name not in ("timings.json", "lock")
    }


KILLED = """
import os, signal, sys
from tests.core.test_pipeline import run, settings_for, open_workspace
calls = [int(sys.argv[3])]
def progress_for(stage, unit):
    def report(done, total):
        calls[0] -= 1
        if calls[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return report
run(open_workspace(sys.argv[1]), settings_for(sys.argv[2]), progress_for=progress_for)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_and_resumed_is_undisturbed(tmp_path, source_workspace, finished, weights):
    folder = tmp_path / "ws"
    shutil.copytree(source_workspace, folder)
    killed = 0
    for moment in (4, 5, 8, 3, 2):  # within the embeddings, twice more, in the graphs, around the scores
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", KILLED, str(folder), str(weights), str(moment)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
        killed += done.returncode == -signal.SIGKILL
    assert killed == 5
    workspace = open_workspace(folder)
    outcome = run(workspace, settings_for(weights))
    assert outcome.info.id == 1
    workspace.artefacts.sweep()
    workspace.close()
    undisturbed, resumed = artefact_bytes(finished[0].root), artefact_bytes(folder)
    assert {name for name in undisturbed if name not in resumed} == set()
    assert [name for name in undisturbed if undisturbed[name] != resumed[name]] == []


def test_a_run_is_stopped_by_a_wish_in_the_catalogue(workspace, weights):
    def progress_for(stage, unit):
        def report(done, total):
            if stage == "embeddings":
                workspace.journal.request_cancel(workspace.runs()[0].id)

        return report

    with pytest.raises(Cancelled):
        run(workspace, settings_for(weights), progress_for=progress_for)
    info = workspace.runs()[0]
    assert info.state == "cancelled"
    with pytest.raises(WorkspaceError, match="cancelled"):
        workspace.open_run(info.id)
    assert run(workspace, settings_for(weights)).info.id == info.id
    stages = workspace.journal.progress(info.id)
    assert [stage.stage for stage in stages] == ["embeddings", "neighbours", "scores", "projection", "clusters"]
    assert all(stage.done == stage.total for stage in stages)


def test_tiles_and_boxes_are_regions(workspace, weights):
    tiles = run(workspace, settings_for(weights, regions=RegionSettings.parse("tiles:1x2")))
    table = workspace.open_run(tiles.info.id).table
    assert len(table) == 96
    assert table["image_id"].nunique() == 48
    assert set(table.loc[table["image_id"] == table["image_id"][0], "box_w"]) == {52.0}
    with pytest.raises(WorkspaceError, match="no image of dives has an annotated box"):
        run(workspace, settings_for(weights, regions=RegionSettings.parse("boxes")))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"datasets": ("nothing",)}, WorkspaceError, "datasets are: dives"),
        ({"reference": ("depth_m<1",)}, SelectionError, "no region meets the reference's condition"),
        ({"reference": ("colour=red",)}, SelectionError, "there is no field 'colour'"),
        ({"ood": OodSettings(k=31)}, GraphError, "k must be in"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(workspace, weights, changes, error, words):
    with pytest.raises(error, match=words):
        run(workspace, settings_for(weights, **changes))


def identical(folder, count, dives):
    folder.mkdir()
    picture = draw(7)
    for index in range(count):
        (folder / f"d{index % dives}").mkdir(exist_ok=True)
        picture.save(folder / f"d{index % dives}" / f"{index:03d}.png")
    return folder


@pytest.mark.parametrize(
    ("count", "dives", "group", "rule"),
    [
        (1, 1, None, "none"),
        (2, 2, None, "percentile"),
        (12, 12, None, "percentile"),
        (12, 1, "folder", "none"),
        (30, 30, None, "conformal"),
        (30, 10, "folder", "percentile"),
    ],
)
def test_small_and_strange_collections(tmp_path, weights, count, dives, group, rule):
    workspace = imported(tmp_path / "ws", identical(tmp_path / "images", count, dives), group=group)
    outcome = run(workspace, settings_for(weights, reference=(), ood=OodSettings(alpha=0.05)))
    table = workspace.open_run(outcome.info.id).table
    assert len(table) == count
    assert outcome.flag["flag_rule"].split()[0] == rule
    assert np.isfinite(table[["x", "y"]].to_numpy()).all()
    assert not table["flagged"].any()
    if rule == "none":
        assert "nothing is scored" in outcome.sentence
        assert table["ood_score"].isna().all()
    else:
        assert np.allclose(table["ood_score"], 0, atol=1e-6)
    if dives == 10:
        assert "cannot be certified with 10" in outcome.sentence
    workspace.close()


def test_an_unusable_region_is_reported_and_the_rest_goes_on(tmp_path, weights):
    source = make_collection(tmp_path / "source", dives=3)
    images = source.parent / "images"
    workspace = imported(tmp_path / "ws", images)
    (images / "dive01_0.png").write_bytes(b"gone bad after the import")
    outcome = run(workspace, settings_for(weights, reference=()))
    assert outcome.counts["regions"] == 5
    assert outcome.counts["failed"] == 1
    failures = workspace.open_run(outcome.info.id).manifest["failures"]
    assert failures[0][0] == 3
    for path in images.iterdir():
        path.write_bytes(b"")
    with pytest.raises(CoreError, match="none of the regions could be embedded"):
        run(workspace, settings_for(weights, reference=(), embed=replace(settings_for(weights).embed, short_side=64)))
    assert workspace.runs()[0].state == "failed"
    workspace.close()
