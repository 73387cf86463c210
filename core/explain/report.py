"""The table of `core.explain.check` as text, as JSON and as a file; and where the maps lose, in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from core.artefacts import write_atomically
from core.errors import WorkspaceError
from core.explain.check import BASELINES, LOWER_IS_BETTER, MEASURES, Check


def losses(check: Check) -> list[str]:
    """One sentence for each measure in which our best map does not, or not surely, beat the best baseline.

    And one for each in which the centred map, which pages show first, is no better than a baseline although another
    of our maps is.
    """
    found = []
    for measure in MEASURES:
        best = best_of(check, measure)
        if best is None or math.isnan(best["lead"]):
            continue
        found += _centred_loses(check, measure, best)
        lead, low, high = (best[name] for name in ("lead", "lead_low", "lead_high"))
        ours = f"{measure}: the best of our maps ({best['method']}, {best['mean']:.3f})"
        if lead <= 0:
            found.append(f"{ours} does not beat {best['over']} (lead {lead:+.3f} [{low:+.3f} to {high:+.3f}])")
        elif low <= 0:
            found.append(f"{ours} does not surely beat {best['over']} (lead {lead:+.3f} [{low:+.3f} to {high:+.3f}])")
    return found


def _centred_loses(check: Check, measure: str, best: dict[str, Any]) -> list[str]:
    shown = next((row for row in rows_of(check, measure) if row["method"] == "centred"), None)
    if shown is None or shown is best or best["lead"] <= 0 or not shown["lead"] <= 0:
        return []
    return [
        f"{measure}: the centred map ({shown['mean']:.3f}) does not beat {shown['over']} (lead {shown['lead']:+.3f} "
        f"[{shown['lead_low']:+.3f} to {shown['lead_high']:+.3f}]); look at {best['method']} ({best['mean']:.3f})"
    ]


def best_of(check: Check, measure: str) -> dict[str, Any] | None:
    """The line of our best map by a measure; ``None`` where there is none."""
    rows = [row for row in rows_of(check, measure) if row["method"] not in BASELINES and not math.isnan(row["mean"])]
    return rows[0] if rows else None


def rows_of(check: Check, measure: str) -> list[dict[str, Any]]:
    """The table's lines of one measure, over all concepts, best first; those without a value last."""
    sign = 1 if measure in LOWER_IS_BETTER else -1
    lines: list[dict[str, Any]] = check.table.to_dict("records")  # type: ignore[assignment]
    rows = [row for row in lines if row["measure"] == measure and row["concept"] == ""]
    return sorted(rows, key=lambda row: math.inf if math.isnan(row["mean"]) else sign * row["mean"])


def check_text(check: Check) -> str:
    """For people: one block a measure, best first."""
    lines = [f"judged by {check.sentence}"]
    for measure, meaning in MEASURES.items():
        rows = rows_of(check, measure)
        if rows:
            lines.append(f"\n{measure}: {meaning}")
        number = "{:.2e}" if measure == "completeness" else "{:.3f}"
        for row in rows:
            mean, low, high = (number.format(row[name]) for name in ("mean", "low", "high"))
            name = f"{row['method']} (baseline)" if row["method"] in BASELINES else row["method"]
            told = f"  {name:28} {mean} [{low} to {high}], {row['images']} values, {row['groups']} groups"
            if row["method"] not in BASELINES and not math.isnan(row["lead"]):
                told += (
                    f"; lead {row['lead']:+.3f} [{row['lead_low']:+.3f} to {row['lead_high']:+.3f}] over {row['over']}"
                )
            lines.append(told)
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
