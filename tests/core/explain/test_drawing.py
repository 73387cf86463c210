"""Maps drawn back to the image, boxes found in them, and the measures of faithfulness, on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.embed.geometry import geometry_for
from core.errors import SettingsError
from core.explain.baselines import activation_norm, centre_blob, random_map
from core.explain.boxes import decode_mask, encode_mask, find_boxes, overlap
from core.explain.drawing import draw_cells, overlay, strongest_box
from core.explain.exact import additive_map, centred_map, knn_split
from core.explain.faithfulness import (
    area,
    completeness_error,
    deletion_curve,
    energy_inside,
    group_interval,
    pointing_game,
    ranking_auc,
    removal_effects,
    sign_agreement,
)
from core.settings import EmbedSettings

SETTINGS = EmbedSettings(embedder="x", short_side=64, max_aspect=3.0, device="cpu")


def geometry(width, height, box=None, *, square=False):
    return geometry_for(width, height, box, SETTINGS, square=square, multiple=32)


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (1000, 100), (50, 49)])
def test_an_object_in_a_corner_is_drawn_in_that_corner(width, height, square):
    seen = geometry(width, height, square=square)
    rows, columns = seen.input_height // 16, seen.input_width // 16
    shares = seen.cell_shares(rows, columns)
    row, column = np.argwhere(shares > 0.15)[-1]
    cells = np.zeros((rows, columns), np.float32)
    cells[row, column] = 1
    drawn = draw_cells(cells, seen)
    assert drawn.shape == (height, width)
    y, x = np.unravel_index(drawn.argmax(), drawn.shape)
    left, top, wide, high = seen.cell_box(int(row), int(column), rows, columns)
    assert left <= x + 0.5 <= left + wide
    assert top <= y + 0.5 <= top + high
    assert x > 0.6 * width
    assert y > 0.6 * height
    assert drawn[0, 0] == 0


def test_a_box_is_drawn_at_its_place_and_nothing_outside():
    seen = geometry(400, 300, (200, 100, 100, 100))
    drawn = draw_cells(np.ones((4, 4), np.float32), seen)
    inside = np.zeros((300, 400), bool)
    inside[100:200, 200:300] = True
    assert (np.isfinite(drawn) == inside).all()
    assert (drawn[inside] == 1).all()


def test_the_same_place_at_any_size():
    seen = geometry(640, 360)
    cells = np.arange(28, dtype=np.float32).reshape(4, 7)
    full, half = draw_cells(cells, seen), draw_cells(cells, seen, (320, 180))
    assert np.abs(full.reshape(180, 2, 320, 2).mean((1, 3)) - half).max() < 0.05  # kinks at cells' centres


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (5000, 2)])
def test_tiny_and_very_long_images_can_be_drawn(size):
    seen = geometry(*size)
    cells = np.array([[1.0, -1.0], [2.0, 0.5]], np.float32)
    assert draw_cells(cells, seen).shape == size[::-1]
    picture = overlay(Image.new("RGB", size), cells, seen, caption="sum 1.2")
    assert picture.size[0] == size[0]


def test_overlay_is_orange_where_stranger_blue_where_familiar_and_clear_at_zero():
    seen = geometry(64, 64)
    cells = np.array([[1.0, 0.0], [0.0, -1.0]], np.float32)
    image = Image.new("RGB", (64, 64), (100, 100, 100))
    drawn = np.asarray(overlay(image, cells, seen, opacity=1.0)).astype(int)
    assert drawn[2, 2, 0] > drawn[2, 2, 2] + 50
    assert drawn[61, 61, 2] > drawn[61, 61, 0] + 50
    assert overlay(image, np.zeros((2, 2)), seen).getpixel((5, 5)) == (100, 100, 100)
    assert np.asarray(image).max() == 100  # the picture given is left alone
    assert overlay(image, cells, seen, caption="sum 0.0").height > 64
    halved = np.asarray(overlay(image, cells, seen, opacity=1.0, limit=2.0)).astype(int)
    assert abs(halved[2, 2, 0] - 100) < abs(drawn[2, 2, 0] - 100)


def test_the_strongest_places_are_cropped():
    seen = geometry(700, 400)
    cells = np.zeros((4, 7), np.float32)
    cells[3, 6], cells[0, 0] = 5, -5
    x, y, w, h = strongest_box(cells, seen, span=2)
    assert (x + w, y + h) == pytest.approx((700, 400))
    assert (w, h) == pytest.approx((200, 200))
    assert strongest_box(cells, seen, largest=False, span=2)[:2] == pytest.approx((0, 0))


def test_boxes_are_tight_and_scored_by_the_mean_inside():
    pixels = np.zeros((40, 60))
    pixels[5:15, 10:30] = 2.0
    pixels[30:38, 50:60] = 1.5
    pixels[20, 20] = 1.9  # smaller than the least share
    pixels[:, 0] = np.nan
    found = find_boxes(pixels, threshold=0.5, least_share=0.002)
    assert [one.box for one in found] == [(10, 5, 20, 10), (50, 30, 10, 8)]
    assert [one.score for one in found] == [2.0, 1.5]
    coco = found[0].coco(image_id=3, category_id=4, annotation_id=5)
    assert coco["area"] == 200
    assert coco["bbox"] == [10, 5, 20, 10]
    assert decode_mask(coco["segmentation"]).sum() == 200
    assert found[1].geometry()["box"] == [50, 30, 10, 8]
    assert len(find_boxes(pixels, most=1, least_share=0.002)) == 1
    assert find_boxes(-np.ones((3, 3))) == []
    with pytest.raises(SettingsError, match="threshold"):
        find_boxes(pixels, threshold=0)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**36 - 1))
@settings(max_examples=30, deadline=None)
def test_masks_come_back(height, width, bits):
    mask = np.array([bits >> place & 1 for place in range(height * width)], bool).reshape(height, width)
    code = encode_mask(mask)
    assert sum(code["counts"]) == mask.size
    assert (decode_mask(code) == mask).all()


def test_overlap_of_boxes():
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert overlap((1, 2, 3, 4), (1, 2, 3, 4)) == 1


def test_pointing_energy_and_ranking():
    pixels = np.array([[3.0, 1.0], [-5.0, np.nan]])
    mask = np.array([[False, True], [True, True]])
    assert not pointing_game(pixels, mask)
    assert pointing_game(pixels, ~mask)
    assert energy_inside(pixels, mask) == pytest.approx(0.25)
    assert energy_inside(-np.ones((2, 2)), mask) == 0
    assert ranking_auc(pixels, mask) == 0
    assert ranking_auc(np.array([[1.0, 2.0], [2.0, 0.0]]), np.array([[False, True], [False, False]])) == pytest.approx(
        5 / 6
    )
    assert np.isnan(ranking_auc(pixels, np.zeros((2, 2), bool)))
    assert completeness_error(np.array([[0.25, 0.5]]), 1.0) == pytest.approx(0.25)


def test_taking_a_cell_away_by_hand():
    features = torch.tensor([[[2.0, 0.0, 1.0]], [[0.0, 2.0, 0.0]]])

    def score(embeddings):
        return 1 - torch.nn.functional.normalize(embeddings, dim=1)[:, 0]

    effects = removal_effects(features, score, block=2)
    before = 1 - 3 / np.sqrt(13)
    assert effects[0].tolist() == pytest.approx([before - (1 - 1 / np.sqrt(5)), before, before - (1 - 2 / np.sqrt(8))])
    assert sign_agreement(np.array([[-1.0, 1.0, 1.0]]), effects.numpy()) == pytest.approx(2 / 3)
    assert np.isnan(sign_agreement(np.ones((1, 1)), np.zeros((1, 1))))
    with pytest.raises(ValueError, match="one cell"):
        removal_effects(features[:, :, :1], score)


def test_signs_of_the_centred_map_are_those_of_removal():
    generator = torch.Generator().manual_seed(4)
    features = torch.rand(24, 10, 12, generator=generator) ** 3
    mean = torch.nn.functional.normalize(torch.rand(1, 24, generator=generator) ** 3, dim=1) * 0.8
    split = knn_split(features.mean((1, 2))[None], mean)

    def score(embeddings):
        return 1 - torch.nn.functional.normalize(embeddings.float(), dim=1) @ mean[0]

    effects = removal_effects(features, score).numpy()
    assert sign_agreement(centred_map(features[None], split)[0].numpy(), effects) > 0.95
    assert sign_agreement(additive_map(features[None], split)[0].numpy(), effects) < 0.8


def test_deletion_takes_the_highest_cells_first():
    pixels = torch.full((3, 4, 8), 10, dtype=torch.uint8)
    pixels[:, :2, :4] = 100
    ground = torch.zeros_like(pixels)
    cells = np.array([[4.0, 3.0], [2.0, 1.0]])
    brightness = lambda images: images.float().mean((1, 2, 3))  # noqa: E731
    gone = deletion_curve(cells, pixels, ground, brightness, steps=4)
    assert gone.tolist() == pytest.approx([32.5, 7.5, 5.0, 2.5, 0.0])
    back = deletion_curve(cells, pixels, ground, brightness, steps=4, insertion=True)
    assert back.tolist() == pytest.approx([0.0, 25.0, 27.5, 30.0, 32.5])
    assert area(gone) == pytest.approx((32.5 / 2 + 7.5 + 5 + 2.5) / 4)


def test_intervals_are_over_groups():
    values = np.array([1.0, 1.0, 1.0, 1.0, 0.0, np.nan])
    groups = np.array([7, 7, 7, 7, 8, 9])
    mean, low, high = group_interval(values, groups)
    assert mean == pytest.approx(0.8)
    assert (low, high) == (0, 1)  # two groups: any draw may hold but one of them
    assert all(np.isnan(group_interval(np.array([np.nan]), np.array([1]))))


def test_baselines():
    assert random_map((3, 4), 1).tolist() == random_map((3, 4), 1).tolist()
    blob = centre_blob((5, 7))
    assert blob.argmax() == 2 * 7 + 3
    assert np.allclose(blob, blob[::-1, ::-1])
    assert activation_norm(torch.tensor([[[[3.0]], [[4.0]]]])).item() == pytest.approx(5)
