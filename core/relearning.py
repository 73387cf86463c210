"""What a run learned from decisions: it and the run before it held against each other, by what reviewers said.

The contract: both runs are only read; figures are over the regions that both have; what was judged *after* the second
run began is said apart, for that alone could not have taught it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.between import TellingApart, VerdictChange, flags_between, telling_apart, verdicts_between
from core.review.agreement import verdicts_by_region
from core.review.columns import SPLIT, agreed
from core.review.standing import standing
from core.review.verdicts import all_verdicts

if TYPE_CHECKING:
    import pandas as pd

    from core.between import FlagChange
    from core.catalogue.database import Database
    from core.runs import Run


@dataclass(frozen=True)
class Change:
    """The change from one run to another.

    Attributes:
        first, second: Numbers of the runs.
        joined: Regions that joined the second's reference.
        flags: Which flags of target regions came and went.
        verdicts: By verdict; ``verdict`` holds the name that people read, ``Not judged`` for the rest.
        apart: How well new is told from known, without the regions that joined; ``None`` where that cannot be said.
    """

    first: int
    second: int
    joined: int
    flags: FlagChange
    verdicts: tuple[VerdictChange, ...]
    apart: TellingApart | None


def change_of(database: Database, first: Run, second: Run) -> Change:
    """Compare a run with the one that learned from its decisions, by the decisions that stand now."""
    names = all_verdicts(database)
    said = {region: agreed(verdicts.values()) for region, verdicts in verdicts_by_region(standing(database)).items()}
    known = set(second.settings.known.verdicts if second.settings.known else ())
    new = {region for region, verdict in said.items() if verdict in names and names[verdict].meaning == "new"}
    familiar = {region for region, verdict in said.items() if verdict in known}
    told = {
        region: "No agreement" if verdict == SPLIT else names[verdict].name if verdict in names else verdict
        for region, verdict in said.items()
    }
    rows = verdicts_between(first.table, second.table, told)
    return Change(
        first.id,
        second.id,
        sum(row.joined for row in rows),
        _flags(first.table, second.table),
        tuple(rows),
        telling_apart(first.table, second.table, new, familiar),
    )


def _flags(first: pd.DataFrame, second: pd.DataFrame) -> FlagChange:
    """Flags of the target alone: of the reference, a share is flagged in every run."""
    kept = [np.flatnonzero(table["set"].isin(["target", "both"]).to_numpy()) for table in (first, second)]
    found = flags_between(first.iloc[kept[0]], second.iloc[kept[1]])
    return replace(found, gained=kept[1][found.gained], lost=kept[0][found.lost])


def change_text(change: Change) -> str:
    """For people."""
    flags = change.flags
    lines = [
        f"against run {change.first}, of the target: {flags.both:,} flagged in both, {len(flags.gained):,} gained, "
        f"{len(flags.lost):,} lost; {change.joined:,} regions joined the reference"
    ]
    lines += [
        f"  {row.verdict or 'Not judged'}: {row.regions:,} regions, flagged {row.flagged[0]:,} before and "
        f"{row.flagged[1]:,} now, median score {row.score[0]:.3f} before and {row.score[1]:.3f} now"
        for row in change.verdicts
    ]
    lines.append(apart_sentence(change.apart))
    return "\n".join(lines)


def apart_sentence(apart: TellingApart | None) -> str:
    """How well new is told from known, before and after, in words."""
    if apart is None:
        return (
            "Whether new is now told from known better cannot be said yet: that takes regions judged either way that "
            "did not join the reference. Review some of the new run."
        )
    return (
        f"New told from known (AUROC; 0.5 is guessing, 1 is perfect), over {apart.new:,} regions judged new and "
        f"{apart.known:,} judged known that did not join: {apart.first.value:.3f} before, {apart.second.value:.3f} "
        f"now; the change {apart.gain}."
    )


def change_json(change: Change) -> dict[str, Any]:
    """For programs."""
    flags, apart = change.flags, change.apart
    return {
        "against": change.first,
        "joined": change.joined,
        "flags": {"common": flags.common, "both": flags.both, "gained": len(flags.gained), "lost": len(flags.lost)},
        "verdicts": [
            {
                "verdict": row.verdict,
                "regions": row.regions,
                "joined": row.joined,
                "flagged": list(row.flagged),
                "score": [None if value != value else value for value in row.score],
            }
            for row in change.verdicts
        ],
        "apart": None
        if apart is None
        else {
            "new": apart.new,
            "known": apart.known,
            "first": apart.first.to_json(),
            "second": apart.second.to_json(),
            "gain": apart.gain.to_json(),
        },
    }
