"""What is evaluated, as plain arrays: what a model said, what is true, and what belongs together.

The contract:
- row ``i`` of every array is the same region, column ``c`` the same concept;
- truth may be unknown, region by region and concept by concept; what is unknown counts nowhere, neither as present nor
  as absent;
- a concept that the model has no output for is a column too (`Cases.known` false, probability 0): it can only be
  missed, and the ranked figures say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError

PRESENT, ABSENT, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Cases:
    """Predictions beside the truth.

    Attributes:
        probabilities: ``[N, C]`` float, in [0, 1], after calibration.
        truth: ``[N, C]`` int8: `PRESENT`, `ABSENT` or `UNKNOWN`.
        concepts: ``C`` names.
        levels: ``C`` words, one a level of the label tree (``concept``, ``parent``).
        known: ``[C]`` bool, whether the model has an output for the concept.
        ranked: ``[C]`` bool, the exact concepts: those that MAP@20 and the overall figures are about.
        thresholds: ``[C]`` float; a probability at or above it says that the concept is there.
        groups: ``[N]`` int64, equal for regions that are not independent of each other.
        keys: ``[N]`` text, the same for the same region in every evaluation.
        exclusive: Whether exactly one of the ranked concepts is true of a region; the most probable one is then what
            the model says, whatever the thresholds.
        strata: By name (``depth band``, ``site``, ``camera``) ``[N]`` text, empty where unknown.
        ood: ``[N]`` float, larger is stranger, NaN where not judged; ``None`` without scores.
        outside: ``[N]`` int8, `PRESENT` for what is truly unlike the reference; ``None`` where nobody said.
        raw: ``[N, C]`` probabilities before calibration; ``None`` where there was none.
        stated: ``[N, C]`` int8 as `truth`, but without what only follows from the label tree: the truth of ranked
            lists. ``None`` where nothing follows.
    """

    probabilities: NDArray[np.floating]
    truth: NDArray[np.int8]
    concepts: tuple[str, ...]
    levels: tuple[str, ...]
    known: NDArray[np.bool_]
    ranked: NDArray[np.bool_]
    thresholds: NDArray[np.floating]
    groups: NDArray[np.int64]
    keys: NDArray[np.str_]
    exclusive: bool = False
    strata: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    ood: NDArray[np.floating] | None = None
    outside: NDArray[np.int8] | None = None
    raw: NDArray[np.floating] | None = None
    stated: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.groups), len(self.concepts))
        wanted: dict[str, tuple[int, ...]] = {"probabilities": shape, "truth": shape, "raw": shape, "stated": shape}
        wanted |= {"levels": shape[1:], "known": shape[1:], "ranked": shape[1:], "thresholds": shape[1:]}
        wanted |= {"keys": shape[:1], "ood": shape[:1], "outside": shape[:1]}
        for name, expected in wanted.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != expected:
                raise SettingsError(
                    f"{name} must have shape {expected} for {shape[0]} regions and {shape[1]} concepts, "
                    f"got {np.shape(value)}"
                )
        for name, values in self.strata.items():
            if np.shape(values) != shape[:1]:
                raise SettingsError(f"stratum {name!r} must name all {shape[0]} regions, got {np.shape(values)}")
        if len(set(self.concepts)) != len(self.concepts):
            raise SettingsError("two concepts have one name; a concept is known by its name, so rename one of them")
        numbers = np.asarray(self.probabilities)
        if numbers.size and not (np.isfinite(numbers).all() and numbers.min() >= 0.0 and numbers.max() <= 1.0):
            raise SettingsError("probabilities must lie in [0, 1]; these are logits or hold missing values")
        if not np.isin(self.truth, (PRESENT, ABSENT, UNKNOWN)).all():
            raise SettingsError("truth must be 1 (present), 0 (absent) or -1 (unknown)")

    @property
    def count(self) -> int:
        """Regions."""
        return len(self.groups)

    @property
    def group_count(self) -> int:
        """Independent groups among them."""
        return len(np.unique(self.groups))

    @property
    def judged(self) -> NDArray[np.bool_]:
        """``[C]`` bool: exact concepts that the model knows; what the overall figures are made of."""
        return self.known & self.ranked

    def said(self) -> NDArray[np.bool_]:
        """``[N, C]`` bool: what the model says is there, by its thresholds; the most probable where one alone can be.

        Concepts of other levels than the ranked ones always follow their thresholds.
        """
        above: NDArray[np.bool_] = (self.probabilities >= self.thresholds) & self.known
        columns = np.flatnonzero(self.judged)
        if self.exclusive and len(columns) and self.count:
            above[:, columns] = False
            above[np.arange(self.count), columns[np.argmax(self.probabilities[:, columns], axis=1)]] = True
        return above

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Cases:
        """The same of some regions alone."""
        picked = {name: value[chosen] for name, value in vars(self).items() if name in _BY_ROW and value is not None}
        return replace(self, **picked, strata={name: values[chosen] for name, values in self.strata.items()})

    def columns(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Cases:
        """The same of some concepts alone."""
        places = np.flatnonzero(chosen) if np.asarray(chosen).dtype == bool else np.asarray(chosen)
        return replace(
            self,
            probabilities=self.probabilities[:, places],
            truth=self.truth[:, places],
            raw=None if self.raw is None else self.raw[:, places],
            stated=None if self.stated is None else self.stated[:, places],
            concepts=tuple(self.concepts[place] for place in places),
            levels=tuple(self.levels[place] for place in places),
            known=self.known[places],
            ranked=self.ranked[places],
            thresholds=self.thresholds[places],
        )

    def level(self, name: str) -> Cases:
        """The concepts of one level, all of them ranked, by what is stated of them or follows."""
        chosen = self.columns(np.array([level == name for level in self.levels], bool))
        # Only what is one of its level's own answers can exclude the others.
        alone = self.exclusive and self._one(name)
        return replace(chosen, ranked=np.ones(len(chosen.concepts), bool), exclusive=alone, stated=None)

    def _one(self, level: str) -> bool:
        return all(self.levels[place] == level for place in np.flatnonzero(self.ranked))


_BY_ROW = frozenset({"probabilities", "truth", "groups", "keys", "ood", "outside", "raw", "stated"})
