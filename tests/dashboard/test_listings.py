"""Lists kept for galleries, their captions, and the sheets of their pictures."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import SelectionError
from dashboard import gallery, sheets
from dashboard.listings import BLOCK, CAPTIONS, Listings
from dashboard.payload import to_json
from tests.dashboard.frames import table


def run_of(frame, key="key"):
    return SimpleNamespace(key=key, id=1, table=frame)


def test_equal_lists_have_one_key_and_others_another():
    kept, run = Listings(), run_of(table(6))
    first = kept.add(run, np.array([2, 1]), ("group",))
    assert kept.add(run, np.array([2, 1], dtype=np.int64), ("group",)).key == first.key
    others = [
        kept.add(run, np.array([1, 2]), ("group",)),
        kept.add(run, np.array([2, 1]), ("site",)),
        kept.add(run, np.array([2, 1]), ()),
        kept.add(run, np.array([2, 1]), ("group",), ["a", "b"]),
        kept.add(run_of(table(6), "other"), np.array([2, 1]), ("group",)),
    ]
    assert len({first.key, *(other.key for other in others)}) == 6


def test_blocks_follow_the_order_and_end():
    run = run_of(table(250))
    listing = Listings().add(run, np.arange(250)[::-1], ("ood_score",))
    assert [len(listing.block(number)) for number in range(4)] == [BLOCK, BLOCK, 50, 0]
    assert listing.block(1)[0]["row"] == 149
    json.dumps(to_json(listing.block(0)), allow_nan=False)


def test_every_caption_can_be_written_also_where_nothing_is_known():
    nothing = dict.fromkeys(("ood_score", "ood_percentile", "p_value", "depth_m"), np.nan)
    frame = table(2, **nothing, group="", site=None, camera=None, concepts=[[], None], taken_at=None, flagged=None)
    listing = Listings().add(run_of(frame), np.arange(2), tuple(CAPTIONS), ["first", ""])
    for item in listing.block(0):
        assert all(isinstance(line, str) and line for line in item["lines"])
        assert item["flagged"] is False


def test_names_are_passed_on_as_they_are():
    listing = Listings().add(run_of(table(1, path=["x/<img src=x onerror=alert(1)>.jpg"])), np.arange(1), ())
    assert listing.block(0)[0]["name"] == "<img src=x onerror=alert(1)>.jpg"


def test_a_part_has_the_shape_of_its_box():
    frame = table(2, region=["80,90,30,60", "image"], box_x=80.0, box_y=90.0, box_w=30.0, box_h=60.0)
    part, whole = Listings().add(run_of(frame), np.arange(2), ()).block(0)
    wide, high = frame["width"].iloc[0], frame["height"].iloc[0]
    assert (part["small"], part["aspect"], part["frame"]) == (True, 0.5, round(wide / high, 4))
    assert part["box"] == pytest.approx([80 / wide, 90 / high, 30 / wide, 60 / high], abs=1e-5)
    assert not {"box", "frame"} & set(whole)


def test_the_oldest_lists_go_first_and_the_newest_is_always_kept():
    kept, run = Listings(max_rows=10), run_of(table(40))
    first = kept.add(run, np.arange(6), ())
    second = kept.add(run, np.arange(4), ())
    assert kept.get(first.key) is not None
    third = kept.add(run, np.arange(5), ())
    assert kept.get(second.key) is None
    assert kept.get(third.key) is not None
    large = kept.add(run, np.arange(30), ())
    assert kept.get(large.key) is not None
    assert kept.get(third.key) is None


@given(st.lists(st.integers(0, 99), min_size=1, max_size=100))
def test_rows_written_as_ranges_are_read_as_they_were(rows):
    assert sheets.parse_rows(",".join(str(row) for row in rows), 100) == rows


def test_ranges_are_spread_out():
    assert sheets.parse_rows("0-3,7,5-6", 8) == [0, 1, 2, 3, 7, 5, 6]


@given(st.text(max_size=20))
def test_any_other_text_is_refused_or_read_within_bounds(text):
    try:
        rows = sheets.parse_rows(text, 50)
    except SelectionError:
        return
    assert all(0 <= row < 50 for row in rows)


def test_sheets_are_made_once_and_bounded():
    made = []

    class Thumbnails:
        @property
        def thumbnails(self):
            return self

        def sheet(self, tiles, size, columns, tile):
            made.append((tiles, size, columns, tile))
            out = io.BytesIO()
            Image.new("RGB", (8, 8)).save(out, "JPEG")
            return out.getvalue()

    kept, run = sheets.Sheets(max_bytes=1500), run_of(table(9, content_hash=[f"{i:032x}" for i in range(9)]))
    first = kept.get(Thumbnails(), run, [0, 1], 128)
    assert kept.get(Thumbnails(), run, [0, 1], 128) == first
    assert len(made) == 1
    for row in range(8):
        kept.get(Thumbnails(), run, [row], 64)
    kept.get(Thumbnails(), run, [0, 1], 128)
    assert len(made) == 10
    assert {size for _, size, _, tile in made if tile == 64} == {64}


@pytest.mark.parametrize(
    ("sent", "chosen"),
    [
        (None, []),
        ("x", []),
        ({}, []),
        ({"listing": "other", "ranges": [[0, 1]]}, []),
        ({"listing": "k", "ranges": [[1, 2], [4, 99]]}, [1, 2, 4]),
        ({"listing": "k", "ranges": [[-5, 2]]}, []),
        ({"listing": "k", "ranges": [[3, 1]]}, []),
        ({"listing": "k", "ranges": [[7, 9]]}, []),
        ({"listing": "k", "ranges": ["ab", [1]]}, []),
        ({"listing": "k", "ranges": None}, []),
        ({"listing": "k"}, []),
    ],
)
def test_what_the_browser_says_is_chosen_is_checked(sent, chosen):
    listing = SimpleNamespace(key="k", rows=np.arange(5))
    assert gallery._places(sent, listing).tolist() == chosen


@pytest.mark.parametrize(
    ("sent", "opened"),
    [
        (None, None),
        ({"listing": "k", "index": 1}, 20),
        ({"listing": "o", "index": 1}, None),
        ({"listing": "k", "index": 9}, None),
        ({"listing": "k", "index": "1"}, None),
        ({"listing": "k", "index": -1}, None),
        ({"listing": "k"}, None),
    ],
)
def test_what_the_browser_says_was_opened_is_checked(sent, opened):
    assert gallery._opened(sent, SimpleNamespace(key="k", rows=np.array([10, 20]))) == opened
