"""New images laid over the open map, approximately: another run's regions, or pictures that a visitor brings.

The contract: the map does not move and the open run is not changed; regions that the map holds already are left out;
what is placed is told apart everywhere by its shape and by the word approximate. Nothing but the run's stored vectors
and coordinates is needed, so it works the same after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.clusters.placing import Placed, place
from core.errors import CoreError
from dashboard import assets, clustering, parts, state, words
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from core.runs import Run, RunInfo
    from dashboard.state import View

MOST = 2000
NAMED = 50_000
"""Regions up to which clusters are named wherever they are told; beyond, their names would be waited for."""


@dataclass(frozen=True)
class Guests:
    """What is laid over a map.

    Attributes:
        called: What they are, ``12 regions of run 3``.
        xy: ``[Q, 2]`` approximate places.
        labels: ``[Q]`` numbers of the clusters that they were placed in, or -1.
        distance: ``[Q]`` cosine distance to the nearest region of the map.
        names: Of the clusters, by number.
        told: Where the browser finds what each is called and looks like: see ``map_guests.js``.
        left_out: How many more there were.
    """

    called: str
    xy: np.ndarray
    labels: np.ndarray
    distance: np.ndarray
    names: Mapping[int, str]
    told: Mapping[str, Any]
    left_out: int = 0

    def to_browser(self) -> dict[str, Any]:
        """Places, and what is told of them under the pointer."""
        numbers, which = np.unique(self.labels, return_inverse=True)
        return {
            "places": self.xy.round(5).tolist(),
            "distances": [words.score(float(distance)) for distance in self.distance],
            "clusters": ["no cluster" if number < 0 else self.names[int(number)] for number in numbers],
            "joins": which.tolist(),
            **self.told,
        }


@dataclass(frozen=True)
class Floor:
    """The map that is placed on, with the clusters as they stand.

    Attributes:
        key: Changes with the run and with every edit of its clusters.
        labels: ``[N]`` a cluster's number, or -1.
    """

    key: str
    run: Run
    labels: np.ndarray
    names: Mapping[int, str]

    def place(self, vectors: np.ndarray) -> Placed:
        """Where new vectors of the run's network lie; rows are those of the run.

        Raises:
            EmbeddingError: they come from another network.
        """
        xy = self.run.table[["x", "y"]].to_numpy(dtype=float)
        on = np.isfinite(xy).all(axis=1)
        if on.all():  # as they lie on the disk: a million need not be read into memory
            return place(vectors, self.run.embeddings, xy, self.labels)
        found = place(vectors, np.asarray(self.run.embeddings[on]), xy[on], self.labels[on])
        return replace(found, rows=np.flatnonzero(on)[found.rows])


def floor(view: View) -> Floor:
    """The open run's map; in large runs with the clusters as the run left them, by number."""
    run = view.run
    if len(run.table) <= NAMED:
        clusters = clustering.clustered(view)
        return Floor(clusters.key, run, clusters.grouping.labels, clusters.names)
    labels = run.table["cluster"].fillna(-1).to_numpy(dtype=np.int64)
    names = {number: f"cluster {number}" for number in range(int(labels.max(initial=-1)) + 1)}
    return Floor(run.key, run, labels, names)


def offered(view: View) -> list[RunInfo]:
    """Finished runs of the same network whose regions may be placed here."""
    own = view.run.settings
    return [
        info
        for info in view.runs
        if info.state == "done"
        and info.id != view.run.id
        and info.settings.embed.embedder == own.embed.embedder
        and info.settings.embed.short_side == own.embed.short_side
    ]


def choose(view: View) -> Guests | None:
    """The box that chooses a run to place, and what comes of it; the URL's ``placed`` keeps it."""
    runs = {info.id: info for info in offered(view)}
    if not runs:
        return None
    asked = state.url_id("placed")
    st.session_state["map_placed"] = asked if asked in runs else None

    def changed() -> None:
        state.set_url("placed", st.session_state["map_placed"])

    chosen = st.selectbox(
        "Place another run here",
        list(runs),
        index=None,
        key="map_placed",
        format_func=lambda run_id: f"{run_id} · {runs[run_id].name}",
        on_change=changed,
        placeholder="none",
        help="Its regions are put where they would lie, approximately; this map does not move",
    )
    if chosen is None:
        return None
    here, other = floor(view), state.open_run(view.workspace, runs[chosen])
    try:
        return _guests(here.key, other.key, here, other)
    except CoreError as error:
        parts.note(sentence(f"it cannot be placed here: {error}"))
        return None


@st.cache_resource(max_entries=4, show_spinner="Placing …")
def _guests(key: str, other_key: str, _floor: Floor, _other: Run) -> Guests:
    run, other = _floor.run, _other
    if run.manifest.get("embedder", {}).get("key") != other.manifest.get("embedder", {}).get("key"):
        raise CoreError("it was made by another network or other weights")
    known = np.isin(other.table["region_id"].to_numpy(), run.table["region_id"].to_numpy())
    rows = np.flatnonzero(~known)
    if not len(rows):
        raise CoreError("this map holds all of its regions already")
    left_out = max(0, len(rows) - MOST)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(np.int64)]
    told = {
        "rows": rows.tolist(),
        "items": f"{assets.base()}/items/{other.id}?rows={{rows}}",
        "sheet": f"{assets.base()}/sheet/{other.id}?rows={{rows}}&tile=128",
    }
    called = f"{words.plural(len(rows), 'region')} of run {other.id}"
    placed = _floor.place(np.asarray(other.embeddings[rows]))
    return Guests(called, placed.xy, placed.labels, placed.distance, _floor.names, told, left_out)


def sentence_of(guests: Sequence[Guests]) -> str:
    """What the placed ones are, and how far they can be believed."""
    if not guests:
        return ""
    near = words.score(float(np.median(np.concatenate([one.distance for one in guests]))))
    left_out = sum(one.left_out for one in guests)
    more = f" {words.plural(left_out, 'more region')} are not drawn." if left_out else ""
    if sum(len(one.xy) for one in guests) == 1:
        return (
            f"{guests[0].called} is drawn as a square. Its place is approximate: the mean of its nearest neighbours "
            f"here (the nearest at a distance of {near}); the map did not move for it."
        )
    return (
        f"{' and '.join(one.called for one in guests)} are drawn as squares. Their places are approximate: the mean of "
        f"their nearest neighbours here (half of them have one within a distance of {near}); the map did not move for "
        f"them.{more}"
    )
