"""Render the demonstration collection into a folder: pictures, labels, truth, and a stamp that says it is whole.

The contract:
- the same ``(seed, frames, size)`` gives the same bytes, whatever the number of workers;
- a dive is the unit of work: its pictures are written first, its record last, so a killed render resumes with the
  dives that lack a record;
- ``collection.json`` is written last; while it fits, a second call returns at once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.demo import optics
from core.demo.frame import expose
from core.demo.scene import compose, equip
from core.demo.truth import PARENTS, coco, is_later, is_new, labels_of, visible, write_json, write_tables
from core.demo.world import LATER_CAMERA, REFERENCE_CONDITIONS, Dive, plan
from core.errors import SettingsError
from core.progress import Progress, silent

__all__ = ["LATER_CAMERA", "REFERENCE_CONDITIONS", "Collection", "render_collection", "render_dive"]

RENDERER_VERSION = 1
PARTS = ".parts"
_DIVE_FOLDER = re.compile(r"kc\d\d-\d{3}")


@dataclass(frozen=True)
class Collection:
    """Where everything lies, and how much there is.

    Attributes:
        root: The folder.
        counts: ``frames``, ``dives``, ``concepts``, ``parents``, ``animals``, ``empty_frames``, ``new_frames``,
            ``later_frames``.
    """

    root: Path
    counts: dict[str, int]

    @property
    def images(self) -> Path:
        """Folder that ``filename`` in the tables is relative to."""
        return self.root / "images"

    @property
    def labels(self) -> Path:
        """One row a frame: place, time, depth, camera, concepts."""
        return self.root / "labels.csv"

    @property
    def concepts(self) -> Path:
        """Concepts and their parents (``id,name,supercat``)."""
        return self.root / "concepts.csv"

    @property
    def coco(self) -> Path:
        """Boxes and masks."""
        return self.root / "truth.coco.json"

    @property
    def truth(self) -> Path:
        """Which frames hold what the reference lacks, and which the later camera took."""
        return self.root / "truth.csv"


def render_collection(
    root: Path,
    *,
    seed: int = 0,
    frames: int = 1200,
    size: tuple[int, int] = (960, 540),
    workers: int | None = None,
    progress: Progress = silent,
) -> Collection:
    """Render the collection, or what is missing of it.

    Args:
        root: Folder to write to; made if missing. Only files of the collection itself are touched.
        seed: Another seed is another survey.
        frames: Number of pictures, at least 16; from about 1,200 on there are 66 dives.
        size: Width and height in pixels.
        workers: Processes; None takes one for each core this process may use. Does not change a byte.
        progress: Told the frames done and asked for, after each dive.

    Returns:
        The finished collection.

    Raises:
        SettingsError: too few frames, or a size outside 160x90 to 3840x2160.
        Cancelled: raised by `progress`; finished dives are kept and the next call goes on from there.
    """
    if not (160 <= size[0] <= 3840 and 90 <= size[1] <= 2160):
        raise SettingsError(f"frames must be between 160x90 and 3840x2160 pixels, got {size[0]}x{size[1]}")
    dives = plan(seed, frames)
    key = {"renderer": RENDERER_VERSION, "seed": seed, "frames": frames, "size": list(size)}
    stamp = _read_json(root / "collection.json")
    if stamp is not None and {name: stamp.get(name) for name in key} == key:
        progress(frames, frames)
        return Collection(root, {name: int(count) for name, count in stamp["counts"].items()})
    _prepare(root, key)
    records = _render_dives(root, dives, seed, size, workers, progress)
    write_tables(root, records)
    write_json(root / "truth.coco.json", coco(records, size, seed))
    counts = {
        "frames": len(records),
        "dives": len(dives),
        "concepts": len({name for record in records for name in labels_of(record["animals"])}),
        "parents": len(PARENTS),
        "animals": sum(len(record["animals"]) for record in records),
        "empty_frames": sum(not record["animals"] for record in records),
        "new_frames": sum(is_new(record) for record in records),
        "later_frames": sum(is_later(record) for record in records),
    }
    write_json(root / "collection.json", key | {"counts": counts})
    shutil.rmtree(root / PARTS)
    return Collection(root, counts)


def _read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read whole."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _prepare(root: Path, key: dict[str, Any]) -> None:
    """Make the folders; clear away a collection of other settings, and nothing else."""
    parts = root / PARTS
    if _read_json(parts / "key.json") != key:
        (root / "collection.json").unlink(missing_ok=True)
        shutil.rmtree(parts, ignore_errors=True)
        for folder in (root / "images").glob("*"):
            if folder.is_dir() and not folder.is_symlink() and _DIVE_FOLDER.fullmatch(folder.name):
                shutil.rmtree(folder)
    (root / "images").mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    write_json(parts / "key.json", key)


def _render_dives(
    root: Path, dives: tuple[Dive, ...], seed: int, size: tuple[int, int], workers: int | None, progress: Progress
) -> list[dict[str, Any]]:
    """Records of all frames in order of dive and time; renders the dives that lack theirs."""
    total = sum(dive.frames for dive in dives)
    missing = [dive for dive in dives if _read_json(root / PARTS / f"{dive.name}.json") is None]
    done = total - sum(dive.frames for dive in missing)
    progress(done, total)
    count = min(workers or _cores(), len(missing))
    if count <= 1:
        for dive in missing:
            render_dive(root, dive, seed, size)
            done += dive.frames
            progress(done, total)
    else:
        # Fresh processes, not forks: the caller may hold threads (torch, a web server) that a fork would break.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, mp_context=context) as pool:
            pending = {pool.submit(render_dive, root, dive, seed, size): dive for dive in missing}
            try:
                while pending:
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        future.result()
                        done += pending.pop(future).frames
                        progress(done, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    records: list[dict[str, Any]] = []
    for dive in dives:
        records += json.loads((root / PARTS / f"{dive.name}.json").read_text(encoding="utf-8"))["frames"]
    return records


def _cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def render_dive(root: Path, dive: Dive, seed: int, size: tuple[int, int]) -> None:
    """Render one dive's pictures into ``root/images`` and then its record."""
    folder = root / "images" / dive.name
    folder.mkdir(parents=True, exist_ok=True)
    gear = equip(seed, dive)
    sensor = optics.SENSORS[dive.camera]
    records = []
    for stretch in dive.stretches:
        scene = compose(seed, dive, stretch, gear, size)
        names = [None if thing.concept is None else thing.concept.name for thing in scene.things]
        rng = np.random.default_rng([seed, 5, dive.index, stretch.index])
        for number, exposure in enumerate(expose(scene, gear, sensor, rng)):
            moment = stretch.times[number]
            name = f"{dive.name}/{dive.name}_{moment:%Y%m%dT%H%M%SZ}.jpg"
            exif = Image.Exif()
            exif.get_ifd(0x8769)[0x9003] = f"{moment:%Y:%m:%d %H:%M:%S}"
            exposure.picture.save(root / "images" / name, "JPEG", quality=sensor.quality, exif=exif)
            animals = visible(exposure.owner, names)
            row = {
                "filename": name,
                "dive": dive.name,
                "site": dive.site.name,
                "camera": dive.camera,
                "taken_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                "latitude": f"{stretch.latitude:.6f}",
                "longitude": f"{stretch.longitude:.6f}",
                "depth_m": f"{stretch.depths[number]:.2f}",
                "altitude_m": "" if stretch.ground is None else f"{scene.frames[number].camera.altitude:.2f}",
                "labels": ";".join(labels_of(animals)),
            }
            records.append({"row": row, "animals": animals})
    write_json(root / PARTS / f"{dive.name}.json", {"frames": records})
