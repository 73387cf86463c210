"""What pages say about a run, as small tables: pure functions of the run's table, no drawing.

The contract:
- counts are of images, and an image with several regions counts with its strangest one (`images`);
- images that lack what a summary needs (a depth, a time, a label) are counted and said, never dropped in silence;
- every result is small however large the run is, except `images` and `positions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dashboard.indexing import natural

if TYPE_CHECKING:
    import pandas as pd

By = Literal["depth", "group", "day", "site", "camera"]

BY_NAMES: dict[By, str] = {
    "depth": "depth band",
    "group": "group (dive)",
    "day": "day",
    "site": "site",
    "camera": "camera",
}


@dataclass(frozen=True)
class Headline:
    """The numbers that open the first page; ``None`` where the source says nothing."""

    images: int
    regions: int
    datasets: int
    groups: int
    concepts: int
    labelled: int
    depth: tuple[float, float] | None
    time: tuple[Any, Any] | None
    reference: int
    target: int
    flagged: int
    flagged_reference: int


def images(table: pd.DataFrame, mask: np.ndarray | None = None) -> pd.DataFrame:
    """One row an image: that of its strangest region, in the table's order, with ``row``, its row in the run.

    Args:
        mask: ``[N]`` bool, the regions to look at; all when not given.
    """
    frame = table.assign(row=np.arange(len(table)))
    if mask is not None:
        frame = frame[mask]
    if frame["image_id"].is_unique:
        return frame
    strangest = frame.sort_values(["image_id", "ood_score"], ascending=[True, False], kind="stable")
    return strangest.drop_duplicates("image_id").sort_values("row", kind="stable")


def is_reference(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` bool: belongs to the reference, perhaps to the target as well."""
    return frame["set"].isin(["reference", "both"]).to_numpy()


def is_target(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` bool: belongs to the target, perhaps to the reference as well."""
    return frame["set"].isin(["target", "both"]).to_numpy()


def is_flagged(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` bool; a region that was not judged is not flagged."""
    return frame["flagged"].fillna(False).to_numpy(dtype=bool)


def headline(frame: pd.DataFrame, regions: int) -> Headline:
    """Counts and spans of `images`' result."""
    depth, time = frame["depth_m"].dropna(), frame["taken_at"].dropna()
    grouped = frame.loc[frame["group"].fillna("") != "", ["dataset", "group"]].drop_duplicates()
    reference, target, flagged = is_reference(frame), is_target(frame), is_flagged(frame)
    return Headline(
        images=len(frame),
        regions=regions,
        datasets=int(frame["dataset"].nunique()),
        groups=len(grouped),
        concepts=int(exploded(frame)["concept"].nunique()),
        labelled=int(frame["labelled"].fillna(False).sum()),
        depth=(float(depth.min()), float(depth.max())) if len(depth) else None,
        time=(time.min(), time.max()) if len(time) else None,
        reference=int(reference.sum()),
        target=int(target.sum()),
        flagged=int((flagged & target).sum()),
        flagged_reference=int((flagged & reference).sum()),
    )


def strangest(frame: pd.DataFrame, within: str = "target", familiar: bool = False, once: bool = False) -> np.ndarray:
    """Rows of the run by score, strangest first (or most familiar first); ties by row; unscored left out.

    Args:
        within: ``target`` or ``reference``.
        once: At most one a group; images without a group stand alone.
    """
    frame = frame[is_target(frame) if within == "target" else is_reference(frame)]
    scored = frame[frame["ood_score"].notna()].sort_values(
        ["ood_score", "row"], ascending=[familiar, True], kind="stable"
    )
    if once:
        lone = scored["group"].isna() | (scored["group"] == "")
        scored = scored[lone | ~scored["group"].duplicated()]
    rows: np.ndarray = scored["row"].to_numpy()
    return rows


def band_edges(values: np.ndarray, most: int = 14) -> np.ndarray:
    """Round edges of equal bands that cover all values, at most ``most`` bands; empty without values."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.empty(0)
    low, high = float(values.min()), float(values.max())
    for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000):
        first, last = low // step, high // step + 1  # dividing first would round a tiny depth below zero up to it
        if last - first <= most:
            return np.arange(first, last + 1) * float(step)
    return np.linspace(low, high, most + 1)


def band_names(edges: np.ndarray) -> list[str]:
    """``0–100 m`` and so on; a band holds its lower edge."""
    return [f"{low:,.0f}–{high:,.0f} m" for low, high in pairwise(edges)]


def categories(frame: pd.DataFrame, by: By) -> tuple[pd.Series, list[str]]:
    """Each image's category as text (missing where unknown), and the categories in their order."""
    import pandas as pd

    if by == "depth":
        depth = frame["depth_m"].to_numpy(dtype=float)
        edges = band_edges(depth)
        names = band_names(edges)
        chosen = np.full(len(depth), None, dtype=object)
        known = np.isfinite(depth)
        if names:
            place = np.searchsorted(edges, depth[known], side="right") - 1
            chosen[known] = np.array(names, dtype=object)[np.minimum(place, len(names) - 1)]
        return pd.Series(chosen, index=frame.index, dtype=object), names
    if by == "day":
        days = (
            frame["taken_at"].dt.strftime("%Y-%m-%d")
            if frame["taken_at"].notna().any()
            else frame["group"].map(lambda _: None)
        )
        return days.astype(object), sorted(days.dropna().unique())
    column = frame[by].astype(object).replace("", None)
    return column, sorted(column.dropna().unique(), key=natural)


def comparable(frame: pd.DataFrame) -> tuple[By, ...]:
    """What images can be compared by here: where at least two categories are known."""
    return tuple(by for by in BY_NAMES if categories(frame, by)[0].nunique() > 1)


def lacking(frame: pd.DataFrame, by: By, labelled: bool = False) -> int:
    """Images that cannot be shown by something because they do not say it.

    Args:
        labelled: Count only labelled images.
    """
    names = categories(frame, by)[0]
    counted = frame["labelled"].fillna(False).to_numpy(dtype=bool) if labelled else np.ones(len(frame), dtype=bool)
    return int((names.isna().to_numpy() & counted).sum())


def exploded(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a concept of an image: ``concept``, and the image's index."""
    import pandas as pd

    sizes = _sizes(frame)
    named = frame["concepts"].to_numpy()[sizes > 0]
    names = pd.Series(list(chain.from_iterable(named)), dtype=object).to_numpy()
    return pd.DataFrame({"concept": names}, index=frame.index.repeat(sizes))


def _sizes(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` how many concepts each image carries."""
    lists = frame["concepts"].to_numpy()
    return np.fromiter((len(item) if hasattr(item, "__len__") else 0 for item in lists), dtype=int, count=len(lists))


def concept_counts(frame: pd.DataFrame) -> pd.Series:
    """Images a concept, most frequent first, ties by name."""
    counts = exploded(frame).groupby("concept").size()
    return counts.sort_index().sort_values(ascending=False, kind="stable")


def concepts_by_set(frame: pd.DataFrame, most: int = 24) -> pd.DataFrame:
    """Labelled images of reference and target with each concept, the ``most`` frequent concepts first."""
    import pandas as pd

    order = concept_counts(frame).index[:most]
    counts = {
        kind: exploded(frame[mask]).groupby("concept").size().reindex(order, fill_value=0)
        for kind, mask in (("reference", is_reference(frame)), ("target", is_target(frame)))
    }
    return pd.DataFrame(counts).rename_axis("concept").reset_index()


def concept_profile(frame: pd.DataFrame, most: int = 16) -> pd.DataFrame:
    """How often each concept is seen at each depth: one row a concept and band.

    Returns:
        ``concept``, ``low`` and ``high`` (metres), ``images`` (labelled images of the band), ``seen`` (of these, with
        the concept), ``share`` in [0, 1]; concepts from shallow to deep by median depth, the ``most`` frequent ones.
    """
    import pandas as pd

    known = frame[frame["depth_m"].notna() & frame["labelled"].fillna(False)]
    edges = band_edges(known["depth_m"].to_numpy(dtype=float), 16)
    columns = ["concept", "low", "high", "images", "seen", "share"]
    if len(edges) < 2:
        return pd.DataFrame(columns=columns)
    bins = np.searchsorted(edges, known["depth_m"].to_numpy(dtype=float), side="right") - 1
    totals = np.bincount(bins, minlength=len(edges) - 1)
    seen_at = exploded(known).join(known["depth_m"])
    kept = seen_at[seen_at["concept"].isin(concept_counts(known).index[:most])]
    order = kept.groupby("concept")["depth_m"].median().sort_values(kind="stable").index
    rows = []
    for concept in order:
        depth = kept.loc[kept["concept"] == concept, "depth_m"].to_numpy(dtype=float)
        seen = np.bincount(np.searchsorted(edges, depth, side="right") - 1, minlength=len(edges) - 1)
        for low, high, total, number in zip(edges[:-1], edges[1:], totals, seen, strict=True):
            rows.append((concept, low, high, int(total), int(number), number / total if total else np.nan))
    return pd.DataFrame(rows, columns=columns)


def labels_per_image(frame: pd.DataFrame, most: int = 6) -> pd.DataFrame:
    """How many concepts images carry: ``concepts`` (``0`` … ``6+``, ``unlabelled``) and ``images``."""
    import pandas as pd

    labelled = frame["labelled"].fillna(False).to_numpy(dtype=bool)
    counts = np.bincount(np.minimum(_sizes(frame)[labelled], most), minlength=most + 1)
    names = [*(str(i) for i in range(most)), f"{most}+"]
    last = max((i for i, number in enumerate(counts) if number), default=0)
    rows = [(name, int(number)) for name, number in list(zip(names, counts, strict=True))[: last + 1]]
    unlabelled = int((~labelled).sum())
    return pd.DataFrame([*rows, *([("unlabelled", unlabelled)] if unlabelled else [])], columns=["concepts", "images"])


def over_time(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Images by ``start`` of a period and ``set``, and the period's name: day, week, month or year."""
    import pandas as pd

    known = frame[frame["taken_at"].notna()]
    if known.empty:
        return pd.DataFrame(columns=["start", "set", "images"]), "day"
    times = known["taken_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    span = (times.max() - times.min()).days
    period, name = (("D", "day"), ("W", "week"), ("M", "month"), ("Y", "year"))[
        (span > 120) + (span > 800) + (span > 5000)
    ]
    start = times.dt.to_period(period).dt.start_time
    kind = np.where(is_reference(known), "reference", np.where(is_target(known), "target", "neither"))
    counts = pd.DataFrame({"start": start, "set": kind}).groupby(["start", "set"]).size()
    return counts.rename("images").reset_index(), name


def by_depth(frame: pd.DataFrame) -> pd.DataFrame:
    """Images of the reference and the target, and flagged ones of the target, a depth band."""
    import pandas as pd

    names, order = categories(frame, "depth")
    kinds = {
        "reference": is_reference(frame),
        "target": is_target(frame),
        "flagged": is_flagged(frame) & is_target(frame),
    }
    rows = {
        kind: names[mask].value_counts().reindex(order, fill_value=0).to_numpy(dtype=int)
        for kind, mask in kinds.items()
    }
    return pd.DataFrame({"band": order, **rows})


def positions(frame: pd.DataFrame) -> pd.DataFrame:
    """Images with a position: latitude, longitude, set, flagged, depth, row."""
    known = frame[frame["latitude"].notna() & frame["longitude"].notna()]
    return known[["latitude", "longitude", "depth_m", "set", "flagged", "group", "row"]]
