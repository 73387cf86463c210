"""What was seen where: concepts by depth band, dive, day, site or camera, counted in the ways a report needs.

The contract: pure; counts are of labelled images; an image that lacks the category is in no column. A run of
near-duplicates filmed one thing once, so counting such runs keeps a camera that stood still from counting it often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard import counting
from dashboard.summaries import coded, is_labelled

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
    labelled = frame[is_labelled(frame)]
    places, order = coded(labelled, by)
    known = counting.concepts(labelled, above)
    image, concept = known.pairs(counting.lists_of(labelled))
    category = places[image]
    there = category >= 0
    image, concept, category = image[there], concept[there], category[there]
    if not len(image):
        return pd.DataFrame(columns=columns)
    cell = concept * len(order) + category
    size = len(known.names) * len(order)
    images = np.bincount(cell, minlength=size)
    decided = np.isin(labelled["image_id"].to_numpy(), reviewed)[image] if len(reviewed) else np.zeros(len(image), bool)
    seen = np.bincount(cell[decided], minlength=size)
    own = repeats[labelled["row"].to_numpy()][image]
    runs = np.bincount(cell[own < 0], minlength=size) + counting.different_each(cell[own >= 0], own[own >= 0], size)
    often = np.argsort(-np.bincount(concept, minlength=len(known.names)), kind="stable")
    kept = (often[:, None] * len(order) + np.arange(len(order))).ravel()
    kept = kept[images[kept] > 0]
    whole = np.bincount(places[places >= 0], minlength=len(order))[kept % len(order)]
    rank = np.empty(len(often), dtype=np.int64)
    rank[often] = np.arange(len(often))
    return pd.DataFrame(
        {
            "concept": pd.Categorical.from_codes(
                rank[kept // len(order)], [known.names[place] for place in often], ordered=True
            ),
            "category": pd.Categorical.from_codes(kept % len(order), order, ordered=True),
            "images": images[kept],
            "runs": runs[kept],
            "labelled": whole,
            "share": images[kept] / whole,
            "reviewed": seen[kept] / images[kept],
        }
    )


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
