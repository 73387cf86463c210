"""Positions on a map that needs no network: plain axes in degrees, scaled so that shapes are true, with a coastline.

Plotly's own maps fetch their coastlines from elsewhere and stay blank offline.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard import words
from dashboard.figures import blank, plain
from dashboard.theme import Theme

if TYPE_CHECKING:
    import pandas as pd

COASTLINE = Path(__file__).resolve().parent.parent / "assets" / "coastline.npz"
LEAST_SPAN = 0.05
"""Degrees: a single dive is shown with this much around it."""


@lru_cache(maxsize=1)
def coastline() -> tuple[np.ndarray, np.ndarray]:
    """The world's land.

    Returns:
        ``[N, 2]`` float64 longitude and latitude in degrees, and ``[R + 1]`` where each closed ring begins.
    """
    with np.load(COASTLINE, allow_pickle=False) as stored:
        points = np.stack([np.cumsum(stored["dx"]), np.cumsum(stored["dy"])], axis=1) / 1000.0
        return points, stored["starts"].copy()


def land_within(west: float, south: float, east: float, north: float) -> np.ndarray:
    """The land inside a box, as rings separated by rows of NaN; details too small to see at this size are left out.

    Returns:
        ``[M, 2]`` float64, longitude and latitude in degrees.
    """
    points, starts = coastline()
    low = np.minimum.reduceat(points, starts[:-1])
    high = np.maximum.reduceat(points, starts[:-1])
    grain = max(east - west, north - south) / 1000
    reached = (high >= (west, south)).all(axis=1) & (low <= (east, north)).all(axis=1)
    near = np.flatnonzero(reached & (high - low > 3 * grain).any(axis=1))
    gap = np.full((1, 2), np.nan)
    pieces = []
    for ring in near:
        part = points[starts[ring] : starts[ring + 1]]
        for axis, limit, sign in ((0, west, 1), (0, east, -1), (1, south, 1), (1, north, -1)):
            part = _half(part, axis, limit, sign)
        cells = np.round(part / grain)
        moved = np.ones(len(part), dtype=bool)
        moved[1:] = (cells[1:] != cells[:-1]).any(axis=1)
        part = part[moved]
        if len(part) >= 3:
            pieces += [part, part[:1], gap]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def _half(ring: np.ndarray, axis: int, limit: float, sign: int) -> np.ndarray:
    """The part of a closed ring on one side of a line (Sutherland and Hodgman 1974), all edges at once."""
    if len(ring) < 3:
        return ring[:0]
    inside = sign * (ring[:, axis] - limit) >= 0
    after = np.roll(ring, -1, axis=0)
    crosses = inside != np.roll(inside, -1)
    step = after[:, axis] - ring[:, axis]
    share = np.where(crosses, (limit - ring[:, axis]) / np.where(step == 0, 1, step), 0)
    crossing = ring + share[:, None] * (after - ring)
    both = np.stack([ring, crossing], axis=1).reshape(-1, 2)
    kept = np.stack([inside, crosses], axis=1).reshape(-1)
    result: np.ndarray = both[kept]
    return result


def window(longitude: np.ndarray, latitude: np.ndarray) -> tuple[float, float, float, float]:
    """West, south, east and north of a box around positions with some water around them, shapes true in the middle."""
    west, east, south, north = longitude.min(), longitude.max(), latitude.min(), latitude.max()
    stretch = max(0.05, float(np.cos(np.radians((south + north) / 2))))
    tall = max(float(north - south) * 1.3, float(east - west) * stretch / 2.2 * 1.2, LEAST_SPAN)
    wide = tall / stretch * 2.4
    middle = (west + east) / 2, (south + north) / 2
    return (
        float(max(-180, middle[0] - wide / 2)), float(max(-90, middle[1] - tall / 2)),
        float(min(180, middle[0] + wide / 2)), float(min(90, middle[1] + tall / 2)),
    )  # fmt: skip


def positions(places: pd.DataFrame, theme: Theme) -> go.Figure:
    """Images by position over land: reference below, target above, flagged ones ringed in green."""
    p = theme.palette
    longitude, latitude = places["longitude"].to_numpy(dtype=float), places["latitude"].to_numpy(dtype=float)
    west, south, east, north = window(longitude, latitude)
    figure = blank(theme, 460)
    wide, tall = east - west, north - south
    land = land_within(west - wide, south - tall, east + wide, north + tall)
    if len(land):
        figure.add_scatter(
            x=land[:, 0], y=land[:, 1], mode="lines", fill="toself", fillcolor=p.sunken,
            line={"color": p.muted, "width": 1}, hoverinfo="skip", showlegend=False, name="land",
        )  # fmt: skip
    target = places["set"].isin(["target", "both"]).to_numpy()
    flagged = places["flagged"].fillna(False).to_numpy(dtype=bool) & target
    grain = max(wide, tall) / 700
    dot, ring = 8 * theme.scale, {"width": 2, "color": p.flagged}
    known = places[places["set"].isin(["reference", "both"])]
    _spots(figure, known, grain, "reference", {"color": p.reference, "size": dot})
    _spots(figure, places[target], grain, "target", {"color": p.target, "size": dot})
    hollow = {"color": "rgba(0,0,0,0)", "size": dot * 1.5, "line": ring}
    _spots(figure, places[flagged], grain, "flagged", hollow)
    _scale_bar(figure, (west, south, east, north), theme)
    stretch = 1 / max(0.05, float(np.cos(np.radians((south + north) / 2))))
    grid = {"showgrid": True, "zeroline": False, "ticks": ""}
    figure.update_xaxes(range=[west, east], tickvals=(ticks := degree_ticks(west, east)),
                        ticktext=[degrees(value, "E", "W") for value in ticks], constrain="domain", **grid)  # fmt: skip
    figure.update_yaxes(range=[south, north], tickvals=(ticks := degree_ticks(south, north)),
                        ticktext=[degrees(value, "N", "S") for value in ticks],
                        scaleanchor="x", scaleratio=stretch, constrain="range", **grid)  # fmt: skip
    return figure


def _spots(figure: go.Figure, part: pd.DataFrame, grain: float, name: str, marker: dict[str, object]) -> None:
    """Images as dots, those that fall on the same spot of the screen as one."""
    if part.empty:
        return
    position = part[["longitude", "latitude"]].to_numpy(dtype=float)
    _, first, cell, many = np.unique(
        np.round(position / grain), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    middle = np.stack([np.bincount(cell, weights=axis) for axis in position.T], axis=1) / many[:, None]
    depth = part["depth_m"].to_numpy(dtype=float)[np.argsort(cell, kind="stable")]
    begins = np.concatenate([[0], np.cumsum(many)[:-1]])
    lows, highs = np.fmin.reduceat(depth, begins), np.fmax.reduceat(depth, begins)
    groups = part["group"].iloc[first]
    figure.add_scattergl(
        x=np.round(middle[:, 0], 5),
        y=np.round(middle[:, 1], 5),
        mode="markers",
        name=name,
        marker={"opacity": 0.85, **marker},
        text=[
            f"{plain(group)}<br>{words.plural(images, 'image')}<br>{words.span(low, high)}"
            for group, images, low, high in zip(groups, many.tolist(), lows.tolist(), highs.tolist(), strict=True)
        ],
        hovertemplate=f"{name}<br>%{{text}}<extra></extra>",
    )


def _scale_bar(figure: go.Figure, box: tuple[float, float, float, float], theme: Theme) -> None:
    """A line of a round length, low on the left."""
    west, south, east, north = box
    degree = 111.32 * max(0.05, float(np.cos(np.radians((south + north) / 2))))  # kilometres along the middle parallel
    most = (east - west) * degree / 5
    length = next(
        size for power in range(4, -4, -1) for size in (5 * 10.0**power, 2 * 10.0**power, 10.0**power) if size <= most
    )
    x, y = west + 0.03 * (east - west), south + 0.06 * (north - south)
    figure.add_scatter(
        x=[x, x + length / degree],
        y=[y, y],
        mode="lines",
        line={"color": theme.palette.text, "width": 3},
        hoverinfo="skip",
        showlegend=False,
        name="scale",
    )
    figure.add_annotation(
        x=x,
        y=y,
        text=f"{length:g} km" if length >= 1 else f"{1000 * length:g} m",
        showarrow=False,
        xanchor="left",
        yshift=12,
    )


def degree_ticks(low: float, high: float) -> list[float]:
    """Round places for grid lines between two degrees, at most seven."""
    steps = (90, 45, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
    step = next((s for s in reversed(steps) if (high - low) / s <= 7), 90)
    first = int(np.ceil(low / step))
    return [round(index * step, 6) for index in range(first, int(np.floor(high / step)) + 1)]


def degrees(value: float, positive: str, negative: str) -> str:
    """``122.05° W``."""
    side = "" if value == 0 else f" {positive if value > 0 else negative}"
    return f"{abs(value):g}°{side}"
