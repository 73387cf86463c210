"""Whole collections that nobody wishes for: every detector gives finite scores or one clear sentence with a way out."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import EmbeddingError, GraphError
from core.ood.halves import detect
from core.ood.registry import DETECTORS
from tests.core.ood.detecting import collection

NAMES = [name for name, detector in DETECTORS.items() if not detector.needs_logits]


@pytest.fixture(scope="module")
def usual():
    """48 groups of 4, the first 40 reference."""
    vectors, groups = collection(48, frames=4)
    return vectors, groups < 40, groups


@pytest.mark.parametrize("name", NAMES)
def test_one_group_is_refused_with_a_way_out(usual, name):
    vectors, reference, groups = usual
    with pytest.raises(GraphError, match="two or more groups"):
        detect(DETECTORS[name], vectors, reference, np.where(reference, 0, groups))


@pytest.mark.parametrize("name", NAMES)
def test_identical_pictures_tell_nothing(usual, name):
    vectors, reference, groups = usual
    same = np.ones_like(vectors)
    if name == "knn":
        found = detect(DETECTORS[name], same, reference, groups)
        assert not found.flagged.any()
        assert found.p_value == pytest.approx(np.ones(len(same)))
    else:
        with pytest.raises(GraphError, match="choose a reference that varies"):
            detect(DETECTORS[name], same, reference, groups)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, np.nan])
@pytest.mark.parametrize("row", [3, 180])
def test_rows_without_direction_are_named(usual, name, value, row):
    vectors, reference, groups = usual
    broken = vectors.copy()
    broken[row] = value
    with pytest.raises(EmbeddingError, match="leave it out"):
        detect(DETECTORS[name], broken, reference, groups)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_target_and_an_empty_reference(usual, name):
    vectors, _, groups = usual
    everyone = np.ones(len(vectors), bool)
    found = detect(DETECTORS[name], vectors, everyone, groups)
    assert np.isfinite(found.score).all()
    assert found.facts["certified"]
    with pytest.raises(GraphError, match="no reference"):
        detect(DETECTORS[name], vectors, ~everyone, groups)


@pytest.mark.parametrize("name", NAMES)
def test_fewer_regions_than_dimensions(name):
    vectors, groups = collection(14, frames=3, width=200)
    found = detect(DETECTORS[name], vectors, groups < 10, groups)
    assert np.isfinite(found.score).all()
    assert not found.facts["certified"]
    assert "cannot be certified" in found.facts["sentence"]
