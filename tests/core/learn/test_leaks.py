"""Near copies on both sides of a split are noticed, and nothing else is."""

from __future__ import annotations

import numpy as np

from core.learn.leaks import measure_leak


def frames(rng, dives, each, noise):
    """Frames of dives: each dive a place of its own, its frames around it."""
    places = rng.normal(size=(dives, 40))
    return np.repeat(places, each, axis=0) + noise * rng.normal(size=(dives * each, 40))


def test_mixed_dives_leak_and_dives_apart_do_not():
    everything = frames(np.random.default_rng(0), 30, 10, 0.2)
    dive = np.repeat(np.arange(30), 10)
    mixed = measure_leak(everything[::2], everything[1::2])
    apart = measure_leak(everything[dive < 20], everything[dive >= 20])
    assert mixed.share > 0.95
    assert "near copy" in mixed.sentence
    assert apart.share < 0.05
    assert apart.sentence == ""
    assert apart.images == 100


def test_nothing_to_compare_is_no_leak():
    assert measure_leak(np.zeros((0, 3)), np.ones((4, 3))).share == 0.0
    assert measure_leak(np.ones((5, 3)), np.zeros((0, 3))).images == 0
