"""The ground truth of the demonstration collection: what is visible where, as COCO and as tables.

The contract:
- truth is what a person could see: pixels that nothing covers, in the picture, at least `LEAST_PIXELS` of them;
- boxes are tight around the visible pixels, ``[x, y, width, height]``; masks are COCO's uncompressed RLE (columns
  first, starting with the count of zeros);
- labels of a frame are the concepts of its boxes, nothing else.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.demo.concepts import BY_NAME, CONCEPTS, NEW
from core.demo.world import LATER_CAMERA

LEAST_PIXELS = 140
"""Fewest visible pixels of a labelled animal in a picture of 960 x 540; other sizes in proportion."""

PARENTS = tuple(dict.fromkeys(concept.parent for concept in CONCEPTS))
LABEL_COLUMNS = (
    "filename", "dive", "site", "camera", "taken_at", "latitude", "longitude", "depth_m", "altitude_m", "labels",
)  # fmt: skip


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A ``[H, W]`` mask as COCO's uncompressed RLE."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    counts = np.diff(bounds).tolist()
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {"size": list(mask.shape), "counts": counts}


def decode(segmentation: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The inverse of `encode`, ``[H, W]``."""
    height, width = segmentation["size"]
    counts = np.asarray(segmentation["counts"], dtype=np.int64)
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")


def visible(owner: NDArray[np.uint8], names: Sequence[str | None]) -> list[dict[str, Any]]:
    """Annotations of a frame from its owner map (`core.demo.frame.Exposure`); `names` by thing, None for stones."""
    height, width = owner.shape
    least = LEAST_PIXELS * height * width / (960 * 540)
    counts = np.bincount(owner.ravel(), minlength=len(names) + 1)
    found = []
    for index, name in enumerate(names):
        if name is None or counts[index + 1] < least:
            continue
        mask = owner == index + 1
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        x, y = int(columns[0]), int(rows[0])
        found.append(
            {
                "concept": name,
                "individual": index,
                "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
                "area": int(counts[index + 1]),
                "segmentation": encode(mask),
            }
        )
    return found


def coco(records: Iterable[Mapping[str, Any]], size: tuple[int, int], seed: int) -> dict[str, Any]:
    """All frames' records (as `core.demo.collection` keeps them) as one COCO object."""
    ids = {concept.name: number for number, concept in enumerate(CONCEPTS, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in enumerate(records, start=1):
        row = record["row"]
        extras = {key: row[key] for key in LABEL_COLUMNS if key not in ("filename", "labels")}
        image = {
            "id": number,
            "file_name": row["filename"],
            "width": size[0],
            "height": size[1],
            "date_captured": row["taken_at"],
        }
        images.append(image | extras | {"new_to_reference": is_new(record), "later_camera": is_later(record)})
        for found in record["animals"]:
            mark = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[found["concept"]], "iscrowd": 0}
            annotations.append(mark | {key: value for key, value in found.items() if key != "concept"})
    categories = [
        {"id": ids[c.name], "name": c.name, "supercategory": c.parent, "new_to_reference": c.deep_only}
        for c in CONCEPTS
    ]
    info = {
        "description": "Rendered demonstration collection of Benthoscope; nothing in it is a photograph",
        "seed": seed,
    }
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def is_new(record: Mapping[str, Any]) -> bool:
    """Whether a frame holds an animal that a reference shallower than 800 m lacks."""
    return any(found["concept"] in NEW for found in record["animals"])


def is_later(record: Mapping[str, Any]) -> bool:
    """Whether the later camera took a frame."""
    return bool(record["row"]["camera"] == LATER_CAMERA)


def labels_of(animals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Concepts of a frame's annotations, each once, in table order."""
    present = {found["concept"] for found in animals}
    return [name for name in BY_NAME if name in present]


def write_tables(root: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write ``labels.csv``, ``concepts.csv`` and ``truth.csv``."""
    _write_csv(
        root / "labels.csv", LABEL_COLUMNS, ([record["row"][key] for key in LABEL_COLUMNS] for record in records)
    )
    concepts = ([number, concept.name, concept.parent] for number, concept in enumerate(CONCEPTS, start=1))
    _write_csv(root / "concepts.csv", ("id", "name", "supercat"), concepts)
    truths = ([r["row"]["filename"], str(is_new(r)).lower(), str(is_later(r)).lower()] for r in records)
    _write_csv(root / "truth.csv", ("filename", "new_to_reference", "later_camera"), truths)


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is there whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    draft.replace(path)
