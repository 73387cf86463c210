"""Distances in units of the reference's own spread: Mahalanobis, and relative to a background.

``M(x) = (e - mean)' P (e - mean)`` with P the inverse of the shrunk covariance (Ledoit & Wolf), so that it exists with
fewer regions than dimensions. Lee et al. 2018, arXiv 1807.03888; the relative distance ``min over clusters of M_c - M``
is Ren et al. 2021, arXiv 2106.09022, with clusters of the reference in place of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.neighbours.vectors import Vectors
from core.ood.basis import Basis
from core.ood.detector import Detector, Fitted, Logits, Scores, reference_units, streamed


@dataclass(frozen=True)
class FittedMahalanobis(Fitted):
    """A Gaussian around the reference.

    Attributes:
        mean: ``[D]`` float32.
        axes: ``[D, r]`` float32 orthonormal.
        precisions: ``[r]`` float32, inverse variance along each axis.
        rest: Inverse variance in every direction that is no axis.
        power: That the numbers of an embedding are raised to first.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    precisions: NDArray[np.float32]
    rest: float
    power: float = 1.0

    @classmethod
    def of(cls, basis: Basis, *, power: float = 1.0, like: Basis | None = None) -> FittedMahalanobis:
        """The Gaussian of a basis, shrunk as `like` is where that is given."""
        model = basis if like is None else like
        shrinkage = model.shrinkage
        ball = shrinkage * float(model.variances.sum()) / model.dimension
        full = len(basis.variances) == basis.dimension
        floor = max(ball, 1e-6 * float(basis.variances[0]))
        variances = np.maximum((1.0 - shrinkage) * basis.variances + ball, floor)
        return cls(basis.mean, basis.axes, (1.0 / variances).astype(np.float32), 0.0 if full else 1.0 / floor, power)

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Squared Mahalanobis distance, from 0 up."""
        mean, axes, precisions = _tensors(self.mean, self.axes, self.precisions)

        def block(units: Tensor, _: slice) -> Tensor:
            return _squared(units - mean, axes, precisions, self.rest)

        return streamed(target, len(self.mean), block, power=self.power)


@dataclass(frozen=True)
class Mahalanobis(Detector):
    """One Gaussian for the whole reference."""

    name: ClassVar[str] = "mahalanobis"
    title: ClassVar[str] = "Mahalanobis distance"
    source: ClassVar[str] = "Lee et al. 2018, arXiv 1807.03888"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedMahalanobis:
        """See `Detector.fit`; needs two reference regions."""
        return FittedMahalanobis.of(Basis.of(reference_units(reference, 2, self.title), self.title))


@dataclass(frozen=True)
class RootMahalanobis(Detector):
    """One Gaussian around the roots of embeddings, which lie closer to a Gaussian than averages of a ReLU's output.

    Attributes:
        power: In (0, 1].
    """

    power: float = 0.25
    name: ClassVar[str] = "root_mahalanobis"
    title: ClassVar[str] = "Mahalanobis distance of roots"
    source: ClassVar[str] = "Lee et al. 2018, arXiv 1807.03888, after Perronnin et al. 2010"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedMahalanobis:
        """See `Detector.fit`; needs two reference regions."""
        units = reference_units(reference, 2, self.title, power=self.power)
        return FittedMahalanobis.of(Basis.of(units, self.title), power=self.power)


@dataclass(frozen=True)
class FittedRelativeMahalanobis(Fitted):
    """Clusters of one shape before a background of another.

    Attributes:
        mean, axes, precisions, rest: The background, as in `FittedMahalanobis`.
        centres: ``[C, D]`` float32.
        cluster_axes, cluster_precisions, cluster_rest: The shape that all clusters share.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    precisions: NDArray[np.float32]
    rest: float
    centres: NDArray[np.float32]
    cluster_axes: NDArray[np.float32]
    cluster_precisions: NDArray[np.float32]
    cluster_rest: float

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Distance to the nearest cluster less that to the background; may be negative."""
        mean, axes, precisions, centres = _tensors(self.mean, self.axes, self.precisions, self.centres)
        cluster_axes, cluster_precisions = _tensors(self.cluster_axes, self.cluster_precisions)

        scale = cluster_precisions.sqrt()
        places = (centres @ cluster_axes) * scale  # of the centres, in the clusters' own units

        def block(units: Tensor, _: slice) -> Tensor:
            background = _squared(units - mean, axes, precisions, self.rest)
            along = units @ cluster_axes
            near = _apart(along * scale, places)
            if self.cluster_rest != 0.0:
                outside = _apart(units, centres) - _apart(along, centres @ cluster_axes)
                near = near + self.cluster_rest * outside.clamp_(min=0.0)
            return near.amin(dim=1) - background

        return streamed(target, len(self.mean), block)


@dataclass(frozen=True)
class RelativeMahalanobis(Detector):
    """Nearest cluster against background.

    Attributes:
        clusters: Found by k-means among the reference's unit vectors; fewer where the reference is small.
        seed: Of the k-means.
    """

    clusters: int = 8
    seed: int = 0
    name: ClassVar[str] = "relative_mahalanobis"
    title: ClassVar[str] = "relative Mahalanobis distance"
    source: ClassVar[str] = "Ren et al. 2021, arXiv 2106.09022"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedRelativeMahalanobis:
        """See `Detector.fit`; needs four reference regions, of more than one look within a cluster."""
        from sklearn.cluster import KMeans

        units = reference_units(reference, 4, self.title)
        basis = Basis.of(units, self.title)
        background = FittedMahalanobis.of(basis)
        distinct = len(torch.unique(units, dim=0))
        count = max(1, min(self.clusters, len(units) // 4, distinct // 2))
        found = KMeans(count, n_init=2, random_state=self.seed).fit(units.numpy())
        centres = torch.from_numpy(found.cluster_centers_.astype(np.float32))
        # Shrunk like the background: a larger floor would make what lies off all axes nearer than the background.
        spread = Basis.of(units - centres[found.labels_.astype(np.int64)], self.title)
        within = FittedMahalanobis.of(spread, like=basis)
        return FittedRelativeMahalanobis(
            background.mean,
            background.axes,
            background.precisions,
            background.rest,
            centres.numpy(),
            within.axes,
            within.precisions,
            within.rest,
        )


def _tensors(*arrays: NDArray[np.float32]) -> list[Tensor]:
    """Copies, for torch must not alias read-only memory maps."""
    return [torch.from_numpy(np.array(array)) for array in arrays]


def _apart(rows: Tensor, centres: Tensor) -> Tensor:
    """``[n, C]``: squared distances of rows to centres, from differences: products would cancel."""
    return torch.stack([(rows - centre).square().sum(dim=1) for centre in centres], dim=1)


def _squared(centred: Tensor, axes: Tensor, precisions: Tensor, rest: float) -> Tensor:
    """``[n]``: ``c' P c`` of the rows c of ``[n, D]``."""
    along = (centred @ axes).square()
    inside = along @ precisions
    if rest == 0.0:
        return inside
    outside = (centred.square().sum(dim=1) - along.sum(dim=1)).clamp_(min=0.0)
    return inside + rest * outside
