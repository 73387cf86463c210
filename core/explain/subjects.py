"""What is explained: a region of a run, or a picture from outside, with the neighbours its score is made of.

The contract:
- a region of a run comes with the very neighbours that made its stored score: the first ``manifest["k"]`` columns of
  ``graph_reference``, in which nothing of its own group stands;
- a picture from outside belongs to no group, and its neighbours are looked for in the whole reference;
- pictures are opened and prepared as for embedding, by threads; one that cannot be opened is a failure with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.artefacts import digest
from core.embed.embedder import Embedder
from core.embed.geometry import Box, InputGeometry
from core.embed.prepare import prepare
from core.errors import CoreError, GraphError, ImageError, WorkspaceError
from core.images.decode import decode, open_image
from core.images.files import read_file
from core.runs import Run
from core.workspace import Workspace


@dataclass(frozen=True)
class Subject:
    """One thing to explain.

    Attributes:
        row: Of the run; ``None`` for a picture from outside.
        source: A file, or a file's content.
        width, height: Of the whole upright image, in pixels.
        box: The region; ``None`` is the whole image.
        key: Of what is to be seen, for caches.
    """

    row: int | None
    source: Path | bytes
    width: int
    height: int
    box: Box | None
    key: str


def subject_of_row(run: Run, workspace: Workspace, row: int) -> Subject:
    """A region of a run.

    Raises:
        WorkspaceError: the run has no such row.
        ImageError: the image is gone or has changed its place.
    """
    table = run.table
    if not 0 <= row < len(table):
        raise WorkspaceError(f"run {run.id} has regions 0 to {len(table) - 1}, got {row}")
    line = table.iloc[row]
    image = workspace.image(int(line["image_id"]))
    if image is None:
        raise ImageError("missing", f"the image {line['path']!r} is not there any more; put it back or import again")
    corners = [float(line[name]) for name in ("box_x", "box_y", "box_w", "box_h")]
    box = None if np.isnan(corners[0]) else (corners[0], corners[1], corners[2], corners[3])
    return Subject(
        row,
        image.path,
        image.width,
        image.height,
        box,
        digest("row", image.content_hash, repr(box)),
    )


def subject_of_image(source: Path | bytes) -> Subject:
    """A whole picture from outside the run.

    Raises:
        ImageError: it cannot be used.
    """
    content = source if isinstance(source, bytes) else read_file(source)[0]
    name = "the picture" if isinstance(source, bytes) else repr(source.name)
    opened = decode(content, name=name, longest=64)
    return Subject(None, content, opened.width, opened.height, None, digest("image", content))


def row_of_image(run: Run, words: str) -> int | None:
    """The row that an image's id, a region's place, or a path means: its strangest region.

    Args:
        words: An image id, or a path as the catalogue knows it (or the end of one, if only one image ends so).

    Returns:
        ``None`` when the run holds no such image.

    Raises:
        WorkspaceError: several images end in this path.
    """
    table = run.table
    if words.isdecimal():
        found = table.index[table["image_id"] == int(words)]
    else:
        asked = words.replace("\\", "/")
        found = table.index[table["path"] == asked]
        if not len(found):
            found = table.index[table["path"].str.endswith("/" + asked.lstrip("/"))]
        if not len(found) and "/" in asked:
            found = table.index[[asked.endswith("/" + path) for path in table["path"]]]
    if table.loc[found, "image_id"].nunique() > 1:
        raise WorkspaceError(f"several images of this run end in {words!r}; name one by its id or its whole path")
    if not len(found):
        return None
    scores = table.loc[found, "ood_score"].fillna(-1.0)
    return int(scores.idxmax())


def neighbours_of(run: Run, row: int) -> NDArray[np.int64]:
    """The k rows whose mean distance is the region's stored score, nearest first.

    Raises:
        GraphError: nothing was scored, or too few reference regions lie outside the region's group.
    """
    k = int(run.manifest["k"])
    if k < 1:
        raise GraphError(
            f"this run has no OOD scores to explain: {run.manifest['flag'].get('sentence', 'no reference')}"
        )
    indices = np.asarray(run.graph_reference.indices[row, :k], np.int64)
    if len(indices) < k or (indices < 0).any():
        raise GraphError(
            f"region {row} has {int((indices >= 0).sum())} reference regions outside its own group and its score needs "
            f"{k}; choose a wider reference or a smaller k"
        )
    return indices


def mean_of_units(run: Run, rows: NDArray[np.int64]) -> Tensor:
    """``[D]`` float64: the mean of the unit embeddings of some regions; not of length one."""
    vectors = torch.from_numpy(np.asarray(run.embeddings[rows], np.float64))
    mean: Tensor = (vectors / vectors.norm(dim=1, keepdim=True)).mean(0)
    return mean


def neighbours_from_outside(run: Run, embeddings: Tensor) -> NDArray[np.int64]:
    """The k nearest reference rows of vectors that are not in the run: ``[B, k]``.

    Raises:
        GraphError: the run has no scores.
    """
    from core.neighbours.search import search

    k = int(run.manifest["k"])
    reference = np.flatnonzero(run.table["set"].isin(["reference", "both"]).to_numpy())
    if k < 1 or not len(reference):
        raise GraphError("this run has no OOD scores, so nothing can be compared with its reference")
    found = search(embeddings.cpu().numpy(), np.asarray(run.embeddings[reference]), min(k, len(reference)))
    return reference[found.indices]


@dataclass(frozen=True)
class Opened:
    """A subject's pixels as the network takes them: ``[3, H, W]`` uint8, with its geometry."""

    place: int
    geometry: InputGeometry
    pixels: Tensor


def open_subjects(
    subjects: Sequence[Subject], geometries: Sequence[Sequence[InputGeometry]], workers: int = 2
) -> tuple[list[Opened], dict[int, str]]:
    """Prepare inputs: for each subject one for each of its geometries (tiles are cut from one decoding).

    Returns:
        What could be opened, and by place the reason for what could not.
    """

    def work(place: int) -> list[Opened] | str:
        subject, wanted = subjects[place], geometries[place]
        try:
            image = open_image(subject.source, longest=max(one.decode_longest for one in wanted))
            return [Opened(place, one, prepare(image, one)) for one in wanted]
        except CoreError as error:
            return str(error)

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="why") as pool:
        results = list(pool.map(work, range(len(subjects))))
    opened = [one for result in results if not isinstance(result, str) for one in result]
    failures = {place: result for place, result in enumerate(results) if isinstance(result, str)}
    return opened, failures


def usual_geometry(embedder: Embedder, subject: Subject) -> InputGeometry:
    """How the embedder sees a subject."""
    return embedder.geometry(subject.width, subject.height, subject.box)
