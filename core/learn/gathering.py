"""From the catalogue to examples: regions with what is stated of them, and the files that show them.

The contract:
- an image of which nobody stated anything is no example; one stated to be empty is an example of emptiness;
- a concept that an image's own label set does not have is unknown there, neither present nor absent;
- nothing is dropped in silence: `Examples.notes` says what was left out and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from core.artefacts import array_digest, digest
from core.catalogue.conditions import parse_all
from core.catalogue.regions import box_of, concept_descendants, dataset_ids, ensure_regions, region_table
from core.catalogue.schema import Concept, Dataset
from core.catalogue.selections import evaluate
from core.embed.loop import RegionJob
from core.embed.store import region_key
from core.errors import WorkspaceError
from core.learn.apart import group_names
from core.learn.labels import LabelTree, RareConcept, RareRule, build_tree, with_parents
from core.review.teaching import taught_by_decisions
from core.settings import RegionSettings
from core.stages import group_codes

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import Workspace


@dataclass(frozen=True)
class Examples:
    """Regions and what is stated of them.

    Attributes:
        table: One row a region, as `core.catalogue.regions.region_table`.
        jobs: What the embedding loop needs of each.
        groups: ``[N]`` int64, equal for regions that are not independent.
        group_names: Name of each group number, ``dataset/group``; ``dataset/path`` where an image stands alone.
        tree: The concepts.
        targets: ``[N, C]`` bool, parents included.
        known: ``[N, C]`` bool: whether anything is stated about the concept there.
        rare: Rare concepts and what became of them.
        notes: Sentences about what was left out.
        data_hash: Changes with the files, their labels or their groups.
    """

    table: pd.DataFrame
    jobs: tuple[RegionJob, ...]
    groups: NDArray[np.int64]
    group_names: tuple[str, ...]
    tree: LabelTree
    targets: NDArray[np.bool_]
    known: NDArray[np.bool_]
    rare: tuple[RareConcept, ...]
    notes: tuple[str, ...]
    data_hash: str

    def __len__(self) -> int:
        return len(self.jobs)

    def only(self, rows: NDArray[np.int64]) -> Examples:
        """The same with some rows only."""
        return replace(
            self,
            table=self.table.iloc[rows].reset_index(drop=True),
            jobs=tuple(self.jobs[row] for row in rows),
            groups=self.groups[rows],
            targets=self.targets[rows],
            known=self.known[rows],
        )


def gather(
    workspace: Workspace,
    datasets: Sequence[str],
    *,
    where: Sequence[str] = (),
    regions: RegionSettings | None = None,
    rule: RareRule | None = None,
    tree: LabelTree | None = None,
    decisions: bool = False,
) -> Examples:
    """The labelled regions of datasets.

    Args:
        where: Conditions that a region meets, all of them.
        regions: Which parts of the images; whole images by default.
        rule: What becomes of rare concepts.
        tree: Use this tree instead of building one; names that it lacks are noted.
        decisions: Take regions without labels in which reviewers named something too (`core.review.teaching`).

    Raises:
        WorkspaceError: a dataset is unknown, or nothing in it is labelled.
        SelectionError: a condition cannot be understood.
    """
    scheme = regions or RegionSettings()
    ids = dataset_ids(workspace.database, datasets)
    ensure_regions(workspace.database, ids, scheme)
    table = region_table(workspace.database, ids, scheme)
    shown = ", ".join(datasets)
    if table.empty:
        raise WorkspaceError(f"{shown} has no usable image to learn from; look at the import's report")
    if where:
        table = table[evaluate(parse_all(where), table, concept_descendants(workspace.database, ids)).mask]
        if table.empty:
            raise WorkspaceError(f"no image of {shown} meets {' and '.join(where)}; choose another condition")
    stated = table["labelled"].fillna(False).to_numpy(bool)
    named, notes = np.zeros(len(table), bool), []
    if decisions:
        taught = taught_by_decisions(workspace.database, table)
        named, stated = taught.named, stated | taught.named | taught.empty
        notes.append(
            f"{int(taught.named.sum()):,} images without labels teach what reviewers named in them, "
            f"{int(taught.empty.sum()):,} that they are empty; {taught.disputed:,} were named differently and left out."
        )
    if not stated.all():
        notes.append(f"{int((~stated).sum()):,} of {len(table):,} images are not labelled and teach nothing.")
    table, named = table[stated].reset_index(drop=True), named[stated]
    labels = [list(names) for names in table["concepts"]]
    if not any(labels):
        raise WorkspaceError(f"no image of {shown} is annotated with a concept; import labels first")
    groups = group_codes(table)
    vocabulary = _vocabulary(workspace, ids)
    parents = {name: parent for of_set in vocabulary.values() for name, (parent, _) in of_set.items()}
    codes = {name: code for of_set in vocabulary.values() for name, (_, code) in of_set.items() if code}
    fates: list[RareConcept] = []
    if tree is None:
        tree, fates = build_tree(labels, groups, parents, rule or RareRule(), codes)
        if len(tree) == 0:
            raise WorkspaceError(
                f"every concept of {shown} is rarer than the rule allows; lower --rare-images and --rare-groups, "
                "or keep rare concepts with --rare keep"
            )
    else:
        missing = tree.unknown_names(labels)
        if missing:
            few = ", ".join(list(missing)[:5])
            notes.append(f"{len(missing)} concepts of {shown} are unknown to the model and left out: {few}.")
    complete = with_parents(labels, parents)
    targets = tree.closed(tree.statements(complete))
    known = _known(table, tree, vocabulary)
    known[named] &= targets[named]  # who names one thing says nothing about the others
    names = _group_names(table, groups)
    content = "\n".join(table["content_hash"].astype("str") + table["region"].astype("str"))
    data_hash = digest(content, *tree.names, array_digest(targets), array_digest(known), array_digest(groups))
    return Examples(
        table, jobs_of(workspace, table), groups, names, tree, targets, known, tuple(fates), tuple(notes), data_hash
    )


def jobs_of(workspace: Workspace, table: pd.DataFrame) -> tuple[RegionJob, ...]:
    """What the embedding loop needs of each row of a region table (of the catalogue's or of a run's)."""
    roots = {dataset.name: dataset.root for dataset in workspace.datasets()}
    columns = [table[name].tolist() for name in ("dataset", "path", "content_hash", "width", "height", "region")]
    jobs = []
    for dataset, path, content_hash, width, height, region in zip(*columns, strict=True):
        if dataset not in roots:
            raise WorkspaceError(f"the dataset {dataset!r} is not in this workspace any more; import it again")
        box = None if region == "image" else box_of(region)
        jobs.append(RegionJob(region_key(content_hash, box), Path(roots[dataset]) / path, width, height, box))
    return tuple(jobs)


def _vocabulary(workspace: Workspace, ids: Sequence[int]) -> dict[str, dict[str, tuple[str | None, str]]]:
    """By dataset name: each concept of its label set, with its parent's name and its code."""
    with workspace.database.read() as session:
        sets = {row.name: row.label_set_id for row in session.execute(
            select(Dataset.name, Dataset.label_set_id).where(Dataset.id.in_(ids))
        )}  # fmt: skip
        rows: list[Any] = list(
            session.execute(
                select(Concept.id, Concept.parent_id, Concept.name, Concept.code, Concept.label_set_id)
                .where(Concept.label_set_id.in_(set(sets.values())))
                .order_by(Concept.id)
            )
        )
    names = {row.id: row.name for row in rows}
    return {
        dataset: {row.name: (names.get(row.parent_id), row.code or "") for row in rows if row.label_set_id == label_set}
        for dataset, label_set in sets.items()
    }


def _known(
    table: pd.DataFrame, tree: LabelTree, vocabulary: dict[str, dict[str, tuple[str | None, str]]]
) -> NDArray[np.bool_]:
    """A labelled image says something about every concept of its own label set."""
    known = np.zeros((len(table), len(tree)), bool)
    for dataset, concepts in vocabulary.items():
        has = np.array([name in concepts for name in tree.names])
        known[(table["dataset"] == dataset).to_numpy()] = has
    return known


def _group_names(table: pd.DataFrame, groups: NDArray[np.int64]) -> tuple[str, ...]:
    _, first = np.unique(groups, return_index=True)
    return tuple(group_names(table.iloc[first]))
