"""MAP@20, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import SettingsError
from core.evaluate.retrieval import average_precision, map_at_20, ranked


def test_the_formula_by_hand():
    # Image 0: two true labels, hits at places 1 and 3: (1/1 + 2/3) / 2 = 5/6.
    # Image 1: one true label at place 2: (1/2) / 1.
    # Image 2: no true label: left out. Image 3: nothing predicted: 0.
    found = map_at_20([{1, 2}, {3}, set(), {9}], [[1, 5, 2], [4, 3], [1], []])
    np.testing.assert_allclose(found.per_image, [5 / 6, 1 / 2, 0.0])
    assert found.value == pytest.approx((5 / 6 + 1 / 2) / 3)
    assert found.left_out == 1
    assert found.counted.tolist() == [0, 1, 3]


def test_it_never_passes_one_and_more_than_twenty_labels_can_still_be_perfect():
    # Without 1/min(m, 20) this image alone would give 3.
    assert average_precision({1, 2, 3}, [3, 1, 2]) == 1.0
    assert average_precision(range(30), list(range(30))) == 1.0


def test_only_twenty_predictions_count():
    assert average_precision({99}, [*range(20), 99]) == 0.0
    assert average_precision({99}, [*range(19), 99]) == pytest.approx(1 / 20)


def test_a_repeated_prediction_counts_once():
    assert average_precision({1, 2}, [1, 1, 2]) == 1.0
    assert ranked([(7, 0.2), (7, 0.9), (3, 0.5)]) == [7, 3]


def test_ties_break_by_id():
    assert ranked([(8, 0.5), (2, 0.5), (5, 0.7)]) == [5, 2, 8]


def test_nothing_to_score_is_not_a_number_and_a_wrong_length_is_an_error():
    found = map_at_20([set()], [[1]])
    assert np.isnan(found.value)
    assert found.left_out == 1
    with pytest.raises(SettingsError, match="one length"):
        map_at_20([{1}], [])
