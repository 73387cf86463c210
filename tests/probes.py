"""A small trained model in a workspace: the shipped network with a linear probe, for tests of what uses models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.learn.labels import RareRule
from core.learn.models import model_folder
from core.learn.recipes import ProbeSettings, TrainSettings
from core.learn.training import train_model
from core.progress import silent
from core.settings import EmbedSettings
from core.workspace import Workspace


def make_model(space: Workspace, name: str, dataset: str, **changes: Any) -> Path:
    """Train a probe on small pictures, groups kept apart; returns the model's folder.

    Args:
        changes: Other `TrainSettings`; ``decay`` is the probe's.
    """
    decay = changes.pop("decay", 1e-2)
    settings = TrainSettings(
        (dataset,),
        embed=EmbedSettings("demo", short_side=64, device="cpu"),
        rare=RareRule("keep"),
        probe=ProbeSettings(decay=decay),
        **changes,
    )
    train_model(space, settings, name, workers=1, progress_for=lambda stage, unit="": silent)
    return model_folder(space, name)
