"""Which groups a model was made with, and which it has never seen.

The contract: training, validation, thresholds and calibration all count as serving; only groups that were held out are
new to a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

APART = "held_out"
"""The one use of a group after which it may still judge."""


def group_names(table: pd.DataFrame) -> pd.Series:
    """Names of the groups of a table of regions: ``dataset/group``, or ``dataset/path`` of an image that stands alone.

    Args:
        table: With the columns ``dataset``, ``group`` and ``path``.
    """
    own = table["group"].astype("str")
    names: pd.Series = table["dataset"].astype("str") + "/" + own.mask(own == "", table["path"].astype("str"))
    return names


def serving(groups: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Names of the groups that a model was made with, of those by use (`core.learn.models.Model.groups`)."""
    return frozenset(name for use, names in groups.items() if use != APART for name in names)


def served(table: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
    """``[N]`` bool: which regions of a table lie in groups that a model was made with."""
    found: NDArray[np.bool_] = group_names(table).isin(serving(groups)).to_numpy(dtype=bool)
    return found
