"""From image pixels to input pixels and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.embed.geometry import InputGeometry, geometry_for
from core.errors import SettingsError
from core.settings import EmbedSettings

SETTINGS = EmbedSettings()
steady = hypothesis_settings(deadline=None)


def whole(width: int, height: int, *, square: bool = False, multiple: int = 32, **settings) -> InputGeometry:
    return geometry_for(width, height, None, EmbedSettings(**settings), square=square, multiple=multiple)


@st.composite
def regions(draw) -> InputGeometry:
    width, height = draw(st.integers(1, 10_000)), draw(st.integers(1, 10_000))
    box = None
    if draw(st.booleans()):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        box = (x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    settings = EmbedSettings(short_side=draw(st.integers(32, 600)), max_aspect=draw(st.floats(1, 8)))
    multiple = draw(st.sampled_from([1, 14, 16, 32, 224]))
    return geometry_for(width, height, box, settings, square=draw(st.booleans()), multiple=multiple)


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "shape", "content"),
    [
        ((480, 270), (224, 384), (0, 0, 384, 224)),  # 16:9: 398 is nearest to 12 x 32
        ((480, 360), (224, 288), (0, 0, 288, 224)),  # 4:3: 298.7 is nearest to 9 x 32
        ((270, 480), (384, 224), (0, 0, 224, 384)),
        ((500, 500), (224, 224), (0, 0, 224, 224)),
        ((1, 1), (224, 224), (0, 0, 224, 224)),
        ((3000, 1000), (224, 672), (0, 0, 672, 224)),  # just as long as is allowed
        ((4000, 1000), (224, 672), (0, 28, 672, 168)),  # 4:1 in 3:1: 672 / 4 = 168 rows, 28 of padding on either side
        ((10_000, 10), (224, 672), (0, 111, 672, 1)),
        ((10, 10_000), (672, 224), (111, 0, 1, 672)),
    ],
)
def test_whole_frames(size, shape, content):
    geometry = whole(*size)
    assert geometry.shape == shape
    assert (
        geometry.content_left,
        geometry.content_top,
        geometry.content_width,
        geometry.content_height,
    ) == content


def test_a_square_network_gets_a_letterbox():
    geometry = whole(480, 270, square=True, multiple=16)
    assert geometry.shape == (224, 224)
    assert (geometry.content_left, geometry.content_top) == (0, 49)
    assert (geometry.content_width, geometry.content_height) == (224, 126)


def test_the_short_side_is_rounded_to_what_the_network_takes():
    assert whole(100, 100, short_side=230).shape == (224, 224)
    assert whole(100, 100, short_side=240).shape == (256, 256), "halves go up"
    assert whole(100, 100, short_side=32, square=True, multiple=224).shape == (224, 224)


def test_a_box_is_cut_to_the_image():
    geometry = geometry_for(100, 50, (-10, 40, 60, 60), SETTINGS, square=False, multiple=32)
    assert (geometry.left, geometry.top, geometry.width, geometry.height) == (0, 40, 50, 10)


@pytest.mark.parametrize("box", [(100, 0, 10, 10), (0, 0, 0, 10), (5, 5, -3, 3), (0, float("nan"), 5, 5)])
def test_a_box_without_area_in_the_image_is_refused(box):
    with pytest.raises(SettingsError, match="no area inside an image of 100 x 50"):
        geometry_for(100, 50, box, SETTINGS, square=False, multiple=32)


def test_an_empty_image_is_refused():
    with pytest.raises(SettingsError, match="0 x 5"):
        geometry_for(0, 5, None, SETTINGS, square=False, multiple=32)


def test_corners_of_a_frame():
    geometry = whole(480, 270)
    assert geometry.to_input(0, 0) == (0, 0)
    assert geometry.to_input(480, 270) == (384, 224)
    assert geometry.to_image(192, 112) == (240, 135)
    assert geometry.cell_box(0, 0, 7, 12) == pytest.approx((0, 0, 40, 270 / 7))
    assert geometry.cell_box(6, 11, 7, 12) == pytest.approx((440, 270 * 6 / 7, 40, 270 / 7))


def test_padding_is_known():
    geometry = whole(4000, 1000)  # 28 rows of 224 are padding above and below
    shares = geometry.cell_shares(8, 21)  # cells of 28 x 32
    assert shares[0].tolist() == [0] * 21
    assert shares[1:7].min() == 1
    assert shares[7].max() == 0
    assert geometry.cell_box(0, 3, 8, 21) is None
    assert geometry.cell_box(1, 0, 8, 21) == pytest.approx((0, 0, 4000 / 21, 1000 / 6))
    half = geometry.cell_shares(4, 1)  # the outer cells are half padding
    assert half[:, 0] == pytest.approx([0.5, 1, 1, 0.5])


def test_decoding_at_a_fraction():
    assert whole(480, 270).decode_longest == 480, "240 would be too small for 384"
    assert whole(1920, 1080).decode_longest == 480
    assert whole(4000, 3000).decode_longest == 500
    assert whole(10, 10).decode_longest == 10
    box = geometry_for(4000, 3000, (0, 0, 400, 300), SETTINGS, square=False, multiple=32)
    assert box.decode_longest == 4000, "a small box needs the full picture"


# --- properties -------------------------------------------------------------------------------------------------------


@steady
@given(regions(), st.floats(0, 1), st.floats(0, 1))
def test_there_and_back(geometry, across, down):
    x = geometry.left + across * geometry.width
    y = geometry.top + down * geometry.height
    back = geometry.to_image(*geometry.to_input(x, y))
    assert back == pytest.approx((x, y), abs=1e-6)


@steady
@given(regions())
def test_the_region_fills_the_content_and_nothing_is_cropped(geometry):
    left, top = geometry.to_input(geometry.left, geometry.top)
    right, bottom = geometry.to_input(geometry.left + geometry.width, geometry.top + geometry.height)
    assert (left, top) == pytest.approx((geometry.content_left, geometry.content_top), abs=1e-6)
    assert right - left == pytest.approx(geometry.content_width)
    assert bottom - top == pytest.approx(geometry.content_height)
    assert geometry.content_left >= 0
    assert geometry.content_left + geometry.content_width <= geometry.input_width
    assert geometry.content_top >= 0
    assert geometry.content_top + geometry.content_height <= geometry.input_height


@steady
@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_stretch_stays_below_a_fourteenth(width, height):
    geometry = whole(width, height)
    across, down = geometry.scale
    assume(geometry.content_height > 50)
    assume(geometry.content_width > 50)  # thinner ones are rounded to whole pixels
    assert across / down == pytest.approx(1, abs=1 / 14 + 1e-9)


@steady
@given(st.integers(20, 4000), st.integers(20, 4000), st.booleans(), st.booleans(), st.booleans())
def test_an_object_in_a_corner_maps_into_its_own_corner(width, height, right, bottom, square):
    """A tenth of the frame in one corner lies in that corner of the input, and its middle in that corner's cell."""
    geometry = whole(width, height, square=square)
    x, y = (0.95 if right else 0.05) * width, (0.95 if bottom else 0.05) * height
    column, row = geometry.to_input(x, y)
    assert (column > geometry.input_width / 2) == right
    assert (row > geometry.input_height / 2) == bottom
    rows, columns = 7, 7
    cell = geometry.cell_box(
        int(row * rows / geometry.input_height), int(column * columns / geometry.input_width), rows, columns
    )
    assert cell is not None
    assert cell[0] - 1e-6 <= x <= cell[0] + cell[2] + 1e-6
    assert cell[1] - 1e-6 <= y <= cell[1] + cell[3] + 1e-6


@steady
@given(regions(), st.integers(1, 12), st.integers(1, 12))
def test_cells_tile_the_region(geometry, rows, columns):
    boxes = [geometry.cell_box(r, c, rows, columns) for r in range(rows) for c in range(columns)]
    area = sum(w * h for _, _, w, h in filter(None, boxes))
    assert area == pytest.approx(geometry.width * geometry.height, rel=1e-6)
    shares = geometry.cell_shares(rows, columns)
    content = geometry.content_width * geometry.content_height
    assert shares.sum() * geometry.input_width * geometry.input_height / (rows * columns) == pytest.approx(content)
    assert (
        (shares > 1e-9) >= np.array([box is not None and box[2] * box[3] > 1e-3 for box in boxes]).reshape(shares.shape)
    ).all()


@steady
@given(regions())
def test_the_decoded_picture_holds_the_detail_of_the_input(geometry):
    longest = max(geometry.image_width, geometry.image_height)
    assert geometry.decode_longest <= longest
    if geometry.decode_longest < longest:
        assert geometry.decode_longest >= longest * max(geometry.scale)


@steady
@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([14, 16, 32, 224]), st.booleans())
def test_inputs_are_multiples_and_no_longer_than_allowed(width, height, multiple, square):
    geometry = whole(width, height, square=square, multiple=multiple)
    assert geometry.input_width % multiple == 0
    assert geometry.input_height % multiple == 0
    short, long_side = sorted(geometry.shape)
    assert long_side <= 3 * short + multiple
    assert not square or short == long_side
