"""What a run's network itself takes a region for: the classes whose logits are largest."""

from __future__ import annotations

import torch

from core.errors import ImageError
from core.explain.networks import head_of, network_of
from core.explain.subjects import open_subjects, subject_of_row, usual_geometry
from core.runs import Run
from core.workspace import Workspace


def guess_classes(run: Run, workspace: Workspace, row: int, count: int = 5) -> list[tuple[int, str]]:
    """The classes of the head that came with the run's weights, largest logit first; by no means calibrated.

    Returns:
        At most `count` pairs of a class's place in the head, and its name.

    Raises:
        ModelError: the weights hold no head.
        ImageError: the picture cannot be used.
    """
    embedder = network_of(run)
    head = head_of(embedder)
    subject = subject_of_row(run, workspace, row)
    opened, failures = open_subjects([subject], [[usual_geometry(embedder, subject)]], workers=1)
    if failures:
        raise ImageError("unreadable", failures[0])
    with torch.no_grad():
        logits = head.module(embedder.activations(embedder.normalise(opened[0].pixels[None])))[0]
    order = torch.argsort(logits, descending=True, stable=True)[:count]
    return [(int(place), head.names[int(place)]) for place in order]
