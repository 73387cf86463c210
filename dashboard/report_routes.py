"""Reports shown beside their download: by the number of the job that made them, never by a name.

The contract: what is shown may fetch nothing, run nothing and reach nothing, whatever is in the file: the answer's own
policy says so, besides the one in the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from core.errors import ImageError
from core.images.files import within
from core.jobs.doing import outputs_folder
from core.report.frame import MOST_BYTES
from dashboard import assets, state
from dashboard.access import SAFETY, guarded
from dashboard.answers import NOT_KEPT, nothing, number

if TYPE_CHECKING:
    from starlette.requests import Request

_NAME = re.compile(r"(\d{6,15})-[\w-]*report\.html", re.ASCII)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"


def address(path: Path) -> str | None:
    """Where a report of the outputs is shown; ``None`` for any other file."""
    found = _NAME.fullmatch(path.name)
    return None if found is None else f"{assets.base()}/report/{int(found[1])}"


def report(request: Request) -> Response:
    """A report: ``report/12`` is the one that job 12 made."""
    wanted, folder = number(request, "job_id"), outputs_folder(state.workspace().root)
    made = sorted(folder.glob(f"{wanted:06d}-*report.html")) if wanted else []
    try:
        path = next((within(folder, one) for one in made if _NAME.fullmatch(one.name)), None)
    except ImageError:
        path = None
    if path is None or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return nothing()
    headers = {"Cache-Control": NOT_KEPT, **SAFETY, "Content-Security-Policy": _POLICY}
    return Response(path.read_bytes(), media_type="text/html; charset=utf-8", headers=headers)


def table(base: str) -> list[Route]:
    """The route of reports."""
    return [Route(f"{base}/report/{{job_id}}", guarded(report))]
