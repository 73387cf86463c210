"""Embeddings as unit vectors on a device, block by block, with bit-equal rows found once.

The contract:
- rows are divided by their length in float64 and kept in float32: a vector and its multiple are the same;
- a row that is zero or not finite is an `EmbeddingError` that names the first such row;
- an array larger than `keep_bytes` is never held: its blocks are read (and normalised) again when asked for;
- rows with the same bits are one node. A matrix product may round equal rows differently at different places of a
  block; with one node for all of them their distances are equal by construction, so that ties can break by row id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import linear

from core.errors import EmbeddingError

Vectors: TypeAlias = NDArray[Any] | Tensor
KEEP_BYTES = 4 << 30
_SCAN_ROWS = 2048
_WIDE = 768
_CHAIN = 1024


def graph_device(device: str | torch.device) -> torch.device:
    """The device that similarity work runs on: CUDA as given, otherwise the CPU (MPS lacks 64-bit selection)."""
    asked = torch.device(device)
    return asked if asked.type == "cuda" else torch.device("cpu")


@contextmanager
def full_precision() -> Iterator[None]:
    """Plain float32 products: TF32 keeps 10 bits of a number, too few for near-duplicates."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_shape(vectors: Vectors, name: str = "embeddings") -> tuple[int, int]:
    """``(N, D)`` of a non-empty 2-D array; raises `EmbeddingError` otherwise."""
    if vectors.ndim != 2 or vectors.shape[0] == 0 or vectors.shape[1] == 0:
        raise EmbeddingError(f"{name} must be a non-empty array of shape (N, D), got shape {tuple(vectors.shape)}")
    return int(vectors.shape[0]), int(vectors.shape[1])


def similarity(left: Tensor, right: Tensor) -> Tensor:
    """``[A, B]`` float32 dot products of unit rows ``[A, D]`` and ``[B, D]``, right to 1e-6, always a fresh tensor."""
    if left.device.type != "cpu" or left.shape[1] < _WIDE or not _onednn():
        return left @ right.T
    # oneDNN adds along D in long chains: 1.3e-6 off at worst over 2048 numbers, 6e-7 in two parts (a BLAS: 3e-7). Over
    # 256 to 512 numbers it is no better, so narrow vectors are left to the BLAS.
    total = _onednn_product(left[:, :_CHAIN], right[:, :_CHAIN])
    for start in range(_CHAIN, left.shape[1], _CHAIN):
        part = slice(start, start + _CHAIN)
        total += _onednn_product(left[:, part], right[:, part])
    return total


def _onednn_product(left: Tensor, right: Tensor) -> Tensor:
    return linear(left.to_mkldnn(), right.to_mkldnn()).to_dense()


def _onednn() -> bool:
    """Whether oneDNN multiplies faster than torch's BLAS: MKL leaves AVX-512 unused on other makers' processors."""
    built = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return built and torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def unit_rows(vectors: Vectors, rows: NDArray[np.int64] | slice, device: torch.device, *, name: str) -> Tensor:
    """Some rows as ``[n, D]`` float32 unit vectors on `device`, in the order of `rows`.

    Raises:
        EmbeddingError: a row is zero or not finite; the message names it by its place in `vectors`.
    """
    if isinstance(vectors, Tensor):
        picked: Tensor = (
            vectors[rows] if isinstance(rows, slice) else vectors[torch.from_numpy(rows).to(vectors.device)]
        )
        block = picked.to(device).double()
    else:
        # A copy also of a plain slice: torch must not alias a read-only memory map.
        block = torch.from_numpy(np.array(vectors[rows], dtype=np.float32)).to(device).double()
    length: Tensor = torch.linalg.vector_norm(block, dim=1, keepdim=True)
    good = torch.isfinite(length) & (length > 0)
    if not bool(good.all()):
        place = int((~good[:, 0]).nonzero()[0, 0])
        row = range(len(vectors))[rows][place] if isinstance(rows, slice) else int(rows[place])
        fault = "is zero" if bool(length[place, 0] == 0) else "is not finite"
        raise EmbeddingError(f"row {row} of {name} {fault}: it has no direction to compare; leave it out")
    # Adding zero turns -0.0 into 0.0, so that equal rows have equal bits.
    unit: Tensor = (block / length).float()
    return unit.add_(0.0)


@dataclass(frozen=True)
class Nodes:
    """The distinct unit vectors of N rows, reference nodes first, then by row id.

    Attributes:
        of_row: ``[N]`` int64, the node of every row.
        row: ``[U]`` int64, the row that a node's vector is read from (a reference row for a reference node).
        references: How many of the nodes hold a reference row; they are nodes ``0 … references - 1``.
        kept: ``[U, D]`` float32 on the device, or ``None`` when blocks are read again.
    """

    of_row: NDArray[np.int64]
    row: NDArray[np.int64]
    references: int
    kept: Tensor | None
    vectors: Vectors
    device: torch.device

    @property
    def count(self) -> int:
        return len(self.row)

    def block(self, start: int, stop: int) -> Tensor:
        """``[stop - start, D]`` float32 unit vectors of nodes ``start … stop - 1`` on the device."""
        if self.kept is not None:
            return self.kept[start:stop]
        return unit_rows(self.vectors, self.row[start:stop], self.device, name="embeddings")

    def pick(self, nodes: NDArray[np.int64]) -> Tensor:
        """The same for any nodes, copied."""
        if self.kept is not None:
            return self.kept[torch.from_numpy(nodes).to(self.device)]
        return unit_rows(self.vectors, self.row[nodes], self.device, name="embeddings")


def find_nodes(
    embeddings: Vectors, reference: NDArray[np.bool_], device: torch.device, keep_bytes: int | None = None
) -> Nodes:
    """Check every row, find bit-equal ones, keep the unit vectors if they fit `keep_bytes` (``None``: a default)."""
    count, width = check_shape(embeddings)
    if keep_bytes is None:
        keep_bytes = torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else KEEP_BYTES
    order = np.argsort(~reference, kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    kept = torch.empty(count, width, device=device) if 4 * count * width <= keep_bytes else None
    weights = _odd_weights(width, device)
    prints = np.empty(count, np.int64)
    for start in range(0, count, _SCAN_ROWS):
        stop = min(start + _SCAN_ROWS, count)
        block = unit_rows(embeddings, slice(start, stop), device, name="embeddings")
        prints[place[start:stop]] = (block.view(torch.int32).long() * weights).sum(dim=1).cpu().numpy()
        if kept is not None:
            kept[torch.from_numpy(place[start:stop]).to(device)] = block
    first, node_of_place = _same_prints(prints)
    if len(first) < count:
        first, node_of_place = _confirm(embeddings, order, first, node_of_place, device)
    if kept is not None and len(first) < count:
        kept = _compact(kept, first)
    of_row = np.empty(count, np.int64)
    of_row[order] = node_of_place
    row = order[first]
    return Nodes(of_row, row, int(reference[row].sum()), kept, embeddings, device)


def _odd_weights(width: int, device: torch.device) -> Tensor:
    weights = np.random.default_rng(20240607).integers(-(2**62), 2**62, size=width, dtype=np.int64)
    return torch.from_numpy(weights | 1).to(device)


def _same_prints(prints: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First place of every distinct value in order of appearance, and every place's number in that order."""
    _, first, inverse = np.unique(prints, return_index=True, return_inverse=True)
    appearance = np.argsort(first, kind="stable")
    number = np.empty(len(first), np.int64)
    number[appearance] = np.arange(len(first))
    return first[appearance].astype(np.int64), number[inverse.reshape(-1)]


def _confirm(
    embeddings: Vectors,
    order: NDArray[np.int64],
    first: NDArray[np.int64],
    node_of_place: NDArray[np.int64],
    device: torch.device,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compare every repeated row with its first one bit by bit: a fingerprint alone might, rarely, deceive."""
    prints = node_of_place.copy()
    repeated = np.flatnonzero(first[node_of_place] != np.arange(len(node_of_place)))
    fresh = len(first)
    for start in range(0, len(repeated), _SCAN_ROWS):
        places = repeated[start : start + _SCAN_ROWS]
        ours = unit_rows(embeddings, order[places], device, name="embeddings")
        theirs = unit_rows(embeddings, order[first[node_of_place[places]]], device, name="embeddings")
        for place in places[(ours != theirs).any(dim=1).cpu().numpy()]:
            prints[place] = fresh
            fresh += 1
    return _same_prints(prints)


def _compact(kept: Tensor, first: NDArray[np.int64]) -> Tensor:
    """Move the first rows together in place (``first`` ascends, so nothing is overwritten before it is read)."""
    for start in range(0, len(first), _SCAN_ROWS):
        part = torch.from_numpy(first[start : start + _SCAN_ROWS]).to(kept.device)
        kept[start : start + len(part)] = kept[part]
    return kept[: len(first)]
