"""The survey's rules, held on the plan and the composed scenes of the full collection (no pixel is drawn)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.demo.concepts import BY_NAME, CONCEPTS, KNOWN, NEW
from core.demo.scene import compose, equip
from core.demo.world import EARLIER_CAMERAS, LATER_CAMERA, REFERENCE_CONDITIONS, plan
from core.errors import SettingsError

DIVES = plan(0, 1200)


def test_sixty_dives_and_forty_five_with_frames_for_a_reference():
    assert len(DIVES) >= 60
    assert sum(dive.frames for dive in DIVES) == 1200
    usable = [d for d in DIVES if not d.later and any(depth < 800 for s in d.stretches for depth in s.depths)]
    assert len(usable) >= 45


@pytest.mark.parametrize("frames", [16, 17, 40, 333, 1200, 2000])
def test_every_frame_is_planned_in_runs_of_neighbours(frames):
    dives = plan(3, frames)
    assert sum(dive.frames for dive in dives) == frames
    assert len({dive.name for dive in dives}) == len(dives)
    lengths = [len(stretch.depths) for dive in dives for stretch in dive.stretches]
    assert max(lengths) <= 6
    assert sum(length >= 2 for length in lengths) >= 0.9 * len(lengths)


def test_too_few_frames_are_refused():
    with pytest.raises(SettingsError, match="at least 16"):
        plan(0, 15)


def test_another_seed_is_another_survey():
    assert plan(0, 60) == plan(0, 60)
    assert plan(0, 60) != plan(1, 60)


def test_dives_run_forward_in_time_and_never_overlap():
    times = [[t for s in dive.stretches for t in s.times] for dive in DIVES]
    for own in times:
        assert own == sorted(own)
        assert len(set(own)) == len(own)
    for before, after in pairwise(times):
        assert before[-1] < after[0]
    assert {t.year for own in times for t in own} == {2022, 2023, 2024}


def test_depth_is_continuous_along_a_stretch_and_within_the_canyon():
    for dive in DIVES:
        for stretch in dive.stretches:
            assert all(0 < depth <= 1300 for depth in stretch.depths)
            assert max(stretch.depths) - min(stretch.depths) < 6


def test_two_later_dives_have_another_camera_and_lie_shallower_than_the_reference_ends():
    later = [dive for dive in DIVES if dive.camera == LATER_CAMERA]
    assert later == list(DIVES[-2:])
    assert max(depth for dive in later for s in dive.stretches for depth in s.depths) < 800
    assert {dive.camera for dive in DIVES[:-2]} == set(EARLIER_CAMERAS)
    assert REFERENCE_CONDITIONS == ("depth_m<800", "camera!=skua-4k")


def test_who_lives_where():
    assert len(NEW) >= 4
    assert len(CONCEPTS) >= 16
    assert len({concept.parent for concept in CONCEPTS}) >= 10
    met: set[str] = set()
    empty = total = 0
    for dive in DIVES:
        gear = equip(0, dive)
        for stretch in dive.stretches:
            things = compose(0, dive, stretch, gear, (960, 540)).things
            names = [thing.concept.name for thing in things if thing.concept is not None]
            for name in names:
                low, high = BY_NAME[name].depth
                assert low <= min(stretch.depths)
                assert max(stretch.depths) <= high
            if min(stretch.depths) < 800 or dive.later:
                assert set(names) <= set(KNOWN)
            met |= set(names)
            total += 1
            empty += not names
    assert met == set(BY_NAME)
    assert 0.08 < empty / total < 0.35
