"""Masks, boxes and labels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.demo.truth import LEAST_PIXELS, decode, encode, labels_of, visible


def test_rle_counts_down_the_columns_and_starts_with_zeros():
    mask = np.array([[0, 1, 1], [0, 0, 1]], dtype=bool)
    # Columns: 00 | 10 | 11, so two zeros, one, one zero, two ones.
    assert encode(mask) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert encode(~mask) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}


@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_masks_survive_the_round_trip(height, width, data):
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(bits, dtype=bool).reshape(height, width)
    assert np.array_equal(decode(encode(mask)), mask)


def test_only_what_can_be_seen_is_annotated():
    owner = np.zeros((540, 960), dtype=np.uint8)
    owner[10:40, 20:60] = 1
    owner[100:130, 200:300] = 2
    owner[300:311, 400:411] = 3
    assert LEAST_PIXELS > 11 * 11
    found = visible(owner, ["Hippasteria", None, "Gonatus"])
    assert [(f["concept"], f["bbox"], f["area"]) for f in found] == [("Hippasteria", [20, 10, 40, 30], 1200)]


def test_labels_are_named_once_in_table_order():
    animals = [{"concept": "Gonatus"}, {"concept": "Ophiura sarsii"}, {"concept": "Gonatus"}]
    assert labels_of(animals) == ["Ophiura sarsii", "Gonatus"]
