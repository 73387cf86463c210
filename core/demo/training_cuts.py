"""Batches for training: cuts around animals, varied in light and size, some with a chimera set in.

A chimera is made of the known animals of the same batch: cut out, recoloured, bent, two halves joined. It is taught as
"an animal, but none of these", so that what was never seen has somewhere to show (outlier exposure, Hendrycks et al.
2019, arXiv 1812.04606, without any real outlier).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from core.demo.concepts import KNOWN
from core.demo.network import INPUT_SHORT_SIDE, MEAN, STD, STRIDE
from core.demo.training_frames import KEPT, MASK, Frames

STRANGE = len(KNOWN)
"""Channel of the cover map that chimeras fill; the ones before it are the known concepts."""

Bytes = NDArray[np.uint8]
Float = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Network input ``[B, 3, H, W]``, cover of each cell ``[B, KNOWN + 1, h, w]``, presence ``[B, KNOWN + 1]``."""

    x: Tensor
    cells: Tensor
    present: Tensor


def normalised(pictures: Tensor) -> Tensor:
    """``[B, H, W, 3]`` uint8 to the network's input ``[B, 3, H, W]`` float32."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return (pictures.permute(0, 3, 1, 2).float() / 255 - mean) / std


def batches(
    frames: Frames, keep: NDArray[np.int64], size: int, chimeras: float, generator: np.random.Generator
) -> Iterator[Batch]:
    """One epoch of augmented cuts.

    A cut is about a quarter of a frame at the network's own scale: most of a frame is bare ground, and a quarter
    costs a quarter.

    Args:
        frames: The frames in memory.
        keep: Indices of those to learn from.
        size: Cuts in a batch.
        chimeras: Share of cuts that receive one.
        generator: Source of all choices.
    """
    order = generator.permutation(keep)
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        tall = int(generator.integers(28, 37))
        wide = tall * 7 // 4
        pictures = np.empty((len(chosen), tall * MASK, wide * MASK, 3), dtype=np.uint8)
        cover = np.zeros((len(chosen), len(KNOWN) + 1, tall, wide), dtype=np.float32)
        for place, index in enumerate(chosen):
            top, left = _corner(frames.masks[index], (tall, wide), generator)
            y, x = top * MASK, left * MASK
            pictures[place] = frames.pictures[index, y : y + tall * MASK, x : x + wide * MASK]
            for number, mask in frames.masks[index].items():
                cover[place, number] = mask[top : top + tall, left : left + wide] / np.float32(255)
        _add_chimeras(pictures, cover, chimeras, generator)
        yield _varied(pictures, cover, generator)


def _varied(pictures: Bytes, cover: Float, generator: np.random.Generator) -> Batch:
    """Flip, size, brightness and tint."""
    _, _, tall, wide = cover.shape
    scale = INPUT_SHORT_SIDE / KEPT[1] * float(generator.uniform(0.88, 1.12)) * MASK
    size = (round(tall * scale), round(wide * scale))
    x = functional.interpolate(normalised(torch.from_numpy(pictures)), size=size, mode="bilinear")
    masks = torch.from_numpy(cover)
    if generator.random() < 0.5:
        x, masks = x.flip(3), masks.flip(3)
    gain = torch.from_numpy(generator.normal(1.0, 0.07, (len(x), 1, 1, 1)).astype(np.float32))
    tint = torch.from_numpy(generator.normal(0.0, 0.04, (len(x), 3, 1, 1)).astype(np.float32))
    grid = (-(-size[0] // STRIDE), -(-size[1] // STRIDE))
    cells = functional.interpolate(masks, size=grid, mode="area")
    return Batch(x * gain + tint, cells, (masks.sum((2, 3)) * MASK * MASK > 24).float())


def _corner(
    masks: Mapping[int, NDArray[np.uint8]], size: tuple[int, int], generator: np.random.Generator
) -> tuple[int, int]:
    """Top left block of a cut of ``size`` blocks (height, width): three times in four it holds part of an animal."""
    room = (-(-KEPT[1] // MASK) - size[0], KEPT[0] // MASK - size[1])
    top, left = int(generator.integers(0, room[0] + 1)), int(generator.integers(0, room[1] + 1))
    if masks and generator.random() < 0.75:
        rows, columns = np.nonzero(masks[int(generator.choice(sorted(masks)))] > 127)
        if len(rows):
            seen = int(generator.integers(len(rows)))
            top = int(np.clip(rows[seen] - generator.integers(0, size[0]), 0, room[0]))
            left = int(np.clip(columns[seen] - generator.integers(0, size[1]), 0, room[1]))
    return top, left


def _add_chimeras(pictures: Bytes, cover: Float, share: float, generator: np.random.Generator) -> None:
    """Set known animals and chimeras into some cuts, in place; donors are the batch's animals as they were before.

    Known animals are set in as well, so that the seam of a paste says nothing about strangeness.
    """
    originals, owners = pictures.copy(), cover.copy()
    donors = _donors(owners)
    if not donors:
        return
    for place in range(len(pictures)):
        if generator.random() >= share:
            continue
        picked = [donors[int(generator.integers(len(donors)))] for _ in range(2)]
        (first, number), (second, other) = picked
        pieces = [_cut_out(originals[first], owners[first, number])]
        channel = number
        if generator.random() < 0.6:
            pieces.append(_cut_out(originals[second], owners[second, other]))
            channel = STRANGE
        pixels, alpha = _shaped(pieces, generator)
        if channel == STRANGE:
            pixels = _recoloured(pixels, alpha, generator)
        _paste(pictures[place], cover[place], pixels, alpha, channel, generator)


def _donors(owners: Float) -> list[tuple[int, int]]:
    """Cut and concept of animals that are large enough and hardly touch the edge of their cut."""
    known = owners[:, :STRANGE]
    edge = known[:, :, 0].sum(2) + known[:, :, -1].sum(2) + known[:, :, :, 0].sum(2) + known[:, :, :, -1].sum(2)
    return [(cut, number) for cut, number in np.argwhere((known.sum((2, 3)) > 5) & (edge < 1)).tolist()]


def _cut_out(picture: Bytes, owner: Float) -> Float:
    """An animal's pixels in [0, 1] and its soft outline, ``[h, w, 4]``, with a margin of one block."""
    rows, columns = np.flatnonzero(owner.max(1) > 0), np.flatnonzero(owner.max(0) > 0)
    top, bottom = max(int(rows[0]) - 1, 0), int(rows[-1]) + 2
    left, right = max(int(columns[0]) - 1, 0), int(columns[-1]) + 2
    pixels = picture[top * MASK : bottom * MASK, left * MASK : right * MASK].astype(np.float32) / 255
    alpha = np.clip(_resized(owner[top:bottom, left:right], pixels.shape[:2]) * 1.5, 0, 1)
    return np.concatenate([pixels, alpha[..., None]], axis=2)


def _resized(plane: Float, size: tuple[int, ...]) -> Float:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _shaped(pieces: list[Float], generator: np.random.Generator) -> tuple[Float, Float]:
    """One piece at another size, or, of two, a bent or joined one: pixels ``[h, w, 3]`` and outline ``[h, w]``."""
    height, width = pieces[0].shape[:2]
    strange = len(pieces) == 2
    stretch = np.exp(generator.normal(0, 0.18) + (generator.normal(0, 0.28, 2) if strange else np.zeros(2)))
    size = (int(np.clip(height * stretch[0], 10, 100)), int(np.clip(width * stretch[1], 10, 170)))
    planes = []
    for piece in pieces:
        if strange and generator.random() < 0.35:
            piece = piece[::-1]
        if generator.random() < 0.5:
            piece = piece[:, ::-1]
        planes.append(np.stack([_resized(piece[..., channel], size) for channel in range(4)], axis=2))
    whole = planes[0]
    if strange and generator.random() < 0.5:
        seam = np.linspace(-3, 4, size[1], dtype=np.float32).clip(0, 1)[None, :, None]
        whole = planes[0] * (1 - seam) + planes[1] * seam
    if strange and generator.random() < 0.5:
        bend = np.sin(np.linspace(0, generator.uniform(2, 6), size[0])) * size[1] * generator.uniform(0.08, 0.2)
        whole = np.stack([np.roll(row, round(shift), axis=0) for row, shift in zip(whole, bend.tolist(), strict=True)])
    return whole[..., :3], whole[..., 3]


def _recoloured(pixels: Float, alpha: Float, generator: np.random.Generator) -> Float:
    """Hue turned and colour strengthened or drained about the piece's own mean, brightness moved."""
    turn = float(generator.uniform(0.7, 2 * np.pi - 0.7))
    strength, light = float(generator.uniform(0.4, 1.3)), float(np.exp(generator.normal(0, 0.25)))
    weights = alpha[..., None] + 1e-3
    # The water's own tint stays: only what differs from its mean grey axis is turned.
    grey = pixels.mean(axis=2, keepdims=True)
    cast = ((pixels - grey) * weights).sum((0, 1)) / weights.sum() * 0.5
    chroma = pixels - grey - cast
    cos, sin = np.cos(turn), np.sin(turn) / np.sqrt(3)
    third = (1 - np.cos(turn)) / 3
    about_grey = np.array(
        [
            [cos + third, third - sin, third + sin],
            [third + sin, cos + third, third - sin],
            [third - sin, third + sin, cos + third],
        ],
        dtype=np.float32,
    )
    return np.asarray(np.clip((grey + cast) * light + strength * chroma @ about_grey.T, 0, 1), dtype=np.float32)


def _paste(
    picture: Bytes, cover: Float, pixels: Float, alpha: Float, channel: int, generator: np.random.Generator
) -> None:
    """Blend a piece into a cut at a random place and enter it in the cover map, in place."""
    height, width = min(alpha.shape[0], picture.shape[0]), min(alpha.shape[1], picture.shape[1])
    y, x = int(generator.integers(picture.shape[0] - height + 1)), int(generator.integers(picture.shape[1] - width + 1))
    pixels, alpha = pixels[:height, :width], alpha[:height, :width]
    part = picture[y : y + height, x : x + width]
    part[:] = (part * (1 - alpha[..., None]) + pixels * 255 * alpha[..., None]).astype(np.uint8)
    mask = np.zeros(picture.shape[:2], dtype=np.float32)
    mask[y : y + height, x : x + width] = alpha
    blocks = mask.reshape(cover.shape[1], MASK, cover.shape[2], MASK).mean(axis=(1, 3))
    cover *= 1 - blocks
    cover[channel] += blocks
