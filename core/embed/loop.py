"""The batched loop: regions in, embeddings out, decoding beside computing.

The contract:
- batches are fixed by the list of jobs alone: regions of one input shape, in the order given, `batch` at a time; what
  is stored already, fails or was interrupted does not move a boundary, so a resumed run ends in the same bytes;
- a region that cannot be opened becomes a failure with its reason; its place in the batch is filled with the plain
  ground, so its neighbours' embeddings stay what they would have been;
- pictures are decoded and resized by threads, at most `ahead` batches in advance; batches are handed over in order;
- on CUDA the copy of a batch overlaps the computing of the one before, and a batch that does not fit the memory is
  computed in halves. On the CPU a batch is never divided.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.embed.embedder import Embedder
from core.embed.geometry import Box, InputGeometry
from core.embed.prepare import prepare_into
from core.errors import EmbeddingError, ImageError
from core.images.decode import open_image
from core.images.pixels import GROUND
from core.progress import Progress, silent


@dataclass(frozen=True)
class RegionJob:
    """One region to embed.

    Attributes:
        key: Key of its embedding, see `core.embed.store.region_key`. Jobs with one key are one embedding.
        path: The image file.
        width, height: Size of the whole upright image in pixels, as the catalogue has it.
        box: The region in image pixels; ``None`` is the whole image.
    """

    key: str
    path: Path
    width: int
    height: int
    box: Box | None = None


@dataclass(frozen=True)
class RegionFailure:
    """A region without an embedding: ``index`` into the jobs, and the `ImageError`'s code and sentence."""

    index: int
    code: str
    reason: str


@dataclass(frozen=True)
class EmbeddedBatch:
    """Embeddings ready to be stored.

    Attributes:
        indices: ``[b]`` int64 into the jobs, ascending.
        vectors: ``[b, D]`` float32, all finite.
    """

    indices: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class EmbedReport:
    """What `embed_regions` did: regions embedded now, found stored, failed, and the smallest batch computed at once."""

    embedded: int
    found: int
    failures: tuple[RegionFailure, ...]
    smallest_batch: int


@dataclass(frozen=True)
class _Row:
    """One place of a batch: its job, and the jobs of the same key, any of whose files will do."""

    index: int
    copies: tuple[int, ...]
    geometry: InputGeometry


@dataclass
class _Loading:
    """A batch on its way: pixels ``[b, H, W, 3]`` that threads fill, and what went wrong with which row."""

    rows: Sequence[_Row]
    pixels: Tensor
    canvas: np.ndarray  # the memory of `pixels`
    work: list[Future[None]]
    failures: dict[int, ImageError]


def embed_regions(
    jobs: Sequence[RegionJob],
    embedder: Embedder,
    *,
    on_batch: Callable[[EmbeddedBatch], None],
    stored: Collection[str] = frozenset(),
    workers: int | None = None,
    ahead: int | None = None,
    progress: Progress = silent,
) -> EmbedReport:
    """Embed every region that is not stored yet.

    Args:
        jobs: All regions of the run, stored or not, in a fixed order: the batches are made from them.
        on_batch: Called in the calling thread with each finished batch, in a fixed order; stores it.
        stored: Keys that need no embedding any more.
        workers: Threads that decode; see `default_workers`.
        ahead: Batches prepared in advance, which bounds the memory; with 0, decoding and computing take turns.
        progress: Called after each batch with regions finished (stored and failed ones included) and ``len(jobs)``;
            when it raises `core.errors.Cancelled`, what was handed over stays.

    Returns:
        Counts and failures; jobs are finished, not raised, when their file cannot be used.

    Raises:
        SettingsError: a box lies outside its image.
        EmbeddingError: the network gave a number that is not finite; the sentence names the file.
    """
    size = embedder.settings.batch
    on_cuda = embedder.device.type == "cuda"
    workers = workers or default_workers(embedder)
    ahead = max(2, -(-2 * workers // size)) if ahead is None else ahead
    plan = _plan(jobs, embedder, size, stored)
    waiting = sum(len(row.copies) for rows in plan for row in rows)
    found = done = len(jobs) - waiting
    failures: list[RegionFailure] = []
    embedded = 0
    forward = _Forward(embedder)
    progress(done, len(jobs))
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for launched in _overlapped(_loaded(jobs, plan, pool, ahead, on_cuda), forward, on_cuda):
                loading = launched.loading
                batch = _checked(jobs, loading, launched.vectors())
                if len(batch.indices):
                    on_batch(batch)
                for place, error in sorted(loading.failures.items()):
                    failures += [RegionFailure(i, error.code, str(error)) for i in loading.rows[place].copies]
                embedded += len(batch.indices)
                done += sum(len(row.copies) for row in loading.rows)
                progress(done, len(jobs))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return EmbedReport(embedded, found, tuple(sorted(failures, key=lambda f: f.index)), forward.size)


def default_workers(embedder: Embedder) -> int:
    """Decoding threads: one a usable core on CUDA; on other devices, whose forward pass wants the cores, half of it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if embedder.device.type == "cuda" else max(1, cores // 2)


def _plan(jobs: Sequence[RegionJob], embedder: Embedder, size: int, stored: Collection[str]) -> list[list[_Row]]:
    """Batches of the rows that are to be computed; a batch whose rows are all stored is left out."""
    copies: dict[str, list[int]] = {}
    for index, job in enumerate(jobs):
        copies.setdefault(job.key, []).append(index)
    buckets: dict[tuple[int, int], list[_Row]] = {}
    geometry_of = cache(embedder.geometry)
    for indices in copies.values():
        job = jobs[indices[0]]
        geometry = geometry_of(job.width, job.height, job.box)
        buckets.setdefault(geometry.shape, []).append(_Row(indices[0], tuple(indices), geometry))
    batches = [rows[start : start + size] for rows in buckets.values() for start in range(0, len(rows), size)]
    batches.sort(key=lambda rows: rows[0].index)
    todo = ([row for row in rows if jobs[row.index].key not in stored] for rows in batches)
    return [rows for rows in todo if rows]


def _loaded(
    jobs: Sequence[RegionJob], plan: Sequence[Sequence[_Row]], pool: ThreadPoolExecutor, ahead: int, pin: bool
) -> Iterator[_Loading]:
    """The batches of `plan`, each when its pixels are there, with `ahead` more in the making."""
    queue: deque[_Loading] = deque()
    for rows in plan:
        queue.append(_begin(jobs, rows, pool, pin))
        if len(queue) > ahead:
            yield _finished(queue.popleft())
    while queue:
        yield _finished(queue.popleft())


def _begin(jobs: Sequence[RegionJob], rows: Sequence[_Row], pool: ThreadPoolExecutor, pin: bool) -> _Loading:
    pixels = torch.empty((len(rows), *rows[0].geometry.shape, 3), dtype=torch.uint8, pin_memory=pin)
    loading = _Loading(rows, pixels, pixels.numpy(), [], {})
    # Neighbouring regions of one image, such as its tiles, are cut from one decoding.
    for _, group in groupby(range(len(rows)), lambda place: _source(jobs, rows[place])):
        loading.work.append(pool.submit(_fill, jobs, loading, list(group)))
    return loading


def _source(jobs: Sequence[RegionJob], row: _Row) -> tuple[Path, int]:
    return jobs[row.index].path, row.geometry.decode_longest


def _fill(jobs: Sequence[RegionJob], loading: _Loading, places: Sequence[int]) -> None:
    """Decode one image and write the regions at `places` into the batch."""
    first = loading.rows[places[0]]
    error = None
    # Copies of a file have equal bytes: where one was moved away, another will do. Tiles share their copies.
    for index in first.copies:
        try:
            image = open_image(jobs[index].path, longest=first.geometry.decode_longest)
            for place in places:
                prepare_into(loading.canvas[place], image, loading.rows[place].geometry)
            return
        except ImageError as problem:
            error = error or problem
    assert error is not None
    for place in places:
        loading.failures[place] = error
        loading.canvas[place] = GROUND


def _finished(loading: _Loading) -> _Loading:
    for work in loading.work:
        work.result()
    return loading


class _Forward:
    """Embeds batches; on CUDA remembers how many rows fitted the memory at once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.size = embedder.settings.batch

    def __call__(self, pixels: Tensor) -> Tensor:
        """Pixels ``[b, H, W, 3]`` to embeddings ``[b, D]`` on the embedder's device."""
        images = pixels.permute(0, 3, 1, 2)
        while True:
            rows = min(self.size, len(images))
            try:
                parts = [self._embedder.embed(images[start : start + rows]) for start in range(0, len(images), rows)]
                return parts[0] if len(parts) == 1 else torch.cat(parts)
            except torch.cuda.OutOfMemoryError as error:
                if rows == 1:
                    raise EmbeddingError(
                        f"{self._embedder.name} does not fit the memory of {self._embedder.device} even with one "
                        "region at a time; choose a smaller short_side, another network, or --device cpu"
                    ) from error
            # Outside of the handler, so that the failed attempt's tensors are free.
            self.size = rows // 2
            torch.cuda.empty_cache()


class _Launched:
    """A batch whose embeddings are being computed, and copied to the CPU as soon as they are there."""

    def __init__(self, loading: _Loading, vectors: Tensor) -> None:
        self.loading = loading
        self._vectors = vectors
        self._copied: torch.cuda.Event | None = None
        if vectors.device.type == "cuda":
            # Queued now, before the next batch is launched: a copy asked for later would have to wait for that one.
            self._vectors = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
            self._vectors.copy_(vectors, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(vectors.device))

    def vectors(self) -> np.ndarray:
        """``[b, D]`` float32; waits until they are there."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._vectors.cpu().numpy()


def _overlapped(batches: Iterator[_Loading], forward: _Forward, on_cuda: bool) -> Iterator[_Launched]:
    """Each batch in turn; on CUDA the next is launched before the last one's embeddings are waited for."""
    launched: deque[_Launched] = deque()
    for loading in batches:
        launched.append(_Launched(loading, forward(loading.pixels)))
        if not on_cuda or len(launched) > 1:
            yield launched.popleft()
    yield from launched


def _checked(jobs: Sequence[RegionJob], loading: _Loading, vectors: np.ndarray) -> EmbeddedBatch:
    """The rows that did not fail.

    Raises:
        EmbeddingError: a number is not finite.
    """
    kept = [place for place in range(len(loading.rows)) if place not in loading.failures]
    values = vectors[kept]
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        job = jobs[loading.rows[kept[int(np.argmin(finite))]].index]
        raise EmbeddingError(
            f"the network's embedding of {job.path.name!r} holds a number that is not finite; "
            "check the weights, or choose precision fp32"
        )
    return EmbeddedBatch(np.array([loading.rows[place].index for place in kept], dtype=np.int64), values)
