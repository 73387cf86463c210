"""The server that `benchmarks.map_browser` looks at: a map of as many points as the address says, nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.access import HostGuard
from dashboard.routes import table


def items(request: Request) -> Response:
    """Words for a few regions, as `dashboard.routes.items` gives them."""
    rows = [int(row) for row in request.query_params["rows"].replace("-", ",").split(",")]
    named = [{"row": row, "name": f"frame {row}.jpg", "lines": ["crab", "score 0.123"], "aspect": 1.5} for row in rows]
    return Response(json.dumps({"items": named}), media_type="application/json")


def sheet(request: Request) -> Response:
    """A sprite sheet of grey pictures."""
    from PIL import Image

    out = io.BytesIO()
    Image.effect_noise((1280, 128), 60).save(out, "JPEG")
    return Response(out.getvalue(), media_type="image/jpeg", headers={"Content-Encoding": "identity"})


def plotly_js(request: Request) -> Response:
    """The library as it lies in plotly's wheel."""
    path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return Response(path.read_bytes(), media_type="text/javascript", headers={"Content-Encoding": "identity"})


app = st.App(
    Path(__file__).resolve().parent / "map_page.py",
    routes=[
        Route("/bench/items", items),
        Route("/bench/sheet", sheet),
        Route("/bench/plotly.js", plotly_js),
        *table(),
    ],
    middleware=[Middleware(HostGuard)],
)
