"""Figures of a report as inline SVG: no script, no network, readable in print.

The contract: pure; every text is escaped; numbers are rounded to what they carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from core.evaluate.intervals import Interval

WIDTH, HEIGHT = 720, 260
REFERENCE, TARGET, FLAGGED, INK = "#7c93a8", "#d98032", "#1c8a4e", "#44525f"
_LEFT, _BOTTOM, _TOP = 46, 34, 12
MOST_POINTS = 6000


def histogram(known: NDArray[np.float64], judged: NDArray[np.float64], line: float | None, label: str) -> str:
    """Shares of two sets in bins of a score, with a threshold.

    Args:
        known, judged: Scores of reference and target; NaN is left out.
        line: The threshold on the score, where there is one.
        label: Of the axis.
    """
    known, judged = known[np.isfinite(known)], judged[np.isfinite(judged)]
    every = np.concatenate([known, judged])
    if not len(every):
        return _empty("Nothing was scored.")
    low, high = float(every.min()), float(every.max())
    edges = np.linspace(low, high if high > low else low + 1e-6, 41)
    sets = [(known, REFERENCE, "reference"), (judged, TARGET, "target")]
    shares = [np.histogram(scores, edges)[0] / max(1, len(scores)) for scores, _, _ in sets]
    top = max(float(share.max()) for share in shares) or 1.0
    parts = [_axes(low, high, label)]
    for share, (scores, colour, name) in zip(shares, sets, strict=True):
        points = " ".join(
            f"{_x(edge, low, high):.1f},{_y(value / top):.1f}"
            for index, value in enumerate(share)
            for edge in (edges[index], edges[index + 1])
        )
        base = _y(0.0)
        parts.append(
            f'<polygon points="{_x(low, low, high):.1f},{base:.1f} {points} {_x(high, low, high):.1f},{base:.1f}" '
            f'fill="{colour}" fill-opacity="0.45" stroke="{colour}"><title>{name}, {len(scores):,}</title></polygon>'
        )
    if line is not None and low <= line <= high:
        at = _x(line, low, high)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_y(0):.1f}" stroke="{FLAGGED}" stroke-width="2"/>'
        )
    return _figure(parts, "Scores of reference and target")


def scatter(xy: NDArray[np.float64], target: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> str:
    """The map: reference below, target above, flagged ringed; an even sample of large ones."""
    if not len(xy):
        return _empty("There is no map.")
    step = max(1, len(xy) // MOST_POINTS)
    keep = np.zeros(len(xy), bool)
    keep[::step] = True
    keep |= flagged & (np.cumsum(flagged) <= 400)
    low, span = np.nanmin(xy, axis=0), np.maximum(np.ptp(xy, axis=0), 1e-9)
    placed = (xy - low) / span
    height = 480
    size = min(5.0, max(1.0, 40 / np.sqrt(len(xy))))  # few points are drawn larger
    dots = []
    for mask, colour, radius in ((~target, REFERENCE, 1.3 * size), (target, TARGET, 1.7 * size)):
        points = placed[mask & keep]
        path = "".join(f"M{10 + x * (WIDTH - 20):.0f} {height - 10 - y * (height - 20):.0f}h0" for x, y in points)
        dots.append(
            f'<path d="{path}" stroke="{colour}" stroke-width="{2 * radius:.1f}" stroke-linecap="round" opacity="0.7"/>'
        )
    ring = max(4.0, 1.7 * size + 2)
    rings = "".join(
        f'<circle cx="{10 + x * (WIDTH - 20):.0f}" cy="{height - 10 - y * (height - 20):.0f}" r="{ring:.1f}"/>'
        for x, y in placed[keep & flagged][:400]
    )
    dots.append(f'<g fill="none" stroke="{FLAGGED}" stroke-width="1.4">{rings}</g>')
    return _figure(dots, "Map of the regions: near means alike", height)


def bars(names: Sequence[str], counts: Sequence[int]) -> str:
    """Counts by name, as lying bars."""
    if not names:
        return _empty("Nothing is labelled.")
    top, row = max(counts) or 1, 20
    parts = []
    for index, (name, number) in enumerate(zip(names, counts, strict=True)):
        y = 6 + index * row
        length = (WIDTH - 290) * number / top
        parts.append(
            f'<text x="204" y="{y + 12}" text-anchor="end">{escape(name[:34])}</text>'
            f'<rect x="210" y="{y}" width="{length:.1f}" height="14" fill="{REFERENCE}"/>'
            f'<text x="{216 + length:.1f}" y="{y + 12}">{number:,}</text>'
        )
    return _figure(parts, "Images of each concept", 12 + row * len(names))


def intervals(values: Mapping[str, Interval]) -> str:
    """Figures in [0, 1] with their intervals, one a line."""
    if not values:
        return _empty("There is no figure.")
    row, left = 24, 210
    width = WIDTH - left - 60
    parts = [
        f'<line x1="{left + width * tick / 4:.1f}" x2="{left + width * tick / 4:.1f}" y1="0" y2="{row * len(values)}" '
        f'stroke="#dde3e8"/><text x="{left + width * tick / 4:.1f}" y="{row * len(values) + 16}" '
        f'text-anchor="middle">{tick / 4:g}</text>'
        for tick in range(5)
    ]
    for place, (name, one) in enumerate(values.items()):
        y = row * place + row / 2
        at = [left + width * min(1.0, max(0.0, value)) for value in (one.low, one.value, one.high) if value == value]
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        if len(at) == 3:
            parts.append(
                f'<line x1="{at[0]:.1f}" x2="{at[2]:.1f}" y1="{y}" y2="{y}" stroke="{REFERENCE}" stroke-width="5"/>'
            )
        if at:
            parts.append(f'<circle cx="{at[len(at) // 2]:.1f}" cy="{y}" r="5" fill="{TARGET}"/>')
    return _figure(parts, "Figures with their intervals", row * len(values) + 22)


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (WIDTH - _LEFT - 12) * (value - low) / ((high - low) or 1)


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * share


def _axes(low: float, high: float, label: str) -> str:
    base = _y(0.0)
    ticks = "".join(
        f'<text x="{_x(value, low, high):.1f}" y="{base + 15:.1f}" text-anchor="middle">{value:.3g}</text>'
        for value in np.linspace(low, high, 6)
    )
    return (
        f'<line x1="{_LEFT}" x2="{WIDTH - 12}" y1="{base:.1f}" y2="{base:.1f}" stroke="{INK}"/>{ticks}'
        f'<text x="{(WIDTH + _LEFT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(label)}</text>'
    )


def _figure(parts: Sequence[str], title: str, height: int = HEIGHT) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def _empty(text: str) -> str:
    return f"<p>{escape(text)}</p>"
