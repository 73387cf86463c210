"""Spreadsheet cells that must not run: neutralised on the way out, restored on the way in.

A spreadsheet runs a text cell that begins with ``= + - @`` or a control character. An apostrophe before it makes it
plain text there. Apostrophes already standing before such a character are counted in, so that `restore` is the exact
inverse of `neutralise` for every text. Only text cells are meant: a negative number is written as a number.
"""

from __future__ import annotations

import re

_RUNS = re.compile(r"'*[=+\-@\x00-\x1f\x7f-\x9f]")
_NEUTRALISED = re.compile(r"'+[=+\-@\x00-\x1f\x7f-\x9f]")


def neutralise(cell: str) -> str:
    """The text as it may stand in a CSV cell; ``=SUM(A1)`` becomes ``'=SUM(A1)``."""
    return "'" + cell if _RUNS.match(cell) else cell


def restore(cell: str) -> str:
    """The text that `neutralise` was given."""
    return cell[1:] if cell[:1] == "'" and _NEUTRALISED.match(cell) else cell
