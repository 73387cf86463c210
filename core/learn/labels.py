"""The label tree: which concepts a model answers for, which of them hold others, and what becomes of rare ones.

The contract:
- a tree is fixed by names and parents alone; outputs of a model stand in its order;
- what holds for a concept holds for all its parents: `closed` for statements, `enforce` for probabilities;
- a concept with too few images or groups is kept, merged into its parent or left out by one stated rule, and named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, SettingsError

RareHow = Literal["keep", "merge", "leave-out"]


@dataclass(frozen=True)
class LabelTree:
    """The concepts of a model.

    Attributes:
        names: C names, none twice: the order of everything that has one column a concept.
        parents: C places of each concept's parent in `names`; -1 where it has none.
        codes: C codes of the source (FathomNet's numbers); empty where it has none.
        stated: C flags: whether images are annotated with the concept itself, and not only with concepts below it.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    codes: tuple[str, ...] = ()
    stated: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.names)
        object.__setattr__(self, "codes", tuple(self.codes) or ("",) * count)
        object.__setattr__(self, "stated", tuple(self.stated) or (True,) * count)
        lengths = {len(self.parents), len(self.codes), len(self.stated)}
        if lengths != {count} or len(set(self.names)) != count:
            raise ModelError("a label tree needs different names, and one parent, code and flag for each")
        if any(not -1 <= parent < count or parent == place for place, parent in enumerate(self.parents)):
            raise ModelError("a label tree's parents must be places in its list of names, or -1")
        if len(self._downwards) != count:
            raise ModelError("a label tree's parents run in a circle")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _downwards(self) -> tuple[int, ...]:
        """Places of all concepts, every parent before its children."""
        children: dict[int, list[int]] = {}
        for place, parent in enumerate(self.parents):
            children.setdefault(parent, []).append(place)
        order, waiting = [], [-1]
        while waiting:
            for child in children.get(waiting.pop(), ()):
                order.append(child)
                waiting.append(child)
        return tuple(order)

    @cached_property
    def parent_level(self) -> NDArray[np.bool_]:
        """``[C]``: concepts that hold others."""
        mask = np.zeros(len(self), bool)
        mask[[parent for parent in self.parents if parent >= 0]] = True
        return mask

    @cached_property
    def fine_level(self) -> NDArray[np.bool_]:
        """``[C]``: concepts that images are annotated with (they may hold others)."""
        return np.array(self.stated, bool)

    def level(self, name: str) -> NDArray[np.bool_]:
        """``[C]`` mask of a level: ``fine``, ``parent`` or ``all``.

        Raises:
            SettingsError: there is no such level.
        """
        if name not in ("fine", "parent", "all"):
            raise SettingsError(f"a level of the label tree is fine, parent or all, got {name!r}")
        return {"fine": self.fine_level, "parent": self.parent_level}.get(name, np.ones(len(self), bool))

    def index(self, name: str) -> int:
        """Place of a concept by its name, without regard to case.

        Raises:
            SettingsError: the model does not know it; the sentence names near ones.
        """
        places = {known.casefold(): place for place, known in enumerate(self.names)}
        found = places.get(name.strip().casefold())
        if found is None:
            import difflib

            near = difflib.get_close_matches(name.strip().casefold(), places, n=3, cutoff=0.4) or list(places)[:5]
            shown = ", ".join(self.names[places[one]] for one in near)
            raise SettingsError(f"this model does not know {name!r}; near names are: {shown}")
        return found

    def statements(self, labels: Sequence[Collection[str]]) -> NDArray[np.bool_]:
        """``[N, C]``: what is stated of each image, by name alone, without the parents that follow from it.

        Names that the tree lacks are left out: `unknown_names` tells which.
        """
        places = {name: place for place, name in enumerate(self.names)}
        table = np.zeros((len(labels), len(self)), bool)
        for row, names in enumerate(labels):
            table[row, [places[name] for name in names if name in places]] = True
        return table

    def unknown_names(self, labels: Sequence[Collection[str]]) -> dict[str, int]:
        """Names that the tree lacks, with the number of images that carry each."""
        counts: dict[str, int] = {}
        for names in labels:
            for name in set(names) - set(self.names):
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def closed(self, statements: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``[N, C]``: statements with all parents that follow from them."""
        return self.enforce(statements)

    def enforce(self, values: NDArray[Any]) -> NDArray[Any]:
        """``[N, C]``: a copy in which no parent is below any of its children (maximum, from the leaves up)."""
        result = np.array(values)
        for place in reversed(self._downwards):
            parent = self.parents[place]
            if parent >= 0:
                np.maximum(result[:, parent], result[:, place], out=result[:, parent])
        return result

    def to_json(self) -> list[dict[str, Any]]:
        """One object a concept: ``name``, ``parent`` (a name or null), ``code``, ``stated``."""
        return [
            {"name": name, "parent": self.names[parent] if parent >= 0 else None, "code": code, "stated": stated}
            for name, parent, code, stated in zip(self.names, self.parents, self.codes, self.stated, strict=True)
        ]

    @classmethod
    def from_json(cls, data: Sequence[Mapping[str, Any]]) -> LabelTree:
        """The inverse of `to_json`.

        Raises:
            ModelError: the list does not describe a tree.
        """
        try:
            names = tuple(str(entry["name"]) for entry in data)
            places = {name: place for place, name in enumerate(names)}
            parents = tuple(-1 if entry["parent"] is None else places[str(entry["parent"])] for entry in data)
            codes = tuple(str(entry["code"]) for entry in data)
            return cls(names, parents, codes, tuple(bool(entry["stated"]) for entry in data))
        except (KeyError, TypeError) as error:
            raise ModelError(f"the model's label tree cannot be understood ({error}); train the model again") from None


@dataclass(frozen=True)
class RareRule:
    """What becomes of concepts that few images show.

    Attributes:
        how: ``keep`` them, ``merge`` them into their parent, or ``leave-out``.
        images, groups: A concept with fewer images, or images of fewer groups, is rare.
    """

    how: RareHow = "merge"
    images: int = 5
    groups: int = 3

    def __post_init__(self) -> None:
        if self.how not in ("keep", "merge", "leave-out"):
            raise SettingsError(
                f"rare concepts are kept, merged or left out: keep, merge or leave-out, got {self.how!r}"
            )
        if self.images < 1 or self.groups < 1:
            raise SettingsError("a concept is rare below at least 1 image and 1 group")


@dataclass(frozen=True)
class RareConcept:
    """One rare concept and what became of it.

    Attributes:
        outcome: ``kept``, ``merged into PARENT`` or ``left out``.
    """

    name: str
    images: int
    groups: int
    outcome: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def build_tree(
    labels: Sequence[Collection[str]],
    groups: NDArray[np.integer],
    parents: Mapping[str, str | None],
    rule: RareRule,
    codes: Mapping[str, str] | None = None,
) -> tuple[LabelTree, list[RareConcept]]:
    """The tree of the concepts that some labels hold.

    Args:
        labels: Names stated of each image.
        groups: ``[N]`` group of each image.
        parents: Parent of each concept, for all concepts that are known.
        codes: The source's codes.

    Returns:
        The tree (stated concepts by name, then those that are only parents), and every rare concept's fate. A concept
        counts with the images of those below it. One that is to be merged but has no parent is left out.
    """
    above = {name: _ancestors(name, parents) for names in labels for name in names}
    shown: dict[str, set[int]] = {}
    stated: set[str] = set()
    for row, names in enumerate(labels):
        for name in names:
            stated.add(name)
            for one in (name, *above[name]):
                shown.setdefault(one, set()).add(row)
    kept = set(shown)
    fates: list[RareConcept] = []
    for name in sorted(shown):
        rows = np.fromiter(shown[name], np.int64)
        of_groups = len(np.unique(np.asarray(groups)[rows]))
        if len(rows) >= rule.images and of_groups >= rule.groups:
            continue
        outcome = "kept"
        if rule.how != "keep":
            kept.discard(name)
            outcome = "left out"
        fates.append(RareConcept(name, len(rows), of_groups, outcome))
    if rule.how == "merge":
        fates = [_merged(fate, parents, kept) for fate in fates]
    order = [*sorted(kept & stated), *sorted(kept - stated)]
    places = {name: place for place, name in enumerate(order)}
    nearest = [next((one for one in _ancestors(name, parents) if one in kept), None) for name in order]
    tree = LabelTree(
        tuple(order),
        tuple(-1 if one is None else places[one] for one in nearest),
        tuple((codes or {}).get(name, "") for name in order),
        tuple(name in stated for name in order),
    )
    return tree, fates


def with_parents(labels: Sequence[Collection[str]], parents: Mapping[str, str | None]) -> list[set[str]]:
    """The names of each image with all their parents, so that what is left out still counts for what holds it."""
    return [{one for name in names for one in (name, *_ancestors(name, parents))} for names in labels]


def _merged(fate: RareConcept, parents: Mapping[str, str | None], kept: Collection[str]) -> RareConcept:
    into = next((one for one in _ancestors(fate.name, parents) if one in kept), None)
    return fate if into is None else RareConcept(fate.name, fate.images, fate.groups, f"merged into {into}")


def _ancestors(name: str, parents: Mapping[str, str | None]) -> list[str]:
    """A concept's parents, nearest first; a circle ends where it closes."""
    found: list[str] = []
    above = parents.get(name)
    while above is not None and above not in found and above != name:
        found.append(above)
        above = parents.get(above)
    return found
