"""Who may ask our routes for something: the Host check of the whole server and the one `authorise` of every route.

The contract:
- a request whose Host is none of ours is refused before anything else runs, so a page elsewhere that points its name at
  this machine (DNS rebinding) reads nothing;
- every route of ours calls `authorise` first; today everyone who reaches this machine may look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, Response

from core.errors import CoreError
from dashboard.boundary import explain

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Handler = Callable[["Request"], Response]


@dataclass(frozen=True)
class Visitor:
    """Who is asking."""

    name: str


def allowed_hosts() -> tuple[str, ...]:
    """This machine's own names, the address served on, and ``server.allowedHosts``."""
    from streamlit import config

    configured = [str(host).strip().lower() for host in config.get_option("server.allowedHosts") or ()]
    address = str(config.get_option("server.address") or "").lower()
    served = [address] if address and address not in ("0.0.0.0", "::") else []  # noqa: S104 - compared, not bound
    return (*LOOPBACK, *served, *configured)


def host_allowed(header: str | None) -> bool:
    """Whether a Host header names this server; the port does not matter."""
    if not header:
        return False
    try:
        parts = urlsplit(f"//{header}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if name is None or parts.username is not None or parts.path or parts.query or parts.fragment:
        return False
    name = name.rstrip(".")
    return any(
        pattern == "*" or name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        for pattern in allowed_hosts()
    )


class HostGuard:
    """Refuses requests and connections for foreign hosts, Streamlit's own paths included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not host_allowed(hosts[0]):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    await refusal(403, "this server does not answer to that host name")(scope, receive, send)
                return
        await self.app(scope, receive, send)


def authorise(request: Request) -> Visitor | None:
    """The visitor, or ``None`` when they may not look. The only place that decides this for our routes."""
    return Visitor("local") if host_allowed(request.headers.get("host")) else None


def refusal(status: int, sentence: str) -> Response:
    """A refusal in one sentence, never cached, never taken for anything but text."""
    return PlainTextResponse(sentence, status, headers={"Cache-Control": "no-store", **SAFETY})


SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Sent with everything of ours: a picture is only ever a picture, and only for our own pages."""


def guarded(handler: Handler) -> Handler:
    """A route's handler behind `authorise`; whatever goes wrong becomes one sentence, as on pages."""

    @wraps(handler)
    def answer(request: Request) -> Response:
        if authorise(request) is None:
            return refusal(403, "you may not look at this workspace")
        try:
            return handler(request)
        except CoreError as error:
            return refusal(422, str(error))
        except Exception as error:  # logged, with a number that the sentence names
            return refusal(500, explain(error)[1])

    return answer
