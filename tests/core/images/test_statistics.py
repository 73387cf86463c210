"""Eight numbers, each against pictures whose numbers are known by hand, and each for its direction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from scipy import ndimage

from core.images.statistics import FIELDS, ImageStatistics, image_statistics
from tests.core.images.files import textured

SIZE = (256, 144)


def of(array: np.ndarray) -> ImageStatistics:
    return image_statistics(Image.fromarray(array.astype(np.uint8)))


def test_one_colour():
    found = image_statistics(Image.new("RGB", SIZE, (63, 127, 255)))
    assert found.brightness == pytest.approx(round(0.299 * 63 + 0.587 * 127 + 0.114 * 255) / 255)
    assert found.contrast == 0.0
    assert found.sharpness == 0.0
    assert found.red_green == -1.0  # (63 + 1) / (127 + 1)
    assert found.blue_green == 1.0  # (255 + 1) / (127 + 1)
    assert found.saturation == pytest.approx((255 - 63) / 255)
    assert found.haze == pytest.approx(127 / 255)
    assert found.vignette == 0.0


def test_half_black_half_white():
    array = np.zeros((144, 256, 3))
    array[:, 128:] = 255
    found = of(array)
    assert found.brightness == pytest.approx(0.5)
    assert found.contrast == pytest.approx(0.5)  # the largest there is
    # Along the edge the Laplacian is +255 and -255, one column each of the 254 inside.
    assert found.sharpness == pytest.approx(math.sqrt(2 / 254))
    assert found.saturation == 0.0
    assert found.haze == pytest.approx(1.0)  # blocks of eight are all black or all white: dark equals bright
    assert found.vignette == pytest.approx(math.log2((255 * 43 / 86 + 1) / (255 / 2 + 1)))


def test_chessboard_of_single_pixels():
    array = np.indices((144, 256)).sum(axis=0) % 2 * 255
    found = of(np.repeat(array[..., None], 3, axis=-1))
    assert found.sharpness == pytest.approx(4.0)  # every neighbour differs by all there is
    assert found.haze == 0.0


def test_middle_twice_as_bright_as_the_corners():
    array = np.full((144, 256, 3), 63)
    array[40:104, 70:186] = 127
    assert of(array).vignette == 1.0


def test_sharpness_is_the_deviation_of_scipys_laplacian():
    picture = textured(*SIZE)
    grey = np.asarray(picture.convert("L"), float)
    expected = ndimage.laplace(grey)[1:-1, 1:-1].std() / 255
    assert image_statistics(picture).sharpness == pytest.approx(expected, rel=1e-12)


def test_contrast_and_brightness_are_numpys():
    picture = textured(*SIZE)
    grey = np.asarray(picture.convert("L"), float)
    found = image_statistics(picture)
    assert found.brightness == pytest.approx(grey.mean() / 255, rel=1e-12)
    assert found.contrast == pytest.approx(grey.std() / 255, rel=1e-12)


def test_each_measure_points_the_way_it_says():
    picture = textured(*SIZE)
    before = image_statistics(picture)
    darker = image_statistics(picture.point(lambda level: level // 2))
    assert darker.brightness < before.brightness
    assert darker.contrast < before.contrast
    assert image_statistics(picture.filter(ImageFilter.GaussianBlur(2))).sharpness < before.sharpness / 2
    red, green, blue = picture.split()
    assert (
        image_statistics(Image.merge("RGB", (red.point(lambda v: v // 2), green, blue))).red_green
        < before.red_green - 0.9
    )
    assert (
        image_statistics(Image.merge("RGB", (red, green, blue.point(lambda v: v // 2)))).blue_green
        < before.blue_green - 0.9
    )
    assert image_statistics(picture.convert("L").convert("RGB")).saturation == 0.0
    veil = Image.blend(picture, Image.new("RGB", SIZE, (150, 180, 180)), 0.7)
    assert image_statistics(veil).haze > before.haze + 0.05


def test_cameras_of_different_size_compare():
    large = textured(1024, 576).filter(ImageFilter.GaussianBlur(6))
    small = large.resize((512, 288), Image.Resampling.LANCZOS)
    for one, other in zip(image_statistics(large).as_tuple(), image_statistics(small).as_tuple(), strict=True):
        assert one == pytest.approx(other, abs=0.01)


def test_fields_keep_their_order():
    assert FIELDS == (
        "brightness",
        "contrast",
        "sharpness",
        "red_green",
        "blue_green",
        "saturation",
        "haze",
        "vignette",
    )
    found = image_statistics(textured(*SIZE))
    assert found.as_tuple() == tuple(getattr(found, field) for field in FIELDS)


LOW = dict.fromkeys(FIELDS, 0.0) | {"red_green": -8.0, "blue_green": -8.0, "vignette": -8.0}
HIGH = dict.fromkeys(FIELDS, 1.0) | {"contrast": 0.5, "sharpness": 4.0, "red_green": 8, "blue_green": 8, "vignette": 8}


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 128, 255]))
@settings(max_examples=60, deadline=None)
def test_every_picture_has_finite_numbers_in_range(width, height, seed, most):
    array = np.random.default_rng(seed).integers(0, most + 1, (height, width, 3))
    found = of(array)
    for field in FIELDS:
        value = getattr(found, field)
        assert isinstance(value, float)
        assert LOW[field] - 1e-12 <= value <= HIGH[field] + 1e-12, field


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (3, 3), (256, 2), (7, 300)])
def test_extreme_shapes(size):
    assert all(math.isfinite(value) for value in image_statistics(Image.new("RGB", size, (9, 8, 7))).as_tuple())
