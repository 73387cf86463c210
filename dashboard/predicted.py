"""Predictions in the image panel, for `dashboard.slots.PREDICTIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import parts, predicting, prediction_figures

if TYPE_CHECKING:
    from dashboard.predicting import RunPredictions
    from dashboard.state import View

MOST_MODELS = 3


def predictions(view: View, row: int) -> None:
    """What models say of this picture: likeliest concepts with their probabilities; nothing without a prediction."""
    found = [one for one in predicting.of_run(view) if one.of(row) is not None]
    for place, one in enumerate(found[:MOST_MODELS]):
        _one(view, row, one, place)


def _one(view: View, row: int, one: RunPredictions, place: int) -> None:
    values = one.of(row)
    assert values is not None
    limits = one.stored.thresholds
    table = prediction_figures.bars_table(values, limits, one.tree, parents=False, spread=one.spread_of(row), most=5)
    parts.section("What the model says", f"{one.stored.model}. {verdict(int(table['said'].sum()), len(table))}")
    parts.plot(
        prediction_figures.bars(table, view.theme),
        key=f"predicted_{place}",
        alt="Probabilities of the likeliest concepts",
        data=lambda: table,
    )
    above = prediction_figures.bars_table(values, limits, one.tree, parents=True, most=3)
    if len(above):
        shown = ", ".join(f"{r.concept} {r.probability:.2f}" for r in above.itertuples())
        parts.note(f"Broader: {shown}.")


def verdict(said: int, shown: int) -> str:
    """How to read the bars."""
    if said:
        return "Full bars reach the concept's threshold, which is marked."
    if not shown:
        return "It knows no concept."
    return "Nothing reaches its threshold: the model says that none of its concepts is there."
