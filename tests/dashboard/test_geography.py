"""The map that needs no network."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import geography


def inside(ring: np.ndarray, x: float, y: float) -> bool:
    (x1, y1), (x2, y2) = ring.T, np.roll(ring, -1, axis=0).T
    crosses = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return bool(np.sum(crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)) % 2)


def on_land(x: float, y: float) -> bool:
    points, starts = geography.coastline()
    return any(inside(points[a:b], x, y) for a, b in pairwise(starts))


@pytest.mark.parametrize(
    ("place", "x", "y", "land"),
    [
        ("Monterey", -121.80, 36.60, True),
        ("Monterey Canyon", -122.1, 36.75, False),
        ("Paris", 2.35, 48.86, True),
        ("Azores ridge", -29.0, 37.0, False),
        ("Alice Springs", 133.9, -23.7, True),
        ("Point Nemo", -123.4, -48.9, False),
    ],
)
def test_land_is_where_it_is(place, x, y, land):
    assert on_land(x, y) == land, place


def test_land_is_cut_to_the_box():
    land = geography.land_within(-123, 36, -121, 38)
    known = land[np.isfinite(land).all(axis=1)]
    assert len(known) > 50
    assert known[:, 0].min() >= -123 - 1e-9
    assert known[:, 0].max() <= -121 + 1e-9
    assert known[:, 1].min() >= 36 - 1e-9
    assert known[:, 1].max() <= 38 + 1e-9
    assert len(geography.land_within(-140, 20, -139, 21)) == 0


def test_the_whole_world_is_drawn_with_few_points():
    assert len(geography.land_within(-180, -90, 180, 90)) < 40_000


@given(st.floats(-3, 3), st.sampled_from([0, 1]), st.sampled_from([-1, 1]))
def test_half_of_a_square(limit, axis, sign):
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    half = geography._half(square, axis, limit, sign)
    x, y = half.T if len(half) else (np.empty(0), np.empty(0))
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    kept = np.clip(1 - limit, 0, 1) if sign > 0 else np.clip(limit, 0, 1)
    assert area == pytest.approx(kept, abs=1e-9)


@given(st.floats(-179, 179), st.floats(-85, 85), st.floats(0, 40), st.floats(0, 20))
def test_the_window_holds_every_position_with_room_around(x, y, wide, tall):
    longitude, latitude = np.array([x, min(180.0, x + wide)]), np.array([y, min(88.0, y + tall)])
    west, south, east, north = geography.window(longitude, latitude)
    assert west <= longitude.min() <= longitude.max() <= east
    assert south <= latitude.min() <= latitude.max() <= north
    assert north - south >= geography.LEAST_SPAN * 0.999 or north == 90


@given(st.floats(-180, 179), st.floats(0.004, 300))
def test_grid_lines_are_few_and_round(low, span):
    ticks = geography.degree_ticks(low, low + span)
    assert len(ticks) <= 8
    assert all(low - 1e-6 <= tick <= low + span + 1e-6 for tick in ticks)


def test_degrees_are_named():
    assert geography.degrees(-122.05, "E", "W") == "122.05° W"
    assert geography.degrees(0, "E", "W") == "0°"
