"""What turns pictures into embeddings, as every other room sees it.

The contract:
- ``pool(activations(images))`` is the embedding; where `Embedder.pooled`, it is the plain mean of
  ``features(images)`` over the cells, so exact maps exist;
- `Embedder.embed` runs in the run's precision without gradients; `activations`, `pool` and `features` run in the
  precision and gradient mode of the caller, so an explanation can differentiate from the activations on;
- calls keep no state: threads may share one embedder.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.device import Numbers
from core.embed.fusing import Quick
from core.embed.geometry import Box, InputGeometry, geometry_for
from core.settings import EmbedSettings


class Normalise(nn.Module):
    """Bytes to the numbers a network expects: ``(x / 255 - mean) / deviation`` per channel."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        scale = [1 / (255 * d) for d in deviation]
        shift = [-m / d for m, d in zip(mean, deviation, strict=True)]
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("shift", torch.tensor(shift))

    def forward(self, images: Tensor) -> Tensor:
        """``[B, 3, H, W]`` uint8 from anywhere to float32 on this module's device, stored with the channels last."""
        scale, shift = self.get_buffer("scale"), self.get_buffer("shift")
        batch, channels, height, width = images.shape
        # Whole rows of interleaved colours: ten times faster on a CPU than broadcasting along three channels.
        rows = images.to(scale.device, non_blocking=True).permute(0, 2, 3, 1).reshape(-1, width * channels)
        numbers = torch.addcmul(shift.repeat(width), rows.float(), scale.repeat(width))
        return numbers.view(batch, height, width, channels).permute(0, 3, 1, 2)


@dataclass(frozen=True, eq=False)
class Embedder:
    """A network without its head, ready on its device.

    Attributes:
        name: ``demo`` or the torchvision name.
        key: Stable key of everything that embeddings depend on besides the region: architecture, weights,
            preparation of the input, precision.
        dimension: Length D of an embedding.
        pooled: `pool` is the plain mean over the cells of `features`.
        square, multiple: Demands on the input's sides, see `core.embed.geometry.geometry_for`.
        settings: What the embedder was loaded from; the input size is part of it.
        device, precision: Where and in which numbers `embed` computes.
        normaliser, body, ending, as_map: The parts, in the order in which they run.
        quick: The faster form of `body`, where there is one.
    """

    name: str
    key: str
    dimension: int
    pooled: bool
    square: bool
    multiple: int
    settings: EmbedSettings
    device: torch.device
    precision: Numbers
    normaliser: nn.Module
    body: nn.Module
    ending: nn.Module
    as_map: nn.Module
    quick: Quick = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quick", Quick(self.body))

    def geometry(self, width: int, height: int, box: Box | None = None) -> InputGeometry:
        """How this embedder sees a region of an image of that size in pixels; without box, the whole image."""
        return geometry_for(width, height, box, self.settings, square=self.square, multiple=self.multiple)

    def normalise(self, images: Tensor) -> Tensor:
        """``[B, 3, H, W]`` uint8 from anywhere to float32 on the embedder's device, stored with the channels last."""
        result: Tensor = self.normaliser(images)
        return result

    def activations(self, images: Tensor) -> Tensor:
        """The last activations of normalised images, as `pool` takes them: a map, or tokens (class token first)."""
        quick = self.quick(images)
        result: Tensor = self.body(images) if quick is None else quick
        return result

    def pool(self, activations: Tensor) -> Tensor:
        """Activations to embeddings ``[B, D]`` float32."""
        result: Tensor = self.ending(activations)
        return result.float()

    def features(self, images: Tensor) -> Tensor:
        """The last activations of normalised images, laid out as a map ``[B, C, h, w]`` over the input."""
        return self.map_of(self.activations(images))

    def map_of(self, activations: Tensor) -> Tensor:
        """Activations (or gradients with respect to them) laid out as a map ``[B, C, h, w]``."""
        result: Tensor = self.as_map(activations)
        return result

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings of prepared images.

        Args:
            images: ``[B, 3, H, W]`` uint8, as `core.embed.prepare.prepare` makes them.

        Returns:
            ``[B, D]`` float32 on the embedder's device, any length.
        """
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.pool(self.activations(self.normalise(images)))
