"""Splits by group, with rare concepts on both sides, and how much a split by image would have leaked.

The contract:
- a group is on one side only; the same examples and seed give the same split;
- concepts of the fewest groups are placed first (iterative stratification: Sechidis et al. 2011, doi
  10.1007/978-3-642-23808-6_10, on groups instead of images), so that a concept of two groups is on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError


def split_groups(
    targets: NDArray[np.bool_], groups: NDArray[np.integer], shares: Sequence[float], *, seed: int = 0
) -> NDArray[np.int64]:
    """Which side each example is on.

    Args:
        targets: ``[N, C]`` bool.
        groups: ``[N]`` integers.
        shares: Wished share of the examples on each side, positive; scaled to sum to one.

    Returns:
        ``[N]`` int64 side numbers; a side may stay empty where there are fewer groups than sides.

    Raises:
        SettingsError: shares are not positive.
    """
    wished = np.asarray(shares, np.float64)
    if len(wished) == 0 or (wished <= 0).any():
        raise SettingsError(f"shares of a split must be positive, got {list(shares)}")
    wished = wished / wished.sum()
    names, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member).astype(np.float64)
    holds = np.zeros((len(names), targets.shape[1]))
    np.add.at(holds, member, targets.astype(np.float64))
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(names))
    # Within a concept's groups a group counts once: forty frames of one crab are one meeting with a crab.
    present = holds > 0
    lacking = wished[:, None] * present.sum(0)[None, :]  # groups of each concept that each side still wants
    room = wished * sizes.sum()
    side_of = np.full(len(names), -1, np.int64)

    def place(group: int, concept: int | None) -> None:
        want = lacking[:, concept] if concept is not None else room / max(room.max(), 1e-9)
        best = np.flatnonzero(np.isclose(want, want.max()))
        side = int(best[np.argmax(room[best])])
        side_of[group] = side
        lacking[side] -= present[group]
        room[side] -= sizes[group]

    while True:
        open_groups = side_of < 0
        left = present[open_groups].sum(0)
        if not (left > 0).any():
            break
        concept = int(np.argmin(np.where(left > 0, left, np.inf)))
        for group in shuffled:
            if side_of[group] < 0 and present[group, concept]:
                place(int(group), concept)
    for group in sorted(shuffled[side_of[shuffled] < 0], key=lambda one: -sizes[one]):
        place(int(group), None)
    return side_of[member]


def folds(targets: NDArray[np.bool_], groups: NDArray[np.integer], count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """``[N]`` fold numbers in ``[0, count)``, by group.

    Raises:
        SettingsError: there are fewer groups than folds, or fewer than two folds.
    """
    there = len(np.unique(groups))
    if not 2 <= count <= there:
        raise SettingsError(f"folds must be between 2 and the number of groups, {there} here, got {count}")
    return split_groups(targets, groups, [1.0] * count, seed=seed)
