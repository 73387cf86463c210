"""Everything that a training depends on besides the examples, and the named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from core.errors import SettingsError
from core.learn.calibration import CalibrationMethod
from core.learn.labels import RareRule
from core.learn.thresholds import ThresholdRule
from core.settings import EmbedSettings, RegionSettings

Method = Literal["probe", "network"]


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
class ProbeSettings:
    """A linear probe on a frozen body.

    Attributes:
        decay: L2 penalty on weights of scaled features.
        balance_groups: Every group weighs the square root of its number of frames instead of that number.
    """

    decay: float = 1e-2
    balance_groups: bool = False

    def __post_init__(self) -> None:
        _require(self.decay > 0, f"decay must be positive, got {self.decay}")


@dataclass(frozen=True)
class TrainSettings:
    """One training.

    Attributes:
        datasets: Names, at least one.
        where: Conditions that a region meets.
        preset: Name it came from, for people.
        method: ``probe`` (the body stays as it is) or ``network`` (all layers learn).
        heads: Heads asked for; one `multi` head of all concepts when empty.
        validation, held_out: Shares of the images, by group, for choosing (thresholds, calibration, when to stop) and
            for judging; the rest is for training.
        calibration: ``auto`` takes what helps most on groups that it was not fitted on.
        refit_all: Train again on training, validation and held-out groups after everything was chosen.
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
    validation: float = 0.2
    held_out: float = 0.2
    calibration: CalibrationMethod | Literal["auto"] = "auto"
    thresholds: ThresholdRule = "best-f1"
    precision: float = 0.9
    refit_all: bool = False
    fallback: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _require(len(self.datasets) > 0, "training needs at least one dataset")
        _require(self.method in ("probe", "network"), f"a method is probe or network, got {self.method!r}")
        _require(0.05 <= self.validation <= 0.5, f"validation must be in [0.05, 0.5], got {self.validation}")
        _require(0.0 <= self.held_out <= 0.5, f"held_out must be in [0, 0.5], got {self.held_out}")
        _require(self.validation + self.held_out <= 0.8, "at least a fifth of the images must be left for training")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the place of a weights file is left out."""
        data = asdict(self)
        data["embed"].pop("weights")
        return data

    def with_(self, **changes: Any) -> TrainSettings:
        """A copy with some fields replaced, checked again."""
        return replace(self, **changes)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "probe": {"method": "probe"},
    "recommended": {"method": "probe"},
}
"""What each preset changes of `TrainSettings`."""


def preset_settings(
    name: str, datasets: tuple[str, ...], embed: EmbedSettings | None = None, **changes: Any
) -> TrainSettings:
    """The settings of a preset.

    Args:
        embed: The body; what the preset says of its input holds where this leaves the usual.
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
    body = {"embed": embed or EmbedSettings()}
    return TrainSettings(datasets=datasets, preset=name, **{**PRESETS[name], **body, **changes})
