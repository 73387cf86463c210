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
_COLUMNS = ["picture", "says", "probability", "apart", "OOD score", "flagged"]
_KINDS = {
    "csv": ("CSV", "text/csv", "csv"),
    "json": ("JSON", "application/json", "json"),
    "fathomnet": ("FathomNet submission", "text/csv", "csv"),
}


def said(
    values: np.ndarray,
    tree: LabelTree,
    limits: np.ndarray,
    *,
    fallback: bool,
    among: np.ndarray | None = None,
    spread: np.ndarray | None = None,
) -> tuple[str, float, float]:
    """What is said of one picture at its labels' level, how sure the likeliest is, and how far members lie apart there.

    Args:
        among: ``[C]`` mask of the concepts that are spoken of; all by default.
        spread: ``[C]`` of an ensemble.
    """
    from core.learn.writing import named

    fine = tree.fine_level if among is None else tree.fine_level & among
    # What is not spoken of cannot reach its threshold, and is never the likeliest.
    places = named(np.where(fine, values, -1.0), tree, limits, fallback=fallback)
    places = [place for place in places if fine[place]]
    if not fine.any():
        return NOTHING, float("nan"), float("nan")
    best = int(np.argmax(np.where(fine, values, -1.0)))
    apart = [""] * len(values) if spread is None else [f" ± {value:.2f}" for value in spread]
    text = ", ".join(f"{tree.names[place]} {values[place]:.2f}{apart[place]}" for place in places)
    return text or NOTHING, float(values[best]), float("nan") if spread is None else float(spread[best])


def of_answers(
    answers: Sequence[Answer], tree: LabelTree, limits: np.ndarray, *, fallback: bool, among: np.ndarray | None = None
) -> pd.DataFrame:
    """One row a picture that a visitor brought; a refused one says why. ``apart`` is there for ensembles alone."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for one in answers:
        if one.probabilities is None:
            rows.append((one.name, f"refused: {one.reason}", np.nan, np.nan, np.nan, ""))
            continue
        text, best, apart = said(one.probabilities, tree, limits, fallback=fallback, among=among, spread=one.spread)
        strange = one.strange
        flagged = "" if strange is None else "yes" if strange.flagged else "no"
        rows.append((one.name, text, best, apart, np.nan if strange is None else strange.score, flagged))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table if any(one.spread is not None for one in answers) else table.drop(columns="apart")


def counted(
    view: View,
    known: RunPredictions,
    rows: np.ndarray,
    limits: np.ndarray,
    *,
    fallback: bool,
    among: np.ndarray | None = None,
) -> str:
    """What is said of regions of the open run, in a sentence."""
    places = known.places[rows]
    fine = known.tree.fine_level if among is None else known.tree.fine_level & among
    values = np.asarray(known.stored.probabilities)[places[places >= 0]][:, fine]
    usable = np.isfinite(values).all(axis=1)
    named = int(((values >= limits[fine]).any(axis=1) & usable).sum())
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
        "apart": st.column_config.NumberColumn(
            "members apart",
            format="%.2f",
            help="Standard deviation of the members' probabilities of the likeliest concept: 0 is agreement",
        ),
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
        spread = known.spread_of(int(row))
        found.append(Row(name, values, spread, strange, "" if values is not None else "not asked"))
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
