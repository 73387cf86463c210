"""How well each detector of a finished run tells what is truly unknown from the rest.

The contract: the run is only read; every scored region of the reference or the target takes part, reference regions
with the score that they have without their own group; intervals are drawn over groups.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def compare_detectors(
    run: Run,
    truth: tuple[str, ...],
    *,
    others: Mapping[str, NDArray[np.floating[Any]]] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Figures of every detector that the run has scores of.

    Args:
        truth: Conditions; a region that meets all of them is truly unknown.
        others: ``[N]`` scores of detectors beside those of the run, by name.

    Raises:
        SelectionError: a condition cannot be understood, or all regions or none meet them.
    """
    judged = judge(run, truth, others)
    found = {
        name: separation(scores, judged.unknown, judged.groups, resamples=resamples, seed=seed)
        for name, scores in judged.scores.items()
    }
    return Comparison(run.id, truth, found, judged.left_out)


@dataclass(frozen=True)
class Judged:
    """The scored regions of a run with a truth.

    Attributes:
        scores: ``[n]`` by detector, ``knn`` first.
        unknown: ``[n]`` bool.
        groups: ``[n]`` int64.
        left_out: Regions of neither set, or without a score.
    """

    scores: Mapping[str, NDArray[np.float64]]
    unknown: NDArray[np.bool_]
    groups: NDArray[np.int64]
    left_out: int


def judge(run: Run, truth: tuple[str, ...], others: Mapping[str, NDArray[np.floating[Any]]] | None = None) -> Judged:
    """Scores and truth of what can be judged; arguments and errors are those of `compare_detectors`."""
    table = run.table
    unknown = evaluate(parse_all(truth), table).mask
    columns = {"knn": "ood_score"} | {name: f"{name}_score" for name in run.manifest.get("detectors", {})}
    scores = {name: table[column].to_numpy(dtype=np.float64) for name, column in columns.items()}
    scores |= {name: np.asarray(found, np.float64) for name, found in (others or {}).items() if name not in scores}
    kept = np.isfinite(np.column_stack(list(scores.values()))).all(axis=1) & (table["set"] != "none").to_numpy()
    if not kept.any() or unknown[kept].all() or not unknown[kept].any():
        met = int(unknown[kept].sum())
        raise SelectionError(
            f"{met:,} of {int(kept.sum()):,} scored regions of the run meet the truth {' and '.join(truth)!r}: both "
            "kinds are needed to compare; name another truth, or make a run whose reference or target holds both"
        )
    inside = {name: found[kept] for name, found in scores.items()}
    return Judged(inside, unknown[kept], group_codes(table)[kept], int((~kept).sum()))


def roc_points(
    scores: NDArray[np.floating[Any]], unknown: NDArray[np.bool_], most: int = 300
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The receiver operating characteristic: false-alarm rate and share of the unknown found, from 0 to 1 each.

    Args:
        scores: ``[n]`` finite, larger is stranger.
        unknown: ``[n]`` bool, some of either kind.
        most: Points kept of longer curves, evenly along them.
    """
    from sklearn.metrics import roc_curve

    false, found, _ = roc_curve(unknown, scores)
    places = np.unique(np.linspace(0, len(false) - 1, min(most, len(false))).round().astype(int))
    return np.asarray(false[places], np.float64), np.asarray(found[places], np.float64)


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
