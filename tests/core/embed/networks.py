"""Networks and embedders for tests: torchvision's with random weights, and one small enough to reckon by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from core.embed.anatomy import IMAGENET_MEAN, IMAGENET_STD, Pool
from core.embed.embedder import Embedder, Normalise
from core.embed.load import load_embedder
from core.settings import EmbedSettings


def untrained(name: str, **options: Any) -> nn.Module:
    """A torchvision network with fixed random weights and batch norms that do something."""
    if name in ("googlenet", "inception_v3"):
        options |= {"transform_input": True, "aux_logits": True, "init_weights": False}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = models.get_model(name, weights=None, **options)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.1)
                nn.init.uniform_(module.running_var, 0.8, 1.2)
                nn.init.uniform_(module.weight, 0.8, 1.2)
                nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


def saved(network: nn.Module, path: Path) -> Path:
    """The network's weights as safetensors."""
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def loaded(name: str, weights: Path, **settings: Any) -> Embedder:
    return load_embedder(EmbedSettings(embedder=name, weights=str(weights), device="cpu", **settings))


def normalised(images: Tensor) -> Tensor:
    """As torchvision's own transforms do it: ``[B, 3, H, W]`` uint8 to float32."""
    mean, deviation = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    return (images / 255 - mean) / deviation


def random_images(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


def tiny(**settings: Any) -> Embedder:
    """Four numbers a region: of one random convolution, rectified and averaged. Takes microseconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.ReLU())
    return Embedder(
        name="tiny",
        key="ab12",
        dimension=4,
        pooled=True,
        square=False,
        multiple=8,
        settings=EmbedSettings(**({"short_side": 32, "batch": 4} | settings)),
        device=torch.device("cpu"),
        precision="fp32",
        normaliser=Normalise(IMAGENET_MEAN, IMAGENET_STD),
        body=body.eval().requires_grad_(False),
        ending=Pool(),
        as_map=nn.Identity(),
    )


def with_body(embedder: Embedder, body: nn.Module) -> Embedder:
    return replace(embedder, body=body)
