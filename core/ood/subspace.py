"""What of a region lies outside the space that the reference spans: PCA residual and ViM.

``r(x) = |(I - A A') (e - mean)|`` with A the reference's leading axes; ViM (Wang et al. 2022, arXiv 2203.10807)
scales it to the logits and takes their energy away: ``a r(x) - logsumexp(logits)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import GraphError
from core.neighbours.vectors import Vectors
from core.ood.basis import Basis
from core.ood.detector import Detector, Fitted, Logits, Scores, reference_units, streamed
from core.ood.logits import logits_of


@dataclass(frozen=True)
class FittedSubspace(Fitted):
    """The leading axes of a reference.

    Attributes:
        mean: ``[D]`` float32.
        axes: ``[D, d]`` float32 orthonormal.
        scale: What residuals are multiplied with; with `virtual`, ViM's alpha.
        virtual: Whether the energy of the logits is taken away (ViM).
        power: That the numbers of an embedding are raised to first.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    scale: float
    virtual: bool
    power: float = 1.0

    def score(self, target: Vectors, logits: Logits | None = None) -> Scores:
        """Length of the residual, in [0, 2], or ViM's score, any number."""
        mean, axes = torch.from_numpy(np.array(self.mean)), torch.from_numpy(np.array(self.axes))
        given = logits_of(logits, len(target), "ViM") if self.virtual else None

        def block(units: Tensor, rows: slice) -> Tensor:
            residual = self.scale * _residual(units - mean, axes)
            if given is None:
                return residual
            return residual - torch.from_numpy(np.array(given[rows], np.float32)).logsumexp(dim=1)

        return streamed(target, len(self.mean), block, power=self.power)


@dataclass(frozen=True)
class PcaResidual(Detector):
    """Distance from the space of the leading axes.

    Attributes:
        share: Of the reference's variance that the axes hold, in (0, 1).
    """

    share: float = 0.5
    name: ClassVar[str] = "pca_residual"
    title: ClassVar[str] = "PCA residual"
    source: ClassVar[str] = "Jackson & Mudholkar 1979, doi 10.1080/00401706.1979.10489779"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedSubspace:
        """See `Detector.fit`; needs two reference regions."""
        basis = Basis.of(reference_units(reference, 2, self.title), self.title)
        return FittedSubspace(basis.mean, basis.axes[:, : basis.spread(self.share)], 1.0, False)


@dataclass(frozen=True)
class RootResidual(Detector):
    """Distance of an embedding's roots from the space of the leading axes of the reference's roots.

    Attributes:
        share: As in `PcaResidual`.
        power: In (0, 1].
    """

    share: float = 0.5
    power: float = 0.25
    name: ClassVar[str] = "root_residual"
    title: ClassVar[str] = "PCA residual of roots"
    source: ClassVar[str] = "Jackson & Mudholkar 1979, after Perronnin et al. 2010"

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedSubspace:
        """See `Detector.fit`; needs two reference regions."""
        basis = Basis.of(reference_units(reference, 2, self.title, power=self.power), self.title)
        return FittedSubspace(basis.mean, basis.axes[:, : basis.spread(self.share)], 1.0, False, self.power)


@dataclass(frozen=True)
class Vim(Detector):
    """PCA residual as one more logit.

    The paper's origin is the point where all logits are equal, of raw features; here it is the reference's mean, of
    unit vectors as everywhere, which needs no weights of the classifier.

    Attributes:
        share: As in `PcaResidual`.
    """

    share: float = 0.5
    name: ClassVar[str] = "vim"
    title: ClassVar[str] = "ViM"
    source: ClassVar[str] = "Wang et al. 2022, arXiv 2203.10807"
    needs_logits: ClassVar[bool] = True

    def fit(
        self, reference: Vectors, logits: Logits | None = None, groups: NDArray[np.integer[Any]] | None = None
    ) -> FittedSubspace:
        """See `Detector.fit`; needs two reference regions and their logits."""
        given = logits_of(logits, len(reference), self.title)
        units = reference_units(reference, 2, self.title)
        basis = Basis.of(units, self.title)
        axes = basis.axes[:, : basis.spread(self.share)]
        residual = _residual(units - torch.from_numpy(basis.mean), torch.from_numpy(axes))
        length = float(residual.double().mean())
        if length < 1e-6:
            raise GraphError(f"{self.title}: the leading axes hold all of the reference; choose a larger reference")
        return FittedSubspace(basis.mean, axes, float(given.max(axis=1).mean()) / length, True)


def _residual(centred: Tensor, axes: Tensor) -> Tensor:
    """``[n]``: the length of what `axes` leave of the rows of ``[n, D]``."""
    length: Tensor = torch.linalg.vector_norm(centred - (centred @ axes) @ axes.T, dim=1)
    return length
