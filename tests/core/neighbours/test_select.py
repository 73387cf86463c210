"""The running selection equals one sort over all columns, whatever the tiles."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.neighbours.select import MASKED, SELF, NearestColumns

CPU = torch.device("cpu")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 60), st.integers(1, 12))
def test_tiles_in_any_order_give_one_sort(seed, rows, width, k):
    rng = np.random.default_rng(seed)
    # Few distinct values, some above 1 as rounding makes them: ties at the k-th place are the rule.
    values = rng.choice(np.float32([-1.0000001, -0.5, 0.0, 0.3, 0.99999994, 1.0, 1.0000001]), (rows, width))
    values[rng.random((rows, width)) < 0.2] = MASKED
    ids = rng.permutation(width)
    found = NearestColumns(rows, k, CPU)
    cuts = np.split(np.arange(width), np.sort(rng.integers(0, width, 3)))
    for part in rng.permutation(len(cuts)):
        columns = cuts[part]
        tile = torch.from_numpy(values[:, columns].T.copy()).T if part % 2 else torch.from_numpy(values[:, columns])
        found.take(0, tile, torch.from_numpy(ids[columns]))
    indices, distances = found.result()
    for row in range(rows):
        distance = np.float32(1) - np.clip(values[row], -1, 1)
        entries = sorted((d, i) for d, i, v in zip(distance, ids, values[row], strict=True) if v != MASKED)[:k]
        missing = k - len(entries)
        assert indices[row].tolist() == [i for _, i in entries] + [-1] * missing
        assert distances[row].tolist() == [d for d, _ in entries] + [np.inf] * missing


def test_the_own_column_comes_first_and_is_kept_even_alone():
    for k in (1, 2):
        found = NearestColumns(2, k, CPU, self_first=True)
        found.take(0, torch.ones(2, 3), torch.arange(3))
        found.take(0, torch.tensor([[1.0, SELF], [SELF, 1.0]]), torch.tensor([8, 9]))
        found.take(0, torch.ones(2, 2), torch.arange(3, 5))
        indices, distances = found.result()
        assert indices.tolist() == [[9, 0][:k], [8, 0][:k]]
        assert (distances == 0).all()


def test_rows_are_fed_in_parts():
    found = NearestColumns(4, 1, CPU)
    found.take(2, torch.tensor([[0.5, 0.9], [0.7, 0.1]]), torch.tensor([5, 6]))
    assert found.result()[0][:, 0].tolist() == [-1, -1, 6, 5]
