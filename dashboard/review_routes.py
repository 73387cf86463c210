"""The routes behind the Review page: the next pictures, a decision, its undoing, names of concepts.

The contract: whoever writes goes through `dashboard.posting`; an answer to a decision is sent only when the decision is
on the disk, and the same request sent twice is one decision.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from core.errors import ReviewError, SelectionError
from core.review.deciding import MOST_BOXES, MOST_REGIONS, Act, decide, undo
from dashboard import reviewing, state
from dashboard.access import SAFETY, guarded, refusal
from dashboard.posting import Body, numbers, posted, text, whole_number

if TYPE_CHECKING:
    from starlette.requests import Request

    from core.runs import Run

MOST_PASSED = 20_000


def _run(body: Body) -> Run:
    run = state.finished_run(whole_number(body, "run"))
    if run is None:
        raise ReviewError("there is no such finished run; load the page again")
    return run


def following(_request: Request, body: Body) -> dict[str, Any]:
    """The next pictures of a queue, lent to whoever asks."""
    space, run, actor = state.workspace(), _run(body), text(body, "actor")
    answer = reviewing.hand(
        space,
        run,
        queue=text(body, "queue"),
        listing=text(body, "listing"),
        rule=text(body, "rule") or "fresh",
        actor=actor,
        count=whole_number(body, "count", 1),
        without=numbers(body, "without", MOST_PASSED),
        keep=numbers(body, "keep", MOST_PASSED),
    )
    return answer | ({"recent": reviewing.recent_acts(space, run, actor)} if body.get("recent") is True else {})


def deciding(_request: Request, body: Body) -> dict[str, Any]:
    """A decision on one region, on its whole run of near-duplicates, or on a selection."""
    run, scope = _run(body), text(body, "scope") or "one"
    regions = numbers(body, "regions", MOST_REGIONS)
    if scope == "duplicates" and len(regions) == 1:
        regions = reviewing.near_duplicates(run, regions[0])
    for region in regions:
        reviewing.row_of(run, region)
    boxes, seconds = body.get("boxes") or [], body.get("seconds")
    if not isinstance(boxes, list) or len(boxes) > MOST_BOXES or not all(isinstance(box, dict) for box in boxes):
        raise SelectionError(f"boxes must be a list of up to {MOST_BOXES} boxes")
    made = decide(
        state.workspace().database,
        Act(
            key=text(body, "key"),
            actor=text(body, "actor"),
            run_id=run.id,
            verdict=text(body, "verdict"),
            regions=tuple(regions),
            concept=text(body, "concept"),
            note=text(body, "note"),
            boxes=tuple(boxes),
            scope=scope,
            seconds=float(seconds) if isinstance(seconds, int | float) and abs(seconds) < 1e9 else None,
        ),
        now=datetime.now(UTC),
    )
    return {"act": made[0].act, "ids": [one.id for one in made[:100]], "count": len(made)}


def undoing(_request: Request, body: Body) -> dict[str, Any]:
    """The undoing of one's own act."""
    database = state.workspace().database
    made = undo(
        database, key=text(body, "key"), act=text(body, "act"), actor=text(body, "actor"), now=datetime.now(UTC)
    )
    return {"act": made[0].act, "count": len(made), "regions": [one.region_id for one in made[:1000]]}


def concept_names(request: Request) -> Response:
    """Names to choose from, with how common they are."""
    given = request.path_params["run_id"]
    run = state.finished_run(int(given)) if given.isascii() and given.isdecimal() and len(given) < 16 else None
    if run is None:
        return refusal(404, "there is nothing here")
    body = json.dumps({"concepts": reviewing.concepts(state.workspace(), run)})
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store", **SAFETY})


def table(base: str) -> list[Route]:
    """The routes of the Review page."""
    return [
        Route(f"{base}/review/next", posted(following), methods=["POST"]),
        Route(f"{base}/review/decide", posted(deciding), methods=["POST"]),
        Route(f"{base}/review/undo", posted(undoing), methods=["POST"]),
        Route(f"{base}/concepts/{{run_id}}", guarded(concept_names)),
    ]
