"""Import: hash, EXIF, size and two thumbnails of every image, against a bare Pillow loop in as many processes.

The product also measures eight statistics of every picture, guards against hostile files, and leaves thumbnails that
survive a kill; the baseline does none of this. Both read the same files, from the page cache, and write the thumbnails
to disk. Run as ``python -m benchmarks.import_images``; the images are ``../shared/data/trashcan``, or rendered noise
where those are absent.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import multiprocessing
import resource
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import alternate, append_result
from core.images.probe import Probe, Unusable, probe_many
from core.images.thumbnails import ThumbnailStore

REAL = Path(__file__).parents[1] / ".." / "shared" / "data" / "trashcan" / "images"
CALL = 256  # images in one call of the thumbnail store

Found = tuple[str, tuple[int, int]]


def bare(path: Path) -> tuple[str, tuple[int, int], dict[int, Any], bytes, bytes]:
    """What anybody would write with Pillow for one image."""
    content = path.read_bytes()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    image = Image.open(io.BytesIO(content))
    exif = image.getexif()
    facts = {**exif, **exif.get_ifd(0x8769), **exif.get_ifd(0x8825)}
    size = image.size
    thumbnails = []
    for side in (256, 64):
        image.thumbnail((side, side))
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=85)
        thumbnails.append(out.getvalue())
    return digest, size, facts, thumbnails[0], thumbnails[1]


def baseline(paths: Sequence[Path], workers: int, folder: Path) -> list[Found]:
    """A pool of the platform's usual kind over `bare`, thumbnails end to end in two files."""
    folder.mkdir()
    found = []
    with (
        multiprocessing.Pool(workers) as pool,
        (folder / "256.bin").open("wb") as large,
        (folder / "64.bin").open("wb") as small,
    ):
        for digest, size, _, grid, atlas in pool.imap(bare, paths, chunksize=8):
            large.write(grid)
            small.write(atlas)
            found.append((digest, size))
    return found


def product(paths: Sequence[Path], root: Path, workers: int, folder: Path) -> list[Found]:
    """`probe_many` into a `ThumbnailStore`."""
    found: list[Found] = []
    with ThumbnailStore(folder) as store:
        for group in grouped(probe_many(paths, root, workers=workers)):
            usable = [item for item in group if isinstance(item, Probe)]
            store.append((item.content_hash, item.thumbnails) for item in usable)
            found.extend((item.content_hash, (item.width, item.height)) for item in usable)
    return found


def processor_seconds() -> float:
    """User and system time of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def grouped(items: Iterator[Probe | Unusable]) -> Iterator[list[Probe | Unusable]]:
    while group := list(islice(items, CALL)):
        yield group


def rendered(folder: Path, count: int) -> Path:
    """JPEGs of 960 x 540, noise over gradients."""
    folder.mkdir()
    for seed in range(count):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:540, 0:960]
        base = np.stack([x / 8, y / 4 + 30, 160 - x / 10], axis=-1) + rng.normal(0, 10, (540, 960, 3))
        Image.fromarray(np.clip(base, 0, 255).astype(np.uint8)).save(folder / f"{seed:05}.jpg", quality=88)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=Path, help="a folder of images instead")
    parser.add_argument(
        "--limit", type=int, default=4000, help="files read (the folder is gone through again if short)"
    )
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"baseline": [], "product": []}

    def counted(name: str, work: Callable[[], list[Found]]) -> list[Found]:
        """Also note the processor's seconds, which other programs on the machine disturb less than the clock's."""
        before = processor_seconds()
        found = work()
        seconds[name].append(processor_seconds() - before)
        return found

    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        root = options.images or (REAL.resolve() if REAL.is_dir() else rendered(scratch / "rendered", 400))
        once = sorted(path for path in root.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
        paths = (once * -(-options.limit // len(once)))[: options.limit]
        out = scratch / "out"
        compared = alternate(
            partial(counted, "baseline", partial(baseline, paths, options.workers, out)),
            partial(counted, "product", partial(product, paths, root, options.workers, out)),
            repeats=options.repeats,
            before=lambda: shutil.rmtree(out, ignore_errors=True),
        )
    if compared.baseline != compared.product:
        raise SystemExit("baseline and product disagree on hashes or sizes")
    work = statistics.median(b / p for b, p in zip(seconds["baseline"], seconds["product"], strict=True))
    rate = len(paths) / compared.figures()["product_seconds"]
    print(f"{len(paths)} files of {root.parent.name}/{root.name}, {options.workers} workers: {compared}")
    print(
        f"equal hashes and sizes; {work:.2f} x the speed by processor seconds; product {rate:.0f} files a second here"
    )
    figures = {"files": len(paths), "images": root.parent.name, "workers": options.workers, **compared.figures()}
    figures["processor_ratio"] = round(work, 4)
    append_result("import_images", figures, packages=("pillow", "numpy"))


if __name__ == "__main__":
    main()
