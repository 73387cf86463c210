"""Detectors of nearness: the kNN score and the local outlier factor.

LOF, Breunig et al. 2000, doi 10.1145/335191.335388, on unit vectors with the Euclidean distance, as scikit-learn's
``LocalOutlierFactor(novelty=True)``: the mean density of x's neighbours over that of x. With groups, a reference
region's own density is measured outside its group, or runs of near copies would make every region beside them strange.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.errors import GraphError
from core.neighbours.graph import largest_k, reference_graph
from core.neighbours.search import search
from core.neighbours.vectors import Vectors
from core.ood.detector import BLOCK, Detector, Fitted, Logits, Scores, group_numbers, reference_units
from core.ood.knn import choose_k, knn_scores

_TINY = 1e-10


@dataclass(frozen=True)
class FittedKnn(Fitted):
    """The reference itself.

    Attributes:
        reference: ``[R, D]`` float32 unit vectors.
        k: Neighbours averaged.
    """

    reference: NDArray[np.float32]
    k: int

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Mean cosine distance to the k nearest reference regions, in [0, 2]. Targets must not be among them."""
        return _by_block(target, lambda part: knn_scores(search(part, self.reference, self.k).distances, self.k))


@dataclass(frozen=True)
class Knn(Detector):
    """Mean distance to the nearest neighbours; see `core.ood.knn`.

    Attributes:
        k: Neighbours averaged; fewer where the reference is small.
    """

    k: int = 10
    name: ClassVar[str] = "knn"
    title: ClassVar[str] = "kNN distance"
    source: ClassVar[str] = "Kuan & Mueller 2022, arXiv 2207.03061"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedKnn:
        """See `Detector.fit`; needs one reference region."""
        units = reference_units(reference, 1, self.title).numpy()
        return FittedKnn(units, min(self.k, len(units)))


@dataclass(frozen=True)
class FittedLof(Fitted):
    """The reference and its densities.

    Attributes:
        reference: ``[R, D]`` float32 unit vectors.
        reach: ``[R]`` float32 Euclidean distance from each to its k-th neighbour.
        density: ``[R]`` float64 local reachability density.
        k: Neighbours looked at.
    """

    reference: NDArray[np.float32]
    reach: NDArray[np.float32]
    density: NDArray[np.float64]
    k: int

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Local outlier factor, above 0; 1 is as dense as the neighbours. Targets must not be in the reference."""

        def block(part: Vectors) -> Scores:
            graph = search(part, self.reference, self.k)
            own = _density(_euclidean(graph.distances), self.reach[graph.indices])
            result: Scores = self.density[graph.indices].mean(axis=1) / own
            return result

        return _by_block(target, block)


@dataclass(frozen=True)
class Lof(Detector):
    """Local outlier factor.

    Attributes:
        k: Neighbours looked at; fewer where the reference is small.
    """

    k: int = 100
    name: ClassVar[str] = "lof"
    title: ClassVar[str] = "local outlier factor"
    source: ClassVar[str] = "Breunig et al. 2000, doi 10.1145/335191.335388"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedLof:
        """See `Detector.fit`; needs two groups, and two looks outside of any one of them."""
        units = reference_units(reference, 2, self.title).numpy()
        own = group_numbers(groups, len(units))
        everyone = np.ones(len(units), bool)
        k = choose_k(None, min(self.k, largest_k(own, everyone)))
        graph = reference_graph(units, reference=everyone, groups=own, k=k)
        distances = _euclidean(graph.distances)
        reach = distances[:, -1]
        if not reach.any():
            raise GraphError(
                f"{self.title} compares densities, but every reference region has {k} exact copies in other groups; "
                "choose a reference that varies"
            )
        return FittedLof(units, reach, _density(distances, reach[graph.indices]), k)


def _euclidean(cosine: NDArray[np.float32]) -> NDArray[np.float32]:
    """``|a - b|`` of unit vectors whose cosine distance is given."""
    distance: NDArray[np.float32] = np.sqrt(2.0 * cosine)
    return distance


def _density(distances: NDArray[np.float32], reach: NDArray[np.float32]) -> NDArray[np.float64]:
    """``[n]``: one over the mean reachability distance, from ``[n, k]`` distances and the neighbours' own reach."""
    density: NDArray[np.float64] = 1.0 / (np.maximum(distances, reach).mean(axis=1, dtype=np.float64) + _TINY)
    return density


def _by_block(target: Vectors, score: Any) -> Scores:
    scores = np.empty(len(target))
    for start in range(0, len(target), BLOCK):
        scores[start : start + BLOCK] = score(target[start : start + BLOCK])
    return scores
