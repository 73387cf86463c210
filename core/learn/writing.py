"""Predictions of files as CSV, JSON or a FathomNet submission.

The contract:
- one row a file, in the order asked; a file that could not be used has its reason and no concept;
- a row without any concept above its threshold is an answer; the top concept instead is a switch;
- a file appears whole or not at all; text that a spreadsheet would run is neutralised.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.artefacts import write_atomically
from core.catalogue.formats.cells import neutralise
from core.errors import SettingsError, WorkspaceError
from core.learn.labels import LabelTree

MOST = 20
"""Concepts that a FathomNet submission may name for an image."""


@dataclass(frozen=True)
class Row:
    """One line of output.

    Attributes:
        path: As the person wrote it.
        probabilities, spread: ``[C]``, or ``None``.
        osd: How strange the picture is, in [0, 1], larger is stranger; ``None`` when nobody said.
        reason: Why there are no probabilities, or empty.
    """

    path: str
    probabilities: NDArray[np.float32] | None
    spread: NDArray[np.float32] | None = None
    osd: float | None = None
    reason: str = ""


def named(
    probabilities: NDArray[np.float32], tree: LabelTree, thresholds: NDArray[np.float32], *, fallback: bool
) -> list[int]:
    """Concepts at or above their thresholds, likeliest first, equal ones by name.

    Args:
        fallback: Where there is none, the likeliest stated concept.
    """
    order = sorted(range(len(tree)), key=lambda place: (-float(probabilities[place]), tree.names[place]))
    found = [place for place in order if probabilities[place] >= thresholds[place]]
    if not found and fallback:
        found = [place for place in order if tree.stated[place]][:1]
    return found


def write_predictions(
    out: Path,
    kind: str,
    rows: Sequence[Row],
    tree: LabelTree,
    thresholds: NDArray[np.float32],
    *,
    model: str,
    fallback: bool = False,
) -> None:
    """Write predictions.

    Args:
        kind: ``csv`` (``path``, ``concepts`` best first, a column a concept), ``json`` or ``fathomnet``
            (``id,categories,osd``: the concepts' codes, best first, at most 20; codes where all concepts have one,
            names otherwise).

    Raises:
        SettingsError: the kind is unknown.
        WorkspaceError: the file cannot be written.
    """
    writers = {"csv": _csv, "json": _json, "fathomnet": _fathomnet}
    if kind not in writers:
        raise SettingsError(f"predictions are written as {', '.join(writers)}, got {kind!r}")
    data = writers[kind](rows, tree, thresholds, model, fallback)
    try:
        write_atomically(out.expanduser(), data)
    except OSError as error:
        raise WorkspaceError(f"{out} cannot be written ({error.strerror or error}); name another file") from error


def _csv(rows: Sequence[Row], tree: LabelTree, thresholds: NDArray[np.float32], model: str, fallback: bool) -> bytes:
    spread = any(row.spread is not None for row in rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [neutralise(name) for name in tree.names]
    extra = [neutralise(f"spread {name}") for name in tree.names] if spread else []
    writer.writerow(["path", "concepts", "osd", "reason", *names, *extra])
    for row in rows:
        values: list[str] = [""] * (len(names) + len(extra))
        said = ""
        if row.probabilities is not None:
            found = named(row.probabilities, tree, thresholds, fallback=fallback)
            said = ";".join(tree.names[place] for place in found)
            values = [f"{value:.6g}" for value in row.probabilities]
            values += (
                [f"{value:.6g}" for value in row.spread] if row.spread is not None else extra and [""] * len(extra)
            )
        osd = "" if row.osd is None else f"{row.osd:.6g}"
        writer.writerow([neutralise(row.path), neutralise(said), osd, neutralise(row.reason), *values])
    return buffer.getvalue().encode("utf-8")


def rows_json(
    rows: Sequence[Row], tree: LabelTree, thresholds: NDArray[np.float32], *, fallback: bool = False
) -> list[dict[str, Any]]:
    """One object a row: ``path``, ``concepts`` (best first, with probability and spread), ``osd``, ``reason``."""
    result = []
    for row in rows:
        found: list[int] = []
        if row.probabilities is not None:
            found = named(row.probabilities, tree, thresholds, fallback=fallback)
        result.append(
            {
                "path": row.path,
                "concepts": [_said(row, tree, place) for place in found],
                "probabilities": None
                if row.probabilities is None
                else {name: _round(value) for name, value in zip(tree.names, row.probabilities, strict=True)},
                "osd": None if row.osd is None else _round(row.osd),
                "reason": row.reason,
            }
        )
    return result


def _said(row: Row, tree: LabelTree, place: int) -> dict[str, Any]:
    assert row.probabilities is not None
    spread = {} if row.spread is None else {"spread": _round(row.spread[place])}
    return {"concept": tree.names[place], "probability": _round(row.probabilities[place])} | spread


def _json(rows: Sequence[Row], tree: LabelTree, thresholds: NDArray[np.float32], model: str, fallback: bool) -> bytes:
    document = {
        "model": model,
        "label_tree": tree.to_json(),
        "thresholds": {name: _round(value) for name, value in zip(tree.names, thresholds, strict=True)},
        "predictions": rows_json(rows, tree, thresholds, fallback=fallback),
    }
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _fathomnet(
    rows: Sequence[Row], tree: LabelTree, thresholds: NDArray[np.float32], model: str, fallback: bool
) -> bytes:
    coded = all(code for code, stated in zip(tree.codes, tree.stated, strict=True) if stated)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "categories", "osd"])
    for row in rows:
        said = ""
        if row.probabilities is not None:
            # A submission is scored by rank: everything that may be there, best first, whatever the thresholds say.
            order = sorted(range(len(tree)), key=lambda place: (-float(row.probabilities[place]), tree.names[place]))  # type: ignore[index]
            ranked = [place for place in order if tree.stated[place]][:MOST]
            said = " ".join(tree.codes[place] if coded else tree.names[place].replace(" ", "_") for place in ranked)
        writer.writerow(
            [neutralise(Path(row.path).stem), neutralise(said), "" if row.osd is None else f"{row.osd:.6g}"]
        )
    return buffer.getvalue().encode("utf-8")


def _round(value: Any) -> float:
    return round(float(value), 7)
