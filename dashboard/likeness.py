"""Search by example: all regions of a run in the order of their likeness to one picture.

The contract:
- an example is a region of the run, named by its id, or an uploaded picture, named by the key that `add` gave it;
- distances are cosine distances in [0, 2], 0 is a copy; where only the neighbour graph can answer, the rest is inf;
- uploads are kept as vectors alone, few of them, in memory: their links work while the server runs.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from core.runs import Run
    from dashboard.uploads import Upload

MOST = 400_000_000
"""Numbers in a run's embeddings up to which all are compared; beyond, the graph's nearest answer."""
_KEPT = 200
_lock = Lock()
_vectors: OrderedDict[str, np.ndarray] = OrderedDict()


@dataclass(frozen=True)
class Alike:
    """Distances to one example.

    Attributes:
        distances: ``[N]`` float32, infinite where not known.
        order: ``[M]`` rows of the run whose distance is known, nearest first, ties by row.
    """

    distances: np.ndarray
    order: np.ndarray


def vector_of(run: Run, upload: Upload) -> np.ndarray:
    """``[D]`` float32: an uploaded picture, embedded whole as the run's network does.

    Raises:
        ModelError: the run's network cannot be opened.
    """
    from core.embed.prepare import prepare
    from core.explain.networks import network_of

    embedder = network_of(run)
    geometry = embedder.geometry(upload.image.width, upload.image.height)
    vector: np.ndarray = embedder.embed(prepare(upload.image, geometry)[None])[0].float().cpu().numpy()
    return vector


def add(run: Run, upload: Upload) -> str:
    """Embed an uploaded picture and keep it; returns its key for `distances`.

    Raises:
        ModelError: the run's network cannot be opened.
    """
    from core.explain.networks import network_of

    vector = vector_of(run, upload)
    key = f"u{upload.digest}"
    with _lock:
        _vectors[f"{network_of(run).key} {key}"] = vector
        while len(_vectors) > _KEPT:
            _vectors.popitem(last=False)
    return key


def row_of(run: Run, like: str) -> int | None:
    """The row of the region that an example names; ``None`` for an upload or a region that is not in the run."""
    if not (like.isascii() and like.isdecimal() and len(like) < 16):
        return None
    rows = np.flatnonzero(run.table["region_id"].to_numpy() == int(like))
    return int(rows[0]) if len(rows) else None


def distances(run: Run, like: str) -> Alike | None:
    """All regions by their likeness to an example; ``None`` when this run does not know it."""
    row = row_of(run, like)
    if row is not None:
        return _of_row(run.key, row, run)
    facts = run.manifest.get("embedder", {})
    with _lock:
        vector = _vectors.get(f"{facts.get('key', '')} {like}")
    return None if vector is None else _of_upload(run.key, like, run, vector)


@st.cache_resource(max_entries=24, show_spinner=False)
def _of_row(run_key: str, row: int, _run: Run) -> Alike:
    if _run.embeddings.size <= MOST:
        return _alike(_compared(np.asarray(_run.embeddings[row]), _run))
    graph = _run.graph_all
    rows = np.asarray(graph.indices[row], dtype=np.int64)
    found = np.full(len(_run.table), np.inf, np.float32)
    found[rows[rows >= 0]] = np.asarray(graph.distances[row])[rows >= 0]
    return _alike(found)


@st.cache_resource(max_entries=24, show_spinner=False)
def _of_upload(run_key: str, key: str, _run: Run, _vector: np.ndarray) -> Alike:
    return _alike(_compared(_vector, _run))


def _compared(vector: np.ndarray, run: Run) -> np.ndarray:
    from core.neighbours.search import distances_to

    return distances_to(vector, run.embeddings)


def _alike(found: np.ndarray) -> Alike:
    order = np.argsort(found, kind="stable")
    return Alike(found, order[np.isfinite(found[order])])
