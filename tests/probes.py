"""A small trained model in a workspace: the shipped network with a linear probe, for tests of what uses models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.embed.load import load_embedder
from core.embed.loop import embed_regions
from core.learn.bodies import body_facts
from core.learn.calibration import fit_calibration
from core.learn.gathering import gather
from core.learn.heads import one_head
from core.learn.labels import RareRule
from core.learn.models import model_folder, save_model
from core.learn.probing import fit_probe
from core.settings import EmbedSettings
from core.workspace import Workspace


def make_model(
    space: Workspace,
    name: str,
    dataset: str,
    *,
    apart: int = 2,
    decay: float = 1e-2,
    where: tuple[str, ...] = (),
    threshold: float = 0.4,
    short_side: int = 64,
) -> Path:
    """Train on all groups but every ``apart``-th, which stay apart; 0 keeps none. Returns the model's folder."""
    examples = gather(space, [dataset], where=where, rule=RareRule("keep"))
    embedder = load_embedder(EmbedSettings("demo", short_side=short_side, device="cpu"))
    features = np.zeros((len(examples), embedder.dimension), np.float32)

    def take(batch: Any) -> None:
        features[list(batch.indices)] = batch.vectors

    embed_regions(examples.jobs, embedder, on_batch=take, workers=1)
    held = (examples.groups % apart == 1) if apart else np.zeros(len(examples), bool)
    heads = one_head(examples.tree)
    targets, known = examples.targets[~held], examples.known[~held]
    layers = fit_probe(features[~held], targets, known, heads, examples.tree, decay=decay, iterations=40)
    logits = features[~held] @ layers.weight[0].numpy().T + layers.bias[0].numpy()
    calibration = fit_calibration(logits, targets, known, heads, examples.tree, "temperature")
    names = np.array(examples.group_names)
    facts = {
        "name": name,
        "created_at": "2024-01-01T00:00:00+00:00",
        "architecture": {"bodies": [body_facts(embedder)]},
        "label_tree": examples.tree.to_json(),
        "heads": [head.to_json() for head in heads],
        "thresholds": {"values": [threshold] * len(examples.tree)},
        "calibration": calibration.to_json(),
        "data": {
            "datasets": [dataset],
            "groups": {
                "training": sorted(set(names[examples.groups[~held]].tolist())),
                "validation": [],
                "held_out": sorted(set(names[examples.groups[held]].tolist())),
            },
        },
        "figures": {},
    }
    folder = model_folder(space, name)
    folder.parent.mkdir(exist_ok=True)
    save_model(folder, facts, [(embedder, layers)], f"# {name}\n")
    return folder
