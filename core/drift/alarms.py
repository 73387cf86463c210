"""Which batches to raise an alarm for when a whole timeline is looked at.

Calling every p <= 0.05 a change raises one false alarm in twenty batches without any. Three ways keep the expected
share of false alarms among all alarms at or below a rate instead:
- Benjamini-Hochberg (1995) over the timeline as it stands, for batches that do not depend on each other;
- Benjamini-Yekutieli (2001), whatever they have in common, at a price of about ln m;
- LORD++ (Ramdas et al. 2017, arXiv 1710.00499, section 3): batch by batch as they come, an alarm once raised stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.ood.lists import step_up

Control = Literal["benjamini-hochberg", "benjamini-yekutieli", "lord++", "nominal"]
CONTROLS: tuple[Control, ...] = ("benjamini-hochberg", "benjamini-yekutieli", "lord++", "nominal")
_NAMES = {
    "benjamini-hochberg": "Benjamini-Hochberg, for batches that do not depend on each other",
    "benjamini-yekutieli": "Benjamini-Yekutieli, whatever the batches have in common",
    "lord++": "LORD++, decided batch by batch in the order of time and never taken back, for independent batches",
}


@dataclass(frozen=True)
class Alarms:
    """The verdict over a timeline of m batches.

    Attributes:
        raised: ``[m]`` bool.
        levels: ``[m]`` float64: what a batch's p had to stay at or below, given all others.
        sentence: What this promises, for people.
    """

    raised: NDArray[np.bool_]
    levels: NDArray[np.float64]
    sentence: str


def alarms(
    p_values: NDArray[np.floating[Any]],
    *,
    rate: float = 0.05,
    control: Control = "benjamini-hochberg",
    smallest_p: float = 0.0,
) -> Alarms:
    """Raise alarms over a timeline.

    Args:
        p_values: ``[m]`` in (0, 1], in the order of time.
        rate: Expected share of false alarms to keep to, in (0, 1).
        smallest_p: What a p-value can be at least, to say where no alarm is possible.

    Raises:
        SettingsError: the control is unknown, or a value is out of range.
    """
    p = np.asarray(p_values, np.float64)
    step_up(p, rate, dependent=False)  # checks the values
    count = len(p)
    if control == "lord++":
        levels, raised = _lord(p, rate)
        single = float(levels[0]) if count else rate
    elif control in ("benjamini-hochberg", "benjamini-yekutieli"):
        dependent = control == "benjamini-yekutieli"
        raised = step_up(p, rate, dependent=dependent)
        factor = float((1.0 / np.arange(1, max(count, 1) + 1)).sum()) if dependent else 1.0
        levels = np.full(count, max(int(raised.sum()), 1) * rate / max(count, 1) / factor)
        single = rate / max(count, 1) / factor
    elif control == "nominal":
        raised, levels, single = p <= rate + 1e-12, np.full(count, rate), rate
    else:
        raise SettingsError(f"alarms are controlled by {', '.join(CONTROLS)}, got {control!r}; choose one of them")
    return Alarms(raised, levels, _sentence(raised, rate, control, smallest_p, single))


def _lord(p: NDArray[np.float64], rate: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """LORD++ with w0 = rate / 2 and the paper's series gamma_t ~ log(max(t, 2)) / (t exp(sqrt(log t)))."""
    count = len(p)
    gamma = _series(max(count, 1))
    wealth = rate / 2.0
    levels, raised = np.zeros(count), np.zeros(count, bool)
    found: list[int] = []
    for time in range(count):
        level = wealth * gamma[time]
        if found:
            level += (rate - wealth) * gamma[time - found[0] - 1]
            level += rate * sum(gamma[time - earlier - 1] for earlier in found[1:])
        levels[time] = level
        raised[time] = p[time] <= level * (1.0 + 1e-12)
        if raised[time]:
            found.append(time)
    return levels, raised


@lru_cache(maxsize=8)
def _series(count: int) -> NDArray[np.float64]:
    """The first `count` of a falling series that sums to at most one over all times."""
    times = np.arange(1, max(count, 1_000_000) + 1, dtype=np.float64)
    series = np.log(np.maximum(times, 2.0)) / (times * np.exp(np.sqrt(np.log(times))))
    # What lies beyond the first million sums to the integral of x exp(-sqrt(x)) over x = log t.
    root = float(np.sqrt(np.log(times[-1])))
    beyond = 2.0 * (root**3 + 3.0 * root**2 + 6.0 * root + 6.0) * float(np.exp(-root))
    shares: NDArray[np.float64] = series[:count] / (series.sum() + beyond)
    return shares


def _sentence(raised: NDArray[np.bool_], rate: float, control: Control, smallest_p: float, single: float) -> str:
    count, percent = len(raised), f"{100.0 * rate:g} %"
    of = f"{int(raised.sum())} of {count} {'batch' if count == 1 else 'batches'}"
    if control == "nominal":
        return (
            f"An alarm is raised for {of}: every p ≤ {rate:g}. This is nominal: about {percent} of batches without "
            "any change raise one too."
        )
    text = (
        f"An alarm is raised for {of}; of the alarms on such timelines at most {percent} are expected to be false "
        f"({_NAMES[control]})."
    )
    if smallest_p > single * (1.0 + 1e-9) and count:
        text += (
            f" A change of a single batch cannot raise one here: p is at least {smallest_p:.2g}, and the first alarm "
            f"needs {single:.2g}; larger batches of several groups, or a reference of "
            f"{ceil(1.0 / single - 1e-9) - 1:,} groups would do."
        )
    return text
