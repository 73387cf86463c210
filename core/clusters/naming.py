"""What sets a cluster apart, and a name made of it.

The contract: pure; a trait is worth naming when most of a cluster shows it and the rest of the collection shows it
clearly less; traits are ordered by how much they tell (the cluster's share of the collection's Jensen-Shannon
divergence), so a name begins with what tells most. Names are text from the catalogue: data, never markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MOST_TRAITS = 3
LEAST_SHARE = 0.3
LEAST_LIFT = 1.5
_KINDS = ("group", "site", "camera")


@dataclass(frozen=True)
class Trait:
    """One thing that a cluster has more than the rest.

    Attributes:
        kind: ``concept``, ``depth``, ``group``, ``site``, ``camera`` or ``time``.
        text: In words.
        inside, outside: Share of the cluster's and of all other regions (with the field known) that have it, in [0, 1].
        tells: Bits, larger sets further apart; comparable within one collection.
    """

    kind: str
    text: str
    inside: float
    outside: float
    tells: float

    @property
    def said(self) -> str:
        """The text with what it is, where it does not say so itself: ``camera 4:3``, ``group 000145``."""
        bare = self.kind in ("camera", "group", "site") and self.text[:1].isdecimal()
        return f"{self.kind} {self.text}" if bare else self.text


@dataclass(frozen=True)
class Traits:
    """A run's columns made ready: for each value a row mask's columns, computed once for all clusters.

    Attributes:
        kinds, texts: ``[V]`` what each value is.
        has: Sparse ``[N, V]`` (scipy CSR) of ones.
        known: For each kind ``[N]`` bool: the field is known.
        depth, time: ``[N]`` float64, NaN where unknown; time in days.
    """

    kinds: tuple[str, ...]
    texts: tuple[str, ...]
    has: object
    known: dict[str, NDArray[np.bool_]]
    depth: NDArray[np.float64]
    time: NDArray[np.float64]


def traits_of(table: pd.DataFrame) -> Traits:
    """Prepare a run's table."""
    import pandas as pd
    from scipy.sparse import csr_matrix

    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    kinds: list[str] = []
    texts: list[str] = []
    lists = table["concepts"].to_numpy()
    lengths = np.fromiter((0 if names is None else len(names) for names in lists), np.int64, len(lists))
    flat = list(chain.from_iterable(names for names in lists if names is not None))
    codes, names = pd.factorize(np.array(flat, dtype=object), sort=True)
    rows.append(np.repeat(np.arange(len(lists)), lengths))
    columns.append(codes)
    kinds += ["concept"] * len(names)
    texts += [str(name) for name in names]
    known = {"concept": table["labelled"].fillna(False).to_numpy(bool) | (lengths > 0)}
    for kind in _KINDS:
        places, said = _factors(table[kind])
        held = np.flatnonzero(places >= 0)
        rows.append(held)
        columns.append(places[held] + len(kinds))
        kinds += [kind] * len(said)
        texts += [str(name) for name in said]
        known[kind] = places >= 0
    row, column = np.concatenate(rows), np.concatenate(columns)
    has = csr_matrix((np.ones(len(row)), (row, column)), shape=(len(table), len(kinds)))
    depth = table["depth_m"].to_numpy(dtype=float, na_value=np.nan)
    moments = table["taken_at"].to_numpy(dtype="datetime64[s]")
    time = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 86400.0)
    return Traits(tuple(kinds), tuple(texts), has, known, depth, time)


def _factors(column: pd.Series) -> tuple[NDArray[np.int64], list[object]]:
    """``[N]`` places of a column's values in their order of appearance, -1 for what is empty, and the values."""
    import pandas as pd

    codes, raw = pd.factorize(column, use_na_sentinel=True)
    said = [value for value in raw if value != ""]
    place = np.full(len(raw) + 1, -1, np.int64)
    place[[at for at, value in enumerate(raw) if value != ""]] = np.arange(len(said))
    return place[codes], said


def set_apart(traits: Traits, members: NDArray[np.bool_]) -> list[Trait]:
    """What sets some regions apart from all others, what tells most first.

    Args:
        members: ``[N]`` bool.
    """
    found = []
    here = np.asarray(traits.has.T @ members.astype(float)).ravel()  # type: ignore[attr-defined]
    all_ = np.asarray(traits.has.sum(axis=0)).ravel()  # type: ignore[attr-defined]
    sizes = {kind: (float(known[members].sum()), float(known.sum())) for kind, known in traits.known.items()}
    for place in np.flatnonzero(here):
        kind = traits.kinds[place]
        inside, everything = sizes[kind]
        trait = _trait(kind, traits.texts[place], float(here[place]), inside, float(all_[place]), everything)
        if trait is not None:
            found.append(trait)
    for kind, values in (("depth", traits.depth), ("time", traits.time)):
        known = np.isfinite(values)
        band = _band(kind, np.sort(values[known & members]), np.sort(values[known]))
        found += [] if band is None else [band]
    return _ordered(found)


def all_set_apart(traits: Traits, labels: NDArray[np.integer], numbers: Sequence[int]) -> dict[int, list[Trait]]:
    """`set_apart` of many clusters, each row looked at once and not once a cluster.

    Args:
        labels: ``[N]`` a cluster's number, or -1; numbers: those asked for.
    """
    from scipy.sparse import csr_matrix

    place = np.full(int(labels.max(initial=-1)) + 2, -1, np.int64)
    place[list(numbers)] = np.arange(len(numbers))
    own = place[labels]  # -1 takes the last place, which is -1
    rows = np.flatnonzero(own >= 0)
    shape = (len(numbers), len(labels))
    member = csr_matrix((np.ones(len(rows)), (own[rows], rows)), shape=shape)
    here = (member @ traits.has).tocsr()
    all_ = np.asarray(traits.has.sum(axis=0)).ravel()  # type: ignore[attr-defined]
    totals = {kind: float(known.sum()) for kind, known in traits.known.items()}
    inside = {kind: np.bincount(own[rows][known[rows]], minlength=len(numbers)) for kind, known in traits.known.items()}
    found: dict[int, list[Trait]] = {}
    for at, number in enumerate(numbers):
        line = slice(here.indptr[at], here.indptr[at + 1])
        made = []
        for column, count in zip(here.indices[line].tolist(), here.data[line].tolist(), strict=True):
            kind = traits.kinds[column]
            size = float(inside[kind][at])
            made.append(_trait(kind, traits.texts[column], count, size, float(all_[column]), totals[kind]))
        found[number] = [trait for trait in made if trait is not None]
    for kind, values in (("depth", traits.depth), ("time", traits.time)):
        for number, trait in zip(numbers, _bands(kind, values, own, len(numbers)), strict=True):
            found[number] += [] if trait is None else [trait]
    return {number: _ordered(made) for number, made in found.items()}


def _ordered(traits: list[Trait]) -> list[Trait]:
    return sorted(traits, key=lambda trait: (-trait.tells, trait.kind, trait.text))


def _bands(kind: str, values: NDArray[np.float64], own: NDArray[np.int64], count: int) -> list[Trait | None]:
    """`_band` of every cluster, by values sorted once within the clusters and once over all."""
    known = np.flatnonzero(np.isfinite(values))
    everyone = np.sort(values[known])
    rows = known[own[known] >= 0]
    order = rows[np.lexsort((values[rows], own[rows]))]
    ends = np.searchsorted(own[order], np.arange(count + 1))
    return [_band(kind, values[order[ends[at] : ends[at + 1]]], everyone) for at in range(count)]


def _trait(kind: str, text: str, here: float, inside: float, all_: float, everything: float) -> Trait | None:
    outside = everything - inside
    if inside < 1 or outside < 1:  # nothing is known, or there is nothing to be set apart from
        return None
    p, q = here / inside, (all_ - here) / outside
    smoothed = (all_ - here + 0.5) / (outside + 1)  # a value never seen outside is not infinitely telling
    if p < LEAST_SHARE or p < LEAST_LIFT * smoothed or p - q < 0.15:
        return None
    return Trait(kind, text, p, q, inside / everything * _divergence(p, smoothed))


def _divergence(p: float, q: float) -> float:
    """Jensen-Shannon divergence of two yes-no shares, in bits."""
    middle = (p + q) / 2

    def to(share: float) -> float:
        pairs = ((share, middle), (1 - share, 1 - middle))
        return sum(a * float(np.log2(a / b)) for a, b in pairs if a > 0)

    return (to(p) + to(q)) / 2


def _band(kind: str, inside: NDArray[np.float64], everyone: NDArray[np.float64]) -> Trait | None:
    """The middle four fifths of a cluster's sorted depths or times, where that band is narrow for all of them."""
    if len(inside) < 3:
        return None
    low, high = (float(value) for value in np.quantile(inside, (0.1, 0.9)))
    if kind == "depth":
        step = 10.0 if high - low < 200 else 50.0
        low, high = np.floor(low / step) * step, np.ceil(high / step) * step
        text = f"{low:,.0f}–{high:,.0f} m" if high > low else f"{low:,.0f} m"
    else:
        low, high = float(np.floor(low)), float(np.ceil(high))
        first, last = (str(np.datetime64(int(day), "D")) for day in (low, max(low, high - 1)))
        text = first if first == last else f"{first} to {last}"
    return _trait(
        kind, text, _between(inside, low, high), float(len(inside)), _between(everyone, low, high), len(everyone)
    )


def _between(ordered: NDArray[np.float64], low: float, high: float) -> float:
    """How many sorted values lie in a closed interval."""
    return float(np.searchsorted(ordered, high, side="right") - np.searchsorted(ordered, low, side="left"))


def short_name(traits: list[Trait]) -> str:
    """A name of up to three traits of different kinds; empty when nothing sets the cluster apart."""
    chosen: list[Trait] = []
    for trait in sorted(traits, key=lambda one: (one.kind != "concept", -one.tells)):
        kinds = [one.kind for one in chosen]
        # site, group, camera and time mostly say the same: where it was filmed
        place = {"site", "group", "camera", "time"}
        if trait.kind in kinds or (trait.kind in place and place & set(kinds)) or len(chosen) == MOST_TRAITS:
            continue
        chosen.append(trait)
    return ", ".join(one.said for one in chosen)


def commonest(traits: Traits, members: NDArray[np.bool_], kind: str, most: int = 8) -> list[Trait]:
    """The values of one kind that most members have, commonest first, telling or not."""
    known = traits.known[kind]
    inside, everything = float(known[members].sum()), float(known.sum())
    here = np.asarray(traits.has.T @ members.astype(float)).ravel()  # type: ignore[attr-defined]
    all_ = np.asarray(traits.has.sum(axis=0)).ravel()  # type: ignore[attr-defined]
    places = [place for place in np.argsort(-here, kind="stable") if here[place] and traits.kinds[place] == kind]
    found = []
    for place in places[:most]:
        outside = (all_[place] - here[place]) / (everything - inside) if everything > inside else 0.0
        found.append(Trait(kind, traits.texts[place], float(here[place] / inside), float(outside), 0.0))
    return found
