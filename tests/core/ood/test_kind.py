"""A changed camera is told from new content by statistics and scores alone."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import GraphError
from core.ood.kind import CAMERA_OR_WATER, CONTENT, NOT_FLAGGED, UNTOLD, kinds_of_strange

NAMES = ("brightness", "contrast", "blue_green")


def survey(seed=0, camera_dives=2):
    """40 usual dives, some of a camera with a blue cast that raises the score, and 4 dives with new animals.

    Scores follow brightness a little everywhere, so that statistics do explain something.
    """
    rng = np.random.default_rng(seed)
    dives = 40 + camera_dives + 4
    groups = np.repeat(np.arange(dives), 12)
    statistics = np.repeat(rng.normal(size=(dives, 3)), 12, axis=0) + 0.5 * rng.normal(size=(len(groups), 3))
    camera = (groups >= 40) & (groups < 40 + camera_dives)
    new = groups >= 40 + camera_dives
    statistics[camera, 2] += 6.0
    scores = 0.3 * statistics[:, 0] + 0.3 * rng.normal(size=len(groups)) + 3.0 * camera + 3.0 * new
    return scores, scores > 1.0, statistics, groups, groups < 40, camera, new


@pytest.mark.parametrize("camera_dives", [1, 2, 4])
def test_both_kinds_are_told_for_at_least_nine_in_ten(camera_dives):
    right = {CAMERA_OR_WATER: [], CONTENT: []}
    for seed in range(10):
        scores, flagged, statistics, groups, reference, camera, new = survey(seed, camera_dives)
        found = kinds_of_strange(scores, flagged, statistics, NAMES, reference, groups)
        right[CAMERA_OR_WATER].append((found.verdict[camera & flagged] == CAMERA_OR_WATER).mean())
        right[CONTENT].append((found.verdict[new & flagged] == CONTENT).mean())
        assert (found.verdict[~flagged] == NOT_FLAGGED).all()
    assert np.mean(right[CAMERA_OR_WATER]) > 0.9
    assert np.mean(right[CONTENT]) > 0.9


def test_the_flagged_set_as_a_whole_is_told_with_what_changed():
    scores, _, statistics, groups, reference, camera, new = survey()
    changed = kinds_of_strange(scores, camera, statistics, NAMES, reference, groups)
    assert changed.set_verdict == CAMERA_OR_WATER
    told = int((changed.verdict == CAMERA_OR_WATER).sum())
    assert told >= 22
    assert f"Of 24 flagged regions, {told} look like a camera or water change" in changed.sentence
    assert "What changed most is blue against green" in changed.sentence
    assert "above the reference" in changed.sentence
    assert kinds_of_strange(scores, new, statistics, NAMES, reference, groups).set_verdict == CONTENT
    assert kinds_of_strange(scores, new | camera, statistics, NAMES, reference, groups).set_verdict == UNTOLD
    nothing = kinds_of_strange(scores, np.zeros(len(scores), bool), statistics, NAMES, reference, groups)
    assert (nothing.set_verdict, nothing.sentence) == (NOT_FLAGGED, "Nothing is flagged.")


def test_what_statistics_explain_is_taken_out_of_the_score():
    scores, flagged, statistics, groups, reference, _, _ = survey(camera_dives=4)
    usual = groups < 40
    found = kinds_of_strange(scores, flagged, statistics, NAMES, reference, groups)
    before = abs(np.corrcoef(scores[usual], statistics[usual, 0])[0, 1])
    after = abs(np.corrcoef(found.residual[usual], statistics[usual, 0])[0, 1])
    assert before > 0.5
    assert after < 0.25
    assert found.explained[reference].mean() == pytest.approx(0.0, abs=1e-9)
    assert np.percentile(found.unusual[reference], 95) == pytest.approx(1.0)


def test_regions_without_statistics_cannot_be_told():
    scores, flagged, statistics, groups, reference, _, _ = survey()
    blind = flagged & ~reference
    statistics[blind] = np.nan
    found = kinds_of_strange(scores, flagged, statistics, NAMES, reference, groups)
    assert (found.verdict[blind] == UNTOLD).all()
    assert "have no image statistics" in found.sentence
    assert np.isnan(found.residual[blind]).all()


def test_equal_pictures_give_finite_numbers_and_too_little_is_said():
    count = 12
    scores, groups = np.linspace(0, 1, count), np.arange(count) // 2
    reference, flagged = groups < 4, groups >= 4
    same = kinds_of_strange(scores, flagged, np.ones((count, 3)), NAMES, reference, groups)
    assert np.isfinite(same.residual).all()
    assert (same.verdict[flagged] == CONTENT).all()
    alone = kinds_of_strange(scores, flagged, np.random.default_rng(0).normal(size=(count, 3)), NAMES, reference)
    assert np.isfinite(alone.unusual).all()
    with pytest.raises(GraphError, match="two or more reference groups"):
        kinds_of_strange(scores, flagged, np.ones((count, 3)), NAMES, groups == 0, groups)
    with pytest.raises(GraphError, match="two or more reference groups"):
        kinds_of_strange(scores, flagged, np.full((count, 3), np.nan), NAMES, reference, groups)
    with pytest.raises(GraphError, match="statistics of shape"):
        kinds_of_strange(scores, flagged, np.ones((count, 2)), NAMES, reference, groups)
