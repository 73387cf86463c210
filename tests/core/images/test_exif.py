"""Time, position, depth and orientation from EXIF; whatever is broken is None and nothing is raised."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from core.images.decode import decode
from core.images.exif import ExifFacts, read_exif
from tests.core.images.files import encoded, textured

EXIF, GPS = 0x8769, 0x8825


def block(base: dict | None = None, exif: dict | None = None, gps: dict | None = None) -> bytes:
    """An EXIF block as Pillow writes it: an independent implementation of the format."""
    made = Image.Exif()
    made.update(base or {})
    made.get_ifd(EXIF).update(exif or {})
    made.get_ifd(GPS).update(gps or {})
    return made.tobytes()


FULL = block(
    {0x010F: "SONY", 0x0110: "ILCE-7M3", 0x0112: 6},
    {0x9003: "2018:10:23 17:04:59", 0x9011: "-07:00", 0x9291: "25"},
    {1: "N", 2: (36.0, 42.0, 18.0), 3: "W", 4: (122.0, 11.25, 0.0), 5: b"\x01", 6: IFDRational(7993, 10)},
)
INDIA = timezone(timedelta(hours=5, minutes=30))


def test_everything_at_once():
    facts = read_exif(FULL)
    assert facts.orientation == 6
    assert facts.taken_at == datetime(2018, 10, 23, 17, 4, 59, 250_000, timezone(-timedelta(hours=7)))
    assert facts.latitude == pytest.approx(36 + 42 / 60 + 18 / 3600, abs=1e-9)
    assert facts.longitude == pytest.approx(-(122 + 11.25 / 60), abs=1e-9)
    assert facts.depth_m == pytest.approx(799.3)
    assert facts.camera == "SONY ILCE-7M3"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_format_hands_its_exif_on(kind):
    made = Image.Exif()
    made.load(FULL)
    facts = decode(encoded(textured(16, 8), kind, exif=made)).exif
    assert facts.depth_m == pytest.approx(799.3)
    assert facts.taken_at is not None
    assert facts.taken_at.utcoffset() == timedelta(hours=-7)


def test_imagemagicks_way_of_writing_exif_into_png():
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    digits = FULL.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    notes.add_text("Raw profile type exif", f"\nexif\n{len(FULL):8d}\n{lines}\n", zip=True)
    assert decode(encoded(textured(8, 8), "PNG", pnginfo=notes)).exif.depth_m == pytest.approx(799.3)
    broken = PngInfo()
    broken.add_text("Raw profile type exif", "\nexif\n  4\nnot hexadecimal\n")
    assert decode(encoded(textured(8, 8), "PNG", pnginfo=broken)).exif == ExifFacts()


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHxx", 0x0112, 3, 1, 8)
    content = mark + struct.pack(order + "IH", 8, 1) + entry + b"\0" * 4
    assert read_exif(content).orientation == 8
    assert read_exif(b"Exif\0\0" + content).orientation == 8


@pytest.mark.parametrize(
    ("written", "offset", "fraction", "expected"),
    [
        ("2018:10:23 17:04:59", None, None, datetime(2018, 10, 23, 17, 4, 59)),
        ("2018-10-23T17:04:59", "Z", None, datetime(2018, 10, 23, 17, 4, 59, tzinfo=UTC)),
        (
            "2018:10:23 17:04:59",
            "+05:30",
            "7",
            datetime(2018, 10, 23, 17, 4, 59, 700_000, timezone(timedelta(minutes=330))),
        ),
        ("2018:10:23 17:04:59", "   :  ", "123456789", datetime(2018, 10, 23, 17, 4, 59, 123_456)),
        ("2018:10:23 17:04:59", "+99:00", "x", datetime(2018, 10, 23, 17, 4, 59)),
        ("0000:00:00 00:00:00", None, None, None),
        ("2018:02:30 00:00:00", None, None, None),
        ("    :  :     :  :  ", None, None, None),
        ("yesterday", None, None, None),
    ],
)
def test_times(written, offset, fraction, expected):
    tags = {0x9003: written, 0x9011: offset, 0x9291: fraction}
    assert read_exif(block(exif={tag: text for tag, text in tags.items() if text is not None})).taken_at == expected


def test_time_of_change_is_not_when_it_was_taken():
    assert read_exif(block({0x0132: "2020:01:01 00:00:00"})).taken_at is None


@pytest.mark.parametrize(
    ("gps", "latitude", "longitude"),
    [
        ({1: "S", 2: (1.0, 30.0, 0.0), 3: "E", 4: (179.0, 59.0, 59.0)}, -1.5, 179 + 59 / 60 + 59 / 3600),
        ({1: "n", 2: (1.0, 0.0, 0.0)}, 1.0, None),
        ({2: (1.0, 0.0, 0.0), 4: (1.0, 0.0, 0.0)}, None, None),  # no hemisphere: the sign is unknown
        ({1: "N", 2: (91.0, 0.0, 0.0), 3: "W", 4: (181.0, 0.0, 0.0)}, None, None),
        ({1: "N", 2: (90.0, 0.0, 0.0), 3: "W", 4: (180.0, 0.0, 0.0)}, 90.0, -180.0),
        ({1: "N", 2: (IFDRational(1, 0), 0.0, 0.0)}, None, None),
        ({1: "X", 2: (1.0, 0.0, 0.0)}, None, None),
    ],
)
def test_positions(gps, latitude, longitude):
    facts = read_exif(block(gps=gps))
    assert facts.latitude == (None if latitude is None else pytest.approx(latitude))
    assert facts.longitude == (None if longitude is None else pytest.approx(longitude))


@pytest.mark.parametrize(
    ("gps", "depth"),
    [
        ({5: b"\x01", 6: IFDRational(1234, 1)}, 1234.0),
        ({5: b"\x03", 6: IFDRational(12, 1)}, 12.0),  # Exif 3.0
        ({5: b"\x00", 6: IFDRational(30, 1)}, None),  # a drone, above the sea
        ({6: IFDRational(30, 1)}, None),
        ({5: b"\x01", 6: IFDRational(1, 0)}, None),
        ({5: b"\x01", 6: IFDRational(99999, 1)}, None),  # deeper than the sea
    ],
)
def test_depths(gps, depth):
    assert read_exif(block(gps=gps)).depth_m == depth


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [("Canon", "Canon EOS 5D", "Canon EOS 5D"), ("GoPro", None, "GoPro"), (None, "HERO9", "HERO9"), (" ", "\0x", None)],
)
def test_cameras(make, model, camera):
    base = {tag: text for tag, text in ((0x010F, make), (0x0110, model)) if text is not None}
    assert read_exif(block(base)).camera == camera


def test_one_broken_field_leaves_the_others():
    broken = bytearray(FULL)
    at = broken.index(b"2018:10:23")
    broken[at : at + 4] = b"20x8"
    facts = read_exif(bytes(broken))
    assert facts.taken_at is None
    assert facts.depth_m == pytest.approx(799.3)


def test_a_directory_that_points_at_itself_or_outside():
    itself = block(exif={0x9003: "2018:10:23 17:04:59"})
    for target in (8, 0, 0xFFFFFFFF):
        pointer = itself.index(struct.pack(">H" if itself[6:8] == b"MM" else "<H", EXIF))
        order = ">" if itself[6:8] == b"MM" else "<"
        changed = itself[: pointer + 8] + struct.pack(order + "I", target) + itself[pointer + 12 :]
        assert read_exif(changed).taken_at is None


@given(st.binary(max_size=400), st.sampled_from([b"", b"II*\0", b"MM\0*", b"Exif\0\0II*\0\x08\0\0\0"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_facts(content, start):
    assert isinstance(read_exif(start + content), ExifFacts)


@given(st.lists(st.tuples(st.integers(0, len(FULL) - 1), st.integers(0, 255)), min_size=1, max_size=20))
@settings(max_examples=400, deadline=None)
def test_damaged_blocks_give_facts_within_their_ranges(damage):
    broken = bytearray(FULL)
    for at, value in damage:
        broken[at] = value
    facts = read_exif(bytes(broken))
    assert 1 <= facts.orientation <= 8
    assert facts.latitude is None or -90 <= facts.latitude <= 90
    assert facts.longitude is None or -180 <= facts.longitude <= 180
    assert facts.depth_m is None or 0 <= facts.depth_m <= 11_000
