"""How far a map can be believed: trustworthiness and continuity.

Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods". Trustworthiness falls when points are
neighbours on the map that are not neighbours in the collection; continuity falls when neighbours in the collection are
torn apart on the map. Ranks are exact; only the rows they are averaged over are sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import EmbeddingError
from core.neighbours.vectors import Vectors, check_shape, full_precision, graph_device, similarity, unit_rows

_PAIRS = 2**25  # pairs of rows looked at together
_READ = 8192  # rows of the collection read together


@dataclass(frozen=True)
class MapQuality:
    """Both figures in [0, 1]; larger is better, 1 is a map that keeps every neighbourhood.

    Attributes:
        k: Neighbours looked at, after clamping to what the number of rows allows.
        rows: Rows averaged over.
    """

    trustworthiness: float
    continuity: float
    k: int
    rows: int


def map_quality(
    embeddings: Vectors,
    projection: NDArray[np.floating],
    *,
    k: int = 15,
    sample: int = 2000,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> MapQuality:
    """Compare neighbourhoods in the collection (cosine) with those on the map (Euclidean).

    Args:
        embeddings: ``[N, D]`` floating, any length; a memory map is read block by block.
        projection: ``[N, 2]`` coordinates.
        k: Neighbours looked at; clamped so that ``2 N - 3 k - 1`` stays positive, as the measure demands.
        sample: Rows averaged over; N or more takes every row, and then both figures are those of the definition.

    Returns:
        Figures for those rows; with one or two rows, where nothing can be wrong, both are 1 and k is 0.

    Raises:
        EmbeddingError: the arrays' lengths differ, or a row is zero or not finite.
    """
    count, _ = check_shape(embeddings)
    if projection.ndim != 2 or len(projection) != count:
        raise EmbeddingError(f"the projection must have {count} rows as the embeddings do, got {projection.shape}")
    k = min(k, (count - 1) // 2)
    if k < 1:
        return MapQuality(1.0, 1.0, 0, count)
    rng = np.random.default_rng(seed)
    rows = np.arange(count) if sample >= count else np.sort(rng.choice(count, sample, replace=False))
    where = graph_device(device)
    flat = torch.from_numpy(np.array(projection, np.float64)).to(where)
    false, torn = 0.0, 0.0
    with full_precision():
        step = max(1, _PAIRS // count)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            far = _cosine(embeddings, part, count, where)
            picked = torch.from_numpy(part).to(where)
            near = torch.cdist(flat[picked], flat, compute_mode="donot_use_mm_for_euclid_dist")
            itself = torch.arange(len(part), device=where)
            far[itself, picked] = torch.inf
            near[itself, picked] = torch.inf
            false += _excess(near, far, k)
            torn += _excess(far, near, k)
    worst = 2.0 / (len(rows) * k * (2 * count - 3 * k - 1))
    return MapQuality(1.0 - worst * false, 1.0 - worst * torn, k, len(rows))


def _cosine(embeddings: Vectors, rows: NDArray[np.int64], count: int, device: torch.device) -> Tensor:
    """``[n, N]`` float32 cosine distances of some rows to all."""
    left = unit_rows(embeddings, rows, device, name="embeddings")
    parts = [
        similarity(left, unit_rows(embeddings, slice(start, min(start + _READ, count)), device, name="embeddings"))
        for start in range(0, count, _READ)
    ]
    return 1.0 - torch.cat(parts, dim=1)


def _excess(chosen: Tensor, judged: Tensor, k: int) -> float:
    """Sum over the k nearest by `chosen` of how far beyond k their rank by `judged` is (equal distances share one)."""
    nearest = torch.topk(chosen, k, dim=1, largest=False).indices
    # numpy sorts rows several times faster than torch does on a CPU.
    on_cpu = judged.device.type == "cpu"
    ordered = torch.from_numpy(np.sort(judged.numpy(), axis=1)) if on_cpu else torch.sort(judged, dim=1).values
    rank = torch.searchsorted(ordered, torch.gather(judged, 1, nearest)) + 1
    return float((rank - k).clamp(min=0).double().sum())
