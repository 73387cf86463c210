"""A run's clusters as people have arranged them, with names, for every page that shows clusters.

The contract: made once for a run and its edits and shared; nothing here draws or writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.clusters.grouping import Edit, Grouping, Tree, replay, standing
from core.clusters.log import read_edits
from core.clusters.naming import Trait, Traits, all_set_apart, short_name, traits_of
from core.clusters.sorting import Sorting, SpaceFigures, compare_spaces, group_codes, single_concepts, sorts_by
from core.space.clusters import Clusters
from dashboard import later, words
from dashboard.summaries import is_reference

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

MOST_NAMED = 250


@dataclass(frozen=True)
class Clustered:
    """Clusters as they stand.

    Attributes:
        key: Changes with every edit.
        found: What the run's own clustering left; ``None`` for a run that kept only its labels.
        tree: Its condensed tree, where there is one.
        numbers: Clusters, largest first.
        apart: What sets each apart.
        names: What each is called: a person's name, else one made of what sets it apart, else its number.
    """

    key: str
    grouping: Grouping
    found: Clusters | None
    tree: Tree | None
    edits: tuple[Edit, ...]
    numbers: tuple[int, ...]
    apart: Mapping[int, list[Trait]]
    names: Mapping[int, str]

    def persistence(self, number: int) -> float:
        """Of a cluster that is still the run's own; NaN otherwise."""
        own = self.found is not None and number < self.found.count
        return float(self.found.persistence[number]) if own and self.found is not None else float("nan")

    def dense(self) -> tuple[np.ndarray, list[str]]:
        """``[N]`` places in the order of size, -1 for noise, and the names in that order."""
        places = np.full(self.grouping.next + 1, -1, np.int64)
        places[list(self.numbers)] = np.arange(len(self.numbers))
        return places[self.grouping.labels], [self.names[number] for number in self.numbers]


@st.cache_resource(max_entries=3, show_spinner=False)
def traits(run_key: str, _run: Run) -> Traits:
    """A run's columns made ready for telling clusters apart."""
    return traits_of(_run.table)


def clustered(view: View) -> Clustered:
    """The open run's clusters with all edits."""
    return of(view.workspace, view.run)


def of(space: Workspace, run: Run) -> Clustered:
    """A run's clusters with all edits."""
    edits = read_edits(space, run)
    return _clustered(run.key, f"{len(edits)} {edits[-1].key if edits else ''}", run, edits)


@st.cache_resource(max_entries=8, show_spinner=False)
def _clustered(run_key: str, edited: str, _run: Run, _edits: list[Edit]) -> Clustered:
    found = _run.artefact("clusters", Clusters)
    labels = _run.table["cluster"].fillna(-1).to_numpy(dtype=np.int64)
    usable = found if found is not None and len(found.labels) == len(labels) else None
    tree = Tree(usable.tree, len(labels)) if usable is not None and len(usable.tree.parent) else None
    nodes = usable.nodes.tolist() if usable is not None else []
    grouping = replay(labels, nodes, usable.tree if usable is not None else None, _edits)
    numbers = tuple(grouping.numbers())
    known = traits(_run.key, _run)
    apart = all_set_apart(known, grouping.labels, numbers[:MOST_NAMED])
    names = {number: _name(grouping, number, apart.get(number, [])) for number in numbers}
    return Clustered(f"{run_key} {edited}", grouping, usable, tree, tuple(standing(_edits)), numbers, apart, names)


def _name(grouping: Grouping, number: int, apart: list[Trait]) -> str:
    if number in grouping.names:
        return grouping.names[number]
    made = short_name(apart)
    return f"{number} · {made}" if made else f"cluster {number}"


@st.cache_resource(max_entries=8, show_spinner=False)
def sorting(key: str, _clusters: Clustered, _run: Run) -> Sorting:
    """What the clusters sort by."""
    return sorts_by(_clusters.grouping.labels, single_concepts(_run.table), group_codes(_run.table))


def spaces(run: Run) -> dict[str, SpaceFigures] | None:
    """kNN classification and local outliers on the embedding and on the projection; ``None`` while they are made."""
    return later.computed(run, "spaces", (), lambda: _spaces(run), "The vectors are being compared with the map.")


def _spaces(run: Run) -> dict[str, SpaceFigures]:
    table = run.table
    projection = table[["x", "y"]].to_numpy(dtype=float, na_value=np.nan)
    flagged = table["flagged"].fillna(False).to_numpy(dtype=bool)
    concepts, groups = single_concepts(table), group_codes(table)
    return compare_spaces(run.embeddings, projection, concepts, groups, is_reference(table), flagged)


@st.cache_resource(max_entries=8, show_spinner=False)
def listed(key: str, _clusters: Clustered, _run: Run) -> pd.DataFrame:
    """One line a cluster: ``number, name, size, share, flagged, groups, persistence``."""
    import pandas as pd

    labels, numbers = _clusters.grouping.labels, list(_clusters.numbers)
    flagged = _run.table["flagged"].fillna(False).to_numpy(dtype=bool)
    groups = group_codes(_run.table)
    inside = labels >= 0
    many = int(labels.max(initial=0)) + 1
    sizes = np.bincount(labels[inside], minlength=many)
    strange = np.bincount(labels[inside & flagged], minlength=many)
    named = inside & (groups >= 0)
    each = np.unique(labels[named].astype(np.int64) * (int(groups.max(initial=0)) + 1) + groups[named])
    among = np.bincount(each // (int(groups.max(initial=0)) + 1), minlength=many)
    return pd.DataFrame(
        {
            "number": numbers,
            "name": [_clusters.names[number] for number in numbers],
            "size": sizes[numbers],
            "share": sizes[numbers] / len(labels),
            "flagged": strange[numbers] / sizes[numbers],
            "groups": among[numbers],
            "persistence": [_clusters.persistence(number) for number in numbers],
        }
    )


def space_sentences(found: Mapping[str, SpaceFigures]) -> list[str]:
    """What the figures of the vectors and of the map alone say, and what follows where they are low."""
    lines = []
    for name, called in (("embedding", "By the vectors"), ("projection", "By the map alone")):
        one = found[name]
        said = []
        if not np.isnan(one.accuracy):
            said.append(
                "the commonest concept of the 10 nearest labelled regions of other groups is right for "
                f"{words.percent(one.accuracy)} (every concept counting the same; guessing among {one.concepts}: "
                f"{words.percent(1 / one.concepts)})"
            )
        if not np.isnan(one.auroc):
            said.append(
                f"the local outlier factor puts a flagged region above another {words.percent(one.auroc)} of the time, "
                "where chance is 50 %"
            )
        if said:
            lines.append(f"{called}: {'; '.join(said)}.")
    if not lines:
        return ["Fewer than two concepts are known and nothing is flagged: there is nothing to compare them by."]
    vectors = found["embedding"]
    if vectors.accuracy < max(2 / max(vectors.concepts, 1), 0.1):
        lines.append(
            "So what lies near a picture in other dives is hardly ever the same kind: pictures look more like their "
            "own dive than like their kind, and neighbours from elsewhere name nothing here."
        )
    if vectors.auroc < 0.5:
        lines.append(
            "Below 50 % means that flagged regions are far from the reference, yet no lonelier than reference regions "
            "near them are among themselves: they lie where the reference is sparse too, and this factor would pass "
            "them over."
        )
    return lines


def sorting_sentences(sorting: Sorting) -> list[str]:
    """What the agreement with concepts and groups says of the clusters, and what it does not."""
    by_concept, by_group = sorting.concepts, sorting.groups
    said = []
    if not np.isnan(by_concept):
        said.append(f"agreement with concepts {by_concept:.2f} ({words.plural(sorting.labelled, 'labelled region')})")
    if not np.isnan(by_group):
        said.append(f"with groups such as dives {by_group:.2f} ({words.plural(sorting.grouped, 'region')})")
    if not said:
        return ["The source names neither concepts nor groups, so nothing says what the clusters sort by."]
    lines = []
    if len(said) == 2:
        if by_group > by_concept + 0.05:
            lines.append(
                "The clusters sort by dive more than by species: light, camera and ground speak louder than animals. "
                "Do not take a cluster for a kind of animal without looking, and ask whether a dive's own look made it."
            )
        elif by_concept > by_group + 0.05:
            lines.append("The clusters sort by what is seen more than by the dive that it was seen on.")
        else:
            lines.append(
                "Concepts and dives agree with the clusters about equally: where species keep to certain dives, this "
                "figure cannot tell the two apart."
            )
    lines.append(
        "Adjusted mutual information, where 0 is what chance gives and 1 the same division: " + ", ".join(said) + "."
    )
    lines.append("Noise is left out, and a region with several concepts counts by its rarest one.")
    return lines
