"""The files of a source opened for its preview, as the import would, for as long as a person waits.

The contract: nothing is written; files are taken evenly from the whole list, so that what fits into the time stands
for the rest; what was found unusable is said in the import's own words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.catalogue.importing import ImportPlan
from core.catalogue.records import Problem
from core.errors import ImageError
from core.images.decode import decode
from core.images.files import read_file, within
from core.images.thumbnails import GRID

PATIENCE = 3.0
"""Seconds after which no further file is opened."""
_STRIDE = 61
"""Files are tried 61 apart, then from the next one on: neighbours, which are alike, come late."""


@dataclass(frozen=True)
class Tried:
    """What opening files has shown.

    Attributes:
        tried, total: Files opened, of those that the source lists and that are not said to be absent.
        unusable: Those that cannot be used, in the source's order.
    """

    tried: int
    total: int
    unusable: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether every file was opened."""
        return self.tried == self.total


def try_files(plan: ImportPlan, *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> Tried:
    """Open files of a plan until the time is up."""
    paths = [record.path for record in plan.reading.records if not record.absent]
    until = clock() + patience
    found: dict[int, Problem] = {}
    tried = 0
    for place in (place for start in range(_STRIDE) for place in range(start, len(paths), _STRIDE)):
        if clock() >= until:
            break
        tried += 1
        try:
            content, _ = read_file(within(plan.root, plan.root / paths[place]))
            decode(content, name=repr(paths[place].rsplit("/", 1)[-1]), longest=GRID)
        except ImageError as error:
            found[place] = Problem(error.code, paths[place], str(error))
    return Tried(tried, len(paths), tuple(problem for _, problem in sorted(found.items())))
