"""From shapes to pixels: anti-aliased, shaded by the vehicle's two lamps, farthest first.

Every shape is drawn once, over its own bounding box: coverage from the distance to its silhouette, the surface normal
from the position inside it (a tube's cross-section and a ball are exact; a sheet swells from its edges).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from core.demo import noise
from core.demo.shapes import Ball, Body, Shape, Sheet, Skin, Tube

Array = NDArray[np.float32]
_GREY = Skin((1.0, 1.0, 1.0))


@dataclass(frozen=True)
class View:
    """How a body is seen: `scale` pixels a unit, `tilt` the sine of the angle between sight and ground."""

    scale: float
    tilt: float

    def project(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels ``[N, 2]`` (x right, y down, from the body's origin) and distance ``[N]`` (larger is farther)."""
        upright = np.sqrt(max(0.0, 1.0 - self.tilt**2))
        x, y, h = points[..., 0], points[..., 1], points[..., 2]
        flat = np.stack([x, -(y * self.tilt + h * upright)], axis=-1) * self.scale
        return flat, y * upright - h * self.tilt


@dataclass(frozen=True)
class Lamps:
    """Strength of the left lamp, the right lamp, and of light from all sides."""

    left: float = 0.5
    right: float = 0.5
    around: float = 0.3

    def shade(self, nx: Array, ny: Array, nz: Array, skin: Skin) -> tuple[Array, Array]:
        """Brightness and highlight for normals in screen axes (x right, y down, z to the camera)."""
        value = np.full_like(nx, self.around)
        shine = np.zeros_like(nx)
        for strength, side in ((self.left, -0.52), (self.right, 0.52)):
            facing = nx * side - ny * 0.48 + nz * 0.71
            value += strength * np.clip(0.22 + 0.78 * facing, 0.0, None)
            if skin.gloss > 0:
                half = np.clip(nx * side * 0.55 - ny * 0.26 + nz * 0.93, 0.0, 1.0)
                shine += strength * skin.gloss * half**28
        return value * (1 - skin.glow) + skin.glow * 0.85, shine


@dataclass
class Sprite:
    """A drawn body: premultiplied linear ``[h, w, 4]`` float32; the body's origin is at pixel ``origin`` (x, y)."""

    rgba: Array
    origin: tuple[float, float]


def draw(body: Body, view: View, lamps: Lamps, rng: np.random.Generator, *, limit: int = 1600) -> Sprite:
    """Draw a body onto its own canvas, at most `limit` pixels wide or high (larger ones are cut)."""
    boxes = [_box(shape, view) for shape in body.shapes]
    low = np.floor(np.min([box[0] for box in boxes], axis=0)).astype(int) - 2
    high = np.ceil(np.max([box[1] for box in boxes], axis=0)).astype(int) + 3
    low, high = np.maximum(low, -limit // 2), np.minimum(high, limit // 2)
    width, height = np.maximum(high - low, 4)
    canvas = np.zeros((height, width, 4), dtype=np.float32)
    offset = (int(rng.integers(512)), int(rng.integers(512)))
    order = sorted(range(len(boxes)), key=lambda i: (-boxes[i][2] + body.shapes[i].lift * 10, i))
    for index in order:
        _draw_one(canvas, body.shapes[index], view, lamps, low, boxes[index], offset)
    return Sprite(canvas, (float(-low[0]), float(-low[1])))


def silhouette(body: Body, view: View) -> Sprite:
    """Only the opacity of a body, for shadows: all four channels hold it."""
    plain = Body(
        [replace(shape, skin=replace(_GREY, alpha=shape.skin.alpha, rim=shape.skin.rim)) for shape in body.shapes]
    )
    sprite = draw(plain, view, Lamps(), np.random.default_rng(0))
    return Sprite(np.repeat(sprite.rgba[..., 3:], 4, axis=2), sprite.origin)


def _box(shape: Shape, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Corners of the shape's bounding box in pixels relative to the origin, and its distance."""
    if isinstance(shape, Ball):
        flat, far = view.project(shape.centre)
        reach = np.linalg.norm(view.project(shape.axes.T)[0], axis=0)
        return flat - reach, flat + reach, float(far)
    flat, far = view.project(shape.points)
    reach = np.array(float(np.max(shape.radii)) * view.scale if isinstance(shape, Tube) else 0.0)
    return flat.min(axis=0) - reach, flat.max(axis=0) + reach, float(far.mean())


def _draw_one(
    canvas: Array,
    shape: Shape,
    view: View,
    lamps: Lamps,
    low: NDArray[np.int_],
    box: tuple[NDArray[np.float64], NDArray[np.float64], float],
    offset: tuple[int, int],
) -> None:
    x0, y0 = np.maximum(np.floor(box[0]).astype(int) - 2 - low, 0)
    x1, y1 = np.minimum(np.ceil(box[1]).astype(int) + 3 - low, (canvas.shape[1], canvas.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    corner = np.array([x0, y0]) + low
    grid_x = np.arange(x1 - x0, dtype=np.float32)[None, :] + np.float32(corner[0])
    grid_y = np.arange(y1 - y0, dtype=np.float32)[:, None] + np.float32(corner[1])
    if isinstance(shape, Tube):
        cover, nx, ny, along = _tube(shape, view, grid_x, grid_y)
    elif isinstance(shape, Ball):
        cover, nx, ny, along = _ball(shape, view, grid_x, grid_y)
    else:
        cover, nx, ny, along = _sheet(shape, view, corner, (int(y1 - y0), int(x1 - x0)))
    rgb, alpha = _surface(shape.skin, lamps, cover, nx, ny, along, view, (offset[0] + int(y0), offset[1] + int(x0)))
    if isinstance(shape, Sheet) and shape.rays:
        alpha *= 0.84 + 0.16 * np.cos(along * np.float32(2 * np.pi * shape.rays))
    part = canvas[y0:y1, x0:x1]
    part *= (1 - alpha)[..., None]
    part[..., :3] += rgb * alpha[..., None]
    part[..., 3] += alpha


def _tube(shape: Tube, view: View, gx: Array, gy: Array) -> tuple[Array, Array, Array, Array]:
    flat, _ = view.project(shape.points)
    radii = np.maximum(_screen_radii(shape, view), 0.45)
    size = (gy.shape[0], gx.shape[1])
    best = np.full(size, 9.0, dtype=np.float32)
    edge = np.full(size, -9.0, dtype=np.float32)
    nx, ny, along = (np.zeros(size, dtype=np.float32) for _ in range(3))
    count = len(flat) - 1
    x_first, y_first = float(gx[0, 0]), float(gy[0, 0])
    for index in range(count):
        (ax, ay), (bx, by) = flat[index], flat[index + 1]
        ra, rb = float(radii[index]), float(radii[index + 1])
        reach = max(ra, rb) + 1.5
        left = max(int(min(ax, bx) - reach - x_first), 0)
        right = min(int(max(ax, bx) + reach - x_first) + 2, size[1])
        top = max(int(min(ay, by) - reach - y_first), 0)
        bottom = min(int(max(ay, by) + reach - y_first) + 2, size[0])
        if right <= left or bottom <= top:
            continue
        window = (slice(top, bottom), slice(left, right))
        dx, dy = np.float32(bx - ax), np.float32(by - ay)
        px, py = gx[:, left:right] - np.float32(ax), gy[top:bottom] - np.float32(ay)
        t = np.clip((px * dx + py * dy) / max(float(dx * dx + dy * dy), 1e-6), 0.0, 1.0)
        radius = ra + (rb - ra) * t
        ox, oy = (px - t * dx) / radius, (py - t * dy) / radius
        q = np.sqrt(ox * ox + oy * oy)
        closer = q < best[window]
        best[window] = np.where(closer, q, best[window])
        nx[window] = np.where(closer, ox, nx[window])
        ny[window] = np.where(closer, oy, ny[window])
        along[window] = np.where(closer, (index + t) / count, along[window])
        edge[window] = np.maximum(edge[window], (1 - q) * radius)
    return np.clip(edge + 0.5, 0.0, 1.0), nx, ny, along


def _screen_radii(shape: Tube, view: View) -> NDArray[np.float64]:
    """Half thickness across the drawn path, in pixels; elliptic cross-sections are projected."""
    if shape.radii.ndim == 1:
        return shape.radii * view.scale
    tangent = np.gradient(shape.points, axis=0)
    side = np.cross(tangent, np.array([0.0, 0.0, 1.0]))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    up = np.cross(side, tangent)
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    flat, _ = view.project(tangent)
    across = np.stack([-flat[:, 1], flat[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    wide = np.sum(view.project(side)[0] * across, axis=1) * shape.radii[:, 0]
    tall = np.sum(view.project(up)[0] * across, axis=1) * shape.radii[:, 1]
    return np.asarray(np.hypot(wide, tall))


def _ball(shape: Ball, view: View, gx: Array, gy: Array) -> tuple[Array, Array, Array, Array]:
    centre, _ = view.project(shape.centre)
    half = view.project(shape.axes.T)[0].T
    spread = half @ half.T + np.eye(2) * 0.2
    inverse = np.linalg.inv(spread)
    values, vectors = np.linalg.eigh(inverse)
    root = (vectors * np.sqrt(values)) @ vectors.T
    px, py = gx - np.float32(centre[0]), gy - np.float32(centre[1])
    nx = np.float32(root[0, 0]) * px + np.float32(root[0, 1]) * py
    ny = np.float32(root[1, 0]) * px + np.float32(root[1, 1]) * py
    q = np.sqrt(nx * nx + ny * ny)
    # Distance to the outline, to first order: (1 - q) over the length of the gradient of q.
    slope_x = np.float32(root[0, 0]) * nx + np.float32(root[1, 0]) * ny
    slope_y = np.float32(root[0, 1]) * nx + np.float32(root[1, 1]) * ny
    steep = np.sqrt(slope_x**2 + slope_y**2) / np.maximum(q, 1e-4)
    cover = np.clip((1 - q) / np.maximum(steep, 1e-4) + 0.5, 0.0, 1.0)
    return cover, nx, ny, np.clip(0.5 - 0.5 * ny, 0.0, 1.0)


def _sheet(
    shape: Sheet, view: View, corner: NDArray[np.int_], size: tuple[int, int]
) -> tuple[Array, Array, Array, Array]:
    flat, _ = view.project(shape.points)
    fine = 3
    image = Image.new("L", (size[1] * fine, size[0] * fine))
    ImageDraw.Draw(image).polygon([tuple(p) for p in ((flat - corner + 0.5) * fine).tolist()], fill=255)
    cover = np.asarray(image.reduce(fine), dtype=np.float32) / 255
    nx = np.zeros(size, dtype=np.float32)
    ny = np.zeros(size, dtype=np.float32)
    if shape.inflate > 0:
        inside = ndimage.distance_transform_edt(cover > 0.5).astype(np.float32)
        reach = max(float(inside.max()) * shape.inflate, 1.0)
        climb = np.clip(inside / reach, 0.0, 1.0)
        height = ndimage.gaussian_filter(np.sqrt(climb * (2 - climb)) * np.float32(reach), max(reach * 0.16, 0.8))
        slope_y, slope_x = np.gradient(height)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        nx, ny = -slope_x / length, -slope_y / length
    span = np.ptp(flat, axis=0)
    axis = int(span[1] > span[0])
    ramp = np.linspace(0, 1, size[1 - axis], dtype=np.float32)
    along = np.broadcast_to(ramp[None, :] if axis == 0 else ramp[::-1, None], size)
    along = np.asarray(along, dtype=np.float32)
    return cover.astype(np.float32), nx, ny, along


def _surface(
    skin: Skin, lamps: Lamps, cover: Array, nx: Array, ny: Array, along: Array, view: View, offset: tuple[int, int]
) -> tuple[Array, Array]:
    """Colour ``[h, w, 3]`` and opacity ``[h, w]`` of one shape."""
    size = cover.shape
    q = np.sqrt(np.minimum(nx * nx + ny * ny, 1.0))
    # Texture keeps its size on the body: close up it is stretched, far away it is packed.
    step = float(np.clip(150 / view.scale, 0.3, 2.5))
    offset = (int(offset[0] * step), int(offset[1] * step))
    if skin.rough > 0:
        bumps = noise.patch("rough", size[0], size[1], offset, step)
        slope_y, slope_x = np.gradient(bumps)
        bump = np.float32(skin.rough * 2.2 / step)
        nx, ny = nx - slope_x * bump, ny - slope_y * bump
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.03))
    value, shine = lamps.shade(nx, ny, nz, skin)
    if skin.mottle > 0:
        value *= np.clip(1 + skin.mottle * noise.patch("soft", size[0], size[1], offset, step), 0.25, 1.9)
    if skin.grain > 0:
        value *= np.clip(1 + skin.grain * noise.patch("fine", size[0], size[1], offset, step), 0.3, 1.9)
    if skin.bands[0]:
        value *= 1 - skin.bands[1] * (0.5 + 0.5 * np.cos(along * np.float32(2 * np.pi * skin.bands[0])))
    colours = np.atleast_2d(np.asarray(skin.colour, dtype=np.float32))
    rgb = np.empty((*size, 3), dtype=np.float32)
    stops = np.linspace(0, 1, len(colours))
    under = None
    if skin.belly is not None:
        upright = np.sqrt(max(0.0, 1 - view.tilt**2))
        under = np.clip((ny * np.float32(upright) - 0.05) * 2.4, 0.0, 1.0)
    for channel in range(3):
        tone = np.interp(along, stops, colours[:, channel]) if len(colours) > 1 else colours[0, channel]
        if under is not None and skin.belly is not None:
            tone = tone + (np.float32(skin.belly[channel]) - tone) * under
        rgb[..., channel] = tone * value + shine
    alpha = cover * np.float32(skin.alpha)
    if skin.rim is not None:
        alpha = cover * (np.float32(skin.alpha) + np.float32(skin.rim - skin.alpha) * q**3)
    return rgb, np.clip(alpha, 0.0, 1.0)
