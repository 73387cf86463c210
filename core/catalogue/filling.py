"""Fills an image's record from where its source leaves it open: the file's EXIF, or an earlier import.

The contract: what the source itself says always stands; each of the others fills only what is still open.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.catalogue.formats.times import localise
from core.catalogue.records import ImageRecord
from core.catalogue.schema import Image
from core.images.probe import HASH_NAME, Probe

_FIELDS = ("latitude", "longitude", "depth_m", "altitude_m", "camera", "site", "group")


def file_values(probe: Probe) -> dict[str, Any]:
    """What was read from a file, as columns of the images table."""
    return {
        "status": "ok",
        "code": "",
        "reason": "",
        "content_hash": probe.content_hash,
        "hash_name": HASH_NAME,
        "bytes": probe.size_bytes,
        "mtime_ns": probe.mtime_ns,
        "format": probe.format,
        "width": probe.width,
        "height": probe.height,
        "statistics": asdict(probe.statistics),
    }


def file_facts(path: Path) -> dict[str, Any]:
    """Size and time of a file that could not be used, so that it is tried again when they change."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return {"bytes": None, "mtime_ns": None}
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


def metadata(record: ImageRecord) -> dict[str, Any]:
    """What is known about an image, as columns of the images table."""
    values = {name: getattr(record, name) for name in (*_FIELDS, "taken_at", "taken_zone", "labelled")}
    return values | {"extra": dict(record.extra)}


def with_exif(record: ImageRecord, probe: Probe, zone: str | None) -> ImageRecord:
    """What the source leaves open, from the file's EXIF; its clock is read in `zone`, else taken for UTC."""
    exif = probe.exif
    changes: dict[str, Any] = {
        name: getattr(exif, name)
        for name in ("latitude", "longitude", "depth_m", "camera")
        if getattr(record, name) is None and getattr(exif, name) is not None
    }
    if record.taken_at is None and exif.taken_at is not None:
        changes |= _moment(exif.taken_at, zone)
    return replace(record, **changes)


def _moment(taken_at: datetime, zone: str | None) -> dict[str, Any]:
    """A camera's time in UTC; its own clock is read in the zone that the person named, else taken for UTC."""
    if taken_at.tzinfo is not None:
        return {"taken_at": taken_at.astimezone(UTC), "taken_zone": taken_at.isoformat()[-6:]}
    return {"taken_at": localise(taken_at, zone)[0], "taken_zone": zone}


def with_stored(record: ImageRecord, image: Image) -> ImageRecord:
    """For a file that was not read again: what an earlier import learned from EXIF or the log stays."""
    names = (*_FIELDS, "taken_at", "taken_zone")
    changes = {name: getattr(image, name) for name in names if getattr(record, name) is None}
    return replace(record, **changes)
