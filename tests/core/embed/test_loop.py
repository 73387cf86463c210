"""The loop: every region once, in fixed batches, whatever fails, is stored already, or is interrupted."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.embed import loop
from core.embed.loop import EmbeddedBatch, RegionJob, default_workers, embed_regions
from core.embed.prepare import prepare
from core.embed.store import EmbeddingStore
from core.errors import Cancelled, EmbeddingError
from core.images.decode import open_image
from core.images.pixels import GROUND
from tests.core.embed.networks import loaded, saved, tiny, untrained, with_body

SIZES = [(96, 64), (64, 96), (80, 80)]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """22 pictures of three shapes, in mixed order."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    jobs = []
    for index in range(22):
        width, height = SIZES[int(rng.integers(3))]
        path = folder / f"{index:02d}.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        jobs.append(RegionJob(f"k{index}", path, width, height))
    return jobs


class Collector:
    """Keeps what is handed over."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.vectors: dict[int, np.ndarray] = {}

    def __call__(self, batch: EmbeddedBatch) -> None:
        self.batches.append(batch.indices.tolist())
        self.vectors |= zip(batch.indices.tolist(), batch.vectors, strict=True)


def run(jobs, embedder, **options):
    collector = Collector()
    return embed_regions(jobs, embedder, on_batch=collector, **options), collector


def one_by_one(jobs, embedder):
    result = []
    for job in jobs:
        geometry = embedder.geometry(job.width, job.height, job.box)
        image = open_image(job.path, longest=geometry.decode_longest)
        result.append(embedder.embed(prepare(image, geometry)[None])[0].numpy())
    return np.stack(result)


def test_every_region_gets_its_own_embedding(jobs):
    embedder = tiny()
    report, got = run(jobs, embedder)
    expected = one_by_one(jobs, embedder)
    assert report.embedded == 22
    assert report.failures == ()
    np.testing.assert_allclose(np.stack([got.vectors[i] for i in range(22)]), expected, rtol=0, atol=1e-5)


def test_a_real_network_gives_the_same_alone_or_in_a_batch(jobs, tmp_path):
    weights = saved(untrained("shufflenet_v2_x0_5"), tmp_path / "w.safetensors")
    embedder = loaded("shufflenet_v2_x0_5", weights, short_side=64, batch=8)
    _, got = run(jobs, embedder)
    expected = one_by_one(jobs, embedder)
    together = np.stack([got.vectors[i] for i in range(22)])
    np.testing.assert_allclose(together, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_batches_hold_one_shape_in_the_order_given(jobs):
    _, got = run(jobs, tiny(batch=4))
    assert sorted(index for batch in got.batches for index in batch) == list(range(22))
    starts = [batch[0] for batch in got.batches]
    assert starts == sorted(starts)
    for batch in got.batches:
        assert batch == sorted(batch)
        assert len({(jobs[i].width, jobs[i].height) for i in batch}) == 1
    by_shape = {size: [b for b in got.batches if (jobs[b[0]].width, jobs[b[0]].height) == size] for size in SIZES}
    for batches in by_shape.values():
        assert all(len(batch) == 4 for batch in batches[:-1]), "only the last of a shape may be short"


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_threads_change_nothing(jobs, workers, ahead):
    _, expected = run(jobs, tiny())
    _, got = run(jobs, tiny(), workers=workers, ahead=ahead)
    assert got.batches == expected.batches
    assert all((got.vectors[i] == expected.vectors[i]).all() for i in range(22))


def test_tiles_of_an_image_are_decoded_once(jobs, monkeypatch):
    opened = []
    monkeypatch.setattr(loop, "open_image", lambda path, **options: opened.append(path) or open_image(path, **options))
    job = jobs[0]
    boxes = [(x, y, 30, 30) for y in (0, 30) for x in (0, 30)]
    tiles = [replace(job, key=f"t{i}", box=box) for i, box in enumerate(boxes)]
    report, got = run(tiles, tiny(batch=4))
    assert report.embedded == 4
    assert len(opened) == 1
    np.testing.assert_allclose(np.stack([got.vectors[i] for i in range(4)]), one_by_one(tiles, tiny()), atol=1e-5)


def test_regions_of_one_key_are_embedded_once(jobs):
    twins = [jobs[0], jobs[1], replace(jobs[0], path=jobs[0].path), jobs[0]]
    seen = []
    report, got = run(twins, tiny(), progress=lambda done, total: seen.append((done, total)))
    assert report.embedded == 2
    assert sorted(got.vectors) == [0, 1]
    assert seen[-1] == (4, 4)


def test_nothing_to_do():
    report, got = run([], tiny())
    assert report.embedded == 0
    assert got.batches == []


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_broken(jobs, tmp_path):
    """Job 3 is no picture, job 7 is gone, job 11 has another shape than at its import."""
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("RGB", (200, 30)).save(tmp_path / "other.png")
    changed = list(jobs)
    changed[3] = replace(jobs[3], path=tmp_path / "text.png")
    changed[7] = replace(jobs[7], path=tmp_path / "gone.png")
    changed[11] = replace(jobs[11], path=tmp_path / "other.png")
    return changed


def test_unreadable_files_are_reported_and_leave_the_others_as_they_were(jobs, with_broken):
    _, expected = run(jobs, tiny())
    report, got = run(with_broken, tiny())
    assert [(failure.index, failure.code) for failure in report.failures] == [
        (3, "not-an-image"),
        (7, "missing"),
        (11, "unreadable"),
    ]
    assert "no longer of the shape" in report.failures[2].reason
    assert report.embedded == 19
    assert sorted(got.vectors) == [i for i in range(22) if i not in (3, 7, 11)]
    for i, vector in got.vectors.items():
        assert vector.tobytes() == expected.vectors[i].tobytes()


def test_all_unreadable(tmp_path):
    jobs = [RegionJob(str(i), tmp_path / f"{i}.png", 10, 10) for i in range(6)]
    report, got = run(jobs, tiny())
    assert len(report.failures) == 6
    assert got.batches == []


def test_another_copy_stands_in_for_a_file_that_is_gone(jobs, tmp_path):
    gone = replace(jobs[0], path=tmp_path / "moved_away.png")
    report, got = run([gone, jobs[0]], tiny())
    assert report.failures == ()
    np.testing.assert_allclose(got.vectors[0], one_by_one([jobs[0]], tiny())[0], atol=1e-6)
    report, _ = run([gone, gone], tiny())
    assert [failure.index for failure in report.failures] == [0, 1]


def test_a_failed_place_shows_the_plain_ground(with_broken):
    shown = []

    class Watching(nn.Module):
        def forward(self, images):
            shown.append(images)
            return images

    embedder = tiny()
    run(with_broken[3:4], with_body(embedder, Watching()))
    ground = embedder.normalise(torch.tensor(GROUND, dtype=torch.uint8)[None, :, None, None])
    assert torch.equal(shown[0], ground.expand_as(shown[0]))


def test_a_number_that_is_not_finite_names_the_file(jobs):
    class Poisoned(nn.Module):
        def forward(self, images):
            images = images[:, :1].clone()
            images[-1] = torch.nan
            return images

    with pytest.raises(EmbeddingError, match=rf"'{jobs[3].path.name}' holds a number that is not finite"):
        run([jobs[3]], with_body(tiny(), Poisoned()))


# --- resuming ---------------------------------------------------------------------------------------------------------


def stored_run(jobs, embedder, folder, stop_after: int | None = None) -> EmbeddingStore:
    """Into a store, as the pipeline does it; cancelled after some batches."""
    keys = [job.key for job in jobs]
    calls = 0

    def progress(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if stop_after is not None and calls > stop_after:
            raise Cancelled("enough")

    with EmbeddingStore(folder, embedder.key, embedder.dimension) as store:
        embed_regions(
            jobs,
            embedder,
            on_batch=lambda batch: store.append([keys[i] for i in batch.indices], batch.vectors),
            stored=set(keys) - set(store.missing(keys)),
            progress=progress,
        )
    return store


def contents(store: EmbeddingStore) -> list[bytes]:
    return [(store.folder / name).read_bytes() for name in ("vectors.f32", "index.bin")]


@pytest.mark.parametrize("stops", [[0], [1], [2, 1], [1, 1, 1, 1, 1], [5, 2]])
def test_cancelled_and_resumed_runs_end_in_the_same_bytes(with_broken, tmp_path, stops):
    """Unreadable files among them: they are tried again each time and move nothing."""
    weights = saved(untrained("shufflenet_v2_x0_5"), tmp_path / "w.safetensors")
    embedder = loaded("shufflenet_v2_x0_5", weights, short_side=32, batch=4)
    undisturbed = contents(stored_run(with_broken, embedder, tmp_path / "undisturbed"))
    for stop in stops:
        with pytest.raises(Cancelled):
            stored_run(with_broken, embedder, tmp_path / "stopped", stop)
    assert contents(stored_run(with_broken, embedder, tmp_path / "stopped")) == undisturbed


def test_what_was_handed_over_before_a_stop_stays(jobs, tmp_path):
    _, undisturbed = run(jobs, tiny())
    with pytest.raises(Cancelled):
        stored_run(jobs, tiny(), tmp_path, stop_after=2)
    store = EmbeddingStore(tmp_path, "ab12", 4)
    assert len(store) == len(undisturbed.batches[0] + undisturbed.batches[1])


def test_a_frame_added_later_embeds_one_frame(jobs):
    embedder = tiny()
    stored = {job.key for job in jobs} - {jobs[9].key}
    seen = []
    report, got = run(jobs, embedder, stored=stored, progress=lambda done, total: seen.append((done, total)))
    assert (report.embedded, report.found) == (1, 21)
    assert got.batches == [[9]]
    assert seen == [(21, 22), (22, 22)]


def test_threads_end_with_the_loop(jobs):
    import threading

    before = threading.active_count()
    with pytest.raises(Cancelled):
        run(jobs, tiny(batch=1), progress=lambda done, total: (_ for _ in ()).throw(Cancelled("now")))
    assert threading.active_count() == before


# --- memory -----------------------------------------------------------------------------------------------------------


class Cramped(nn.Module):
    """Holds so many rows at once, and no more."""

    def __init__(self, body: nn.Module, rows: int) -> None:
        super().__init__()
        self.body, self.rows, self.seen = body, rows, []

    def forward(self, images):
        self.seen.append(len(images))
        if len(images) > self.rows:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return self.body(images)


def test_a_batch_that_does_not_fit_the_accelerator_is_halved_and_stays_so(jobs):
    embedder = tiny(batch=8)
    body = Cramped(embedder.body, rows=3)
    report, got = run(jobs, with_body(embedder, body))
    _, expected = run(jobs, embedder)
    assert got.batches == expected.batches, "what is handed over keeps its boundaries"
    assert report.smallest_batch == 2
    tried = [rows for rows in body.seen if rows > 2]
    assert tried[-2:] == [8, 4], "halved until it fits"
    assert set(body.seen[body.seen.index(4) + 1 :]) <= {1, 2}, "and never tried larger again"
    for i, vector in got.vectors.items():
        np.testing.assert_allclose(vector, expected.vectors[i], atol=1e-5)


def test_a_region_that_does_not_fit_alone_is_a_sentence(jobs):
    embedder = tiny()
    with pytest.raises(EmbeddingError, match="does not fit the memory of cpu even with one region at a time"):
        run(jobs, with_body(embedder, Cramped(embedder.body, rows=0)))


def test_no_more_batches_wait_in_memory_than_asked_for(jobs, monkeypatch):
    begun, waiting = 0, []

    def begin(*arguments):
        nonlocal begun
        begun += 1
        return original(*arguments)

    original = loop._begin
    monkeypatch.setattr(loop, "_begin", begin)
    embed_regions(jobs, tiny(batch=1), on_batch=lambda batch: waiting.append(begun), ahead=3, workers=1)
    assert max(begun - done for done, begun in enumerate(waiting)) <= 4


# --- accelerators -----------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 3e-2)])
def test_cuda_agrees_with_the_cpu(jobs, tmp_path, precision, tolerance):
    from core.embed.load import load_embedder

    weights = saved(untrained("resnet18"), tmp_path / "w.safetensors")
    on_cpu = loaded("resnet18", weights, short_side=64, batch=4)
    on_gpu = load_embedder(replace(on_cpu.settings, device="cuda", precision=precision))
    _, expected = run(jobs, on_cpu)
    report, got = run(jobs, on_gpu)
    assert report.embedded == len(jobs)
    for i, vector in got.vectors.items():
        scale = np.abs(expected.vectors[i]).max()
        np.testing.assert_allclose(vector, expected.vectors[i], rtol=0, atol=tolerance * scale)


def test_decoding_leaves_cores_to_the_forward_pass():
    embedder = tiny()
    on_cuda = replace(embedder, device=torch.device("cuda"))
    assert 1 <= default_workers(embedder) <= default_workers(on_cuda) <= (os.cpu_count() or 1)
