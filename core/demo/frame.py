"""One stretch to pictures: ground, shadows, stones, animals, water, snow, vehicle, camera; and which pixel is whose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from core.demo import optics, seafloor
from core.demo.camera import Camera
from core.demo.raster import Sprite, View, draw, silhouette
from core.demo.scene import Gear, Scene, Thing

Float = NDArray[np.float32]
_STEP = 6
_VISIBLE = 0.45
_GLASSY = 0.22


@dataclass
class Exposure:
    """A finished frame: RGB picture, and ``[H, W]`` uint8 owner map (0 nobody, i + 1 is the scene's i-th thing)."""

    picture: Image.Image
    owner: NDArray[np.uint8]


@dataclass
class _Drawn:
    """A thing drawn once for its stretch, with the scale it was drawn at."""

    sprite: Sprite
    shadow: Sprite | None
    scale: float


def expose(scene: Scene, gear: Gear, sensor: optics.Sensor, rng: np.random.Generator) -> Iterator[Exposure]:
    """The frames of a stretch in order."""
    first = scene.frames[0].camera
    drawn = [_draw(thing, first, gear, scene.shadow) for thing in scene.things]
    parts = _vehicle(gear, first.size, rng)
    gain = float(np.exp(rng.normal(0, 0.1)))
    for number, frame in enumerate(scene.frames):
        camera = frame.camera
        light = optics.Light(gear.water, gear.beam, _exposure(gear, camera) * gain, scene.daylight)
        picture = _background(scene, camera, light)
        owner = np.zeros((camera.size[1], camera.size[0]), dtype=np.uint8)
        places = [_where(thing, camera, number) for thing in scene.things]
        order = sorted(range(len(places)), key=lambda i: -places[i][2])
        for index in order:
            shadow = drawn[index].shadow
            if shadow is not None and places[index][4] > 0:
                _darken(picture, shadow, places[index], drawn[index].scale)
        if scene.lasers:
            _lasers(picture, camera)
        for index in order:
            _set(picture, owner, index + 1, drawn[index], places[index], scene.things[index], light, camera)
        optics.snow(picture, light, rng)
        if parts is not None:
            _over(picture, owner, parts)
        yield Exposure(optics.develop(picture, sensor, rng, blur=frame.blur, drag=frame.drag), owner)


def _exposure(gear: Gear, camera: Camera) -> float:
    """The camera's own gain: opens up over dim ground, not without limit."""
    if camera.altitude > 10:
        return 1.0
    plain = optics.Light(gear.water, gear.beam, 1.0)
    metres = camera.range_field(60)
    rows, columns = metres.shape
    x, y = (np.arange(columns)[None, :] + 0.5) / columns, (np.arange(rows)[:, None] + 0.5) / rows
    carry, veil = plain.carry(metres, x.astype(np.float32), y.astype(np.float32))
    brightness = float(np.mean(np.sort((carry[1] * 0.42 + veil[1]).ravel())[-metres.size // 2 :]))
    return float(np.clip((0.27 / max(brightness, 0.02)) ** 0.8, 0.5, 2.2))


def _background(scene: Scene, camera: Camera, light: optics.Light) -> Float:
    """Lit ground and open water, ``[3, H, W]`` linear."""
    gain, veil = optics.fields(light, camera.range_field(_STEP), camera.size)
    if scene.spot is None:
        return veil
    channels, first = seafloor.photograph(scene.spot, camera)
    turn = scene.spot.turn + camera.heading
    lean = (light.beam.balance - 0.5) * 1.1
    # The lamps stand by the camera: faces that look towards it are bright, those that look away are dark.
    across, along = (
        np.float32(lean * np.cos(turn) - np.sin(turn) * -0.9),
        np.float32(lean * np.sin(turn) + np.cos(turn) * -0.9),
    )
    part = channels[first:]
    depth = np.float32((0.35 + 0.65 * np.cos(camera.pitch)) / 84 * 0.95)
    shade = (part[..., 1].astype(np.float32) - 128) * (-across * depth)
    shade += (part[..., 2].astype(np.float32) - 128) * (-along * depth)
    np.tanh(shade, out=shade)
    shade += 1.02
    shade *= part[..., 0]
    shade *= np.float32(1 / 255)
    tint = part[..., 3].astype(np.float32)
    for channel, (plain, rust) in enumerate(((0.86, 0.40), (0.90, 0.02), (0.84, -0.16))):
        tone = tint * np.float32(rust / 255)
        tone += np.float32(plain)
        tone *= shade
        tone *= gain[channel, first:]
        veil[channel, first:] += tone
    return veil


def _where(thing: Thing, camera: Camera, number: int) -> tuple[float, float, float, float, float]:
    """Column, row, distance, pixels a body unit, and the row of the spot below (0 where there is no ground)."""
    x, y, h = (place + step * number for place, step in zip((thing.x, thing.y, thing.h), thing.drift, strict=True))
    column, row, metres, _ = camera.see(x, y, h)
    below = camera.see(x, y, 0.0)[1] if camera.altitude < 10 else 0.0
    return column, row, metres, thing.size * camera.focal / max(metres, 0.3), below


def _draw(thing: Thing, camera: Camera, gear: Gear, cast: tuple[float, float]) -> _Drawn:
    _, _, metres, tilt = camera.see(thing.x, thing.y, thing.h)
    if camera.altitude > 10:
        tilt = 0.25
    scale = min(thing.size * camera.focal / max(metres, 0.3), 900.0)
    sprite = draw(thing.body, View(scale, tilt), gear.beam.lamps(), np.random.default_rng([thing.key, 2]))
    if camera.altitude > 10 or thing.h > 0.6:
        return _Drawn(sprite, None, scale)
    raised = thing.body.turned(0.0, rise=thing.h / thing.size)
    coarse = silhouette(raised.cast(*cast), View(scale / 3, tilt))
    pad = 6
    alpha = np.pad(coarse.rgba[..., 0], pad)
    soft = ndimage.gaussian_filter(alpha, 1.0 + scale * 0.006 + thing.h * 6)
    return _Drawn(sprite, Sprite(soft[..., None], (coarse.origin[0] + pad, coarse.origin[1] + pad)), scale)


def _moved(
    sprite: Sprite, column: float, row: float, zoom: float, size: tuple[int, int]
) -> tuple[Float, int, int] | None:
    """The sprite enlarged by `zoom` with its origin at (column, row): pixels, left, top, cut to the picture."""
    height, width = sprite.rgba.shape[:2]
    left, top = column - sprite.origin[0] * zoom, row - sprite.origin[1] * zoom
    x0, y0 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    x1, y1 = min(int(np.ceil(left + width * zoom)) + 1, size[0]), min(int(np.ceil(top + height * zoom)) + 1, size[1])
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    matrix = (1 / zoom, 0.0, (x0 - left) / zoom, 0.0, 1 / zoom, (y0 - top) / zoom)
    planes = [
        Image.fromarray(np.ascontiguousarray(sprite.rgba[..., channel])).transform(
            (x1 - x0, y1 - y0), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        for channel in range(sprite.rgba.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes]), x0, y0


def _darken(picture: Float, shadow: Sprite, place: tuple[float, float, float, float, float], scale: float) -> None:
    column, _, _, pixels, below = place
    moved = _moved(shadow, column, below, 3 * pixels / scale, (picture.shape[2], picture.shape[1]))
    if moved is None:
        return
    alpha, x0, y0 = moved
    picture[:, y0 : y0 + alpha.shape[1], x0 : x0 + alpha.shape[2]] *= 1 - 0.66 * alpha


def _set(
    picture: Float,
    owner: NDArray[np.uint8],
    mark: int,
    drawn: _Drawn,
    place: tuple[float, float, float, float, float],
    thing: Thing,
    light: optics.Light,
    camera: Camera,
) -> None:
    """Put a thing into the picture with the light and water of its own distance."""
    column, row, metres, pixels, _ = place
    moved = _moved(drawn.sprite, column, row, pixels / drawn.scale, camera.size)
    if moved is None:
        return
    rgba, x0, y0 = moved
    _, height, width = rgba.shape
    gain, veil = light.carry(
        metres, float(np.clip(column / camera.size[0], 0, 1)), float(np.clip(row / camera.size[1], 0, 1))
    )
    alpha = rgba[3]
    part = picture[:, y0 : y0 + height, x0 : x0 + width]
    part *= 1 - alpha
    part += rgba[:3] * gain[:, None, None] * np.float32(0.8) + alpha * veil[:, None, None]
    glassy = thing.concept is not None and thing.concept.parent in ("Jelly", "Siphonophore")
    owner[y0 : y0 + height, x0 : x0 + width][alpha > (_GLASSY if glassy else _VISIBLE)] = (
        0 if thing.concept is None else mark
    )


def _vehicle(gear: Gear, size: tuple[int, int], rng: np.random.Generator) -> Sprite | None:
    """The vehicle's parts on a full picture, a little out of focus, brightly lit."""
    if gear.vehicle is None:
        return None
    width, height = size
    sprite = draw(gear.vehicle, View(width, 0.0), gear.beam.lamps(), rng, limit=4 * width)
    moved = _moved(sprite, width / 2, height / 2, 1.0, size)
    if moved is None:
        return None
    rgba, x0, y0 = moved
    soft = np.stack([ndimage.gaussian_filter(plane, 1.1 * height / 540) for plane in rgba], axis=2)
    return Sprite(soft, (float(x0), float(y0)))


def _over(picture: Float, owner: NDArray[np.uint8], parts: Sprite) -> None:
    x0, y0 = int(parts.origin[0]), int(parts.origin[1])
    height, width = parts.rgba.shape[:2]
    rgba = np.moveaxis(parts.rgba, 2, 0)
    part = picture[:, y0 : y0 + height, x0 : x0 + width]
    part *= 1 - rgba[3]
    part += rgba[:3] * np.float32(0.55)
    owner[y0 : y0 + height, x0 : x0 + width][rgba[3] > 0.4] = 0


def _lasers(picture: Float, camera: Camera) -> None:
    """Two red dots ten centimetres apart on the ground ahead."""
    for side in (-0.05, 0.05):
        ahead = camera.altitude / np.tan(max(camera.pitch, 0.2))
        x = camera.x + side * np.cos(camera.heading) - ahead * np.sin(camera.heading)
        y = camera.y + side * np.sin(camera.heading) + ahead * np.cos(camera.heading)
        column, row, metres, _ = camera.see(x, y, 0.0)
        radius = max(2, int(camera.focal * 0.006 / metres) + 1)
        x0, y0 = int(column), int(row)
        if not (8 < x0 < camera.size[0] - 9 and 8 < y0 < camera.size[1] - 9):
            continue
        span = np.arange(-8, 9, dtype=np.float32)
        spot = np.exp(-(span[None, :] ** 2 + span[:, None] ** 2) / (1.1 * radius**2))
        picture[:, y0 - 8 : y0 + 9, x0 - 8 : x0 + 9] += (
            spot * np.array([1.3, 0.22, 0.12], dtype=np.float32)[:, None, None]
        )
