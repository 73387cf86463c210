"""Evaluations in words, as JSON and as CSV: the same numbers for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.artefacts import write_atomically
from core.assess.storing import Stored, interval_from, interval_json
from core.assess.strain import WAYS, Strain
from core.catalogue.formats.cells import neutralise
from core.errors import WorkspaceError
from core.evaluate.evaluation import Compared, Difference
from core.evaluate.figures import OVERALL

if TYPE_CHECKING:
    import pandas as pd

STUDY = 0.218
"""The combined figure that the first study reached on the FathomNet 2023 competition's own test."""
STUDY_SENTENCE = (
    f"The first study reached {STUDY} on the FathomNet 2023 competition's own, far harder test: context, not a "
    "comparison."
)
CALIBRATION_HELPED = "Calibration brings the probabilities nearer to what comes true on these groups."
CALIBRATION_FAILED = (
    "Calibration did not bring the probabilities nearer to what comes true on these groups; a model trained without "
    "it keeps the raw ones."
)


HEAD_FIGURES = ("map20", "ap_macro", "accuracy", "f1_micro")
"""What is said of each head in a terminal; all its figures are in the JSON and on the page."""


def evaluation_text(stored: Stored) -> str:
    """The figures for a terminal."""
    counts = stored.counts
    lines = [f"evaluation {stored.id}: {stored.facts['model']} on {', '.join(stored.facts['datasets'])}"]
    lines += [stored.facts["fair"], *stored.facts["notes"], beyond_sentence(stored)]
    lines.append(f"intervals: 95 %, bootstrap over {counts.groups:,} groups")
    width = max(len(OVERALL[key].title) for key in stored.overall)
    for key, value in stored.overall.items():
        better = "" if OVERALL[key].better > 0 else "  (smaller is better)"
        lines.append(f"{OVERALL[key].title:{width}}  {value}{better}")
    if "final" in stored.overall:
        lines.append(STUDY_SENTENCE)
    lines += heads_text(stored)
    lines.append(calibration_sentence(stored))
    return "\n".join(line for line in lines if line)


def heads_text(stored: Stored) -> list[str]:
    """One line a head of a model that asks several questions; nothing for one with a single head."""
    lines = []
    for head in stored.facts.get("heads", ()):
        shown = [
            f"{OVERALL[key].title} {interval_from(head['overall'][key])}"
            for key in HEAD_FIGURES
            if key in head["overall"]
        ]
        told = ", ".join(shown) or "none of these regions answers it"
        lines.append(f"head {head['name']} ({head['regions']:,} regions): {told}")
    return lines


def beyond_sentence(stored: Stored) -> str:
    """What people saw that the model cannot name; empty when there is none of it."""
    counts = stored.counts
    if not counts.beyond:
        return ""
    names = list(stored.facts["beyond"])
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (
        f"{counts.beyond:,} of {counts.labels:,} true labels are of concepts that the model does not know ({shown}): "
        "MAP@20 counts them as missed, the other figures leave them out."
    )


def calibration_sentence(stored: Stored) -> str:
    """Whether calibration held on groups that it was not fitted on; empty where there was none."""
    overall = stored.overall
    if "ece" not in overall or "ece_raw" not in overall:
        return ""
    raw = stored.cases.raw
    if raw is not None and np.array_equal(stored.cases.probabilities, raw):
        return "Training kept the raw probabilities: calibration did not clearly help on its validation groups."
    helped = overall["ece"].value < overall["ece_raw"].value
    said = CALIBRATION_HELPED if helped else CALIBRATION_FAILED
    return f"{said} Calibration error {overall['ece_raw']} before, {overall['ece']} after."


def strain_json(strain: Strain) -> dict[str, Any]:
    """For ``evaluation.json``."""
    ways = {
        key: {"way": WAYS[key][0]} | {name: difference_json(value) for name, value in figures.items()}
        for key, figures in strain.ways.items()
    }
    return {"regions": strain.regions, "groups": strain.groups, "ways": ways}


def difference_json(value: Difference) -> dict[str, Any]:
    """First, second and gain, each with its interval."""
    return {name: interval_json(getattr(value, name)) for name in ("first", "second", "gain")}


def strain_text(data: Mapping[str, Any]) -> str:
    """Strain for a terminal, one line a way."""
    width = max(len(way["way"]) for way in data["ways"].values())
    lines = [f"spoiled pictures: {data['regions']:,} regions of {data['groups']:,} groups; loss against the clean ones"]
    for way in data["ways"].values():
        parts = []
        for key in ("map20", "ap_macro", "accuracy"):
            if key in way:
                first, gain = way[key]["first"], way[key]["gain"]
                ends = f"[{gain['low']:+.3f}, {gain['high']:+.3f}]"
                parts.append(f"{OVERALL[key].title} {first['value']:.3f} ({gain['value']:+.3f} {ends})")
        lines.append(f"{way['way']:{width}}  " + "  ".join(parts))
    return "\n".join(lines)


def compared_json(compared: Compared, first: str, second: str) -> dict[str, Any]:
    """Two models for programs."""
    return {
        "first": first,
        "second": second,
        "regions": compared.regions,
        "groups": compared.groups,
        "left_out": compared.left_out,
        "overall": {key: difference_json(value) for key, value in compared.overall.items()},
        "concepts": {name: difference_json(value) for name, value in compared.concepts.items()},
    }


def compared_text(compared: Compared, first: str, second: str) -> str:
    """Two models for a terminal."""
    width = max(len(OVERALL[key].title) for key in compared.overall)
    lines = [
        f"{first} less {second} on the same {compared.regions:,} regions of {compared.groups:,} groups, each resample "
        "drawn for both",
        *(
            f"{OVERALL[key].title:{width}}  {value.first.value:.3f}  {value.second.value:.3f}  {value.gain}"
            for key, value in compared.overall.items()
        ),
    ]
    return "\n".join(lines)


def overall_rows(stored: Stored) -> list[dict[str, Any]]:
    """One row a figure: ``figure, value, low, high, groups, better, meaning``."""
    return [
        {
            "figure": OVERALL[key].title,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "groups": value.groups,
            "better": "larger" if OVERALL[key].better > 0 else "smaller",
            "meaning": OVERALL[key].text,
        }
        for key, value in stored.overall.items()
    ]


def evaluation_json(stored: Stored) -> dict[str, Any]:
    """Everything about an evaluation but its arrays, with full digits; what is not a number is null."""
    whole = dict(stored.facts) | {"id": stored.id}
    tables = {"concept_figures": stored.concepts, "strata_figures": stored.strata}
    return whole | {name: _records(table) for name, table in tables.items()}


def download(stored: Stored) -> bytes:
    """`evaluation_json` as a file."""
    return (json.dumps(evaluation_json(stored), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def write_tables(stored: Stored, folder: Path) -> list[str]:
    """Write ``evaluation.json``, ``overall.csv``, ``concepts.csv`` and ``strata.csv``; returns their names.

    Raises:
        WorkspaceError: the folder cannot be written.
    """
    files = {
        "evaluation.json": download(stored),
        "overall.csv": _csv(overall_rows(stored)),
        "concepts.csv": _csv(_records(stored.concepts)),
        "strata.csv": _csv(_records(stored.strata)),
    }
    try:
        for name, content in files.items():
            write_atomically(folder.expanduser() / name, content)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written ({error.strerror or error}); name another folder") from error
    return list(files)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _plain(value) for name, value in record.items()} for record in table.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _csv(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if rows:
        writer.writerow(list(rows[0]))
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return buffer.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return neutralise(value)
    return f"{value:.6g}" if isinstance(value, float) and np.isfinite(value) else "" if value is None else value
