"""From settings to a ready embedder: open the network, take its head off, fit the weights, fold, move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from core.artefacts import canonical_json, digest
from core.device import choose_device, choose_precision
from core.embed.anatomy import Anatomy, Pool
from core.embed.embedder import Embedder, Normalise
from core.embed.folding import FoldablePair, fold, foldable_pairs
from core.embed.geometry import geometry_for
from core.embed.prepare import PREPARATION_VERSION
from core.embed.torchvision_embedders import build_network, normalisation
from core.embed.weights import fit_weights, head_classes, hub_weights, read_weights, weights_digest
from core.errors import SettingsError
from core.processing.applying import PROCESSING_VERSION
from core.settings import EmbedSettings


@dataclass(frozen=True)
class Opened:
    """A network with its weights, its batch norms not folded yet.

    Attributes:
        dimension: Length of an embedding.
        mean, deviation: Of the colours that the network expects, channel by channel, in [0, 1].
        classes: That the head beside the weights tells apart; ``None`` where they come without.
    """

    anatomy: Anatomy
    unfolded: list[FoldablePair]
    dimension: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    classes: int | None


def load_embedder(settings: EmbedSettings) -> Embedder:
    """The embedder that `settings` describe, on its device, ready to use.

    Raises:
        SettingsError: the embedder or the device does not exist, or the input is too small for the network.
        ModelError: the weights are missing, do not fit, cannot be fetched, or would need unsafe loading.
    """
    precision = choose_precision(settings.precision, choose_device(settings.device))
    opened = open_network(settings)
    anatomy = opened.anatomy
    key = digest(
        canonical_json(
            {
                "embedder": settings.embedder,
                "weights": weights_digest(anatomy),
                "mean": opened.mean,
                "deviation": opened.deviation,
                "short_side": settings.short_side,
                "max_aspect": settings.max_aspect,
                "square": anatomy.square,
                "multiple": anatomy.multiple,
                "preparation": PREPARATION_VERSION,
                "precision": precision,
                **({"steps": settings.steps, "processing": PROCESSING_VERSION} if settings.steps else {}),
            }
        )
    )
    fold(anatomy.body, opened.unfolded)
    return ready(settings, anatomy, opened.mean, opened.deviation, dimension=opened.dimension, key=key)


def open_network(settings: EmbedSettings) -> Opened:
    """The network that `settings` name with its weights, on the CPU.

    Raises:
        SettingsError: the embedder does not exist, or the input is too small for it.
        ModelError: the weights are missing, do not fit, cannot be fetched, or would need unsafe loading.
    """
    weights = None if settings.weights is None else Path(settings.weights)
    return _open_demo(settings, weights) if settings.embedder == "demo" else _open_torchvision(settings, weights)


def ready(
    settings: EmbedSettings,
    anatomy: Anatomy,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    *,
    dimension: int,
    key: str,
) -> Embedder:
    """An embedder of parts that have their weights, batch norms folded: on its device, nothing in it learns any more.

    Args:
        mean, deviation: Of the colours that the network expects, channel by channel, in [0, 1].
        dimension: Length of an embedding.
        key: Changes whenever an embedding may.

    Raises:
        SettingsError: the device does not exist.
    """
    device = choose_device(settings.device)
    normaliser = Normalise(mean, deviation)
    for part in (normaliser, anatomy.body, anatomy.ending, anatomy.as_map):
        part.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    return Embedder(
        name=settings.embedder,
        key=key,
        dimension=dimension,
        pooled=anatomy.pooled,
        square=anatomy.square,
        multiple=anatomy.multiple,
        settings=settings,
        device=device,
        precision=choose_precision(settings.precision, device),
        normaliser=normaliser,
        body=anatomy.body,
        ending=anatomy.ending,
        as_map=anatomy.as_map,
    )


def _open_torchvision(settings: EmbedSettings, weights: Path | None) -> Opened:
    name = settings.embedder
    network, anatomy = build_network(name, settings.short_side)
    pairs, dimension = _survey(anatomy, settings)
    tensors = hub_weights(name) if weights is None else read_weights(weights)
    source = f"the weights of {name}" if weights is None else f"{weights.name} for {name}"
    classes = head_classes(network, anatomy, tensors)
    unfolded = fit_weights(network, anatomy, pairs, tensors, source=source)
    return Opened(anatomy, unfolded, dimension, *normalisation(name), classes)


def _open_demo(settings: EmbedSettings, weights: Path | None) -> Opened:
    from core.demo.network import MEAN, STD, load_demo_network

    network = load_demo_network(weights).eval()
    anatomy = Anatomy(network.get_submodule("features"), Pool())
    pairs, dimension = _survey(anatomy, settings)
    return Opened(anatomy, pairs, dimension, tuple(MEAN), tuple(STD), len(network.concepts))


def _survey(anatomy: Anatomy, settings: EmbedSettings) -> tuple[list[FoldablePair], int]:
    """The batch norms that can be folded and the length of an embedding, from one pass over a blank picture."""
    height, width = geometry_for(1, 1, None, settings, square=anatomy.square, multiple=anatomy.multiple).shape
    if not anatomy.square:  # a network that takes 224 pixels takes more
        height, width = min(height, 224), min(width, 224)
    blank = torch.zeros(1, 3, height, width)
    try:
        pairs = foldable_pairs(anatomy.body, blank)
        with torch.no_grad():
            dimension = anatomy.ending(anatomy.body(blank)).shape[1]
    except RuntimeError as error:  # a kernel larger than what is left of the picture
        raise SettingsError(
            f"{settings.embedder} cannot work on an input of {settings.short_side} pixels; choose a larger short_side"
        ) from error
    return pairs, dimension
