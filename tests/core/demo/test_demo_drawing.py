"""Geometry of camera and shapes, and the physics that the pictures promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.demo.camera import Camera
from core.demo.concepts import CONCEPTS
from core.demo.optics import SENSORS, Beam, Light, Water, develop
from core.demo.raster import Lamps, View, draw, silhouette
from core.demo.seafloor import KINDS, Spot, photograph
from core.demo.shapes import Body, Skin


@given(
    st.floats(0.6, 3),
    st.floats(0.3, 1.3),
    st.floats(-0.1, 0.1),
    st.floats(-3, 3),
    st.floats(100, 860),
    st.floats(320, 539),
)
def test_a_pixel_and_the_ground_under_it_belong_together(altitude, pitch, roll, heading, column, row):
    camera = Camera((960, 540), altitude, pitch, roll, 0.7, -0.4, heading)
    spot = camera.place(column, row)
    assert spot is not None
    back = camera.see(*spot, 0.0)
    assert back[0] == pytest.approx(column, abs=1e-4)
    assert back[1] == pytest.approx(row, abs=1e-4)
    metres = camera.range_field(1)[int(row), int(column)]
    assert back[2] == pytest.approx(metres, rel=0.02)


def test_a_drawn_ball_covers_its_disc_and_a_tube_its_length():
    body = Body()
    body.ball((0, 0, 0), 0.5, Skin((1.0, 1.0, 1.0)))
    ball = silhouette(body, View(100, 0.5)).rgba[..., 0]
    assert ball.sum() == pytest.approx(np.pi * 50**2, rel=0.02)
    body = Body()
    body.tube([[-0.5, 0, 0], [0.5, 0, 0]], 0.05, Skin((1.0, 1.0, 1.0)))
    tube = silhouette(body, View(100, 0.5)).rgba[..., 0]
    assert tube.sum() == pytest.approx(100 * 10 + np.pi * 5**2, rel=0.03)


def test_the_stronger_lamp_lights_its_own_side():
    body = Body()
    body.ball((0, 0, 0), 0.5, Skin((0.5, 0.5, 0.5)))
    picture = draw(body, View(80, 0.5), Lamps(0.9, 0.1, 0.1), np.random.default_rng(0)).rgba[..., 0]
    middle = picture.shape[1] // 2
    assert picture[:, :middle].sum() > 1.3 * picture[:, middle:].sum()


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_every_animal_is_drawn_and_none_is_like_another(concept):
    sprites = [
        draw(concept.build(np.random.default_rng(seed)), View(70, 0.5), Lamps(), np.random.default_rng(0)).rgba
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(sprites[0], sprites[1])
    assert sprites[0].shape != sprites[2].shape or not np.allclose(sprites[0], sprites[2])
    assert np.isfinite(sprites[0]).all()
    assert (sprites[0][..., 3] > 0.2).sum() > 60
    assert sprites[0][..., 3].max() <= 1 + 1e-5


def test_red_is_lost_first_and_the_veil_grows_with_distance():
    rng = np.random.default_rng(0)
    light = Light(Water.draw(rng), Beam.draw(rng), 1.0)
    near, near_veil = light.carry(1.2, 0.5, 0.5)
    far, far_veil = light.carry(4.0, 0.5, 0.5)
    kept = far / near
    assert kept[0] < 0.7 * kept[1]
    assert kept.max() < 1
    assert (far_veil > near_veil).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_ground_reaches_from_the_lower_edge_to_the_dark(kind):
    camera = Camera((320, 180), 1.3, 0.4)
    channels, first = photograph(Spot(kind, 3.0, 40.0, 1.0), camera)
    assert 0 < first < 90
    assert (channels[first + 1 :, :, 0] > 0).all()
    assert channels[first:, :, 1].std() > 2


def test_the_cameras_differ_in_cast_and_contrast():
    picture = np.full((3, 90, 160), 0.2, dtype=np.float32)
    picture[:, :, 80:] = 0.02
    shots = {}
    for name, sensor in SENSORS.items():
        shot = develop(picture.copy(), sensor, np.random.default_rng(0), blur=0.0, drag=(0.0, 0.0))
        shots[name] = np.asarray(shot, dtype=np.float64)
    later, earlier = shots.pop("skua-4k"), list(shots.values())
    for other in earlier:
        assert np.ptp(later.mean(axis=(0, 2))) < np.ptp(other.mean(axis=(0, 2)))
        assert later[..., 1].mean() - later[..., 2].mean() > 15 + other[..., 1].mean() - other[..., 2].mean()
