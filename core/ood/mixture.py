"""Gaussian mixture: the first study's own next step after kNN (Kuan & Mueller 2022, arXiv 2207.03061, discussion).

scikit-learn fits it on the leading principal coordinates, scaled to unit variance: a mixture of full Gaussians in a
thousand dimensions would have more numbers than there are images.
"""

from __future__ import annotations

import math
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
class FittedMixture(Fitted):
    """A mixture of Gaussians in the leading coordinates, and one width for all others.

    Attributes:
        mean: ``[D]`` float32.
        axes: ``[D, d]`` float32 orthonormal.
        scales: ``[d]`` float32, one over the standard deviation along each axis.
        log_weights: ``[C]`` float64.
        centres: ``[C, d]`` float64, in scaled coordinates.
        factors: ``[C, d, d]`` float64, Cholesky factors of the inverse covariances.
        noise: Mean variance of a coordinate that is no axis; 0 when there is none.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    scales: NDArray[np.float32]
    log_weights: NDArray[np.float64]
    centres: NDArray[np.float64]
    factors: NDArray[np.float64]
    noise: float

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Negative log-likelihood up to a constant; any number."""
        mean, axes, scales = (torch.from_numpy(np.array(a)) for a in (self.mean, self.axes, self.scales))
        weights, centres, factors = (
            torch.from_numpy(np.array(a)) for a in (self.log_weights, self.centres, self.factors)
        )
        size = centres.shape[1]
        constant = 0.5 * size * math.log(2.0 * math.pi)

        def block(units: Tensor, _: slice) -> Tensor:
            centred = units - mean
            along = centred @ axes
            scaled = (along * scales).double()
            parts = [
                weight + factor.diagonal().log().sum() - 0.5 * ((scaled - centre) @ factor).square().sum(dim=1)
                for weight, centre, factor in zip(weights, centres, factors, strict=True)
            ]
            likelihood = torch.stack(parts).logsumexp(dim=0) - constant
            if self.noise > 0.0:
                outside = (centred.square().sum(dim=1) - along.square().sum(dim=1)).clamp_(min=0.0)
                likelihood = likelihood - 0.5 * outside.double() / self.noise
            return -likelihood

        return streamed(target, len(self.mean), block)


@dataclass(frozen=True)
class Mixture(Detector):
    """Gaussian mixture on principal coordinates.

    Attributes:
        components: Gaussians; fewer where the reference is small.
        dimensions: Principal coordinates; fewer where the reference is small.
        ridge: Added to each variance, in units of a coordinate's own.
        seed: Of the first k-means.
    """

    components: int = 4
    dimensions: int = 64
    ridge: float = 1e-2
    seed: int = 0
    name: ClassVar[str] = "gmm"
    title: ClassVar[str] = "Gaussian mixture"
    source: ClassVar[str] = "Kuan & Mueller 2022, arXiv 2207.03061"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedMixture:
        """See `Detector.fit`; needs four reference regions."""
        from sklearn.mixture import GaussianMixture

        units = reference_units(reference, 4, self.title)
        basis = Basis.of(units, self.title)
        size = min(self.dimensions, len(basis.variances), max(1, len(units) // 4))
        axes, scales = basis.axes[:, :size], (1.0 / np.sqrt(basis.variances[:size])).astype(np.float32)
        coordinates = ((units.numpy() - basis.mean) @ axes * scales).astype(np.float64)
        distinct = len(np.unique(coordinates.round(6), axis=0))
        count = max(1, min(self.components, distinct // 2))
        found = GaussianMixture(count, reg_covar=self.ridge, random_state=self.seed, max_iter=200, tol=1e-2)
        found.fit(coordinates)
        free = len(basis.mean) - size
        noise = float(basis.variances[size:].sum()) / free if free else 0.0
        return FittedMixture(
            basis.mean,
            axes,
            scales,
            np.log(found.weights_),
            found.means_,
            found.precisions_cholesky_,
            noise if noise > 1e-9 else 0.0,
        )
