"""What a cluster is made of beside the rest, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.figures import blank, plain
from dashboard.theme import Theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.clusters.naming import Trait


def composition(traits: Sequence[Trait], theme: Theme) -> go.Figure:
    """Shares inside of a cluster beside those of all other regions."""
    figure = blank(theme, 60 + 44 * max(1, len(traits)), barmode="group")
    names = [plain(trait.said if len(trait.said) < 40 else trait.said[:38] + "…") for trait in traits]
    p = theme.palette
    for called, shares, colour in (
        ("all others", [trait.outside for trait in traits], p.reference),
        ("this cluster", [trait.inside for trait in traits], p.accent),
    ):
        figure.add_bar(y=names, x=shares, name=called, orientation="h", marker={"color": colour}, hoverinfo="x+name")
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title_text="share of regions where it is known")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(legend={"traceorder": "reversed"})
    return figure
