"""The map as a figure: reference as density behind, target's regions on top, the strangest ringed.

The contract: pure functions of a run's table; a point carries its row of the run as ``customdata`` and nothing else, so
what is chosen on the map comes back as rows; text from the catalogue enters through `dashboard.figures.plain`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard import words
from dashboard.figures import blank, plain
from dashboard.hexagons import hexagons
from dashboard.summaries import is_reference, is_target
from dashboard.theme import CATEGORIES, Theme, sequential

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

Colour = Literal["set", "concept", "cluster", "depth", "score"]

COLOURS: dict[Colour, str] = {
    "set": "set",
    "concept": "concept",
    "cluster": "cluster",
    "depth": "depth",
    "score": "score",
}
MOST_POINTS = 50_000
STRANGEST = 100
HEIGHT = 620
_ACROSS = 44
_NAMED = 7
_NOISE, _OTHERS = "\0noise", "\0others"
"""No concept is called so."""


@dataclass(frozen=True)
class Drawn:
    """Rows of the run by how they are drawn.

    Attributes:
        points: Drawn one by one: the target's, or the reference's where nothing else is on the map.
        density: Counted in hexagons.
        ringed: The strangest of the points, strangest first.
        among: How many points there are, of which `points` is a sample where it holds fewer.
    """

    points: np.ndarray
    density: np.ndarray
    ringed: np.ndarray
    among: int


def available(table: pd.DataFrame) -> tuple[Colour, ...]:
    """What the points can be coloured by."""
    known: dict[Colour, bool] = {
        "set": True,
        "concept": bool((table["concepts"].map(len) > 0).any()),
        "cluster": bool((table["cluster"].fillna(-1) >= 0).any()),
        "depth": bool(table["depth_m"].notna().any()),
        "score": bool(table["ood_score"].notna().any()),
    }
    return tuple(name for name, there in known.items() if there)


def drawn(table: pd.DataFrame, mask: np.ndarray, most: int = MOST_POINTS) -> Drawn:
    """Which regions are drawn how.

    Args:
        mask: ``[N]`` bool, the regions that fit the current selection; the density is of the whole reference.
        most: Points beyond which a sample is drawn: the strangest, and others by chance (the same ones each time).
    """
    placed = np.isfinite(table["x"].to_numpy(float, na_value=np.nan) + table["y"].to_numpy(float, na_value=np.nan))
    alone = is_reference(table) & ~is_target(table)
    density = np.flatnonzero(placed & is_reference(table))
    points = np.flatnonzero(placed & mask & ~alone)
    if not (placed & ~alone).any():
        points, density = np.flatnonzero(placed & mask), np.empty(0, dtype=np.int64)
    scores = table["ood_score"].to_numpy(float, na_value=np.nan)[points]
    by_score = points[np.argsort(-scores, kind="stable")]
    ringed = by_score[: min(STRANGEST, int(np.isfinite(scores).sum()))]
    among = len(points)
    if among > most:
        rest = np.setdiff1d(points, ringed)
        chance = np.random.default_rng(0).choice(rest, max(0, most - len(ringed)), replace=False)
        points = np.sort(np.concatenate([ringed, chance]))
    return Drawn(points, density, ringed, among)


def scatter(table: pd.DataFrame, shown: Drawn, colour: Colour, theme: Theme) -> go.Figure:
    """The map."""
    p = theme.palette
    figure = blank(theme, HEIGHT, uirevision="map", dragmode="lasso")
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    everything = np.concatenate([shown.points, shown.density])
    ranges = [_padded(values[everything]) for values in (x, y)]
    figure.update_xaxes(visible=False, range=ranges[0])
    figure.update_yaxes(visible=False, range=ranges[1], scaleanchor="x", scaleratio=1)
    if len(shown.density):
        _density(figure, x[shown.density], y[shown.density], ranges, theme, 0.78 if colour == "set" else 0.5)
    part = table.iloc[shown.points]
    size = 4.0 if len(part) > 20_000 else 5.5 if len(part) > 3_000 else 7.5
    marker = {"size": size * theme.scale, "opacity": 0.85, "line": {"width": 0.5, "color": p.surface}}
    texts = np.array(hovers(part), dtype=object)
    for name, mask, look in _traces(part, colour, theme):
        figure.add_scattergl(
            x=x[shown.points][mask],
            y=y[shown.points][mask],
            mode="markers",
            name=name,
            marker={**marker, **look},
            customdata=shown.points[mask].tolist(),
            hovertext=texts[mask].tolist(),
            hoverinfo="text",
        )
    if len(shown.ringed):
        ring = {"symbol": "circle-open", "color": p.flagged, "size": (size + 5) * theme.scale, "line": {"width": 2}}
        name = f"{len(shown.ringed)} strangest"
        figure.add_scattergl(
            x=x[shown.ringed], y=y[shown.ringed], mode="markers", name=name, marker=ring, hoverinfo="skip"
        )
    figure.update_layout(legend={"itemsizing": "constant"})
    return figure


def hovers(part: pd.DataFrame) -> list[str]:
    """What is said of each point: file, concepts, score, depth. Markup in names is shown, not run."""
    lines = []
    columns = (part["path"], part["concepts"], part["ood_score"], part["depth_m"])
    for path, concepts, score, depth in zip(*columns, strict=True):
        facts = [plain(str(path).rsplit("/", 1)[-1]), plain(", ".join(concepts)) if len(concepts) else ""]
        facts.append("" if words.missing(score) else f"score {words.score(score)}")
        facts.append("" if words.missing(depth) else words.metres(depth))
        lines.append("<br>".join(fact for fact in facts if fact))
    return lines


def _padded(values: np.ndarray) -> list[float]:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    return [low - room, high + room]


def _density(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, ranges: list[list[float]], theme: Theme, most: float
) -> None:
    """Hexagons behind the points; ``most`` is the opacity of the fullest."""
    wide, high = (end - begin for begin, end in ranges)
    cells = hexagons(x, y, max(wide, high) / _ACROSS)
    pixels = min((HEIGHT * theme.scale - 50) / high, 1050 / wide)
    share = np.log1p(cells.counts) / np.log1p(cells.counts.max())
    figure.add_scattergl(
        x=cells.x,
        y=cells.y,
        mode="markers",
        name="reference (density)",
        marker={
            "symbol": "hexagon",
            "size": cells.width * pixels * 2 / np.sqrt(3),
            "color": theme.palette.reference,
            "opacity": 0.18 + (most - 0.18) * share,
            "line": {"width": 0},
        },
        hovertext=[f"{words.plural(int(number), 'reference region')} here" for number in cells.counts],
        hoverinfo="text",
    )


Trace = tuple[str, np.ndarray, dict[str, object]]


def _traces(part: pd.DataFrame, colour: Colour, theme: Theme) -> list[Trace]:
    """Name, mask and look of each colour, what is drawn first comes first."""
    p = theme.palette
    if colour in ("depth", "score"):
        values = part["depth_m" if colour == "depth" else "ood_score"].to_numpy(float, na_value=np.nan)
        kind = "target" if is_target(part).all() else "regions"
        return _amounts(values, kind, "depth (m)" if colour == "depth" else "score", f"no {colour}", theme)
    if colour == "set":
        target = is_target(part)
        neither = ~target & ~is_reference(part)
        kinds = [("in neither", neither, p.muted), ("reference", ~target & ~neither, p.reference)]
        return [(n, m, {"color": c}) for n, m, c in [*kinds, ("target", target, p.target)] if m.any()]
    names = categories(part, colour)
    common = [name for name, _ in Counter(names).most_common() if name not in (_NOISE, _OTHERS, words.MISSING)]
    traces: list[Trace] = []
    for name, shown in ((words.MISSING, "nothing named"), (_NOISE, "noise, in no cluster"), (_OTHERS, "others")):
        mask = names == name
        look: dict[str, object] = {"color": p.muted, "opacity": 0.45}
        if name == _NOISE:
            look = {"color": p.muted, "symbol": "x-thin", "line": {"width": 1, "color": p.muted}}
        elif name == words.MISSING:
            look = {"color": p.muted, "symbol": "circle-open"}
        if mask.any():
            traces.append((shown, mask, look))
    for place, name in enumerate(common):
        traces.append((plain(name), names == name, {"color": CATEGORIES[place]}))
    return traces


def _amounts(values: np.ndarray, kind: str, title: str, lacking: str, theme: Theme) -> list[Trace]:
    known = np.isfinite(values)
    colours = [tone for _, tone in sequential(theme)][1:]  # the first is hardly told from the ground
    scale = [[place / (len(colours) - 1), tone] for place, tone in enumerate(colours)]
    bar = {"title": {"text": title}, "thickness": 12, "outlinewidth": 0}
    traces: list[Trace] = []
    if not known.all():
        traces.append((lacking, ~known, {"color": theme.palette.muted, "opacity": 0.45}))
    if known.any():
        traces.append((kind, known, {"color": values[known], "colorscale": scale, "colorbar": bar}))
    return traces


def categories(part: pd.DataFrame, colour: Colour) -> np.ndarray:
    """``[N]`` each region's cluster, or its most frequent concept: the commonest by name, the rest together."""
    if colour == "cluster":
        raw = [
            words.MISSING if words.missing(number) else _NOISE if number < 0 else f"cluster {int(number)}"
            for number in part["cluster"]
        ]
    else:
        often = Counter(name for names in part["concepts"] for name in names)
        raw = [
            max(names, key=lambda name: (often[name], name)) if len(names) else words.MISSING
            for names in part["concepts"]
        ]
    named = Counter(name for name in raw if name not in (words.MISSING, _NOISE))
    kept = {name for name, _ in sorted(named.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]}
    kept |= {words.MISSING, _NOISE}
    return np.array([name if name in kept else _OTHERS for name in raw], dtype=object)
