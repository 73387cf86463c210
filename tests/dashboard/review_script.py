"""The Review page alone, for AppTest."""

from __future__ import annotations

from dashboard import state
from dashboard.theme import theme_for
from dashboard.views import review

if __name__ == "__main__":
    space = state.workspace()
    runs = tuple(space.runs())
    review.page(state.View(space, runs, state.open_run(space, runs[0]), theme_for("light", None)))
