"""The steps by name: ``crop:0.8``, ``gray-world``, ``clahe:2`` … read, checked, and said in words.

The contract:
- a step is text, ``NAME`` or ``NAME:NUMBER``; the same text always means the same change, at any size of the picture:
  lengths are shares of the picture's shorter side, never pixels;
- the order is the given one, but for the crop: it comes first, because what is cut off should count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import SettingsError


@dataclass(frozen=True)
class Kind:
    """One kind of step.

    Attributes:
        title: For people.
        number: What its number means; empty where it takes none.
        usual: The number if none is given.
        least, most: Its range.
        told: What it does, with its source.
    """

    title: str
    told: str
    number: str = ""
    usual: float = 0.0
    least: float = 0.0
    most: float = 0.0


KINDS: Mapping[str, Kind] = {
    "crop": Kind(
        "Central crop",
        "Only the middle of the picture: away with the vehicle's frame and the lamps' edges.",
        "share of each side that is kept",
        0.8,
        0.2,
        1.0,
    ),
    "gray-world": Kind(
        "White balance, grey world",
        "Every channel gets the same mean, so that the scene is grey on average (Buchsbaum 1980).",
    ),
    "white-patch": Kind(
        "White balance, white patch",
        "The brightest percentile of every channel becomes white (Land and McCann 1971).",
        "percentile that is white",
        99.0,
        50.0,
        100.0,
    ),
    "restore": Kind(
        "Colour restoration",
        "Red, which water takes first, is given back from green where it is weak, then grey world "
        "(Ancuti et al. 2018, equation 4).",
        "strength",
        1.0,
        0.0,
        3.0,
    ),
    "equalise": Kind(
        "Histogram equalisation",
        "Lightness is spread so that all of its values are equally frequent; colours stay.",
    ),
    "clahe": Kind(
        "CLAHE",
        "The same in 8 x 8 fields of their own, with limited contrast (Zuiderveld 1994).",
        "most contrast",
        2.0,
        0.5,
        40.0,
    ),
    "gaussian": Kind(
        "Denoise, Gaussian",
        "Blurred by a bell: fine noise goes, and fine detail with it.",
        "width, % of the shorter side",
        0.3,
        0.05,
        5.0,
    ),
    "median": Kind(
        "Denoise, median",
        "Every pixel becomes the median around it: specks (marine snow) go, edges stay.",
        "window, % of the shorter side",
        1.0,
        0.2,
        5.0,
    ),
}
"""Every kind of step by its name."""


@dataclass(frozen=True)
class Step:
    """One step: its kind's name and its number."""

    name: str
    number: float

    def __str__(self) -> str:
        return f"{self.name}:{self.number:g}" if KINDS[self.name].number else self.name

    @property
    def words(self) -> str:
        """For people."""
        kind = KINDS[self.name]
        return f"{kind.title} ({kind.number} {self.number:g})" if kind.number else kind.title


def parse(text: str) -> Step:
    """Read one step.

    Raises:
        SettingsError: there is no such step, or its number is out of range.
    """
    name, colon, given = text.strip().lower().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise SettingsError(f"there is no preprocessing step {name!r}; choose from {', '.join(KINDS)}")
    if not kind.number:
        if colon:
            raise SettingsError(f"the step {name} takes no number, got {text!r}")
        return Step(name, 0.0)
    try:
        number = float(given) if colon else kind.usual
    except ValueError:
        raise SettingsError(f"the step {name} is written {name}:NUMBER ({kind.number}), got {text!r}") from None
    if not kind.least <= number <= kind.most:
        raise SettingsError(f"{kind.number} of the step {name} is in [{kind.least:g}, {kind.most:g}], got {number:g}")
    return Step(name, number)


def checked(texts: Iterable[str]) -> tuple[str, ...]:
    """Steps in the one way of writing them, the crop first.

    Raises:
        SettingsError: a step cannot be read, or a kind is named twice.
    """
    steps = sorted((parse(text) for text in texts), key=lambda step: step.name != "crop")
    names = [step.name for step in steps]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"the preprocessing step {name} is named twice; once is enough")
    return tuple(str(step) for step in steps)


def crop_of(texts: Sequence[str]) -> float:
    """Share of each side that the steps keep; 1 without a crop."""
    return next((step.number for step in map(parse, texts) if step.name == "crop"), 1.0)


def without_crop(texts: Sequence[str]) -> tuple[str, ...]:
    """The steps that change pixels and leave every pixel in its place."""
    return tuple(text for text in texts if not text.startswith("crop"))


def in_words(texts: Sequence[str]) -> str:
    """All steps for people; what stands where there are none."""
    return ", then ".join(parse(text).words for text in texts) or "none"
