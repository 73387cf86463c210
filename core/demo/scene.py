"""Composition: which animals and stones lie where in one stretch of frames, and how the camera drifts over them.

The contract: everything of a stretch follows from ``(seed, dive, stretch)``, so dives can be drawn in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.demo import scenery
from core.demo.camera import Camera
from core.demo.concepts import CONCEPTS, Concept, abundance
from core.demo.optics import Beam, Water
from core.demo.seafloor import Spot
from core.demo.shapes import Body
from core.demo.world import Dive, Stretch

_WATER_COLUMN = 60.0


@dataclass(frozen=True)
class Thing:
    """An animal, or a stone where `concept` is None.

    Attributes:
        concept: What it is.
        body: Its shapes, already turned and raised.
        x, y, h: Its origin on the ground in metres.
        size: Metres a body unit.
        drift: Metres a frame along x, y, h.
        key: Seed of its texture.
    """

    concept: Concept | None
    body: Body
    x: float
    y: float
    h: float
    size: float
    drift: tuple[float, float, float]
    key: int


@dataclass(frozen=True)
class Frame:
    """One exposure: the view and what went wrong with it."""

    camera: Camera
    blur: float
    drag: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """One stretch, ready to draw."""

    spot: Spot | None
    things: tuple[Thing, ...]
    frames: tuple[Frame, ...]
    shadow: tuple[float, float]
    lasers: bool
    daylight: float


@dataclass(frozen=True)
class Gear:
    """What stays the same for a dive: water, lamps, the vehicle's own parts, lasers, and the ground's grain."""

    water: Water
    beam: Beam
    vehicle: Body | None
    lasers: bool
    turn: float
    zoom: float


def equip(seed: int, dive: Dive) -> Gear:
    """The gear of a dive."""
    rng = np.random.default_rng([seed, 3, dive.index])
    water, beam, parts = Water.draw(rng), Beam.draw(rng), scenery.vehicle(rng)
    return Gear(
        water, beam, parts, bool(rng.random() < 0.4), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.82, 0.94))
    )


def compose(seed: int, dive: Dive, stretch: Stretch, gear: Gear, size: tuple[int, int]) -> Scene:
    """The scene of one stretch."""
    rng = np.random.default_rng([seed, 4, dive.index, stretch.index])
    frames = _track(rng, stretch, gear, size)
    camera = frames[0].camera
    depths = (min(stretch.depths), max(stretch.depths))
    things: list[Thing] = []
    if stretch.ground is not None:
        things += _stones(rng, stretch.ground, camera)
    things += _animals(rng, stretch, depths, camera, things)
    spot = None
    if stretch.ground is not None:
        spot = Spot(
            stretch.ground, float(rng.uniform(0, 50)), float(rng.uniform(0, 50)), gear.turn + float(rng.normal(0, 0.3))
        )
    low_lamps = 0.55 / np.tan(max(camera.pitch, 0.25))
    return Scene(
        spot,
        tuple(things),
        frames,
        (float(np.clip(low_lamps, 0.15, 1.1)), float(rng.choice([-1, 1]) * rng.uniform(0.35, 0.8))),
        gear.lasers and stretch.ground is not None,
        float(np.exp(-depths[0] / 42.0)),
    )


def _track(rng: np.random.Generator, stretch: Stretch, gear: Gear, size: tuple[int, int]) -> tuple[Frame, ...]:
    """A camera that drifts a few centimetres from frame to frame."""
    if stretch.ground is None:
        altitude, pitch = _WATER_COLUMN, float(rng.uniform(-0.05, 0.3))
    else:
        altitude = float(np.clip(rng.lognormal(np.log(1.25), 0.26), 0.75, 2.4))
        pitch = float(np.clip(rng.normal(0.62, 0.24), 0.24, 1.35))
        if stretch.ground == "rock" and rng.random() < 0.5:
            pitch = float(rng.uniform(0.9, 1.35))
    roll = float(rng.normal(0, 0.03))
    step = rng.normal(0, 0.035, 2) * (2.0 if rng.random() < 0.25 else 1.0)
    turning = float(rng.normal(0, 0.012))
    focus = float(rng.gamma(1.4, 0.7)) if rng.random() < 0.16 else 0.0
    moving = rng.random() < 0.2
    frames = []
    x = y = heading = 0.0
    for _ in stretch.depths:
        camera = Camera(size, altitude, pitch, roll, x, y, heading, gear.zoom)
        drag = (0.0, 0.0)
        if moving or rng.random() < 0.05:
            angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(3, 13) * size[1] / 540
            drag = (float(length * np.cos(angle)), float(length * np.sin(angle) * 0.6))
        frames.append(
            Frame(camera, (focus + (float(rng.uniform(0, 1.2)) if rng.random() < 0.08 else 0.0)) * size[1] / 540, drag)
        )
        x, y = x + float(step[0] + rng.normal(0, 0.01)), y + float(step[1] + rng.normal(0, 0.01))
        heading += turning + float(rng.normal(0, 0.004))
        pitch += float(rng.normal(0, 0.006))
        altitude *= float(np.exp(rng.normal(0, 0.008)))
        roll += float(rng.normal(0, 0.004))
    return tuple(frames)


def _somewhere(rng: np.random.Generator, camera: Camera, nearest: float, farthest: float) -> tuple[float, float]:
    """A place on the ground under a random pixel, within a range of distances; the middle if none fits."""
    width, height = camera.size
    for _ in range(24):
        column = width * rng.uniform(0.03, 0.97)
        spot = camera.place(column, rng.uniform(max(0.04, camera.horizon(farthest) / height), 1.0) * height)
        if (
            spot is not None
            and nearest <= np.hypot(np.hypot(spot[0] - camera.x, spot[1] - camera.y), camera.altitude) <= farthest
        ):
            return spot
    return camera.place(width / 2, height * 0.75) or (0.0, 2.0)


def _stones(rng: np.random.Generator, ground: str, camera: Camera) -> list[Thing]:
    mean = {"mud": 0.25, "ripples": 0.35, "burrows": 0.1, "cobbles": 2.5, "rock": 2.6}[ground]
    stones = []
    for _ in range(int(rng.poisson(mean))):
        x, y = _somewhere(rng, camera, 1.0, 6.0)
        body = scenery.boulder(rng).turned(float(rng.normal(0, 0.3)))
        size = min(float(rng.gamma(2.4, 0.16) + 0.12), 0.34 * camera.see(x, y, 0.0)[2])
        stones.append(Thing(None, body, x, y, 0.0, size, (0, 0, 0), int(rng.integers(2**31))))
    return stones


def _animals(
    rng: np.random.Generator, stretch: Stretch, depths: tuple[float, float], camera: Camera, stones: list[Thing]
) -> list[Thing]:
    """A few kinds, some in flocks, some on stones; about a fifth of the stretches stay empty."""
    water = stretch.ground is None
    weights = np.array(
        [min(abundance(c, depths[0], stretch.ground), abundance(c, depths[1], stretch.ground)) for c in CONCEPTS]
    )
    if weights.sum() <= 0 or rng.random() < (0.3 if water else 0.14):
        return []
    encounters = 1 + int(rng.poisson(0.45)) if water else 1 + int(rng.poisson(rng.gamma(1.6, 1.15)))
    things: list[Thing] = []
    for index in rng.choice(len(CONCEPTS), size=min(encounters, 7), p=weights / weights.sum()):
        concept = CONCEPTS[index]
        flock = 1 + int(rng.poisson(concept.flock - 1)) if concept.flock > 1 else 1
        middle = _somewhere(rng, camera, 1.1, 3.6)
        for member in range(flock):
            if len(things) >= 14:
                return things
            for attempt in range(8):
                if member == 0:
                    place = middle if attempt == 0 else _somewhere(rng, camera, 1.1, 3.6)
                else:
                    spread = 0.4 + 0.08 * attempt
                    place = (middle[0] + float(rng.normal(0, spread)), middle[1] + float(rng.normal(0, spread)))
                if all(
                    np.hypot(place[0] - t.x, place[1] - t.y) > 0.45 * (concept.size + t.size)
                    for t in things
                    if t.h < 0.3
                ):
                    break
            rise = 0.0
            if stones and "rock" in concept.grounds and concept.living == "ground" and rng.random() < 0.6:
                stone = stones[int(rng.integers(len(stones)))]
                place = (stone.x + float(rng.normal(0, 0.16)) * stone.size, stone.y - 0.08 * stone.size)
                rise = 0.18 * stone.size
            things.append(_individual(rng, concept, place, rise, camera))
    return things


def _fitting(size: float, metres: float, camera: Camera) -> float:
    """The size of an individual, small enough to fill at most about two fifths of the picture's width."""
    return min(size, 0.4 * max(metres, 0.5) / camera.zoom)


def _individual(
    rng: np.random.Generator, concept: Concept, place: tuple[float, float], rise: float, camera: Camera
) -> Thing:
    key = int(rng.integers(2**31))
    size = concept.size * float(np.exp(rng.normal(0, 0.24)))
    body = concept.build(np.random.default_rng([key, 1]))
    if concept.living == "water":
        width, height = camera.size
        ray = camera.rays() @ np.array([rng.uniform(0.08, 0.92) * width, rng.uniform(0.1, 0.85) * height, 1.0])
        away = float(rng.uniform(1.0, 2.6)) if camera.altitude > 10 else float(rng.uniform(1.1, 1.9))
        x, y, h = np.array([camera.x, camera.y, camera.altitude]) + ray / np.linalg.norm(ray) * away
        h = max(float(h), 0.35)
        size = _fitting(size, away, camera)
        drift = tuple(float(v) for v in rng.normal(0, 0.025, 3))
        if concept.name == "Gonatus":
            body = body.turned(float(rng.choice([0.0, np.pi]) + rng.normal(0, 0.5)))
        return Thing(concept, body, float(x), float(y), h, size, (drift[0], drift[1], drift[2]), key)
    size = _fitting(size, camera.see(*place, 0.0)[2], camera)
    # Swimmers are met from the side rather than head on; what lies on the ground points anywhere.
    if concept.parent == "Fish" and concept.name != "Microstomus pacificus":
        body = body.turned(float(rng.choice([0.0, np.pi]) + rng.normal(0, 0.4)))
        h = size * 0.02 if concept.living == "ground" else size * float(rng.uniform(0.25, 0.7))
        speed = 0.0 if concept.living == "ground" else 0.03
        return Thing(
            concept, body, *place, h, size, (float(rng.normal(0, speed)), float(rng.normal(0, speed / 2)), 0.0), key
        )
    upright = concept.parent in ("Sea pen", "Coral", "Glass sponge", "Anemone")
    yaw = float(rng.uniform(-0.5, 0.5) if upright else rng.uniform(0, 2 * np.pi))
    crawl = 0.004 if not upright else 0.0
    return Thing(
        concept,
        body.turned(yaw),
        *place,
        rise,
        size,
        (float(rng.normal(0, crawl)), float(rng.normal(0, crawl)), 0.0),
        key,
    )
