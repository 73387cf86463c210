"""Checkpoints of a training: every tensor and number that the next epoch needs, without pickles.

The contract: a checkpoint is there whole or not at all; it is only used by a training of the same settings and data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.artefacts import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """What was reached.

    Attributes:
        tensors: By name, on the CPU.
        state: Plain JSON.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(path: Path, fingerprint: str, checkpoint: Checkpoint) -> None:
    """Write it in one file, replacing the one before."""
    from safetensors.torch import save

    meta = {"fingerprint": fingerprint, "state": json.dumps(checkpoint.state)}
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.tensors.items()}
    write_atomically(path, save(tensors, metadata=meta))


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint of this very training, or ``None``: none there, damaged, or of other settings or data."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            if meta.get("fingerprint") != fingerprint:
                return None
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, json.loads(meta["state"]))  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, ValueError, KeyError):
        return None


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments and step counts, by place of the parameter."""
    found = {}
    for place, of_parameter in optimiser.state_dict()["state"].items():
        for name, value in of_parameter.items():
            found[f"optimiser.{place}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(float(value))
    return found


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`, for an optimiser of the same parameters."""
    whole = optimiser.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, place, key = name.split(".", 2)
            state.setdefault(int(place), {})[key] = value
    whole["state"] = state
    optimiser.load_state_dict(whole)
