"""How a model bears worse pictures: the same regions spoiled in known ways, beside the clean ones.

The contract:
- every region is spoiled at its own size and then goes the whole way of any picture, from a file through the decoder;
- clean and spoiled figures are of the same regions and the same resamples, so each loss has a paired interval;
- without all regions, an even sample over the groups is taken, and its size is told.

The ways are the robustness questions of the sea-floor study: resolution, compression, blur, light, and the vehicle's
own frame at the edges of the picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from core.embed.loop import RegionJob
from core.errors import WorkspaceError
from core.evaluate.cases import Cases
from core.evaluate.evaluation import Difference, compare
from core.explain.novelty import bank_rows
from core.images.decode import open_image
from core.learn.models import Model
from core.learn.scoring import score_regions
from core.progress import Progress, silent

Spoil = Callable[[Image.Image], Image.Image]
_BLUR = 0.01
_CROP = 2 / 3
_AT_ONCE = 128
REGIONS = 400
"""Regions that are spoiled if no other number is asked for."""
FIGURES = ("map20", "ap_macro", "f1_micro", "recall_micro", "precision_micro", "cross_entropy", "accuracy")
"""What is told of every way."""


def _smaller(part: int) -> Spoil:
    def spoil(image: Image.Image) -> Image.Image:
        size = max(1, image.width // part), max(1, image.height // part)
        return image.resize(size, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)

    return spoil


def _brighter(factor: float) -> Spoil:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(_BLUR * min(image.size)))


def _cropped(image: Image.Image) -> Image.Image:
    across, down = image.width * (1 - _CROP) / 2, image.height * (1 - _CROP) / 2
    left, top = int(across), int(down)
    return image.crop((left, top, max(left + 1, image.width - left), max(top + 1, image.height - top)))


def _as_is(image: Image.Image) -> Image.Image:
    return image


WAYS: Mapping[str, tuple[str, Spoil]] = {
    "half": ("half the resolution", _smaller(2)),
    "quarter": ("a quarter of the resolution", _smaller(4)),
    "jpeg": ("JPEG at quality 30", _as_is),
    "blur": ("blurred (1 % of the side)", _blurred),
    "dark": ("30 % darker", _brighter(0.7)),
    "bright": ("30 % brighter", _brighter(1.3)),
    "cropped": ("the middle two thirds alone", _cropped),
}
"""By key: in words, and how."""


@dataclass(frozen=True)
class Strain:
    """Figures of spoiled pictures.

    Attributes:
        regions, groups: What was spoiled.
        ways: By key of `WAYS` and figure: clean, spoiled, and spoiled less clean.
        rows: ``[M]`` int64, places of the spoiled regions among the clean cases.
        probabilities: By key of `WAYS` ``[M, C]`` of the spoiled regions.
    """

    regions: int
    groups: int
    ways: Mapping[str, Mapping[str, Difference]]
    rows: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.floating]]


def strain(
    model: Model,
    cases: Cases,
    jobs: tuple[RegionJob, ...],
    *,
    regions: int = REGIONS,
    resamples: int = 1000,
    workers: int | None = None,
    progress: Progress = silent,
) -> Strain:
    """Spoil regions and ask the model again.

    Args:
        cases: Clean predictions.
        jobs: One a row of the cases.
        regions: Most regions taken, evenly from the groups.
        progress: Called with spoiled regions done and asked for.

    Raises:
        WorkspaceError: there is no room for the spoiled pictures.
        ImageError: a picture cannot be opened any more.
    """
    chosen = np.sort(bank_rows(np.arange(cases.count), cases.groups, regions))
    clean = cases.rows(chosen)
    clean = replace(clean, ood=None, outside=None, raw=None)
    total = len(WAYS) * len(chosen)
    found: dict[str, Mapping[str, Difference]] = {}
    said: dict[str, NDArray[np.floating]] = {}
    for place, (key, (_, spoil)) in enumerate(WAYS.items()):
        values = np.zeros_like(np.asarray(clean.probabilities))

        def report(done: int, _total: int, before: int = place * len(chosen)) -> None:
            progress(before + done, total)

        asked = [jobs[row] for row in chosen]
        values[:, : len(model.tree)] = _again(model, asked, key, spoil, workers, report)
        said[key] = values
        compared = compare(replace(clean, probabilities=values), clean, resamples=resamples)
        found[key] = {name: compared.overall[name] for name in FIGURES if name in compared.overall}
    progress(total, total)
    return Strain(clean.count, clean.group_count, found, chosen.astype(np.int64), said)


def _again(
    model: Model, jobs: list[RegionJob], key: str, spoil: Spoil, workers: int | None, progress: Progress
) -> NDArray[np.float32]:
    """``[N, C]`` probabilities of spoiled regions."""
    parts = []
    with tempfile.TemporaryDirectory(prefix="benthoscope-") as folder:
        for start in range(0, len(jobs), _AT_ONCE):
            spoiled = []
            for place, job in enumerate(jobs[start : start + _AT_ONCE]):
                image = spoil(_region(job))
                path = Path(folder) / (f"{place}.jpg" if key == "jpeg" else f"{place}.png")
                try:
                    image.save(path, quality=30, compress_level=1)  # each format takes the one that it knows
                except OSError as error:
                    raise WorkspaceError(
                        f"no room for spoiled pictures ({error.strerror or error}); free some disk space"
                    ) from error
                spoiled.append(RegionJob(f"{key} {start + place}", path, image.width, image.height))
            scored = score_regions(model, spoiled, workers=workers)
            parts.append(scored.probabilities)
            progress(start + len(spoiled), len(jobs))
    return np.concatenate(parts)


def _region(job: RegionJob) -> Image.Image:
    image = open_image(job.path)
    if job.box is None:
        return image
    x, y, w, h = job.box
    return image.crop((round(x), round(y), round(x + w), round(y + h)))
