"""What the Drift page says: questions, what they mean, and what became of a batch, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.drift.timeline import QUESTIONS, Question, Shift
from dashboard import words
from dashboard.drifting import Drift

ASKED: Mapping[Question, str] = MappingProxyType(
    {
        "content": "The content, as the network sees it",
        "coordinates": "The content, direction by direction",
        "pictures": "The pictures: brightness, colour, haze …",
        "labels": "How often concepts occur",
    }
)
MEANS: Mapping[Question, str] = MappingProxyType(
    {
        "content": "Height: squared maximum mean discrepancy between a batch's vectors and the reference's, every "
        "group counting once. About 0 is no difference; higher is more changed.",
        "coordinates": "Height: the largest Kolmogorov–Smirnov distance along the leading directions of the vectors, "
        "in 0 to 1; higher is more changed.",
        "pictures": "Height: the largest Kolmogorov–Smirnov distance of the eight image statistics, in 0 to 1; higher "
        "is more changed. What the network sees plays no part.",
        "labels": "Height: the largest difference of a concept's share of the labelled images, in spreads of groups; "
        "higher is more changed.",
    }
)
LACKING: Mapping[Question, str] = MappingProxyType(
    {
        "pictures": "The pictures of this batch or of the reference have no image statistics; import them again.",
        "labels": "Nobody labelled this batch or the reference, so concepts cannot be compared.",
    }
)


def statistic(name: str) -> str:
    """An image statistic's name for people."""
    return name.replace("_", " against ")  # red_green and blue_green are ratios, the others single words


def of_batch(shift: Shift) -> tuple[str, ...]:
    """What became of one batch, question by question."""
    first = (
        f"{words.plural(shift.regions, 'region')} of {words.plural(shift.groups, 'group')}, compared with "
        f"{words.plural(shift.against, 'reference group')} that share nothing with it."
    )
    changed, same = [], []
    for question, verdict in shift.verdicts.items():
        said = f"{QUESTIONS[question]} (p = {words.probability(verdict.p_value)})"
        (changed if verdict.p_value <= 0.05 else same).append(said)
    second = f"More than chance explains, looked at alone: {_listed(changed)}." if changed else ""
    third = f"Within what reference groups do among themselves: {_listed(same)}." if same else ""
    most = []
    for question, part in shift.features.items():
        if question in ("pictures", "labels") and part and part[0].p_value <= 0.05:
            name = statistic(part[0].name) if question == "pictures" else part[0].name
            most.append(f"{name} {'above' if part[0].change > 0 else 'below'} the reference")
    return tuple(text for text in (first, second, third, f"Most changed: {_listed(most)}." if most else "") if text)


def unasked(found: Drift, question: Question) -> str:
    """How many batches and regions take no part, and why; empty when all do."""
    texts = []
    lacking = sum(question not in shift.verdicts for shift in found.shifts)
    if lacking:
        texts.append(f"{words.plural(lacking, 'batch', 'batches')} cannot be asked this: nothing there to compare.")
    if found.unplaced:
        texts.append(f"{words.plural(found.unplaced, 'region')} belong to no batch.")
    return " ".join(texts)


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{'; '.join(items[:-1])}; and {items[-1]}"
