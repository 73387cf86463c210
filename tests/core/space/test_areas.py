"""Areas on a map: by hand, against matplotlib, and as text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SelectionError
from core.space.areas import Area, inside, plane, within

SQUARE = Area(((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)))


def square(left: float, low: float, side: float, adds: bool = True) -> Area:
    return Area(((left, low), (left + side, low), (left + side, low + side), (left, low + side)), adds)


def test_by_hand():
    x = np.array([1.0, 3.0, -1.0, np.nan, 0.5, 0.0, 2.0])
    y = np.array([1.0, 1.0, 1.0, 1.0, np.nan, 0.0, 2.0])
    assert inside(plane(x, y), SQUARE).tolist() == [True, False, False, False, False, True, False]


def test_squares_that_share_an_edge_share_no_point_and_lose_none():
    grid = np.arange(9) / 2
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    points = plane(x, y)
    counts = sum(inside(points, square(left, low, 1.0)).astype(int) for left in range(4) for low in range(4))
    assert (counts[(x < 4) & (y < 4)] == 1).all()
    assert (counts[(x == 4) | (y == 4)] == 0).all()


@given(st.integers(3, 40), st.integers(0, 50))
def test_matplotlib_finds_the_same_points(corners, seed):
    from matplotlib.path import Path

    rng = np.random.default_rng(seed)
    polygon = rng.normal(size=(corners, 2))
    x, y = rng.normal(size=(2, 400)).astype(np.float32)
    area = Area(tuple((float(a), float(b)) for a, b in polygon))
    edges = Path(np.concatenate([polygon, polygon[:1]]), closed=True)
    # agg counts windings, we count crossings: where a lasso crosses itself only parity is ours
    crossings = np.zeros(400, int)
    for (xi, yi), (xj, yj) in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        meets = (yi > y) != (yj > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings += meets & (x < (xj - xi) * (y - yi) / (yj - yi) + xi)
    found = inside(plane(x, y), area)
    assert np.array_equal(found, crossings % 2 == 1)
    if corners == 3:
        assert np.array_equal(found, edges.contains_points(np.stack([x, y], axis=1)))


def test_areas_add_and_take_away_in_order():
    x = np.array([0.5, 1.5, 2.5, 9.0])
    points = plane(x, x)
    assert within(points, []).all()
    assert within(points, [square(0, 0, 2)]).tolist() == [True, True, False, False]
    assert within(points, [square(0, 0, 2), square(2, 2, 1)]).tolist() == [True, True, True, False]
    assert within(points, [square(0, 0, 2), square(1, 1, 1, False)]).tolist() == [True, False, False, False]
    assert within(points, [square(1, 1, 1, False)]).tolist() == [True, False, True, True]


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=3, max_size=12), st.booleans())
def test_text_gives_the_same_area_again(corners, adds):
    drawn = Area.from_numbers([value for corner in corners for value in corner], adds)
    assert Area.from_text(drawn.to_text()) == drawn
    assert set(drawn.to_text()) <= set("0123456789as.e_~-")


@pytest.mark.parametrize("text", ["", "a", "x1_2~3_4~5_6", "a1_2~3_4", "a1_2~3_4~5", "a1_2~3_nan~5_6", "a1_2~3_x~1_1"])
def test_what_is_no_area_is_refused_in_a_sentence(text):
    with pytest.raises(SelectionError, match="draw it again"):
        Area.from_text(text)


@pytest.mark.parametrize("flat", [[1, 2, 3], [1, 2, 3, 4], ["1", 2, 3, 4, 5, 6], [float("inf")] * 6, [True] * 6])
def test_what_the_browser_may_not_send_is_refused(flat):
    with pytest.raises(SelectionError):
        Area.from_numbers(flat)
