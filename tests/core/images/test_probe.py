"""One reading of a file gives everything; a folder full of trouble gives a reason for each."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Cancelled, ImageError
from core.images import probe as module
from core.images.decode import open_image
from core.images.probe import Probe, Unusable, probe, probe_many
from core.images.statistics import image_statistics
from core.images.workers import ordered_map
from tests.core.images.files import encoded, textured, write


def folder_of_trouble(root: Path) -> list[tuple[Path, str | None]]:
    """Files with the code that each must get; ``None`` for those that are fine."""
    good = encoded(textured(), "JPEG")
    (root / "away").mkdir()
    dataset = root / "dataset"
    (dataset / "deep").mkdir(parents=True)
    write(root / "away", "secret.jpg", good)
    (dataset / "link.jpg").symlink_to(root / "away" / "secret.jpg")
    (dataset / "inner.jpg").symlink_to("deep/good.jpg")
    contents: list[tuple[str, bytes, str | None]] = [
        ("deep/good.jpg", good, None),
        ("truncated.jpg", good[: len(good) // 2], "truncated"),
        ("empty.jpg", b"", "empty"),
        ("text.png", b"not a picture", "not-an-image"),
        ("wrong ending.jpg", encoded(textured(), "PNG"), None),
        ('it\'s "odd"\n.png', encoded(textured(20, 10), "PNG"), None),
        ("<img src=x onerror=alert(1)>.jpg", good, None),
        ("深海.tif", encoded(textured(30, 20), "TIFF"), None),
        ("heic.jpg", b"\0\0\0\x18ftypheic" + bytes(40), "unsupported"),
    ]
    for name, content, _ in contents:
        write(dataset, name, content)
    return [(Path(name), code) for name, _, code in contents] + [
        (Path("link.jpg"), "outside"),
        (Path("../away/secret.jpg"), "outside"),
        (Path("inner.jpg"), None),
        (Path("gone.jpg"), "missing"),
        (Path("deep"), "unreadable"),
    ]


def test_one_file_in_full(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    exif.get_ifd(0x8769)[0x9003] = "2018:10:23 17:04:59"
    content = encoded(textured(640, 360), "JPEG", exif=exif)
    path = write(tmp_path, "frame.jpg", content)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    found = probe(path)
    assert found.path == path
    assert found.content_hash == hashlib.blake2b(content, digest_size=16).hexdigest()
    assert found.size_bytes == len(content)
    assert found.mtime_ns == path.stat().st_mtime_ns
    assert (found.width, found.height, found.format, found.note) == (360, 640, "JPEG", None)
    assert found.exif.taken_at == datetime(2018, 10, 23, 17, 4, 59)
    shown = open_image(content, longest=256)
    assert found.statistics == image_statistics(shown)
    sizes = {size: Image.open(io.BytesIO(jpeg)).size for size, jpeg in found.thumbnails.items()}
    assert sizes == {256: (144, 256), 64: (36, 64)}
    drawn = np.asarray(Image.open(io.BytesIO(found.thumbnails[256])), float)
    assert np.abs(drawn - np.asarray(shown, float)).mean() < 6
    assert not Image.open(io.BytesIO(found.thumbnails[256])).getexif()


def test_small_pictures_are_not_enlarged(tmp_path):
    found = probe(write(tmp_path, "small.png", encoded(textured(40, 30), "PNG")))
    assert {Image.open(io.BytesIO(jpeg)).size for jpeg in found.thumbnails.values()} == {(40, 30)}


def test_a_wrong_ending_is_noted(tmp_path):
    found = probe(write(tmp_path, "frame.jpg", encoded(textured(8, 8), "PNG")))
    assert (found.format, found.note) == ("PNG", "its ending says JPEG, it is PNG")
    assert probe(write(tmp_path, "frame.JPEG", encoded(textured(8, 8), "JPEG"))).note is None
    assert probe(write(tmp_path, "frame", encoded(textured(8, 8), "JPEG"))).note is None


def test_the_file_is_opened_once(tmp_path, monkeypatch):
    path = write(tmp_path, "frame.png", encoded(textured(), "PNG"))
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments[0]) or real(*arguments))
    probe(path, tmp_path)
    assert opened == [path.resolve()]


def test_outside_only_matters_with_a_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    path = write(tmp_path, "frame.png", encoded(textured(8, 8), "PNG"))
    assert probe(path).width == 8
    with pytest.raises(ImageError) as caught:
        probe(path, root)
    assert caught.value.code == "outside"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_of_trouble(tmp_path, workers):
    cases = folder_of_trouble(tmp_path)
    told: list[tuple[int, int]] = []
    found = list(
        probe_many(
            [path for path, _ in cases],
            tmp_path / "dataset",
            workers=workers,
            progress=lambda done, total: told.append((done, total)),
            chunk=3,
        )
    )
    assert [item.path for item in found] == [path for path, _ in cases]
    assert [item.code if isinstance(item, Unusable) else None for item in found] == [code for _, code in cases]
    for item in found:
        if isinstance(item, Unusable):
            assert "\n" not in item.reason
            assert item.reason
    assert told == [(done, len(cases)) for done in range(1, len(cases) + 1)]


def test_the_number_of_workers_changes_nothing(tmp_path):
    paths = [write(tmp_path, f"{seed}.jpg", encoded(textured(200, 150, seed), "JPEG")) for seed in range(12)]
    alone = list(probe_many(paths, tmp_path, workers=0))
    assert alone == list(probe_many(paths, tmp_path, workers=2, chunk=1))
    assert len({item.content_hash for item in alone if isinstance(item, Probe)}) == 12


def test_cancelling_keeps_what_was_taken(tmp_path):
    paths = [write(tmp_path, f"{seed}.png", encoded(textured(16, 16, seed), "PNG")) for seed in range(20)]

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise Cancelled("stopped")

    taken: list[Probe | Unusable] = []
    with pytest.raises(Cancelled):
        taken.extend(probe_many(paths, tmp_path, workers=1, progress=stop))
    assert [item.path for item in taken] == paths[:5]


def kill_for_one_name(path: Path, root: Path) -> Probe | Unusable:
    """Stands for a file that crashes its decoder."""
    if path.name == "killer.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return module._probe_or_reason(path, root, (256, 64))


def test_a_file_that_kills_its_reader_is_unusable(tmp_path):
    paths = [write(tmp_path, name, encoded(textured(16, 16), "PNG")) for name in ("a.png", "killer.png", "z.png")]
    found = list(ordered_map(partial(kill_for_one_name, root=tmp_path), paths, module._lost, workers=1))
    assert [type(item) for item in found] == [Probe, Unusable, Probe]
    assert found[1].code == "unreadable"
    assert "'killer.png' cannot be read (its process was ended by SIGKILL)" in found[1].reason


def test_equal_bytes_have_equal_hashes_wherever_they_lie(tmp_path):
    content = encoded(textured(16, 16), "PNG")
    one, other = (probe(write(tmp_path, name, content)) for name in ("a.png", "b.png"))
    assert replace(other, path=one.path, mtime_ns=one.mtime_ns) == one
