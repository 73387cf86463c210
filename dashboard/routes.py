"""Our own routes: pictures by id, sprite sheets, why-maps, blocks of a listing, arrays, browser modules.

The contract:
- a client names things by integer ids, keys and names from fixed tables, never by a path; the server looks them up;
- every route goes through `dashboard.access.guarded`; every answer says what it is and forbids guessing otherwise;
- what lies under a content key may be kept for good; bodies that are compressed already say ``identity``, or they would
  be compressed again at every request.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from core.errors import ImageError
from core.processing.steps import checked
from dashboard import assets, news, report_routes, review_routes, sheets, state, why_routes
from dashboard.access import SAFETY, guarded, refusal
from dashboard.answers import FOREVER, REVALIDATE, binary, digest, nothing, number
from dashboard.bodies import BODIES
from dashboard.listings import LISTINGS, described

if TYPE_CHECKING:
    from starlette.requests import Request

_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def content_type(head: bytes) -> str | None:
    """The type of a picture that every browser shows, by its first bytes; ``None`` for anything else."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)


def thumb(request: Request) -> Response:
    """A thumbnail: ``thumb/12``, 256 pixels; with ``?size=64`` the small one."""
    space = state.workspace()
    entry = space.image(number(request, "image_id"))
    size = 64 if request.query_params.get("size") == "64" else 256
    body = space.thumbnails.get(entry.content_hash, size) if entry else None
    kind = content_type(body[:16]) if body else None
    if entry is None or body is None or kind is None:
        return nothing()
    return binary(request, body, kind, f"{entry.content_hash}-{size}", REVALIDATE)


def image(request: Request) -> Response:
    """A picture at full resolution: its own bytes where every browser shows them, else encoded again as JPEG.

    With ``?steps=clahe:2,restore`` after this preprocessing, for viewing; what a crop cuts off is dark, marks fit.
    """
    entry = state.workspace().image(number(request, "image_id"))
    if entry is None:
        return nothing()
    try:
        body = entry.path.read_bytes()
    except OSError as error:
        raise ImageError("unreadable", f"this picture's file cannot be read ({error.strerror})") from error
    kind = content_type(body[:16])
    steps = checked(filter(None, request.query_params.get("steps", "").split(",")))
    if kind is None or steps or not _plain(body):
        body, kind = _encoded_again(body, steps), "image/jpeg"
    return binary(request, body, kind, "-".join((entry.content_hash, *steps)), REVALIDATE)


def _encoded_again(body: bytes, steps: tuple[str, ...]) -> bytes:
    """Whatever else the catalogue reads (TIFF, BMP, 16 bits, CMYK, transparency), as the JPEG that browsers show."""
    from core.images.decode import open_image
    from core.processing.applying import in_place

    out = io.BytesIO()
    in_place(open_image(body), steps).save(out, "JPEG", quality=92)
    return out.getvalue()


def _plain(body: bytes) -> bool:
    """Whether browsers agree on this file: eight bits a channel, grey or RGB, no alpha; the header alone is read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG", "WEBP")) as picture:
            return picture.mode in ("L", "RGB", "P") and picture.width * picture.height <= 80_000_000
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def sheet(request: Request) -> Response:
    """A sprite sheet: ``sheet/3?rows=0-9,12&tile=128``, with ``&kind=frame`` of whole frames."""
    run = state.finished_run(number(request, "run_id"))
    tile, asked = request.query_params.get("tile", "128"), request.query_params.get("kind", "part")
    kind = next((known for known in sheets.KINDS if known == asked), None)
    if run is None or kind is None or tile not in {str(size) for size in sheets.TILES}:
        return nothing()
    text = request.query_params.get("rows", "")
    body = sheets.SHEETS.get(state.workspace(), run, sheets.parse_rows(text, len(run.table)), int(tile), kind)
    return binary(
        request,
        body,
        content_type(body[:16]) or "image/webp",
        digest(f"{run.key} {tile} {kind} {text}"),
        FOREVER,
    )


def listing(request: Request) -> Response:
    """One block of a gallery's items: ``listing/KEY/0``."""
    found = LISTINGS.get(request.path_params["key"])
    if found is None:
        return refusal(410, "this list is no longer kept; the page makes it anew")
    body = json.dumps({"items": found.block(number(request, "block"))}, allow_nan=False)
    return Response(body, media_type="application/json", headers={"Cache-Control": FOREVER, **SAFETY})


def body(request: Request) -> Response:
    """An array that a component draws from: ``body/KEY``."""
    key = request.path_params["key"]
    found = BODIES.get(key)
    if found is None:
        return refusal(410, "this is no longer kept; the page makes it anew")
    return binary(request, found, "application/octet-stream", key, FOREVER)


def items(request: Request) -> Response:
    """What is said of some regions: ``items/3?rows=0-9,12``."""
    run = state.finished_run(number(request, "run_id"))
    if run is None:
        return nothing()
    rows = sheets.parse_rows(request.query_params.get("rows", ""), len(run.table))
    text = json.dumps({"items": described(run, rows)}, allow_nan=False)
    return Response(text, media_type="application/json", headers={"Cache-Control": REVALIDATE, **SAFETY})


def module(request: Request) -> Response:
    """One of our own scripts or styles, from the table in `dashboard.assets`."""
    found = assets.files().get(request.path_params["name"])
    if found is None:
        return nothing()
    body, kind = found
    cache = FOREVER if request.path_params["version"] == assets.version() else "no-store"
    headers = {name: value for name, value in SAFETY.items() if name != "Content-Security-Policy"}
    return Response(body, media_type=kind, headers={"Cache-Control": cache, **headers})


def otherwise(request: Request) -> Response:
    """Whatever else is asked for below our prefix; without this it would get Streamlit's index page."""
    return nothing()


def table() -> list[Route]:
    """All our routes, below `assets.base`; the last one answers for everything else there."""
    base = assets.base()
    return [
        Route(f"{base}/thumb/{{image_id}}", guarded(thumb)),
        Route(f"{base}/image/{{image_id}}", guarded(image)),
        Route(f"{base}/sheet/{{run_id}}", guarded(sheet)),
        *why_routes.table(base),
        Route(f"{base}/listing/{{key}}/{{block}}", guarded(listing)),
        Route(f"{base}/body/{{key}}", guarded(body)),
        Route(f"{base}/items/{{run_id}}", guarded(items)),
        Route(f"{base}/news", guarded(news.route)),
        Route(f"{base}/module/{{version}}/{{name}}", guarded(module)),
        *review_routes.table(base),
        *report_routes.table(base),
        Route(f"{base}/{{rest:path}}", guarded(otherwise)),
    ]
