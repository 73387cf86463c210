"""Score against depth, every point with its picture on hover; a click opens it.

The contract: at most `MOST` points travel to the browser, the strangest of the target all among them; a point is named
by its place in the sample, which the page looks up again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import assets, cached, looking, words
from dashboard.payload import Json, to_json
from dashboard.summaries import is_flagged, is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from dashboard.score_figures import Line
    from dashboard.state import View

MOST = 3000
_STRANGEST = 1000
_COMPONENT = st.components.v2.component(
    "benthoscope_scatter",
    css=(Path(__file__).parent / "components" / "scatter.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


@dataclass(frozen=True)
class Sample:
    """What is drawn.

    Attributes:
        frame: The images, of `dashboard.summaries.images`.
        among: How many have a depth and a score.
    """

    frame: pd.DataFrame
    among: int


def sample(frame: pd.DataFrame) -> Sample:
    """Images with a depth and a score, in the reference or the target: all, or the strangest and a seeded draw."""
    known = frame[frame["depth_m"].notna() & frame["ood_score"].notna() & (is_reference(frame) | is_target(frame))]
    if len(known) <= MOST:
        return Sample(known, len(known))
    order = np.argsort(-np.where(is_target(known), known["ood_score"], -np.inf), kind="stable")
    first, rest = order[:_STRANGEST], order[_STRANGEST:]
    drawn = np.random.default_rng(0).choice(rest, MOST - len(first), replace=False)
    return Sample(known.iloc[np.sort(np.concatenate([first, drawn]))], len(known))


def depth_scatter(
    view: View, found: Sample, *, key: str, axis: str, lines: Sequence[Line], number: Callable[[float], str]
) -> None:
    """Draw the sample.

    Args:
        axis: What the score is.
        lines: Thresholds.
        number: How a score is written.
    """
    of = f"{view.run.key}{axis}"
    marks = tuple(lines)
    _COMPONENT(
        key=key,
        data=cached.computed(
            view.run, "depth scatter", (key, axis, marks), lambda: _data(found, of, key, axis, marks, number)
        ),
        height="content",
        on_open_change=partial(_open, key, view.run, found.frame["row"].to_numpy(), of),
    )


def _data(found: Sample, of: str, key: str, axis: str, lines: Sequence[Line], number: Callable[[float], str]) -> Json:
    """What the component is given, the same for every visitor."""
    frame = found.frame
    score, depth = frame["ood_score"].to_numpy(dtype=float), frame["depth_m"].to_numpy(dtype=float)
    return to_json(
        {
            "module": assets.module("scatter.js"),
            "base": assets.base(),
            "of": of,
            "label": f"Score against depth of {words.plural(len(frame), 'image')}; "
            "arrow keys go from the strangest down",
            "height": 440,
            "file": f"benthoscope-{key.replace('_', '-')}",
            "x": np.round(score, 6),
            "y": np.round(depth, 2),
            "xrange": _range(score),
            "yrange": _range(depth),
            "xtitle": axis,
            "ytitle": "depth (m)",
            "target": is_target(frame).astype(int),
            "flagged": (is_flagged(frame) & is_target(frame)).astype(int),
            "image": frame["image_id"].to_numpy(),
            "text": texts(frame, number),
            "lines": [
                {"value": value, "label": label, "colour": colour, "dash": dash != "solid"}
                for value, label, colour, dash in lines
            ],
        }
    )


def texts(frame: pd.DataFrame, number: Callable[[float], str]) -> list[str]:
    """What is written under each picture; catalogue text, shown as text alone."""
    columns = ("path", "group", "depth_m", "ood_score", "p_value")
    return [
        "\n".join(
            [
                str(path).rsplit("/", 1)[-1],
                f"{words.group(group)}, {words.metres(depth)}",
                f"score {number(float(score))}, p = {words.probability(p)}",
            ]
        )
        for path, group, depth, score, p in zip(*(frame[name].tolist() for name in columns), strict=True)
    ]


def _range(values: np.ndarray) -> list[float]:
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) * 0.04, 1e-6 * max(1.0, abs(high)))
    return [low - margin, high + margin]


def _open(key: str, run: Run, rows: np.ndarray, of: str) -> None:
    row = opened(st.session_state[key].get("open"), rows, of)
    if row is not None:
        looking.ask(run, row)


def opened(event: Any, rows: np.ndarray, of: str) -> int | None:
    """The row that was opened, when the event is of this drawing and true to it."""
    if not isinstance(event, Mapping) or event.get("of") != of:
        return None
    place = event.get("place")
    return int(rows[place]) if isinstance(place, int) and 0 <= place < len(rows) else None
