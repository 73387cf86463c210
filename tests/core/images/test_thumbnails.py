"""Packs that survive kills byte for byte, readers that see growth, sheets with the right thing in the right place."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import ArtefactError, SettingsError, WorkspaceError
from core.images import packs
from core.images.thumbnails import ATLAS, GRID, ThumbnailStore, encode_thumbnails
from tests.core.images.files import quadrants, textured

Item = tuple[str, dict[int, bytes]]


def name_of(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def item(number: int) -> Item:
    """A pair as an import appends it; the bytes need not be a picture for the pack."""
    chance = random.Random(number)
    return name_of(number), {
        GRID: chance.randbytes(chance.randrange(1, 400)),
        ATLAS: chance.randbytes(chance.randrange(1, 60)),
    }


def filled(root: Path, count: int, batch: int = 7) -> None:
    with ThumbnailStore(root) as store:
        for start in range(0, count, batch):
            store.append(item(number) for number in range(start, min(count, start + batch)))


def files_of(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.iterdir())}


def colour_item(number: int, colour: tuple[int, int, int], size: tuple[int, int] = (256, 144)) -> Item:
    return name_of(number), encode_thumbnails(Image.new("RGB", size, colour))


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """What reaches the disk after a power cut cannot be tested here; the order of writes is, below."""
    monkeypatch.setattr(packs, "_sync", lambda file: None)


# Thumbnails


def test_sizes_and_aspect():
    made = encode_thumbnails(textured(640, 360))
    assert {size: Image.open(io.BytesIO(jpeg)).size for size, jpeg in made.items()} == {256: (256, 144), 64: (64, 36)}
    thin = encode_thumbnails(textured(1000, 3))
    assert {size: Image.open(io.BytesIO(jpeg)).size for size, jpeg in thin.items()} == {256: (256, 1), 64: (64, 1)}
    assert encode_thumbnails(textured(640, 360)) == made


# Storing


def test_what_goes_in_comes_out(tmp_path):
    filled(tmp_path / "t", 30)
    store = ThumbnailStore(tmp_path / "t")
    assert len(store) == 30
    for number in range(30):
        name, thumbnails = item(number)
        assert store.has(name)
        assert {size: store.get(name, size) for size in (GRID, ATLAS)} == thumbnails
    assert not store.has(name_of(99))
    assert store.get(name_of(99), GRID) is None


def test_an_empty_folder_is_an_empty_store_and_reading_makes_no_files(tmp_path):
    store = ThumbnailStore(tmp_path / "none")
    assert len(store) == 0
    assert not store.has(name_of(1))
    assert store.get(name_of(1), ATLAS) is None
    assert not (tmp_path / "none").exists()


def test_equal_images_share_a_thumbnail(tmp_path):
    with ThumbnailStore(tmp_path) as store:
        assert store.append([item(1), item(2), item(1)]) == 2
        before = files_of(tmp_path)
        assert store.append([item(2), item(1)]) == 0
        assert store.append([]) == 0
        assert files_of(tmp_path) == before


@pytest.mark.parametrize("name", ["", "xyz", "00" * 15, "00" * 17, "../../etc/passwd"])
def test_hashes_must_be_hashes(tmp_path, name):
    store = ThumbnailStore(tmp_path)
    for ask in (lambda: store.get(name, GRID), lambda: store.has(name), lambda: store.append([(name, {})])):
        with pytest.raises(ValueError):
            ask()


def test_digests_that_begin_alike_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "_SORT_AFTER", 3)  # so that the sorted part is used as well
    names = ["ab" * 8 + f"{number:016x}" for number in range(9)] + ["00" * 16, "ff" * 16]
    with ThumbnailStore(tmp_path) as store:
        for number, name in enumerate(names):
            store.append([(name, {GRID: bytes([number]), ATLAS: b"x"})])
        for number, name in enumerate(names):
            assert store.get(name, GRID) == bytes([number])
        assert not store.has("ab" * 8 + "f" * 16)


@pytest.mark.parametrize("sort_after", [2, 10_000])
def test_sorting_is_invisible(tmp_path, monkeypatch, sort_after):
    monkeypatch.setattr(packs, "_SORT_AFTER", sort_after)
    reader = ThumbnailStore(tmp_path)
    with ThumbnailStore(tmp_path) as store:
        for start in range(0, 60, 5):
            store.append(item(number) for number in range(start, start + 5))
            for number in range(60):
                name, thumbnails = item(number)
                assert reader.get(name, ATLAS) == (thumbnails[ATLAS] if number < start + 5 else None)


def test_the_layout_is_as_documented(tmp_path):
    """Read back with nothing but struct: header of 64 bytes, records of 48, JPEGs end to end."""
    filled(tmp_path, 3)
    index = (tmp_path / "index.bin").read_bytes()
    assert struct.unpack_from("<8sII2IQ", index) == (b"BENTHUMB", 1, 2, 256, 64, 3)
    assert len(index) == 64 + 3 * 48
    for row in range(3):
        digest, *parts = struct.unpack_from("<16sQIIQII", index, 64 + 48 * row)
        name, thumbnails = item(row)
        assert digest.hex() == name
        for size, (offset, length) in ((256, parts[0:2]), (64, parts[3:5])):
            assert (tmp_path / f"{size}.pack").read_bytes()[offset : offset + length] == thumbnails[size]


# Kills


def test_division_into_calls_does_not_show(tmp_path):
    for batch in (1, 7, 40):
        filled(tmp_path / str(batch), 40, batch)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "7") == files_of(tmp_path / "40")


@given(
    committed=st.integers(0, 12),
    torn=st.tuples(st.integers(0, 500), st.integers(0, 200), st.integers(0, 130)),
    noise=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_whatever_lies_behind_the_count_is_cut_off(tmp_path_factory, committed, torn, noise):
    """Any part of an unfinished call may have reached the three files: here random bytes of any length."""
    root = tmp_path_factory.mktemp("killed")
    filled(root / "whole", 15)
    filled(root / "killed", committed)
    if committed:
        for name, extra in zip(("256.pack", "64.pack", "index.bin"), torn, strict=True):
            with (root / "killed" / name).open("ab") as file:
                file.write(noise.randbytes(extra))
    reader = ThumbnailStore(root / "killed")
    assert len(reader) == committed  # and reading repairs nothing
    filled(root / "killed", 15)
    assert files_of(root / "killed") == files_of(root / "whole")
    shutil.rmtree(root)


@pytest.mark.parametrize("length", [0, 1, 24, 63])
def test_a_kill_while_the_index_is_begun(tmp_path, length):
    filled(tmp_path / "whole", 5)
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "index.bin").write_bytes((tmp_path / "whole" / "index.bin").read_bytes()[:length])
    (tmp_path / "killed" / "64.pack").write_bytes(b"left over")
    assert len(ThumbnailStore(tmp_path / "killed")) == 0
    filled(tmp_path / "killed", 5)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("fails_at", range(1, 10))
def test_a_full_disk_loses_one_call_and_nothing_else(tmp_path, monkeypatch, fails_at):
    """The n-th write fails after half of its bytes; the same store then goes on."""
    filled(tmp_path / "whole", 20, 5)
    real, calls = packs._write, [0]

    def write(file, offset, data):
        calls[0] += 1
        if calls[0] == fails_at:
            if len(data) > 8:  # the count is overwritten in place, which needs no room
                real(file, offset, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        real(file, offset, data)

    monkeypatch.setattr(packs, "_write", write)
    store = ThumbnailStore(tmp_path / "full")
    failures = 0
    for start in range(0, 20, 5):
        batch = [item(number) for number in range(start, start + 5)]
        try:
            store.append(batch)
        except ArtefactError as error:
            failures += "No space left on device" in str(error)
            assert not any(store.has(name) for name, _ in batch)
            store.append(batch)
    store.close()
    assert failures == 1
    assert files_of(tmp_path / "full") == files_of(tmp_path / "whole")


def test_an_item_without_a_size_changes_nothing(tmp_path):
    filled(tmp_path, 4)
    before = files_of(tmp_path)
    with ThumbnailStore(tmp_path) as store:
        with pytest.raises(KeyError):
            store.append([item(5), (name_of(6), {GRID: b"only one"})])
        assert not store.has(name_of(5))
        store.append([])
        assert files_of(tmp_path) == before


def test_everything_reaches_the_disk_before_what_vouches_for_it(tmp_path, monkeypatch):
    filled(tmp_path, 1)
    steps = []
    real = packs._write
    monkeypatch.setattr(packs, "_sync", lambda file: steps.append((Path(file.name).name, "sync")))
    monkeypatch.setattr(
        packs, "_write", lambda file, at, data: steps.append((Path(file.name).name, at)) or real(file, at, data)
    )
    with ThumbnailStore(tmp_path) as store:
        store.append([item(7)])
    first = item(0)[1]
    assert steps == [
        *(("256.pack", len(first[GRID])), ("256.pack", "sync")),
        *(("64.pack", len(first[ATLAS])), ("64.pack", "sync")),
        *(("index.bin", 64 + 48), ("index.bin", "sync")),
        *(("index.bin", 24), ("index.bin", "sync")),
    ]


WRITER = """
import sys
from pathlib import Path
from core.images.thumbnails import ThumbnailStore
from tests.core.images.test_thumbnails import item

with ThumbnailStore(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    for start in range(0, 4000, 5):
        store.append(item(number) for number in range(start, start + 5))
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 as POSIX has it")
def test_kill_9_at_random_moments(tmp_path):
    filled(tmp_path / "whole", 300, 50)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    chance = random.Random(5)
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "killed")], stdout=subprocess.PIPE, env=environment
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        reader = ThumbnailStore(tmp_path / "killed")
        aim = len(reader) + chance.randrange(10, 50)
        while len(reader) < aim and writer.poll() is None:
            pass
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert len(reader) % 5 == 0  # whole calls only
        name, thumbnails = item(len(reader) - 1)
        assert reader.get(name, GRID) == thumbnails[GRID]
    done = len(reader)
    filled(tmp_path / "whole", done, 50)
    filled(tmp_path / "killed", max(done, 300), 50)
    filled(tmp_path / "whole", max(done, 300), 50)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


# Sharing


def test_one_writer_at_a_time(tmp_path):
    with ThumbnailStore(tmp_path) as first:
        first.append([item(1)])
        second = ThumbnailStore(tmp_path)
        with pytest.raises(WorkspaceError, match="wait until it has finished"):
            second.append([item(2)])
        assert second.has(name_of(1))
    assert second.append([item(2)]) == 1
    second.close()


def read_in_another_process(root: str, name: str) -> bytes | None:
    return ThumbnailStore(Path(root)).get(name, GRID)


def test_readers_in_other_processes_see_growth(tmp_path):
    with ThumbnailStore(tmp_path) as store, get_context("spawn").Pool(1) as pool:
        for number in (1, 2):
            assert pool.apply(read_in_another_process, (str(tmp_path), name_of(number))) is None
            store.append([item(number)])
            assert pool.apply(read_in_another_process, (str(tmp_path), name_of(number))) == item(number)[1][GRID]


def test_a_reader_survives_a_folder_made_anew(tmp_path):
    filled(tmp_path / "t", 20)
    reader = ThumbnailStore(tmp_path / "t")
    assert reader.get(name_of(3), GRID) == item(3)[1][GRID]
    shutil.rmtree(tmp_path / "t")
    with ThumbnailStore(tmp_path / "t") as store:
        store.append([item(number) for number in range(30, 25, -1)])
    assert reader.get(name_of(28), GRID) == item(28)[1][GRID]
    assert not reader.has(name_of(3))


def test_a_closed_store_opens_again(tmp_path):
    store = ThumbnailStore(tmp_path)
    store.append([item(1)])
    store.close()
    assert store.get(*(name_of(1), GRID)) == item(1)[1][GRID]
    assert store.append([item(2)]) == 1
    store.close()


# Damage


def test_damaged_bytes_are_noticed(tmp_path):
    filled(tmp_path, 3)
    pack = tmp_path / "256.pack"
    content = bytearray(pack.read_bytes())
    content[0] ^= 1
    pack.write_bytes(content)
    store = ThumbnailStore(tmp_path)
    with pytest.raises(ArtefactError, match=r"256\.pack is damaged; delete the thumbnails' folder"):
        store.get(name_of(0), GRID)
    assert store.get(name_of(0), ATLAS) == item(0)[1][ATLAS]


def test_missing_and_shortened_files_are_noticed(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "64.pack").unlink()
    with pytest.raises(ArtefactError, match=r"64\.pack"):
        ThumbnailStore(tmp_path).get(name_of(0), ATLAS)
    with pytest.raises(ArtefactError, match=r"64\.pack is shorter"):
        ThumbnailStore(tmp_path).append([item(9)])
    index = tmp_path / "index.bin"
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match="shorter than its header says"):
        len(ThumbnailStore(tmp_path))
    index.write_bytes(b"something else entirely, 64 bytes or more of it, so that it is read" * 2)
    with pytest.raises(ArtefactError, match="not an index"):
        ThumbnailStore(tmp_path).has(name_of(0))


# Sheets

RED, GREEN, GREY = (255, 0, 0), (0, 255, 0), (128, 128, 128)


def near(image: Image.Image, x: float, y: float, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(image.getpixel((int(x), int(y))), colour)).max() <= 6)


@pytest.fixture
def gallery(tmp_path):
    with ThumbnailStore(tmp_path) as store:
        quarters = encode_thumbnails(quadrants(256, 128))
        store.append([colour_item(1, RED), colour_item(2, GREEN, (100, 200)), (name_of(3), quarters)])
        yield store


def sheet_of(store: ThumbnailStore, *arguments: object, **options: object) -> Image.Image:
    return Image.open(io.BytesIO(store.sheet(*arguments, **options))).convert("RGB")


def test_a_sheet_places_and_letterboxes(gallery):
    sheet = sheet_of(gallery, [name_of(1), None, name_of(2), name_of(99)], GRID, 3, 64)
    assert sheet.size == (192, 128)
    assert near(sheet, 32, 32, RED)
    assert near(sheet, 32, 6, GREY)  # 16:9 leaves (64 - 36) / 2 = 14 rows above and below
    assert near(sheet, 32, 18, RED)
    assert near(sheet, 96, 32, GREY)
    assert near(sheet, 160, 32, GREEN)
    assert near(sheet, 160, 2, GREEN)  # 1:2 leaves 16 columns left and right
    assert near(sheet, 135, 32, GREY)
    assert near(sheet, 32, 96, GREY)


@pytest.mark.parametrize("size", [GRID, ATLAS])
@pytest.mark.parametrize("tile", [16, 64, 100, 300])
def test_tiles_of_any_size_fill_their_longer_side(gallery, size, tile):
    sheet = sheet_of(gallery, [name_of(1)], size, 1, tile)
    assert sheet.size == (tile, tile)
    assert near(sheet, 0, tile / 2, RED)
    assert near(sheet, tile - 1, tile / 2, RED)


def test_ground_and_empty_sheets(gallery):
    assert near(sheet_of(gallery, [None], GRID, 1, 32, ground=(10, 20, 30)), 5, 5, (10, 20, 30))
    assert sheet_of(gallery, [], GRID, 4, 16).size == (64, 16)


@pytest.mark.parametrize(
    ("box", "colour"),
    [
        ((0.0, 0.0, 0.5, 0.5), (255, 0, 0)),
        ((0.5, 0.0, 0.5, 0.5), (0, 255, 0)),
        ((0.0, 0.5, 0.5, 0.5), (0, 0, 255)),
        ((0.5, 0.5, 0.5, 0.5), (255, 255, 255)),
        ((0.7, 0.1, 0.05, 0.2), (0, 255, 0)),
        ((-1.0, -1.0, 1.2, 1.2), (255, 0, 0)),  # only its part on the picture
        ((2.0, 2.0, 1.0, 1.0), (255, 255, 255)),  # the nearest pixel
        ((0.2, 0.2, 0.0, -1.0), (255, 0, 0)),
    ],
)
def test_crops(gallery, box, colour):
    sheet = sheet_of(gallery, [(name_of(3), box)], GRID, 1, 64)
    assert near(sheet, 32, 32, colour)


def test_crops_keep_their_aspect(gallery):
    # A quarter of the width of a 2:1 picture by all of its height is 1:2: 32 of 64 columns.
    sheet = sheet_of(gallery, [(name_of(3), (0.0, 0.0, 0.25, 1.0))], GRID, 1, 64)
    assert near(sheet, 8, 20, GREY)
    assert near(sheet, 32, 20, (255, 0, 0))
    assert near(sheet, 32, 50, (0, 0, 255))


@pytest.mark.parametrize(("columns", "tile"), [(0, 64), (-1, 64), (2, 0), (2, 40_000)])
def test_impossible_sheets_are_one_sentence(gallery, columns, tile):
    with pytest.raises(SettingsError, match="ask for fewer images"):
        gallery.sheet([name_of(1)], GRID, columns, tile)


def test_a_stored_jpeg_that_is_none_is_one_sentence(tmp_path):
    with ThumbnailStore(tmp_path) as store:
        store.append([item(1)])
        with pytest.raises(ArtefactError, match="not a whole JPEG"):
            store.sheet([name_of(1)], GRID, 1, 32)


def test_equal_requests_give_equal_sheets(gallery):
    ask = ([name_of(1), (name_of(3), (0.1, 0.1, 0.3, 0.3))], GRID, 2, 48)
    assert gallery.sheet(*ask) == gallery.sheet(*ask)
