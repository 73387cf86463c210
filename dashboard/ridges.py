"""Scores by category as ridges: one smoothed distribution above the other, reference and target in their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard import score_summaries
from dashboard.figures import blank, faded, plain
from dashboard.summaries import coded, is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.score_figures import Line
    from dashboard.summaries import By
    from dashboard.theme import Theme

GRID = 161
_TALL = 1.7
"""How far a ridge may reach, in rows: a little over the one above."""


def ridges(frame: pd.DataFrame, by: By, names: Sequence[str]) -> pd.DataFrame:
    """Smoothed distributions of some categories.

    Args:
        names: The categories, first one first.

    Returns:
        ``category``, ``set``, ``images``, ``score`` and ``density`` (its highest of all is 1): `GRID` rows a category
        and set; fewer than two scores make no ridge, but one row each at density 0.
    """
    import pandas as pd

    places, known = coded(frame, by)
    wanted = [(name, known.index(name)) for name in names if name in known]
    values = frame["ood_score"].to_numpy(dtype=float)
    usable = np.isfinite(values) & np.isin(places, [place for _, place in wanted])
    columns = ["category", "set", "images", "score", "density"]
    if not usable.any():
        return pd.DataFrame(columns=columns)
    low, high = float(values[usable].min()), float(values[usable].max())
    margin = max((high - low) * 0.12, 1e-9)
    grid = np.linspace(max(0.0, low - margin) if low >= 0.0 else low - margin, high + margin, GRID)
    # By numbers and put together once: one small table a ridge takes many times as long.
    drawn: list[tuple[int, int, int, np.ndarray, np.ndarray]] = []
    for kind, mask in enumerate((is_reference(frame), is_target(frame))):
        for place, (_, code) in enumerate(wanted):
            scores = values[usable & mask & (places == code)]
            if len(scores) > 1:
                drawn.append((place, kind, len(scores), grid, score_summaries.density(scores, grid)))
            elif len(scores):
                drawn.append((place, kind, 1, scores, np.zeros(1)))
    long = [len(score) for *_, score, _ in drawn]
    category, kind, images = (np.repeat([one[at] for one in drawn], long) for at in range(3))
    density = np.concatenate([one[4] for one in drawn])
    return pd.DataFrame(
        {
            "category": pd.Categorical.from_codes(category, [name for name, _ in wanted]),
            "set": pd.Categorical.from_codes(kind, ["reference", "target"]),
            "images": images,
            "score": np.concatenate([one[3] for one in drawn]),
            "density": density / max(float(density.max()), 1e-12),
        }
    )


def figure(table: pd.DataFrame, names: Sequence[str], lines: Sequence[Line], theme: Theme, axis: str) -> go.Figure:
    """The ridges, the first category at the top.

    Args:
        table: Of `ridges`.
        lines: Thresholds, drawn through all of them.
        axis: What the score is.
    """
    drawn = blank(theme, 130 + 38 * len(names))
    p = theme.palette
    shown: set[str] = set()
    parts = _parts(table)
    for place, name in enumerate(names):
        base = len(names) - 1 - place
        for kind, colour in (("reference", p.reference), ("target", p.target)):
            if (name, kind) not in parts:
                continue
            many, score, density = parts[name, kind]
            first = kind not in shown
            shown.add(kind)
            hover = f"{plain(name)}, {kind}: {many:,} {'image' if many == 1 else 'images'}<extra></extra>"
            if len(score) == 1:
                drawn.add_scatter(
                    x=score,
                    y=[base],
                    mode="markers",
                    name=kind,
                    legendgroup=kind,
                    showlegend=first,
                    marker={"color": colour, "size": 8},
                    hovertemplate=hover,
                )
                continue
            # Between equal heights and equal areas: one narrow ridge must not flatten all others.
            tall = float(density.max())
            height = _TALL * tall**0.3 / max(tall, 1e-12)
            drawn.add_scatter(
                x=np.concatenate([score, score[::-1]]),
                y=np.concatenate([base + height * density, np.full(len(score), float(base))]),
                mode="lines",
                fill="toself",
                name=kind,
                legendgroup=kind,
                showlegend=first,
                line={"color": colour, "width": 1.4},
                fillcolor=faded(colour, 0.4),
                hoveron="fills",
                text=hover.removesuffix("<extra></extra>"),
                hoverinfo="text",
            )
    for value, _, colour, dash in lines:
        drawn.add_vline(x=value, line={"color": getattr(p, colour), "width": 1.8, "dash": dash})
    drawn.update_xaxes(title_text=axis, showgrid=False)
    drawn.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[plain(name) for name in reversed(names)],
        range=[-0.3, len(names) - 1 + _TALL + 0.1],
        showgrid=True,
    )
    drawn.update_layout(legend={"y": 1.0 + 12 / (130 + 38 * len(names))})
    return drawn


def _parts(table: pd.DataFrame) -> dict[tuple[str, str], tuple[int, np.ndarray, np.ndarray]]:
    """Images, scores and densities of each ridge, by category and set."""
    if table.empty:
        return {}
    score, density = table["score"].to_numpy(dtype=float), table["density"].to_numpy(dtype=float)
    found = table.groupby(["category", "set"], observed=True).indices
    return {key: (int(table["images"].iloc[rows[0]]), score[rows], density[rows]) for key, rows in found.items()}
