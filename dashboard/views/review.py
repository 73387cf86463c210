"""Review: what do you decide?"""

from __future__ import annotations

from dashboard import parts, review_learning, review_results, review_takeaway, review_work
from dashboard.state import View


def page(view: View) -> None:
    """Draw the page."""
    parts.heading(
        "What do you decide?",
        "Every picture gets a verdict by one key. It is signed, kept with its time and undone by one key; "
        "nothing that was said to be saved is ever lost.",
    )
    review_work.work(view)
    review_results.results(view)
    review_learning.learning(view)
    review_takeaway.takeaway(view)
