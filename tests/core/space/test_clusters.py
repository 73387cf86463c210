"""Clusters are HDBSCAN's, numbered for good, and uniform or tiny maps have an answer too."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.cluster
from sklearn.metrics import adjusted_rand_score

from core.errors import EmbeddingError
from core.settings import ClusterSettings
from core.space import clusters
from core.space.clusters import cluster


@pytest.fixture(params=[clusters.FLAT_PAST, 10], ids=["exact", "flat"], autouse=True)
def past(request, monkeypatch):
    """Everything holds on either way to the tree."""
    monkeypatch.setattr(clusters, "FLAT_PAST", request.param)


def blobs(sizes, seed=0, noise=0):
    rng = np.random.default_rng(seed)
    points = [rng.normal((12 * place, 5 * (place % 2)), 0.6, (size, 2)) for place, size in enumerate(sizes)]
    points.append(rng.uniform(-20, 60, (noise, 2)))
    return np.concatenate(points).astype(np.float32)


def test_blobs_are_found_and_numbered_by_size_then_by_first_row():
    points = blobs([40, 120, 40, 80])
    found = cluster(points, ClusterSettings(min_cluster_size=10))
    expected = np.repeat([2, 0, 3, 1], [40, 120, 40, 80])
    inside = found.labels >= 0
    np.testing.assert_array_equal(found.labels[inside], expected[inside])
    assert inside.mean() > 0.95
    assert found.count == 4
    assert np.bincount(found.labels[inside]).argsort(kind="stable")[::-1][0] == 0


def test_labels_agree_with_scikit_learns_hdbscan():
    points = blobs([200, 150, 90, 60, 30], seed=1, noise=60)
    found = cluster(points, ClusterSettings(min_cluster_size=15, min_samples=5))
    # scikit-learn counts the point itself among min_samples.
    other = sklearn.cluster.HDBSCAN(min_cluster_size=15, min_samples=6, copy=True).fit(points.astype(np.float64))
    assert adjusted_rand_score(other.labels_, found.labels) > 0.99


def test_every_figure_is_in_its_range_and_noise_belongs_to_nothing():
    found = cluster(blobs([100, 60], noise=40), ClusterSettings(min_cluster_size=10))
    for values in (found.probabilities, found.outlier_scores, found.persistence):
        assert values.dtype == np.float32
        assert ((values >= 0) & (values <= 1)).all()
    noise = found.labels == -1
    assert noise.any()
    assert (found.probabilities[noise] == 0).all()
    assert (found.probabilities[~noise] > 0).all()
    assert found.outlier_scores[noise].mean() > found.outlier_scores[~noise].mean()


def test_the_tree_leads_from_every_cluster_to_exactly_its_rows():
    points = blobs([100, 60, 30, 30], seed=2, noise=20)
    found = cluster(points, ClusterSettings(min_cluster_size=10))
    tree, count = found.tree, len(points)
    assert np.isfinite(tree.density).all()

    def rows_below(node):
        children = tree.child[tree.parent == node]
        return {int(c) for c in children[children < count]}.union(*(rows_below(c) for c in children[children >= count]))

    assert rows_below(count) == set(range(count))
    for label, node in enumerate(found.nodes):
        assert rows_below(node) == set(np.flatnonzero(found.labels == label).tolist())


def test_equal_maps_give_equal_bytes():
    points = blobs([300, 200, 100], seed=3, noise=50)
    first, again = cluster(points), cluster(points.copy())
    for name in ("labels", "probabilities", "outlier_scores", "persistence", "nodes"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert first.tree.density.tobytes() == again.tree.density.tobytes()


@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_both_ways_to_the_tree_find_the_same_clusters(monkeypatch, method):
    points = blobs([400, 300, 200, 100, 60], seed=5, noise=300)
    wish = ClusterSettings(min_cluster_size=20, min_samples=7, method=method)
    found = []
    for past in (10**6, 10):
        monkeypatch.setattr(clusters, "FLAT_PAST", past)
        found.append(cluster(points, wish))
    exact, flat = found
    assert adjusted_rand_score(exact.labels, flat.labels) > 0.99
    assert exact.count == flat.count
    # Edges that are equally long come in another order, which moves a few rows at the borders.
    np.testing.assert_allclose(np.sort(flat.persistence), np.sort(exact.persistence), atol=0.01)
    assert np.abs(flat.outlier_scores - exact.outlier_scores).mean() < 0.002


def test_leaf_finds_no_fewer_clusters_than_eom_and_epsilon_merges_neighbours():
    points = blobs([150, 150, 80, 80], seed=4)
    eom = cluster(points, ClusterSettings(min_cluster_size=8))
    leaf = cluster(points, ClusterSettings(min_cluster_size=8, method="leaf"))
    merged = cluster(points, ClusterSettings(min_cluster_size=8, method="leaf", epsilon=2.0))
    assert leaf.count >= eom.count >= merged.count == 4


def test_defaults_follow_the_number_of_points():
    assert cluster(np.zeros((100, 2))).min_cluster_size == 5
    assert cluster(np.zeros((2000, 2))).min_cluster_size == 20
    assert cluster(np.zeros((90_000, 2))).min_cluster_size == 50
    assert cluster(np.zeros((2000, 2))).min_samples == 10
    assert cluster(np.zeros((100, 2)), ClusterSettings(min_cluster_size=7, min_samples=3)).min_samples == 3


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_fewer_points_than_the_smallest_cluster_are_noise(count):
    found = cluster(np.arange(2.0 * count).reshape(count, 2))
    assert (found.labels == -1).all()
    assert (found.probabilities == 0).all()
    assert found.count == 0
    assert len(found.tree.parent) == 0


@pytest.mark.parametrize("count", [5, 6, 9])
def test_a_handful_of_points_gets_an_answer(count):
    found = cluster(np.random.default_rng(count).random((count, 2)), ClusterSettings(min_samples=50))
    assert found.min_samples == count - 1
    assert len(found.labels) == count


def test_points_that_all_coincide_are_one_cluster():
    found = cluster(np.full((30, 2), 3.0))
    assert (found.labels == 0).all()
    assert (found.probabilities == 1).all()
    assert (found.outlier_scores == 0).all()
    assert found.nodes.tolist() == [30]
    assert sorted(found.tree.child.tolist()) == list(range(30))


def test_many_coinciding_points_among_others_keep_every_figure_finite():
    points = np.concatenate([np.zeros((50, 2)), np.full((40, 2), 9.0), blobs([60]) + 30])
    found = cluster(points)
    assert len(set(found.labels[:50].tolist())) == len(set(found.labels[50:90].tolist())) == 1
    assert np.isfinite(found.outlier_scores).all()
    assert np.isfinite(found.persistence).all()
    assert np.isfinite(found.tree.density).all()
    assert np.isfinite(found.probabilities).all()


def test_a_map_without_structure_may_be_all_noise():
    line = np.stack([np.arange(60.0), np.zeros(60)], axis=1)
    found = cluster(line, ClusterSettings(min_cluster_size=40))
    assert found.count == 0
    assert (found.labels == -1).all()
    assert found.persistence.shape == found.nodes.shape == (0,)


def test_coordinates_that_are_not_numbers_are_refused():
    with pytest.raises(EmbeddingError, match="finite coordinates"):
        cluster(np.array([[0.0, np.nan]]))
    with pytest.raises(EmbeddingError, match="finite coordinates"):
        cluster(np.zeros(5))
