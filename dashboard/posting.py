"""What every route that writes goes through: only our own pages may ask it, with a small JSON object.

The contract:
- a page elsewhere cannot make a visitor's browser write here: the Origin must be this very server, and a body must call
  itself JSON, which no form can send and no foreign script may without being allowed first;
- a body is read up to `LARGEST` bytes and for `PATIENCE` seconds, then refused.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from core.errors import CoreError, WorkspaceError
from dashboard.access import SAFETY, authorise, refusal

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST = 1_000_000
PATIENCE = 20.0
_LOG = logging.getLogger("benthoscope.dashboard")

Body = dict[str, Any]
Written = Callable[["Request", Body], Any]


def from_our_page(request: Request) -> bool:
    """Whether the Origin is this very server, and the browser does not say otherwise."""
    origins, hosts = request.headers.getlist("origin"), request.headers.getlist("host")
    if len(origins) != 1 or len(hosts) != 1:
        return False
    try:
        origin = urlsplit(origins[0])
    except ValueError:
        return False
    same = origin.scheme in ("http", "https") and origin.netloc.lower() == hosts[0].lower()
    return same and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def posted(handler: Written) -> Callable[[Request], Awaitable[Response]]:
    """A writing route's handler behind its guards; what it returns is sent as JSON, a `CoreError` as its sentence.

    What may succeed later (a locked catalogue, a full disk) is 503, what never will is 422.
    """

    async def answer(request: Request) -> Response:
        if authorise(request) is None:
            return refusal(403, "you may not write to this workspace")
        if not from_our_page(request):
            return refusal(403, "only this server's own pages may write here")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return refusal(415, "a JSON object was expected")
        body = await _body(request)
        return body if isinstance(body, Response) else await run_in_threadpool(_handled, handler, request, body)

    return answer


async def _body(request: Request) -> Body | Response:
    data = bytearray()
    with anyio.move_on_after(PATIENCE) as waited:
        async for chunk in request.stream():
            data += chunk
            if len(data) > LARGEST:
                return refusal(413, f"up to {LARGEST:,} bytes are taken")
    if waited.cancelled_caught:
        return refusal(408, "the request took too long to arrive")
    try:
        found = json.loads(bytes(data))
    except (ValueError, RecursionError):
        return refusal(400, "a JSON object was expected")
    return found if isinstance(found, dict) else refusal(400, "a JSON object was expected")


def _handled(handler: Written, request: Request, body: Body) -> Response:
    try:
        answer = json.dumps(handler(request, body), allow_nan=False)
    except WorkspaceError as error:
        return refusal(503, str(error))
    except CoreError as error:
        return refusal(422, str(error))
    except Exception:
        number = uuid4().hex[:8]
        _LOG.exception("unexpected error %s", number)
        return refusal(
            500, f"something went wrong on our side; nothing was written (error {number} in the server's log)"
        )
    return Response(answer, media_type="application/json", headers={"Cache-Control": "no-store", **SAFETY})


def whole_number(body: Body, name: str, default: int | None = None) -> int:
    """A non-negative whole number from a body; `SelectionError` when it is anything else."""
    from core.errors import SelectionError

    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise SelectionError(f"{name} must be a whole number")
    return value


def numbers(body: Body, name: str, most: int) -> list[int]:
    """A list of whole numbers from a body, empty when it is not given."""
    from core.errors import SelectionError

    values = body.get(name) or []
    if not isinstance(values, list) or len(values) > most:
        raise SelectionError(f"{name} must be a list of up to {most:,} whole numbers")
    return [whole_number({name: value}, name) for value in values]


def text(body: Body, name: str) -> str:
    """Text from a body, empty when it is not given."""
    from core.errors import SelectionError

    value = body.get(name) or ""
    if not isinstance(value, str):
        raise SelectionError(f"{name} must be text")
    return value
