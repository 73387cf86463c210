"""Images to embeddings, against the bare forward loop over tensors in memory: same network, precision and batches.

The product opens, decodes and resizes every file, embeds it and brings the embeddings to disk; the baselines find
their inputs ready in memory. Two baselines: the product's own network (batch norms folded), so that the ratio tells
what everything around the forward pass costs, and the network as torchvision builds it (channels last). On a CUDA
device what can be reached is the lower of forward rate and decode rate; both are printed.

Run as ``python -m benchmarks.embed``; the images are ``../shared/data/trashcan``, or rendered noise where those are
absent; weights are the shared ones where there are any for a network, and random ones else.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models

from benchmarks.common import alternate, append_result
from core.embed.anatomy import dissect
from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.embed.loop import RegionJob, default_workers, embed_regions
from core.embed.prepare import prepare
from core.embed.store import EmbeddingStore
from core.embed.weights import fit_weights, read_weights
from core.images.decode import open_image
from core.settings import EmbedSettings

SHARED = Path(__file__).parents[1] / ".." / "shared"
IMAGES = SHARED / "data" / "trashcan" / "images"
WEIGHTS = {"mobilenet_v2": SHARED / "weights" / "mobilenet_v2-imagenet1k-features.safetensors"}
TOLERANCE = 1e-5

Batches = list[tuple[list[int], Tensor]]


def random_weights(name: str, folder: Path) -> Path:
    """Weights of any network, drawn with a fixed seed."""
    torch.manual_seed(0)
    path = folder / f"{name}.pth"
    torch.save(models.get_model(name, weights=None).state_dict(), path)
    return path


def rendered(folder: Path, count: int) -> Path:
    """JPEGs of 960 x 540, noise over gradients."""
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:540, 0:960]
        base = np.stack([x / 8, y / 4 + 30, 160 - x / 10], axis=-1) + rng.normal(0, 10, (540, 960, 3))
        Image.fromarray(np.clip(base, 0, 255).astype(np.uint8)).save(folder / f"{seed:05}.jpg", quality=88)
    return folder


def jobs_of(folder: Path, limit: int) -> list[RegionJob]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise SystemExit(f"there are no images in {folder}")
    jobs = []
    for number in range(limit):
        path = paths[number % len(paths)]
        with Image.open(path) as image:
            jobs.append(RegionJob(f"{number:08x}", path, *image.size))
    return jobs


def product(jobs: Sequence[RegionJob], embedder: Embedder, workers: int, folder: Path) -> np.ndarray:
    """The whole way: files in, a store of embeddings out."""
    keys = [job.key for job in jobs]
    with EmbeddingStore(folder, embedder.key, embedder.dimension) as store:
        embed_regions(
            jobs,
            embedder,
            on_batch=lambda batch: store.append([keys[i] for i in batch.indices], batch.vectors),
            workers=workers,
        )
    return store.read(keys)


def batches_in_memory(jobs: Sequence[RegionJob], embedder: Embedder, workers: int) -> Batches:
    """The product's batches, decoded and normalised, on the device."""
    indices: list[list[int]] = []
    embed_regions(jobs, embedder, on_batch=lambda batch: indices.append(batch.indices.tolist()), workers=workers)
    return [
        (members, embedder.normalise(torch.stack([pixels(jobs[index], embedder) for index in members])))
        for members in indices
    ]


def pixels(job: RegionJob, embedder: Embedder) -> Tensor:
    geometry = embedder.geometry(job.width, job.height)
    return prepare(open_image(job.path, longest=geometry.decode_longest), geometry)


def bare(batches: Batches, forward: Callable[[Tensor], Tensor], embedder: Embedder) -> np.ndarray:
    """What anybody would write: a loop over batches in inference mode."""
    with (
        torch.inference_mode(),
        torch.autocast(embedder.device.type, torch.bfloat16, enabled=embedder.precision == "bf16"),
    ):
        parts = [forward(images).float() for _, images in batches]
        return np.concatenate([part.cpu().numpy() for part in parts])


def plain_network(name: str, weights: Path, embedder: Embedder) -> Callable[[Tensor], Tensor]:
    """The network as torchvision builds it, without its head, channels last."""
    network = models.get_model(name, weights=None).eval()
    anatomy = dissect(network)
    fit_weights(network, anatomy, [], read_weights(weights), source=name)
    whole = nn.Sequential(anatomy.body, anatomy.ending)
    return whole.to(embedder.device).to(memory_format=torch.channels_last)


def decode_rate(jobs: Sequence[RegionJob], embedder: Embedder, workers: int) -> float:
    """Images a second, decoded and resized by as many threads and not embedded."""
    with ThreadPoolExecutor(workers) as pool:
        began = time.perf_counter()
        for _ in pool.map(lambda job: pixels(job, embedder), jobs):
            pass
        return len(jobs) / (time.perf_counter() - began)


def measure(name: str, weights: Path, jobs: Sequence[RegionJob], options: argparse.Namespace, out: Path) -> None:
    settings = EmbedSettings(
        embedder=name, weights=str(weights), batch=options.batch, device=options.device, precision=options.precision
    )
    embedder = load_embedder(settings)
    workers = options.workers or default_workers(embedder)
    batches = batches_in_memory(jobs, embedder, workers)
    order = [index for members, _ in batches for index in members]

    def own(images: Tensor) -> Tensor:
        return embedder.pool(embedder.activations(images))

    for label, forward in (("own", own), ("torchvision", plain_network(name, weights, embedder))):
        compared = alternate(
            partial(bare, batches, forward, embedder),
            partial(product, jobs, embedder, workers, out),
            repeats=options.repeats,
            before=lambda: shutil.rmtree(out, ignore_errors=True),
        )
        scale = float(np.abs(compared.baseline).max())
        difference = float(np.abs(compared.product[order] - compared.baseline).max()) / scale
        if embedder.precision == "fp32" and difference > TOLERANCE:
            raise SystemExit(f"{name}: the answers differ by {difference:.1e} of full scale")
        forward_rate = len(jobs) / compared.figures()["baseline_seconds"]
        decoding = decode_rate(jobs, embedder, workers)
        reached = len(jobs) / compared.figures()["product_seconds"] / min(forward_rate, decoding)
        print(f"{name} on {embedder.device} in {embedder.precision}, {label} forward pass: {compared}")
        print(
            f"  equal to {difference:.0e} of full scale; decoding alone is {decoding / forward_rate:.1f} x the forward "
            f"rate; {100 * reached:.0f} % of the lower of both"
        )
        if embedder.device.type == "cuda":
            print(f"  {len(jobs) / compared.figures()['product_seconds']:.0f} images a second")
        figures = figures_of(embedder, label, jobs, workers, difference, reached) | compared.figures()
        append_result("embed", figures, packages=("torch", "torchvision", "pillow"))


def figures_of(
    embedder: Embedder, label: str, jobs: Sequence[RegionJob], workers: int, difference: float, reached: float
) -> dict[str, Any]:
    on_cuda = embedder.device.type == "cuda"
    return {
        "network": embedder.name,
        "baseline": label,
        "device": torch.cuda.get_device_name(embedder.device) if on_cuda else str(embedder.device),
        "precision": embedder.precision,
        "batch": embedder.settings.batch,
        "threads": torch.get_num_threads(),
        "workers": workers,
        "images": len(jobs),
        "difference": difference,
        "share_of_lower_bound": round(reached, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["mobilenet_v2", "resnet50"])
    parser.add_argument("--limits", type=int, nargs="+", default=[640, 128], help="images for each network")
    parser.add_argument("--images", type=Path, help="a folder of images instead")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, help="decoding threads; by default as many as the product takes")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        folder = options.images or (IMAGES.resolve() if IMAGES.is_dir() else rendered(scratch / "rendered", 200))
        for name, limit in zip(options.networks, options.limits, strict=True):
            shared = WEIGHTS.get(name)
            weights = shared if shared is not None and shared.is_file() else random_weights(name, scratch)
            measure(name, weights, jobs_of(folder, limit), options, scratch / "out")


if __name__ == "__main__":
    main()
