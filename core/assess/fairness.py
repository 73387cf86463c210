"""Which labelled regions a model may be judged on: those of groups that served nothing while it was made.

The contract: training, validation, thresholds and calibration all count as serving; what is left out is counted, by
groups and by regions, and when nothing is left that is an error in words, never a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.learn.apart import serving
from core.learn.gathering import Examples


@dataclass(frozen=True)
class Fair:
    """What may be judged.

    Attributes:
        rows: ``[M]`` int64, rows of the examples.
        left_out: Regions of groups that served the model.
        groups_left_out: Those groups.
        sentence: The same for people.
    """

    rows: NDArray[np.int64]
    left_out: int
    groups_left_out: int
    sentence: str


def fair_rows(examples: Examples, served: Mapping[str, Sequence[str]], model: str) -> Fair:
    """Leave out what served the model.

    Args:
        examples: With `Examples.group_names` of every group number.
        served: Names of groups by what they served (`core.learn.models.Model.groups`).
        model: Its name, for the sentence.

    Raises:
        SettingsError: nothing is left.
    """
    used = serving(served)
    apart = np.array([name not in used for name in examples.group_names], bool)
    kept = apart[examples.groups]
    rows = np.flatnonzero(kept)
    left_out = int((~kept).sum())
    groups = len(np.unique(examples.groups[~kept]))
    if not len(rows):
        raise SettingsError(
            f"all {groups:,} groups of these images served to train, tune or calibrate {model}, so no figure on them "
            "would be honest; evaluate it on other dives, or train it again with some kept apart (--held-out 0.2)"
        )
    kept_groups = len(np.unique(examples.groups[rows]))
    sentence = f"Judged on {len(rows):,} labelled regions of {kept_groups:,} groups that served nothing before."
    if left_out:
        sentence += f" {left_out:,} regions of {groups:,} groups are left out: they served to train, tune or calibrate."
    return Fair(rows, left_out, groups, sentence)
