"""The novelty map: which cells the reference has never shown, at any place of any picture.

Every cell of the last feature map is compared with a bank of the reference's cells, those of its own group left out:

    z_ij = |A_ij| · (1 - max_b cos(A_ij, b)),    map = z / z95 - 1

z95 is the 95th percentile of z over the bank's own cells, each against the other groups. Positive cells are newer than
95 % of what the reference shows. It is a second opinion, not a share of the score: it does not add up to anything. On
real frames and the larger grid it holds more of the animals than any other map, but its highest cell is not surely
better placed than that of the features' mere length (``benchmarks/why_where.py``).

Sources: nearest cells as in SPADE (Cohen & Hoshen 2020, arXiv 2005.02357) and PatchCore (Roth et al. 2022,
arXiv 2106.08265); the length as a weight and the calibration by groups are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import GraphError

NOBODY = -1
"""The group of a picture from outside: nothing is left out for it."""
_PERCENTILE = 95.0
_REGIONS = 240
_CELLS = 8192
_MASKED = -2.0
_TINY = 1e-12
_BLOCK = 1024


@dataclass(frozen=True)
class CellBank:
    """Cells of the reference.

    Attributes:
        units: ``[M, D]`` float16, each of length one.
        groups: ``[M]`` int64, of the region that each is from.
        level: z95, above 0.
    """

    units: NDArray[np.float16]
    groups: NDArray[np.int64]
    level: float


def bank_rows(reference: NDArray[np.integer], groups: NDArray[np.integer], most: int = _REGIONS) -> NDArray[np.int64]:
    """Which reference regions the bank is made from: turn by turn one of each group, evenly spread inside it.

    Args:
        reference: ``[R]`` rows.
        groups: ``[R]`` their groups.

    Returns:
        At most `most` rows, in the order of choice: every group once, then every group again, and so on.
    """
    turns = np.empty(len(reference), np.int64)
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        # The middle first, then the quarters, and so on: however early it stops, they are spread.
        turns[places[np.argsort([_reversed_bits(number) for number in range(len(places))], kind="stable")]] = np.arange(
            len(places)
        )
    return np.asarray(reference, np.int64)[np.lexsort((reference, turns))[:most]]


def _reversed_bits(number: int) -> int:
    return int(f"{number:032b}"[::-1], 2)


def make_bank(batches: Iterator[tuple[Tensor, Sequence[int]]], regions: int, seed: int = 0) -> CellBank:
    """Collect cells of the reference.

    Args:
        batches: Features ``[B, D, h, w]`` float32 of reference regions, and their groups.
        regions: How many regions will come, for an even share each.
        seed: Of the choice of cells.

    Raises:
        GraphError: fewer than two groups came, so nothing can be compared with another group.
    """
    chooser = np.random.default_rng(seed)
    share = max(1, _CELLS // max(1, regions))
    units, lengths, owners = [], [], []
    for features, groups in batches:
        for cells, group in zip(features.flatten(2).transpose(1, 2), groups, strict=True):
            chosen = np.sort(chooser.choice(len(cells), min(share, len(cells)), replace=False))
            picked = cells[torch.from_numpy(chosen).to(cells.device)]
            length = picked.norm(dim=1)
            lengths.append(length.cpu())
            units.append((picked / length.clamp_min(_TINY)[:, None]).half().cpu())
            owners.append(np.full(len(chosen), group, np.int64))
    groups_ = np.concatenate(owners) if owners else np.empty(0, np.int64)
    if len(np.unique(groups_)) < 2:
        raise GraphError(
            "a novelty map needs a reference of two or more groups, so that what is new can be told from what is "
            "usual; give a wider reference"
        )
    bank = torch.cat(units)
    novelty = _novelty(bank.float(), torch.cat(lengths), bank.float(), groups_, groups_)
    level = float(np.percentile(novelty.numpy(), _PERCENTILE))
    return CellBank(bank.numpy(), groups_, max(level, _TINY))


def novelty_map(features: Tensor, groups: Sequence[int], bank: CellBank) -> Tensor:
    """How new every cell is.

    Args:
        features: ``[B, D, h, w]`` float32.
        groups: B groups whose cells are left out; `NOBODY` for pictures from outside.

    Returns:
        ``[B, h, w]`` float32, at least -1; 0 is as new as the reference's newest twentieth.
    """
    known = torch.from_numpy(np.array(bank.units)).to(features.device, torch.float32)
    count, dimension, height, width = features.shape
    cells = features.permute(0, 2, 3, 1).reshape(-1, dimension)
    lengths = cells.norm(dim=1)
    units = cells / lengths.clamp_min(_TINY)[:, None]
    owners = np.repeat(np.asarray(groups, np.int64), height * width)
    novelty = _novelty(units, lengths, known, owners, bank.groups)
    return (novelty / bank.level - 1).reshape(count, height, width)


def _novelty(
    units: Tensor, lengths: Tensor, known: Tensor, owners: NDArray[np.integer], bank_owners: NDArray[np.integer]
) -> Tensor:
    """z of every cell, the bank's cells of its own group left out."""
    own = torch.from_numpy(np.array(owners, np.int64)).to(units.device)
    theirs = torch.from_numpy(np.array(bank_owners, np.int64)).to(units.device)
    parts = []
    for start in range(0, len(units), _BLOCK):
        part = slice(start, start + _BLOCK)
        similarity = units[part] @ known.T
        similarity.masked_fill_(own[part, None] == theirs[None], _MASKED)
        parts.append((1 - similarity.amax(1)).clamp(0, 2) * lengths[part])
    return torch.cat(parts)
