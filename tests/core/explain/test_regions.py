"""Maps of a finished run: the score that was stored, caches, threads, failures, pictures from outside, finer grids."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import CoreError, GraphError, ImageError, ModelError, SettingsError, WorkspaceError
from core.explain import computing, regions
from core.explain.boxes import find_boxes
from core.explain.grids import dilated, larger, on_grid
from core.explain.maps import KINDS, MapSettings
from core.explain.networks import network_of
from core.explain.regions import explain_image, explain_regions, match_regions
from core.explain.subjects import neighbours_of, row_of_image, subject_of_row
from tests.core.explain.tiny import activations, embedder_of, network, pictures

ROWS = [0, 5, 11, 17, 23]


def test_the_map_explains_the_score_that_was_stored(run, workspace):
    batch = explain_regions(run, workspace, ROWS, kind="ood")
    assert not batch.failures
    for row, one in zip(ROWS, batch.maps, strict=True):
        stored = float(run.table["ood_score"][row])
        assert one.stored_score == pytest.approx(stored)
        assert one.score == pytest.approx(stored, abs=1e-5)
        assert one.total == pytest.approx(one.score, abs=1e-5)
        assert one.exact
        assert one.cells.dtype == np.float32
        own = run.table["group"][row]
        assert own not in set(run.table["group"][neighbours_of(run, row)])
        assert set(run.table["set"][neighbours_of(run, row)]) == {"reference"}


def test_the_centred_map_adds_up_to_nothing_and_orders_cells_otherwise(run, workspace):
    centred = explain_regions(run, workspace, ROWS)
    additive = explain_regions(run, workspace, ROWS, kind="ood")
    for one, other in zip(centred.maps, additive.maps, strict=True):
        assert one.kind == "ood-centred"
        assert one.total == pytest.approx(0, abs=1e-5)
        assert (one.cells < 0).any()
        assert one.score == other.score
        assert not np.allclose(one.cells, other.cells)


def test_a_second_view_is_from_files_alone(run, workspace, monkeypatch):
    settings = MapSettings("ood-features", features=3)
    first = explain_regions(run, workspace, ROWS, settings=settings)
    monkeypatch.setattr(regions, "compute_maps", None)
    monkeypatch.setattr(regions, "network_of", None)
    second = explain_regions(run, workspace, ROWS, settings=settings)
    assert second.computed == 0
    assert first.limit == second.limit > 0
    for one, other in zip(first.maps, second.maps, strict=True):
        assert one.cells.tobytes() == other.cells.tobytes()
        assert one.to_json() == other.to_json()
        assert one.geometry == other.geometry
        assert len(other.features) == 3
        assert other.features[0].contribution >= other.features[1].contribution
        assert other.features[0].cells.shape == one.cells.shape
        assert len(set(other.features[0].typical)) == 6
        assert not other.exact


def test_alone_and_in_a_batch_a_map_is_the_same(run, workspace):
    for kind in ("ood", "ood-centred", "ood-novel", "embedding", "class"):
        together = explain_regions(run, workspace, [2, 3, 4], kind=kind).maps
        for place, row in enumerate([2, 3, 4]):
            embedder = network_of(run)
            bank = None
            if kind == "ood-novel":
                bank = regions.cell_bank(run, workspace, embedder, "usual")
            subject = subject_of_row(run, workspace, row)
            alone, failures = computing.compute_maps(run, embedder, [subject], MapSettings(kind), [None], bank=bank)
            assert not failures
            scale = float(np.abs(together[place].cells).max())
            assert np.abs(alone[0].cells - together[place].cells).max() < 1e-4 * scale


def test_two_threads_that_ask_at_once_compute_once(run, workspace, monkeypatch):
    calls, begun = [], threading.Barrier(2, timeout=30)
    original = computing.compute_maps

    def counted(*args, **options):
        calls.append(len(args[2]))
        return original(*args, **options)

    monkeypatch.setattr(regions, "compute_maps", counted)
    found: list[regions.MapBatch] = []

    def ask():
        begun.wait()
        found.append(explain_regions(run, workspace, [6, 7, 8], settings=MapSettings("ood-centred", "larger")))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [3]
    assert sorted(batch.computed for batch in found) == [0, 3]
    assert found[0].maps[1].cells.tobytes() == found[1].maps[1].cells.tobytes()


def test_a_missing_picture_is_a_reason_and_the_others_are_drawn(run, workspace):
    path = subject_of_row(run, workspace, 9).source
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    try:
        batch = explain_regions(run, workspace, [9, 10], settings=MapSettings("ood", "tiles"))
    finally:
        hidden.rename(path)
    assert "not there" in batch.failures[0]
    assert batch.maps[0] is None
    assert batch.maps[1] is not None
    path.with_suffix(".kept").write_bytes(path.read_bytes())
    path.write_bytes(b"\x89PNG broken")
    try:
        batch = explain_regions(run, workspace, [9, 10], settings=MapSettings("ood", "tiles"))
    finally:
        path.with_suffix(".kept").replace(path)
    assert 0 in batch.failures
    assert batch.maps[1] is not None
    assert batch.computed == 0


@pytest.mark.parametrize("grid", ["larger", "dilated", "tiles"])
def test_finer_grids_are_complete_for_their_own_forward(run, workspace, grid):
    usual = explain_regions(run, workspace, [1, 12], kind="ood").maps
    for kind in ("ood", "ood-centred", "match", "ood-novel"):
        batch = explain_regions(run, workspace, [1, 12], settings=MapSettings(kind, grid))
        assert not batch.failures
        for one, plain in zip(batch.maps, usual, strict=True):
            assert one.cells.shape[0] == 2 * plain.cells.shape[0]
            assert abs(one.cells.shape[1] - 2 * plain.cells.shape[1]) <= 1
            if kind != "ood-novel":
                promised = 0 if kind == "ood-centred" else one.score
                assert one.total == pytest.approx(promised, abs=1e-5)
            assert one.pixels().shape == (64, 96)
            assert np.isfinite(one.pixels()).all()


def test_tiles_lie_over_their_own_part_of_the_region(tiled_run, workspace):
    assert set(tiled_run.table["region"]) != {"image"}
    one = explain_regions(tiled_run, workspace, [1], settings=MapSettings("ood-centred", "tiles")).maps[0]
    line = tiled_run.table.iloc[1]
    seen = np.isfinite(one.pixels())
    expected = np.zeros_like(seen)
    x, y, w, h = (int(line[name]) for name in ("box_x", "box_y", "box_w", "box_h"))
    expected[y : y + h, x : x + w] = True
    assert (seen == expected).all()
    assert one.geometry.left == x
    boxes = find_boxes(one.pixels())
    assert all(box.box[0] >= x for box in boxes)


def test_a_match_is_symmetric_and_adds_up(run, workspace):
    view = match_regions(run, workspace, 3, 14)
    other = match_regions(run, workspace, 14, 3)
    assert float(view.pairs.sum(dtype=np.float64)) == pytest.approx(view.similarity, abs=1e-5)
    assert np.allclose(view.pairs, other.pairs.transpose(2, 3, 0, 1), atol=1e-6)
    assert view.similarity == pytest.approx(other.similarity, abs=1e-6)
    batch = explain_regions(run, workspace, [3, 3], kind="match", others=[14, None])
    assert np.allclose(batch.maps[0].cells, view.first, atol=1e-5)
    assert batch.maps[1].other == int(neighbours_of(run, 3)[0])
    assert match_regions(run, workspace, 3, 3).similarity == pytest.approx(1, abs=1e-5)


def test_class_maps_name_their_class_and_refuse_others(run, workspace):
    batch = explain_regions(run, workspace, [0, 1], kind="class")
    assert all(one.concept for one in batch.maps)
    assert all(0 <= one.cells.min() <= one.cells.max() <= 1 for one in batch.maps)
    settings = MapSettings("class", concept="class 1", method="grad-cam")
    named = explain_regions(run, workspace, [0, 1], settings=settings)
    assert {one.concept for one in named.maps} == {"class 1"}
    unknown = explain_regions(run, workspace, [0], settings=MapSettings("class", concept="clas 11"))
    assert "class 1" in unknown.failures[0]


def test_pictures_from_outside_are_scored_against_the_whole_reference(run, workspace, tmp_path):
    inside = subject_of_row(run, workspace, 2)
    for kind in KINDS:
        settings = MapSettings(kind)
        one = explain_image(run, workspace, inside.source, settings=settings, other=4 if kind == "match" else None)
        assert one.row is None
        assert one.stored_score is None
        assert np.isfinite(one.cells).all()
    reference = np.flatnonzero(run.table["set"] == "reference")
    vectors = run.embeddings / np.linalg.norm(run.embeddings, axis=1, keepdims=True)
    distances = np.sort(1 - vectors[2] @ vectors[reference].T)[: run.manifest["k"]]
    one = explain_image(run, workspace, inside.source.read_bytes(), settings=MapSettings("ood"))
    assert one.score == pytest.approx(float(distances.mean()), abs=1e-5)
    with pytest.raises(CoreError, match="second region"):
        explain_image(run, workspace, inside.source, settings=MapSettings("match"))
    with pytest.raises(ImageError):
        explain_image(run, workspace, b"nothing", settings=MapSettings("ood"))


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 3)])
@pytest.mark.parametrize("kind", ["ood", "ood-centred", "ood-novel", "class"])
def test_tiny_and_very_long_pictures_are_explained(run, workspace, tmp_path, size, kind):
    path = tmp_path / "odd.png"
    Image.new("RGB", size, (90, 60, 200)).save(path)
    one = explain_image(run, workspace, path, settings=MapSettings(kind))
    assert np.isfinite(one.cells).all()
    assert one.pixels().shape == size[::-1]
    if kind == "ood":
        assert one.total == pytest.approx(one.score, abs=1e-5)
    assert (one.outside > 0.3) == (size != (1, 1))


def test_a_region_without_neighbours_outside_its_group_says_so(run, workspace, monkeypatch):
    graph = run.graph_reference
    alone = np.array(graph.indices)
    alone[5, 2:] = -1
    monkeypatch.setitem(run.__dict__, "graph_reference", replace(graph, indices=alone))
    monkeypatch.setattr(regions, "_kept", lambda workspace, key: None)
    batch = explain_regions(run, workspace, [4, 5], kind="ood")
    assert batch.maps[0] is not None
    assert "2 reference regions outside its own group" in batch.failures[1]
    monkeypatch.setattr(run, "manifest", {**run.manifest, "k": 0})
    with pytest.raises(GraphError, match="no OOD scores"):
        neighbours_of(run, 4)
    assert explain_regions(run, workspace, [4], kind="embedding").maps[0] is not None


def test_images_are_found_by_id_name_and_path(run, workspace):
    path = run.table["path"][7]
    assert row_of_image(run, str(run.table["image_id"][7])) == 7
    assert row_of_image(run, path) == 7
    assert row_of_image(run, f"/somewhere/else/{path}") == 7
    assert row_of_image(run, "no-such.png") is None
    with pytest.raises(WorkspaceError, match="0 to 23"):
        subject_of_row(run, workspace, 24)


def test_an_images_strangest_tile_is_the_one_explained(tiled_run):
    image = int(tiled_run.table["image_id"][0])
    rows = tiled_run.table.index[tiled_run.table["image_id"] == image]
    assert len(rows) == 2
    assert row_of_image(tiled_run, str(image)) == tiled_run.table["ood_score"][rows].idxmax()


def test_other_weights_than_the_runs_are_refused(run, monkeypatch):
    manifest = {**run.manifest, "embedder": {**run.manifest["embedder"], "key": "another"}}
    monkeypatch.setattr(run, "manifest", manifest)
    with pytest.raises(ModelError, match="not those that run 1 was made with"):
        network_of(run)


def test_settings_that_make_no_sense_are_refused(run, workspace):
    for wrong in (
        {"kind": "heat"},
        {"grid": "finest"},
        {"kind": "ood", "concept": "crab"},
        {"kind": "class", "grid": "tiles"},
        {"features": 0},
        {"kind": "class", "method": "lime"},
    ):
        with pytest.raises(SettingsError):
            MapSettings(**wrong)
    with pytest.raises(SettingsError, match="one other region for each"):
        explain_regions(run, workspace, [1, 2], kind="match", others=[3])


def test_dilation_keeps_the_network_and_doubles_the_cells():
    embedder = embedder_of(network("resnet"))
    images = pictures(1, 64, 96)
    before = activations(embedder, images)
    finer = dilated(embedder)
    assert activations(finer, images).shape[2:] == (4, 6)
    assert activations(embedder, images).equal(before)
    # Every second cell of the dilated map is what the strided network computes there.
    assert torch.allclose(activations(finer, images)[:, :, ::2, ::2], before, atol=1e-4)


@pytest.mark.parametrize("family", ["vit", "convnext"])
def test_networks_that_cannot_have_a_finer_grid_say_so(family):
    embedder = embedder_of(network(family))
    if family == "vit":
        for grid in ("larger", "tiles", "dilated"):
            with pytest.raises(SettingsError):
                on_grid(embedder, grid)
    else:
        assert larger(embedder).geometry(64, 64).shape == (128, 128)
    with pytest.raises(SettingsError, match="one of usual"):
        on_grid(embedder, "coarse")
