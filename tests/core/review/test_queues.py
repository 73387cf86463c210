"""Queues, loans, near-duplicate runs, agreement, samples."""

from __future__ import annotations

import math
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from core.errors import ReviewError
from core.review import agreement
from core.review.columns import with_decisions
from core.review.deciding import Act, decide
from core.review.estimating import estimate, wilson
from core.review.handing import LENT_FOR, give_back, hand_out, lent_count
from core.review.queues import QUEUES, queue_order
from core.review.repeats import repeat_threshold, repeats, run_of
from core.review.standing import standing
from core.review.verdicts import Verdict, all_verdicts, change_verdicts, verdicts
from tests.core.review.conftest import NOW


def made(scores, p_values=None, sets=None, **columns):
    count = len(scores)
    table = pd.DataFrame(
        {
            "region_id": np.arange(10, 10 + count),
            "set": sets or ["target"] * count,
            "ood_score": np.array(scores, np.float32),
            "ood_percentile": np.linspace(0, 100, count),
            "p_value": p_values if p_values is not None else np.linspace(1, 0.01, count),
            "cluster": [0] * count,
            "cluster_probability": np.ones(count, np.float32),
            **columns,
        }
    )
    return SimpleNamespace(table=table, key="a run", manifest={"flag": {"alpha": 0.05}})


NOBODY = np.full(20, -1, np.int32)


def order(run, name, numbers=None) -> list[int]:
    alone = np.full(len(run.table), -1, np.int32)
    return queue_order(run, name, alone if numbers is None else np.array(numbers)).tolist()


def test_strangest_first_with_ties_by_row_and_without_the_reference():
    run = made([0.1, 0.5, np.nan, 0.5, 0.9], sets=["target", "target", "target", "both", "reference"])
    assert order(run, "strangest") == [1, 3, 0]


def test_most_uncertain_is_nearest_to_the_line():
    assert order(made([1, 2, 3, 4], p_values=[0.9, 0.06, 0.01, 0.2]), "uncertain") == [1, 3, 2, 0]


def test_detectors_that_rank_a_picture_differently_come_first():
    run = made([0.1, 0.2, 0.3, 0.4], lof_score=[0.4, 0.2, 0.3, 0.35], lof_p_value=[1.0] * 4)
    assert order(run, "detectors")[0] == 0
    with pytest.raises(ReviewError, match="make a run with other detectors"):
        order(made([1, 2]), "detectors")


def test_one_of_every_run_of_near_duplicates_the_strangest():
    assert order(made([0.1, 0.5, 0.4, 0.9, 0.2]), "repeats", [0, 0, -1, 1, 1]) == [3, 1, 2]


def test_representatives_of_all_clusters_before_the_second_of_any():
    run = made([1] * 6, cluster=[0, 0, 0, 1, 1, -1], cluster_probability=[0.2, 0.9, 0.5, 0.1, 0.8, 0.0])
    assert order(run, "clusters") == [1, 4, 2, 3, 0, 5]


def test_a_random_order_is_the_same_each_time_and_another_for_another_run():
    run = made(np.arange(40))
    assert order(run, "random") == order(run, "random")
    assert sorted(order(run, "random")) == list(range(40))
    other = made(np.arange(40))
    other.key = "another run"
    assert order(other, "random") != order(run, "random")


@given(st.data())
def test_every_queue_holds_each_region_at_most_once(data):
    count = data.draw(st.integers(0, 12))
    scores = data.draw(st.lists(st.floats(0, 2) | st.just(float("nan")), min_size=count, max_size=count))
    cluster = data.draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    numbers = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=count, max_size=count)), np.int32)
    run = made(scores, cluster=cluster, lof_score=scores[::-1])
    for name in QUEUES:
        rows = queue_order(run, name, numbers)
        assert len(set(rows.tolist())) == len(rows)
        assert name == "repeats" or len(rows) == (np.isfinite(scores).sum() or count)


def test_near_duplicates_are_of_one_group_and_closer_than_groups_are():
    table = pd.DataFrame({"dataset": ["d"] * 5, "group": ["a", "a", "b", "", ""]})
    indices = np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 4, 0], [4, 3, 0]])
    distances = np.array([[0, 0.01, 0.01], [0, 0.01, 0.01], [0, 0.01, 0.01], [0, 0.0, 0.5], [0, 0.0, 0.5]], np.float32)
    reference = SimpleNamespace(indices=indices, distances=np.full((5, 2), 0.2, np.float32))
    run = SimpleNamespace(
        table=table, graph_all=SimpleNamespace(indices=indices, distances=distances), graph_reference=reference
    )
    assert repeat_threshold(run) == pytest.approx(0.2)
    assert repeats(run).tolist() == [0, 0, -1, -1, -1]
    assert run_of(repeats(run), 1).tolist() == [1, 0]
    assert run_of(repeats(run), 3).tolist() == [3]


def test_two_people_never_hold_the_same_region(space, regions):
    ask = {"count": 4, "now": NOW}
    ada = hand_out(space.database, 2, regions, actor="Ada", **ask)
    bob = hand_out(space.database, 2, regions, actor="Bob", **ask)
    assert (ada.regions, bob.regions) == (tuple(regions[:4]), tuple(regions[4:8]))
    assert hand_out(space.database, 2, regions, actor="Ada", **ask).regions == ada.regions
    later = NOW + LENT_FOR + timedelta(seconds=1)
    assert hand_out(space.database, 2, regions, actor="Cy", count=4, now=later).regions == ada.regions
    assert lent_count(space.database, 2, later) == 4
    give_back(space.database, 2, "Cy")
    assert lent_count(space.database, 2, later) == 0


def test_what_is_skipped_goes_to_others_and_what_is_decided_to_nobody(space, regions):
    hand_out(space.database, 2, regions, actor="Ada", count=3, now=NOW)
    decide(space.database, Act("decided-1", "Ada", 2, "new", regions=(regions[1],)), now=NOW)
    ada = hand_out(space.database, 2, regions, actor="Ada", count=2, now=NOW, without=[regions[0]], keep=[regions[2]])
    assert ada.regions == (regions[2], regions[3])
    assert (ada.decided, ada.left, ada.mine) == (1, len(regions) - 1, 1)
    assert hand_out(space.database, 2, regions, actor="Bob", count=2, now=NOW).regions == (regions[0], regions[4])


def test_second_opinions_are_of_others_and_only_when_asked(space, regions):
    decide(space.database, Act("decided-1", "Ada", 2, "new", regions=(regions[3],)), now=NOW)
    ask = {"count": 5, "now": NOW, "rule": "second"}
    assert hand_out(space.database, 2, regions, actor="Ada", **ask).regions == ()
    found = hand_out(space.database, 2, regions, actor="Bob", **ask)
    assert (found.regions, found.left) == ((regions[3],), 1)
    assert hand_out(space.database, 2, regions, actor="Cy", **ask).regions == ()
    decide(space.database, Act("decided-2", "Bob", 2, "gear", regions=(regions[3],)), now=NOW)
    assert hand_out(space.database, 2, regions, actor="Cy", **ask).regions == ()
    again = hand_out(space.database, 2, [regions[3]], actor="Ada", count=1, now=NOW + 2 * LENT_FOR, rule="again")
    assert (again.regions, again.left) == ((regions[3],), 1)


VERDICTS = st.sampled_from(["new", "water", "gear"])


@given(st.lists(st.tuples(VERDICTS, VERDICTS), min_size=1, max_size=40))
def test_cohens_kappa_is_scikit_learns(both):
    first, second = [one for one, _ in both], [other for _, other in both]
    ours = agreement.cohen_kappa(first, second)
    if len({*first, *second}) == 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_fleiss_kappa_is_that_of_fleiss_own_kind_of_table():
    # Ten subjects, fourteen raters, five categories: the worked example of the method, kappa 0.210.
    rows = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]  # fmt: skip
    assert agreement.fleiss_kappa(np.array(rows)) == pytest.approx(0.20993, abs=1e-5)
    # By hand: two regions agreed, one not; P = (1+1+0)/3, shares 1/2 and 1/2, so (2/3 - 1/2) / (1/2) = 1/3.
    assert agreement.fleiss_kappa(np.array([[2, 0], [0, 2], [1, 1]])) == pytest.approx(1 / 3)
    assert math.isnan(agreement.fleiss_kappa(np.array([[2, 0], [2, 0]])))
    with pytest.raises(ReviewError):
        agreement.fleiss_kappa(np.array([[2, 0], [1, 2]]))


def test_pairs_and_disagreements(space, regions):
    said = {"Ada": ["new", "new", "water"], "Bob": ["new", "gear", "water"], "Cy": ["new", "habitat"]}
    for actor, given_verdicts in said.items():
        for region, verdict in zip(regions, given_verdicts, strict=False):
            key = f"{actor}-key-{region:05d}"
            decide(space.database, Act(key, actor, 2, verdict, regions=(region,)), now=NOW)
    by_region = agreement.verdicts_by_region(standing(space.database))
    first = agreement.pairs(by_region)[0]
    assert (first.first, first.second, first.both, first.same) == ("Ada", "Bob", 3, 2)
    assert first.kappa == pytest.approx(0.5)  # p_o = 2/3; p_e = (2/3)(1/3) + (1/3)(1/3) = 1/3
    assert agreement.disagreements(by_region) == [regions[1]]
    kappa, counted, number = agreement.overall(by_region)
    assert (counted, number) == (2, 3)
    assert kappa == pytest.approx(0.0)  # P = (1 + 0) / 2; shares 4/6, 1/6, 1/6, so P_e = 18/36


def test_wilson_is_the_formula_by_hand():
    low, high = wilson(0, 10)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_only_the_unbroken_beginning_of_a_random_sample_counts():
    verdicts_ = {1: "new", 2: "new", 3: "water", 5: "new"}
    found = estimate([1, 2, 3, 4, 5, 6], verdicts_, {})
    assert (found.used, found.broken_by, found.total) == (3, 1, 6)
    assert found.shares["new"].value == pytest.approx(2 / 3)
    assert list(found.shares) == ["new", "water"]
    assert estimate([9], {}, {}).shares == {}


def test_intervals_of_samples_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    truth, held = 0.3, 0
    for _ in range(300):
        verdict = {region: "new" if rng.random() < truth else "water" for region in range(60)}
        share = estimate(list(range(60)), verdict, {}).shares.get("new")
        held += share is not None and share.low <= truth <= share.high
    assert held >= 0.92 * 300


def test_decisions_as_columns(space, run, regions):
    for number, (actor, region, verdict) in enumerate(
        [("Ada", 0, "new"), ("Bob", 0, "new"), ("Ada", 1, "new"), ("Bob", 1, "gear"), ("Ada", 2, "taxon")]
    ):
        concept = "crab" if verdict == "taxon" else ""
        decide(
            space.database,
            Act(f"columns-{number}", actor, 2, verdict, regions=(regions[region],), concept=concept),
            now=NOW,
        )
    table = with_decisions(run.table, standing(space.database))
    assert table["verdict"].tolist()[:4] == ["new", "disputed", "taxon", ""]
    assert table["opinions"].tolist()[:4] == [2, 2, 1, 0]
    assert table["decided_by"].tolist()[0] == "Ada;Bob"
    assert table["decided_concepts"].tolist()[2] == "crab"
    assert table["decided_at"].iloc[0].to_pydatetime() == NOW
    assert "verdict" not in run.table.columns


def test_a_lab_changes_the_list_and_old_decisions_keep_their_names(space, regions):
    decide(space.database, Act("old-decision", "Ada", 2, "habitat", regions=(regions[0],)), now=NOW)
    lab = [Verdict("coral", "Cold-water coral", "taxon"), Verdict("new", "Never seen", "new")]
    change_verdicts(space.database, lab, actor="Ada", now=NOW)
    assert verdicts(space.database) == lab
    assert all_verdicts(space.database)["habitat"].name == "Habitat"
    assert all_verdicts(space.database)["new"].name == "Never seen"
    with pytest.raises(ReviewError, match="not in this workspace's list"):
        decide(space.database, Act("new-decision", "Ada", 2, "habitat", regions=(regions[0],)), now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [Verdict("new", "N", "water?")],
        [Verdict("A B", "N", "new")],
        [Verdict("new", " ", "new")],
        [Verdict("new", "N", "gear")],
        [Verdict("x", "N", "new"), Verdict("x", "M", "new")],
        [Verdict(f"v{number}", "N", "new") for number in range(10)],
    ],
)
def test_a_list_that_cannot_be_is_refused(space, wrong):
    before = verdicts(space.database)
    with pytest.raises(ReviewError):
        change_verdicts(space.database, wrong, actor="Ada", now=NOW)
    assert verdicts(space.database) == before
