"""Class maps of trained models, for any picture: one body or an ensemble of them, one head or several on each.

An ensemble's map is the union of its members' (`core.explain.gradient.union`): evidence that any of them sees.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from core.embed.embedder import Embedder
from core.embed.prepare import prepare
from core.errors import SettingsError
from core.explain.classes import CamMethod, class_maps
from core.explain.gradient import union
from core.explain.heads import head_on_embeddings
from core.explain.maps import WhyMap

_computing = threading.Lock()


def concept_map(
    bodies: Sequence[tuple[Embedder, nn.Module]],
    image: Image.Image,
    concept: str,
    column: int,
    columns: int,
    *,
    method: CamMethod = "grad-cam++",
) -> WhyMap:
    """Where in a whole picture the evidence for one concept lies.

    Args:
        bodies: Embedders with a head each, which takes embeddings ``[B, D]`` to logits ``[B, E * columns]`` of E
            members, member by member.
        image: Upright, RGB, any size.
        concept: Name of the concept, for people.
        column: Its place among the logits of a member.
        columns: Logits of a member.

    Returns:
        Cells in [0, 1], not additive; the score is the mean raw logit over all members.

    Raises:
        SettingsError: there is no such column, or a head gives another number of logits.
    """
    if not bodies or not 0 <= column < columns:
        raise SettingsError(f"a class map needs a network and a class in [0, {columns - 1}], got {column}")
    maps: list[Tensor] = []
    logits: list[float] = []
    geometry = None
    for embedder, module in bodies:
        seen = embedder.geometry(image.width, image.height)
        geometry = geometry or seen
        with _computing, torch.no_grad():
            activations = embedder.activations(embedder.normalise(prepare(image, seen)[None]))
            said = module.to(embedder.device)(embedder.pool(activations))[0]
        members = len(said) // columns
        if members * columns != len(said) or not members:
            raise SettingsError(f"a head gives {len(said)} logits, which are no whole members of {columns}")
        places = [member * columns + column for member in range(members)]
        names = tuple(f"{place}" for place in range(len(said)))
        head = head_on_embeddings(embedder, module, names, key="")
        repeated = activations.repeat_interleave(members, dim=0)
        found = class_maps(embedder, repeated, head, places, method=method)
        maps += [one[None].float().cpu() for one in found]
        logits += [float(said[place]) for place in places]
    assert geometry is not None
    cells = (maps[0] if len(maps) == 1 else union(maps))[0].numpy()
    label = f"{method} of the raw logit, scaled to [0, 1]"
    if len(maps) > 1:
        label += f"; the union of {len(maps)} members"
    mean = sum(logits) / len(logits)
    total = float(cells.sum(dtype="float64"))
    return WhyMap("class", "usual", None, cells, geometry, total, mean, None, False, label, concept=concept)
