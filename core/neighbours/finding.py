"""Both neighbour graphs of a collection, exact or approximate as its settings say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.neighbours.approximate import approximate_graphs
from core.neighbours.graph import Graph, Graphs, reference_graph, similarity_graphs
from core.neighbours.recall import Recall
from core.neighbours.vectors import Vectors
from core.progress import Progress, silent


@dataclass(frozen=True)
class Found:
    """The graphs, and their recall where they are approximate (``None``: they are exact)."""

    graphs: Graphs
    recall: Recall | None


def find_graphs(
    embeddings: Vectors,
    *,
    reference: NDArray[np.bool_],
    groups: NDArray[np.integer] | None,
    k_all: int,
    k_reference: int,
    recall: float | None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> Found:
    """Find neighbours.

    Args:
        k_all: Columns of the graph of all; 0 leaves it empty.
        recall: Share of true neighbours to reach by approximate search; ``None`` compares every pair.

    Raises:
        EmbeddingError, GraphError: as `similarity_graphs`.
    """
    if recall is not None:
        near = approximate_graphs(
            embeddings,
            reference=reference,
            groups=groups,
            k_all=k_all,
            k_reference=k_reference,
            recall=recall,
            device=device,
            progress=progress,
        )
        return Found(*near)
    if k_all:
        return Found(
            similarity_graphs(
                embeddings,
                reference=reference,
                groups=groups,
                k_all=k_all,
                k_reference=k_reference,
                device=device,
                progress=progress,
            ),
            None,
        )
    known = reference_graph(
        embeddings, reference=reference, groups=groups, k=k_reference, device=device, progress=progress
    )
    rows = len(known.indices)
    return Found(Graphs(Graph(np.empty((rows, 0), np.int32), np.empty((rows, 0), np.float32)), known), None)
