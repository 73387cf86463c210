"""What other parts of the product add to the image panel, registered in this one place.

A slot is a tuple of functions, called in their order with the view and the row shown:
- `LAYERS` give maps that the viewer lays over the picture;
- `PREDICTIONS` and `DECISIONS` draw into the panel's column of findings, `WAYS_ON` what leads from it to other pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.runs import Run
    from dashboard.state import View


@dataclass(frozen=True)
class Layer:
    """A map to lay over a picture.

    Attributes:
        name: What it shows, for its switch.
        url: Address of a picture with transparency, stretched over the whole frame; its legend comes in the header
            ``Benthoscope-Legend``, percent-encoded.
    """

    name: str
    url: str


def _why(view: View, row: int) -> list[Layer]:
    from dashboard import why  # which fills this slot, and needs `Layer`

    return why.layers(view, row)


def _predicted(view: View, row: int) -> None:
    from dashboard import predicted

    predicted.predictions(view, row)


def _decided(view: View, row: int) -> None:
    from dashboard import decided

    decided.decisions(view, row)


def _ways_on(view: View, row: int) -> None:
    from dashboard import similar  # which goes to pages, and they to the panel

    similar.ways_on(view, row)


def captions(run: Run, prediction_id: str, rows: Sequence[int]) -> list[str]:
    """What stored predictions say of some regions of a run, one line each, for a gallery's captions."""
    from dashboard import predicting, state

    return predicting.lines(predicting.placed(state.workspace(), run, prediction_id), rows)


LAYERS: tuple[Callable[[View, int], list[Layer]], ...] = (_why,)
PREDICTIONS: tuple[Callable[[View, int], None], ...] = (_predicted,)
DECISIONS: tuple[Callable[[View, int], None], ...] = (_decided,)
WAYS_ON: tuple[Callable[[View, int], None], ...] = (_ways_on,)
