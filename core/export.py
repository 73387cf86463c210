"""A run's table as CSV or JSON, for spreadsheets and other programs.

The contract: one row a region, in the run's order; text that a spreadsheet would run is neutralised in CSV and
restored by our reader.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from core.catalogue.conditions import parse_all
from core.catalogue.formats.cells import neutralise
from core.catalogue.selections import evaluate
from core.review.columns import COLUMNS, with_decisions
from core.review.standing import standing

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from core.workspace import Workspace

LEADING = (
    *("image_id", "region_id", "dataset", "path", "region", "group", "set", "x", "y", "cluster", "cluster_probability"),
    *("cluster_outlier_score", "ood_score", "ood_percentile", "p_value", "flagged", "flag_rule"),
)
"""Columns that come first; the rest of the run's table follows."""


def export_table(run: Run, conditions: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows and columns of a run, those that matter first."""
    table = run.table
    table = table[evaluate(parse_all(conditions), table).mask]
    table = table.assign(flag_rule=str(run.manifest["flag"]["flag_rule"]))
    rest = [name for name in table.columns if name not in LEADING]
    return table[[*LEADING, *rest]]


def decided_table(space: Workspace, run: Run) -> pd.DataFrame:
    """The same with what reviewers decided (`core.review.columns.COLUMNS`), and which model it rests on."""
    table = with_decisions(export_table(run), standing(space.database)).assign(
        run=run.id, run_uid=run.info.uid, model=run.settings.embed.embedder
    )
    first = [*LEADING, *COLUMNS]
    return table[[*first, *(name for name in table.columns if name not in first)]]


def table_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV: numbers with what they carry, text neutralised, concepts joined by ``;``, times in UTC."""
    text = table.copy()
    text["concepts"] = [";".join(names) for names in text["concepts"]]
    for name in text.columns:
        if text[name].dtype.kind == "f":
            text[name] = [_number(value) for value in text[name]]
        elif text[name].dtype.kind in "OTU":
            text[name] = [neutralise(value) if isinstance(value, str) else "" for value in text[name]]
        elif text[name].dtype.kind == "M":
            text[name] = [_time(value) for value in text[name]]
    buffer = io.StringIO()
    text.columns = [neutralise(str(name)) for name in text.columns]
    # The writer quotes a cell for the characters that end its lines: with \n alone a bare \r would begin a new row.
    text.to_csv(buffer, index=False, lineterminator="\r\n")
    return buffer.getvalue().encode("utf-8")


def table_json(run: Run, table: pd.DataFrame) -> bytes:
    """One object: the run's facts and a list of rows."""
    rows = [
        {name: _plain(value) for name, value in zip(table.columns, row, strict=True)}
        for row in table.itertuples(index=False, name=None)
    ]
    document = {"run": run.id, "name": run.name, "settings": run.settings.to_tell(), "regions": rows}
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _number(value: float) -> str:
    """A float with what it carries (float32 has seven digits; positions keep more), empty when missing."""
    return "" if np.isnan(value) else f"{value:.9g}"


def _time(value: Any) -> str | None:
    return None if value is None or value != value else value.isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, list | np.ndarray):
        return [str(item) for item in value]
    if hasattr(value, "isoformat"):
        return _time(value)
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
