"""The spanning tree of large flat maps is the exact one, whatever lies on whatever."""

from __future__ import annotations

import numpy as np
import pytest
from hdbscan import HDBSCAN
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from core.settings import ClusterSettings
from core.space import clusters
from core.space.spanning import spanning_tree


def plain(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Prim's algorithm on every pair; the edges' lengths, the smallest first."""
    apart = cdist(points, points)
    core = np.sort(apart, axis=1)[:, neighbours]
    reach = np.maximum(apart, np.maximum(core[:, None], core[None]))
    inside, best, lengths = np.zeros(len(points), bool), reach[0].copy(), []
    inside[0] = True
    while not inside.all():
        best[inside] = np.inf
        chosen = int(best.argmin())
        lengths.append(best[chosen])
        inside[chosen] = True
        best = np.minimum(best, reach[chosen])
    return np.sort(lengths)


def joins_all(tree: np.ndarray, count: int) -> bool:
    """Whether so many edges lead from each row to each other."""
    member = np.arange(count)
    for low, high in tree[:, :2].astype(int):
        if member[low] == member[high]:
            return False
        member[member == member[high]] = member[low]
    return len(tree) == count - 1


SMALL = st.integers(2, 60).flatmap(
    lambda count: arrays(
        np.float64, (count, 2), elements=st.one_of(st.integers(0, 6).map(float), st.floats(-50, 50, width=16))
    )
)


@given(points=SMALL, neighbours=st.integers(1, 12))
def test_it_is_as_short_as_the_tree_over_every_pair(points, neighbours):
    neighbours = min(neighbours, len(points) - 1)
    tree = spanning_tree(points, neighbours)
    assert joins_all(tree, len(points))
    np.testing.assert_allclose(tree[:, 2], plain(points, neighbours), atol=1e-6)
    assert (np.diff(tree[:, 2]) >= 0).all()


@pytest.mark.parametrize("neighbours", [1, 3, 10, 25])
def test_it_is_as_short_where_lone_points_stand_between_crowds(neighbours):
    """Edges over the head of a point that is more isolated than they are long: no triangulation of all holds them."""
    rng = np.random.default_rng(neighbours)
    crowds = [rng.normal((x, 0), (0.12, 0.6), (60, 2)) for x in (0, 1.0, 2.1)]
    lone = np.stack([rng.choice([0.5, 1.55], 30), rng.uniform(-2, 2, 30)], axis=1)
    points = np.concatenate([*crowds, lone])
    np.testing.assert_allclose(spanning_tree(points, neighbours)[:, 2], plain(points, neighbours), atol=1e-12)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((30, 2)),
        np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0),
        np.stack([np.arange(40.0), 3 * np.arange(40.0)], axis=1),
        np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), axis=-1).reshape(-1, 2),
        np.concatenate([np.zeros((30, 2)), np.random.default_rng(0).normal(size=(30, 2)) * 1e-4, [[99, 99]]]),
    ],
    ids=["one place", "two places", "a line", "a grid", "next to each other"],
)
def test_maps_that_no_triangulation_likes(points):
    tree = spanning_tree(points, 5)
    assert joins_all(tree, len(points))
    np.testing.assert_allclose(tree[:, 2], plain(points, 5), rtol=1e-9, atol=1e-12)


def test_clusters_do_not_depend_on_the_order_of_rows(monkeypatch):
    monkeypatch.setattr(clusters, "FLAT_PAST", 10)
    rng = np.random.default_rng(3)
    centres = rng.uniform(0, 30, (40, 2))
    points = np.concatenate([rng.normal(centre, 0.5, (60, 2)) for centre in centres] + [rng.uniform(0, 30, (600, 2))])
    moved = rng.permutation(len(points))
    settings = ClusterSettings(min_cluster_size=15, min_samples=8)
    here, there = clusters.cluster(points, settings), clusters.cluster(points[moved], settings)
    assert adjusted_rand_score(here.labels[moved], there.labels) == 1.0
    np.testing.assert_array_equal(here.probabilities[moved], there.probabilities)
    other = HDBSCAN(min_cluster_size=15, min_samples=8, approx_min_span_tree=False, core_dist_n_jobs=1).fit(points)
    assert adjusted_rand_score(here.labels, other.labels_) > 0.98
