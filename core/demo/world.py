"""The invented survey: sites of a canyon, dives over three seasons, their tracks, depths, times and cameras.

The contract:
- everything follows from ``(seed, frames)``; planning draws no pixel;
- frames of a dive are ordered in time; a dive is a sequence of stretches of two to six neighbouring frames;
- the last two dives have the later camera, lie shallower than 800 m and come after all others in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from core.demo.concepts import DEEP
from core.demo.seafloor import KINDS
from core.errors import SettingsError

EARLIER_CAMERAS = ("tern-hd1", "tern-hd2")
LATER_CAMERA = "skua-4k"
REFERENCE_CONDITIONS = ("depth_m<800", f"camera!={LATER_CAMERA}")
"""What the demonstration takes as known, in the words of the command line."""

_FRAMES_A_DIVE = 18
_MOST_DIVES = 66
_SINKING = 0.55


@dataclass(frozen=True)
class Site:
    """A named place in the invented canyon; degrees north and east, and the ground found there."""

    name: str
    latitude: float
    longitude: float
    grounds: tuple[str, ...]


SITES = (
    Site("Kestrel Canyon head", 44.3120, -124.8710, ("mud", "ripples", "burrows")),
    Site("Kestrel Canyon north wall", 44.2975, -124.9540, ("rock", "cobbles", "rock")),
    Site("Kestrel Canyon south wall", 44.2410, -124.9765, ("rock", "cobbles", "mud")),
    Site("Kestrel Canyon axis", 44.2655, -125.0480, ("ripples", "burrows", "mud")),
    Site("Gannet Ridge", 44.3630, -125.0015, ("rock", "cobbles")),
    Site("Fulmar Slope", 44.1925, -125.0870, ("mud", "burrows")),
    Site("Petrel Fan", 44.2240, -125.1690, ("ripples", "mud", "burrows")),
)


@dataclass(frozen=True)
class Stretch:
    """Neighbouring frames over one spot.

    Attributes:
        index: Place in the dive, from 0.
        depths: Metres below the surface, one a frame.
        times: One a frame.
        ground: Kind of ground, or None in open water.
        latitude, longitude: Degrees.
    """

    index: int
    depths: tuple[float, ...]
    times: tuple[datetime, ...]
    ground: str | None
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Dive:
    """One dive: name, place, camera and stretches in order of time."""

    index: int
    name: str
    site: Site
    camera: str
    stretches: tuple[Stretch, ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(len(stretch.depths) for stretch in self.stretches)

    @property
    def later(self) -> bool:
        """Whether the later camera took it."""
        return self.camera == LATER_CAMERA


def plan(seed: int, frames: int) -> tuple[Dive, ...]:
    """All dives of a collection, in order of time; 66 of them from about 1,200 frames on.

    Raises:
        SettingsError: fewer than 16 frames.
    """
    if frames < 16:
        raise SettingsError(f"a collection needs at least 16 frames, got {frames}; ask for more")
    rng = np.random.default_rng([seed, 1])
    count = int(np.clip(frames // _FRAMES_A_DIVE, 4, _MOST_DIVES))
    deep, drifting = max(1, round(0.2 * count)), round(0.12 * count)
    kinds = ["deep"] * deep + ["water"] * drifting + ["shelf"] * (count - 2 - deep - drifting)
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    shelf = iter(rng.permutation(np.linspace(50, 765, max(kinds.count("shelf"), 1))))
    below = iter(rng.permutation(np.linspace(DEEP + 20, 1270, deep)))
    share = rng.uniform(0.75, 1.25, count)
    sizes = np.floor(share / share.sum() * frames).astype(int)
    sizes[: frames - sizes.sum()] += 1
    starts = _start_times(count, rng)
    dives = []
    for index in range(count):
        later = index >= count - 2
        kind = "shelf" if later else kinds[index]
        bottom = (
            (260.0, 540.0)[index - count + 2]
            if later
            else float(next(below) if kind == "deep" else next(shelf) if kind == "shelf" else 0.0)
        )
        camera = LATER_CAMERA if later else EARLIER_CAMERAS[int(rng.random() < 0.4)]
        dives.append(
            _dive(
                index, kind, bottom, camera, int(sizes[index]), starts[index], np.random.default_rng([seed, 2, index])
            )
        )
    return tuple(dives)


def _start_times(count: int, rng: np.random.Generator) -> list[datetime]:
    """Three summers of morning and noon dives, then two in the last October."""
    earlier = count - 2
    starts = []
    for index in range(earlier):
        season = 3 * index // max(earlier, 1)
        first = 3 * (earlier * season // 3) // 3
        day = 118 * (index - first) / max(1, -(-earlier // 3))
        starts.append(
            datetime(2022 + season, 6, 1, 14, tzinfo=UTC)
            + timedelta(days=int(day) % 118, minutes=float(rng.uniform(0, 90)))
        )
    starts.sort()
    starts += [
        datetime(2024, 10, 11 + 2 * i, 15, tzinfo=UTC) + timedelta(minutes=float(rng.uniform(0, 60))) for i in range(2)
    ]
    return starts


def _dive(
    index: int, kind: str, bottom: float, camera: str, frames: int, start: datetime, rng: np.random.Generator
) -> Dive:
    site = SITES[int(rng.integers(len(SITES)))]
    lengths: list[int] = []
    while sum(lengths) < frames:
        lengths.append(int(rng.choice([2, 3, 4, 5, 6], p=[0.16, 0.24, 0.26, 0.2, 0.14])))
    lengths[-1] -= sum(lengths) - frames
    if lengths[-1] == 1 and len(lengths) > 1:
        lengths[-2:] = [lengths[-2] + 1] if lengths[-2] < 6 else [lengths[-2] - 1, 2]
    sinking = len(lengths) if kind == "water" else round(len(lengths) * rng.uniform(0.0, 0.34))
    deepest = float(rng.uniform(500, 1290)) if kind == "water" else bottom
    shallowest = float(rng.uniform(8, 60)) if deepest > 120 else deepest * 0.3
    moment, depth = start + timedelta(minutes=8), bottom
    north = rng.normal(0, 300)
    east = rng.normal(0, 300)
    heading = rng.uniform(0, 2 * np.pi)
    slope = rng.choice([-1, 1]) * rng.uniform(0.5, 4.0)
    stretches: list[Stretch] = []
    for number, length in enumerate(lengths):
        water = number < sinking
        if water:
            fraction = (number + rng.uniform(0.1, 0.9)) / max(sinking, 1)
            depth = shallowest + (deepest * (1.0 if kind == "water" else 0.97) - shallowest) * fraction
            pace = rng.uniform(0.02, 0.12)
        else:
            low, high = (DEEP + 5, 1298.0) if kind == "deep" else (20.0, 790.0)
            depth = float(np.clip(bottom + slope * (number - sinking) + rng.normal(0, 1.0), low, high))
            pace = rng.normal(0, 0.02)
        if stretches:
            moment += timedelta(seconds=abs(depth - stretches[-1].depths[-1]) / _SINKING)
        gaps = rng.uniform(2.0, 6.0, size=length)
        seconds = np.cumsum(gaps) - gaps[0]
        depths = np.round(depth + pace * seconds, 2)
        times = tuple(moment + timedelta(seconds=int(s)) for s in np.floor(seconds))
        # A stretch in open water lies wholly above or wholly below the depth where the deep animals begin.
        if depths.min() < DEEP < depths.max() + 1:
            depths = np.minimum(depths, DEEP - 1)
        ground = None if water else str(rng.choice(site.grounds))
        stretches.append(
            Stretch(
                number,
                tuple(float(d) for d in depths),
                times,
                ground,
                round(site.latitude + (north * np.cos(heading)) / 111_200, 6),
                round(site.longitude + east / 79_600, 6),
            )
        )
        step = rng.uniform(15, 70)
        north, east = north + step * np.cos(heading), east + step * np.sin(heading)
        heading += rng.normal(0, 0.25)
        moment = times[-1] + timedelta(seconds=float(rng.uniform(90, 420)))
    name = f"kc{start:%y}-{index + 1:03d}"
    assert all(s.ground is None or s.ground in KINDS for s in stretches)
    return Dive(index, name, site, camera, tuple(stretches))
