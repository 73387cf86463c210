"""What reviewers judged known, as part of the reference of a new run.

The contract:
- a written run never changes: the judged regions join the reference of *another* run with the same settings;
- which ones is said by the verdicts and the last decision that counts, so the same settings mean the same regions
  for ever (`core.settings.KnownSettings`);
- a region's group comes with it: no picture is ever compared with pictures of its own group, judged or not, so what
  was judged in a dive changes the scores of *other* dives;
- p-values count the original reference alone (`core.stages.calibrating`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from core.catalogue.database import Database
from core.catalogue.schema import Decision
from core.errors import ReviewError
from core.review.columns import SPLIT, agreed
from core.review.standing import stands
from core.review.verdicts import all_verdicts
from core.settings import KnownSettings, RunSettings
from core.stages import JOINED, Regions

if TYPE_CHECKING:
    from core.runs import Run

KNOWN_MEANINGS = ("taxon", "habitat", "gear", "empty")
"""Meanings of verdicts that call a region known, unless a lab chooses others."""


@dataclass(frozen=True)
class Joining:
    """What would join the reference of a new run.

    Attributes:
        settings: The new run's.
        regions: Ids, ascending; not those that are in the reference already.
        groups: How many groups they are from.
        alone: How many of them have no group: nothing keeps their neighbours in time apart.
        disputed: Regions of the run on which reviewers do not agree, and which do not join.
    """

    settings: RunSettings
    regions: tuple[int, ...]
    groups: int
    alone: int
    disputed: int


def known_verdicts(database: Database) -> list[str]:
    """Keys of the verdicts that call a region known by their meaning, archived ones among them."""
    return [key for key, verdict in all_verdicts(database).items() if verdict.meaning in KNOWN_MEANINGS]


def judged_known(database: Database, known: KnownSettings) -> list[int]:
    """Ids of the regions that reviewers agreed are known, as it stood at the last decision that counts."""
    said = _agreed(database, known.through)
    return sorted(region for region, verdict in said.items() if verdict in known.verdicts)


def joining(database: Database, run: Run, verdicts: Sequence[str]) -> Joining:
    """What would join the reference if a run were made again with what was decided until now.

    The network, the conditions and k stay those of `run`, so that the two can be compared.

    Raises:
        ReviewError: a verdict is unknown, nobody has decided anything, or nothing would join.
    """
    unknown = [key for key in verdicts if key not in all_verdicts(database)]
    if unknown:
        there = ", ".join(all_verdicts(database))
        raise ReviewError(f"there is no verdict {unknown[0]!r} in this workspace; verdicts are {there}")
    if not verdicts:
        raise ReviewError("choose at least one verdict that means known")
    with database.read() as session:
        last = session.scalar(select(func.max(Decision.id)))
    if last is None:
        raise ReviewError("nobody has decided anything yet; review some pictures first")
    said = _agreed(database, last)
    table = run.table
    known = set(verdicts)
    outside = ~table["set"].isin(["reference", "both"]).to_numpy()
    if JOINED in table.columns:  # what joined this run joins the next one too
        outside |= table[JOINED].to_numpy(bool)
    judged = [said.get(region, "") for region in table["region_id"].tolist()]
    rows = [row for row, verdict in enumerate(judged) if verdict in known and outside[row]]
    if not rows:
        raise ReviewError(
            "no region outside the reference was judged known with these verdicts; review some, or choose others"
        )
    picked = table.iloc[rows]
    named = picked.loc[picked["group"] != "", ["dataset", "group"]].drop_duplicates()
    settings = run.settings.with_(
        known=KnownSettings(tuple(sorted(known)), int(last), run.id),
        ood=replace(run.settings.ood, k=int(run.manifest["k"]) or None),
    )
    bare = int((picked["group"] == "").sum())
    disputed = sum(verdict == SPLIT for verdict in judged)
    regions = tuple(sorted(int(region) for region in picked["region_id"]))
    return Joining(settings, regions, len(named) + bare, bare, disputed)


def check_joined(regions: Regions, known: KnownSettings) -> None:
    """A run that is to learn from decisions goes on only when some region joins.

    Raises:
        ReviewError: none does: the decisions are about other regions, or all of them are reference anyway.
    """
    if JOINED not in regions.table.columns or not regions.table[JOINED].any():
        raise ReviewError(
            f"no region of these datasets outside the reference was judged {' or '.join(known.verdicts)}; "
            "review some, or leave out what was judged known"
        )


def _agreed(database: Database, through: int) -> dict[int, str]:
    """Region id → the verdict that most reviewers gave, over all decisions that stood at `through`."""
    said: dict[int, list[str]] = defaultdict(list)
    query = select(Decision.region_id, Decision.verdict).where(stands(through)).order_by(Decision.id)
    with database.read() as session:
        for region, verdict in session.execute(query):
            if region is not None:  # a verdict on a whole cluster judges no single picture
                said[region].append(verdict)
    return {region: agreed(verdicts) for region, verdicts in said.items()}
