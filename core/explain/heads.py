"""The heads that class maps are drawn for: from a network's last activations to raw logits.

The contract:
- a head takes what `Embedder.activations` gives and is in evaluation mode, without gradients of its own;
- a torchvision file with its head, the demonstration network, and any head trained on embeddings all work alike;
- weights without a head are a `ModelError` that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision import models
from torchvision.models.maxvit import MaxVit
from torchvision.models.mobilenetv3 import MobileNetV3
from torchvision.models.swin_transformer import SwinTransformer

from core.embed.anatomy import Anatomy
from core.embed.embedder import Embedder
from core.embed.torchvision_embedders import build_network
from core.embed.weights import hub_weights, read_weights
from core.errors import ModelError, SettingsError

_LINEAR_PLACES: Mapping[type[nn.Module], tuple[str, int]] = {
    # Attribute that holds the head, and how many of its first parts belong to the embedder's ending.
    models.ConvNeXt: ("classifier", 2),
    models.DenseNet: ("classifier", 0),
    models.EfficientNet: ("classifier", 0),
    models.GoogLeNet: ("fc", 0),
    models.Inception3: ("fc", 0),
    MaxVit: ("classifier", 3),
    models.MNASNet: ("classifier", 0),
    models.MobileNetV2: ("classifier", 0),
    MobileNetV3: ("classifier", 0),
    models.RegNet: ("fc", 0),
    models.ResNet: ("fc", 0),
    models.ShuffleNetV2: ("fc", 0),
    SwinTransformer: ("head", 0),
    models.VisionTransformer: ("heads", 0),
}
_GRID_PLACES = (models.AlexNet, models.SqueezeNet, models.VGG)
"""Their head reads the grid itself: pooling to its size comes before, or after, layers of its own."""


@dataclass(frozen=True, eq=False)
class ClassHead:
    """Logits of classes.

    Attributes:
        module: Activations to raw logits ``[B, C]``.
        names: C names, in the order of the logits.
        key: Changes whenever the logits may.
    """

    module: nn.Module
    names: tuple[str, ...]
    key: str

    def index(self, name: str) -> int:
        """Which logit a class is.

        Raises:
            SettingsError: there is no such class; the sentence names near ones.
        """
        lowered = {known.casefold(): place for place, known in enumerate(self.names)}
        found = lowered.get(name.strip().casefold())
        if found is None:
            import difflib

            near = difflib.get_close_matches(name.strip().casefold(), lowered, n=3, cutoff=0.4) or list(lowered)[:5]
            shown = ", ".join(self.names[lowered[one]] for one in near)
            raise SettingsError(f"this network has no class {name!r}; near names are: {shown}")
        return found


class _OnEmbeddings(nn.Module):
    """The embedder's own ending, then a head on embeddings."""

    def __init__(self, ending: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.ending = ending
        self.head = head

    def forward(self, activations: Tensor) -> Tensor:
        logits: Tensor = self.head(self.ending(activations).float())
        return logits


def head_on_embeddings(embedder: Embedder, head: nn.Module, names: tuple[str, ...], key: str) -> ClassHead:
    """A head that was trained on this embedder's embeddings ``[B, D]``, for example a linear layer."""
    module = _OnEmbeddings(embedder.ending, head).eval().requires_grad_(False).to(embedder.device)
    return ClassHead(module, names, key)


def own_head(embedder: Embedder) -> ClassHead:
    """The head that the embedder's weights came with.

    Raises:
        ModelError: the weights hold no head that fits.
    """
    from core.artefacts import array_digest, digest

    weights = None if embedder.settings.weights is None else Path(embedder.settings.weights)
    module: nn.Module
    if embedder.name == "demo":
        from core.demo.network import load_demo_network

        network = load_demo_network(weights)
        module, names = nn.Sequential(_Head(embedder.ending), network.head), network.concepts
    else:
        module, names = _torchvision_head(embedder, weights)
    module = module.eval().requires_grad_(False).to(embedder.device)
    parts = [array_digest(tensor.cpu().numpy()) for tensor in module.state_dict().values()]
    return ClassHead(module, tuple(names), digest("head", *parts))


class _Head(nn.Module):
    """An ending with float32 out, as `Embedder.pool`."""

    def __init__(self, ending: nn.Module) -> None:
        super().__init__()
        self.ending = ending

    def forward(self, activations: Tensor) -> Tensor:
        embeddings: Tensor = self.ending(activations)
        return embeddings.float()


def _torchvision_head(embedder: Embedder, weights: Path | None) -> tuple[nn.Module, tuple[str, ...]]:
    network, anatomy = build_network(embedder.name, embedder.settings.short_side)
    tensors = hub_weights(embedder.name) if weights is None else read_weights(weights)
    source = f"the weights of {embedder.name}" if weights is None else weights.name
    layers = _head_of(network, anatomy)
    own = {id(tensor): name for name, tensor in network.state_dict(keep_vars=True).items()}
    for owner in layers.modules():
        for short, parameter in list(owner.named_parameters(recurse=False)):
            name = own[id(parameter)]
            value = _find(tensors, name)
            if value is None:
                raise ModelError(
                    f"{source} holds no class head ({name} is missing), so there is no logit to draw a class map for; "
                    "give the weights of the whole network, or ask for another kind of map"
                )
            if value.shape[1:] != parameter.shape[1:]:
                raise ModelError(
                    f"{name} of {source} is shaped {tuple(value.shape)}, expected {tuple(parameter.shape)}"
                )
            setattr(owner, short, nn.Parameter(value.float(), requires_grad=False))
    count = _classes(layers)
    names = tuple(models.get_model_weights(embedder.name).DEFAULT.meta["categories"])
    if len(names) != count:
        names = tuple(f"class {place}" for place in range(count))
    grid = isinstance(network, _GRID_PLACES)
    return (layers if grid else nn.Sequential(_Head(embedder.ending), layers)), names


def _head_of(network: Any, anatomy: Anatomy) -> nn.Module:
    """Layers from the embedding (or, for `_GRID_PLACES`, from the activations) to the logits."""
    if isinstance(network, models.SqueezeNet):
        return nn.Sequential(network.classifier, nn.Flatten())
    if isinstance(network, _GRID_PLACES):
        return nn.Sequential(network.avgpool, nn.Flatten(), network.classifier)
    place = _LINEAR_PLACES.get(type(network))
    if place is None:
        raise ModelError(f"no way is known to put the head back on a {type(network).__name__}")
    attribute, skipped = place
    head = getattr(network, attribute)
    return nn.Sequential(*list(head)[skipped:]) if skipped else head


def _find(tensors: Mapping[str, Tensor], name: str) -> Tensor | None:
    """A tensor by its name, whatever the file wraps around the names."""
    for given, tensor in tensors.items():
        if given == name or given.endswith(f".{name}"):
            return tensor
    return None


def _classes(layers: nn.Module) -> int:
    last = [module for module in layers.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    return int(last.weight.shape[0])
