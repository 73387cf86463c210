"""How long work tells how far it is, and how it is asked to stop.

The contract: work calls ``progress(done, total)`` between units; the callee may raise `Cancelled`; the work keeps what
it finished. Nothing here prints or stores; the command line and the catalogue each bring their own callee.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int], None]
"""``progress(done, total)``, units of the stage at hand; may raise `core.errors.Cancelled`."""


def silent(done: int, total: int) -> None:
    """The progress of work that nobody watches."""


@dataclass(frozen=True)
class Pace:
    """Rate and time left, from two counts and a duration.

    Attributes:
        rate: Units a second since the stage began (resumed work not counted); 0 when nothing was done yet.
        seconds_left: ``None`` when it cannot be told yet.
    """

    rate: float
    seconds_left: float | None

    @classmethod
    def of(cls, done: int, total: int, began_with: int, seconds: float) -> Pace:
        fresh = done - began_with
        if fresh <= 0 or seconds <= 0:
            return cls(0.0, None)
        rate = fresh / seconds
        return cls(rate, max(0.0, (total - done) / rate))
