"""Class maps: where in a picture the evidence for one class lies, by pytorch-grad-cam on the raw logit.

The contract:
- the library sees the last activations as its input and a head of our own making as its network: one backward pass
  through the head alone, for a whole batch at once, and its hooks sit on a module that nobody else holds;
- hooks are released and gradients dropped whatever happens;
- maps keep the grid of the activations; they are resized only when drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.embed.embedder import Embedder
from core.errors import SettingsError
from core.explain.heads import ClassHead

CamMethod = Literal["grad-cam++", "grad-cam"]


class _FromActivations(nn.Module):
    """A gate that the library can hook, and the head behind it."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.gate = nn.Identity()
        self.head = head

    def forward(self, activations: Tensor) -> Tensor:
        logits: Tensor = self.head(self.gate(activations))
        return logits


def class_maps(
    embedder: Embedder,
    activations: Tensor,
    head: ClassHead,
    classes: Sequence[int],
    *,
    method: CamMethod = "grad-cam++",
) -> Tensor:
    """One map a region.

    Args:
        activations: What `Embedder.activations` gave, B regions.
        classes: B indices into ``head.names``.
        method: ``grad-cam++`` (Chattopadhay et al. 2018, arXiv 1710.11063) or ``grad-cam`` (Selvaraju et al. 2017,
            arXiv 1610.02391).

    Returns:
        ``[B, h, w]`` float32 in [0, 1], scaled map by map as the library does; not additive, not signed.

    Raises:
        SettingsError: a class does not exist, or there is not one for each region.
    """
    if len(classes) != len(activations):
        raise SettingsError(f"a class map needs one class for each of {len(activations)} regions, got {len(classes)}")
    for index in classes:
        if not 0 <= index < len(head.names):
            raise SettingsError(f"a class must be in [0, {len(head.names) - 1}], got {index}")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    height, width = embedder.map_of(activations[:1]).shape[2:]
    network = _FromActivations(head.module).eval()
    cam = _library(method)(network, [network.gate], reshape_transform=embedder.map_of)
    # The library resizes to the last two sides of its input, which are no picture's here.
    cam.get_target_width_height = lambda _: (int(width), int(height))
    try:
        with torch.enable_grad():
            maps = cam(activations.detach().requires_grad_(), [ClassifierOutputTarget(index) for index in classes])
    finally:
        cam.activations_and_grads.release()
        cam.activations_and_grads.activations, cam.activations_and_grads.gradients = [], []
        cam.outputs = None
    return torch.from_numpy(maps).to(activations.device)


def top_classes(activations: Tensor, head: ClassHead) -> list[int]:
    """For each region the class with the largest logit."""
    with torch.no_grad():
        return [int(index) for index in head.module(activations).argmax(1)]


def _library(method: CamMethod) -> Any:
    if method == "grad-cam++":
        from pytorch_grad_cam.grad_cam_plusplus import GradCAMPlusPlus

        return GradCAMPlusPlus
    if method == "grad-cam":
        from pytorch_grad_cam.grad_cam import GradCAM

        return GradCAM
    raise SettingsError(f"a class map is made by grad-cam++ or grad-cam, got {method!r}")
