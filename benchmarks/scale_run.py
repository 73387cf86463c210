"""A whole run over a million regions whose embeddings are there: how long each stage takes, and how much memory.

    python -m benchmarks.scale_run --regions 1000000 --keep FOLDER

Writes a workspace with that many images in its catalogue and structured embeddings of 256 numbers in its store
(`benchmarks.scale` says why structured), then calls ``benthoscope run --fast`` in a process of its own, as a person
would. The pictures themselves are not there, so nothing is embedded and pages show no thumbnails; all else is the
product's own way, from the catalogue to the written run. ``--keep`` leaves the workspace to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.common import append_result

DATASET = "structured"
BATCH = 4096


def fill(folder: Path, regions: int) -> None:
    """A workspace with `regions` images, half of them below 800 m, and the demo embedder's store filled."""
    from sqlalchemy import insert

    from benchmarks.ood_scores import structured
    from core.artefacts import digest
    from core.catalogue.schema import Dataset, Image, LabelSet
    from core.embed.load import load_embedder
    from core.embed.store import EmbeddingStore, region_key
    from core.settings import EmbedSettings
    from core.workspace import open_workspace

    collection = structured(regions // 2, regions - regions // 2, 256)
    hashes = [digest("structured", str(row)) for row in range(regions)]
    began = datetime(2020, 1, 1, tzinfo=UTC)
    space = open_workspace(folder)
    with space.database.write() as session:
        labels = LabelSet(name=DATASET)
        session.add(labels)
        session.flush()
        dataset = Dataset(name=DATASET, root=str(folder), label_set_id=labels.id, actor="benchmark", created_at=began)
        session.add(dataset)
        session.flush()
        for start in range(0, regions, BATCH):
            rows = range(start, min(start + BATCH, regions))
            session.execute(insert(Image), [_image(dataset.id, row, hashes[row], collection, began) for row in rows])
    embedder = load_embedder(EmbedSettings())
    with EmbeddingStore(folder / "embeddings", embedder.key, embedder.dimension) as store:
        for start in range(0, regions, BATCH):
            vectors = collection.embeddings[start : start + BATCH].astype(np.float16).astype(np.float32)
            store.append([region_key(one, None) for one in hashes[start : start + BATCH]], vectors)
    space.close()


def _image(dataset: int, row: int, content: str, collection, began: datetime) -> dict[str, object]:  # type: ignore[no-untyped-def]
    dive = int(collection.dive[row])
    return {
        "dataset_id": dataset,
        "path": f"dive-{dive:03d}/frame-{row:07d}.jpg",
        "status": "ok",
        "content_hash": content,
        "hash_name": "blake2b-128",
        "width": 1280,
        "height": 720,
        "taken_at": began + timedelta(hours=12 * dive, seconds=row % 36_000),
        "depth_m": float(100 + 15 * dive if collection.reference[row] else 900 + 15 * dive),
        "group": f"dive {dive}",
        "site": f"site {dive % 12}",
        "statistics": {},
        "extra": {},
    }


def memory_of(process: int) -> float:
    """MiB of a process' own memory, without mapped files."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


def measured(folder: Path) -> dict[str, object]:
    """``benthoscope run`` over the workspace."""
    command = [sys.executable, "-m", "core.cli", "run", DATASET, "--reference", "depth_m<800", "--fast", "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--workspace", str(folder)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    peak, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.2):
            peak = max(peak, memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = process.communicate()
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    used = os.times()
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used.children_user + used.children_system, 1),
        "peak_mib": round(peak),
        "said": json.loads(said),
    }


def main() -> None:
    """Write the workspace, run, write a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the workspace here")
    parser.add_argument("--dry", action="store_true", help="write no line")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = wish.keep or Path(place) / "workspace"
        began = time.perf_counter()
        fill(folder, wish.regions)
        print(f"workspace of {wish.regions:,} regions written in {time.perf_counter() - began:.0f} s", flush=True)
        figures = {"regions": wish.regions, "width": 256, **measured(folder)}
    print(json.dumps(figures))
    if not wish.dry:
        append_result("scale_run", figures, packages=("numpy", "torch", "numba", "hdbscan"))


if __name__ == "__main__":
    main()
