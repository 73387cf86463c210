"""What is taken for what.

The contract: rows are what is there, columns what the model says. Where exactly one concept is true of a region this is
the confusion matrix. Where several may be, it is the co-confusion: off the diagonal stand regions where the row's
concept is there and was missed while the column's was said though it is not there; a region with several such pairs
counts in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.cases import ABSENT, PRESENT, Cases

NOTHING = "nothing instead"
"""The last column: missed, and nothing wrong was said either."""


@dataclass(frozen=True)
class Confusion:
    """Counts of regions.

    Attributes:
        rows: Concepts that are there, those that the model does not know included.
        columns: Concepts that the model can say, `NOTHING` last.
        counts: ``[R, K + 1]`` int64.
        exclusive: Whether this is a confusion matrix (one concept a region) or a co-confusion.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: NDArray[np.int64]
    exclusive: bool


def confusion(cases: Cases) -> Confusion:
    """Count the exact concepts of all regions."""
    exact = cases.columns(cases.ranked)
    said, true = exact.said(), exact.truth == PRESENT
    missed, wrong = true & ~said, said & (exact.truth == ABSENT)
    counts = missed.T.astype(np.int64) @ wrong.astype(np.int64)
    np.fill_diagonal(counts, (true & said).sum(axis=0))
    alone = (missed & ~wrong.any(axis=1, keepdims=True)).sum(axis=0)
    known = np.flatnonzero(exact.known)
    rows = np.flatnonzero(true.any(axis=0))
    table = np.concatenate([counts[np.ix_(rows, known)], alone[rows, None]], axis=1)
    names = exact.concepts
    return Confusion(tuple(names[r] for r in rows), (*(names[c] for c in known), NOTHING), table, exact.exclusive)


def cell_regions(cases: Cases, row: str, column: str) -> NDArray[np.int64]:
    """The regions behind one cell of `confusion`, in their order."""
    exact = cases.columns(cases.ranked)
    said, true = exact.said(), exact.truth == PRESENT
    wrong = said & (exact.truth == ABSENT)
    there = exact.concepts.index(row)
    if column == row:
        chosen = true[:, there] & said[:, there]
    elif column == NOTHING:
        chosen = true[:, there] & ~said[:, there] & ~wrong.any(axis=1)
    else:
        chosen = true[:, there] & ~said[:, there] & wrong[:, exact.concepts.index(column)]
    return np.flatnonzero(chosen)
