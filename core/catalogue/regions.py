"""Regions of datasets: made where a scheme needs them, and read as one table.

The contract:
- asking twice gives the same regions with the same ids, in the order of their ids;
- only usable images have regions; boxes come from annotations that are not superseded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.catalogue.database import Database
from core.catalogue.schema import Annotation, Concept, Dataset, Image, Region, new_uid
from core.errors import WorkspaceError
from core.settings import RegionSettings

if TYPE_CHECKING:
    import pandas as pd

Box = tuple[int, int, int, int]

_METADATA = ("taken_at", "latitude", "longitude", "depth_m", "altitude_m", "camera", "site", "group", "labelled")
_IMAGE_COLUMNS = ("id", "path", "content_hash", "width", "height", *_METADATA, "statistics", "extra")
_ORDER = (
    *("region_id", "image_id", "dataset", "path", "region", "box_x", "box_y", "box_w", "box_h"),
    *("width", "height", "content_hash", *_METADATA, "concepts"),
)


@dataclass(frozen=True)
class _Marked:
    """One annotation, as far as regions care: its concept and its box in pixels, if it has one."""

    concept: str
    box: tuple[float, float, float, float] | None


def dataset_ids(database: Database, names: Sequence[str]) -> list[int]:
    """Ids of datasets by name, in the order given.

    Raises:
        WorkspaceError: a name is unknown; the sentence lists those there are.
    """
    with database.read() as session:
        found = {
            row.name: row.id
            for row in session.execute(select(Dataset.name, Dataset.id).where(Dataset.archived_at.is_(None)))
        }
    for name in names:
        if name not in found:
            known = ", ".join(sorted(found)) or "none yet; import one first"
            raise WorkspaceError(f"there is no dataset {name!r} in this workspace; datasets are: {known}")
    return [found[name] for name in names]


def scheme_of(settings: RegionSettings) -> str:
    """The name under which a scheme's regions are kept; other settings have other regions."""
    return f"{settings}/{settings.overlap:g}" if settings.kind == "tiles" else str(settings)


def tiles(width: int, height: int, settings: RegionSettings) -> list[Box]:
    """Overlapping tiles that cover an image, row by row, as ``(x, y, w, h)`` in whole pixels.

    Neighbouring tiles share ``overlap`` of a tile's side; the outer edges lie on the image's. An image smaller than its
    grid gives fewer tiles.
    """

    def spans(length: int, count: int) -> list[tuple[int, int]]:
        count = min(count, length)
        size = length / (count - (count - 1) * settings.overlap)
        starts = [index * size * (1 - settings.overlap) for index in range(count)]
        return [(round(start), min(length, round(start + size)) - round(start)) for start in starts]

    across = spans(width, settings.columns)
    return [(x, y, w, h) for y, h in spans(height, settings.rows) for x, w in across]


def ensure_regions(database: Database, datasets: Sequence[int], settings: RegionSettings) -> None:
    """Make the regions of a scheme for every usable image that lacks them."""
    scheme = scheme_of(settings)
    with database.write() as session:
        have: dict[int, set[str]] = defaultdict(set)
        for image_id, box in session.execute(
            select(Region.image_id, Region.box)
            .join(Image, Image.id == Region.image_id)
            .where(Region.scheme == scheme, Image.dataset_id.in_(datasets))
        ):
            have[image_id].add(box)
        marked = _marked(session, datasets) if settings.kind == "boxes" else {}
        new = []
        for image_id, width, height in session.execute(
            select(Image.id, Image.width, Image.height)
            .where(Image.dataset_id.in_(datasets), Image.status == "ok")
            .order_by(Image.id)
        ):
            for box in _boxes(settings, width, height, marked.get(image_id, ())):
                if box not in have[image_id]:
                    have[image_id].add(box)
                    new.append({"uid": new_uid(), "image_id": image_id, "scheme": scheme, "box": box})
        if new:
            session.execute(insert(Region), new)


def _boxes(settings: RegionSettings, width: int | None, height: int | None, marked: Iterable[_Marked]) -> list[str]:
    if settings.kind == "image":
        return [""]
    if width is None or height is None:
        return []
    if settings.kind == "tiles":
        return [box_text(box) for box in tiles(width, height, settings)]
    whole = [clipped(mark.box, width, height) for mark in marked if mark.box]
    return [box_text(box) for box in sorted({box for box in whole if box})]


def clipped(box: Sequence[float], width: int, height: int) -> Box | None:
    """A box rounded outwards to whole pixels and cut to the image; ``None`` when nothing of it is inside."""
    x, y, w, h = box
    left, top = max(0, int(np.floor(x))), max(0, int(np.floor(y)))
    right, bottom = min(width, int(np.ceil(x + w))), min(height, int(np.ceil(y + h)))
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def box_text(box: Box) -> str:
    """``x,y,w,h``."""
    return ",".join(str(value) for value in box)


def box_of(text: str) -> Box | None:
    """The inverse of `box_text`; ``None`` for the whole image."""
    if not text:
        return None
    x, y, w, h = (int(value) for value in text.split(","))
    return x, y, w, h


def _marked(session: Session, datasets: Sequence[int]) -> dict[int, list[_Marked]]:
    result: dict[int, list[_Marked]] = defaultdict(list)
    for image_id, name, geometry in session.execute(
        select(Annotation.image_id, Concept.name, Annotation.geometry)
        .join(Concept, Concept.id == Annotation.concept_id)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.dataset_id.in_(datasets), Annotation.superseded_at.is_(None), Annotation.source != "model")
        .order_by(Annotation.id)
    ):
        result[image_id].append(_Marked(name, geometry_box(geometry)))
    return result


def geometry_box(geometry: dict[str, Any] | None) -> tuple[float, float, float, float] | None:
    """The upright box around an annotation's geometry in pixels, ``(x, y, w, h)``; ``None`` for a whole image."""
    if not geometry:
        return None
    if geometry["type"] == "box":
        return geometry["x"], geometry["y"], geometry["w"], geometry["h"]
    if "box" in geometry:
        x, y, w, h = geometry["box"]
        return x, y, w, h
    if geometry["type"] == "polygon":
        corners = np.asarray(geometry["points"], dtype=float).reshape(-1, 2)
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        return float(left), float(top), float(right - left), float(bottom - top)
    return None


def region_table(database: Database, datasets: Sequence[int], settings: RegionSettings) -> pd.DataFrame:
    """All regions of a scheme in the given datasets, with what the catalogue knows of them.

    Returns:
        One row a region in the order of ids; the columns of `core.runs.TABLE_COLUMNS` up to ``concepts``, then image
        statistics, then the source's other columns as ``extra.NAME``.
    """
    import pandas as pd

    columns = [getattr(Image, name) for name in _IMAGE_COLUMNS]
    with database.read() as session:
        names = {row.id: row.name for row in session.execute(select(Dataset.id, Dataset.name))}
        rows = session.execute(
            select(Region.id, Region.box, Image.dataset_id, *columns)
            .join(Image, Image.id == Region.image_id)
            .where(Image.dataset_id.in_(datasets), Image.status == "ok", Region.scheme == scheme_of(settings))
            .order_by(Region.id)
        ).all()
        marked = _marked(session, datasets)
    frame = pd.DataFrame(rows, columns=["region_id", "region", "dataset", "image_id", *_IMAGE_COLUMNS[1:]])
    boxes = [box_of(text) for text in frame["region"]]
    corners = np.array([box or (np.nan,) * 4 for box in boxes], dtype=float).reshape(-1, 4)
    for index, name in enumerate(("box_x", "box_y", "box_w", "box_h")):
        frame[name] = corners[:, index]
    frame["dataset"] = frame["dataset"].map(names).astype("str")
    frame["region"] = frame["region"].mask(frame["region"] == "", "image").astype("str")
    frame["group"] = frame["group"].fillna("").astype("str")
    for name in ("path", "content_hash", "camera", "site"):
        frame[name] = frame[name].astype("str")
    for name in ("latitude", "longitude", "depth_m", "altitude_m"):
        frame[name] = frame[name].astype("float64")
    frame["taken_at"] = pd.to_datetime(frame["taken_at"], utc=True).astype("datetime64[us, UTC]")
    frame["concepts"] = [
        sorted({mark.concept for mark in marked.get(image_id, ()) if _belongs(mark.box, box)})
        for image_id, box in zip(frame["image_id"], boxes, strict=True)
    ]
    statistics, extra = list(frame.pop("statistics")), list(frame.pop("extra"))
    return pd.concat([frame[list(_ORDER)], _spread(statistics, ""), _spread(extra, "extra.")], axis=1)


def _belongs(mark: tuple[float, float, float, float] | None, box: Box | None) -> bool:
    """A statement about the whole image holds for each of its regions; a box for regions that hold a quarter of it."""
    if mark is None or box is None:
        return True
    overlap_w = min(mark[0] + mark[2], box[0] + box[2]) - max(mark[0], box[0])
    overlap_h = min(mark[1] + mark[3], box[1] + box[3]) - max(mark[1], box[1])
    return overlap_w > 0 and overlap_h > 0 and overlap_w * overlap_h >= 0.25 * mark[2] * mark[3]


def _spread(values: Sequence[dict[str, Any]], prefix: str) -> pd.DataFrame:
    """Dictionaries as columns: numbers where all are numbers, text otherwise."""
    import pandas as pd

    names = sorted({name for row in values for name in row})
    columns: dict[str, Any] = {}
    for name in names:
        column = [row.get(name) for row in values]
        numeric = all(item is None or (isinstance(item, int | float) and not isinstance(item, bool)) for item in column)
        if numeric:
            columns[prefix + name] = pd.Series(column, dtype="float64")
        else:
            columns[prefix + name] = pd.Series([None if item is None else str(item) for item in column], dtype="str")
    return pd.DataFrame(columns, index=range(len(values)))


def concept_names(database: Database, datasets: Sequence[str]) -> list[str]:
    """Every concept in the label sets of these datasets, by name, sorted."""
    with database.read() as session:
        sets = select(Dataset.label_set_id).where(Dataset.name.in_(datasets))
        return sorted(set(session.scalars(select(Concept.name).where(Concept.label_set_id.in_(sets)))))


def concept_descendants(database: Database, datasets: Sequence[int]) -> dict[str, list[str]]:
    """For every concept with children in the datasets' label sets: the names of all concepts below it, sorted."""
    with database.read() as session:
        label_sets = select(Dataset.label_set_id).where(Dataset.id.in_(datasets))
        rows = session.execute(
            select(Concept.id, Concept.parent_id, Concept.name).where(Concept.label_set_id.in_(label_sets))
        ).all()
    names = {row.id: row.name for row in rows}
    below: dict[str, set[str]] = defaultdict(set)
    parents = {row.id: row.parent_id for row in rows}
    for child, name in names.items():
        seen = {child}
        ancestor = parents[child]
        while ancestor is not None and ancestor in names and ancestor not in seen:
            seen.add(ancestor)
            below[names[ancestor]].add(name)
            ancestor = parents[ancestor]
    return {name: sorted(children) for name, children in below.items()}
