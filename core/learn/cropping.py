"""The central part of every region, where a vehicle's frame or a lamp's edge should not be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.artefacts import digest
from core.embed.loop import RegionJob


def cropped(jobs: Sequence[RegionJob], share: float) -> tuple[RegionJob, ...]:
    """The same regions, only the middle of them.

    Args:
        share: Part of each side that is kept, in (0, 1]; at 1 nothing changes, keys included.
    """
    if share >= 1.0:
        return tuple(jobs)
    found = []
    for job in jobs:
        x, y, w, h = job.box or (0.0, 0.0, float(job.width), float(job.height))
        box = (x + w * (1 - share) / 2, y + h * (1 - share) / 2, w * share, h * share)
        found.append(replace(job, box=box, key=digest("central", job.key, repr(share))))
    return tuple(found)
