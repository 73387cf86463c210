"""Preprocessing: steps read and checked, and done to pixels whose outcome is worked by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as given_by
from PIL import Image

from core.embed.geometry import geometry_for
from core.embed.prepare import prepare
from core.errors import SettingsError
from core.processing.applying import applied, in_place, processed
from core.processing.steps import KINDS, checked, crop_of, in_words, parse, without_crop
from core.settings import EmbedSettings, RegionSettings, RunSettings


def plain(red, green, blue, size=(20, 30)):
    return np.full((*size, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_written_said_and_done(name):
    (text,) = checked([name])
    assert parse(text) == parse(name)
    assert checked([text.upper()]) == (text,)
    assert KINDS[name].title in in_words([text])
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    before = pixels.copy()
    pixels.flags.writeable = False
    found = applied(pixels, [text])
    assert found.shape == pixels.shape
    assert found.dtype == np.uint8
    assert (pixels == before).all()
    assert (found != before).any() == (name != "crop")
    assert (applied(pixels, [text]) == found).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sharpen", "there is no preprocessing step 'sharpen'; choose from crop"),
        ("gray-world:2", "takes no number"),
        ("clahe:much", "written clahe:NUMBER"),
        ("crop:0.1", r"in \[0.2, 1\], got 0.1"),
        ("median:nan", r"in \[0.2, 5\]"),
    ],
)
def test_what_cannot_be_is_said(text, said):
    with pytest.raises(SettingsError, match=said):
        parse(text)
    with pytest.raises(SettingsError):
        EmbedSettings(steps=(text,))


def test_the_crop_comes_first_and_each_kind_once():
    assert checked(["clahe", "crop:0.50"]) == ("crop:0.5", "clahe:2")
    with pytest.raises(SettingsError, match="named twice"):
        checked(["clahe:2", "clahe:3"])
    assert crop_of(("clahe:2",)) == 1.0
    assert without_crop(("crop:0.5", "clahe:2")) == ("clahe:2",)


def test_grey_world_by_hand():
    # means 30, 60, 90, their mean 60: factors 2, 1, 2/3
    assert (applied(plain(30, 60, 90), ["gray-world"]) == (60, 60, 60)).all()
    assert (applied(plain(0, 60, 90), ["gray-world"])[0, 0] == (0, 50, 50)).all()  # no light stays no light


def test_white_patch_by_hand():
    pixels = plain(10, 20, 40)
    pixels[0] = (51, 102, 204)
    found = applied(pixels, ["white-patch:100"])
    assert (found[0] == 255).all()
    assert (found[1] == 50).all()


def test_red_is_given_back_by_hand():
    # R 51/255 = 0.2, G 0.6: 0.2 + (0.6 - 0.2) * 0.8 * 0.6 = 0.392 -> 100; then grey world of 100, 153, 153
    mean = (100 + 153 + 153) / 3
    assert np.abs(applied(plain(51, 153, 153), ["restore:1"])[0, 0].astype(float) - mean).max() <= 1
    bright = plain(200, 100, 50)  # red is not weak: grey world alone
    assert (applied(bright, ["restore:1"]) == applied(bright, ["gray-world"])).all()


def test_equalisation_spreads_lightness_and_leaves_grey_grey():
    ramp = np.repeat(np.linspace(100, 130, 256).astype(np.uint8)[None, :, None], 40, 0).repeat(3, 2)
    found = applied(ramp, ["equalise"])
    assert found.min() < 10
    assert found.max() > 245
    assert np.abs(found[..., 0].astype(int) - found[..., 2]).max() <= 2
    local = applied(ramp, ["clahe:2"])
    assert 30 < int(local.max()) - int(local.min()) < 245


def test_denoising_takes_a_speck_away_and_keeps_an_edge():
    pixels = plain(0, 0, 0, (100, 100))
    pixels[:, 50:] = 200
    pixels[20, 20] = 255
    found = applied(pixels, ["median:3"])
    assert found[20, 20, 0] == 0
    assert found[20, 49, 0] == 0
    assert found[20, 51, 0] == 200
    soft = applied(pixels, ["gaussian:2"])
    assert 0 < soft[50, 49, 0] < soft[50, 51, 0] < 200
    assert (soft == cv2.GaussianBlur(pixels, (0, 0), 2.0)).all()


def test_a_length_is_a_share_of_the_shorter_side():
    small = np.zeros((50, 80, 3), np.uint8)
    small[:, 40:] = 255
    large = small.repeat(4, 0).repeat(4, 1)
    a, b = applied(small, ["gaussian:4"])[25], applied(large, ["gaussian:4"])[100]
    assert np.abs(a[:, 0].astype(int) - b[2::4, 0]).max() <= 24  # half a pixel of the small one


@given(
    given_by.floats(0.2, 1.0).map(lambda share: f"crop:{share:.3f}"),
    given_by.integers(3, 90),
    given_by.integers(3, 90),
)
def test_a_cropped_picture_is_the_middle(step, width, height):
    image = processed(Image.new("RGB", (width, height)), [step])
    share = crop_of([step])
    assert abs(image.width - width * share) <= 1.01
    assert abs(image.height - height * share) <= 1.01


def test_for_viewing_the_middle_stays_in_its_place_and_the_rest_is_dark():
    image = Image.fromarray(np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8))
    steps = ["crop:0.5", "gray-world"]
    shown, middle = np.asarray(in_place(image, steps)), processed(image, steps)
    assert shown.shape == (60, 80, 3)
    assert (shown[15:45, 20:60] == np.asarray(middle)).all()
    assert shown[:15].max() <= 64
    assert (np.asarray(in_place(image, ["gray-world"])) == np.asarray(processed(image, ["gray-world"]))).all()


def test_what_is_prepared_for_a_network_is_cropped_and_processed():
    pixels = plain(30, 60, 90, (100, 200))
    pixels[:, :20] = 255
    image = Image.fromarray(pixels)
    settings = EmbedSettings(short_side=64, steps=("gray-world", "crop:0.5"))
    geometry = geometry_for(200, 100, None, settings, square=False, multiple=32)
    assert (geometry.left, geometry.top, geometry.width, geometry.height) == (50.0, 25.0, 100.0, 50.0)
    assert (prepare(image, geometry) == 60).all()
    padded = geometry_for(200, 100, None, settings, square=True, multiple=32)
    assert set(np.unique(prepare(image, padded))) == {60, 128}  # the padding is no part of the picture
    bare = geometry_for(200, 100, None, EmbedSettings(short_side=64), square=False, multiple=32)
    assert bare.steps == ()
    assert prepare(image, bare).max() == 255


def test_a_crop_is_for_whole_images():
    with pytest.raises(SettingsError, match="whole images"):
        RunSettings(("d",), regions=RegionSettings("boxes"), embed=EmbedSettings(steps=("crop:0.5",)))
    settings = RunSettings(("d",), embed=EmbedSettings(steps=("clahe", "crop:0.5")))
    assert RunSettings.from_json(settings.to_json()) == settings
