"""The demonstration's own small network: convolutions, one global average pool, one linear layer.

The contract:
- ``forward(x) = head(pool(features(x)))`` and nothing else: whatever is said about the cells of ``features`` adds up to
  what is said about the picture;
- features are non-negative (ReLU), at a stride of 16: a 224 x 384 picture has 14 x 24 cells;
- the shipped weights were trained by ``python -m core.demo.train_network`` on rendered frames of other seeds only; the
  JSON beside them says which.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ModelError

MEAN = (0.28, 0.34, 0.33)
STD = (0.20, 0.18, 0.17)
"""Input is ``(rgb / 255 - MEAN) / STD``, RGB, channels first."""

INPUT_SHORT_SIDE = 224
STRIDE = 16
FEATURES = 256
WEIGHTS = Path(__file__).parents[2] / "assets" / "demo-network.safetensors"
FORMAT_VERSION = 1


class _Residual(nn.Module):
    """Two 3 x 3 convolutions around which the input is added back."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _convolution(width, width, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


def _convolution(inputs: int, outputs: int, *, size: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (size // 2)
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class DemoNetwork(nn.Module):
    """A fully convolutional classifier of the demonstration's known concepts.

    Args:
        concepts: Names of the outputs, in order.

    Attributes:
        features: ``[B, 3, H, W]`` to the tensor that enters the pool, ``[B, FEATURES, ceil(H / 16), ceil(W / 16)]``.
        pool: Global average, ``[B, FEATURES, 1, 1]``.
        head: ``[B, FEATURES]`` to logits ``[B, concepts]``.
    """

    def __init__(self, concepts: tuple[str, ...]) -> None:
        super().__init__()
        self.concepts = concepts
        self.features = nn.Sequential(
            _convolution(3, 16, stride=2),
            _convolution(16, 32, stride=2),
            _convolution(32, 64, stride=2),
            _Residual(64),
            _convolution(64, 128, stride=2),
            _Residual(128),
            _Residual(128, dilation=2),
            _convolution(128, FEATURES, size=1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(FEATURES, len(concepts))

    def forward(self, x: Tensor) -> Tensor:
        """Logits; sigmoid gives each concept's own probability (several may be present).

        Args:
            x: ``[B, 3, H, W]`` float32, normalised with `MEAN` and `STD`.

        Returns:
            ``[B, concepts]``.
        """
        logits: Tensor = self.head(torch.flatten(self.pool(self.features(x)), 1))
        return logits


@dataclass(frozen=True)
class Facts:
    """What the JSON beside the weights says; `all` is the whole object."""

    concepts: tuple[str, ...]
    parents: dict[str, str]
    all: dict[str, Any]


def facts_path(weights: Path) -> Path:
    """The JSON that belongs to a weights file."""
    return weights.with_suffix(".json")


def read_facts(weights: Path | None = None) -> Facts:
    """Concepts, parents and training facts of a weights file (the shipped one by default).

    Raises:
        ModelError: the JSON is missing or not of this format.
    """
    path = facts_path(weights or WEIGHTS)
    way = "reinstall the package" if weights is None else "if they are another network's, choose that network"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT_VERSION:
            raise ModelError(
                f"{path.name} is of format {data['format']}, expected {FORMAT_VERSION}; train the network again"
            )
        concepts = tuple(str(name) for name in data["concepts"])
        return Facts(concepts, {name: str(data["parents"][name]) for name in concepts}, data)
    except FileNotFoundError:
        raise ModelError(
            f"expected {path.name} beside the demonstration network's weights, found none; {way}"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path.name} does not describe a demonstration network ({error}); {way}") from None


def load_demo_network(weights: Path | None = None) -> DemoNetwork:
    """The trained network on the CPU, float32, in evaluation mode.

    Args:
        weights: A ``.safetensors`` file with its ``.json`` beside it; the shipped one by default.

    Raises:
        ModelError: a file is missing, damaged, or holds other tensors than this network needs.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = weights or WEIGHTS
    network = DemoNetwork(read_facts(path).concepts)
    try:
        stored = load_file(path)
    except FileNotFoundError:
        raise ModelError(
            f"expected the demonstration's weights at {path.name}, found none; reinstall the package"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is not a readable safetensors file ({error}); reinstall the package") from None
    try:
        network.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
        )
    except RuntimeError:
        raise ModelError(
            f"the tensors of {path.name} do not fit this network; use the weights shipped with this version"
        ) from None
    return network.eval()
