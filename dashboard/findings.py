"""A run's findings in sentences: the words at the head of its pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dashboard import words
from dashboard.score_figures import Line
from dashboard.summaries import Headline


def opening(head: Headline) -> str:
    """What is in here and what is new, in one breath."""
    where = f" from {words.plural(head.groups, 'group')}" if head.groups else ""
    deep = f", {words.span(*head.depth)} deep" if head.depth else ""
    text = f"{words.plural(head.images, 'image')}{where}{deep}. "
    if not head.target:
        return text + f"All {words.count(head.reference)} of the reference are judged against one another."
    share = words.percent(head.flagged / head.target)
    return (
        text + f"{words.count(head.reference)} of them are the reference, what counts as known; of the "
        f"{words.count(head.target)} in the target, {words.count(head.flagged)} ({share}) are flagged as strange to it."
    )


def tiles(head: Headline) -> list[tuple[str, str, str]]:
    """The counts: number, name, remark."""
    judged = head.target or head.reference
    flagged = head.flagged if head.target else head.flagged_reference
    judged_in = "of the judged" if head.regions == head.images else "of the judged images"
    found = [
        (words.count(head.images), "images", words.plural(head.datasets, "dataset")),
        (
            words.count(head.groups) if head.groups else "–",
            "groups",
            "dives, deployments" if head.groups else "none named",
        ),
        (words.count(head.concepts), "concepts", f"{words.percent(head.labelled / max(1, head.images))} labelled"),
        (words.count(head.reference), "reference", "what counts as known"),
        (words.count(head.target), "target", "what is judged"),
        (words.count(flagged), "flagged", f"{words.percent(flagged / max(1, judged))} {judged_in}"),
    ]
    if head.depth:
        found.insert(3, (words.span(*head.depth), "depth", words.days(*head.time) if head.time else ""))
    elif head.time:
        found.insert(3, (words.days(*head.time), "time", ""))
    if head.regions != head.images:
        found.insert(1, (words.count(head.regions), "regions", "parts that are judged one by one"))
    return found


def silence(head: Headline, positions: int) -> str:
    """What the source does not say and pages therefore cannot show; empty when it says everything."""
    known = {"depths": head.depth, "times": head.time, "positions": positions, "groups": head.groups}
    lacking = [name for name, there in known.items() if not there]
    if not lacking:
        return ""
    listed = lacking[0] if len(lacking) == 1 else f"{', '.join(lacking[:-1])} or {lacking[-1]}"
    return f"The source gives no {listed}, so nothing is shown by them."


def left_out(number: int, what: str) -> str:
    """How many images a plot leaves out and why; empty when none."""
    return f"{words.plural(number, 'image')} without a {what} not shown." if number else ""


def judged(head: Headline, flag: Mapping[str, Any]) -> str:
    """How many of the judged are flagged, and whether more than that is promised."""
    many, flagged = (head.target, head.flagged) if head.target else (head.reference, head.flagged_reference)
    promised = "than chance explains" if flag.get("certified") else "than most of the reference, with no rate promised"
    return (
        f"{words.count(flagged)} of {words.plural(many, 'judged image')} ({words.percent(flagged / max(1, many))}) are "
        f"flagged: stranger {promised}."
    )


def meaning(k: int) -> str:
    """What the score is, in one line."""
    return (
        f"Score: {words.distance(k)} (cosine), none of its own group. 0 is a copy, 1 is unrelated; further right is "
        "stranger."
    )


def meaning_of(title: str) -> str:
    """What a score of another detector is, in one line."""
    return (
        f"Score: {title}. Its scale is its own, so it compares only within one run and detector; further right is "
        "stranger."
    )


def lines(flag: Mapping[str, Any], percentile_95: float | None) -> list[Line]:
    """The thresholds to mark on a distribution: the reference's 95th percentile, and the flags' own if another."""
    marks: list[Line] = []
    if percentile_95 is not None:
        marks.append((percentile_95, "95th percentile of the reference", "reference", "dot"))
    threshold = flag.get("threshold")
    if threshold is not None and flag.get("certified"):
        alpha = words.probability(flag.get("alpha"))
        marks.append((float(threshold), f"flagged above (p ≤ {alpha})", "flagged", "solid"))
    elif threshold is not None and (percentile_95 is None or not math.isclose(threshold, percentile_95, rel_tol=0.02)):
        marks.append((float(threshold), "flagged above, with no rate promised", "flagged", "dash"))
    return marks


def percentile_sentence(above_reference: float, above_target: float | None) -> str:
    """What the 95th percentile does, and why it is no promise."""
    there = f"; {words.percent(above_target)} of the target lie above it" if above_target is not None else ""
    return (
        f"The dotted line is the reference's 95th percentile: {words.percent(above_reference)} of the reference lie "
        f"above it{there}. Frames of one group resemble each other, so a new group with nothing new in it may cross it "
        "far more often than 1 time in 20."
    )


def rule_sentence(flag: Mapping[str, Any]) -> str:
    """The run's flag rule in the words that were stored with it."""
    text = str(flag.get("sentence") or words.flag_sentence(flag))
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
