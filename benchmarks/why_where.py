"""Where do why-maps point? On TrashCan's masks: animals in front of a reference without animals, beside baselines.

    python -m benchmarks.why_where [--limit 500] [--shared ../shared] [--demo WORKSPACE]

For each of the two cameras the reference is every frame without an animal and the targets are the frames with one; a
frame is compared with other videos only. Maps are judged by the masks of the animals, in pixels: pointing game, energy
inside, and the chance that a pixel on an animal is higher than one beside. Intervals are bootstrapped over videos, also
of the difference to the best baseline (of any grid). With ``--demo`` the demonstration's truly new animals take
TrashCan's place, by the product's own ``explain-check`` on its newest run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import append_result
from core.embed.embedder import Embedder
from core.embed.geometry import InputGeometry
from core.embed.load import load_embedder
from core.embed.prepare import prepare
from core.explain.baselines import activation_norm, centre_blob, random_map
from core.explain.boxes import decode_mask, find_boxes, overlap
from core.explain.classes import class_maps, top_classes
from core.explain.drawing import draw_cells
from core.explain.exact import additive_map, centred_map, knn_split, pooled, unit
from core.explain.faithfulness import energy_inside, group_interval, pointing_game, ranking_auc
from core.explain.features import feature_maps
from core.explain.gradient import embedding_map
from core.explain.grids import Grid, joined_geometry, on_grid, tile_boxes, tile_geometry
from core.explain.heads import own_head
from core.explain.novelty import CellBank, bank_rows, make_bank, novelty_map
from core.images.decode import open_image
from core.settings import EmbedSettings

K = 10
BASELINES = ("random", "centre blob", "activation norm", "Grad-CAM of the class", "Grad-CAM of the embedding")
MEASURES = ("pointing", "energy", "ranking", "boxes")
PACKAGES = ("torch", "torchvision", "numpy", "grad-cam")


def is_baseline(name: str) -> bool:
    """Whether a way knows nothing of the score, on whatever grid."""
    return name.split(",")[0] in BASELINES


class Frames:
    """The frames of one camera, their pictures, videos and animals."""

    def __init__(self, shared: Path, camera: str) -> None:
        self.folder = shared / "data/trashcan"
        coco = json.loads((self.folder / "instances.coco.json").read_text(encoding="utf-8"))
        kinds = {one["id"]: one["supercategory"] for one in coco["categories"]}
        self.entries = [one for one in coco["images"] if one["camera"] == camera]
        animals: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for note in coco["annotations"]:
            if kinds[note["category_id"]] == "animal":
                animals[note["image_id"]].append(note)
        self.animals = [animals[one["id"]] for one in self.entries]
        self.videos = np.unique([one["video"] for one in self.entries], return_inverse=True)[1]
        self.with_animal = np.array([bool(notes) for notes in self.animals])

    def geometry(self, embedder: Embedder, row: int) -> InputGeometry:
        return embedder.geometry(self.entries[row]["width"], self.entries[row]["height"])

    def pixels(self, embedder: Embedder, rows: Sequence[int], geometries: Sequence[InputGeometry]) -> Tensor:
        pictures = [open_image(self.folder / "images" / self.entries[row]["file_name"]) for row in rows]
        return torch.stack([prepare(one, seen) for one, seen in zip(pictures, geometries, strict=True)])

    def activations(self, embedder: Embedder, rows: Sequence[int]) -> Tensor:
        pixels = self.pixels(embedder, rows, [self.geometry(embedder, row) for row in rows])
        with torch.no_grad():
            return embedder.activations(embedder.normalise(pixels))

    def mask(self, row: int) -> np.ndarray:
        return np.logical_or.reduce([decode_mask(note["segmentation"]) for note in self.animals[row]])


def bank_on(frames: Frames, embedder: Embedder, reference: np.ndarray) -> CellBank:
    rows = np.sort(bank_rows(reference, frames.videos[reference]))

    def batches() -> Iterator[tuple[Tensor, list[int]]]:
        for start in range(0, len(rows), 8):
            part = rows[start : start + 8].tolist()
            yield frames.activations(embedder, part), frames.videos[part].tolist()

    return make_bank(batches(), len(rows))


def maps_of(
    frames: Frames, row: int, mean: Tensor, networks: dict[Grid, Embedder], banks: dict[Grid, CellBank], head: Any
) -> dict[str, tuple[np.ndarray, InputGeometry]]:
    """Every way's cells and geometry for one frame."""
    found: dict[str, tuple[np.ndarray, InputGeometry]] = {}
    video = [int(frames.videos[row])]
    for grid, embedder in networks.items():
        seen = frames.geometry(embedder, row)
        values = frames.activations(embedder, [row])
        split = knn_split(pooled(values), mean)
        ending = "" if grid == "usual" else f", {grid}"
        ways = {
            "centred": centred_map(values, split),
            "additive": additive_map(values, split),
            "novel": novelty_map(values, video, banks[grid]),
            "activation norm": activation_norm(values),
        }
        if grid == "usual":
            ways["features"] = feature_maps(values, split.contributions(unit(pooled(values)))).combined
            ways["Grad-CAM of the embedding"] = embedding_map(embedder, values)
            if head is not None:
                guess = top_classes(values, head)
                ways["Grad-CAM of the class"] = class_maps(embedder, values, head, guess, method="grad-cam")
            shape = (int(values.shape[2]), int(values.shape[3]))
            found["random"] = random_map(shape, row), seen
            found["centre blob"] = centre_blob((90, 160)), seen
        found |= {name + ending: (cells[0].numpy(), seen) for name, cells in ways.items()}
    found |= tiled(frames, row, mean, networks["usual"], banks["larger"], video)
    return found


def tiled(
    frames: Frames, row: int, mean: Tensor, embedder: Embedder, bank: CellBank, video: list[int]
) -> dict[str, tuple[np.ndarray, InputGeometry]]:
    region = frames.geometry(embedder, row)
    geometries = [tile_geometry(embedder, region, box) for box in tile_boxes(region, 2, 2)]
    pixels = frames.pixels(embedder, [row] * 4, geometries)
    with torch.no_grad():
        values = embedder.features(embedder.normalise(pixels))
    split = knn_split(pooled(values), mean.expand(4, -1))
    whole = joined_geometry(region, geometries[0], 2, 2)
    found = {}
    ways = {"centred, tiles": centred_map(values, split), "novel, tiles": novelty_map(values, video * 4, bank)}
    for name, cells in ways.items():
        top, bottom = torch.cat([cells[0], cells[1]], 1), torch.cat([cells[2], cells[3]], 1)
        found[name] = torch.cat([top, bottom]).numpy(), whole
    return found


def judge(frames: Frames, row: int, cells: np.ndarray, seen: InputGeometry, mask: np.ndarray) -> dict[str, float]:
    drawn = draw_cells(cells, seen)
    boxes = [one.box for one in find_boxes(drawn)]
    met = [any(overlap(tuple(note["bbox"]), box) >= 0.3 for box in boxes) for note in frames.animals[row]]
    return {
        "pointing": float(pointing_game(drawn, mask)),
        "energy": energy_inside(drawn, mask),
        "ranking": ranking_auc(drawn, mask),
        "boxes": float(np.mean(met)),
    }


def measure(shared: Path, camera: str, limit: int) -> dict[str, Any]:
    weights = shared / "weights/mobilenet_v2-imagenet1k-features.safetensors"
    usual = load_embedder(EmbedSettings("mobilenet_v2", str(weights), device="cpu"))
    whole = shared / "weights/mobilenet_v2-imagenet1k.safetensors"
    head = own_head(load_embedder(EmbedSettings("mobilenet_v2", str(whole), device="cpu"))) if whole.is_file() else None
    networks: dict[Grid, Embedder] = {name: on_grid(usual, name) for name in ("usual", "larger", "dilated")}
    frames = Frames(shared, camera)
    began = time.monotonic()
    vectors = []
    for start in range(0, len(frames.entries), 16):
        rows = list(range(start, min(start + 16, len(frames.entries))))
        vectors.append(unit(pooled(frames.activations(usual, rows))))
    units = torch.cat(vectors)
    reference = np.flatnonzero(~frames.with_animal)
    banks = {grid: bank_on(frames, embedder, reference) for grid, embedder in networks.items()}
    targets = np.flatnonzero(frames.with_animal)
    targets = np.sort(bank_rows(targets, frames.videos[targets], limit))
    print(f"{camera}: {len(targets)} frames, prepared in {time.monotonic() - began:.0f} s", flush=True)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    covered = []
    for row in targets.tolist():
        others = reference[frames.videos[reference] != frames.videos[row]]
        nearest = others[(units[others] @ units[row]).topk(K).indices.numpy()]
        mask = frames.mask(row)
        covered.append(float(mask.mean()))
        maps = maps_of(frames, row, units[nearest].mean(0)[None], networks, banks, head)
        for name, (cells, seen) in maps.items():
            for what, value in judge(frames, row, cells, seen, mask).items():
                values[what][name].append(value)
    groups = frames.videos[targets]
    return {
        "frames": len(targets),
        "videos": len(np.unique(groups)),
        "animals_cover": float(np.mean(covered)),
        "measures": {what: summarised(values[what], groups) for what in MEASURES},
    }


def summarised(values: dict[str, list[float]], groups: np.ndarray) -> dict[str, Any]:
    """Means with intervals, and each way's lead over the best baseline."""
    rival = max((name for name in values if is_baseline(name)), key=lambda name: np.nanmean(values[name]))
    rows = {}
    for name, numbers in sorted(values.items(), key=lambda item: -np.nanmean(item[1])):
        lead = np.array(numbers) - np.array(values[rival])
        rows[name] = {
            "mean": [round(value, 4) for value in group_interval(np.array(numbers), groups)],
            "lead": [round(value, 4) for value in group_interval(lead, groups)],
        }
    return {"best_baseline": rival, "ways": rows}


def demonstration(folder: Path, limit: int) -> dict[str, Any]:
    """What ``explain-check`` measures on the demonstration's new animals, by their rendered masks."""
    from core.explain.check import check_maps
    from core.explain.report import check_json, check_text
    from core.workspace import open_workspace

    workspace = open_workspace(folder, create=False)
    try:
        info = next(info for info in workspace.runs() if info.state == "done")
        check = check_maps(workspace.open_run(info.id), workspace, limit=limit)
    finally:
        workspace.close()
    print(check_text(check))
    return check_json(check)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=500, help="frames a camera, evenly from its videos")
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[1] / ".." / "shared")
    parser.add_argument("--demo", type=Path, help="workspace of the demonstration, to measure instead")
    words = parser.parse_args()
    if words.demo is not None:
        print(
            "kept in", append_result("why_where", {"demo": demonstration(words.demo, words.limit)}, packages=PACKAGES)
        )
        return
    figures: dict[str, Any] = {"k": K}
    for camera in ("16:9", "4:3"):
        found = measure(words.shared.resolve(), camera, words.limit)
        figures[camera] = found
        print(f"animals cover {found['animals_cover']:.3f} of {found['frames']} frames of {found['videos']} videos")
        for what, table in found["measures"].items():
            print(f"\n{camera} {what} (best baseline: {table['best_baseline']})")
            for name, row in table["ways"].items():
                mark = " (baseline)" if is_baseline(name) else ""
                mean, lead = (f"{one[0]:.3f} [{one[1]:.3f}, {one[2]:.3f}]" for one in (row["mean"], row["lead"]))
                print(f"  {name + mark:38} {mean}   lead {lead}", flush=True)
    print("kept in", append_result("why_where", figures, packages=PACKAGES))


if __name__ == "__main__":
    main()
