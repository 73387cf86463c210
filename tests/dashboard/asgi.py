"""Asks an ASGI application directly: exact paths and headers, no client library that would tidy them up first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import anyio


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


OURS = {"origin": "http://127.0.0.1:8501", "content-type": "application/json"}
"""What our own pages send along when they write."""


def get(app: Any, target: str, headers: Mapping[str, str] | None = None) -> Answer:
    """One GET request; ``target`` is the raw path and query as a browser would send it."""
    return ask(app, "GET", target, {"host": "127.0.0.1:8501", **(headers or {})}, b"")


def post(app: Any, target: str, body: Any, headers: Mapping[str, str | None] | None = None) -> Answer:
    """One POST request as our pages make it; headers given as ``None`` are left out, bytes are sent as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"host": "127.0.0.1:8501", **OURS, **(headers or {})}
    return ask(app, "POST", target, {name: value for name, value in sent.items() if value is not None}, data)


def ask(app: Any, method: str, target: str, sent: Mapping[str, str], data: bytes) -> Answer:
    """One request with exactly these headers."""
    raw, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8501),
    }
    parts: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message)

    anyio.run(app, scope, receive, send)
    start = parts[0]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(part.get("body", b"") for part in parts[1:]))
