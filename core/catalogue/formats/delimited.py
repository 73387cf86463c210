"""CSV, TSV and their relatives: text → sheet, whatever the separator and however a quotation mark went astray."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from core.catalogue.formats.cells import restore
from core.catalogue.formats.columns import GROUPS, normalise, role_of
from core.catalogue.formats.report import Report, several
from core.catalogue.formats.sheet import Sheet, unique_names
from core.errors import FormatError

_DELIMITERS = ("\t", ";", "|", ",")
_NONE = "\x1f"  # a delimiter that no text holds: every line is one cell
_SEP_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_MOST_REPAIRS = 1000
_MOST_PADDING = 20_000_000  # cells; a small file must not fill the memory


def parse_sheet(text: str, name: str, report: Report) -> Sheet:
    """Read a table from text whose separator is found from its first lines.

    Raises:
        FormatError: there is no header.
    """
    lines = list(io.StringIO(text, newline=""))
    first = 0
    declared = _SEP_LINE.fullmatch(lines[0]) if lines else None
    if declared:
        first, delimiter = 1, declared.group(1)
    else:
        delimiter = _delimiter(lines[:50])
    if delimiter in '\r\n"':
        raise FormatError(f"{name} declares an impossible separator in its first line; take that line out")
    records = _records(lines, first, delimiter, report)
    header: tuple[str, ...] = ()
    for number, cells in records:
        if any(cell.strip() for cell in cells):
            header = unique_names([restore(cell).strip() for cell in cells], name, report)
            header_row = number
            break
    else:
        raise FormatError(f"{name} holds no header row; the first row must name the columns")
    rows, numbers, short, padded = [], [], 0, 0
    for number, cells in _records(lines, first, delimiter, report, width=len(header)):
        if number <= header_row or not any(cell and not cell.isspace() for cell in cells):
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(header):
            report.problem(
                "bad-row",
                f"row {number}",
                f"{len(cells)} cells where the header has {len(header)}; "
                "put a cell that holds the separator in quotation marks",
            )
            continue
        if len(cells) < len(header):
            short += 1
            padded += len(header) - len(cells)
            if padded > _MOST_PADDING:
                raise FormatError(f"nearly all rows of {name} end before the last column; check its separator")
            cells.extend([""] * (len(header) - len(cells)))
        rows.append([restore(cell) for cell in cells])
        numbers.append(number)
    if short:
        report.note(f"{several(short, 'row')} of {name} end early: the missing cells were read as empty.")
    return Sheet(name, header, rows, numbers)


def _delimiter(lines: Sequence[str]) -> str:
    """The separator under which the first row has the most known names, then the rows agree best, then are widest."""
    best, best_score = _NONE, (-1, -1.0, -1)
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not rows or len(rows[0]) < 2:
            continue
        known = sum(role_of(cell.strip()) is not None or normalise(cell) in GROUPS for cell in rows[0])
        agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        score = (known, round(agreeing, 1), len(rows[0]))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _records(
    lines: Sequence[str], first: int, delimiter: str, report: Report, width: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Numbered rows; a quotation mark that is never closed costs its own line, not the rest of the file.

    With no `width` nothing is reported: that pass only looks for the header.
    """
    spaced = first < len(lines) and re.search(re.escape(delimiter) + r' +["\w]', lines[first]) is not None
    position, number, repairs = first, 0, 0
    while position < len(lines):
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if repairs < _MOST_REPAIRS else csv.QUOTE_NONE
        # One line beyond the end, so that a row that swallows the end of the file is seen to do so.
        feed = (lines[at] if at < len(lines) else "\n" for at in range(position, len(lines) + 1))
        reader = csv.reader(feed, delimiter=delimiter, quoting=quoting, skipinitialspace=spaced and delimiter != " ")
        began, start = position, position
        while True:
            try:
                cells = next(reader)
            except csv.Error:
                torn, cells = True, []
            else:
                if start >= len(lines):
                    return
                end = began + reader.line_num
                torn = end > len(lines) or (end - start > 1 and not _sound(lines[start:end], delimiter, cells, width))
            number += 1
            if torn:
                if width is not None:
                    report.problem("bad-row", f"row {number}", "a quotation mark is opened and never rightly closed")
                position, repairs = start + 1, repairs + 1
                if width is not None and repairs == _MOST_REPAIRS:
                    report.note(
                        f"From row {number} on, quotation marks are read as plain text: too many are not closed."
                    )
                break
            yield number, cells
            start = end


def _sound(lines: Sequence[str], delimiter: str, cells: Sequence[str], width: int | None) -> bool:
    """Whether a row over several lines is one: rightly quoted, and as wide as the header."""
    try:
        for _ in csv.reader(lines, delimiter=delimiter, strict=True):
            pass
    except csv.Error:
        return False
    return width is None or len(cells) == width or (len(cells) > width and not any(cells[width:]))
