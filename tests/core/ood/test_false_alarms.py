"""On collections with nothing new in them, flags stay as rare as promised; on new things they are raised."""

from __future__ import annotations

import numpy as np
import pytest

from core.neighbours.graph import reference_graph
from core.ood.conformal import flag
from core.ood.knn import knn_scores, knn_scores_of

ALPHA = 0.05
K = 10
REFERENCE_DIVES, NEW_DIVES = 40, 8


def simulate(seed):
    """Dives with an offset of their own (light, water, place) and frames scattered a little around it."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(4, 25, REFERENCE_DIVES + NEW_DIVES)
    dives = np.repeat(np.arange(len(sizes)), sizes)
    offsets = rng.standard_normal((len(sizes), 12)) * 0.6
    frames = 1.0 + offsets[dives] + 0.25 * rng.standard_normal((len(dives), 12))
    return frames.astype(np.float32), dives, dives < REFERENCE_DIVES


def alarm_rate(flagged, dives):
    """Mean over new dives of the share of their frames that is flagged."""
    return np.mean([flagged[dives == dive].mean() for dive in range(REFERENCE_DIVES, dives.max() + 1)])


def scores_of(frames, dives, reference):
    return knn_scores(reference_graph(frames, groups=dives, reference=reference, k=K).distances, K)


@pytest.fixture(scope="module")
def rates():
    """False-alarm rates of 100 collections: by conformal flags, and by a frame-wise percentile."""
    conformal, framewise = [], []
    for seed in range(100):
        frames, dives, reference = simulate(seed)
        flags = flag(scores_of(frames, dives, reference), dives, reference, ALPHA)
        assert flags.certified
        conformal.append(alarm_rate(flags.flagged, dives))
        each_its_own = scores_of(frames, None, reference)
        framewise.append(alarm_rate(each_its_own > np.quantile(each_its_own[reference], 1 - ALPHA), dives))
    return np.array(conformal), np.array(framewise)


def test_the_false_alarm_rate_is_kept(rates):
    conformal, _ = rates
    error = conformal.std(ddof=1) / np.sqrt(len(conformal))
    assert conformal.mean() <= ALPHA + error
    assert conformal.mean() > 0.0


def test_these_collections_would_break_a_framewise_percentile(rates):
    """Otherwise the test above would show nothing: with the frames of a dive left in, new dives look strange."""
    _, framewise = rates
    assert framewise.mean() > 4 * ALPHA


def test_new_things_are_flagged():
    frames, dives, reference = simulate(0)
    rng = np.random.default_rng(1)
    strangers = (rng.standard_normal(12) * 3 + 0.25 * rng.standard_normal((20, 12))).astype(np.float32)
    frames = np.concatenate([frames, strangers])
    dives = np.concatenate([dives, np.full(20, dives.max() + 1)])
    reference = np.concatenate([reference, np.zeros(20, bool)])
    flags = flag(scores_of(frames, dives, reference), dives, reference, ALPHA)
    assert flags.flagged[-20:].mean() > 0.9


def test_scores_of_new_dives_do_not_depend_on_each_other():
    frames, dives, reference = simulate(2)
    scores = scores_of(frames, dives, reference)
    alone = knn_scores_of(frames[~reference], frames[reference], k=K)
    np.testing.assert_allclose(scores[~reference], alone, atol=1e-6)
