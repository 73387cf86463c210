"""Random changes of training pictures, by torchvision's transforms (version 2), as the presets' studies made them.

The contract: pictures go in as prepared (`core.embed.prepare`), of any shape, and come out as squares of one size;
every random number comes from torch's generator, so a seeded epoch is repeatable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torchvision.transforms import v2

from core.errors import SettingsError

Augmentation = Literal["none", "light", "fathomnet-2023", "seafloor-2021"]
AUGMENTATIONS = ("none", "light", "fathomnet-2023", "seafloor-2021")


def augmentation(name: str, side: int) -> Callable[[Tensor], Tensor]:
    """``[3, H, W]`` uint8 to ``[3, side, side]`` uint8.

    ``none`` only resizes; ``light`` crops at least half of the picture and mirrors it; ``fathomnet-2023`` adds
    rotation, zoom up to 1.1, brightness and contrast, and warp up to 0.2, each with probability 0.75;
    ``seafloor-2021`` blur, brightness and contrast, JPEG, saturation, affine and perspective changes.

    Raises:
        SettingsError: there is no such augmentation.
    """
    square: Callable[[Tensor], Tensor] = v2.Resize((side, side), antialias=True)
    made: Callable[[Tensor], Tensor]
    if name == "none":
        made = square
    elif name == "light":
        made = v2.Compose(
            [
                v2.RandomResizedCrop(side, scale=(0.5, 1.0), ratio=(3 / 4, 16 / 9), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(0.2, 0.2, 0.1)], p=0.5),
            ]
        )
    elif name == "fathomnet-2023":
        made = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.RandomApply([v2.RandomAffine(10, scale=(1.0, 1.1))], p=0.75),
                v2.RandomPerspective(0.2, p=0.75),
                v2.RandomApply([v2.ColorJitter(brightness=0.2, contrast=0.2)], p=0.75),
                v2.RandomResizedCrop(side, scale=(0.56, 1.0), antialias=True),
            ]
        )
    elif name == "seafloor-2021":
        made = v2.Compose(
            [
                v2.RandomApply([v2.GaussianBlur(5, (0.1, 2.0))], p=0.3),
                v2.RandomApply([v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3)], p=0.75),
                v2.RandomApply([v2.JPEG((30, 95))], p=0.3),
                v2.RandomApply([v2.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1))], p=0.5),
                v2.RandomPerspective(0.2, p=0.5),
                v2.RandomHorizontalFlip(),
                square,
            ]
        )
    else:
        raise SettingsError(f"an augmentation is {', '.join(AUGMENTATIONS)}, got {name!r}")
    return made


def augmented(pictures: list[Tensor], change: Callable[[Tensor], Tensor]) -> Tensor:
    """``[B, 3, side, side]`` uint8, each picture changed in its turn."""
    return torch.stack([change(picture) for picture in pictures])
