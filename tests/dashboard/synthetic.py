"""A tiny workspace with drawn pictures and a made-up but lawful run: imported for real, scored by formula.

The catalogue, the thumbnails and the files are what the product itself writes; only the numbers of the run are
invented, so that pages can be tried without a network being run.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from core.artefacts import ArtefactStore, digest
from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.catalogue.regions import dataset_ids, ensure_regions, region_table
from core.settings import RegionSettings, RunSettings
from core.workspace import Workspace, open_workspace

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
CONCEPTS = ("urchin", "sea star", "sea pen", "crab", "ray", "squid", "anemone", "<b>bold</b> sponge")
COLOURS = (
    (150, 60, 130),
    (220, 130, 60),
    (200, 180, 140),
    (190, 80, 60),
    (130, 140, 150),
    (180, 60, 70),
    (230, 160, 170),
    (210, 200, 90),
)


@dataclass(frozen=True)
class Embeddings:
    """As the pipeline stores them."""

    vectors: np.ndarray


@dataclass(frozen=True)
class Graph:
    """As the pipeline stores it."""

    indices: np.ndarray
    distances: np.ndarray


def picture(seed: int, kinds: list[int], depth: float, size: tuple[int, int] = (320, 180)) -> Image.Image:
    """A dim sea floor, darker with depth, with an animal of each kind."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    light = np.exp(-0.9 * (x**2 + (y + 0.2) ** 2)) * (1.1 - depth / 2200)
    base = np.stack([light * 70, light * 120, light * 130], axis=2) + rng.normal(0, 6, (size[1], size[0], 3))
    image = Image.fromarray(np.clip(base, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for kind in kinds:
        cx, cy, r = rng.integers(50, size[0] - 50), rng.integers(50, size[1] - 40), rng.integers(14, 34)
        for arm in range(4 + kind):
            angle = 2 * np.pi * arm / (4 + kind)
            pen.line((cx, cy, cx + r * np.cos(angle), cy + r * np.sin(angle)), fill=COLOURS[kind], width=6)
        pen.ellipse((cx - r / 2, cy - r / 2, cx + r / 2, cy + r / 2), fill=COLOURS[kind])
    return image.filter(ImageFilter.GaussianBlur(0.8))


def make_collection(folder: Path, dives: int, frames: int) -> Path:
    """Pictures and a table with everything a page shows; some values are missing, some names are hostile."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(7)
    rows = []
    for dive in range(dives):
        depth, begin = (
            60 + 1240 * dive / max(1, dives - 1),
            datetime(2021, 4, 2, tzinfo=UTC) + timedelta(days=5 * dive, hours=9),
        )
        for frame in range(frames):
            allowed = [k for k in range(len(CONCEPTS)) if abs(k * 160 - depth) < 420]
            kinds = (
                sorted(rng.choice(allowed, size=min(len(allowed), int(rng.integers(0, 4))), replace=False).tolist())
                if allowed
                else []
            )
            name = HOSTILE if (dive, frame) == (dives - 1, 0) else f"dive {dive + 1:02d} {frame:03d}.jpg"
            here = depth + rng.normal(0, 12)
            picture(1000 * dive + frame, kinds, here).save(folder / "images" / name, quality=88)
            rows.append(
                {
                    "filename": name,
                    "dive": f"dive {dive + 1}",
                    "depth_m": "" if rng.random() < 0.03 else f"{max(1, here):.1f}",
                    "taken_at": (begin + timedelta(seconds=20 * frame)).isoformat(),
                    "latitude": "" if dive == 1 else f"{36.7 + 0.01 * dive + rng.normal(0, 1e-3):.5f}",
                    "longitude": "" if dive == 1 else f"{-122.0 - 0.012 * dive + rng.normal(0, 1e-3):.5f}",
                    "camera": "cam B" if dive % 7 == 6 else "cam A",
                    "site": ("canyon", "ridge", "plain")[dive % 3],
                    "labels": "|".join(CONCEPTS[k] for k in kinds),
                    "remark": "=1+1",
                }
            )
    table = folder / "frames.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def invented(table: pd.DataFrame, reference: np.ndarray, seed: int = 3) -> tuple[pd.DataFrame, dict[str, object]]:
    """The run's columns for a table of regions: deeper is stranger, and p-values and flags follow the scores."""
    rng = np.random.default_rng(seed)
    count = len(table)
    depth = table["depth_m"].fillna(500).to_numpy(dtype=float)
    score = np.clip(0.08 + 0.04 * rng.gamma(2, 1, count) + np.where(depth > 800, 0.0003 * (depth - 800), 0), 0, 2)
    known = np.sort(score[reference])
    at_least = len(known) - np.searchsorted(known, score, side="left")
    p_value = (1 + at_least) / (len(known) + 1)
    table = table.copy()
    table["set"] = np.where(reference, "reference", "target")
    table["ood_score"] = score.astype(np.float32)
    table["ood_percentile"] = 100 * np.searchsorted(known, score, side="right") / len(known)
    table["p_value"] = p_value
    table["flagged"] = p_value <= 0.05
    cluster = np.floor(depth / 250).astype(int)
    angle = rng.uniform(0, 2 * np.pi, count)
    table["x"], table["y"] = cluster * 4 + np.cos(angle), (cluster % 2) * 5 + np.sin(angle)
    table["cluster"] = np.where(rng.random(count) < 0.05, -1, cluster)
    table["cluster_probability"] = np.where(table["cluster"] < 0, 0.0, rng.uniform(0.3, 1, count))
    table["cluster_outlier_score"] = rng.uniform(0, 1, count)
    groups = int(table["group"][reference].nunique())
    flag = {
        "flag_rule": "conformal p<=0.05",
        "alpha": 0.05,
        "groups": groups,
        "certified": True,
        "smallest_p": 1 / (groups + 1),
        "threshold": float(np.quantile(known, 0.95)),
        "sentence": f"Flagged means p ≤ 0.05. This rests on {groups} independent reference groups.",
    }
    return table, flag


def write_run(space: Workspace, settings: RunSettings, name: str, table: pd.DataFrame, flag: dict[str, object]) -> int:
    """Store a run as the pipeline would and note it as done; returns its id."""
    info = space.journal.start(name, digest(name), settings, "tester")
    count = len(table)
    rng = np.random.default_rng(0)
    store: ArtefactStore = space.artefacts
    reference = np.flatnonzero(table["set"].isin(["reference", "both"]))
    depth = table["depth_m"].fillna(500).to_numpy(dtype=float)
    near = np.argsort(np.abs(depth[:, None] - depth[reference][None, :]), axis=1, kind="stable")[:, :12]
    distances = np.sort(rng.uniform(0.03, 0.4, (count, near.shape[1])).astype(np.float32), axis=1)
    key = digest(name, str(count))
    store.save("embeddings", key, Embeddings(rng.normal(size=(count, 8)).astype(np.float32)))
    store.save("graph_reference", key, Graph(reference[near].astype(np.int64), distances))
    whole = np.concatenate([np.arange(count)[:, None], reference[near[:, :7]]], axis=1).astype(np.int64)
    far = np.concatenate([np.zeros((count, 1), np.float32), distances[:, :7]], axis=1)
    for row in range(1, count, 4):  # a picture that was taken twice
        if table["group"].iloc[row] == table["group"].iloc[row - 1]:
            whole[row, 1], far[row, 1] = row - 1, 0.004
    store.save("graph_all", key, Graph(whole, far))
    folder = space.run_folder(info.id)
    folder.mkdir(parents=True)
    table.to_parquet(folder / "regions.parquet", index=False)
    counts = {"regions": count, "images": int(table["image_id"].nunique()), "flagged": int(table["flagged"].sum())}
    manifest = {
        "key": key,
        "settings": settings.to_json(),
        "counts": counts,
        "k": 10,
        "flag": flag,
        "lacking": {},
        "failures": [],
        "embedder": {"name": settings.embed.embedder, "key": "drawn", "precision": "fp32"},
        "artefacts": dict.fromkeys(("embeddings", "graph_all", "graph_reference"), key),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    space.journal.finish(info.id, counts)
    return info.id


def make_workspace(folder: Path, dives: int = 24, frames: int = 4, *, parts: bool = True) -> Path:
    """A workspace with one run over whole images and, if wanted, one over tiles; returns its folder."""
    table = make_collection(folder / "collection", dives, frames)
    space = open_workspace(folder / "workspace")
    options = ReadOptions(images=folder / "collection" / "images", group="dive")
    now = datetime(2024, 1, 1, tzinfo=UTC)
    import_images(space, plan_import(table, options), dataset="drawn", actor="tester", now=now, workers=1)
    ids = dataset_ids(space.database, ["drawn"])
    for regions in [RegionSettings(), *([RegionSettings("tiles", 2, 2)] if parts else [])][::-1]:
        ensure_regions(space.database, ids, regions)
        rows = region_table(space.database, ids, regions)
        reference = (rows["depth_m"].fillna(0) < 800).to_numpy()
        settings = RunSettings(("drawn",), ("depth_m<800",), regions=regions)
        judged, flag = invented(rows, reference)
        write_run(space, settings, "Drawn" if regions.kind == "image" else "Drawn in parts", judged, flag)
    space.close()
    return folder / "workspace"


if __name__ == "__main__":
    import sys

    print(make_workspace(Path(sys.argv[1]), *(int(value) for value in sys.argv[2:4])))
