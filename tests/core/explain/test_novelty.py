"""The novelty map: what is new, what is known, whose cells are left out, and which regions make the bank."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import GraphError
from core.explain.novelty import NOBODY, bank_rows, make_bank, novelty_map


def known_features(count=8, seed=0):
    """Cells along the first two of four axes, with a little of everything."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand(count, 4, 3, 5, generator=generator) * 0.05
    features[:, :2] += torch.rand(count, 2, 3, 5, generator=generator)
    return features


def bank_of(features, groups):
    return make_bank(iter([(features, groups)]), len(features))


def test_a_cell_unlike_all_the_reference_stands_out():
    bank = bank_of(known_features(), [0, 0, 1, 1, 2, 2, 3, 3])
    picture = known_features(1, seed=9)
    picture[0, :, 1, 3] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    cells = novelty_map(picture, [NOBODY], bank)[0]
    assert int(cells.argmax()) == 1 * 5 + 3
    assert float(cells[1, 3]) > 1
    others = torch.ones(3, 5, dtype=torch.bool)
    others[1, 3] = False
    assert float((cells[others] > 0).float().mean()) < 0.3
    assert float(cells.min()) >= -1


def test_a_twentieth_of_the_references_own_cells_is_above_zero():
    features, groups = known_features(40, seed=3), [place // 4 for place in range(40)]
    bank = bank_of(features, groups)
    cells = novelty_map(features, groups, bank)
    assert float((cells > 0).float().mean()) == pytest.approx(0.05, abs=0.02)


def test_the_own_group_is_left_out():
    features = known_features(6)
    features[5, :, 2, 2] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    groups = [0, 0, 1, 1, 2, 2]
    bank = bank_of(features, groups)
    own, stranger = novelty_map(features[[5, 5]], [2, NOBODY], bank)
    assert float(own[2, 2]) > 1
    assert float(stranger[2, 2]) < 0  # known, when nothing is left out


def test_alone_and_in_a_batch_it_is_the_same():
    bank = bank_of(known_features(), [0, 0, 1, 1, 2, 2, 3, 3])
    pictures = known_features(3, seed=4)
    together = novelty_map(pictures, [0, 1, NOBODY], bank)
    assert torch.allclose(together[1], novelty_map(pictures[1:2], [1], bank)[0], atol=1e-5)


@pytest.mark.parametrize("groups", [[], [1], [1, 1, 1]])
def test_one_group_is_no_reference(groups):
    batches = [(known_features(len(groups)), groups)] if groups else []
    with pytest.raises(GraphError, match="two or more groups"):
        make_bank(iter(batches), max(1, len(groups)))


def test_every_group_gives_in_turn_and_evenly_inside():
    reference = np.arange(10, 30)
    groups = np.array([0] * 16 + [1] * 3 + [2])
    chosen = bank_rows(reference, groups, 7)
    assert [int((groups[chosen - 10] == group).sum()) for group in (0, 1, 2)] == [3, 3, 1]
    assert chosen.tolist() == [10, 26, 29, 18, 28, 14, 27]
    assert sorted(bank_rows(reference, groups, 100)) == reference.tolist()
    assert bank_rows(np.empty(0, int), np.empty(0, int)).tolist() == []
