"""The scores of two runs held against each other, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.between import scores_between


def table(ids, scores, sets):
    return pd.DataFrame({"region_id": ids, "ood_score": scores, "set": sets})


def test_order_strangest_and_moved_by_hand():
    first = table([1, 2, 3, 4, 9], [0.1, 0.2, 0.3, 0.4, 5.0], ["target"] * 5)
    second = table([4, 3, 2, 1, 8], [1.0, 3.0, 4.0, np.nan, 9.0], ["target", "reference", "both", "target", "target"])
    found = scores_between(first, second, top=1)
    # regions 2, 3, 4: ranks 1, 2, 3 before and 3, 2, 1 after
    assert found.common == 3
    assert found.order == pytest.approx(-1.0)
    assert (found.top, found.strangest) == (1, 0)  # among targets 2 and 4: region 4 before, region 2 after
    assert found.median == (pytest.approx(0.3), pytest.approx(3.0))
    assert list(second["region_id"].iloc[found.moved]) == [2, 4, 3]


def test_nothing_in_common_and_no_order():
    alone = scores_between(table([1], [0.1], ["target"]), table([2], [0.1], ["target"]))
    assert (alone.common, alone.top) == (0, 0)
    same = scores_between(table([1, 2], [0.1, 0.1], ["target"] * 2), table([1, 2], [0.1, 0.2], ["target"] * 2))
    assert np.isnan(same.order)
    assert same.strangest == 2
