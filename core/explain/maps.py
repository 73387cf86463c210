"""What a why-map is: its cells, where they lie, what they add up to, and how far it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.embed.geometry import InputGeometry
from core.errors import SettingsError
from core.explain.classes import CamMethod
from core.explain.drawing import draw_cells, overlay
from core.explain.grids import GRIDS, Grid

Kind = Literal["ood", "ood-centred", "ood-novel", "ood-features", "class", "embedding", "match"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_DETECTORS: frozenset[Kind] = frozenset({"ood", "ood-centred", "ood-features"})
"""Maps of a detector's score."""
SIGNED: frozenset[Kind] = frozenset({"ood", "ood-centred", "ood-novel", "ood-features", "match"})
TITLES: Mapping[Kind, str] = {
    "ood": "where the OOD score sits",
    "ood-centred": "what makes it stranger, what more familiar",
    "ood-novel": "what the reference has never shown",
    "ood-features": "features' Grad-CAM++ maps, weighted by contribution",
    "class": "evidence for a class",
    "embedding": "what the embedding rests on",
    "match": "what is shared with another region",
}


@dataclass(frozen=True)
class MapSettings:
    """Which map is wanted.

    Attributes:
        kind: One of `KINDS`.
        grid: One of `core.explain.grids.GRIDS`; finer than ``usual`` costs about four times as much.
        concept: For ``class``: a name; the network's first guess when ``None``.
        method: For ``class``.
        features: For ``ood-features``: how many are listed.
        detector: For ``ood``, ``ood-centred`` and ``ood-features``: whose score, one of
            `core.explain.detectors.detectors_of` the run.
    """

    kind: Kind = "ood-centred"
    grid: Grid = "usual"
    concept: str | None = None
    method: CamMethod = "grad-cam++"
    features: int = 6
    detector: str = "knn"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"a map's kind is one of {', '.join(KINDS)}; got {self.kind!r}")
        if self.grid not in GRIDS:
            raise SettingsError(f"a map's grid is one of {', '.join(GRIDS)}; got {self.grid!r}")
        if self.method not in get_args(CamMethod):
            raise SettingsError(f"a class map is made by {' or '.join(get_args(CamMethod))}, got {self.method!r}")
        if self.concept is not None and self.kind != "class":
            raise SettingsError(f"a concept belongs to a class map, not to {self.kind!r}; ask for the kind class")
        if self.grid == "tiles" and self.kind not in ("ood", "ood-centred", "ood-novel", "match"):
            raise SettingsError(f"each tile of a map {self.kind!r} would have a scale of its own; use the larger grid")
        if self.detector != "knn" and self.kind not in OF_DETECTORS:
            raise SettingsError(
                f"a map of kind {self.kind!r} is no detector's; ask for ood, ood-centred or ood-features"
            )
        if self.detector != "knn" and self.grid == "tiles":
            raise SettingsError("tiles are scored by kNN alone; use the larger grid for other detectors")
        if not 1 <= self.features <= 64:
            raise SettingsError(f"between 1 and 64 features can be listed, got {self.features}")


@dataclass(frozen=True)
class TopFeature:
    """One embedding value that adds much to the score.

    Attributes:
        feature: Which, from 0.
        contribution: What it adds to the score, ``e_c (e_c - m_c)``.
        cells: ``[h, w]`` float32 in [0, 1], its Grad-CAM++ map.
        typical: Rows of the run in which it is largest, most typical first.
    """

    feature: int
    contribution: float
    cells: NDArray[np.float32]
    typical: tuple[int, ...]


@dataclass(frozen=True)
class WhyMap:
    """One map of one region.

    Attributes:
        kind, grid: As asked for.
        row: Of the run; ``None`` for a picture from outside.
        cells: ``[h, w]`` float32, before any resizing; for tiles the tiles' cells side by side.
        geometry: How the cells lie over the image.
        total: The sum of the cells.
        score: What was explained, in this forward pass: the OOD score, the similarity (``match``) or the raw logit
            (``class``); ``None`` for ``embedding``. For tiles the mean over the tiles.
        stored_score: The run's own OOD score, which differs from `score` by precision and grid alone.
        exact: Whether the cells add up as the kind promises (to the score; ``ood-centred``: to 0); else the map is an
            approximation by gradient, or scaled to [0, 1].
        label: How it was made, for people.
        concept: The class, for ``class``.
        other: The row compared with, for ``match``.
        detector: Whose score, for the kinds of `MapSettings.detector`.
        features: For ``ood-features``, most important first.
    """

    kind: Kind
    grid: Grid
    row: int | None
    cells: NDArray[np.float32]
    geometry: InputGeometry
    total: float
    score: float | None
    stored_score: float | None
    exact: bool
    label: str
    concept: str | None = None
    other: int | None = None
    detector: str = "knn"
    features: tuple[TopFeature, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether 0 is the middle of the map's scale."""
        return self.kind in SIGNED

    @property
    def outside(self) -> float:
        """The part of the sum of absolute cells that lies on padding, in [0, 1]."""
        shares = self.geometry.cell_shares(*self.cells.shape)
        whole = float(np.abs(self.cells).sum())
        return float((np.abs(self.cells) * (1 - shares)).sum()) / whole if whole > 0 else 0.0

    def pixels(self, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """The map in pixels of its image, or of a copy of ``size`` ``(width, height)``; NaN outside the region."""
        return draw_cells(self.cells, self.geometry, size)

    def over(
        self, image: Image.Image, *, opacity: float = 0.75, limit: float | None = None, caption: bool = True
    ) -> Image.Image:
        """The map over its image, see `core.explain.drawing.overlay`."""
        words = self.caption if caption else ""
        return overlay(
            image, self.cells, self.geometry, signed=self.signed, opacity=opacity, limit=limit, caption=words
        )

    @property
    def caption(self) -> str:
        """Kind, sum and score in one line."""
        of = self.concept or ("" if self.detector == "knn" else f"of {self.detector}")
        words = f"{self.kind}{f' {of}' if of else ''}: sum {self.total:.4f}"
        if self.score is not None:
            words += f", score {self.score:.4f}"
        if self.stored_score is not None and self.kind.startswith("ood"):
            words += f" (stored {self.stored_score:.4f})"
        return words if self.exact or self.kind not in ("ood", "ood-centred", "match") else f"{words}, approximate"

    def to_json(self) -> dict[str, Any]:
        """For programs; cells stay in ``map.npy``."""
        return {
            "kind": self.kind,
            "grid": self.grid,
            "row": self.row,
            "shape": list(self.cells.shape),
            "score": self.score,
            "sum": self.total,
            "stored_score": self.stored_score,
            "exact": self.exact,
            "outside": self.outside,
            "label": self.label,
            "concept": self.concept,
            "with": self.other,
            "detector": self.detector,
            "features": [
                {"feature": one.feature, "contribution": one.contribution, "typical": list(one.typical)}
                for one in self.features
            ],
        }


@dataclass(frozen=True)
class StoredMap:
    """A map as the artefact store keeps it."""

    cells: NDArray[np.float32]
    feature_cells: NDArray[np.float32]
    facts: dict[str, Any]

    @classmethod
    def of(cls, one: WhyMap) -> StoredMap:
        """Take a map apart."""
        layers = [feature.cells for feature in one.features]
        stack = np.stack(layers) if layers else np.zeros((0, *one.cells.shape), np.float32)
        names = (
            "kind",
            "grid",
            "row",
            "total",
            "score",
            "stored_score",
            "exact",
            "label",
            "concept",
            "other",
            "detector",
        )
        facts: dict[str, Any] = {name: getattr(one, name) for name in names}
        facts |= {"detector": one.detector, "geometry": asdict(one.geometry)}
        facts["features"] = [[f.feature, f.contribution, list(f.typical)] for f in one.features]
        return cls(one.cells, stack, facts)

    def open(self) -> WhyMap:
        """Put it together again."""
        facts = dict(self.facts)
        listed = [
            TopFeature(int(feature), float(contribution), np.asarray(cells), tuple(typical))
            for (feature, contribution, typical), cells in zip(facts.pop("features"), self.feature_cells, strict=True)
        ]
        shape = facts.pop("geometry")  # of JSON, which knows no tuples
        geometry = InputGeometry(**shape | {"steps": tuple(shape.get("steps", ()))})
        return WhyMap(cells=np.asarray(self.cells), geometry=geometry, features=tuple(listed), **facts)
