"""Exports that are one document: COCO, FathomNet JSON, iFDO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.publish.bundle import Bundle, Shown, Statement, decision_json, utc

_SIDES = ("x", "y", "width", "height")


def coco(bundle: Bundle) -> bytes:
    """COCO JSON. A label of the whole image has no ``bbox``; decisions and provenance stand beside what COCO knows."""
    concepts = {name: at for at, name in enumerate(bundle.concepts, start=1)}
    parents = {one.concept: one.parent for _, one in bundle.said() if one.parent}
    annotations = [_coco_annotation(at, image, one, concepts) for at, (image, one) in enumerate(bundle.said(), start=1)]
    document = {
        "info": {"description": "exported regions, labels and decisions", "benthoscope": dict(bundle.provenance)},
        "images": [
            {"id": image.id, "file_name": image.path, "width": image.width, "height": image.height}
            | _about(image)
            | ({"decisions": _decisions(image, bundle)} if image.decisions else {})
            for image in bundle.images
        ],
        "annotations": annotations,
        "categories": [
            {"id": at, "name": name} | ({"supercategory": parents[name]} if name in parents else {})
            for name, at in concepts.items()
        ],
    }
    return as_json(document)


def _coco_annotation(at: int, image: Shown, one: Statement, concepts: Mapping[str, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": at, "image_id": image.id, "category_id": concepts[one.concept], "iscrowd": 0}
    if one.box is not None:
        entry |= {"bbox": [plain(side) for side in one.box], "area": plain(one.box[2] * one.box[3])}
    shape = dict(one.geometry or {})
    outlines = {"polygon": [shape.get("points")], "multipolygon": shape.get("parts")}.get(shape.get("type", ""))
    if outlines:
        entry["segmentation"] = [[plain(value) for point in part for value in point] for part in outlines if part]
    elif shape.get("type") == "rle":
        entry["segmentation"] = {"counts": shape["counts"], "size": shape["size"]}
    return entry | _who(one) | ({} if one.score is None else {"score": one.score})


def fathomnet(bundle: Bundle) -> bytes:
    """Images as FathomNet's interface gives them; labels without a place become boxes of the whole picture."""
    images = []
    for image in bundle.images:
        boxes = []
        for one in image.statements:
            x, y, w, h = one.box or (0, 0, image.width, image.height)
            boxes.append(
                {"concept": one.concept, "observer": one.actor, "reviewState": _state(one)}
                | dict(zip(_SIDES, (plain(side) for side in (x, y, w, h)), strict=True))
                | ({} if one.score is None else {"confidence": one.score})
                | ({"wholeImage": True} if one.box is None else {})
            )
        images.append(
            {
                "uuid": image.uid,
                "url": image.path,
                "file": image.path,
                "width": image.width,
                "height": image.height,
                "timestamp": utc(image.taken_at),
                "latitude": image.latitude,
                "longitude": image.longitude,
                "depthMeters": image.depth_m,
                "altitude": image.altitude_m,
            }
            | ({"boundingBoxes": boxes} if boxes or image.labelled else {})
        )
    return as_json(images)


def ifdo(bundle: Bundle) -> bytes:
    """iFDO 2.1 as YAML: labels of the whole image as such, boxes as rectangles, people and models as creators."""
    import yaml

    labels = {name: f"label-{at}" for at, name in enumerate(bundle.concepts, start=1)}
    people = {_author(one): f"creator-{at}" for at, one in enumerate(_authors(bundle), start=1)}
    kinds = {_author(one): _creator_kind(one) for one in _authors(bundle)}
    program = bundle.provenance["program"]
    document = {
        "image-set-header": {
            "image-set-name": f"{bundle.provenance['run_name']} (run {bundle.provenance['run']})",
            "image-set-uuid": bundle.provenance["run_uid"],
            "image-set-handle": "",
            "image-set-ifdo-version": "v2.1.0",
            "image-abstract": f"Exported by {program} from run {bundle.provenance['run_uid']}.",
            "image-coordinate-reference-system": "EPSG:4326",
            "image-annotation-labels": [{"id": labels[name], "name": name, "info": name} for name in labels],
            "image-annotation-creators": [{"id": people[who], "name": who, "type": kinds[who]} for who in people],
            "benthoscope-provenance": dict(bundle.provenance),
        },
        "image-set-items": {image.path: _ifdo_item(image, bundle, labels, people) for image in bundle.images},
    }
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120, default_flow_style=None)
    return str(text).encode("utf-8")


def _ifdo_item(image: Shown, bundle: Bundle, labels: Mapping[str, str], people: Mapping[str, str]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "image-uuid": image.uid,
        "image-datetime": None if image.taken_at is None else f"{image.taken_at:%Y-%m-%d %H:%M:%S.%f}",
        "image-latitude": image.latitude,
        "image-longitude": image.longitude,
        "image-altitude-meters": None if image.depth_m is None else -image.depth_m,
        "image-meters-above-ground": image.altitude_m,
        "image-camera": image.camera,
        "image-station": image.site,
        "image-event": image.group,
    }
    item = {name: value for name, value in item.items() if value is not None}
    if image.statements or image.labelled:
        item["image-annotations"] = [_ifdo_annotation(one, labels, people) for one in image.statements]
    if image.decisions:
        item["benthoscope-decisions"] = _decisions(image, bundle)
    return item


def _ifdo_annotation(one: Statement, labels: Mapping[str, str], people: Mapping[str, str]) -> dict[str, Any]:
    label = {
        "id": labels[one.concept],
        "annotator": people[_author(one)],
        "created-at": f"{one.created_at:%Y-%m-%d %H:%M:%S.%f}",
    } | ({} if one.score is None else {"confidence": one.score})
    shape = dict(one.geometry or {})
    if shape.get("type") == "polygon":
        corners = [plain(value) for point in shape["points"] for value in point]
        return {"shape": "polygon", "coordinates": [corners], "labels": [label]}
    if one.box is None:
        return {"shape": "whole-image", "coordinates": [], "labels": [label]}
    x, y, w, h = one.box
    corners = [plain(value) for value in (x, y, x + w, y, x + w, y + h, x, y + h)]
    return {"shape": "rectangle", "coordinates": [corners], "labels": [label]}


def _authors(bundle: Bundle) -> Sequence[Statement]:
    return list({_author(one): one for _, one in bundle.said()}.values())


def _author(one: Statement) -> str:
    return (one.model or one.actor) if one.source == "model" else one.actor


def _creator_kind(one: Statement) -> str:
    return "Machine-learning model" if one.source == "model" else "Expert" if one.source == "person" else "Unknown"


def _state(one: Statement) -> str:
    return {"person": "VERIFIED", "model": "UNVERIFIED"}.get(one.source, "")


def _who(one: Statement) -> dict[str, Any]:
    known = {"source": one.source, "actor": one.actor, "model": one.model, "decision": one.decision}
    return {name: value for name, value in known.items() if value} | {"stated_at": utc(one.created_at)}


def _about(image: Shown) -> dict[str, Any]:
    known = {
        "uuid": image.uid,
        "dataset": image.dataset,
        "taken_at": utc(image.taken_at),
        "latitude": image.latitude,
        "longitude": image.longitude,
        "depth_m": image.depth_m,
        "altitude_m": image.altitude_m,
        "camera": image.camera,
        "site": image.site,
        "group": image.group,
        "ood_score": image.ood_score,
        "ood_percentile": image.ood_percentile,
    }
    return {name: value for name, value in known.items() if value is not None}


def _decisions(image: Shown, bundle: Bundle) -> list[dict[str, Any]]:
    return [decision_json(one, bundle.verdicts) for one in image.decisions]


def plain(value: float) -> int | float:
    """A coordinate without a needless fraction."""
    return int(value) if float(value).is_integer() else float(value)


def as_json(document: Any) -> bytes:
    """UTF-8 JSON; NaN never gets here."""
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode("utf-8")
