"""What reviewers' decisions say about images that nobody labelled, for training.

The contract: a reviewer who names one concept says that it is there and nothing about others; "empty water" says that
none is; where reviewers name different things, nothing is taken.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.catalogue.database import Database
from core.review.columns import agreed
from core.review.standing import standing
from core.review.verdicts import all_verdicts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Taught:
    """What decisions add to a table of regions.

    Attributes:
        named: ``[N]`` bool, regions without labels in which reviewers named something: present, all else unknown.
        empty: ``[N]`` bool, regions without labels that reviewers agree are empty: everything is absent.
        disputed: Regions left out because reviewers named different things.
    """

    named: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    disputed: int


def taught_by_decisions(database: Database, table: pd.DataFrame) -> Taught:
    """Read the decisions that stand for `core.catalogue.regions.region_table`, whose concepts hold them already."""
    empties = {key for key, verdict in all_verdicts(database).items() if verdict.meaning == "empty"}
    verdicts: dict[int, list[str]] = defaultdict(list)
    concepts: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for decision in standing(database):
        if decision.region_id is None or decision.image_id is None:
            continue
        verdicts[decision.region_id].append(decision.verdict)
        if decision.concept:
            concepts[decision.image_id][decision.region_id].add(decision.concept)
    differing = {image for image, regions in concepts.items() if any(len(names) > 1 for names in regions.values())}
    bare = ~table["labelled"].fillna(False).to_numpy(bool)
    some = np.array([len(names) > 0 for names in table["concepts"]], bool)
    disputed = bare & some & table["image_id"].isin(list(differing)).to_numpy()
    said_empty = np.array([agreed(verdicts.get(int(region), ())) in empties for region in table["region_id"]], bool)
    return Taught(bare & some & ~disputed, bare & ~some & said_empty, int(disputed.sum()))
