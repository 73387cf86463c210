"""Bodies of models: taken apart into tensors for the disk, and put together again as embedders.

The contract:
- a stored body needs nothing from outside: no hub, no file elsewhere; the shipped demonstration network alone is named
  instead of stored, by the digest of its weights;
- what comes out computes what went in: the same structure, the same tensors, batch norms folded;
- an embedder that was frozen keeps its key, so that embeddings made by runs are found again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from core.artefacts import canonical_json, digest
from core.device import choose_device, choose_precision
from core.embed.anatomy import Anatomy, Pool
from core.embed.embedder import Embedder
from core.embed.folding import fold, foldable_pairs, remove_norms
from core.embed.load import load_embedder, ready
from core.embed.prepare import PREPARATION_VERSION
from core.embed.torchvision_embedders import build_network, normalisation
from core.errors import ModelError
from core.learn.pooling import Pooling
from core.processing.applying import PROCESSING_VERSION
from core.settings import EmbedSettings

DEMO = "demo"


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """BLAKE2b-128 in hex of names, types, shapes and bytes."""
    parts: list[str | bytes] = []
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().contiguous().numpy()
        parts += [name, f"{array.dtype}{array.shape}", array.tobytes()]
    return digest(*parts)


def part_tensors(body: nn.Module, ending: nn.Module) -> dict[str, Tensor]:
    """All tensors of a body and its ending, named ``body.…`` and ``ending.…``, on the CPU."""
    found = {}
    for label, part in (("body", body), ("ending", ending)):
        for name, tensor in part.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                found[f"{label}.{name}"] = tensor.detach().cpu().contiguous().clone()
    return found


def body_facts(embedder: Embedder, pooling: Pooling) -> dict[str, Any]:
    """What `open_body` needs besides the tensors: plain JSON.

    Args:
        embedder: The body with its own ending, before `core.learn.pooling.with_pooling`.
    """
    settings = embedder.settings
    return {
        "embedder": embedder.name,
        "pooling": pooling,
        "embedder_key": embedder.key if embedder.precision == "fp32" else "",
        "short_side": settings.short_side,
        "max_aspect": settings.max_aspect,
        "batch": settings.batch,
        "square": embedder.square,
        "multiple": embedder.multiple,
        "preparation": PREPARATION_VERSION,
        "steps": list(settings.steps),
        **({"processing": PROCESSING_VERSION} if settings.steps else {}),
        "digest": tensors_digest(part_tensors(embedder.body, embedder.ending)),
    }


def is_shipped(embedder: Embedder) -> bool:
    """Whether a body is the demonstration network as it ships, which needs no second copy."""
    if embedder.name != DEMO:
        return False
    own = tensors_digest(part_tensors(embedder.body, embedder.ending))
    shipped = load_embedder(EmbedSettings(embedder=DEMO, device="cpu"))
    return own == tensors_digest(part_tensors(shipped.body, shipped.ending))


def open_body(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], *, device: str = "auto") -> Embedder:
    """The embedder that `body_facts` and `part_tensors` describe, on its device.

    Args:
        tensors: Empty for the shipped demonstration network.

    Raises:
        ModelError: the preparation is of another version, or the tensors are not those of this network.
        SettingsError: the device does not exist.
    """
    if facts["preparation"] != PREPARATION_VERSION:
        raise ModelError(
            f"the model was trained on pictures prepared by version {facts['preparation']}, this is version "
            f"{PREPARATION_VERSION}; train the model again"
        )
    if facts.get("steps") and facts.get("processing", PROCESSING_VERSION) != PROCESSING_VERSION:
        raise ModelError(
            f"the model was trained on pictures whose preprocessing was of version {facts['processing']}, this is "
            f"version {PROCESSING_VERSION}; train the model again"
        )
    settings = EmbedSettings(
        embedder=str(facts["embedder"]),
        short_side=int(facts["short_side"]),
        max_aspect=float(facts["max_aspect"]),
        batch=int(facts["batch"]),
        device=device,
        steps=tuple(facts.get("steps", ())),
    )
    if settings.embedder == DEMO and not tensors:
        embedder = load_embedder(settings)
    else:
        embedder = assembled(settings, tensors, str(facts["digest"]), str(facts["embedder_key"]))
    if tensors_digest(part_tensors(embedder.body, embedder.ending)) != facts["digest"]:
        raise ModelError(
            "the weights are not those that the model was trained with; copy the model's folder again, whole"
        )
    return embedder


def assembled(settings: EmbedSettings, tensors: Mapping[str, Tensor], of: str, key: str) -> Embedder:
    """An embedder from its tensors.

    Args:
        of: Digest of the tensors.
        key: The embedder's key in float32 where it has one already, else empty.

    Raises:
        ModelError: the tensors are those of another network.
    """
    precision = choose_precision(settings.precision, choose_device(settings.device))
    anatomy, mean, deviation = empty_anatomy(settings)
    fill_anatomy(anatomy, tensors, settings)
    prepared = [canonical_json([settings.steps, PROCESSING_VERSION])] if settings.steps else []
    base = key or digest("model body", of, str(settings.short_side), str(settings.max_aspect), *prepared)
    own = base if precision == "fp32" else digest(base, precision)
    return ready(settings, anatomy, mean, deviation, dimension=_dimension(anatomy, settings), key=own)


def empty_anatomy(settings: EmbedSettings) -> tuple[Anatomy, tuple[float, ...], tuple[float, ...]]:
    """A network's parts with untrained weights, and the mean and deviation of the colours that it expects."""
    if settings.embedder == DEMO:
        from core.demo.network import MEAN, STD, DemoNetwork

        return Anatomy(DemoNetwork(("one",)).eval().get_submodule("features"), Pool()), tuple(MEAN), tuple(STD)
    _, anatomy = build_network(settings.embedder, settings.short_side)
    return anatomy, *normalisation(settings.embedder)


def fill_anatomy(anatomy: Anatomy, tensors: Mapping[str, Tensor], settings: EmbedSettings) -> None:
    """Give a network's parts their stored tensors, and fold the batch norms that came unfolded.

    Raises:
        ModelError: the tensors are those of another network.
    """
    side = max(64, anatomy.multiple) if not anatomy.square else _square_side(anatomy, settings)
    pairs = foldable_pairs(anatomy.body, torch.zeros(1, 3, side, side))
    names = {id(tensor): name for name, tensor in anatomy.body.state_dict(keep_vars=True).items()}
    whole = [pair for pair in pairs if f"body.{names[id(pair.norm.weight)]}" in tensors]
    absorbed = [pair for pair in pairs if pair not in whole]
    for pair in absorbed:
        if pair.convolution.bias is None:
            pair.convolution.bias = nn.Parameter(torch.zeros(pair.convolution.out_channels))
    remove_norms(anatomy.body, absorbed)
    for label, part in (("body", anatomy.body), ("ending", anatomy.ending)):
        given = {name.removeprefix(f"{label}."): t for name, t in tensors.items() if name.startswith(f"{label}.")}
        wanted = {name for name in part.state_dict() if not name.endswith("num_batches_tracked")}
        own = part.state_dict()
        if set(given) != wanted or any(given[name].shape != own[name].shape for name in wanted):
            fit = sum(name in given and given[name].shape == own[name].shape for name in wanted)
            raise ModelError(
                f"{fit} of {len(wanted)} tensors of {settings.embedder} are in the model's weights: they belong to "
                "another network; copy the model's folder again, whole"
            )
        part.load_state_dict(given, strict=False)
    fold(anatomy.body, whole)


def _square_side(anatomy: Anatomy, settings: EmbedSettings) -> int:
    return max(1, round(settings.short_side / anatomy.multiple)) * anatomy.multiple


def _dimension(anatomy: Anatomy, settings: EmbedSettings) -> int:
    side = _square_side(anatomy, settings) if anatomy.square else 2 * anatomy.multiple
    with torch.no_grad():
        return int(anatomy.ending(anatomy.body(torch.zeros(1, 3, side, side))).shape[1])


def with_ending(embedder: Embedder, *modules: nn.Module, dimension: int, key: str) -> Embedder:
    """The same body with further layers behind its ending: what it gives is stored and batched like an embedding."""
    ending = nn.Sequential(embedder.ending, *modules).eval().requires_grad_(False).to(embedder.device)
    return replace(embedder, ending=ending, dimension=dimension, pooled=False, key=key)
