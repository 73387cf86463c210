"""Pixels of the input: what is shown where."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.embed.geometry import geometry_for
from core.embed.prepare import prepare
from core.errors import ImageError
from core.images.decode import open_image
from core.images.pixels import GROUND
from core.settings import EmbedSettings

SETTINGS = EmbedSettings()


def geometry(width, height, box=None, *, square=False, **settings):
    return geometry_for(width, height, box, EmbedSettings(**settings), square=square, multiple=32)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_picture_of_the_right_size_is_shown_as_it_is():
    image = noise(384, 224)
    prepared = prepare(image, geometry(384, 224))
    assert prepared.dtype == torch.uint8
    assert prepared.shape == (3, 224, 384)
    assert prepared.permute(1, 2, 0).is_contiguous(), "stored with the channels last"
    assert (prepared.permute(1, 2, 0).numpy() == np.asarray(image)).all()


def test_a_resize_is_pillows_antialiased_one():
    image = noise(960, 540)
    expected = image.resize((384, 224), Image.Resampling.BILINEAR)
    assert (prepare(image, geometry(960, 540)).permute(1, 2, 0).numpy() == np.asarray(expected)).all()


def test_a_box_shows_its_own_pixels():
    image = noise(600, 400)
    prepared = prepare(image, geometry(600, 400, (100, 50, 224, 224)))
    assert (prepared.permute(1, 2, 0).numpy() == np.asarray(image)[50:274, 100:324]).all()


def test_padding_is_the_plain_ground():
    image = Image.new("RGB", (400, 100), (200, 10, 30))
    prepared = prepare(image, geometry(400, 100)).permute(1, 2, 0).numpy()
    assert prepared.shape == (224, 672, 3)
    assert (prepared[:28] == GROUND).all()
    assert (prepared[-28:] == GROUND).all()
    assert (prepared[28:-28] == (200, 10, 30)).all()


def test_a_mark_in_a_corner_stays_in_its_corner():
    pixels = np.zeros((300, 1600, 3), np.uint8)
    pixels[:30, -30:] = 255  # upper right
    prepared = prepare(Image.fromarray(pixels), where := geometry(1600, 300)).float().mean(0)
    bright = (prepared * (prepared > 140)).numpy()  # the ground is 128
    rows, columns = np.nonzero(bright)
    x, y = where.to_image(columns.mean() + 0.5, rows.mean() + 0.5)
    assert (x, y) == pytest.approx((1585, 15), abs=2)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10), (10, 10_000), (2, 1)])
@pytest.mark.parametrize("square", [False, True])
def test_odd_shapes(size, square):
    image = Image.new("RGB", size, (9, 200, 90))
    where = geometry(*size, square=square)
    prepared = prepare(image, where)
    assert prepared.shape == (3, *where.shape)
    middle = prepared[:, where.content_top + where.content_height // 2, where.content_left + where.content_width // 2]
    assert middle.tolist() == [9, 200, 90]


def test_a_picture_decoded_smaller_gives_nearly_the_same(tmp_path):
    y, x = np.mgrid[0:1080, 0:1920]
    waves = 128 + 60 * np.sin(x / 90) + 50 * np.cos(y / 70)
    Image.fromarray(np.stack([waves, 255 - waves, waves], -1).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    for box in (None, (300.0, 200.0, 1500.0, 860.0)):
        where = geometry(1920, 1080, box)
        assert where.decode_longest < 1920
        small = open_image(tmp_path / "a.jpg", longest=where.decode_longest)
        assert max(small.size) == where.decode_longest
        full = prepare(open_image(tmp_path / "a.jpg"), where).float()
        assert (prepare(small, where).float() - full).abs().mean() < 1


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ImageError, match=r"no longer of the shape that was imported \(1920 x 1080 pixels\)") as caught:
        prepare(noise(640, 480), geometry(1920, 1080))
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("part", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [(1921, 1081), (10_001, 13), (333, 3331)])
def test_reduced_pictures_are_not_mistaken_for_others(size, part):
    reduced = Image.new("RGB", (-(-size[0] // part), -(-size[1] // part)))
    assert prepare(reduced, geometry(*size)).shape[0] == 3
