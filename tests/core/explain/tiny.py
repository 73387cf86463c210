"""Embedders with a few random weights, one of every ending, made by hand so that they take no time."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, LayerNorm2d
from torchvision.models.resnet import BasicBlock

from core.embed.anatomy import dissect
from core.embed.embedder import Embedder, Normalise
from core.settings import EmbedSettings


def network(family):
    torch.manual_seed(3)
    if family == "vit":
        made = models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=24, mlp_dim=32, num_classes=7)
        return _stirred(made.eval())
    if family == "convnext":
        blocks = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, 24, 1), CNBlockConfig(24, None, 1)]
        made = models.ConvNeXt(blocks, num_classes=7, norm_layer=partial(LayerNorm2d, eps=1e-6)).eval()
        return _stirred(made)
    if family == "resnet":
        return models.ResNet(BasicBlock, [1, 1, 1, 1], num_classes=7).eval()
    return models.get_model(family, weights=None, num_classes=7).eval()


def _stirred(made):
    """Weights large enough that maps are more than rounding; fresh ones hardly reach past the first layer."""
    for parameter in made.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3)
    return made


def embedder_of(made, *, short_side=64, batch=8):
    anatomy = dissect(made)
    for part in (anatomy.body, anatomy.ending, anatomy.as_map):
        part.eval().requires_grad_(False)
    blank = torch.zeros(1, 3, 32, 32) if anatomy.square else torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        dimension = anatomy.ending(anatomy.body(blank)).shape[1]
    side = 32 if anatomy.square else short_side
    settings = EmbedSettings(embedder="tiny", short_side=side, batch=batch, device="cpu")
    return Embedder(
        name="tiny",
        key=f"tiny-{type(made).__name__}",
        dimension=dimension,
        pooled=anatomy.pooled,
        square=anatomy.square,
        multiple=anatomy.multiple,
        settings=settings,
        device=torch.device("cpu"),
        precision="fp32",
        normaliser=Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        body=anatomy.body,
        ending=anatomy.ending,
        as_map=anatomy.as_map,
    )


def pictures(count, height, width, seed=0):
    torch.manual_seed(seed)
    small = torch.rand(count, 3, 4, 4)
    smooth = nn.functional.interpolate(small, (height, width), mode="bilinear") * 200
    return (smooth + 40 * torch.rand(count, 3, height, width)).to(torch.uint8)


def activations(embedder, images):
    with torch.no_grad():
        return embedder.activations(embedder.normalise(images))
