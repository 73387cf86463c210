"""What a run's table says in words, as small numbers, so that counting a million rows is a few sums.

The contract:
- `ready` is made once a run; rows of it stay ready, so a selection costs no look at any text;
- values are kept as they are; what is empty has no category, only the code -1;
- a list of concepts is one value: tables hold few different ones, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from dashboard.indexing import combinations, natural

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ("dataset", "group", "site", "camera", "set")


def ready(table: pd.DataFrame) -> pd.DataFrame:
    """A run's table with ``row``, its row in the run, its texts and lists of concepts as pandas' categories.

    Categories of texts are in the order in which people count; those of ``concepts`` are tuples, none is an empty one.
    """
    texts = {name: _categorical(table[name]) for name in TEXTS}
    return table.assign(row=np.arange(len(table)), concepts=_combinations(table["concepts"]), **texts)


def is_ready(frame: pd.DataFrame) -> bool:
    """Whether a table comes from `ready`."""
    return "row" in frame.columns and _is_categorical(frame["set"])


def _is_categorical(column: pd.Series) -> bool:
    return str(column.dtype) == "category"


def _categorical(column: pd.Series) -> pd.Categorical:
    import pandas as pd

    codes, values = pd.factorize(column, use_na_sentinel=True)
    names = [str(value) for value in values]
    order = sorted(range(len(names)), key=lambda place: natural(names[place]))
    places = np.full(len(names) + 1, -1, dtype=np.int32)
    places[order] = np.arange(len(order))
    return pd.Categorical.from_codes(places[codes], pd.Index([names[place] for place in order], dtype=object))


def _combinations(column: pd.Series) -> pd.Categorical:
    import pandas as pd

    codes, lists = combinations(column)
    return pd.Categorical.from_codes(codes, pd.Index(lists, dtype=object, tupleize_cols=False))


def codes(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    """``[N]`` int32 place of each row's text among those that are there, -1 for what is empty; and these texts."""
    texts = frame[column].array if _is_categorical(frame[column]) else _categorical(frame[column])
    names, own = texts.categories, np.asarray(texts.codes)
    used = np.bincount(own.astype(np.int64) + 1, minlength=len(names) + 1)[1:] > 0
    used &= names.to_numpy() != ""
    places = np.full(len(names) + 1, -1, dtype=np.int32)
    places[:-1][used] = np.arange(int(used.sum()))
    found: np.ndarray = places[own]
    return found, [str(name) for name in names[used]]


def different(numbers: np.ndarray) -> np.ndarray:
    """Each of some integers once, ascending; many times as fast as `numpy.unique` on millions that differ."""
    ordered = np.sort(numbers)
    kept = np.ones(len(ordered), dtype=bool)
    kept[1:] = ordered[1:] != ordered[:-1]
    found: np.ndarray = ordered[kept]
    return found


def different_each(place: np.ndarray, code: np.ndarray, size: int) -> np.ndarray:
    """``[size]`` how many different codes stand at each place.

    Args:
        place, code: ``[N]`` integers from zero upwards.
    """
    if not len(place):
        return np.zeros(size, dtype=np.int64)
    many = int(code.max()) + 1
    found: np.ndarray = np.bincount(different(place.astype(np.int64) * many + code) // many, minlength=size)
    return found


@dataclass(frozen=True)
class Concepts:
    """Concepts of a `ready` table, by list.

    Attributes:
        names: Every concept in alphabetical order.
        starts: ``[C + 1]`` where the concepts of each list begin in `flat`.
        flat: Places in `names`, each concept of a list once.
    """

    names: tuple[str, ...]
    starts: np.ndarray
    flat: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """``[C]`` how many different concepts each list holds."""
        found: np.ndarray = np.diff(self.starts)
        return found

    def counts(self, lists: np.ndarray) -> np.ndarray:
        """``[names]`` rows with each concept.

        Args:
            lists: ``[N]`` the rows' lists, `lists_of`.
        """
        many = np.bincount(lists, minlength=len(self.starts) - 1)
        weighed = np.bincount(self.flat, weights=np.repeat(many, self.sizes), minlength=len(self.names))
        found: np.ndarray = weighed.astype(np.int64)  # exact: counts are far below 2**53
        return found

    def showing(self, concept: int) -> np.ndarray:
        """``[C]`` bool, the lists that hold a concept."""
        held = np.zeros(len(self.starts) - 1, dtype=bool)
        held[np.searchsorted(self.starts, np.flatnonzero(self.flat == concept), side="right") - 1] = True
        return held

    def pairs(self, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of rows, ascending, and the concepts that they show: ``[M]`` each, each pair once."""
        many = self.sizes[lists]
        ends = np.cumsum(many)
        rows = np.repeat(np.arange(len(lists)), many)
        within = np.arange(len(rows)) - np.repeat(ends - many, many)
        return rows, self.flat[np.repeat(self.starts[:-1][lists], many) + within]


def lists_of(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` which list of concepts each row has."""
    found: np.ndarray = frame["concepts"].cat.codes.to_numpy().astype(np.int64)
    return found


def lengths(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` how long each row's list of concepts is."""
    sizes = np.array([len(names) for names in frame["concepts"].cat.categories], dtype=np.int64)
    found: np.ndarray = sizes[lists_of(frame)]
    return found


def concepts(frame: pd.DataFrame, above: Mapping[str, Sequence[str]] | None = None) -> Concepts:
    """The concepts of a `ready` table, of rows of it too.

    Args:
        above: For a concept, all concepts above it: they are held where it is.
    """
    over = above or {}
    lists = [
        list(dict.fromkeys(chain(names, *(over.get(name, ()) for name in names))))
        for names in frame["concepts"].cat.categories
    ]
    names = sorted(set(chain.from_iterable(lists)))
    place = {name: code for code, name in enumerate(names)}
    flat = np.fromiter((place[name] for name in chain.from_iterable(lists)), dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum([len(held) for held in lists], dtype=np.int64)]).astype(np.int64)
    return Concepts(tuple(names), starts, flat)
