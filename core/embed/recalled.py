"""An embedder whose network cannot be opened now: enough where everything was embedded with it before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from core.device import Numbers, choose_device
from core.errors import ModelError
from core.settings import EmbedSettings


@dataclass(frozen=True)
class Recalled:
    """What a run says of the embedder that made its embeddings.

    Attributes:
        name, key, dimension, pooled, precision: As `core.embed.embedder.Embedder` has them.
        device: Where the rest of a run computes.
        refusal: Why the network cannot be opened; raised where it would be needed after all.
    """

    name: str
    key: str
    dimension: int
    pooled: bool
    precision: Numbers
    device: torch.device
    refusal: ModelError


def recalled(facts: Mapping[str, Any], settings: EmbedSettings, refusal: ModelError) -> Recalled:
    """The embedder of ``manifest["embedder"]``.

    Raises:
        SettingsError: the device does not exist.
    """
    device = choose_device(settings.device)
    return Recalled(
        facts["name"], facts["key"], int(facts["dimension"]), bool(facts["pooled"]), facts["precision"], device, refusal
    )
