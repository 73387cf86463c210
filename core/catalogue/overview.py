"""A dataset's images as one table, and the biases that can be seen in it, as checks.

The contract: reading only; a check says what was looked at, what was found, and whether it deserves a look. It judges
the collection, never the people who made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.catalogue.database import Database
from core.catalogue.formats.report import several
from core.catalogue.schema import Annotation, Concept, Dataset, Image

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("depth_m", "altitude_m", "latitude", "longitude", "camera", "site", "group", "taken_at", "path")
MOST_OF = 0.5
FROM_ONE = 0.8
FEWEST = 5
SPIKE_METRES = 20.0


@dataclass(frozen=True)
class Check:
    """One question asked of a dataset.

    Attributes:
        calm: Nothing stands out; ``False`` deserves a look.
    """

    title: str
    calm: bool
    sentence: str


def image_table(database: Database, datasets: Sequence[int]) -> pd.DataFrame:
    """One row a usable image of these datasets: `COLUMNS`, ``image_id``, ``dataset``, ``labelled``, ``concepts``
    (sorted list), ``box_share`` (median share of the frame that a box covers, NaN without boxes)."""
    import pandas as pd

    with database.read() as session:
        notes: dict[int, set[str]] = {}
        areas: dict[int, list[float]] = {}
        for image_id, name, geometry in session.execute(
            select(Annotation.image_id, Concept.name, Annotation.geometry)
            .join(Concept, Concept.id == Annotation.concept_id)
            .join(Image, Image.id == Annotation.image_id)
            .where(Image.dataset_id.in_(datasets), Annotation.superseded_at.is_(None))
        ):
            notes.setdefault(image_id, set()).add(name)
            box = [geometry.get(side) for side in ("w", "h")] if geometry and geometry.get("type") == "box" else None
            box = geometry["box"][2:] if geometry and box is None and geometry.get("box") else box
            if box and all(isinstance(side, int | float) for side in box):
                areas.setdefault(image_id, []).append(float(box[0] * box[1]))
        rows = []
        for image, dataset in session.execute(
            select(Image, Dataset.name)
            .join(Dataset, Dataset.id == Image.dataset_id)
            .where(Image.dataset_id.in_(datasets), Image.status == "ok")
            .order_by(Image.id)
        ):
            frame = float((image.width or 0) * (image.height or 0))
            sizes = sorted(areas.get(image.id, []))
            share = sizes[len(sizes) // 2] / frame if sizes and frame else float("nan")
            said = {name: getattr(image, name) for name in COLUMNS}
            rows.append(
                {
                    "image_id": image.id,
                    "dataset": dataset,
                    **said,
                    "labelled": image.labelled,
                    "concepts": sorted(notes.get(image.id, ())),
                    "box_share": share,
                    "content_hash": image.content_hash,
                    "width": image.width,
                    "height": image.height,
                }
            )
    names = ["image_id", "dataset", *COLUMNS, "labelled", "concepts", "box_share", "content_hash", "width", "height"]
    table = pd.DataFrame(rows, columns=names)
    for name in ("depth_m", "altitude_m", "latitude", "longitude"):
        table[name] = pd.to_numeric(table[name])
    for name in ("camera", "site", "group"):
        table[name] = table[name].fillna("").astype("str")
    table["taken_at"] = pd.to_datetime(table["taken_at"], utc=True)
    return table


def concept_table(images: pd.DataFrame) -> pd.DataFrame:
    """One row a concept, the commonest first: ``concept, images, groups, from_one`` (share from its commonest group in
    [0, 1]), ``shallowest, deepest`` in metres."""
    import pandas as pd

    long = images.explode("concepts").dropna(subset=["concepts"])
    rows = []
    for name, part in long.groupby("concepts", sort=True):
        groups = part.loc[part["group"] != "", "group"].value_counts()
        rows.append(
            {
                "concept": str(name),
                "images": len(part),
                "groups": len(groups),
                "from_one": float(groups.iloc[0] / len(part)) if len(groups) else float("nan"),
                "shallowest": part["depth_m"].min(),
                "deepest": part["depth_m"].max(),
            }
        )
    columns = ["concept", "images", "groups", "from_one", "shallowest", "deepest"]
    return pd.DataFrame(rows, columns=columns).sort_values(["images", "concept"], ascending=[False, True])


def checks(images: pd.DataFrame) -> list[Check]:
    """Every question that this table can answer."""
    if images.empty:
        return []
    asked = (_sampling, _measurement, _temporal, _geographic, _attribution, _balance, _morphological)
    return [ask(images) for ask in asked]


def _share(number: int | float, whole: int) -> str:
    return f"{100 * number / max(1, whole):.0f} %"


def _sampling(images: pd.DataFrame) -> Check:
    groups = images.loc[images["group"] != "", "group"].value_counts()
    if groups.empty:
        return Check("Sampling", False, "no image names its dive or transect, so nothing says what is independent")
    share = groups.iloc[0] / len(images)
    sentence = f"{several(len(groups), 'group')}; the largest holds {_share(groups.iloc[0], len(images))} of the images"
    return Check("Sampling", bool(share <= MOST_OF and len(groups) > 1), sentence)


def _measurement(images: pd.DataFrame) -> Check:
    known = images.dropna(subset=["depth_m"])
    if known.empty:
        return Check("Measurement", True, "no depths are known, so none can be wrong")
    spikes = 0
    for _, part in known.sort_values(["taken_at", "path"]).groupby("group"):
        usual = part["depth_m"].rolling(5, center=True, min_periods=3).median()
        spikes += int(((part["depth_m"] - usual).abs() > SPIKE_METRES).sum())
    negative = int((known["depth_m"] < 0).sum())
    jumping = "no depth jumps" if not spikes else "1 depth jumps" if spikes == 1 else f"{spikes:,} depths jump"
    found = f"{jumping} by more than {SPIKE_METRES:.0f} m from those around {'it' if spikes < 2 else 'them'}"
    above = f"; {negative:,} lie above the surface" if negative else ""
    return Check("Measurement", spikes == 0 and negative == 0, found + above)


def _temporal(images: pd.DataFrame) -> Check:
    known = images["taken_at"].dropna()
    if known.empty:
        return Check("Time", False, "no image says when it was taken")
    days = known.dt.date.value_counts()
    share = days.iloc[0] / len(known)
    months = known.dt.month.nunique()
    sentence = f"{several(len(days), 'day')} in {several(months, 'month')} of the year"
    if len(days) > 1:
        sentence += f"; the busiest day holds {_share(days.iloc[0], len(known))}"
    return Check("Time", bool(share <= MOST_OF), sentence)


def _geographic(images: pd.DataFrame) -> Check:
    known = images.dropna(subset=["latitude", "longitude"])
    if known.empty:
        return Check("Place", False, "no image says where it was taken")
    cells = (known[["latitude", "longitude"]] * 100).round().value_counts()
    lacking = len(images) - len(known)
    sentence = f"{several(len(cells), 'place')} about a kilometre wide"
    if lacking:
        sentence += f"; {_share(lacking, len(images))} of the images have none"
    return Check("Place", bool(len(cells) > 1 and lacking <= len(images) / 10), sentence)


def _attribution(images: pd.DataFrame) -> Check:
    concepts = concept_table(images)
    common = concepts[concepts["images"] >= FEWEST]
    if common.empty:
        return Check("Concepts and groups", True, f"no concept is in {FEWEST} images or more")
    tied = common[common["from_one"] >= FROM_ONE]
    names = ", ".join(tied["concept"].head(5))
    sentence = (
        f"almost all from one group: {f'{len(tied):,}' if len(tied) else 'none'} of {several(len(common), 'concept')}"
    )
    return Check("Concepts and groups", tied.empty, f"{sentence} ({names})" if len(tied) else sentence)


def _balance(images: pd.DataFrame) -> Check:
    concepts = concept_table(images)
    if concepts.empty:
        return Check("Balance", True, "nothing is labelled")
    rare = int((concepts["images"] < FEWEST).sum())
    first = concepts.iloc[0]
    sentence = (
        f"{first['concept']} is in {_share(first['images'], len(images))} of the images; in fewer than {FEWEST}: "
        f"{f'{rare:,}' if rare else 'none'} of {several(len(concepts), 'concept')}"
    )
    return Check("Balance", rare <= len(concepts) / 2, sentence)


def _morphological(images: pd.DataFrame) -> Check:
    known = images.dropna(subset=["box_share", "depth_m"])
    if len(known) < 30 or known["depth_m"].nunique() < 3:
        return Check("Size by depth", True, "too few boxes with a depth to tell")
    ranks = known[["box_share", "depth_m"]].rank()
    rho = float(ranks["box_share"].corr(ranks["depth_m"]))
    way = "larger" if rho > 0 else "smaller"
    told = f"boxes are {way} with depth (rank correlation {rho:+.2f})" if abs(rho) > 0.3 else "box size does not follow"
    return Check("Size by depth", abs(rho) <= 0.3, told + ("" if abs(rho) > 0.3 else " depth"))
