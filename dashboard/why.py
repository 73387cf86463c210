"""Why-maps as pictures with transparency: one over a whole frame, or a sprite of them over a page of thumbnails.

The contract:
- what is asked for is a row of a run and a kind from `KINDS`; the maps come from `core.explain`, which keeps them;
- signed maps: blue is more familiar, orange stranger, 0 transparent; others: what is strongest is brightest; what the
  network did not see is transparent as well;
- a map over one frame has a scale of its own, all maps over thumbnails share one, so that they can be compared.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import numpy as np

from core.errors import ImageError, SelectionError
from dashboard import assets, sheets, words
from dashboard.slots import Layer
from dashboard.why_words import NAMES, legend

if TYPE_CHECKING:
    from core.explain.maps import Kind, MapSettings, WhyMap
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

AT_ONCE = 40
"""Most maps computed for one request."""
_LONGEST = 768
"""Longest side of a map over a frame in pixels; it has far fewer cells, so more would show nothing."""
_ON_THUMBNAILS = frozenset({"ood-centred", "ood", "match"})
_CLOSER = frozenset({"ood-centred", "ood-novel"})
"""Kinds that are offered on a finer grid too."""
_progress: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True)
class Wanted:
    """One kind of map, and what belongs to it.

    Attributes:
        kind: From `NAMES`.
        detector: Whose score.
        grid: ``usual``, or ``larger``: the network looks at the picture twice as closely.
        column: For ``class``: which of the network's classes, by its place; its first guess when ``None``.
        other: For ``match``: the row compared with; the nearest reference region when ``None``.
    """

    kind: Kind
    detector: str = "knn"
    grid: Literal["usual", "larger"] = "usual"
    column: int | None = None
    other: int | None = None

    def query(self) -> dict[str, str]:
        """Its part of an address."""
        given = {
            "detector": None if self.detector == "knn" else self.detector,
            "grid": None if self.grid == "usual" else self.grid,
            "class": self.column,
            "with": self.other,
        }
        return {name: str(value) for name, value in given.items() if value is not None}

    def settings(self, run: Run) -> MapSettings:
        """As the core takes it.

        Raises:
            CoreError: the network has no such class.
        """
        from core.explain.maps import MapSettings

        concept = None
        if self.column is not None:
            from core.explain.networks import head_of, network_of

            names = head_of(network_of(run)).names
            if self.column >= len(names):
                raise SelectionError(f"this network has {len(names)} classes; open the picture again")
            concept = names[self.column]
        return MapSettings(self.kind, grid=self.grid, concept=concept, detector=self.detector)


def wanted(run: Run, kind: str, query: Mapping[str, str], *, thumbnails: bool = False) -> Wanted | None:
    """What an address asks for; ``None`` for whatever does not exist."""
    if kind not in NAMES or (thumbnails and kind not in _ON_THUMBNAILS):
        return None
    from core.explain.maps import OF_DETECTORS

    detector, column, other = query.get("detector", "knn"), _place(query, "class"), _place(query, "with")
    if detector != "knn" and (kind not in OF_DETECTORS or f"{detector}_score" not in run.table):
        return None
    if (column is not None and kind != "class") or (other is not None and kind != "match"):
        return None
    grid = query.get("grid", "usual")
    if grid != "usual" and (grid != "larger" or kind not in _CLOSER or thumbnails):
        return None
    if -1 in (column, other) or (other is not None and other >= len(run.table)):
        return None
    return Wanted(kind, detector, grid, column, other)  # type: ignore[arg-type]  # kind and grid: looked at above


def _place(query: Mapping[str, str], name: str) -> int | None:
    """A number of the query, ``None`` when it is not there and -1 when it is none."""
    text = query.get(name)
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def layers(view: View, row: int) -> list[Layer]:
    """The maps that can be laid over a picture, for `dashboard.slots.LAYERS`; none where nothing was judged."""
    run = view.run
    if not explainable(run) or words.missing(run.table["ood_score"].iloc[row]):
        return []
    from core.ood.registry import DETECTORS

    kinds: list[Kind] = ["ood-centred", "ood", "ood-novel"]
    if run.manifest["embedder"].get("pooled", True):
        kinds.append("ood-features")
    found = [Layer(NAMES[kind], address(run, row, Wanted(kind))) for kind in kinds]
    if run.manifest["embedder"].get("pooled", True):  # all of these take larger pictures
        closer = Layer(f"{NAMES['ood-novel']}, seen closer", address(run, row, Wanted("ood-novel", grid="larger")))
        found.insert(3, closer)
    for name in detectors(run)[1:]:
        title = f"{NAMES['ood-centred']}, by {DETECTORS[name].title}"
        found.append(Layer(title, address(run, row, Wanted("ood-centred", name))))
    if may_have_head(run):
        found.append(Layer(NAMES["class"], address(run, row, Wanted("class"))))
    return [*found, Layer(NAMES["embedding"], address(run, row, Wanted("embedding")))]


def detectors(run: Run) -> list[str]:
    """The run's detectors whose scores can be explained, kNN first."""
    from core.ood.registry import DETECTORS

    others = run.manifest.get("detectors", {})
    return ["knn", *(name for name in others if name in DETECTORS and not DETECTORS[name].needs_logits)]


def flagging(run: Run, row: int) -> str:
    """The detector to explain a region by: kNN, unless others flagged it and kNN did not."""
    from core.explain.detectors import flagging_detectors

    found = [name for name in flagging_detectors(run, row) if name in detectors(run)]
    return found[0] if found else "knn"


def address(run: Run, row: int, asked: Wanted) -> str:
    """Address of one map over a frame; with ``&as=overlay``, ``map`` or ``boxes`` of a file of it."""
    query = urlencode({"of": run.key[:16], **asked.query()})
    return f"{assets.base()}/why/{run.id}/{row}/{asked.kind}?{query}"


def overlay_url(run: Run, asked: Wanted | None = None) -> str:
    """Address of the sprites over a gallery, see `dashboard.gallery.Overlay`."""
    found = asked or Wanted("ood-centred")
    query = urlencode({"of": run.key[:16], **found.query()})
    return f"{assets.base()}/whys/{run.id}/{found.kind}?rows={{rows}}&tile={{tile}}&{query}"


def explainable(run: Run) -> bool:
    """Whether the run has scores that are made of neighbours."""
    return int(run.manifest.get("k", 0)) > 0


def may_have_head(run: Run) -> bool:
    """Whether the weights seem to hold a class head: by names in a safetensors file, without opening the network."""
    weights = run.settings.embed.weights
    if weights is None or not str(weights).endswith(".safetensors"):
        return True
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(weights), framework="pt") as file:
            names = list(file.keys())
    except (OSError, SafetensorError):
        return False
    heads = ("classifier.", "fc.", "head.", "heads.")
    return any(name.startswith(heads) or any(f".{head}" in name for head in heads) for name in names)


def explained(space: Workspace, run: Run, row: int, asked: Wanted) -> WhyMap:
    """One map, kept or computed now; how far it is can be read from `progress`.

    Raises:
        CoreError: the image, the weights or the neighbours are not there.
    """
    from core.explain.regions import explain_regions

    def note(done: int, total: int) -> None:
        _progress[run.key] = (done, total)

    try:
        batch = explain_regions(run, space, [row], settings=asked.settings(run), others=[asked.other], progress=note)
    finally:
        _progress.pop(run.key, None)
    if batch.maps[0] is None:
        raise ImageError("unreadable", batch.failures[0])
    return batch.maps[0]


def progress(run: Run) -> tuple[int, int] | None:
    """Pictures looked at, and to be looked at, for a map of this run that is being computed now."""
    return _progress.get(run.key)


def layer(space: Workspace, run: Run, row: int, asked: Wanted) -> tuple[bytes, str]:
    """One map over the whole frame of its image.

    Returns:
        A PNG with transparency, and its legend in words.

    Raises:
        CoreError: the image, the weights or the neighbours are not there.
    """
    found = explained(space, run, row, asked)
    return over_frame(found, found.cells), legend(found)


def over_frame(found: WhyMap, cells: np.ndarray, *, signed: bool | None = None) -> bytes:
    """Cells of a map as a PNG with transparency, stretched over the whole frame."""
    from core.explain.drawing import draw_cells

    width, height = found.geometry.image_width, found.geometry.image_height
    shrunk = min(1.0, _LONGEST / max(width, height))
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    values = draw_cells(cells, found.geometry, size)
    if found.kind == "ood-novel":
        values = np.where(values < 0, 0, values)  # what is usual covers most of a frame and would hide it
    return png(coloured(values, float(np.abs(cells).max()), found.signed if signed is None else signed))


def sprite(space: Workspace, run: Run, rows: Sequence[int], tile: int, asked: Wanted) -> bytes:
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
    batch = explain_regions(run, space, rows, settings=asked.settings(run), others=[asked.other] * len(rows))
    if len(batch.failures) == len(rows):
        raise ImageError("unreadable", batch.failures[0])
    canvas = np.zeros((math.ceil(len(rows) / sheets.COLUMNS) * tile, sheets.COLUMNS * tile, 4), np.uint8)
    full = strangest(run)
    shared = asked.kind == "match" or asked.detector != "knn"  # their cells are not on the scale of the run's scores
    for place, found in enumerate(batch.maps):
        if found is None:
            continue
        picture = coloured(_region(found, tile), batch.limit if shared else full / found.cells.size)
        top = place // sheets.COLUMNS * tile + (tile - picture.shape[0]) // 2
        left = place % sheets.COLUMNS * tile + (tile - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return png(canvas)


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


def coloured(values: np.ndarray, limit: float, signed: bool = True) -> np.ndarray:
    """``[h, w, 4]`` uint8 of values with ``limit`` at full colour; NaN and 0 are transparent."""
    from core.explain.drawing import colours

    known = np.where(np.isfinite(values), values, 0.0)
    share = np.clip(known / limit, -1 if signed else 0, 1) if limit > 0 else np.zeros_like(known)
    shown = np.concatenate([colours(share, signed), 255 * np.abs(share)[..., None]], axis=-1)
    result: np.ndarray = np.rint(shown).astype(np.uint8)
    return result


def png(pixels: np.ndarray) -> bytes:
    """RGBA pixels as a PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "PNG", compress_level=3)
    return out.getvalue()
