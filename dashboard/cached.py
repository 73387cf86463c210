"""What pages compute once a run and share with every visitor.

The contract: keyed by the run's content key and plain options; the run itself is never hashed (large arrays would be
hashed by a sample); what is returned is shared and not changed by anyone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import counting, summaries

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from core.runs import Run
    from dashboard.state import View


@st.cache_resource(max_entries=6, show_spinner=False)
def _ready(run_key: str, _run: Run) -> pd.DataFrame:
    return counting.ready(_run.table)


@st.cache_resource(max_entries=6, show_spinner=False)
def _images(run_key: str, _run: Run) -> pd.DataFrame:
    return summaries.images(_ready(run_key, _run))


def images(run: Run) -> pd.DataFrame:
    """`summaries.images` of a run."""
    return _images(run.key, run)


@dataclass(frozen=True)
class Part:
    """The images of a run that a selection leaves.

    Attributes:
        named: The selection's conditions, empty for all images: what is kept is kept under it.
        frame: Rows of `images`, of the columns that summaries read.
    """

    run: Run
    named: str
    frame: pd.DataFrame


def part(run: Run, named: str, mask: np.ndarray) -> Part:
    """The images with at least one region that fits.

    Args:
        mask: ``[N]`` bool, the regions of the run that fit.
    """
    every = images(run)
    if mask.all():
        return Part(run, "", every)
    return _part(run.key, named, run, mask)


@st.cache_resource(max_entries=12, show_spinner=False)
def _part(run_key: str, named: str, _run: Run, _mask: np.ndarray) -> Part:
    return Part(_run, named, summaries.images(_ready(run_key, _run)[list(summaries.COLUMNS)], _mask))


def of_part(part: Part, make: Callable[..., Any], *options: Any) -> Any:
    """``make(images, *options)`` of a part, made once for these options (plain values)."""
    return _summary(make.__name__, f"{part.run.key} {part.named}", options, lambda: make(part.frame, *options))


@st.cache_resource(max_entries=400, show_spinner=False)
def _summary(name: str, run_key: str, options: tuple[Any, ...], _make: Callable[[], Any]) -> Any:
    return _make()


def summary(run: Run, make: Callable[..., Any], *options: Any) -> Any:
    """``make(images, *options)``, made once for these options (plain values)."""
    return _summary(make.__name__, run.key, options, lambda: make(images(run), *options))


def computed(run: Run, name: str, options: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """Anything else of a run, made once for these options (plain values); ``name`` is unique to what it is."""
    return _summary(f"={name}", run.key, options, make)


@st.cache_resource(max_entries=12, show_spinner=False)
def _repeats(run_key: str, threshold: float, same_group: bool, _run: Run) -> np.ndarray:
    import numpy as np

    from core.neighbours.duplicates import near_duplicates
    from core.neighbours.graph import Graph
    from core.review.repeats import group_numbers

    graph = Graph(np.asarray(_run.graph_all.indices), np.asarray(_run.graph_all.distances))
    return near_duplicates(graph, threshold, groups=group_numbers(_run) if same_group else None)


def repeats(run: Run, threshold: float, same_group: bool = True) -> np.ndarray:
    """``[N]`` number of each region's run of near-duplicates, -1 for one that is alone; made once for these options."""
    return _repeats(run.key, threshold, same_group, run)


@st.cache_resource(max_entries=200, show_spinner=False)
def _figure(name: str, run_key: str, mode: str, options: tuple[Any, ...], _make: Callable[[], go.Figure]) -> go.Figure:
    return _make()


def figure(view: View, name: str, options: tuple[Any, ...], make: Callable[[], go.Figure]) -> go.Figure:
    """A figure, made once a run, display mode and options (plain values); ``name`` is unique to what it shows."""
    return _figure(name, view.run.key, view.theme.mode, options, make)
