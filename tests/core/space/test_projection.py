"""Layouts: repeatable to the byte, given exactly the graph, and defined for collections too small or too uniform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix

from core.errors import EmbeddingError, GraphError
from core.neighbours.graph import Graph, similarity_graphs
from core.settings import ProjectionSettings
from core.space.layout import curve, lay_out
from core.space.memberships import memberships
from core.space.projection import project
from core.space.quality import map_quality
from core.space.start import principal_plane, start_positions
from core.space.supervised import label_codes, meet_labels


def graph_of(embeddings, k=32):
    count = len(embeddings)
    return similarity_graphs(embeddings, reference=np.zeros(count, bool), k_all=k, k_reference=0).all


def clouds(each=40, concepts=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.standard_normal((concepts, 20))
    return (np.repeat(centres, each, axis=0) + rng.standard_normal((each * concepts, 20))).astype(np.float32)


def test_a_seeded_layout_repeats_to_the_byte_and_keeps_neighbours():
    embeddings = clouds()
    graph = graph_of(embeddings)
    graph.indices.setflags(write=False)
    graph.distances.setflags(write=False)
    before = graph.indices.tobytes(), graph.distances.tobytes()
    first = project(graph, embeddings)
    assert first.dtype == np.float32
    assert first.shape == (240, 2)
    assert first.tobytes() == project(graph, embeddings).tobytes()
    assert (graph.indices.tobytes(), graph.distances.tobytes()) == before
    assert first.tobytes() != project(graph, embeddings, ProjectionSettings(seed=1)).tobytes()
    quality = map_quality(embeddings, first)
    assert quality.trustworthiness > 0.9
    assert quality.continuity > 0.9


@pytest.mark.parametrize("neighbours", [7, 30])
def test_memberships_are_those_of_umap(neighbours):
    from umap.umap_ import fuzzy_simplicial_set

    copies = clouds(each=4)[:, :3]
    embeddings = np.concatenate([clouds(each=10)[:, :3], copies, copies, np.tile(np.float32([1, 2, 3]), (40, 1))])
    near = graph_of(embeddings).first(neighbours)
    theirs, _, _ = fuzzy_simplicial_set(
        embeddings, neighbours, np.random.RandomState(0), "cosine", knn_indices=near.indices, knn_dists=near.distances
    )
    assert np.abs(memberships(near) - theirs).max() < 2e-6


def test_memberships_worked_by_hand():
    # Three points on a line of distances: 0 and 1 are 0.2 apart, 2 is 0.6 from 1 and 0.8 from 0; log2(3) is shared out.
    indices = np.int32([[0, 1, 2], [1, 0, 2], [2, 1, 0]])
    near = Graph(indices, np.float32([[0, 0.2, 0.8], [0, 0.2, 0.6], [0, 0.6, 0.8]]))
    # A row's nearest other point counts 1, so the second counts log2(3) - 1, whatever its distance.
    second = np.log2(3) - 1
    either = second + second - second * second
    expected = [[0, 1, either], [1, 0, 1], [either, 1, 0]]
    np.testing.assert_allclose(memberships(near).toarray(), expected, atol=2e-5)


def test_fewer_columns_than_neighbours_are_refused_and_not_searched_again():
    embeddings = clouds(each=10)
    with pytest.raises(GraphError, match=r"k must be in \[1, 10\] for this neighbour graph, got 15"):
        project(graph_of(embeddings, k=10), embeddings)


def test_a_graph_of_other_rows_or_without_the_row_itself_is_refused():
    embeddings = clouds(each=10)
    graph = graph_of(embeddings)
    with pytest.raises(GraphError, match="the graph has 60 rows and the embeddings 59"):
        project(graph, embeddings[:59])
    with pytest.raises(GraphError, match="begin with itself"):
        project(Graph(graph.indices[:, ::-1].copy(), graph.distances[:, ::-1].copy()), embeddings)


def test_one_two_three_and_four_images_lie_on_their_principal_plane():
    one = project(graph_of(np.ones((1, 5))), np.ones((1, 5)))
    np.testing.assert_array_equal(one, [[0, 0]])
    pair = np.eye(5)[:2]
    two = project(graph_of(pair), pair)
    np.testing.assert_allclose(np.abs(two[:, 0]), [1, 1], atol=1e-6)
    assert two[0, 0] == pytest.approx(-two[1, 0])
    for count in (3, 4):
        few = project(graph_of(np.eye(5)[:count]), np.eye(5)[:count])
        assert few.shape == (count, 2)
        assert len(np.unique(few.round(3), axis=0)) == count


@pytest.mark.parametrize("count", [2, 5, 40])
def test_images_that_are_all_identical_lie_on_one_point(count):
    embeddings = np.tile(np.float32([1, 2, 3]), (count, 1))
    np.testing.assert_array_equal(project(graph_of(embeddings), embeddings), np.zeros((count, 2)))


@pytest.mark.parametrize(
    "embeddings",
    [
        pytest.param(np.random.default_rng(0).standard_normal((5, 8)), id="five rows"),
        pytest.param(np.repeat(np.eye(4), 20, axis=0), id="stacks of identical frames, each a part of its own"),
        pytest.param(np.concatenate([np.ones((60, 8)), np.eye(8)]), id="sixty identical frames among others"),
        pytest.param(np.float32([[1, 0], [-1, 0], [1, 0.1], [-1, 0.1], [0, 1], [0, -1]]), id="opposite directions"),
        pytest.param(np.repeat([[1.0], [-1.0]], 10, axis=0), id="one dimension"),
        pytest.param(np.concatenate([9 * row + clouds(8, 1) for row in np.eye(20)]), id="many parts"),
    ],
)
def test_awkward_collections_get_finite_places(embeddings):
    placed = project(graph_of(embeddings), embeddings, ProjectionSettings(n_neighbors=5))
    assert np.isfinite(placed).all()
    assert (np.ptp(placed, axis=0) > 0).any()


def test_the_fast_layout_repeats_too_and_keeps_neighbours_as_well_as_umap():
    embeddings = clouds(each=80)
    graph = graph_of(embeddings)
    fast = ProjectionSettings(fast=True)
    placed = project(graph, embeddings, fast)
    assert placed.tobytes() == project(graph, embeddings, fast).tobytes()
    assert placed.tobytes() != project(graph, embeddings, ProjectionSettings(fast=True, seed=1)).tobytes()
    ours, theirs = map_quality(embeddings, placed), map_quality(embeddings, project(graph, embeddings))
    assert ours.trustworthiness > theirs.trustworthiness - 0.01
    assert ours.continuity > theirs.continuity - 0.01


@pytest.mark.parametrize(("spread", "min_dist"), [(1.0, 0.0), (1.0, 0.1), (2.0, 0.5)])
def test_the_curve_is_umaps(spread, min_dist):
    from umap.umap_ import find_ab_params

    np.testing.assert_allclose(curve(spread, min_dist), find_ab_params(spread, min_dist), rtol=1e-6)


def test_two_points_settle_where_the_forces_say():
    # One edge, drawn every epoch, and no third point to push: the ends pull together until they all but meet.
    weights = coo_matrix(np.float32([[0, 1], [1, 0]]))
    placed = lay_out(weights, np.float32([[0, 0], [1, 1]]), spread=1.0, min_dist=0.1, seed=0)
    assert np.linalg.norm(placed[0] - placed[1]) < np.linalg.norm([10, 10]) / 4
    np.testing.assert_allclose(placed.mean(axis=0), [5, 5], atol=3)


def test_the_start_is_the_same_from_a_memory_map_and_has_no_two_equal_points(tmp_path):
    embeddings = np.concatenate([clouds(), clouds()])
    np.save(tmp_path / "e.npy", embeddings)
    graph = graph_of(embeddings)
    plain = start_positions(embeddings, graph, seed=3)
    mapped = start_positions(np.load(tmp_path / "e.npy", mmap_mode="r"), graph, seed=3)
    assert plain.tobytes() == mapped.tobytes()
    assert len(np.unique(plain, axis=0)) == len(plain)
    assert np.abs(plain).max() == pytest.approx(10, rel=1e-2)


def test_the_principal_plane_is_that_of_the_covariance():
    embeddings = clouds()
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centred = (unit - unit.mean(axis=0)).astype(np.float64)
    expected = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    found = principal_plane(embeddings, seed=0)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=2e-3)


def test_the_lengths_of_vectors_do_not_move_the_start():
    embeddings = clouds()
    stretched = embeddings * np.random.default_rng(0).uniform(0.1, 10, (len(embeddings), 1))
    np.testing.assert_allclose(principal_plane(embeddings, seed=0), principal_plane(stretched, seed=0), atol=1e-5)


def test_rows_without_a_direction_are_refused():
    embeddings = np.ones((3, 2))
    embeddings[1] = 0
    with pytest.raises(EmbeddingError, match="row 1 of embeddings is zero"):
        project(Graph(np.zeros((3, 1), np.int32), np.zeros((3, 1), np.float32)), embeddings)


def test_labels_meet_the_graph_with_the_numbers_of_umap_learn():
    from umap.umap_ import discrete_metric_simplicial_set_intersection

    embeddings = clouds()
    weights = memberships(graph_of(embeddings, 15))
    labels = np.where(np.arange(240) % 3 == 0, -1, np.arange(240) // 40)
    theirs = discrete_metric_simplicial_set_intersection(weights.copy(), labels, far_dist=5.0).toarray()
    np.testing.assert_allclose(meet_labels(weights, labels).toarray(), theirs, atol=1e-6)


def test_a_supervised_map_holds_concepts_together_that_the_plain_one_mixes():
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(1)
    embeddings = rng.standard_normal((240, 8)).astype(np.float32) + 3
    labels = np.arange(240) % 2
    graph = graph_of(embeddings)
    plain = project(graph, embeddings, ProjectionSettings(fast=True))
    pulled = project(graph, embeddings, ProjectionSettings(fast=True, method="supervised"), labels)
    assert silhouette_score(pulled, labels) > silhouette_score(plain, labels) + 0.2
    unknown = np.full(240, -1)
    same = project(graph, embeddings, ProjectionSettings(fast=True, method="supervised"), unknown)
    assert same.tobytes() == plain.tobytes()


def test_pca_is_the_plane_of_the_widest_axes():
    from sklearn.decomposition import PCA

    embeddings = clouds()
    found = project(graph_of(embeddings), embeddings, ProjectionSettings(method="pca"))
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    theirs = PCA(2, random_state=0).fit_transform(units)
    for axis in range(2):
        assert abs(np.corrcoef(found[:, axis], theirs[:, axis])[0, 1]) > 0.999


def test_only_regions_with_one_concept_have_a_label():
    assert label_codes([("crab",), (), ("crab", "sponge"), ("anemone",)]).tolist() == [1, -1, -1, 0]
