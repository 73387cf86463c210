"""Standing decisions as columns of a table of regions: what selections, exports and pages ask.

The contract: the run's own table is never changed; the columns are laid over a copy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from core.review.standing import DecisionEntry

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("verdict", "decided_concepts", "decided_by", "decided_at", "opinions", "decision_note")
SPLIT = "disputed"
"""What stands for the verdict where as many reviewers say one thing as another."""


def agreed(verdicts: Iterable[str]) -> str:
    """The verdict that more reviewers gave than any other; `SPLIT` when there is none, empty without any."""
    counts = Counter(verdicts).most_common(2)
    if not counts:
        return ""
    return SPLIT if len(counts) == 2 and counts[0][1] == counts[1][1] else counts[0][0]


def with_decisions(table: pd.DataFrame, decisions: Iterable[DecisionEntry]) -> pd.DataFrame:
    """A copy of a run's table with `COLUMNS`: the agreed verdict, concepts, reviewers, last time, number, notes.

    ``verdict`` is the key that most reviewers gave and `SPLIT` when they are even; where nobody decided, text is empty.
    """
    import pandas as pd

    by_region: dict[int, list[DecisionEntry]] = defaultdict(list)
    for decision in decisions:
        if decision.stands and decision.region_id is not None:
            by_region[decision.region_id].append(decision)
    rows = [by_region.get(int(region), []) for region in table["region_id"]]
    times = [max((one.created_at for one in said), default=None) for said in rows]
    return table.assign(
        verdict=[agreed(one.verdict for one in said) for said in rows],
        decided_concepts=[";".join(sorted({one.concept for one in said if one.concept})) for said in rows],
        decided_by=[";".join(sorted({one.actor for one in said})) for said in rows],
        decided_at=pd.to_datetime(pd.Series(times, index=table.index, dtype="object"), utc=True).astype(
            "datetime64[us, UTC]"
        ),
        opinions=np.array([len({one.actor for one in said}) for said in rows], dtype=np.int64),
        decision_note=[" / ".join(one.note for one in said if one.note) for said in rows],
    )
