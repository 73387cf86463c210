"""What pages say about a run, as small tables: pure functions of the run's table, no drawing.

The contract:
- counts are of images, and an image with several regions counts with its strangest one (`images`);
- images that lack what a summary needs (a depth, a time, a label) are counted and said, never dropped in silence;
- every result is small however large the run is, except `images` and `positions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dashboard import counting

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

COLUMNS = (
    *("row", "image_id", "dataset", "group", "site", "camera", "set", "concepts", "labelled"),
    *("depth_m", "latitude", "longitude", "taken_at", "ood_score", "flagged"),
)
"""What summaries read of `images`."""


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
    """One row an image: that of its strangest region, in the table's order, `counting.ready`.

    Args:
        table: A run's table, or what `counting.ready` made of one.
        mask: ``[N]`` bool, the regions to look at; all when not given.
    """
    frame = table if counting.is_ready(table) else counting.ready(table)
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


def is_labelled(frame: pd.DataFrame) -> np.ndarray:
    """``[N]`` bool: somebody said what is in it, or that nothing is."""
    return frame["labelled"].fillna(False).to_numpy(dtype=bool)


def headline(frame: pd.DataFrame, regions: int) -> Headline:
    """Counts and spans of `images`' result."""
    depth, time = frame["depth_m"].dropna(), frame["taken_at"].dropna()
    (dataset, datasets), (group, _) = counting.codes(frame, "dataset"), counting.codes(frame, "group")
    grouped = group >= 0
    reference, target, flagged = is_reference(frame), is_target(frame), is_flagged(frame)
    return Headline(
        images=len(frame),
        regions=regions,
        datasets=len(datasets),
        groups=int(counting.different_each(dataset[grouped] + 1, group[grouped], 1).sum()),
        concepts=int(np.count_nonzero(counting.concepts(frame).counts(counting.lists_of(frame)))),
        labelled=int(is_labelled(frame).sum()),
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


def coded(frame: pd.DataFrame, by: By) -> tuple[np.ndarray, list[str]]:
    """``[N]`` int32 place of each image's category, -1 where unknown; and the categories in their order."""
    if by == "depth":
        depth = frame["depth_m"].to_numpy(dtype=float)
        edges = band_edges(depth)
        names = band_names(edges)
        if not names:
            return np.full(len(depth), -1, dtype=np.int32), []
        places = np.searchsorted(edges, depth, side="right").astype(np.int32) - 1
        return np.where(np.isfinite(depth), np.minimum(places, len(names) - 1), -1), names
    if by == "day":
        days, which = _days(frame["taken_at"])
        return which, [str(day) for day in np.datetime_as_string(days)]
    return counting.codes(frame, by)


def _days(times: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The different days (UTC) in order, ``[D]`` datetime64, and ``[N]`` int32 which one each time lies on, or -1."""
    moments = times.to_numpy(dtype="datetime64[us]")
    known = ~np.isnat(moments)
    numbers = moments[known].astype("datetime64[D]").astype(np.int64)
    days = counting.different(numbers)
    which = np.full(len(moments), -1, dtype=np.int32)
    which[known] = np.searchsorted(days, numbers)
    return days.astype("datetime64[D]"), which


def categories(frame: pd.DataFrame, by: By) -> tuple[pd.Series, list[str]]:
    """Each image's category (missing where unknown), and the categories in their order."""
    import pandas as pd

    places, names = coded(frame, by)
    return pd.Series(pd.Categorical.from_codes(places, pd.Index(names, dtype=object)), index=frame.index), names


def comparable(frame: pd.DataFrame) -> tuple[By, ...]:
    """What images can be compared by here: where at least two categories are known."""
    return tuple(by for by in BY_NAMES if np.count_nonzero(np.bincount(coded(frame, by)[0] + 1)[1:]) > 1)


def lacking(frame: pd.DataFrame, by: By, labelled: bool = False) -> int:
    """Images that cannot be shown by something because they do not say it.

    Args:
        labelled: Count only labelled images.
    """
    unknown = coded(frame, by)[0] < 0
    return int((unknown & is_labelled(frame) if labelled else unknown).sum())


def concepts_by_set(frame: pd.DataFrame, most: int = 24) -> pd.DataFrame:
    """Labelled images of reference and target with each concept, the ``most`` frequent concepts first."""
    import pandas as pd

    known, lists = counting.concepts(frame), counting.lists_of(frame)
    order = _most_seen(known.counts(lists), most)
    counts = {
        kind: known.counts(lists[mask])[order]
        for kind, mask in (("reference", is_reference(frame)), ("target", is_target(frame)))
    }
    return pd.DataFrame({"concept": np.array(known.names, dtype=object)[order], **counts})


def _most_seen(counts: np.ndarray, most: int) -> np.ndarray:
    """Places of the largest counts, largest first, ties in their order; none of what is not there."""
    order = np.argsort(-counts, kind="stable")[:most]
    found: np.ndarray = order[counts[order] > 0]
    return found


def concept_profile(frame: pd.DataFrame, most: int = 16) -> pd.DataFrame:
    """How often each concept is seen at each depth: one row a concept and band.

    Returns:
        ``concept``, ``low`` and ``high`` (metres), ``images`` (labelled images of the band), ``seen`` (of these, with
        the concept), ``share`` in [0, 1]; concepts from shallow to deep by median depth, the ``most`` frequent ones.
    """
    import pandas as pd

    depth = frame["depth_m"].to_numpy(dtype=float)
    labelled = np.isfinite(depth) & is_labelled(frame)
    depth, lists, known = depth[labelled], counting.lists_of(frame)[labelled], counting.concepts(frame)
    edges = band_edges(depth, 16)
    columns = ["concept", "low", "high", "images", "seen", "share"]
    if len(edges) < 2:
        return pd.DataFrame(columns=columns)
    bins = np.searchsorted(edges, depth, side="right") - 1
    totals = np.bincount(bins, minlength=len(edges) - 1)
    found = []
    for place in _most_seen(known.counts(lists), most):
        shown = known.showing(place)[lists]
        seen = np.bincount(bins[shown], minlength=len(edges) - 1)
        with np.errstate(invalid="ignore"):
            part = {"low": edges[:-1], "high": edges[1:], "images": totals, "seen": seen, "share": seen / totals}
        found.append((float(np.median(depth[shown])), known.names[place], part))
    if not found:
        return pd.DataFrame(columns=columns)
    found.sort(key=lambda item: item[:2])  # medians first, ties by name
    return pd.concat([pd.DataFrame({"concept": name, **part}) for _, name, part in found], ignore_index=True)


def labels_per_image(frame: pd.DataFrame, most: int = 6) -> pd.DataFrame:
    """How many concepts images carry: ``concepts`` (``0`` … ``6+``, ``unlabelled``) and ``images``."""
    import pandas as pd

    labelled = is_labelled(frame)
    counts = np.bincount(np.minimum(counting.lengths(frame)[labelled], most), minlength=most + 1)
    names = [*(str(i) for i in range(most)), f"{most}+"]
    last = max((i for i, number in enumerate(counts) if number), default=0)
    rows = [(name, int(number)) for name, number in list(zip(names, counts, strict=True))[: last + 1]]
    unlabelled = int((~labelled).sum())
    return pd.DataFrame([*rows, *([("unlabelled", unlabelled)] if unlabelled else [])], columns=["concepts", "images"])


def over_time(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Images by ``start`` of a period and ``set``, and the period's name: day, week, month or year."""
    import pandas as pd

    days, which = _days(frame["taken_at"])
    if not len(days):
        return pd.DataFrame(columns=["start", "set", "images"]), "day"
    span = int((frame["taken_at"].max() - frame["taken_at"].min()).days)
    period, name = (("D", "day"), ("W", "week"), ("M", "month"), ("Y", "year"))[
        (span > 120) + (span > 800) + (span > 5000)
    ]
    starts, place = np.unique(pd.DatetimeIndex(days).to_period(period).start_time.to_numpy(), return_inverse=True)
    kinds = ("neither", "reference", "target")
    kind = np.where(is_reference(frame), 1, np.where(is_target(frame), 2, 0))
    known = which >= 0
    counts = np.bincount(place[which[known]] * len(kinds) + kind[known], minlength=len(starts) * len(kinds))
    kept = np.flatnonzero(counts)
    table = {"start": starts[kept // len(kinds)], "set": np.array(kinds, dtype=object)[kept % len(kinds)]}
    return pd.DataFrame({**table, "images": counts[kept]}), name


def by_depth(frame: pd.DataFrame) -> pd.DataFrame:
    """Images of the reference and the target, and flagged ones of the target, a depth band."""
    import pandas as pd

    places, order = coded(frame, "depth")
    kinds = {
        "reference": is_reference(frame),
        "target": is_target(frame),
        "flagged": is_flagged(frame) & is_target(frame),
    }
    rows = {kind: np.bincount(places[mask] + 1, minlength=len(order) + 1)[1:] for kind, mask in kinds.items()}
    return pd.DataFrame({"band": order, **rows})


def positions(frame: pd.DataFrame) -> pd.DataFrame:
    """Images with a position: latitude, longitude, set, flagged, depth, row."""
    known = frame[frame["latitude"].notna() & frame["longitude"].notna()]
    return known[["latitude", "longitude", "depth_m", "set", "flagged", "group", "row"]]
