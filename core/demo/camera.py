"""A pinhole camera over flat ground: where a pixel lies on the ground, and where a place appears in the picture.

Ground axes: x right, y away from the camera's foot point, h up, all in metres, turned by the camera's own heading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """One frame's view.

    Attributes:
        size: Width and height in pixels.
        altitude: Height over the ground in metres.
        pitch: Angle below the horizontal in radians.
        roll: Tilt of the picture in radians, small.
        x, y: Foot point on the ground in metres.
        heading: Turn about the vertical in radians.
        zoom: Focal length in picture widths.
    """

    size: tuple[int, int]
    altitude: float
    pitch: float
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    zoom: float = 0.86

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.zoom * self.size[0]

    def _turn(self) -> NDArray[np.float64]:
        """Columns: the camera's right, down and forward axes in ground axes (x, y, h)."""
        (cp, cr, ch), (sp, sr, sh) = (wave([self.pitch, self.roll, self.heading]) for wave in (np.cos, np.sin))
        right, down, forward = np.array([1.0, 0, 0]), np.array([0, -sp, -cp]), np.array([0, cp, -sp])
        right, down = right * cr + down * sr, down * cr - right * sr
        about = np.array([[ch, -sh, 0], [sh, ch, 0], [0, 0, 1.0]])
        return np.asarray(about @ np.stack([right, down, forward], axis=1))

    def rays(self) -> NDArray[np.float64]:
        """``[3, 3]``: maps ``(column, row, 1)`` to a direction in ground axes, forward part of length one."""
        width, height = self.size
        f = self.focal
        lens = np.array([[1 / f, 0, -width / 2 / f], [0, 1 / f, -height / 2 / f], [0, 0, 1.0]])
        return np.asarray(self._turn() @ lens)

    def to_ground(self) -> NDArray[np.float64]:
        """``[3, 3]`` projective map from ``(column, row, 1)`` to ground ``(x, y, 1)`` for rows below the horizon."""
        rays = self.rays()
        lower = -rays[2] / self.altitude
        return np.stack([rays[0] + self.x * lower, rays[1] + self.y * lower, lower])

    def horizon(self, reach: float) -> int:
        """First row whose middle looks at ground nearer than `reach` metres, in [0, height]."""
        height = self.size[1]
        angle = np.arcsin(min(1.0, self.altitude / reach)) - self.pitch
        row = height / 2 + self.focal * np.tan(np.clip(angle, -1.3, 1.3)) + abs(np.sin(self.roll)) * self.size[0] / 2
        return int(np.clip(np.ceil(row), 0, height))

    def range_field(self, step: int) -> NDArray[np.float32]:
        """Metres from the camera to the ground for every `step`-th pixel; open water counts as 40 m."""
        width, height = self.size
        rays = self.rays()
        columns = (np.arange(0, width, step) + step / 2)[None, :]
        rows = (np.arange(0, height, step) + step / 2)[:, None]
        direction = [rays[i, 0] * columns + rays[i, 1] * rows + rays[i, 2] for i in range(3)]
        length = np.sqrt(direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2)
        falling = np.maximum(-direction[2], self.altitude / 40.0)
        return np.asarray(np.minimum(self.altitude / falling * length, 40.0), dtype=np.float32)

    def see(self, x: float, y: float, h: float) -> tuple[float, float, float, float]:
        """Where a place appears: column, row, metres away, and sine of the angle between sight and ground."""
        offset = np.array([x - self.x, y - self.y, h - self.altitude])
        across, down, forward = self._turn().T @ offset
        forward = max(float(forward), 0.05)
        distance = float(np.linalg.norm(offset))
        width, height = self.size
        column = width / 2 + self.focal * across / forward
        row = height / 2 + self.focal * down / forward
        return float(column), float(row), distance, float(np.clip(-offset[2] / max(distance, 1e-6), 0.05, 1.0))

    def place(self, column: float, row: float) -> tuple[float, float] | None:
        """The ground under a pixel, or None above the horizon."""
        x, y, w = self.to_ground() @ np.array([column, row, 1.0])
        return None if w <= 1e-6 else (float(x / w), float(y / w))
