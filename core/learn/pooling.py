"""What a frozen body's last map is summed up to: the mean over its cells, or how much it varies over them.

`deviation`: the square root of the standard deviation over cells, channel by channel. An animal that covers two per
cent of the picture moves the mean of a channel by two per cent of its height, its deviation by fourteen; the root
keeps the few channels that answer loudly from drowning the others. Found by ``benchmarks/learn.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from core.artefacts import digest
from core.embed.embedder import Embedder
from core.errors import SettingsError

Pooling = Literal["mean", "deviation"]
VERSION = 1
_FLOOR = 1e-4  # of the variance: keeps the root's slope, and with it rounding, small where a channel is silent


class DeviationPool(nn.Module):
    """The last activations to ``[B, F]`` float32: fourth root of each channel's variance over the cells."""

    def __init__(self, as_map: nn.Module) -> None:
        super().__init__()
        self.as_map = as_map

    def forward(self, activations: Tensor) -> Tensor:
        with torch.autocast(activations.device.type, enabled=False):
            cells = self.as_map(activations).float().flatten(2)
            variance = (cells - cells.mean(2, keepdim=True)).square().mean(2)
            result: Tensor = (variance + _FLOOR).sqrt().sqrt()
        return result


def with_pooling(embedder: Embedder, pooling: Pooling) -> Embedder:
    """The same body; what it gives are the features that a probe reads.

    Raises:
        SettingsError: there is no such pooling.
    """
    if pooling == "mean":
        return embedder
    if pooling != "deviation":
        raise SettingsError(f"a map is summed up by mean or deviation, got {pooling!r}")
    pool = DeviationPool(embedder.as_map).eval()
    blank = torch.zeros(1, 3, 8 * embedder.multiple, 8 * embedder.multiple, device=embedder.device)
    if embedder.square:
        side = embedder.geometry(1, 1).shape
        blank = torch.zeros(1, 3, *side, device=embedder.device)
    with torch.inference_mode():
        dimension = int(pool(embedder.activations(blank)).shape[1])
    return replace(
        embedder,
        ending=pool,
        dimension=dimension,
        pooled=False,
        key=digest("features", embedder.key, pooling, str(VERSION)),
    )
