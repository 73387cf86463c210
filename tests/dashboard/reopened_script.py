"""The Outputs page alone, for AppTest."""

from __future__ import annotations

from dashboard import state
from dashboard.desk import Desk
from dashboard.theme import theme_for
from dashboard.views import outputs

if __name__ == "__main__":
    space = state.workspace()
    outputs.page(Desk(space, tuple(space.runs()), theme_for("light", None)))
