"""Torchvision's classification networks by name: which there are, how they are built, what colours they expect."""

from __future__ import annotations

import difflib

import torch
from torch import nn
from torchvision import models
from torchvision.models.maxvit import MaxVit

from core.embed.anatomy import Anatomy, dissect
from core.errors import SettingsError


def network_names() -> list[str]:
    """Names that `build_network` takes: every classification network of the installed torchvision, sorted."""
    return sorted(models.list_models(module=models))


def require_known(name: str) -> None:
    """Refuse a name that no classification network has.

    Raises:
        SettingsError: with the nearest name.
    """
    if name not in network_names():
        near = difflib.get_close_matches(name, [*network_names(), "demo"], n=1)
        hint = f"did you mean {near[0]}?" if near else "choose demo or the name of a torchvision classification network"
        raise SettingsError(f"there is no embedder called {name!r}; {hint}")


def build_network(name: str, short_side: int) -> tuple[nn.Module, Anatomy]:
    """A network with untrained weights, in evaluation mode, and its parts.

    Args:
        short_side: Input size in pixels for the networks that are built for one (rounded to a size they can have).

    Raises:
        SettingsError: no classification network has this name.
        ModelError: nothing is known about taking this network's head off.
    """
    require_known(name)
    network = _build(name)
    anatomy = dissect(network)
    if anatomy.square:
        side = max(1, (2 * short_side + anatomy.multiple) // (2 * anatomy.multiple)) * anatomy.multiple
        size = (side, side) if isinstance(network, MaxVit) else side
        keyword = "input_size" if isinstance(network, MaxVit) else "image_size"
        network = _build(name, **{keyword: size})
        anatomy = dissect(network)
    return network, anatomy


def _build(name: str, **options: object) -> nn.Module:
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": False}
    with torch.random.fork_rng(devices=[]):  # building must not disturb anyone's random numbers
        network: nn.Module = models.get_model(name, weights=None, **options)
    return network.eval()


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the red, green and blue that a network was trained with, in [0, 1]."""
    transforms = models.get_model_weights(name).DEFAULT.transforms()
    return tuple(transforms.mean), tuple(transforms.std)
