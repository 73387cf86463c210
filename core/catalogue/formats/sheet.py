"""A table as rows of text, whatever file it came from.

The contract:
- every data row of the file is a row of the sheet or a ``bad-row`` problem; blank rows count but are left out;
- rows are numbered as a spreadsheet shows them (the header is row 1); Parquet, which has no header row, from 1;
- cells are text; a missing value is the empty text; cells that our writer neutralised are restored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.catalogue.formats.columns import candidates
from core.catalogue.formats.report import Report, shown


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        name: File name, for sentences.
        header: Unique, not empty texts.
        rows: As many cells each as the header.
        numbers: Row numbers, or what else the source calls its rows, one a row.
        noun: What a row is.
        told: Column → role, where a person said what it is (`core.catalogue.formats.columns.candidates`).
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int | str]
    noun: str = "row"
    told: Mapping[str, str] = field(default_factory=dict)

    def where(self, index: int) -> str:
        """``row 12``."""
        return f"{self.noun} {self.numbers[index]}"

    def places(self, role: str) -> list[int]:
        """Places of all columns that may have a role, the likeliest first."""
        return candidates(self.header, role, self.told)

    def column(self, place: int) -> list[str]:
        """All cells of one column."""
        return [row[place] for row in self.rows]


def unique_names(names: Sequence[str], sheet: str, report: Report) -> tuple[str, ...]:
    """Column names made unique and not empty, with a note where that was needed."""
    seen: dict[str, int] = {}
    unique = []
    for place, name in enumerate(names, start=1):
        name = name or f"column {place}"
        while name in seen:
            seen[name] += 1
            again = f"{name} ({seen[name]})"
            report.note(f"{sheet} has several columns named {shown(name)}: a later one is called {shown(again)}.")
            name = again
        seen[name] = 1
        unique.append(name)
    return tuple(unique)
