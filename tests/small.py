"""A small collection of drawn pictures and a small network with random weights, for tests that run everything."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

NETWORK = "shufflenet_v2_x0_5"


def draw(seed: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A picture of a few discs on a graded ground; equal seeds give equal pictures."""
    rng = np.random.default_rng(seed)
    ground = np.linspace(rng.integers(10, 60), rng.integers(80, 200), size[0]).astype(np.uint8)
    image = Image.fromarray(np.tile(ground, (size[1], 1))).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        x, y, r = rng.integers(0, size[0]), rng.integers(0, size[1]), rng.integers(4, 20)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    return image


def make_collection(folder: Path, dives: int = 24, frames: int = 2) -> Path:
    """Pictures in ``folder/images`` and a table beside them; every third dive is deeper than 800 m.

    Returns:
        The table.
    """
    (folder / "images").mkdir(parents=True)
    rows = []
    for dive in range(dives):
        for frame in range(frames):
            name = f"dive{dive:02d}_{frame}.png"
            draw(1000 * dive + frame).save(folder / "images" / name)
            depth = 900 + dive if dive % 3 == 2 else 100 + dive
            labels = ["crab", "sea star", ""][dive % 3]
            rows.append([name, f"D{dive:02d}", depth, f"2024-05-{dive % 28 + 1:02d}T10:00:0{frame}Z", "cam A", labels])
    table = folder / "frames.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "dive", "depth_m", "taken_at", "camera", "labels"])
        writer.writerows(rows)
    return table


def random_weights(path: Path, seed: int = 0) -> Path:
    """Weights of `NETWORK`, drawn at random and fixed by the seed, as safetensors."""
    import torch
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    network = torchvision.models.get_model(NETWORK, weights=None)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path
