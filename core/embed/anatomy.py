"""Where a torchvision classifier is cut: the body, the map it ends in, and the ending that makes the embedding.

One rule for every family: the embedding is the input of the first linear layer behind the last feature map.

- The mean of the last map: ResNet, ResNeXt, Wide ResNet, GoogLeNet, Inception, MobileNet 2 and 3, EfficientNet, RegNet,
  DenseNet, ShuffleNet, MNASNet; SqueezeNet, whose linear layer is a 1 x 1 convolution; Swin 1 and 2, whose last map is
  the output of a layer norm.
- The mean of the last map, as an exception: AlexNet and VGG. Their first linear layer takes a flattened grid of 6 x 6
  or 7 x 7 cells, which would tie embeddings to one aspect and to places in the picture.
- A layer norm of the mean of the last map: ConvNeXt and MaxViT. No exact maps, for the norm comes behind the mean.
- The class token behind the last layer norm: ViT. No exact maps, for it is a mixture weighted by attention.

The contract:
- ``ending(body(x))`` is the embedding, and ``pooled`` says that `ending` is the plain mean over the map's cells;
- the parts share their parameters with the network they were cut from, and nothing of the head stays in them.

ViT takes any square that its patches tile and MaxViT any that its windows tile; the others take any multiple of 32.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.maxvit import MaxVit
from torchvision.models.mobilenetv3 import MobileNetV3
from torchvision.models.swin_transformer import SwinTransformer

from core.errors import ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Pool(nn.Module):
    """Plain global average pooling: ``[B, C, h, w]`` to ``[B, C]`` float32."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean((2, 3), dtype=torch.float32)


@dataclass(frozen=True)
class Anatomy:
    """A network without its head.

    Attributes:
        body: Normalised images ``[B, 3, H, W]`` to the last activations.
        ending: Those activations to embeddings ``[B, D]``.
        pooled: `ending` is the plain mean over the cells of the map.
        square: The input must be a square (of the size the network was built for).
        multiple: Both sides of the input must be multiples of this, in pixels.
        as_map: Activations to a map ``[B, C, h, w]``; does nothing but for networks of tokens.
    """

    body: nn.Module
    ending: nn.Module = field(default_factory=Pool)
    pooled: bool = True
    square: bool = False
    multiple: int = 32
    as_map: nn.Module = field(default_factory=nn.Identity)


def dissect(network: nn.Module) -> Anatomy:
    """Cut a torchvision classification network in front of its head.

    Raises:
        ModelError: the network is of no family known here.
    """
    cut = _CUTS.get(type(network))
    if cut is None:
        known = ", ".join(sorted(family.__name__ for family in _CUTS))
        raise ModelError(
            f"no way is known to take the head off a {type(network).__name__}; choose a network of: {known}"
        )
    return cut(network)


class _ShiftInput(nn.Module):
    """From ImageNet's normalisation to (x - 0.5) / 0.5, which the Inception weights were trained with."""

    def __init__(self) -> None:
        super().__init__()
        scale = [deviation / 0.5 for deviation in IMAGENET_STD]
        offset = [(mean - 0.5) / 0.5 for mean in IMAGENET_MEAN]
        self.register_buffer("scale", torch.tensor(scale)[:, None, None], persistent=False)
        self.register_buffer("offset", torch.tensor(offset)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        scale, offset = self.get_buffer("scale"), self.get_buffer("offset")
        return images * scale + offset


class _TokenBody(nn.Module):
    """A vision transformer up to the input of its last layer: images to ``[B, 1 + h * w, C]``, class token first.

    The last layer belongs to the ending: behind it only the class token counts, so patches have no say any more.
    """

    def __init__(self, network: models.VisionTransformer) -> None:
        super().__init__()
        self.conv_proj = network.conv_proj
        self.class_token = network.class_token
        self.pos_embedding = network.encoder.pos_embedding
        self.layers = nn.Sequential(*list(network.encoder.layers)[:-1])

    def forward(self, images: Tensor) -> Tensor:
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1)
        result: Tensor = self.layers(tokens + self.pos_embedding)
        return result


class _ClassToken(nn.Module):
    """The last layer and the norm of a vision transformer: tokens ``[B, T, C]`` to the class token ``[B, C]``."""

    def __init__(self, network: models.VisionTransformer) -> None:
        super().__init__()
        self.layer = network.encoder.layers[-1]
        self.ln = network.encoder.ln

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.ln(self.layer(tokens))[:, 0]
        return result.float()


class _PatchMap(nn.Module):
    """Tokens ``[B, 1 + n * n, C]`` without the class token, laid out as ``[B, C, n, n]``."""

    def forward(self, tokens: Tensor) -> Tensor:
        side = math.isqrt(tokens.shape[1] - 1)
        return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)


def _named(network: nn.Module, *names: str) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, network.get_submodule(name)) for name in names))


def _features(network: Any) -> Anatomy:
    return Anatomy(network.features)


def _resnet(network: models.ResNet) -> Anatomy:
    return Anatomy(_named(network, "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"))


def _densenet(network: models.DenseNet) -> Anatomy:
    return Anatomy(nn.Sequential(OrderedDict(features=network.features, relu=nn.ReLU(inplace=True))))


def _regnet(network: models.RegNet) -> Anatomy:
    return Anatomy(_named(network, "stem", "trunk_output"))


def _shufflenet(network: models.ShuffleNetV2) -> Anatomy:
    return Anatomy(_named(network, "conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"))


def _mnasnet(network: models.MNASNet) -> Anatomy:
    return Anatomy(network.layers)


def _googlenet(network: models.GoogLeNet) -> Anatomy:
    return _inception_like(network, {"aux1", "aux2"})


def _inception(network: models.Inception3) -> Anatomy:
    return _inception_like(network, {"AuxLogits"})


def _inception_like(network: Any, auxiliary: set[str]) -> Anatomy:
    left_out = auxiliary | {"avgpool", "dropout", "fc"}
    # Both declare their parts in the order in which they are run.
    parts = OrderedDict((name, part) for name, part in network.named_children() if name not in left_out)
    return Anatomy(nn.Sequential(OrderedDict(shift=_ShiftInput(), **parts)))


def _swin(network: SwinTransformer) -> Anatomy:
    return Anatomy(_named(network, "features", "norm", "permute"))


def _convnext(network: models.ConvNeXt) -> Anatomy:
    norm, flatten, _ = network.classifier
    return Anatomy(network.features, nn.Sequential(network.avgpool, norm, flatten), pooled=False)


def _maxvit(network: MaxVit) -> Anatomy:
    pool, flatten, norm = list(network.classifier)[:3]
    body = nn.Sequential(OrderedDict(stem=network.stem, blocks=nn.Sequential(*network.blocks)))
    # Every block halves the picture, the stem too, and the last map must still hold whole windows.
    multiple = network.partition_size * 2 ** (len(network.blocks) + 1)
    return Anatomy(body, nn.Sequential(pool, flatten, norm), pooled=False, square=True, multiple=multiple)


def _vit(network: models.VisionTransformer) -> Anatomy:
    return Anatomy(
        _TokenBody(network),
        _ClassToken(network),
        pooled=False,
        square=True,
        multiple=network.patch_size,
        as_map=_PatchMap(),
    )


_CUTS: dict[type[nn.Module], Callable[[Any], Anatomy]] = {
    models.AlexNet: _features,
    models.ConvNeXt: _convnext,
    models.DenseNet: _densenet,
    models.EfficientNet: _features,
    models.GoogLeNet: _googlenet,
    models.Inception3: _inception,
    MaxVit: _maxvit,
    models.MNASNet: _mnasnet,
    models.MobileNetV2: _features,
    MobileNetV3: _features,
    models.RegNet: _regnet,
    models.ResNet: _resnet,
    models.ShuffleNetV2: _shufflenet,
    models.SqueezeNet: _features,
    SwinTransformer: _swin,
    models.VGG: _features,
    models.VisionTransformer: _vit,
}
