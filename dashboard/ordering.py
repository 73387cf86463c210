"""Orders: a list of regions sorted by any column of the run, ties by row, what lacks the column last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Order:
    """One way to sort: words for it, the column, and whether it ascends."""

    words: str
    column: str
    ascending: bool


USUAL: dict[str, Order] = {
    "strangest": Order("strangest first", "ood_score", False),
    "familiar": Order("most familiar first", "ood_score", True),
    "shallow": Order("shallowest first", "depth_m", True),
    "deep": Order("deepest first", "depth_m", False),
    "earliest": Order("earliest first", "taken_at", True),
    "latest": Order("latest first", "taken_at", False),
    "file": Order("by file", "path", True),
    "cluster": Order("by cluster", "cluster", True),
    "concepts": Order("most concepts first", "concepts", False),
}
FIRST = "strangest"
NAMES = {
    "group": "group (dive)",
    "taken_at": "time",
    "p_value": "p-value",
    "altitude_m": "height over ground",
    "cluster_probability": "how surely in its cluster",
    "cluster_outlier_score": "how unusual for its cluster",
    "red_green": "redness",
    "blue_green": "blueness",
    "vignette": "dark corners",
}
"""A column's name in words where its own says too little."""
_NOT = {
    *("region_id", "image_id", "content_hash", "region", "box_x", "box_y", "box_w", "box_h", "labelled", "flagged"),
    *("x", "y", "ood_percentile", *(order.column for order in USUAL.values())),
}
"""Columns that say nothing by their order, or have one of the usual ones."""


def orders(table: pd.DataFrame) -> dict[str, Order]:
    """Every order that a table knows, by its name in an address: the usual ones, then other columns both ways."""
    found = {name: order for name, order in USUAL.items() if _known(table, order.column)}
    for column in table.columns:
        if column not in _NOT and _known(table, column):
            title = NAMES.get(column, str(column).removeprefix("extra.").replace("_", " "))
            number = table[column].dtype.kind in "biuf"
            found[f"-{column}"] = Order(f"{title}, {'highest' if number else 'Z'} first", column, False)
            found[f"+{column}"] = Order(f"{title}, {'lowest' if number else 'A'} first", column, True)
    return found


def _known(table: pd.DataFrame, column: str) -> bool:
    values = table[column]
    if column == "concepts":
        return True
    return bool(values.notna().any()) and not bool((values == "").all())


def order(table: pd.DataFrame, name: str) -> np.ndarray:
    """``[N]`` rows of the table in an order of `orders`; the first of `USUAL` for a name it does not know."""
    chosen = orders(table).get(name, USUAL[FIRST])
    return by_column(table, chosen.column, chosen.ascending)


def by_column(table: pd.DataFrame, column: str, ascending: bool) -> np.ndarray:
    """``[N]`` rows of the table by one of its columns."""
    values = table[column].reset_index(drop=True)
    if column == "concepts":
        values = values.map(lambda names: 0 if names is None else len(names))
    elif column == "cluster":
        values = values.astype("Float64").mask(values < 0)  # noise after every cluster
    elif values.dtype.kind in "OTU":
        values = values.where(values != "")
    rows: np.ndarray = values.sort_values(ascending=ascending, kind="stable", na_position="last").index.to_numpy()
    return rows
