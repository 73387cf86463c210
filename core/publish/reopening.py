"""An exported table opened again: without the run, the model or the images that it came from.

The contract:
- what `core.export` writes comes back with the same values, and missing ones missing;
- nothing is lost in silence: a cell that is not of its column's kind becomes missing and is counted, a row that does
  not fit the header refuses the file;
- what a stranger's file holds is data: sizes are limited, text stays text.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select

from core.catalogue.formats.cells import restore
from core.catalogue.formats.decoding import decode
from core.catalogue.formats.report import Report, shown, whole
from core.catalogue.schema import Image
from core.errors import FormatError
from core.runs import TABLE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from core.catalogue.database import Database

LARGEST = 150_000_000
"""Bytes of a file that is opened."""
MOST_COLUMNS = 2000
_NEEDED = ("path", "region_id")
_FLOATS = frozenset(
    {
        *("box_x", "box_y", "box_w", "box_h", "latitude", "longitude", "depth_m", "altitude_m", "x", "y"),
        *("ood_score", "ood_percentile", "p_value", "cluster_probability", "cluster_outlier_score"),
    }
)
_WHOLE = frozenset({"region_id", "image_id", "width", "height", "cluster", "opinions", "run"})
_TIMES = frozenset({"taken_at", "decided_at"})
_YES = {"true": True, "false": False, "1": True, "0": False}
_NAMED = frozenset(TABLE_COLUMNS) | {"verdict", "decided_concepts", "decided_by", "decision_note", "run_uid", "model"}
_AT_ONCE = 500
_NO_NUMBER = float("nan")


@dataclass(frozen=True)
class Reopened:
    """An exported table.

    Attributes:
        table: One row a region; every column of `core.runs.TABLE_COLUMNS` is there, empty where the file lacks it.
        run, name: Number and name of the run, as far as the file says.
        has_map: Whether some row has both coordinates.
        remarks: Sentences on what could not be read as it stood.
    """

    table: pd.DataFrame
    run: int | None
    name: str
    has_map: bool
    remarks: tuple[str, ...]


def reopen(data: bytes, name: str) -> Reopened:
    """Read a table that `benthoscope export` wrote as CSV or JSON.

    Args:
        data: The whole file.
        name: For sentences; its ending is ignored, the content says what it is.

    Raises:
        FormatError: it is too large, neither of both, or lacks what every export has.
    """
    if len(data) > LARGEST:
        raise FormatError(f"{name} has {len(data):,} bytes; up to {LARGEST:,} are opened. Export fewer rows")
    if not data.strip():
        raise FormatError(f"{name} is empty; an exported table was expected")
    report = Report()
    text = decode(data, name, report).removeprefix("\ufeff")
    facts: Mapping[str, Any] = {}
    if text.lstrip()[:1] in ("{", "["):
        facts, header, rows = _json_rows(text, name)
    else:
        header, rows = _csv_rows(text, name)
    lacking = [needed for needed in _NEEDED if needed not in header]
    if lacking:
        raise FormatError(
            f"{name} is not a table of a run: it lacks the column {lacking[0]}. Open what was exported as CSV or JSON; "
            "other tables are brought in on Datasets"
        )
    table, remarks = _typed(header, rows)
    said = list(report.notes)
    run, title = facts.get("run"), facts.get("name")
    if run is None and len(table) and table["run"].notna().all() and table["run"].nunique() == 1:
        run = int(table["run"].iloc[0])
    placed = bool((table["x"].notna() & table["y"].notna()).any())
    if len(table) and not placed:
        said.append("No row has both coordinates of the map, so there is no map.")
    return Reopened(
        table,
        run if isinstance(run, int) and not isinstance(run, bool) else None,
        whole(title) if isinstance(title, str) else "",
        placed,
        (*said, *remarks),
    )


def images_here(database: Database, hashes: Sequence[str]) -> dict[str, int]:
    """Content hash → id of an image of this workspace with that content: what can be shown after all."""
    found: dict[str, int] = {}
    with database.read() as session:
        wanted = sorted({one for one in hashes if one})
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            query = select(Image.content_hash, Image.id).where(Image.content_hash.in_(part), Image.status == "ok")
            found |= {content: image for content, image in session.execute(query) if content is not None}
    return found


# --- from text to rows ------------------------------------------------------------------------------------------------


def _csv_rows(text: str, name: str) -> tuple[list[str], list[list[Any]]]:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FormatError(f"{name} is not a CSV table: {error}") from error
    if not rows:
        raise FormatError(f"{name} is empty; an exported table was expected")
    header = [restore(cell) for cell in rows[0]]
    _check_header(header, name)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise FormatError(
                f"row {number:,} of {name} has {len(row):,} cells and the header {len(header):,}; the file was cut or "
                "changed, export it again"
            )
    return header, [[restore(cell) for cell in row] for row in rows[1:]]


def _json_rows(text: str, name: str) -> tuple[Mapping[str, Any], list[str], list[list[Any]]]:
    try:
        document = json.loads(text)
    except RecursionError:
        raise FormatError(f"{name} is nested too deeply to be a table of a run") from None
    except ValueError as error:
        raise FormatError(f"{name} is not a JSON document: {error}") from error
    facts: Mapping[str, Any] = document if isinstance(document, dict) else {}
    rows = facts.get("regions") if facts else document
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f"{name} is not a table of a run: it has no list of regions")
    header = list(dict.fromkeys(key for row in rows for key in row)) if rows else list(_NEEDED)
    _check_header(header, name)
    return facts, header, [[row.get(key) for key in header] for row in rows]


def _check_header(header: Sequence[str], name: str) -> None:
    if len(header) > MOST_COLUMNS:
        raise FormatError(f"{name} has {len(header):,} columns; up to {MOST_COLUMNS:,} are opened")
    twice = next((column for place, column in enumerate(header) if column in header[:place]), None)
    if twice is not None:
        raise FormatError(f"{name} has two columns {shown(twice)}; name one of them otherwise")


# --- from cells to columns --------------------------------------------------------------------------------------------


def _typed(header: Sequence[str], rows: list[list[Any]]) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    columns: dict[str, Any] = {}
    remarks = []
    for place, column in enumerate(header):
        cells = [row[place] for row in rows]
        kind = _kind(column, cells)
        made, lost = kind(cells)
        columns[whole(column)] = made
        if lost:
            remarks.append(f"{lost:,} cells of {column} are not of its kind and are missing here.")
    for column in (*TABLE_COLUMNS, "run", "verdict"):
        if column not in columns:
            columns[column] = _kind(column, [])([None] * len(rows))[0]
    return pd.DataFrame(columns, index=range(len(rows))), remarks


def _kind(column: str, cells: Sequence[Any]) -> Callable[[Sequence[Any]], tuple[Any, int]]:
    if column in _FLOATS:
        return _floats
    if column in _WHOLE:
        return _counts
    if column in _TIMES:
        return _times
    if column == "concepts":
        return _names
    if column in ("labelled", "judged_known", "flagged") or column.endswith("_flagged"):
        return _truths
    given = [cell for cell in cells if cell not in (None, "")]
    if column not in _NAMED and given and all(_number(cell) is not None for cell in given):
        return _floats
    return _texts


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        value = float(cell)
    except (ValueError, OverflowError):
        return None
    # "1_000" and "infinity" are numbers to Python alone.
    return value if math.isfinite(value) and not (isinstance(cell, str) and "_" in cell) else None


def _floats(cells: Sequence[Any]) -> tuple[Any, int]:
    values = [_number(cell) for cell in cells]
    lost = sum(value is None and cell not in (None, "") for value, cell in zip(values, cells, strict=True))
    return np.array([_NO_NUMBER if value is None else value for value in values], dtype=np.float64), lost


def _counts(cells: Sequence[Any]) -> tuple[Any, int]:
    import pandas as pd

    values = [_number(cell) for cell in cells]
    kept = [
        int(value) if value is not None and value == int(value) and abs(value) < 2**53 else None for value in values
    ]
    lost = sum(value is None and cell not in (None, "") for value, cell in zip(kept, cells, strict=True))
    return pd.array(kept, dtype="Int64"), lost


def _truths(cells: Sequence[Any]) -> tuple[Any, int]:
    values = [_YES.get(str(cell).strip().lower()) if cell is not None else None for cell in cells]
    lost = sum(value is None and cell not in (None, "") for value, cell in zip(values, cells, strict=True))
    return np.array([bool(value) for value in values], dtype=bool), lost


def _times(cells: Sequence[Any]) -> tuple[Any, int]:
    import pandas as pd

    text = pd.Series([cell if isinstance(cell, str) and cell else None for cell in cells], dtype="object")
    times = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    given = np.array([cell not in (None, "") for cell in cells], dtype=bool)
    return times.array, int((given & times.isna().to_numpy()).sum())


def _names(cells: Sequence[Any]) -> tuple[Any, int]:
    lost = 0
    found: list[list[str]] = []
    for cell in cells:
        if isinstance(cell, list) and all(isinstance(name, str) for name in cell):
            found.append([whole(name) for name in cell])
        elif isinstance(cell, str):
            found.append([whole(name) for name in cell.split(";") if name])
        else:
            lost += cell is not None
            found.append([])
    made = np.empty(len(found), dtype=object)
    made[:] = found
    return made, lost


def _texts(cells: Sequence[Any]) -> tuple[Any, int]:
    import pandas as pd

    plain = [
        "" if cell is None else whole(cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False))
        for cell in cells
    ]
    return pd.array(plain, dtype="str"), 0
