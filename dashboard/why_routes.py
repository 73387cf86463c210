"""The routes behind why-maps: layers, sprites, crops, features, matches, files, and how far a map is.

The contract: as `dashboard.routes`; what is asked for is checked against the run before anything is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.routing import Route

from core.errors import CoreError
from dashboard import sheets, state, why, why_facts, why_files
from dashboard.access import guarded
from dashboard.answers import NOT_KEPT, binary, digest, nothing, number, plain_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from core.runs import Run


def _region(request: Request) -> tuple[Run, int] | None:
    """The run and the row of an address, if there are such."""
    run, row, text = state.finished_run(number(request, "run_id")), number(request, "row"), request.path_params["row"]
    if run is None or (row == 0 and text != "0") or row >= len(run.table):
        return None
    return run, row


def _asked(request: Request, run: Run, *, thumbnails: bool = False) -> why.Wanted | None:
    return why.wanted(run, request.path_params["kind"], request.query_params, thumbnails=thumbnails)


def _detector(request: Request, run: Run) -> str | None:
    """Whose score is explained; ``None`` when the run has no such detector."""
    name = request.query_params.get("detector", "knn")
    return name if name in why.detectors(run) else None


def why_layer(request: Request) -> Response:
    """A why-map over its whole frame, its legend in a header: ``why/3/17/ood-centred``; ``&as=map`` is a file of it."""
    found = _region(request)
    asked = found and _asked(request, found[0])
    what = request.query_params.get("as")
    if found is None or asked is None or (what is not None and what not in why_files.FILES):
        return nothing()
    run, row = found
    tag = digest(f"{run.key} {row} {asked} {what}")
    if what is not None:
        file = why_files.download(state.workspace(), run, row, asked, what)
        answer = binary(request, file.body, file.media_type, tag)
        answer.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
        return answer
    body, legend = why.layer(state.workspace(), run, row, asked)
    answer = binary(request, body, "image/png", tag)
    answer.headers["Benthoscope-Legend"] = quote(legend)
    answer.headers["Benthoscope-Scale"] = "plain" if asked.kind in ("class", "embedding") else "signed"
    return answer


def why_sprite(request: Request) -> Response:
    """Why-maps over thumbnails, placed as in their sheet: ``whys/3/ood-centred?rows=0-9,12&tile=128``."""
    run, tile = state.finished_run(number(request, "run_id")), request.query_params.get("tile", "128")
    asked = None if run is None else _asked(request, run, thumbnails=True)
    if run is None or asked is None or tile not in {str(size) for size in sheets.TILES}:
        return nothing()
    text = request.query_params.get("rows", "")
    body = why.sprite(state.workspace(), run, sheets.parse_rows(text, len(run.table)), int(tile), asked)
    return binary(request, body, "image/png", digest(f"{run.key} {tile} {asked} {text}"))


def why_progress(request: Request) -> Response:
    """How far the map is that is being computed: ``why-progress/3``."""
    run = state.finished_run(number(request, "run_id"))
    if run is None:
        return nothing()
    found = why.progress(run)
    return plain_json({} if found is None else {"done": found[0], "total": found[1]}, NOT_KEPT)


def why_crop(request: Request) -> Response:
    """The strangest or the most familiar place of a picture: ``why-crop/3/17/strange``."""
    found, end = _region(request), why_files.ENDS.get(request.path_params["end"])
    if found is None or end is None:
        return nothing()
    run, row = found
    detector = _detector(request, run)
    if detector is None:
        return nothing()
    body = why_files.crop(state.workspace(), run, row, end, detector)
    return binary(request, body, "image/jpeg", digest(f"{run.key} {row} crop {end} {detector}"))


def why_feature(request: Request) -> Response:
    """The map of a feature that adds much to the score: ``why-feature/3/17/0``."""
    found, text = _region(request), request.path_params["place"]
    place = number(request, "place")
    if found is None or (place == 0 and text != "0"):
        return nothing()
    run, row = found
    detector = _detector(request, run)
    if detector is None:
        return nothing()
    body = why_files.feature(state.workspace(), run, row, place, detector)
    return binary(request, body, "image/png", digest(f"{run.key} {row} feature {place} {detector}"))


def why_said(request: Request) -> Response:
    """Crops, features and classes of a picture: ``why-facts/3/17``."""
    found = _region(request)
    detector = found and _detector(request, found[0])
    if found is None or detector is None:
        return nothing()
    return plain_json(why_facts.facts(state.workspace(), *found, detector), NOT_KEPT)


def match(request: Request) -> Response:
    """What two pictures share, pair of cells by pair of cells: ``match/3/17/204``, or ``said``: why not."""
    found, text = _region(request), request.path_params["other"]
    other = number(request, "other")
    if found is None or (other == 0 and text != "0") or other >= len(found[0].table):
        return nothing()
    try:
        return plain_json(why_facts.matched(state.workspace(), *found, other))
    except CoreError as error:
        return plain_json({"said": str(error)}, NOT_KEPT)


def table(base: str) -> list[Route]:
    """The routes below `base`."""
    return [
        Route(f"{base}/why/{{run_id}}/{{row}}/{{kind}}", guarded(why_layer)),
        Route(f"{base}/whys/{{run_id}}/{{kind}}", guarded(why_sprite)),
        Route(f"{base}/why-progress/{{run_id}}", guarded(why_progress)),
        Route(f"{base}/why-crop/{{run_id}}/{{row}}/{{end}}", guarded(why_crop)),
        Route(f"{base}/why-feature/{{run_id}}/{{row}}/{{place}}", guarded(why_feature)),
        Route(f"{base}/why-facts/{{run_id}}/{{row}}", guarded(why_said)),
        Route(f"{base}/match/{{run_id}}/{{row}}/{{other}}", guarded(match)),
    ]
