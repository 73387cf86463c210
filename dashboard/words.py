"""Numbers and findings in a scientist's words, rounded to what they carry.

The contract: pure functions, plain text out (no markup); missing values read as an en dash; every score's sentence says
which way is strange.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from numbers import Real
from typing import Any

MISSING = "–"


def missing(value: Any) -> bool:
    """Whether a cell holds nothing: ``None``, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    if isinstance(value, Real):
        return bool(value != value)  # NaN alone differs from itself
    return type(value).__name__ in ("NAType", "NaTType")


def count(number: int) -> str:
    """``12,345``."""
    return f"{int(number):,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 group``, ``12 groups``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def shortened(text: str, letters: int) -> str:
    """At most so many letters (2 or more), an ellipsis where some are left out."""
    return text if len(text) <= letters else text[: letters - 1].rstrip(" ,·") + "…"


def percent(share: float | None) -> str:
    """A share in [0, 1] as a percentage: whole, with one digit below 10 %, never a false 0 or 100."""
    if missing(share):
        return MISSING
    value = 100 * float(share or 0)
    if 0 < value < 0.1:
        return "under 0.1 %"
    if 99.5 <= value < 100:
        return "over 99 %"
    digits = 0 if value >= 10 or value == int(value) else 1
    return f"{value:.{digits}f} %"


def score(value: float | None) -> str:
    """An OOD score or distance: three decimals, four for very small ones."""
    if missing(value):
        return MISSING
    number = float(value or 0)
    if 0 < abs(number) < 0.0001:
        return "under 0.0001"
    return f"{number:.3f}" if number == 0 or abs(number) >= 0.01 else f"{number:.4f}"


def probability(value: float | None) -> str:
    """A p-value or probability to two significant digits."""
    if missing(value):
        return MISSING
    number = float(value or 0)
    return f"{number:.2f}" if number >= 0.1 else f"{number:.2g}"


def percentile(value: float | None) -> str:
    """``97th``: an ordinal, rounded down so that 99.9 does not read as the last."""
    if missing(value):
        return MISSING
    number = math.floor(float(value or 0))
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def metres(value: float | None) -> str:
    """Whole metres; one decimal below 10."""
    if missing(value):
        return MISSING
    number = float(value or 0)
    return f"{number:,.0f} m" if abs(number) >= 10 or number == int(number) else f"{number:.1f} m"


def span(low: float | None, high: float | None) -> str:
    """``20–1,290 m``."""
    if missing(low) or missing(high):
        return MISSING
    first, last = f"{float(low or 0):,.0f}", f"{float(high or 0):,.0f}"
    return f"{first} m" if first == last else f"{first}–{last} m"


def when(value: datetime | None, *, time: bool = True) -> str:
    """``3 Sep 2014, 14:02 UTC``."""
    if missing(value) or value is None:
        return MISSING
    day = f"{value.day} {value:%b %Y}"
    return f"{day}, {value:%H:%M} UTC" if time else day


def days(first: datetime | None, last: datetime | None) -> str:
    """``3 Sep – 9 Oct 2014``."""
    if missing(first) or missing(last) or first is None or last is None:
        return MISSING
    if first.date() == last.date():
        return when(first, time=False)
    if first.year == last.year:
        return f"{first.day} {first:%b} – {when(last, time=False)}"
    return f"{when(first, time=False)} – {when(last, time=False)}"


def position(latitude: float | None, longitude: float | None) -> str:
    """``36.7042° N, 122.0390° W``: four decimals, about ten metres."""
    if missing(latitude) or missing(longitude):
        return MISSING
    north, east = float(latitude or 0), float(longitude or 0)
    return f"{abs(north):.4f}° {'N' if north >= 0 else 'S'}, {abs(east):.4f}° {'E' if east >= 0 else 'W'}"


def text(value: Any) -> str:
    """Any catalogue text, or the dash."""
    return MISSING if missing(value) or str(value) == "" else str(value)


def group(value: Any) -> str:
    """A group's name; a bare number is called a group."""
    said = text(value)
    return f"group {said}" if said[:1].isdecimal() else said


def distance(k: int) -> str:
    """What a kNN score with this k is."""
    return "distance to the nearest reference image" if k == 1 else f"mean distance to the {k} nearest reference images"


def score_sentence(value: float, rank: float, k: int) -> str:
    """What a score is and how it compares; larger is stranger."""
    if rank >= 100:
        place = "Stranger than every reference image"
    elif rank <= 0:
        place = "More familiar than every reference image"
    else:
        place = f"Stranger than {percent(rank / 100)} of the reference images"
    return (
        f"{place}: its {distance(k)} (none of its own group) is {score(value)}, where 0 is a copy and 1 is unrelated."
    )


def p_sentence(p_value: float, flag: Mapping[str, Any]) -> str:
    """A conformal p-value in words, with the number of independent groups that stand behind it."""
    groups = int(flag.get("groups", 0))
    one_in = max(1, round(1 / p_value)) if p_value > 0 else 0
    behind = f"judged by {plural(groups, 'independent reference group')}"
    if p_value >= 0.5:
        return f"Nothing unusual: in a new group with nothing new in it, most images score this high ({behind})."
    return (
        f"In a new group with nothing new in it, about 1 image in {count(one_in)} would score this high "
        f"(p = {probability(p_value)}, {behind})."
    )


def flag_sentence(flag: Mapping[str, Any]) -> str:
    """How the run decides what is flagged, and what that promises."""
    groups = plural(int(flag.get("groups", 0)), "independent reference group")
    if flag.get("certified"):
        return (
            f"Flagged means p ≤ {probability(flag.get('alpha'))}: of the images of a new group with nothing new in it, "
            f"at most {percent(flag.get('alpha'))} would be flagged on average. {groups} stand behind this."
        )
    return (
        f"With {groups} a false-alarm rate of {percent(flag.get('alpha'))} cannot be certified (the smallest possible "
        f"p is {probability(flag.get('smallest_p'))}). The 95th percentile of the reference is offered instead, "
        "without a promise for new groups."
    )
