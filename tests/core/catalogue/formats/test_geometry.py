from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.formats.geometry import decode_counts, read_geometry

SIZE = (10, 8)  # width, height


def geometry(bbox=None, segmentation=None, size=SIZE):
    told, brushed = [], []
    return read_geometry(bbox, segmentation, size, told.append, brushed.append), told, brushed


def encode_counts(counts):
    """The other direction, written from pycocotools' description."""
    out = []
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        while True:
            low = value & 0x1F
            value >>= 5
            more = value != -1 if low & 0x10 else value != 0
            out.append(chr(48 + (low | 0x20 if more else low)))
            if not more:
                break
    return "".join(out)


def test_the_example_of_pycocotools():
    assert decode_counts("61X13mN000`0") == [6, 1, 40, 4, 5, 4, 5, 4, 21]


@given(st.lists(st.integers(0, 2**24), max_size=30))
def test_compressed_masks(counts):
    assert decode_counts(encode_counts(counts)) == counts


@pytest.mark.parametrize("text", ["é", "X", "~" * 20, "oooooooooooo"])
def test_damaged_masks(text):
    with pytest.raises(ValueError, match="damaged"):
        decode_counts(text)


def test_a_box_inside():
    assert geometry([1, 2, 3, 4.5]) == ({"type": "box", "x": 1, "y": 2, "w": 3, "h": 4.5}, [], [])


def test_boxes_over_the_edge_are_cut_and_told():
    found, told, brushed = geometry([-2, 1, 5, 9])
    assert found == {"type": "box", "x": 0, "y": 1, "w": 3, "h": 7}
    assert len(told) == 1
    assert not brushed
    found, told, brushed = geometry([0, 0, 10.4, 8])
    assert (found["w"], told, len(brushed)) == (10, [], 1)
    assert geometry([0, 0, 100, 100], size=None)[0]["w"] == 100


@pytest.mark.parametrize(
    "bbox",
    [
        [1, 2, 3],
        [1, 2, -3, 4],
        [1, 2, 0, 4],
        [float("nan"), 2, 3, 4],
        ["1", 2, 3, 4],
        "box",
        {},
        [20, 2, 3, 4],
        [True] * 4,
        [10**400, 0, 1, 1],
        [[[]]] * 4,
    ],
)
def test_boxes_that_are_none_are_told_and_leave_the_label(bbox):
    found, told, _ = geometry(bbox)
    assert found is None
    assert len(told) == 1


def test_nothing_is_no_problem():
    assert geometry() == (None, [], [])
    assert geometry([], []) == (None, [], [])


def test_polygons_keep_their_box():
    triangle = [1, 1, 4, 1, 4, 5]
    assert geometry([1, 1, 3, 4], [triangle])[0] == {
        "type": "polygon",
        "points": [[1, 1], [4, 1], [4, 5]],
        "box": [1, 1, 3, 4],
    }
    assert geometry(None, triangle)[0]["box"] == [1, 1, 3, 4]
    two = geometry(None, [triangle, [6, 6, 7, 6, 7, 7.5]])[0]
    assert two["type"] == "multipolygon"
    assert two["box"] == [1, 1, 6, 6.5]


def test_masks_compressed_or_not_are_the_same():
    counts = [9, 2, 6, 2, 61]  # in columns 1 and 2, rows 1 and 2, of an image 8 high
    mask = {"type": "rle", "counts": counts, "size": [8, 10], "box": [1, 1, 2, 2]}
    assert geometry(None, {"counts": counts, "size": [8, 10]})[0] == mask
    assert geometry([1, 1, 2, 2], {"counts": encode_counts(counts), "size": [8, 10]})[0] == mask


def test_a_run_over_several_columns_fills_the_height():
    assert geometry(None, {"counts": [6, 12, 62], "size": [8, 10]})[0]["box"] == [0, 0, 3, 8]


@pytest.mark.parametrize(
    "segmentation",
    [
        {"counts": [1, 2], "size": [8, 10]},
        {"counts": [80], "size": [10, 8]},
        {"counts": [-1, 81], "size": [8, 10]},
        {"counts": [80.0], "size": [8, 10]},
        {"counts": None, "size": [8, 10]},
        {"counts": [80]},
        {"counts": "~~", "size": [8, 10]},
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5]],
        [[1, 2, 3, 4, 5, float("inf")]],
        ["x"],
        "polygon",
        7,
    ],
)
def test_outlines_that_are_none_leave_the_box(segmentation):
    found, told, _ = geometry([1, 1, 2, 2], segmentation)
    assert found == {"type": "box", "x": 1, "y": 1, "w": 2, "h": 2}
    assert len(told) == 1


def test_an_empty_mask_is_no_place():
    assert geometry(None, {"counts": [80], "size": [8, 10]})[0] is None
