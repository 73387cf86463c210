"""Predictions of several pictures as a table: on the page, in words, and to take home."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import words

if TYPE_CHECKING:
    import pandas as pd

    from core.learn.labels import LabelTree
    from core.learn.models import Model
    from core.learn.writing import Row
    from dashboard.predicting import Answer, RunPredictions
    from dashboard.state import View

NOTHING = "nothing above its threshold"
_COLUMNS = ["picture", "says", "probability", "OOD score", "flagged"]
_KINDS = {
    "csv": ("CSV", "text/csv", "csv"),
    "json": ("JSON", "application/json", "json"),
    "fathomnet": ("FathomNet submission", "text/csv", "csv"),
}


def said(values: np.ndarray, tree: LabelTree, limits: np.ndarray, *, fallback: bool) -> tuple[str, float]:
    """What is said of one picture at its labels' level, and how sure the likeliest is."""
    from core.learn.writing import named

    fine = tree.fine_level
    places = [place for place in named(values, tree, limits, fallback=fallback) if fine[place]]
    best = float(values[fine].max()) if fine.any() else float("nan")
    return (", ".join(f"{tree.names[place]} {values[place]:.2f}" for place in places) or NOTHING), best


def of_answers(answers: Sequence[Answer], tree: LabelTree, limits: np.ndarray, *, fallback: bool) -> pd.DataFrame:
    """One row a picture that a visitor brought; a refused one says why."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for one in answers:
        if one.probabilities is None:
            rows.append((one.name, f"refused: {one.reason}", np.nan, np.nan, ""))
            continue
        text, best = said(one.probabilities, tree, limits, fallback=fallback)
        strange = one.strange
        flagged = "" if strange is None else "yes" if strange.flagged else "no"
        rows.append((one.name, text, best, np.nan if strange is None else strange.score, flagged))
    return pd.DataFrame(rows, columns=_COLUMNS)


def counted(view: View, known: RunPredictions, rows: np.ndarray, limits: np.ndarray, *, fallback: bool) -> str:
    """What is said of regions of the open run, in a sentence."""
    places = known.places[rows]
    values = np.asarray(known.stored.probabilities)[places[places >= 0]][:, known.tree.fine_level]
    usable = np.isfinite(values).all(axis=1)
    named = int(((values >= limits[known.tree.fine_level]).any(axis=1) & usable).sum())
    asked = int(usable.sum())
    named = asked if fallback else named
    flagged = view.run.table["flagged"].fillna(False).to_numpy(dtype=bool)[rows]
    return _sentence(named, asked - named, int(flagged.sum()), len(rows) - asked, "without an answer")


def summary(table: pd.DataFrame) -> str:
    """What the table says, in a sentence."""
    refused = int(table["says"].str.startswith("refused: ").sum())
    nothing, flagged = int((table["says"] == NOTHING).sum()), int((table["flagged"] == "yes").sum())
    return _sentence(len(table) - refused - nothing, nothing, flagged, refused, "refused")


def _sentence(named: int, nothing: int, flagged: int, rest: int, fate: str) -> str:
    sentences = [f"{words.plural(named, 'picture')} with at least one concept, {words.count(nothing)} with none"]
    sentences += [f"{words.count(flagged)} flagged as strange"] if flagged else []
    sentences += [f"{words.count(rest)} {fate}"] if rest else []
    return ", ".join(sentences) + "."


def choose(table: pd.DataFrame, *, key: str) -> int:
    """Show the table; returns the place of the chosen row, the first usable one before anything is chosen."""
    config = {
        "probability": st.column_config.NumberColumn("likeliest", format="%.2f"),
        "OOD score": st.column_config.NumberColumn(format="%.3f"),
        "says": st.column_config.TextColumn(width="large"),
    }
    event: Any = st.dataframe(
        table,
        key=key,
        hide_index=True,
        column_config=config,
        height=min(320, 38 + 35 * len(table)),
        placeholder=words.MISSING,
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event["selection"]["rows"]
    if chosen and chosen[0] < len(table):
        return int(chosen[0])
    usable = np.flatnonzero(table["probability"].notna())
    return int(usable[0]) if len(usable) else 0


def rows_of(answers: Sequence[Answer]) -> list[Row]:
    """Lines of a download."""
    from core.learn.writing import Row

    return [
        Row(
            one.name,
            one.probabilities,
            one.spread,
            None if one.strange is None else one.strange.score / 2.0,
            one.reason,
        )
        for one in answers
    ]


def stored_rows(view: View, known: RunPredictions, rows: np.ndarray) -> list[Row]:
    """The same for regions of the open run."""
    from core.learn.writing import Row

    table = view.run.table
    found = []
    for row in rows:
        record, values = table.iloc[int(row)], known.of(int(row))
        whole = record["region"] == "image"
        name = str(record["path"]) if whole else f"{record['path']}#{record['region']}"
        score = record["ood_score"]
        strange = None if words.missing(score) else float(score) / 2.0
        found.append(Row(name, values, None, strange, "" if values is not None else "not asked"))
    return found


def downloads(make: Callable[[], Sequence[Row]], model: Model, limits: np.ndarray, *, fallback: bool, key: str) -> None:
    """Buttons that write the same files as ``benthoscope predict``."""
    with st.container(horizontal=True, key=f"csv_predictions_{key}"):
        for kind, (label, mime, ending) in _KINDS.items():
            st.download_button(
                label,
                data=lambda kind=kind: file_of(kind, make(), model, limits, fallback=fallback),
                file_name=f"benthoscope-{'submission' if kind == 'fathomnet' else 'predictions'}.{ending}",
                mime=mime,
                key=f"predictions_{kind}_{key}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def file_of(kind: str, rows: Sequence[Row], model: Model, limits: np.ndarray, *, fallback: bool) -> bytes:
    """A download's bytes, made by `core.learn.writing`."""
    from core.learn.writing import write_predictions

    with tempfile.TemporaryDirectory(prefix="benthoscope-") as folder:
        out = Path(folder) / "predictions"
        write_predictions(out, kind, rows, model.tree, limits, model=model.name, fallback=fallback)
        return out.read_bytes()
