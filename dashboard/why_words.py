"""What is said of why-maps: their names, what their colours mean, what they add up to, how far they may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboard import words

if TYPE_CHECKING:
    from core.explain.maps import Kind, WhyMap

NAMES: Mapping[Kind, str] = MappingProxyType(
    {
        "ood-centred": "what makes it strange",
        "ood": "where the score sits",
        "ood-novel": "what the reference never shows",
        "ood-features": "features, by what they add",
        "class": "what the network takes it for",
        "embedding": "what its vector rests on",
        "match": "what it shares with another",
    }
)
"""What may be asked for, by its name in an address, and what it is called on the page."""
COLOURS = "Orange makes a picture stranger, blue more familiar"
_SAME = 5e-4
"""Scores closer than this read the same in three decimals."""


def judge(name: str) -> str:
    """A detector's name for people."""
    from core.ood.registry import DETECTORS

    return DETECTORS[name].title if name in DETECTORS else "nearest neighbours"


def by_detector(name: str) -> str:
    """Whose score it is that a map explains, and whether exactly."""
    from core.explain.detectors import EXACT

    return f"by {judge(name)}" + ("" if name in EXACT else " (approximate, by gradient)")


def legend(found: WhyMap) -> str:
    """A map's colours, what its cells add up to, and how far both may be believed."""
    told = [*_meaning(found)]
    if found.kind.startswith("ood") and found.score is not None and found.stored_score is not None:
        apart = abs(found.score - found.stored_score)
        if apart > _SAME * max(1.0, abs(found.stored_score)):
            stored, now = words.score(found.stored_score), words.score(found.score)
            told.append(f"The run stored {stored}; this map is of the {now} that the network gives now.")
    if found.outside > 0.05:
        told.append(f"{words.percent(found.outside)} of it lies on the padding around the picture.")
    return " ".join(told)


def _meaning(found: WhyMap) -> tuple[str, ...]:
    score, total = words.score(found.score), words.score(found.total)
    if found.kind == "ood-novel":
        return (
            "Orange cells are newer than 95 % of what the reference shows anywhere, with its own group left out.",
            "A second opinion: they add up to nothing.",
        )
    if found.kind == "ood-features":
        return (
            f"{COLOURS}.",
            "Each feature's own map, weighted by what the feature adds to the score: scaled maps, which do not add up.",
        )
    if found.kind == "class":
        return (
            f"Bright is the evidence for {found.concept}, by Grad-CAM++.",
            "Scaled from 0 to 1, so it does not say how sure the network is.",
        )
    if found.kind == "embedding":
        return ("Bright is what the picture's vector rests on, by Grad-CAM, scaled from 0 to 1.",)
    if found.kind == "match":
        return ("Orange is what it shares with the other picture.", f"The cells add up to {total}, their similarity.")
    if not found.exact:
        adds = f"An approximation by gradient: the cells add up to {total}, the score is {score}."
    elif found.kind == "ood":
        adds = f"Exact: the cells add up to the score {score}."
    else:
        adds = f"Exact: orange raises the score of {score}, blue lowers it, and together they add up to 0."
    return f"{COLOURS}.", adds
