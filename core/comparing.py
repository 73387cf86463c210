"""How well each detector of a finished run tells what is truly unknown from the rest.

The contract: the run is only read; every scored region of the reference or the target takes part, reference regions
with the score that they have without their own group; intervals are drawn over groups.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.artefacts import write_atomically
from core.catalogue.conditions import parse_all
from core.catalogue.selections import evaluate
from core.errors import SelectionError, WorkspaceError
from core.evaluate.separation import Separation, separation
from core.runs import Run
from core.stages import group_codes

FIGURES = ("auroc", "sauc", "aupr", "fpr95")
_HEADS = ("AUROC", "sAUC", "AUPR", "FPR@95TPR")


@dataclass(frozen=True)
class Comparison:
    """The detectors of one run against one truth.

    Attributes:
        run: Number of the run.
        truth: The conditions that an unknown region meets.
        detectors: Figures by detector, ``knn`` first.
        left_out: Regions of neither set, or without a score.
    """

    run: int
    truth: tuple[str, ...]
    detectors: dict[str, Separation]
    left_out: int


def compare_detectors(run: Run, truth: tuple[str, ...], *, resamples: int = 1000, seed: int = 0) -> Comparison:
    """Figures of every detector that the run has scores of.

    Args:
        truth: Conditions; a region that meets all of them is truly unknown.

    Raises:
        SelectionError: a condition cannot be understood, or all regions or none meet them.
    """
    table = run.table
    unknown = evaluate(parse_all(truth), table).mask
    columns = {"knn": "ood_score"} | {name: f"{name}_score" for name in run.manifest.get("detectors", {})}
    scores = np.column_stack([table[column].to_numpy(dtype=np.float64) for column in columns.values()])
    kept = np.isfinite(scores).all(axis=1) & (table["set"] != "none").to_numpy()
    if unknown[kept].all() or not unknown[kept].any():
        met = int(unknown[kept].sum())
        raise SelectionError(
            f"{met:,} of {int(kept.sum()):,} scored regions of the run meet the truth {' and '.join(truth)!r}: both "
            "kinds are needed to compare; name another truth, or make a run whose reference or target holds both"
        )
    groups = group_codes(table)[kept]
    found = {
        name: separation(scores[kept, place], unknown[kept], groups, resamples=resamples, seed=seed)
        for place, name in enumerate(columns)
    }
    return Comparison(run.id, truth, found, int((~kept).sum()))


def comparison_text(comparison: Comparison) -> str:
    """The table for people, best AUROC first."""
    first = next(iter(comparison.detectors.values()))
    width = max(len("detector"), *(len(name) for name in comparison.detectors))
    lines = [
        f"run {comparison.run}: {first.unknown:,} regions of {first.unknown_groups:,} groups are truly unknown "
        f"({' and '.join(comparison.truth)}), {first.known:,} of {first.known_groups:,} groups are known",
        "intervals: 95 %, bootstrap over groups; larger is better but for FPR@95TPR",
        f"{'detector':{width}}  " + "  ".join(f"{head:22}" for head in _HEADS).rstrip(),
    ]
    for name, figures in _ordered(comparison):
        lines.append(f"{name:{width}}  " + "  ".join(f"{getattr(figures, key)!s:22}" for key in FIGURES).rstrip())
    if comparison.left_out:
        lines.append(f"{comparison.left_out:,} regions of neither set or without a score were left out")
    return "\n".join(lines)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """For programs."""
    return {
        "run": comparison.run,
        "truth": list(comparison.truth),
        "left_out": comparison.left_out,
        "detectors": {name: figures.to_json() for name, figures in _ordered(comparison)},
    }


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the table as CSV, one row a detector, each figure with its interval.

    Raises:
        WorkspaceError: the file cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    ends = ("", "_low", "_high")
    counts = ("known", "unknown", "known_groups", "unknown_groups")
    writer.writerow(["detector", *(f"{key}{end}" for key in FIGURES for end in ends), *counts])
    for name, figures in _ordered(comparison):
        values = [getattr(figures, key) for key in FIGURES]
        cells = [f"{number:.6g}" for value in values for number in (value.value, value.low, value.high)]
        writer.writerow([name, *cells, *(getattr(figures, key) for key in counts)])
    try:
        write_atomically(path.expanduser(), buffer.getvalue().encode("utf-8"))
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror or error}); name another file") from error


def _ordered(comparison: Comparison) -> list[tuple[str, Separation]]:
    return sorted(comparison.detectors.items(), key=lambda item: -item[1].auroc.value)
