"""What our routes' answers have in common: ids out of addresses, headers, how long an answer may be kept."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from dashboard.access import SAFETY, refusal

if TYPE_CHECKING:
    from starlette.requests import Request

FOREVER = "private, max-age=31536000, immutable"
REVALIDATE = "private, max-age=60"
NOT_KEPT = "no-store"


def number(request: Request, name: str) -> int:
    """A path's id; 0, which is nobody's id, for whatever is not a plain positive number of up to 15 digits."""
    text = request.path_params[name]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def binary(request: Request, body: bytes, media_type: str, etag: str, cache: str = FOREVER) -> Response:
    """Bytes that are compressed already, and their tag."""
    headers = {"Cache-Control": cache, "ETag": f'"{etag}"', "Content-Encoding": "identity", **SAFETY}
    if request.headers.get("if-none-match") == f'"{etag}"':
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def plain_json(value: Any, cache: str = FOREVER) -> Response:
    """A value as JSON, without NaN."""
    headers = {"Cache-Control": cache, **SAFETY}
    return Response(json.dumps(value, allow_nan=False), media_type="application/json", headers=headers)


def digest(text: str) -> str:
    """A short tag of what an answer depends on."""
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def nothing() -> Response:
    """There is nothing here."""
    return refusal(404, "there is nothing here")
