"""What a random sample says about the whole: the share of each verdict, with an interval.

The contract: only an unbroken beginning of the random order counts. Skipping a hard picture and going on would leave
the easy ones over, so what comes after the first one not decided is not used, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import SettingsError
from core.evaluate.intervals import group_weights

LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """An estimated share.

    Attributes:
        value: In [0, 1].
        low, high: Ends of the interval; the wider of Wilson's and, with five groups or more, the one by group.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """A sample and what it says.

    Attributes:
        used: Regions in the unbroken beginning.
        broken_by: Decided regions after the first one left out; not used.
        total: Regions in the whole order.
        shares: By verdict, largest first.
    """

    used: int
    broken_by: int
    total: int
    shares: Mapping[str, Share]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share at the 95 % level, inside [0, 1].

    Raises:
        SettingsError: not 0 <= hits <= of, or of is 0.

    Source: Wilson 1927, doi 10.1080/01621459.1927.10502953.
    """
    if of < 1 or not 0 <= hits <= of:
        raise SettingsError(f"a share needs 0 <= hits <= of and of >= 1, got {hits} of {of}")
    z = 1.959963984540054
    share, spread = hits / of, z * z / of
    middle = share + spread / 2
    half = z * np.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, float((middle - half) / (1 + spread))), min(1.0, float((middle + half) / (1 + spread)))


def estimate(order: Sequence[int], verdicts: Mapping[int, str], groups: Mapping[int, str]) -> Sample:
    """Shares of the verdicts, from the beginning of a random order.

    Args:
        order: Region ids in the random order (`core.review.queues`, ``random``).
        verdicts: Region id → verdict, of what is decided.
        groups: Region id → group; regions without one stand alone.
    """
    used = next((at for at, region in enumerate(order) if region not in verdicts), len(order))
    later = sum(region in verdicts for region in order[used:])
    if used == 0:
        return Sample(0, later, len(order), {})
    said = np.array([verdicts[region] for region in order[:used]])
    named = [groups.get(region) or f"\x00{region}" for region in order[:used]]
    numbers = np.unique(named, return_inverse=True)[1]
    weights = group_weights(numbers) if numbers.max() >= 4 else None
    shares = {name: _share(said == name, weights) for name in np.unique(said)}
    ordered = sorted(shares.items(), key=lambda item: (-item[1].value, item[0]))
    return Sample(used, later, len(order), {str(name): share for name, share in ordered})


def _share(hit: np.ndarray, weights: np.ndarray | None) -> Share:
    low, high = wilson(int(hit.sum()), len(hit))
    if weights is not None:
        drawn = weights @ hit / np.maximum(weights.sum(axis=1), 1)
        tail = 50 * (1 - LEVEL)
        below, above = np.percentile(drawn, [tail, 100 - tail])
        low, high = min(low, float(below)), max(high, float(above))
    return Share(float(hit.mean()), low, high)
