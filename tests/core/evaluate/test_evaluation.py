"""A whole evaluation: tables, curves, confusion, what stands behind a figure, and two models side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve

from core.errors import SettingsError
from core.evaluate.behind import (
    OUTCOMES,
    of_bin,
    of_concept,
    of_stratum,
    said_line,
    surprise,
    truth_line,
    worst_first,
)
from core.evaluate.confusing import NOTHING, cell_regions, confusion
from core.evaluate.curves import ALL
from core.evaluate.evaluation import compare, evaluate, judged_cases
from core.evaluate.figures import bin_of
from tests.core.evaluate.making import cases, drawn

HAND = cases([[0.9, 0.6, 0.2], [0.3, 0.8, 0.7], [0.4, 0.1, 0.2], [0.6, 0.2, 0.1]],
             [[1, 0, 1], [0, 1, 1], [0, 0, 0], [0, 1, 0]])  # fmt: skip


def test_co_confusion_by_hand():
    # Image 0 misses c and says b instead; image 3 misses b and says a instead.
    found = confusion(HAND)
    assert (found.rows, found.columns) == (("a", "b", "c"), ("a", "b", "c", NOTHING))
    assert found.counts.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]
    assert cell_regions(HAND, "c", "b").tolist() == [0]
    silent = cases([[0.1, 0.2]], [[1, 0]])
    assert confusion(silent).counts.tolist() == [[0, 0, 1]]
    assert cell_regions(silent, "a", NOTHING).tolist() == [0]


def test_every_cell_has_its_regions_behind_it():
    for exclusive in (False, True):
        given = drawn(3, exclusive=exclusive)
        found = confusion(given)
        for row, counts in zip(found.rows, found.counts, strict=True):
            for column, count in zip(found.columns, counts, strict=True):
                assert len(cell_regions(given, row, column)) == count


def test_the_confusion_of_one_concept_an_image_is_scikit_learns():
    rng = np.random.default_rng(0)
    numbers, answers = rng.random((40, 4)), rng.integers(0, 4, 40)
    found = confusion(cases(numbers, np.eye(4, dtype=int)[answers], exclusive=True))
    np.testing.assert_array_equal(found.counts[:, :-1], confusion_matrix(answers, numbers.argmax(axis=1)))
    assert found.counts[:, -1].tolist() == [0, 0, 0, 0]


def test_concepts_that_the_model_does_not_know_are_rows_alone():
    given = cases([[0.9, 0.0], [0.1, 0.0]], [[0, 1], [0, 1]], known=np.array([True, False]))
    found = confusion(given)
    assert (found.rows, found.columns) == (("b",), ("a", NOTHING))
    assert found.counts.tolist() == [[1, 1]]


def test_numbers_of_a_concept_are_those_of_the_images_behind_them():
    found = evaluate(drawn(5), resamples=20)
    given = judged_cases(drawn(5))
    for record in found.concepts.to_dict("records"):
        counted = {name: len(of_concept(given, record["concept"], name)) for name in OUTCOMES}
        assert counted["hits"] == record["hits"]
        assert counted["misses"] == record["misses"]
        assert counted["false alarms"] == record["false_alarms"]
        assert counted["all that show it"] == record["there"] == record["hits"] + record["misses"]
        assert record["f1_low"] <= record["f1"] <= record["f1_high"]


def test_bins_hold_what_the_curve_says():
    found = evaluate(drawn(5), resamples=20).curves.reliability
    given = judged_cases(drawn(5))
    for record in found.to_dict("records"):
        rows = of_bin(given, record["bin"])
        inside = (bin_of(given.probabilities) == record["bin"]) & (given.truth >= 0)
        assert int(inside.sum()) == record["pairs"]
        assert rows.tolist() == np.flatnonzero(inside.any(axis=1)).tolist()
        assert record["low"] <= record["probability"] <= record["high"] + 1e-9


def test_curves_are_scikit_learns_and_thinned():
    given = drawn(6, count=400)
    table = evaluate(given, resamples=5).curves.precision_recall
    known = given.truth[:, 0] >= 0
    precision, recall, _ = precision_recall_curve(given.truth[known, 0] == 1, given.probabilities[known, 0])
    drawn_points = set(zip(table[table["concept"] == "a"]["recall"], table[table["concept"] == "a"]["precision"]))  # noqa: B905
    assert drawn_points <= set(zip(recall, precision, strict=True))
    assert len(table[table["concept"] == ALL]) <= 120
    assert table[table["concept"] == "a"]["recall"].max() == 1.0


def test_strata_are_figures_of_their_own_regions():
    site = np.where(np.arange(60) < 30, "ridge", "")
    given = drawn(7, strata={"site": site, "depth band": np.array([f"{400 * (i % 11):,}–x m" for i in range(60)])})
    table = evaluate(given, resamples=20).strata
    ridge = table[table["stratum"] == "site"]
    assert ridge["value"].tolist() == ["ridge"]
    assert ridge["map20"].iloc[0] == evaluate(given.rows(site == "ridge"), resamples=20).overall["map20"].value
    assert table[table["stratum"] == "depth band"]["value"].tolist()[:4] == ["0–x m", "400–x m", "800–x m", "1,200–x m"]
    assert set(of_stratum(given, "site", "ridge")) == set(range(30))
    assert table[table["stratum"] == "level"]["value"].tolist() == ["concept"]


def test_parents_have_a_level_of_their_own_and_stay_out_of_the_overall_figures():
    given = cases([[0.9, 0.2, 0.9], [0.2, 0.9, 0.95]], [[1, 0, 1], [1, 0, 1]],
                  levels=("concept", "concept", "parent"), ranked=np.array([True, True, False]))  # fmt: skip
    found = evaluate(given, resamples=5)
    assert found.overall["f1_micro"].value == pytest.approx(1 / 2)
    levels = found.strata.set_index("value")["f1_micro"]
    assert levels["concept"] == pytest.approx(1 / 2)
    assert levels["parent"] == 1.0
    assert found.confusion.columns == ("a", "b", NOTHING)


def test_the_worst_come_first():
    # Image 0: 5/6, 1: perfect, 2: nothing there and nothing said, 3: 1/2.
    assert worst_first(HAND).tolist()[:2] == [3, 0]
    assert set(worst_first(HAND).tolist()) == {0, 1, 2, 3}
    wrong = cases([[0.9], [0.6], [0.1], [0.5]], [[0], [0], [0], [-1]])
    assert worst_first(wrong).tolist() == [0, 1, 2]
    assert np.isnan(surprise(wrong)[3])


def test_captions_say_truth_and_prediction():
    assert truth_line(HAND, 0) == "true: a, c"
    assert said_line(HAND, 0) == "said: a 0.90, b 0.60"
    assert truth_line(HAND, 2) == "true: nothing"
    assert said_line(HAND, 2) == "said: nothing; nearest a 0.40"
    assert truth_line(HAND, 0, most=1) == "true: a and 1 more"
    assert truth_line(cases([[0.5]], [[-1]]), 0) == "true: not known"


def test_counts_say_what_stands_behind():
    given = cases([[0.9, 0.1, 0.0]] * 3, [[1, 0, 1], [0, 0, 0], [-1, -1, -1]],
                  known=np.array([True, True, False]), outside=np.array([1, 0, -1]), ood=np.arange(3.0))  # fmt: skip
    counts = evaluate(given, resamples=5).counts
    assert (counts.regions, counts.groups, counts.labels, counts.beyond, counts.unlabelled) == (2, 2, 2, 1, 1)
    assert (counts.outside, counts.inside) == (1, 1)


def test_a_better_model_is_better_by_a_paired_interval():
    rng = np.random.default_rng(1)
    second = drawn(9, count=300, groups=30)
    better = np.clip(second.probabilities + 0.12 * second.truth + 0.02 * rng.random(second.truth.shape), 0, 1)
    first = replace(second, probabilities=better)
    found = compare(first, second, resamples=200)
    gain = found.overall["ap_macro"].gain
    assert gain.low > 0
    parts = found.overall["ap_macro"]
    assert gain.value == pytest.approx(parts.first.value - parts.second.value)
    assert gain.high - gain.low < parts.first.high - parts.first.low
    same = compare(second, second, resamples=20).overall["ap_macro"].gain
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_two_models_meet_on_what_they_share():
    second = drawn(2, count=20)
    order = np.random.default_rng(0).permutation(20)[:12]
    first = second.rows(order).columns(np.array([2, 0, 4]))
    found = compare(first, second, resamples=10)
    assert (found.regions, found.left_out) == (
        len(judged_cases(first).keys),
        judged_cases(second).count - found.regions,
    )
    assert all(difference.gain.value == 0 for difference in found.overall.values())
    assert set(found.concepts) <= {"c", "a", "e"}
    with pytest.raises(SettingsError, match="share no region"):
        compare(first, replace(second, keys=np.array([f"x{i}" for i in range(20)])))
    flipped = np.where(second.truth >= 0, 1 - second.truth, -1).astype(np.int8)
    with pytest.raises(SettingsError, match="truth was changed"):
        compare(first, replace(second, truth=flipped))


def test_without_truth_or_without_a_known_concept_it_says_so():
    with pytest.raises(SettingsError, match="none of 1 regions has a known truth"):
        evaluate(cases([[0.5]], [[-1]]))
    with pytest.raises(SettingsError, match="knows none"):
        evaluate(cases([[0.5]], [[1]], known=np.array([False])))


def test_one_concept_one_group_and_one_region_still_give_an_evaluation():
    found = evaluate(cases([[0.7]], [[1]]), resamples=10)
    assert found.overall["map20"].value == 1.0
    assert found.overall["map20"].low == found.overall["map20"].high == 1.0
    assert found.curves.roc.empty
