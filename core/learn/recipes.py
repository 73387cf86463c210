"""Everything that a training depends on besides the examples, and the named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from core.errors import SettingsError
from core.learn.augmenting import Augmentation
from core.learn.calibration import CalibrationMethod
from core.learn.labels import RareRule
from core.learn.losses import LossKind
from core.learn.pooling import Pooling
from core.learn.thresholds import ThresholdRule
from core.processing.steps import crop_of
from core.settings import EmbedSettings, RegionSettings

Method = Literal["probe", "network"]
MOST_FOLDS = 20


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True)
class HeadWish:
    """A head that was asked for: its name, ``multi`` or ``single``, and its concepts; those below them come along."""

    name: str
    kind: Literal["multi", "single"]
    concepts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> HeadWish:
        """Read ``NAME=CONCEPT,CONCEPT`` (several of them may be there) or ``NAME:single=CONCEPT,CONCEPT``."""
        left, equals, right = text.partition("=")
        name, _, kind = left.partition(":")
        concepts = tuple(part.strip() for part in right.split(",") if part.strip())
        if not equals or not name.strip() or kind not in ("", "multi", "single") or not concepts:
            raise SettingsError(f"a head is written NAME=A,B,C or NAME:single=A,B,C, got {text!r}")
        return cls(name.strip(), "single" if kind == "single" else "multi", concepts)


@dataclass(frozen=True)
class ProbeView:
    """One way in which a frozen body looks at pictures.

    Attributes:
        pooling: What the body's last map is summed up to, see `core.learn.pooling`.
        share: Shorter side of the input as a share of `EmbedSettings.short_side`.
    """

    pooling: Pooling = "mean"
    share: float = 1.0

    def __post_init__(self) -> None:
        _require(self.pooling in ("mean", "deviation"), f"pooling is mean or deviation, got {self.pooling!r}")
        _require(0.25 <= self.share <= 4.0, f"a view's share must be in [0.25, 4], got {self.share}")

    def embed(self, settings: EmbedSettings) -> EmbedSettings:
        """The body's settings as this view has them."""
        return replace(settings, short_side=max(32, round(settings.short_side * self.share)))


@dataclass(frozen=True)
class ProbeSettings:
    """A linear probe on a frozen body.

    Attributes:
        view: How pictures are looked at.
        second: Another way whose probe joins the first's where that helps out of fold (`core.learn.fitting`); it needs
            `TrainSettings.folds`.
        decay: L2 penalty on weights of scaled features.
        balance_groups: Every group weighs the square root of its number of frames instead of that number.
    """

    view: ProbeView = ProbeView()
    second: ProbeView | None = None
    decay: float = 1e-2
    balance_groups: bool = False

    def __post_init__(self) -> None:
        _require(self.decay > 0, f"decay must be positive, got {self.decay}")

    @property
    def views(self) -> tuple[ProbeView, ...]:
        """One or both."""
        return (self.view,) if self.second is None else (self.view, self.second)


@dataclass(frozen=True)
class NetworkSettings:
    """Training of all layers.

    Attributes:
        loss: ``bce`` or ``asymmetric``, of heads that name any number of concepts.
        augmentation: See `core.learn.augmenting`.
        prepare_side: Shorter side in pixels of the pictures that augmentation starts from; the input's by default.
        batch: Pictures in one step.
        head_epochs, epochs: Passes in which only the head learns, and in which everything does.
        rate: Largest rate of the head; found by a sweep if ``None``.
        body_share, spread: The body's last third learns at ``1 / body_share`` of that rate, its first at another
            ``1 / spread`` of this.
        decay: Weight decay.
        patience: Passes without a lower validation loss after which training ends.
        oversample: Images of rarer concepts are drawn again until there are this many; 0 is off.
        class_weights: Weigh classes by inverse frequency.
    """

    loss: LossKind = "bce"
    augmentation: Augmentation = "light"
    prepare_side: int | None = None
    batch: int = 32
    head_epochs: int = 1
    epochs: int = 8
    rate: float | None = None
    body_share: float = 10.0
    spread: float = 10.0
    decay: float = 1e-2
    patience: int = 3
    oversample: int = 0
    class_weights: bool = False

    def __post_init__(self) -> None:
        _require(self.loss in ("bce", "asymmetric"), f"a loss is bce or asymmetric, got {self.loss!r}")
        known = get_args(Augmentation)
        _require(self.augmentation in known, f"an augmentation is one of {', '.join(known)}, got {self.augmentation!r}")
        _require(1 <= self.batch <= 4096, f"batch must be in [1, 4096], got {self.batch}")
        _require(self.head_epochs >= 0 and self.epochs >= 0, "epochs must not be negative")
        _require(self.head_epochs + self.epochs >= 1, "training needs at least one epoch")
        _require(self.rate is None or 0 < self.rate <= 1, f"a rate is in (0, 1], got {self.rate}")
        _require(self.body_share > 0 and self.spread >= 1, "body_share must be positive and spread at least 1")
        _require(self.patience >= 1, f"patience must be at least 1, got {self.patience}")


@dataclass(frozen=True)
class TrainSettings:
    """One training.

    Attributes:
        datasets: Names, at least one.
        where: Conditions that a region meets.
        preset: Name it came from, for people.
        method: ``probe`` (the body stays as it is) or ``network`` (all layers learn).
        heads: Heads asked for; one `multi` head of all concepts when empty.
        embed: The body, and the preprocessing (``steps``) of everything that it is shown, now and whenever it is asked.
        crop: Share of each side of a region that is looked at, its middle; 1 is all of it.
        validation, held_out: Shares of the images, by group, for choosing (thresholds, calibration, when to stop) and
            for judging; the rest is for training.
        calibration: ``auto`` takes what helps most on groups that it was not fitted on.
        folds: Members of an ensemble, each taught by all folds but one (`core.learn.fitting`); 1 is a single model.
            Where there are fewer groups there are as many folds as groups.
        refit_all: Train again on training, validation and held-out groups after everything was chosen.
        decisions: Learn from concepts that reviewers gave to images without labels too (`core.review.teaching`).
        fallback: Name the top concept where none reaches its threshold (the FathomNet study's way).
    """

    datasets: tuple[str, ...]
    where: tuple[str, ...] = ()
    preset: str = "probe"
    method: Method = "probe"
    regions: RegionSettings = field(default_factory=RegionSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    rare: RareRule = field(default_factory=RareRule)
    heads: tuple[HeadWish, ...] = ()
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    crop: float = 1.0
    validation: float = 0.2
    held_out: float = 0.2
    calibration: CalibrationMethod | Literal["auto"] = "auto"
    thresholds: ThresholdRule = "best-f1"
    precision: float = 0.9
    folds: int = 1
    refit_all: bool = False
    decisions: bool = False
    fallback: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _require(len(self.datasets) > 0, "training needs at least one dataset")
        _require(self.method in ("probe", "network"), f"a method is probe or network, got {self.method!r}")
        _require(0.1 <= self.crop <= 1.0, f"crop must be in [0.1, 1], got {self.crop}")
        whole = self.regions.kind == "image" or crop_of(self.embed.steps) == 1.0
        _require(whole, f"a central crop is for whole images; with regions {self.regions} leave the step out")
        _require(0.05 <= self.validation <= 0.5, f"validation must be in [0.05, 0.5], got {self.validation}")
        _require(0.0 <= self.held_out <= 0.5, f"held_out must be in [0, 0.5], got {self.held_out}")
        _require(1 <= self.folds <= MOST_FOLDS, f"folds must be in [1, {MOST_FOLDS}], got {self.folds}")
        _require(
            self.probe.second is None or self.folds > 1,
            "whether a second view helps is told out of fold; ask for --folds, or leave the second view away",
        )
        _require(
            self.folds == 1 or not self.refit_all,
            "the members of an ensemble learn from all groups but the held-out ones already; leave --refit-all away, "
            "or --folds",
        )
        _require(self.validation + self.held_out <= 0.8, "at least a fifth of the images must be left for training")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the place of a weights file is left out."""
        data = asdict(self)
        data["embed"].pop("weights")
        return data

    def with_(self, **changes: Any) -> TrainSettings:
        """A copy with some fields replaced, checked again."""
        return replace(self, **changes)


RECOMMENDED_SIDE = 352
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "recommended": {
        "method": "probe",
        "probe": ProbeSettings(
            ProbeView("deviation"), second=ProbeView("mean", 224 / RECOMMENDED_SIDE), decay=0.1, balance_groups=True
        ),
        "folds": 5,
    },
    "probe": {"method": "probe"},
    "fathomnet-2023": {
        "method": "network",
        "network": NetworkSettings(
            augmentation="fathomnet-2023", prepare_side=460, batch=64, head_epochs=1, epochs=10, oversample=20
        ),
        "thresholds": "study",
        "fallback": True,
    },
    "seafloor-2021": {
        "method": "network",
        "network": NetworkSettings(
            augmentation="seafloor-2021", batch=16, head_epochs=5, epochs=15, patience=3, class_weights=True
        ),
        "crop": 2 / 3,
    },
}
"""What each preset changes of `TrainSettings`.

``recommended`` is found by measurement (``python -m benchmarks.learn DATA WEIGHTS``, kept in
``benchmarks/results/learn.jsonl``): whole frames at 352 pixels, the body frozen, a probe on how much each channel
varies over the picture, long dives held back. Five folds of 1,999 deep-sea frames with their 171 videos kept apart,
ImageNet MobileNetV2, mean average precision of 21 concepts: 0.220, the plain probe 0.171; the gain 0.049 [0.021, 0.072]
over videos. With random frames both reach 0.87: that is the leak. On 975 reef tiles with their 36 photos kept apart
it gains nothing: 0.428 against 0.436, -0.008 [-0.055, 0.026]. These figures are of one probe on the first view. The
preset learns by folds, so that thresholds and calibration rest on all groups that are not held out, and takes the mean
at 224 pixels as a second view where that helps out of fold. With that choice made on inner groups alone: 0.218 on the
videos (one view in each fold), 0.047 [0.018, 0.071] over the probe; 0.448 on the photos (both views in each fold),
0.011 [-0.018, 0.031].

``fathomnet-2023`` and ``seafloor-2021`` are the studies' own settings, with two differences: pictures are never cut to
squares at prediction, and rare images are drawn again after the split instead of before it, which put copies of one
picture on both sides. ResNet34 was the first study's network: ``--embedder resnet34``.
"""
PRESET_SIDES: Mapping[str, int] = {"recommended": RECOMMENDED_SIDE, "fathomnet-2023": 224, "seafloor-2021": 512}
"""Shorter side of the input in pixels, where a preset has one of its own; whoever names another is obeyed."""


def preset_settings(
    name: str,
    datasets: tuple[str, ...],
    embed: EmbedSettings | None = None,
    *,
    short_side: int | None = None,
    **changes: Any,
) -> TrainSettings:
    """The settings of a preset.

    Args:
        embed: The body; the size of its input is the preset's.
        short_side: Shorter side of the input in pixels instead of the preset's.
        changes: Fields of `TrainSettings`.

    Raises:
        SettingsError: there is no such preset, or a change is out of range.
    """
    if name not in PRESETS:
        import difflib

        near = difflib.get_close_matches(name, PRESETS, n=1)
        known = ", ".join(PRESETS)
        raise SettingsError(
            f"there is no preset {name!r}; {f'did you mean {near[0]}?' if near else f'choose from {known}'}"
        )
    body = embed or EmbedSettings()
    side = short_side or PRESET_SIDES.get(name, body.short_side)
    values = {**PRESETS[name], "embed": replace(body, short_side=side), **changes}
    if changes.get("refit_all") and "folds" not in changes:
        values["folds"] = 1
    if values.get("folds", 1) == 1 and "probe" not in changes and "probe" in values:
        values["probe"] = replace(values["probe"], second=None)  # only folds can tell whether it helps
    return TrainSettings(datasets=datasets, preset=name, **values)
