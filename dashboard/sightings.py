"""What was seen where: concepts by depth band, dive, day, site or camera, counted in the ways a report needs.

The contract: pure; counts are of labelled images; an image that lacks the category is in no column. A run of
near-duplicates filmed one thing once, so counting such runs keeps a camera that stood still from counting it often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard.summaries import categories, exploded

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.summaries import By

Measure = Literal["images", "runs", "share", "reviewed"]
MEASURES: dict[Measure, str] = {
    "images": "images",
    "runs": "without repeats",
    "share": "share of images",
    "reviewed": "share reviewed",
}
HELP = (
    "Images: labelled images that show the concept. Without repeats: near-duplicates of one group count once. Share of "
    "images: of the column's labelled images. Share reviewed: of the images that show it, those with a decision."
)


def sightings(
    frame: pd.DataFrame,
    by: By,
    repeats: np.ndarray,
    reviewed: np.ndarray,
    above: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """One row a concept and category in which it was seen.

    Args:
        frame: `summaries.images`' result, or rows of it.
        repeats: ``[N]`` a number for each row of the run's table, -1 for what is alone.
        reviewed: Ids of the images on which a decision stands.
        above: For a concept, all concepts above it: they count as seen as well.

    Returns:
        ``concept``, ``category``, ``images``, ``runs`` (near-duplicates counted once), ``labelled`` (images of the
        category), ``share`` and ``reviewed`` in [0, 1]; most frequent concept first, categories in their order.
    """
    import pandas as pd

    columns = ["concept", "category", "images", "runs", "labelled", "share", "reviewed"]
    labelled = frame[frame["labelled"].fillna(False).to_numpy(dtype=bool)]
    names, order = categories(labelled, by)
    seen = exploded(labelled)
    if above:
        more = seen.assign(concept=seen["concept"].map(lambda name: list(above.get(name, ())))).explode("concept")
        seen = pd.concat([seen, more.dropna(subset=["concept"])])
    seen = seen.reset_index(names="image").drop_duplicates(["image", "concept"])
    seen["category"] = names.reindex(seen["image"]).to_numpy()
    seen = seen.dropna(subset=["category"])
    if seen.empty:
        return pd.DataFrame(columns=columns)
    row = labelled["row"].reindex(seen["image"]).to_numpy()
    seen["run"] = np.where(repeats[row] >= 0, repeats[row], -1 - row)
    seen["reviewed"] = np.isin(labelled["image_id"].reindex(seen["image"]).to_numpy(), reviewed)
    often = seen.groupby("concept").size().sort_index().sort_values(ascending=False, kind="stable").index
    seen["concept"] = pd.Categorical(seen["concept"], often, ordered=True)
    seen["category"] = pd.Categorical(seen["category"], order, ordered=True)
    groups = seen.groupby(["concept", "category"], observed=True)
    found = groups.agg(images=("image", "size"), runs=("run", "nunique"), reviewed=("reviewed", "mean")).reset_index()
    found["labelled"] = found["category"].map(names.value_counts()).astype(int)
    found["share"] = found["images"] / found["labelled"]
    return found[columns]


def spread(found: pd.DataFrame, measure: Measure, order: Sequence[str]) -> pd.DataFrame:
    """One measure as a table of concepts (rows) by categories; counts are 0 and shares missing where nothing is seen.

    Args:
        order: All categories, also those in which nothing was seen.
    """
    if found.empty:
        return found[["concept"]].set_index("concept")
    table = found.pivot_table(index="concept", columns="category", values=measure, observed=True, sort=True)
    table.index, table.columns = table.index.astype(object), table.columns.astype(object)
    table = table.reindex(columns=list(order))
    return table.fillna(0).astype(int) if measure in ("images", "runs") else table
