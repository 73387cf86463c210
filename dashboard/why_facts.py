"""What the panel's section on "why" shows, as plain values for its browser component.

The contract: asked for by id, computed when the section comes into view, and kept by the core; what cannot be said is a
sentence in its place, never an exception for the rest.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np

from core.errors import CoreError
from dashboard import assets, why, why_files, why_words, words
from dashboard.payload import to_json

if TYPE_CHECKING:
    from core.embed.geometry import InputGeometry
    from core.runs import Run
    from core.workspace import Workspace

NEAREST = 8
GUESSES = 5


def facts(space: Workspace, run: Run, row: int, detector: str = "knn") -> dict[str, Any]:
    """Crops, features and classes of one region.

    Args:
        detector: Whose score crops and features explain, one of `dashboard.why.detectors`.

    Returns:
        ``crops``, ``features`` and ``classes``: lists, or a sentence where there are none.
    """
    return to_json(
        {
            "crops": _said(lambda: _crops(space, run, row, detector)),
            "features": _said(lambda: _features(space, run, row, detector)),
            "classes": _said(lambda: _classes(space, run, row)),
        }
    )


def _said(make: Any) -> Any:
    try:
        return make()
    except CoreError as error:
        return str(error)


def _tail(run: Run, detector: str) -> str:
    """End of the addresses of what belongs to a map by this detector."""
    return urlencode({"of": run.key[:16], **({} if detector == "knn" else {"detector": detector})})


def _crops(space: Workspace, run: Run, row: int, detector: str) -> list[dict[str, Any]]:
    found = why.explained(space, run, row, why.Wanted("ood-centred", detector))
    told: dict[why_files.End, tuple[str, str]] = {
        "strange": ("What makes it strange", "of all that raises its score lies here"),
        "familiar": ("What is familiar", "of all that lowers its score lies here"),
    }
    whose = "" if detector == "knn" else f", {why_words.by_detector(detector)}"
    crops = []
    for end, (title, meaning) in told.items():
        share = why_files.share_inside(found, why_files.strongest(found, end), end)
        source = f"{assets.base()}/why-crop/{run.id}/{row}/{end}?{_tail(run, detector)}"
        crops.append({"title": title, "text": f"{words.percent(share)} {meaning}{whose}", "source": source, "end": end})
    return crops


def _features(space: Workspace, run: Run, row: int, detector: str) -> list[dict[str, Any]]:
    found = why.explained(space, run, row, why.Wanted("ood-features", detector))
    score = found.score or 1.0
    return [
        {
            "name": f"feature {one.feature}",
            "text": f"adds {words.percent(one.contribution / score)} of the score",
            "map": f"{assets.base()}/why-feature/{run.id}/{row}/{place}?{_tail(run, detector)}",
            "typical": [picture(run, other) for other in one.typical[:4]],
        }
        for place, one in enumerate(found.features)
    ]


def _classes(space: Workspace, run: Run, row: int) -> list[dict[str, Any]]:
    from core.explain.guesses import guess_classes

    return [
        {"name": name, "url": why.address(run, row, why.Wanted("class", column=column))}
        for column, name in guess_classes(run, space, row, GUESSES)
    ]


def picture(run: Run, row: int) -> dict[str, Any]:
    """What is needed to show a region's picture and say what it is."""
    record = run.table.iloc[int(row)]
    return {
        "row": int(row),
        "image": int(record["image_id"]),
        "label": str(record["path"]).rsplit("/", 1)[-1],
        "width": int(record["width"]),
        "height": int(record["height"]),
    }


def nearest(run: Run, row: int) -> list[dict[str, Any]]:
    """The reference regions that a region is most like, nearest first."""
    graph = run.graph_reference
    near = zip(graph.indices[row][:NEAREST], graph.distances[row][:NEAREST], strict=True)
    return [
        {**picture(run, int(other)), "distance": f"distance {words.score(float(distance))}"}
        for other, distance in near
        if other >= 0
    ]


def matched(space: Workspace, run: Run, row: int, other: int) -> dict[str, Any]:
    """The exact split of two regions' similarity over pairs of cells.

    Returns:
        ``pairs``: base64 of little-endian float32 ``[h, w, h', w']``; ``first`` and ``second``: pictures with their
        grid, and where its cells lie in pixels of the picture (``left, top``: the first cell's corner; ``across,
        down``: a cell's sides).

    Raises:
        CoreError: there are no exact pairs for this network, or a picture cannot be used.
    """
    from core.explain.regions import match_regions

    found = match_regions(run, space, row, other)
    return {
        "similarity": f"{found.similarity:.3f}",
        "total": float(found.similarity),
        "first": picture(run, row) | _laid(found.first, found.first_geometry),
        "second": picture(run, other) | _laid(found.second, found.second_geometry),
        "pairs": base64.b64encode(np.ascontiguousarray(found.pairs, "<f4").tobytes()).decode(),
    }


def _laid(cells: np.ndarray, seen: InputGeometry) -> dict[str, Any]:
    rows, columns = cells.shape
    across, down = seen.scale
    return {
        "rows": rows,
        "columns": columns,
        "left": seen.left - seen.content_left / across,
        "top": seen.top - seen.content_top / down,
        "across": seen.input_width / columns / across,
        "down": seen.input_height / rows / down,
        "full": {"width": seen.image_width, "height": seen.image_height},
    }
