"""Pictures of examples for training: decoded by threads ahead of the network, in an order that is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.embed.anatomy import Anatomy
from core.embed.geometry import geometry_for
from core.embed.loop import RegionJob
from core.embed.prepare import prepare
from core.errors import ImageError
from core.images.decode import open_image
from core.progress import Progress
from core.settings import EmbedSettings

_AHEAD = 3


class Pictures:
    """Whole regions, resized with their aspect kept, as the embedding loop sees them.

    Attributes:
        side: Shorter side of the network's input in pixels: the size of training squares.
    """

    def __init__(
        self, jobs: Sequence[RegionJob], settings: EmbedSettings, anatomy: Anatomy, workers: int | None
    ) -> None:
        self._jobs, self._settings, self._anatomy = jobs, settings, anatomy
        self._workers = workers or 2
        self.side = geometry_for(1, 1, None, settings, square=anatomy.square, multiple=anatomy.multiple).shape[0]

    def one(self, row: int, side: int | None = None) -> Tensor:
        """``[3, H, W]`` uint8 of one example.

        Args:
            side: Shorter side in pixels instead of the network's own.

        Raises:
            ImageError: the file cannot be used.
        """
        job, settings = self._jobs[row], self._settings
        square, multiple = self._anatomy.square, self._anatomy.multiple
        if side is not None:
            settings, square, multiple = replace(settings, short_side=side), False, 1
        geometry = geometry_for(job.width, job.height, job.box, settings, square=square, multiple=multiple)
        return prepare(open_image(job.path, longest=geometry.decode_longest), geometry)

    def failures(self, progress: Progress) -> dict[int, str]:
        """Rows that cannot be opened, with the reason; every file is decoded once."""

        def reason(row: int) -> str:
            try:
                self.one(row)
            except ImageError as error:
                return str(error)
            return ""

        found: dict[int, str] = {}
        with ThreadPoolExecutor(self._workers) as pool:
            for start in range(0, len(self._jobs), 256):
                rows = range(start, min(start + 256, len(self._jobs)))
                found |= {row: text for row, text in zip(rows, pool.map(reason, rows), strict=True) if text}
                progress(rows[-1] + 1, len(self._jobs))
        return found

    def batches(
        self, rows: NDArray[np.int64], size: int, side: int | None
    ) -> Iterator[tuple[NDArray[np.int64], list[Tensor]]]:
        """Rows in the order given, `size` at a time, with their pictures in shapes of their own."""
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        with ThreadPoolExecutor(self._workers) as pool:
            waiting: deque[tuple[NDArray[np.int64], list[Future[Tensor]]]] = deque()
            try:
                for part in parts:
                    waiting.append((part, [pool.submit(self.one, int(row), side) for row in part]))
                    if len(waiting) > _AHEAD:
                        first, work = waiting.popleft()
                        yield first, [item.result() for item in work]
                while waiting:
                    first, work = waiting.popleft()
                    yield first, [item.result() for item in work]
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def whole(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Batches of equal shape, as at prediction: rows and ``[B, 3, H, W]`` uint8."""
        shapes: dict[tuple[int, int], list[int]] = {}
        for row in rows:
            job = self._jobs[int(row)]
            geometry = geometry_for(
                job.width,
                job.height,
                job.box,
                self._settings,
                square=self._anatomy.square,
                multiple=self._anatomy.multiple,
            )
            shapes.setdefault(geometry.shape, []).append(int(row))
        for same in shapes.values():
            for part, pictures in self.batches(np.array(same, np.int64), size, None):
                yield part, torch.stack(pictures)
