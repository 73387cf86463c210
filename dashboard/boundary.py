"""The edge of the dashboard: whatever goes wrong inside reaches a person as one sentence and a next step.

A `CoreError` speaks for itself. Anything else gets a short id that is shown and stands in the server's log beside the
whole story.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from core.errors import CoreError
from dashboard import parts

_LOG = logging.getLogger("benthoscope.dashboard")


def sentence(text: str) -> str:
    """An error's words with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ")", "!", "?")) or not text else ".")


def explain(error: Exception) -> tuple[str, str]:
    """Title and sentence for a person; unknown errors are logged under the id that the sentence names."""
    if isinstance(error, CoreError):
        return "This cannot be shown", sentence(str(error))
    number = uuid4().hex[:8]
    _LOG.error("unexpected error %s", number, exc_info=error)
    return (
        "Something went wrong on our side",
        f"Nothing was lost. Load the page again; if it stays, report error {number}: the server's log tells more.",
    )


@contextmanager
def boundary() -> Iterator[None]:
    """Show what goes wrong inside as a designed state of the page. Streamlit's own control flow passes."""
    try:
        yield
    except Exception as error:  # the one place that catches everything: nobody above could tell a person more
        parts.empty(*explain(error))


def on_script_error(error: Exception) -> bool:
    """What escapes the boundary (callbacks, fragments): the same, and Streamlit's own box stays away."""
    parts.empty(*explain(error))
    return True
