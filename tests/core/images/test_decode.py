"""Right colours from every kind of file, one code for every kind of trouble, and nothing else ever."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from core.errors import ImageError, SettingsError
from core.images.decode import decode, is_image_name, open_image, within
from tests.core.images.files import chunk, encoded, grey_tiff, png, quadrants, textured, tiff, write

GREY = (128, 128, 128)


def pixel(content: bytes, x: int = 0, y: int = 0) -> tuple[int, ...]:
    image = open_image(content)
    assert image.mode == "RGB"
    assert type(image) is Image.Image
    assert image.info == {}
    return image.getpixel((x, y))


def code_of(source: Path | bytes, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(source, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) > 20
    return caught.value.code


def outcome_of(content: bytes, **options: int) -> Image.Image | str:
    """The picture, or the code of its refusal."""
    try:
        return open_image(content, **options)
    except ImageError as error:
        return error.code


# Colours, worked by hand


def test_plain_formats_keep_their_colours():
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    for kind, options in [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("GIF", {})]:
        assert pixel(encoded(image, kind, **options)) == (200, 100, 50), kind
    assert np.abs(np.subtract(pixel(encoded(image, "JPEG", quality=95)), (200, 100, 50))).max() <= 2


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate"])
def test_compressed_tiff(compression):
    image = textured(40, 30)
    assert np.array_equal(np.asarray(open_image(encoded(image, "TIFF", compression=compression))), np.asarray(image))


def test_grey_and_bilevel():
    assert pixel(encoded(Image.new("L", (8, 8), 77), "PNG")) == (77, 77, 77)
    assert pixel(encoded(Image.new("1", (8, 8), 1), "PNG")) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    # Red = (255 - c)(255 - k) / 255 with c = 51, k = 85: 204 * 170 / 255 = 136.
    content = encoded(
        Image.new("CMYK", (16, 16), (51, 102, 0, 85)), kind, **({"quality": 100} if kind == "JPEG" else {})
    )
    assert np.abs(np.subtract(pixel(content), (136, 102, 170))).max() <= 2


@pytest.mark.parametrize(("value", "level"), [(0, 0), (65535, 255), (32768, 128), (257, 1), (128, 0), (129, 1)])
def test_16_bit_grey_keeps_its_scale(value, level):
    values = np.full((4, 4), value, np.uint16)
    assert pixel(encoded(Image.fromarray(values), "PNG")) == (level,) * 3
    for order in "<>":
        assert pixel(grey_tiff(values, bits=16, order=order)) == (level,) * 3


def test_16_bit_grey_counted_from_white():
    assert pixel(grey_tiff(np.full((4, 4), 65535, np.uint16), bits=16, photometric=0)) == (0, 0, 0)


def test_12_bit_grey_uses_all_of_its_range():
    # Two 12-bit samples in three bytes: 4095 and 2048, so 255 and round(2048 / 4095 * 255) = 128.
    sample = bytes([0xFF, 0xF8, 0x00])
    tags = {256: ("I", [2]), 257: ("I", [1]), 258: ("H", [12]), 259: ("H", [1]), 262: ("H", [1]), 277: ("H", [1])}
    content = tiff({**tags, 278: ("I", [1])}, sample)
    assert pixel(content) == (255, 255, 255)
    assert pixel(content, 1) == (128, 128, 128)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_colour_tiff(order):
    pixels = np.array([[[0x8000, 0xFF00, 0x00FF]]], np.uint16)
    tags = {256: ("I", [1]), 257: ("I", [1]), 258: ("H", [16, 16, 16]), 259: ("H", [1]), 262: ("H", [2])}
    content = tiff({**tags, 277: ("H", [3]), 278: ("I", [1])}, pixels.astype(order + "u2").tobytes(), order)
    assert pixel(content) == (128, 255, 0)


def test_16_bit_colour_png():
    assert pixel(png(1, 1, 16, 2, b"\0" + struct.pack(">HHH", 0x8000, 0xFF00, 0x00FF))) == (128, 255, 0)


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),  # shares; 127.5 rounds to even
        ([0.0, 100.0, 255.0], [0, 100, 255]),  # 8-bit numbers
        ([0.0, 32768.0, 65535.0], [0, 128, 255]),  # 16-bit numbers
        ([-1.0, 0.0, 1.0], [0, 128, 255]),  # no usual scale: lowest to highest
        ([float("nan"), 0.0, 1.0], [128, 0, 255]),  # no number: ground
        ([float("inf"), float("nan"), float("-inf")], [128, 128, 128]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
    ],
)
def test_float_tiff(values, levels):
    content = grey_tiff(np.array([values], np.float32), bits=32, sample_format=3)
    assert np.asarray(open_image(content))[0, :, 0].tolist() == levels


def test_32_bit_integer_tiff():
    content = grey_tiff(np.array([[0, 32768, 65535]], np.int32), bits=32, sample_format=2)
    assert np.asarray(open_image(content))[0, :, 0].tolist() == [0, 128, 255]


def test_alpha_lies_on_plain_grey_and_hides_its_colours():
    # Half of 255 over half of 128: (255 * 128 + 128 * 127) / 255 = 191.7.
    assert pixel(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")) == GREY
    assert pixel(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 255)), "PNG")) == (255, 0, 0)
    assert pixel(encoded(Image.new("RGBA", (4, 4), (255, 255, 0, 128)), "PNG")) == (192, 192, 64)
    assert pixel(encoded(Image.new("LA", (4, 4), (200, 0)), "PNG")) == GREY
    assert pixel(encoded(Image.new("RGBA", (4, 4), (9, 200, 9, 0)), "WEBP", lossless=True, exact=True)) == GREY
    assert pixel(encoded(Image.new("RGBA", (4, 4), (9, 200, 9, 0)), "TIFF")) == GREY


def test_hidden_colours_do_not_leak_when_shrunk():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, ::2] = (255, 0, 0, 0)
    pixels[:, 1::2] = (128, 128, 128, 255)
    small = np.asarray(open_image(encoded(Image.fromarray(pixels), "PNG"), longest=8))
    assert (small == 128).all()


def test_palette_with_transparency():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30] + [0] * 762)
    assert pixel(encoded(image, "PNG")) == (10, 200, 30)
    assert pixel(encoded(image, "PNG", transparency=1)) == GREY
    assert pixel(encoded(image, "PNG", transparency=bytes([255, 0]))) == GREY
    assert pixel(encoded(image, "GIF", transparency=1)) == GREY


def test_colour_key_transparency():
    assert pixel(encoded(Image.new("L", (4, 4), 50), "PNG", transparency=50)) == GREY
    assert pixel(encoded(Image.new("L", (4, 4), 50), "PNG", transparency=51)) == (50, 50, 50)
    assert pixel(encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", transparency=(1, 2, 3))) == GREY
    key = chunk(b"tRNS", struct.pack(">H", 4660))
    assert pixel(png(1, 1, 16, 0, b"\0" + struct.pack(">H", 4660), key)) == GREY


def test_gif_shows_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    assert pixel(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    decoded = decode(encoded(quadrants(), kind, exif=exif, **options))
    corners = [
        "RGBW"[
            int(
                np.abs(np.subtract(decoded.image.getpixel(at), [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255,) * 3]))
                .sum(1)
                .argmin()
            )
        ]
        for at in ((2, 2), (decoded.image.width - 3, 2), (2, decoded.image.height - 3))
    ]
    # Stored upper row R G, lower row B W. Orientation says where the stored first row and column belong
    # (Exif 3.0, 4.6.4, "Orientation"): upper left, upper right, lower left as displayed.
    expected = {1: "RGB", 2: "GRW", 3: "WBG", 4: "BWR", 5: "RBG", 6: "BRW", 7: "WGB", 8: "GWR"}
    assert "".join(corners) == expected[orientation]
    assert (decoded.width, decoded.height) == decoded.image.size == ((32, 16) if orientation < 5 else (16, 32))


def test_orientation_and_shrinking_go_together():
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(encoded(textured(640, 320), "JPEG", exif=exif), longest=100)
    assert decoded.image.size == (50, 100)
    assert (decoded.width, decoded.height) == (320, 640)


# Size


@pytest.mark.parametrize("size", [(1600, 900), (900, 1600), (1601, 899), (257, 257), (4000, 3)])
def test_longest_is_kept_to_the_pixel(size):
    content = encoded(textured(*size), "JPEG")
    small = open_image(content, longest=256)
    assert max(small.size) == 256
    assert min(small.size) == max(1, round(min(size) * 256 / max(size)))


def test_draft_mode_is_as_good_as_decoding_in_full():
    content = encoded(textured(1600, 1200).resize((1600, 1200)), "JPEG", quality=90)
    drafted = np.asarray(open_image(content, longest=200), float)
    full = np.asarray(open_image(content).resize((200, 150), Image.Resampling.HAMMING), float)
    assert np.abs(drafted - full).mean() < 1.0
    assert np.abs(drafted - full).max() < 12


def test_pictures_are_never_enlarged():
    assert open_image(encoded(textured(40, 30), "PNG"), longest=256).size == (40, 30)


def test_longest_must_make_sense():
    with pytest.raises(SettingsError, match="at least 1 pixel, got 0"):
        open_image(encoded(textured(8, 8), "PNG"), longest=0)


# Hostile files


def bombs() -> dict[str, bytes]:
    side = 50_000
    tags = {256: ("I", [side]), 257: ("I", [side]), 258: ("H", [8]), 259: ("H", [1]), 262: ("H", [1]), 277: ("H", [1])}
    jpeg = bytearray(encoded(textured(16, 16), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return {
        "PNG": png(side, side, 8, 2, b"\0" * 100),
        "JPEG": bytes(jpeg),
        "TIFF": tiff({**tags, 278: ("I", [side])}, b"\0" * 64),
        "BMP": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
        + b"\0" * 46,
        "GIF": b"GIF89a"
        + struct.pack("<HHBBB", side, side, 0x80, 0, 0)
        + b"\0" * 6
        + b","
        + struct.pack("<HHHHB", 0, 0, side, side, 0)
        + b"\x02\x02\x4c\x01\x00;",
    }


@pytest.mark.parametrize("kind", bombs())
def test_fifty_thousand_pixels_square_are_refused_by_the_header(kind, monkeypatch):
    def decoding_begins(*_: object) -> None:
        raise AssertionError("a bomb must not reach the decoder")

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", decoding_begins)
    assert code_of(bombs()[kind]) == "too-large"


def test_the_limit_is_ours_to_set():
    content = encoded(Image.new("L", (100, 100)), "PNG")
    assert code_of(content, max_pixels=9_999) == "too-large"
    assert open_image(content, max_pixels=10_000).size == (100, 100)


def test_pictures_above_pillows_own_limit_open_in_silence(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    for kind in ("PNG", "JPEG", "BMP"):
        assert open_image(encoded(textured(40, 30), kind)).size == (40, 30)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "packbits"}),
    ],
)
def test_a_file_cut_anywhere_is_refused_or_whole(kind, options):
    content = encoded(textured(80, 60), kind, **options)
    whole = np.asarray(open_image(content))
    steps = range(40, len(content), len(content) // 60)
    outcomes = Counter()
    for cut in sorted({*range(1, 40), *steps, *range(len(content) - 12, len(content))}):
        outcome = outcome_of(content[:cut])
        outcomes[outcome if isinstance(outcome, str) else np.array_equal(np.asarray(outcome), whole)] += 1
    assert set(outcomes) <= {"truncated", "not-an-image", True}, outcomes
    assert outcomes["truncated"] > 60


def test_a_jpeg_whose_tail_is_zeros_is_refused():
    """What an interrupted copy leaves; libjpeg reads zeros as grey without a word."""
    content = encoded(textured(), "JPEG")
    for cut in range(700, len(content) - 2, 97):
        assert code_of(content[:cut] + bytes(len(content) - cut)) == "truncated"


def test_a_jpeg_of_endless_scans_is_refused():
    assert code_of(encoded(textured(), "JPEG", progressive=True) + b"\xff\xda" * 501) == "unsupported"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n", "not-an-image"),
        (b"BM is how this sentence begins, but it is no bitmap", "not-an-image"),
        (b"<html><img src=x onerror=alert(1)></html>", "not-an-image"),
        (bytes(1000), "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not-an-image"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "unsupported"),
        (b"\0\0\0\x18ftypmp42" + bytes(50), "unsupported"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(50), "unsupported"),
        (b"8BPS\0\x01" + bytes(50), "unsupported"),
        (b"\xff\x0a" + bytes(50), "unsupported"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "unsupported"),
    ],
)
def test_what_is_no_image_says_so(content, code):
    assert code_of(content) == code


def test_float_colour_tiff_is_unsupported():
    tags = {256: ("I", [1]), 257: ("I", [1]), 258: ("H", [32, 32, 32]), 259: ("H", [1]), 262: ("H", [2])}
    content = tiff({**tags, 277: ("H", [3]), 278: ("I", [1]), 339: ("H", [3, 3, 3])}, bytes(12))
    assert code_of(content) == "unsupported"


def test_lab_tiff_is_unsupported():
    assert code_of(encoded(Image.new("LAB", (4, 4)), "TIFF")) == "unsupported"


def test_the_content_decides_not_the_ending(tmp_path):
    path = write(tmp_path, "frame.jpg", encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG"))
    assert open_image(path).getpixel((0, 0)) == (1, 2, 3)
    assert decode(path.read_bytes()).format == "PNG"


def test_metadata_stays_behind():
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    assert open_image(encoded(textured(8, 8), "PNG", exif=exif)).info == {}
    assert open_image(encoded(textured(80, 80), "JPEG", exif=exif), longest=20).info == {}


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "quoted".jpg',
        "two\nlines.png",
        "<img src=x onerror=alert(1)>.jpg",
        "深海の魚.png",
        "غواصة.jpg",
        "a;b,c=d.jpg",
    ],
)
def test_odd_names_open_and_stay_on_one_line_in_sentences(tmp_path, name):
    path = write(tmp_path, name, encoded(textured(8, 8), "PNG"))
    assert open_image(path).size == (8, 8)
    path.write_bytes(b"no image")
    assert code_of(path) == "not-an-image"


def test_names_that_are_not_unicode_open(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        path.write_bytes(encoded(textured(8, 8), "PNG"))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    assert open_image(path).size == (8, 8)


def test_missing_folders_pipes_and_sockets(tmp_path):
    assert code_of(tmp_path / "gone.jpg") == "missing"
    assert code_of(tmp_path / "gone" / "gone.jpg") == "missing"
    assert code_of(tmp_path / "nul\0.jpg") == "missing"
    assert code_of(tmp_path / ("x" * 300 + ".jpg")) == "unreadable"
    assert code_of(tmp_path) == "unreadable"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert code_of(tmp_path / "pipe.jpg") == "unreadable"  # and does not wait for a writer
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s.jpg"))
            assert code_of(tmp_path / "s.jpg") == "unreadable"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission(tmp_path):
    path = write(tmp_path, "locked.jpg", encoded(textured(8, 8), "JPEG"))
    path.chmod(0)
    assert code_of(path) == "unreadable"


def test_a_refused_permission_is_unreadable(tmp_path, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, "locked.jpg", encoded(textured(8, 8), "JPEG"))
    monkeypatch.setattr(os, "open", refuse)
    assert code_of(path) == "unreadable"


def test_enormous_files_are_refused_unread(tmp_path):
    path = tmp_path / "mosaic.tif"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: takes no room
    assert code_of(path) == "too-large"


# Names and places


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.JPEG", "a.b.tif", "a.TIFF", "x.webp", "x.bmp", "x.gif", "x.PNG", "<img>.jfif"]
)
def test_image_names(name):
    assert is_image_name(Path("folder") / name)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.mp4", "._a.jpg", "a.eps", "a.svg"])
def test_other_names(name):
    assert not is_image_name(Path("folder") / name)


def test_within_follows_what_stays_inside(tmp_path):
    root = tmp_path / "root"
    (root / "dive").mkdir(parents=True)
    real = write(root / "dive", "a.jpg", b"x").resolve()
    (root / "link.jpg").symlink_to("dive/a.jpg")
    assert within(root, Path("dive/a.jpg")) == real
    assert within(root, root / "dive" / "a.jpg") == real
    assert within(root, Path("link.jpg")) == real
    assert within(root, Path("dive/../dive/a.jpg")) == real


def test_within_refuses_what_leaves(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "root-secret").mkdir()
    secret = write(tmp_path / "root-secret", "secret.jpg", b"x")
    (root / "link.jpg").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "dangling.jpg").symlink_to(root / "gone.jpg")
    leaving = [Path("link.jpg"), Path("folder/root-secret/secret.jpg"), Path("../root-secret/secret.jpg"), secret]
    for path, code in [(p, "outside") for p in leaving] + [
        (Path("loop.jpg"), "unreadable"),
        (Path("dangling.jpg"), "missing"),
        (Path("nul\0"), "missing"),
    ]:
        with pytest.raises(ImageError) as caught:
            within(root, path)
        assert caught.value.code == code, path


# Nothing else ever


def _samples() -> list[bytes]:
    image = textured(24, 18)
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(image, "JPEG", exif=exif),
        encoded(image, "JPEG", progressive=True),
        encoded(image.convert("CMYK"), "JPEG"),
        encoded(image, "PNG"),
        encoded(image.convert("P"), "PNG", transparency=3),
        encoded(image.convert("LA"), "PNG"),
        encoded(Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)), "PNG"),
        encoded(image, "TIFF", exif=exif),
        encoded(image, "TIFF", compression="tiff_lzw"),
        grey_tiff(np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8), bits=32, sample_format=3),
        encoded(image, "WEBP"),
        encoded(image, "GIF"),
        encoded(image, "BMP"),
    ]


SAMPLES = _samples()


def opens_or_refuses(content: bytes) -> None:
    outcome = outcome_of(content, longest=16, max_pixels=1_000_000)
    if isinstance(outcome, str):
        assert outcome in ("empty", "not-an-image", "truncated", "too-large", "unsupported")
    else:
        assert outcome.mode == "RGB"
        assert max(outcome.size) <= 16


@given(st.binary(max_size=300), st.sampled_from([b"", *{sample[:12] for sample in SAMPLES}]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_open_or_are_refused(content, start):
    opens_or_refuses(start + content)


@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
@settings(max_examples=400, deadline=None)
def test_damaged_files_open_or_are_refused(content, damage):
    broken = bytearray(content)
    for where, value in damage:
        # Squared: most of the damage goes into headers, where it hurts.
        broken[int(where * where * (len(broken) - 1))] = value
    opens_or_refuses(bytes(broken))


def test_warnings_stay_inside_and_the_filters_come_back():
    exif = Image.Exif()
    exif[0x010F] = "Canon Incorporated"
    block = bytearray(exif.tobytes())
    block[block.index(b"\x01\x0f\x00\x02") + 4 : block.index(b"\x01\x0f\x00\x02") + 8] = b"\x00\x00\x40\x00"
    broken = encoded(textured(8, 8), "JPEG", exif=bytes(block))
    broken = broken.replace(broken[2:20], b"", 1)  # without JFIF, Pillow looks for the resolution in the EXIF
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(broken))
    assert heard, "the sample no longer makes Pillow warn"
    before = list(warnings.filters)
    assert open_image(broken).size == (8, 8)  # a warning would be an error here
    assert warnings.filters == before


def test_threads_that_overlap_leave_the_filters_as_they_were():
    before = list(warnings.filters)
    content = encoded(textured(200, 200), "JPEG")
    threads = [threading.Thread(target=lambda: [open_image(content) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_pillow_is_left_as_it_was():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK)
    for content in bombs().values():
        assert code_of(content) == "too-large"
    open_image(SAMPLES[0], longest=4)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK)


def test_only_our_formats_are_ever_loaded():
    """No program is started for PostScript and the like: their readers are not even imported."""
    script = (
        "import sys; from core.images.decode import open_image\n"
        "try: open_image(b'%!PS-Adobe-3.0 EPSF-3.0')\n"
        "except Exception as error: print(error.code)\n"
        "print('PIL.EpsImagePlugin' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["not-an-image", "False"]
