"""The table of `core.explain.check` as text, as JSON and as a file; and where the maps lose, in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from core.artefacts import write_atomically
from core.errors import WorkspaceError
from core.explain.check import BASELINES, MEASURES, Check

LOWER_IS_BETTER = ("completeness", "deletion")


def losses(check: Check) -> list[str]:
    """One sentence for each measure in which our best map does not beat the best baseline."""
    found = []
    for measure in MEASURES:
        sign = -1 if measure in LOWER_IS_BETTER else 1
        rows = [row for row in _rows(check, measure) if not math.isnan(row["mean"])]
        theirs = [row for row in rows if row["method"] in BASELINES]
        ours = [row for row in rows if row["method"] not in BASELINES]
        if not theirs or not ours:
            continue
        best, rival = (max(some, key=lambda row: sign * row["mean"]) for some in (ours, theirs))
        if sign * (best["mean"] - rival["mean"]) <= 0:
            found.append(
                f"{measure}: the best of our maps ({best['method']}, {best['mean']:.3f}) does not beat "
                f"{rival['method']} ({rival['mean']:.3f})"
            )
    return found


def _rows(check: Check, measure: str) -> list[dict[str, Any]]:
    """The table's lines of one measure, over all concepts, best first; those without a value last."""
    sign = 1 if measure in LOWER_IS_BETTER else -1
    lines: list[dict[str, Any]] = check.table.to_dict("records")  # type: ignore[assignment]
    rows = [row for row in lines if row["measure"] == measure and row["concept"] == ""]
    return sorted(rows, key=lambda row: math.inf if math.isnan(row["mean"]) else sign * row["mean"])


def check_text(check: Check) -> str:
    """For people: one block a measure, best first."""
    lines = [f"judged by {check.sentence}"]
    for measure, meaning in MEASURES.items():
        rows = _rows(check, measure)
        if rows:
            lines.append(f"\n{measure}: {meaning}")
        number = "{:.2e}" if measure == "completeness" else "{:.3f}"
        for row in rows:
            mean, low, high = (number.format(row[name]) for name in ("mean", "low", "high"))
            name = f"{row['method']} (baseline)" if row["method"] in BASELINES else row["method"]
            lines.append(f"  {name:28} {mean} [{low} to {high}], {row['images']} values, {row['groups']} groups")
    lines += [f"\n{sentence}" for sentence in losses(check)]
    lines += [f"left out: {reason}" for reason in check.skipped]
    return "\n".join(lines)


def check_json(check: Check) -> dict[str, Any]:
    """For programs."""
    return {
        "sentence": check.sentence,
        "losses": losses(check),
        "skipped": list(check.skipped),
        "rows": [{str(key): _plain(value) for key, value in row.items()} for row in check.table.to_dict("records")],
    }


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def write_check(check: Check, path: Path) -> None:
    """Write the table as CSV.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    try:
        write_atomically(path, check.table.to_csv(index=False).encode())
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written ({error.strerror or error}); name another with --out"
        ) from error
