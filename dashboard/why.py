"""Why-maps as pictures with transparency: one over a whole frame, or a sprite of them over a page of thumbnails.

The contract:
- what is asked for is a row of a run and a kind from `KINDS`; the maps come from `core.explain`, which keeps them;
- blue is more familiar, orange stranger, 0 transparent; what the network did not see is transparent as well;
- a map over one frame has a scale of its own, all maps over thumbnails share the run's, so that they can be compared.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ImageError, SelectionError
from dashboard import assets, sheets, words
from dashboard.slots import Layer

if TYPE_CHECKING:
    from core.explain.maps import Kind, WhyMap
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

KINDS: Mapping[str, Kind] = MappingProxyType({"ood-centred": "ood-centred", "ood": "ood"})
"""What may be asked for, by its name in an address."""
NAMES: Mapping[Kind, str] = MappingProxyType(
    {"ood-centred": "what makes it strange", "ood": "where the score sits"},
)
LEGEND = "Orange makes a picture stranger, blue more familiar"
AT_ONCE = 40
"""Most maps computed for one request."""
_LONGEST = 768
"""Longest side of a map over a frame in pixels; it has far fewer cells, so more would show nothing."""
_SAME = 5e-4
"""Scores closer than this read the same in three decimals."""


def layers(view: View, row: int) -> list[Layer]:
    """The maps that can be laid over a picture, for `dashboard.slots.LAYERS`; none where nothing was judged."""
    if not explainable(view.run) or words.missing(view.run.table["ood_score"].iloc[row]):
        return []
    return [
        Layer(NAMES[kind], f"{assets.base()}/why/{view.run.id}/{row}/{name}?of={view.run.key[:16]}")
        for name, kind in KINDS.items()
    ]


def overlay_url(run: Run) -> str:
    """Address of the sprites over a gallery, see `dashboard.gallery.Overlay`."""
    return f"{assets.base()}/whys/{run.id}/ood-centred?rows={{rows}}&tile={{tile}}&of={run.key[:16]}"


def explainable(run: Run) -> bool:
    """Whether the run has scores that are made of neighbours."""
    return int(run.manifest.get("k", 0)) > 0


def layer(space: Workspace, run: Run, row: int, kind: Kind) -> tuple[bytes, str]:
    """One map over the whole frame of its image.

    Returns:
        A PNG with transparency, and its legend in words.

    Raises:
        CoreError: the image, the weights or the neighbours are not there.
    """
    from core.explain.regions import explain_regions

    batch = explain_regions(run, space, [row], kind=kind)
    found = batch.maps[0]
    if found is None:
        raise ImageError("unreadable", batch.failures[0])
    width, height = found.geometry.image_width, found.geometry.image_height
    shrunk = min(1.0, _LONGEST / max(width, height))
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    return _png(_coloured(found.pixels(size), batch.limit)), legend(found)


def legend(found: WhyMap) -> str:
    """What the colours mean, what the cells add up to, and how far both may be believed."""
    score = words.score(found.score)
    if not found.exact:
        adds = f"An approximation by gradient: the cells add up to {words.score(found.total)}, the score is {score}."
    elif found.kind == "ood":
        adds = f"Exact: the cells add up to the score {score}."
    else:
        adds = f"Exact: orange raises the score of {score}, blue lowers it, and together they add up to 0."
    sentences = [f"{LEGEND}.", adds]
    if found.score is not None and found.stored_score is not None and abs(found.score - found.stored_score) > _SAME:
        sentences.append(
            f"The run stored {words.score(found.stored_score)}; this map is of the {score} that the network gives now."
        )
    if found.outside > 0.05:
        sentences.append(f"{words.percent(found.outside)} of it lies on the padding around the picture.")
    return " ".join(sentences)


def sprite(space: Workspace, run: Run, rows: Sequence[int], tile: int, kind: Kind) -> bytes:
    """Maps of several regions in one picture, placed as `dashboard.sheets` places their thumbnails.

    Args:
        rows: Up to `AT_ONCE`; all are computed in one batch.
        tile: Side of a tile in pixels.

    Returns:
        A PNG with transparency; the tile of a region without a map is empty.

    Raises:
        SelectionError: too many rows.
        CoreError: the weights are not there, or no region at all has a map.
    """
    from core.explain.regions import explain_regions

    if len(rows) > AT_ONCE:
        raise SelectionError(f"up to {AT_ONCE} maps are made at once, got {len(rows)}; ask for fewer rows")
    batch = explain_regions(run, space, rows, kind=kind)
    if len(batch.failures) == len(rows):
        raise ImageError("unreadable", batch.failures[0])
    canvas = np.zeros((math.ceil(len(rows) / sheets.COLUMNS) * tile, sheets.COLUMNS * tile, 4), np.uint8)
    strange = strangest(run)
    for place, found in enumerate(batch.maps):
        if found is None:
            continue
        picture = _coloured(_region(found, tile), strange / found.cells.size)
        top = place // sheets.COLUMNS * tile + (tile - picture.shape[0]) // 2
        left = place % sheets.COLUMNS * tile + (tile - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return _png(canvas)


def strangest(run: Run) -> float:
    """Full colour of maps over thumbnails, times the number of cells: twice the 99th percentile of the scores."""
    scores = run.table["ood_score"].to_numpy(dtype=float)
    return 2 * float(np.nanquantile(scores, 0.99)) if np.isfinite(scores).any() else 0.0


def _region(found: WhyMap, tile: int) -> np.ndarray:
    """The map over its region alone, its longer side `tile` pixels."""
    from core.explain.drawing import draw_cells

    shape = found.geometry
    scale = tile / max(shape.width, shape.height)
    size = max(1, round(shape.width * scale)), max(1, round(shape.height * scale))
    alone = replace(
        shape,
        image_width=max(1, math.floor(shape.width)),
        image_height=max(1, math.floor(shape.height)),
        left=0.0,
        top=0.0,
    )
    return draw_cells(found.cells, alone, size)


def _coloured(values: np.ndarray, limit: float) -> np.ndarray:
    """``[h, w, 4]`` uint8 of values with ``limit`` at full colour; NaN and 0 are transparent."""
    from core.explain.drawing import colours

    known = np.where(np.isfinite(values), values, 0.0)
    share = np.clip(known / limit, -1, 1) if limit > 0 else np.zeros_like(known)
    shown = np.concatenate([colours(share), 255 * np.abs(share)[..., None]], axis=-1)
    result: np.ndarray = np.rint(shown).astype(np.uint8)
    return result


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "PNG", compress_level=3)
    return out.getvalue()
