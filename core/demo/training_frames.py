"""What the demonstration's network is shown: rendered frames that keep the rule.

The rule: only rendered frames of other seeds than the demonstration's, taken by the earlier cameras, shallower than
800 m, holding known concepts only. `training_dives` plans by it and `check_rule` refuses every frame that breaks it.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.demo.collection import PARTS, render_dive
from core.demo.concepts import KNOWN, REFERENCE_DEPTH
from core.demo.truth import decode, labels_of
from core.demo.world import EARLIER_CAMERAS, Dive, plan
from core.errors import SettingsError

DEMO_SEED = 0
KEPT = (427, 240)
_FRAME = (960, 540)
MASK = 4


@dataclass
class Frames:
    """Frames in memory: pictures ``[N, 240, 427, 3]`` uint8, and per frame its masks ``{concept: [60, 107] uint8}``."""

    pictures: NDArray[np.uint8]
    masks: list[dict[int, NDArray[np.uint8]]]
    dives: list[str]


def training_dives(seed: int, frames: int) -> list[Dive]:
    """Dives of a training survey, cut down to the stretches that the rule allows.

    Raises:
        SettingsError: the seed is the demonstration's.
    """
    if seed == DEMO_SEED:
        raise SettingsError(f"the network must not see the demonstration: seed {DEMO_SEED} is taken; choose another")
    dives = []
    for dive in plan(seed, frames):
        allowed = tuple(s for s in dive.stretches if max(s.depths) < REFERENCE_DEPTH)
        if dive.camera in EARLIER_CAMERAS and allowed:
            dives.append(replace(dive, stretches=allowed))
    return dives


def check_rule(record: Mapping[str, Any], seed: int) -> None:
    """Refuse a frame that the network must not see.

    Raises:
        SettingsError: it is of the demonstration's seed, too deep, of another camera, or holds an unknown concept.
    """
    row, names = record["row"], labels_of(record["animals"])
    if seed == DEMO_SEED:
        raise SettingsError(f"{row['filename']} belongs to the demonstration itself; train on another seed")
    if not float(row["depth_m"]) < REFERENCE_DEPTH:
        raise SettingsError(
            f"{row['filename']} lies at {row['depth_m']} m; only frames above {REFERENCE_DEPTH:.0f} m may be learnt"
        )
    if row["camera"] not in EARLIER_CAMERAS:
        raise SettingsError(f"{row['filename']} was taken by {row['camera']}; only the earlier cameras may be learnt")
    if not set(names) <= set(KNOWN):
        raise SettingsError(
            f"{row['filename']} holds {', '.join(sorted(set(names) - set(KNOWN)))}, which must stay unknown"
        )


def gather(root: Path, seed: int, frames: int, workers: int) -> Frames:
    """Render one training survey into `root` (or take what is there) and read it, checking the rule on every frame."""
    (root / PARTS).mkdir(parents=True, exist_ok=True)
    dives = training_dives(seed, frames)
    missing = [dive for dive in dives if not (root / PARTS / f"{dive.name}.json").exists()]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for job in [pool.submit(render_dive, root, dive, seed, _FRAME) for dive in missing]:
            job.result()
    pictures, masks, names = [], [], []
    for dive in dives:
        for record in json.loads((root / PARTS / f"{dive.name}.json").read_text(encoding="utf-8"))["frames"]:
            check_rule(record, seed)
            with Image.open(root / "images" / record["row"]["filename"]) as image:
                pictures.append(np.asarray(image.convert("RGB").resize(KEPT, Image.Resampling.BILINEAR)))
            masks.append(_masks(record["animals"]))
            names.append(f"{seed}:{dive.name}")
    return Frames(np.stack(pictures), masks, names)


def _masks(animals: Sequence[Mapping[str, Any]]) -> dict[int, NDArray[np.uint8]]:
    """Per concept, how much of each 4 x 4 block of the kept picture its individuals cover, 255 is all."""
    size = (-(-KEPT[0] // MASK), -(-KEPT[1] // MASK))
    whole: dict[int, NDArray[np.bool_]] = {}
    for animal in animals:
        number, mask = KNOWN.index(animal["concept"]), decode(animal["segmentation"])
        whole[number] = whole[number] | mask if number in whole else mask
    return {
        number: np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX))
        for number, mask in whole.items()
    }
