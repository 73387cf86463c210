"""Settings of every stage of a run, as frozen dataclasses that check themselves.

The contract:
- a settings object is plain data: JSON in, JSON out, and the same JSON always means the same work;
- what changes results is here; what only changes speed (workers, progress) is an argument where the work is done;
- a value out of range raises `SettingsError` when the object is made, never later.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any, Literal

from core.errors import SettingsError
from core.processing.steps import checked, crop_of

RegionKind = Literal["image", "tiles", "boxes"]
Precision = Literal["auto", "fp32", "bf16"]
ClusterMethod = Literal["eom", "leaf"]
ProjectionMethod = Literal["umap", "supervised", "pca"]
SearchMethod = Literal["auto", "exact", "approximate"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True)
class RegionSettings:
    """Which parts of an image are embedded: the whole image, overlapping tiles, or annotated boxes.

    Attributes:
        kind: ``image``, ``tiles`` or ``boxes``.
        rows, columns: Tiles per image, for ``tiles``.
        overlap: Share of a tile that it shares with its neighbour, in [0, 0.5].
    """

    kind: RegionKind = "image"
    rows: int = 2
    columns: int = 3
    overlap: float = 0.15

    def __post_init__(self) -> None:
        _require(self.kind in ("image", "tiles", "boxes"), f"regions must be image, tiles or boxes, got {self.kind!r}")
        _require(1 <= self.rows <= 16 and 1 <= self.columns <= 16, "tiles must be between 1x1 and 16x16")
        _require(0.0 <= self.overlap <= 0.5, f"tile overlap must be in [0, 0.5], got {self.overlap}")

    @classmethod
    def parse(cls, text: str) -> RegionSettings:
        """Read ``image``, ``boxes``, ``tiles`` or ``tiles:ROWSxCOLUMNS`` (for example ``tiles:2x3``)."""
        kind, _, grid = text.strip().lower().partition(":")
        if kind == "tiles" and grid:
            rows, cross, columns = grid.partition("x")
            _require(
                bool(cross) and rows.isdecimal() and columns.isdecimal(),
                f"tiles are written ROWSxCOLUMNS, got {grid!r}",
            )
            return cls("tiles", int(rows), int(columns))
        _require(
            kind in ("image", "tiles", "boxes") and not grid, f"regions must be image, boxes or tiles:2x3, got {text!r}"
        )
        return cls(kind)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"tiles:{self.rows}x{self.columns}" if self.kind == "tiles" else self.kind


@dataclass(frozen=True)
class EmbedSettings:
    """Which network turns regions into embeddings, and what it is shown.

    Attributes:
        embedder: ``demo`` or the name of any torchvision classification network.
        weights: Path of a local ``.safetensors`` or weights-only ``.pth`` file; ``None`` means the network's own
            (for ``demo`` the shipped file, otherwise torchvision's hub).
        short_side: Length in pixels of the shorter side of the network's input (both sides where it needs a square).
        max_aspect: Longest side over shortest beyond which the picture is padded instead of stretched on, >= 1.
        batch: Regions in one forward pass. Fixed on CPU, where it is part of what makes runs repeatable.
        precision: ``auto`` is bf16 on CUDA and fp32 elsewhere.
        device: ``auto`` takes CUDA, then MPS, then CPU.
        steps: Preprocessing of what the network is shown (`core.processing.steps`), for example ``("clahe:2",)``.
    """

    embedder: str = "demo"
    weights: str | None = None
    short_side: int = 224
    max_aspect: float = 3.0
    batch: int = 32
    precision: Precision = "auto"
    device: str = "auto"
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checked(self.steps))  # JSON brings a list
        _require(bool(self.embedder), "an embedder's name must not be empty")
        _require(32 <= self.short_side <= 2048, f"short_side must be in [32, 2048] pixels, got {self.short_side}")
        _require(self.max_aspect >= 1.0, f"max_aspect must be at least 1, got {self.max_aspect}")
        _require(1 <= self.batch <= 4096, f"batch must be in [1, 4096], got {self.batch}")
        _require(
            self.precision in ("auto", "fp32", "bf16"), f"precision must be auto, fp32 or bf16, got {self.precision!r}"
        )

    @property
    def weights_name(self) -> str:
        """The weights file's name; empty where the network comes with its own."""
        return "" if self.weights is None else PurePath(self.weights).name


@dataclass(frozen=True)
class OodSettings:
    """How strangeness is scored and when a region is flagged.

    Attributes:
        k: Neighbours averaged; ``None`` means 100 or the largest that every group allows.
        alpha: False-alarm rate of the conformal flag, in (0, 0.5].
        detectors: Names of detectors beside kNN (`core.ood.registry.DETECTORS`), each with columns of its own.
        model: Name of the workspace's model whose logits the detectors that need some read; ``None`` where none does.
    """

    k: int | None = None
    alpha: float = 0.05
    detectors: tuple[str, ...] = ()
    model: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detectors", tuple(self.detectors))  # JSON brings a list
        _require(self.k is None or self.k >= 1, f"k must be at least 1, got {self.k}")
        _require(0.0 < self.alpha <= 0.5, f"alpha must be in (0, 0.5], got {self.alpha}")


@dataclass(frozen=True)
class SearchSettings:
    """How neighbours are found.

    Attributes:
        method: ``exact`` compares every pair; ``approximate`` looks into the most promising cells and measures its
            recall; ``auto`` is exact up to `limit` regions, on an accelerator up to ten times as many.
        recall: Share of true neighbours to reach where the search is approximate, in [0.5, 1).
    """

    method: SearchMethod = "auto"
    limit: int = 200_000
    recall: float = 0.98

    def __post_init__(self) -> None:
        known = ("auto", "exact", "approximate")
        _require(self.method in known, f"the search must be auto, exact or approximate, got {self.method!r}")
        _require(self.limit >= 1, f"the limit of exact search must be at least 1, got {self.limit}")
        _require(0.5 <= self.recall < 1.0, f"the recall to reach must be in [0.5, 1), got {self.recall}")

    def approximate(self, regions: int, device: str) -> bool:
        """Whether this many regions are searched approximately on a device."""
        if self.method == "auto":
            return regions > self.limit * (10 if device.startswith("cuda") else 1)
        return self.method == "approximate"


@dataclass(frozen=True)
class ProjectionSettings:
    """How the collection is laid out on a plane.

    Attributes:
        n_neighbors: Neighbours of a point, itself included; more show the whole, fewer the detail.
        min_dist: How near points may lie, in units of the map.
        fast: Lay out by `core.space.layout` instead of umap-learn, in a third of the time.
        method: ``umap``; ``supervised``, where labels also pull regions together; or ``pca``, the two widest axes.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0
    fast: bool = False
    method: ProjectionMethod = "umap"

    def __post_init__(self) -> None:
        _require(2 <= self.n_neighbors <= 200, f"n_neighbors must be in [2, 200], got {self.n_neighbors}")
        _require(0.0 <= self.min_dist <= 1.0, f"min_dist must be in [0, 1], got {self.min_dist}")
        _require(0 <= self.seed < 2**32, f"seed must be in [0, 2**32), got {self.seed}")
        known = ("umap", "supervised", "pca")
        _require(self.method in known, f"the projection must be umap, supervised or pca, got {self.method!r}")

    def keyed(self) -> dict[str, Any]:
        """What keys are made of: a setting that came later is left out where it has its first value."""
        settings = asdict(self)
        if self.method == "umap":
            settings.pop("method")
        return settings


@dataclass(frozen=True)
class ClusterSettings:
    """HDBSCAN's settings, on the projection.

    Attributes:
        min_cluster_size: Smallest group called a cluster; ``None`` means 1 % of the regions, at least 5, at most 50.
        min_samples: Larger is more conservative; ``None`` means as `min_cluster_size`, at most 10.
        method: ``eom`` (few, large clusters) or ``leaf`` (many, small ones).
        epsilon: Clusters closer than this on the map are not split, >= 0.
    """

    min_cluster_size: int | None = None
    min_samples: int | None = None
    method: ClusterMethod = "eom"
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        _require(self.min_cluster_size is None or self.min_cluster_size >= 2, "min_cluster_size must be at least 2")
        _require(self.min_samples is None or self.min_samples >= 1, "min_samples must be at least 1")
        _require(self.method in ("eom", "leaf"), f"cluster method must be eom or leaf, got {self.method!r}")
        _require(self.epsilon >= 0.0, "epsilon must not be negative")


@dataclass(frozen=True)
class KnownSettings:
    """Regions that reviewers judged known: they join the reference of a run.

    Decisions are only ever added to, so "as decided up to this one" means the same regions for ever.

    Attributes:
        verdicts: Keys of verdicts; a region joins when its reviewers agree on one of them.
        through: Id of the last decision that counts.
        beside: The run that this one repeats and is compared with.
    """

    verdicts: tuple[str, ...]
    through: int
    beside: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdicts", tuple(self.verdicts))  # JSON brings a list
        _require(len(self.verdicts) > 0, "at least one verdict says what is known")
        _require(self.through >= 1 and self.beside >= 1, "decisions and runs have ids from 1")


@dataclass(frozen=True)
class RunSettings:
    """Everything that one run depends on besides the catalogue.

    Attributes:
        datasets: Names of the datasets, at least one.
        reference: Conditions that a reference region meets, all of them; empty means every region.
        target: Conditions that a target region meets; empty means everything outside the reference.
        neighbours: Columns of the whole-collection graph, the point itself included.
        known: What reviewers judged known and joins the reference; ``None`` for the reference's conditions alone.
        search: How neighbours are found.
    """

    datasets: tuple[str, ...]
    reference: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    regions: RegionSettings = field(default_factory=RegionSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    ood: OodSettings = field(default_factory=OodSettings)
    projection: ProjectionSettings = field(default_factory=ProjectionSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    neighbours: int = 32
    known: KnownSettings | None = None
    search: SearchSettings = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        _require(len(self.datasets) > 0, "a run needs at least one dataset")
        _require(2 <= self.neighbours <= 512, f"neighbours must be in [2, 512], got {self.neighbours}")
        if self.projection.method != "pca" and self.projection.n_neighbors > self.neighbours:
            object.__setattr__(self, "neighbours", self.projection.n_neighbors)  # the map needs as many columns
        whole = self.regions.kind == "image" or crop_of(self.embed.steps) == 1.0
        _require(whole, f"a central crop is for whole images; with regions {self.regions} leave the step out")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with every default written out."""
        return asdict(self)

    def to_tell(self) -> dict[str, Any]:
        """`to_json` for people elsewhere: a weights file by its name, not by its place on this machine."""
        told = self.to_json()
        told["embed"]["weights"] = self.embed.weights_name or None
        return told

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunSettings:
        """The inverse of `to_json`; unknown keys raise `SettingsError`."""
        nested = {
            "regions": RegionSettings,
            "embed": EmbedSettings,
            "ood": OodSettings,
            "projection": ProjectionSettings,
            "clusters": ClusterSettings,
            "known": KnownSettings,
            "search": SearchSettings,
        }
        try:
            values: dict[str, Any] = {
                key: nested[key](**value)
                if key in nested and value is not None
                else tuple(value)
                if isinstance(value, list)
                else value
                for key, value in data.items()
            }
            return cls(**values)
        except TypeError as error:
            raise SettingsError(f"these run settings are not of this version: {error}") from None

    def with_(self, **changes: Any) -> RunSettings:
        """A copy with some fields replaced, checked again."""
        return replace(self, **changes)
