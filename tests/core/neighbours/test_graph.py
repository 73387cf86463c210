"""The graph agrees with brute force, and keeps its promises where frames repeat."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Cancelled, EmbeddingError, GraphError
from core.neighbours.graph import Graph, largest_k, reference_graph, similarity_graphs
from tests.core.neighbours.brute import distances_of, nearest


def everything(count):
    return np.ones(count, bool)


@st.composite
def collections(draw):
    """Up to 40 rows with many exact repeats and ties, in a few groups, some of them reference."""
    count = draw(st.integers(1, 40))
    width = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distinct = rng.integers(-2, 3, (draw(st.integers(1, count)), width)).astype(np.float32)
    distinct[(distinct == 0).all(axis=1), 0] = 1.0
    embeddings = distinct[rng.integers(0, len(distinct), count)]
    groups = rng.integers(0, draw(st.integers(1, 6)), count)
    reference = rng.random(count) < draw(st.floats(0.0, 1.0))
    k_reference = draw(st.integers(0, largest_k(groups, reference)))
    return embeddings, groups, reference, draw(st.integers(1, count + 2)), k_reference


@settings(max_examples=150, deadline=None)
@given(collections(), st.integers(1, 12), st.sampled_from([0, 1 << 30]))
def test_graphs_agree_with_brute_force(collection, block, keep_bytes):
    embeddings, groups, reference, k_all, k_reference = collection
    count = len(embeddings)
    graphs = similarity_graphs(
        embeddings,
        groups=groups,
        reference=reference,
        k_all=k_all,
        k_reference=k_reference,
        block=block,
        keep_bytes=keep_bytes,
    )
    truth = distances_of(embeddings)
    columns = min(k_all, count)
    assert graphs.all.indices.shape == graphs.all.distances.shape == (count, columns)
    assert graphs.reference.indices.shape == graphs.reference.distances.shape == (count, k_reference)
    assert graphs.all.indices.dtype == graphs.reference.indices.dtype == np.int32
    assert (graphs.all.indices[:, 0] == np.arange(count)).all()
    assert (graphs.all.distances[:, 0] == 0).all()

    others = ~np.eye(count, dtype=bool)
    allowed = reference & (groups[:, None] != groups)
    for graph, fits, skip in ((graphs.all, others, 1), (graphs.reference, allowed, 0)):
        expected = nearest(truth, fits, graph.k - skip)
        for row in range(count):
            found, distances = graph.indices[row, skip:], graph.distances[row, skip:]
            assert fits[row][found].all()
            assert len(set(found.tolist())) == len(found)
            np.testing.assert_allclose(distances, truth[row, expected[row]], atol=1e-6)
            np.testing.assert_allclose(distances, truth[row, found], atol=1e-6)
            keys = list(zip(distances.tolist(), found.tolist(), strict=True))
            assert keys == sorted(keys), "nearest first, ties by row id"
            assert (distances[truth[row, found] == 0] == 0).all(), "equal rows are at distance 0 exactly"


@settings(max_examples=60, deadline=None)
@given(collections())
def test_of_equal_rows_those_with_the_lowest_ids_are_taken(collection):
    embeddings, groups, reference, _, k = collection
    graph = reference_graph(embeddings, groups=groups, reference=reference, k=k, block=7)
    for row in range(len(embeddings)):
        taken = set(graph.indices[row].tolist())
        eligible = np.flatnonzero(reference & (groups != groups[row]))
        for one in eligible:
            equal = [int(other) for other in eligible if (embeddings[other] == embeddings[one]).all()]
            got = [other for other in equal if other in taken]
            assert got == equal[: len(got)]


def test_300_identical_frames_in_one_dive_with_k_100():
    rng = np.random.default_rng(0)
    others = rng.standard_normal((200, 16)).astype(np.float32)
    still = rng.standard_normal(16).astype(np.float32)
    embeddings = np.concatenate([others[:100], np.tile(still, (300, 1)), others[100:]])
    groups = np.concatenate([np.arange(100) // 10, np.full(300, 99), 10 + np.arange(100) // 10])
    graphs = similarity_graphs(
        embeddings, groups=groups, reference=everything(500), k_all=32, k_reference=100, block=128
    )
    frozen = np.arange(100, 400)
    assert (graphs.all.indices[:, 0] == np.arange(500)).all()
    assert (graphs.all.distances[frozen] == 0).all()
    lowest = np.tile(np.arange(100, 131), (200, 1))
    np.testing.assert_array_equal(graphs.all.indices[200:400, 1:], lowest)
    assert not np.isin(graphs.reference.indices[frozen], frozen).any(), "the own dive is masked before the selection"
    assert (graphs.reference.distances[frozen] > 0).all()
    np.testing.assert_array_equal(graphs.reference.indices[frozen], np.tile(graphs.reference.indices[100], (300, 1)))
    truth = np.sort(distances_of(embeddings)[100, ~np.isin(np.arange(500), frozen)])[:100]
    np.testing.assert_allclose(graphs.reference.distances[100], truth, atol=1e-6)


def test_identical_frames_in_several_dives_are_neighbours_across_dives_only():
    embeddings = np.tile(np.float32([3.0, 4.0]), (60, 1))
    groups = np.repeat([0, 1, 2], 20)
    graphs = similarity_graphs(embeddings, groups=groups, reference=everything(60), k_all=60, k_reference=40)
    assert (graphs.reference.distances == 0).all()
    np.testing.assert_array_equal(graphs.reference.indices[0], np.arange(20, 60))
    np.testing.assert_array_equal(graphs.reference.indices[25], np.r_[0:20, 40:60])
    np.testing.assert_array_equal(graphs.all.indices[25], np.r_[25, 0:25, 26:60])


def test_near_copies_of_the_own_dive_do_not_crowd_out_the_reference():
    rng = np.random.default_rng(1)
    dive = np.ones(8) + 1e-4 * rng.standard_normal((300, 8))
    embeddings = np.concatenate([dive, rng.standard_normal((150, 8))]).astype(np.float32)
    groups = np.concatenate([np.zeros(300, int), 1 + np.arange(150) % 5])
    graph = reference_graph(embeddings, groups=groups, reference=everything(450), k=100)
    assert (groups[graph.indices] != groups[:, None]).all()


def test_one_image_and_two_images():
    one = similarity_graphs(np.ones((1, 3)), reference=everything(1), k_all=32, k_reference=0)
    np.testing.assert_array_equal(one.all.indices, [[0]])
    assert one.reference.k == 0
    two = similarity_graphs(np.float32([[1, 0], [0, 2]]), reference=everything(2), k_all=32, k_reference=1)
    np.testing.assert_array_equal(two.all.indices, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(two.all.distances, [[0, 1], [0, 1]])
    np.testing.assert_array_equal(two.reference.indices, [[1], [0]])


def test_without_groups_only_the_row_itself_is_left_out():
    rng = np.random.default_rng(2)
    embeddings = rng.standard_normal((50, 4)).astype(np.float32)
    single = reference_graph(embeddings, reference=everything(50), k=49)
    named = reference_graph(embeddings, groups=np.arange(50)[::-1], reference=everything(50), k=49)
    np.testing.assert_array_equal(single.indices, named.indices)
    assert (single.indices != np.arange(50)[:, None]).all()


def test_the_reference_graph_alone_is_that_of_the_whole_pass():
    rng = np.random.default_rng(3)
    embeddings = rng.standard_normal((300, 32)).astype(np.float32)
    groups, reference = np.arange(300) // 7, rng.random(300) < 0.3
    both = similarity_graphs(embeddings, groups=groups, reference=reference, k_all=9, k_reference=20, block=64)
    alone = reference_graph(embeddings, groups=groups, reference=reference, k=20, block=64)
    np.testing.assert_array_equal(both.reference.indices, alone.indices)
    np.testing.assert_array_equal(both.reference.distances, alone.distances)


def test_results_repeat_to_the_byte_and_agree_between_block_sizes_and_storages(tmp_path):
    rng = np.random.default_rng(4)
    embeddings = np.maximum(rng.standard_normal((700, 800)), 0).astype(np.float32)
    np.save(tmp_path / "e.npy", embeddings)
    mapped = np.load(tmp_path / "e.npy", mmap_mode="r")
    reference = np.arange(700) % 3 > 0
    arguments = {"reference": reference, "k_all": 12, "k_reference": 30}
    first = similarity_graphs(embeddings, block=100, **arguments)
    again = similarity_graphs(mapped, block=100, keep_bytes=0, **arguments)
    tensor = similarity_graphs(torch.from_numpy(embeddings), block=100, **arguments)
    for other in (again, tensor):
        for name in ("all", "reference"):
            assert getattr(first, name).indices.tobytes() == getattr(other, name).indices.tobytes()
            assert getattr(first, name).distances.tobytes() == getattr(other, name).distances.tobytes()
    whole = similarity_graphs(embeddings, block=700, **arguments)
    np.testing.assert_allclose(first.all.distances, whole.all.distances, atol=1e-6)
    np.testing.assert_allclose(first.reference.distances, whole.reference.distances, atol=1e-6)


def test_lengths_of_vectors_and_half_precision_do_not_matter():
    rng = np.random.default_rng(5)
    embeddings = rng.standard_normal((80, 24)).astype(np.float16)
    stretched = embeddings.astype(np.float64) * 10.0 ** rng.uniform(-30, 30, (80, 1))
    plain = similarity_graphs(embeddings, reference=everything(80), k_all=10, k_reference=10)
    scaled = similarity_graphs(stretched, reference=everything(80), k_all=10, k_reference=10)
    np.testing.assert_allclose(plain.all.distances, scaled.all.distances, atol=1e-6)
    np.testing.assert_array_equal(plain.reference.indices, scaled.reference.indices)


def test_another_order_of_rows_only_renames_the_neighbours():
    rng = np.random.default_rng(6)
    embeddings = rng.standard_normal((90, 12)).astype(np.float32)
    groups, reference = rng.integers(0, 9, 90), rng.random(90) < 0.6
    order = rng.permutation(90)
    plain = similarity_graphs(embeddings, groups=groups, reference=reference, k_all=8, k_reference=8, block=17)
    shuffled = similarity_graphs(
        embeddings[order], groups=groups[order], reference=reference[order], k_all=8, k_reference=8, block=17
    )
    np.testing.assert_array_equal(order[shuffled.all.indices], plain.all.indices[order])
    np.testing.assert_array_equal(order[shuffled.reference.indices], plain.reference.indices[order])


def test_largest_k_is_the_least_that_any_group_leaves():
    reference = np.array([True, True, True, True, False, False])
    assert largest_k(np.array([0, 0, 0, 1, 1, 2]), reference) == 1
    assert largest_k(np.array([0, 1, 2, 3, 3, 4]), reference) == 3
    assert largest_k(None, reference) == 3
    assert largest_k(np.zeros(6, int), reference) == 0
    assert largest_k(None, np.zeros(6, bool)) == 0


@pytest.mark.parametrize(
    ("groups", "reference", "k", "message"),
    [
        (
            np.arange(6) // 2,
            np.ones(6, bool),
            5,
            r"k must be in \[1, 4\] for this reference set, got 5; choose a smaller",
        ),
        (np.zeros(6, int), np.ones(6, bool), 1, "whole reference is one group"),
        (None, np.zeros(6, bool), 1, "no reference to compare with"),
        (None, np.ones(6, bool), -1, r"k must be in \[1, 5\]"),
    ],
)
def test_a_k_that_cannot_be_is_one_clear_sentence(groups, reference, k, message):
    with pytest.raises(GraphError, match=message):
        reference_graph(np.eye(6), groups=groups, reference=reference, k=k)


@pytest.mark.parametrize(
    ("bad", "word"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite"), (-np.inf, "not finite")]
)
def test_the_first_row_without_a_direction_is_named(bad, word):
    embeddings = np.ones((3000, 3), np.float32)
    embeddings[[2500, 2900]] = bad
    with pytest.raises(EmbeddingError, match=f"row 2500 of embeddings is {word}"):
        similarity_graphs(embeddings, reference=everything(3000), k_all=3, k_reference=0)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(EmbeddingError, match="non-empty"):
        similarity_graphs(np.empty((0, 3)), reference=everything(0), k_all=1, k_reference=0)
    with pytest.raises(EmbeddingError, match="one entry for each of 4"):
        similarity_graphs(np.eye(4), reference=everything(3), k_all=1, k_reference=0)
    with pytest.raises(GraphError, match="k_all must be at least 1"):
        similarity_graphs(np.eye(4), reference=everything(4), k_all=0, k_reference=0)
    with pytest.raises(GraphError, match="block must be at least 1"):
        similarity_graphs(np.eye(4), reference=everything(4), k_all=1, k_reference=0, block=0)


def test_consumers_slice_and_never_get_less_than_they_asked_for():
    graph = Graph(np.zeros((3, 5), np.int32), np.zeros((3, 5), np.float32))
    assert graph.first(2).indices.shape == (3, 2)
    with pytest.raises(GraphError, match=r"k must be in \[1, 5\] for this neighbour graph, got 6"):
        graph.first(6)


def test_progress_counts_products_and_can_stop_the_work():
    seen = []
    similarity_graphs(
        np.random.default_rng(7).standard_normal((50, 4)),
        reference=everything(50),
        k_all=3,
        k_reference=3,
        block=20,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 6) for done in range(7)]

    def stop(done, total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        similarity_graphs(np.eye(4), reference=everything(4), k_all=1, k_reference=0, progress=stop)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu():
    rng = np.random.default_rng(8)
    embeddings = np.maximum(rng.standard_normal((3000, 256)), 0).astype(np.float32)
    embeddings[1000:1300] = embeddings[1000]
    arguments = {"groups": np.arange(3000) // 50, "reference": np.arange(3000) < 2000, "k_all": 15, "k_reference": 100}
    torch.set_float32_matmul_precision("high")
    try:
        there = similarity_graphs(embeddings, device="cuda", block=1024, **arguments)
    finally:
        torch.set_float32_matmul_precision("highest")
    here = similarity_graphs(embeddings, block=1024, **arguments)
    np.testing.assert_allclose(there.all.distances, here.all.distances, atol=1e-6)
    np.testing.assert_allclose(there.reference.distances, here.reference.distances, atol=1e-6)
    np.testing.assert_array_equal(there.all.indices[1000:1300], here.all.indices[1000:1300])
