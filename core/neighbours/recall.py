"""What is known of an approximate search: which share of the true neighbours it found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GraphRecall:
    """How much of the truth an approximate graph holds.

    Attributes:
        mean: Mean share of a row's true neighbours that were found, in [0, 1], larger is better; 1 without columns.
        low: The 5th percentile of the rows' shares.
        rows: Rows of the sample.
        cells, looked_into: Cells in total, and how many were looked into at least.
    """

    mean: float
    low: float
    rows: int
    cells: int
    looked_into: int


@dataclass(frozen=True)
class Recall:
    """The recall of both graphs."""

    all: GraphRecall
    reference: GraphRecall
