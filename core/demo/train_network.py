"""Train the demonstration's network: ``python -m core.demo.train_network --out assets/demo-network.safetensors``.

The renderer knows every pixel's owner, so the head is taught cell by cell (the share of a cell that a concept covers)
as well as picture by picture; a second, thrown-away head rebuilds each cell's colours, so that features keep what a
thing looks like even where no concept asks for it.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.demo.collection import RENDERER_VERSION
from core.demo.concepts import BY_NAME, KNOWN, REFERENCE_DEPTH
from core.demo.network import FEATURES, FORMAT_VERSION, INPUT_SHORT_SIDE, MEAN, STD, STRIDE, DemoNetwork, facts_path
from core.demo.training_cuts import Batch, batches, normalised
from core.demo.training_frames import DEMO_SEED, KEPT, Frames, gather
from core.demo.world import EARLIER_CAMERAS

_LOOK = 32


@dataclass(frozen=True)
class Settings:
    """Everything the training depends on.

    Attributes:
        seeds: Seeds of the surveys rendered for training; never the demonstration's.
        frames: Frames planned for each of them (those that break the rule are left out).
        hold_out: Every so many dives, one is kept for the held-out figures.
        epochs, batch, rate, decay: AdamW with one cycle of the learning rate.
        dense, colour: Weights of the cell-wise and the colour loss.
        quiet, quiet_look: Cost of features on bare ground, of most channels and of those that rebuild colours.
        chimeras: Share of cuts with a chimera.
        floor: Smallest spread of a feature that is levelled, as a share of the median.
        average_from: Share of training after which weights are averaged.
        seed: Of initial weights, order and augmentation.
    """

    seeds: tuple[int, ...] = (101, 102, 103)
    frames: int = 1200
    hold_out: int = 8
    epochs: int = 14
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.02
    dense: float = 4.0
    colour: float = 0.3
    quiet: float = 0.5
    quiet_look: float = 0.05
    chimeras: float = 0.4
    floor: float = 0.1
    average_from: float = 0.8
    seed: int = 1


def _whole(pictures: Tensor) -> Tensor:
    """Pictures resized to the network's own input, whole frame."""
    size = (INPUT_SHORT_SIDE, round(INPUT_SHORT_SIDE * KEPT[0] / KEPT[1]))
    return functional.interpolate(normalised(pictures), size=size, mode="bilinear", antialias=True)


class _Teacher(nn.Module):
    """What is taught beside the head and thrown away afterwards: one output for strangeness, and colours rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.strange = nn.Conv2d(FEATURES, 1, 1)
        self.rebuild = nn.Conv2d(_LOOK, 48, 1)
        nn.init.constant_(self.strange.bias if self.strange.bias is not None else torch.zeros(1), -4.0)


def _losses(network: DemoNetwork, teacher: _Teacher, batch: Batch, settings: Settings) -> Tensor:
    x = batch.x.contiguous(memory_format=torch.channels_last)
    features: Tensor = network.features(x)
    known = functional.conv2d(features, network.head.weight[:, :, None, None], network.head.bias)
    cells = torch.cat([known, teacher.strange(features)], dim=1)
    # A cell is taught by its cover, sharpened: a third of a cell is as good as all of it.
    wanted = (batch.cells * 3).clamp(max=1)
    loss = settings.dense * functional.binary_cross_entropy_with_logits(cells, wanted) * 10
    strongest = torch.logsumexp(cells.flatten(2) * 4, dim=2) / 4
    loss = loss + functional.binary_cross_entropy_with_logits(strongest, batch.present)
    colours = functional.adaptive_avg_pool2d(x, (features.shape[2] * 4, features.shape[3] * 4))
    look = teacher.rebuild(features[:, :_LOOK])
    loss = loss + settings.colour * functional.smooth_l1_loss(look, functional.pixel_unshuffle(colours, 4))
    # Ground and water should say little, so that animals carry the pooled embedding; the channels of look may speak.
    empty = (batch.cells.sum(1, keepdim=True) < 0.01).float()
    loss = loss + settings.quiet * (features[:, _LOOK:] * empty).mean()
    return loss + settings.quiet_look * (features[:, :_LOOK] * empty).mean()


def train(frames: Frames, settings: Settings) -> tuple[DemoNetwork, NDArray[np.int64], float]:
    """The averaged network, the indices of held-out frames, and the minutes it took."""
    torch.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    names = sorted(set(frames.dives))
    held = set(names[:: settings.hold_out])
    is_held = np.array([name in held for name in frames.dives])
    keep, out = np.flatnonzero(~is_held), np.flatnonzero(is_held)
    network = DemoNetwork(KNOWN).to(memory_format=torch.channels_last)
    nn.init.constant_(network.head.bias, -4.0)
    teacher = _Teacher()
    parameters = [*network.parameters(), *teacher.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
    steps = settings.epochs * (len(keep) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps, pct_start=0.2)
    average, averaged, began, step = copy.deepcopy(network), 0, time.monotonic(), 0
    for epoch in range(settings.epochs):
        network.train()
        total = 0.0
        for batch in batches(frames, keep, settings.batch, settings.chimeras, generator):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = _losses(network, teacher, batch, settings)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 2.0)
            optimiser.step()
            schedule.step()
            step, total = step + 1, total + float(loss.detach())
            if step >= settings.average_from * steps:
                averaged += 1
                with torch.no_grad():
                    for mine, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
                        mine.copy_(mine + (theirs - mine) / averaged if mine.is_floating_point() else theirs)
        minutes = (time.monotonic() - began) / 60
        print(
            f"epoch {epoch + 1}/{settings.epochs}  loss {total * settings.batch / len(keep):.4f}  {minutes:.1f} min",
            flush=True,
        )
    _settle(average, frames, keep, settings)
    _calibrate(average, frames, keep)
    level(average, embeddings(average, frames.pictures[keep]), settings.floor)
    return average.eval(), out, (time.monotonic() - began) / 60


@torch.no_grad()
def _settle(network: DemoNetwork, frames: Frames, keep: NDArray[np.int64], settings: Settings) -> None:
    """Measure the normalisation statistics anew for the averaged weights, on whole frames."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    network.train()
    for start in range(0, len(keep), settings.batch):
        network(_whole(torch.from_numpy(frames.pictures[keep[start : start + settings.batch]])))


def _presence(frames: Frames, indices: NDArray[np.int64]) -> Tensor:
    present = torch.zeros(len(indices), len(KNOWN))
    for place, index in enumerate(indices):
        present[place, list(frames.masks[index])] = 1.0
    return present


@torch.no_grad()
def embeddings(network: DemoNetwork, pictures: NDArray[np.uint8], batch: int = 32) -> Tensor:
    """Pooled features ``[N, FEATURES]`` of whole frames ``[N, 240, 427, 3]``."""
    network.eval()
    parts = [
        network.features(_whole(torch.from_numpy(pictures[start : start + batch]))).mean((2, 3))
        for start in range(0, len(pictures), batch)
    ]
    return torch.cat(parts)


def _calibrate(network: DemoNetwork, frames: Frames, keep: NDArray[np.int64]) -> None:
    """Fit the linear head to pooled features, so that its logits speak of whole pictures."""
    pooled, present = embeddings(network, frames.pictures[keep]), _presence(frames, keep)
    scale = pooled.std(0).clamp(min=1e-6)
    centre = pooled.mean(0)
    head = nn.Linear(FEATURES, len(KNOWN))
    with torch.no_grad():
        head.weight.copy_(network.head.weight * scale * 8)
        nn.init.constant_(head.bias, -3.0)
    z = (pooled - centre) / scale
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(head(z), present) + 2e-5 * head.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        network.head.weight.copy_(head.weight / scale)
        network.head.bias.copy_(head.bias - network.head.weight @ centre)


@torch.no_grad()
def level(network: DemoNetwork, pooled: Tensor, floor: float) -> None:
    """Give every feature about the same spread over the training frames, so that none alone decides a distance.

    The scale goes into the last normalisation and out of the head again: logits stay as they were.

    Args:
        network: Changed in place.
        pooled: Its pooled features of the training frames, ``[N, FEATURES]``.
        floor: Smallest spread that is levelled, as a share of the median one; dead features are not blown up.
    """
    spread = pooled.std(0)
    middle = spread.median()
    gain = middle / spread.clamp(min=float(middle) * floor)
    last = network.features[-1]
    norm = last[1] if isinstance(last, nn.Sequential) else None
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.mul_(gain)
    norm.bias.mul_(gain)
    network.head.weight /= gain


@torch.no_grad()
def held_out_figures(network: DemoNetwork, frames: Frames, out: NDArray[np.int64]) -> dict[str, Any]:
    """Average precision a concept on held-out dives (concepts present in at least five frames) and their mean."""
    from sklearn.metrics import average_precision_score

    logits = network.head(embeddings(network, frames.pictures[out]))
    present = _presence(frames, out).numpy()
    scores = {
        name: round(float(average_precision_score(present[:, i], logits[:, i].numpy())), 4)
        for i, name in enumerate(KNOWN)
        if present[:, i].sum() >= 5
    }
    mean = round(float(np.mean(list(scores.values()))), 4) if scores else None
    return {
        "frames": len(out),
        "dives": sorted({frames.dives[i] for i in out}),
        "average_precision": scores,
        "mean": mean,
    }


def save(network: DemoNetwork, path: Path, facts: Mapping[str, Any]) -> None:
    """Write the weights as float16 safetensors and the facts beside them."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    state = network.state_dict()
    save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}, path)
    facts_path(path).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, train, measure, save."""
    parser = argparse.ArgumentParser(prog="python -m core.demo.train_network", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="weights to write (.safetensors; the JSON goes beside)")
    parser.add_argument(
        "--cache", type=Path, help="folder to keep the rendered training frames in (default: temporary)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that render, threads that train")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    options = parser.parse_args(arguments)
    settings = replace(Settings(), epochs=options.epochs)
    torch.set_num_threads(options.workers)
    with tempfile.TemporaryDirectory() as scratch:
        cache = options.cache or Path(scratch)
        surveys = [gather(cache / str(seed), seed, settings.frames, options.workers) for seed in settings.seeds]
    frames = Frames(
        np.concatenate([survey.pictures for survey in surveys]),
        [mask for survey in surveys for mask in survey.masks],
        [name for survey in surveys for name in survey.dives],
    )
    print(f"{len(frames.dives)} frames of {len(set(frames.dives))} dives", flush=True)
    network, out, minutes = train(frames, settings)
    held = held_out_figures(network, frames, out)
    facts = {
        "format": FORMAT_VERSION,
        "concepts": list(KNOWN),
        "parents": {name: BY_NAME[name].parent for name in KNOWN},
        "mean": MEAN,
        "std": STD,
        "input_short_side": INPUT_SHORT_SIDE,
        "stride": STRIDE,
        "features": FEATURES,
        "settings": asdict(settings),
        "training": {
            "renderer": RENDERER_VERSION,
            "demo_seed": DEMO_SEED,
            "cameras": list(EARLIER_CAMERAS),
            "deepest_m": REFERENCE_DEPTH,
            "frames": len(frames.dives) - len(out),
            "dives": len(set(frames.dives)) - len(held["dives"]),
            "minutes": round(minutes, 1),
        },
        "held_out": held,
    }
    save(network, options.out, facts)
    print(json.dumps(held["average_precision"], indent=1), held["mean"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
