"""The views of one evaluation: concepts, probabilities, mistakes, where, spoiled pictures, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.evaluate.behind import OUTCOMES, of_bin, of_concept, of_stratum, worse_first, worst_first
from core.evaluate.confusing import NOTHING, cell_regions
from core.evaluate.curves import ALL
from core.evaluate.evaluation import STRATUM_FIGURES
from core.evaluate.figures import OVERALL
from dashboard import evaluating, evaluation_figures, parts, words
from dashboard.gallery import gallery

if TYPE_CHECKING:
    import pandas as pd

    from core.assess.storing import Stored
    from core.evaluate.behind import Outcome
    from dashboard.state import View

_OUTCOME_NAMES = {
    "misses": "missed",
    "false alarms": "said, not there",
    "hits": "found",
    "all that show it": "all that show it",
}


def pictures(
    view: View,
    one: Stored,
    places: np.ndarray,
    title: str,
    *,
    key: str,
    remark: str = "",
    lines: Sequence[str] | None = None,
) -> None:
    """The pictures behind a number: truth above, prediction below.

    Args:
        places: ``[M]`` rows of the evaluation in the order to show.
        lines: Captions of the first of them instead.
    """
    rows = evaluating.run_rows(view, one)[places]
    shown = rows >= 0
    absent = int((~shown).sum())
    parts.section(f"{title} ({words.plural(len(places), 'picture')})", remark)
    if absent:
        parts.note(f"{words.plural(absent, 'picture')} of these are not in the run that is open; open a run over them.")
    gallery(
        view,
        rows[shown],
        key=key,
        label=title,
        captions=("group",),
        extra=evaluating.captions(one, places[shown])
        if lines is None
        else [line for line, there in zip(lines, shown, strict=False) if there],
        height=560,
        empty="There is none.",
    )


def behind_figure(one: Stored, key: str) -> np.ndarray:
    """The regions that an overall figure suffers from, worst first."""
    cases = one.cases
    if key in ("sauc", "auroc", "aupr", "fpr95") and cases.ood is not None and cases.outside is not None:
        judged = np.flatnonzero(np.isfinite(cases.ood) & (cases.outside >= 0))
        scores = np.asarray(cases.ood)[judged]
        ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable") / max(1, len(judged) - 1)
        wrong = np.where(np.asarray(cases.outside)[judged] == 1, 1 - ranks, ranks)
        return np.asarray(judged[np.argsort(-wrong, kind="stable")], dtype=np.int64)
    if key in ("cross_entropy", "brier", "ece", "ece_raw"):
        from core.evaluate.behind import surprise

        wrong = surprise(cases)
        order = np.argsort(-np.nan_to_num(wrong, nan=-1.0), kind="stable")
        return np.asarray(order[np.isfinite(wrong[order])], dtype=np.int64)
    return worst_first(cases)


def concepts(view: View, one: Stored) -> None:
    """Per concept, and what stands behind its counts."""
    table = one.concepts
    shown = evaluating.concept_words(table)
    with parts.card("concepts", "Concept by concept", "Choose one for its curve and its pictures."):
        config: dict[str, Any] = {
            name: st.column_config.NumberColumn(format="%.2f") for name in ("precision", "recall", "F1", "AP")
        }
        config["concept"] = st.column_config.TextColumn(width="medium")
        event: Any = st.dataframe(
            shown,
            key="evaluation_concepts",
            hide_index=True,
            column_config=config,
            height=min(560, evaluating.table_height(len(shown))),
            placeholder=words.MISSING,
            on_select="rerun",
            selection_mode="single-row",
        )
        parts.csv_button("evaluation_concepts_table", lambda: table)
    chosen = event["selection"]["rows"]
    record = table.iloc[chosen[0] if chosen and chosen[0] < len(table) else 0]
    name = str(record["concept"])
    if bool(record["known"]):
        _curves(view, one, name, float(record["there"]) / max(1, one.cases.count))
    available = [outcome for outcome in OUTCOMES if len(of_concept(one.cases, name, outcome))]
    if not available:
        parts.note(f"No picture shows {name} and none is said to.")
        return
    outcome: Outcome = st.segmented_control(
        "Pictures",
        available,
        default=available[0],
        required=True,
        key="evaluation_outcome",
        format_func=lambda o: f"{_OUTCOME_NAMES[o]} ({words.count(len(of_concept(one.cases, name, o)))})",
    )
    title = f"{name}: {_OUTCOME_NAMES[outcome]}"
    pictures(view, one, of_concept(one.cases, name, outcome), title, key="evaluation_concept_pictures")


def _curves(view: View, one: Stored, name: str, base: float | None) -> None:
    """Precision over recall and ROC of a concept, or of all for `ALL`."""
    precise = one.curves.precision_recall
    precise = precise[precise["concept"] == name]
    roc = one.curves.roc
    roc = roc[roc["concept"] == name]
    if precise.empty:
        parts.note(f"No picture shows {name}, so it has no curve.")
        return
    title = name or "All concepts together"
    with parts.pair("curves") as (left, right):
        with (
            left,
            parts.card("precision_recall", f"{title}: precision and recall", "Dotted: guessing." if base else ""),
        ):
            figure = evaluation_figures.precision_recall(precise, view.theme, base)
            parts.plot(
                figure, key=f"pr_{parts.slug(title)}", alt=f"Precision over recall, {title}", data=lambda: precise
            )
        with right, parts.card("roc", f"{title}: ROC", "Dotted: guessing."):
            if roc.empty:
                parts.note("It is in every picture, so there is nothing to tell apart.")
            else:
                figure = evaluation_figures.roc(roc, view.theme)
                parts.plot(figure, key=f"roc_{parts.slug(title)}", alt=f"ROC, {title}", data=lambda: roc)


def probabilities(view: View, one: Stored) -> None:
    """Do probabilities mean what they say?"""
    from core.assess.telling import calibration_sentence

    table = one.curves.reliability
    remark = "On the dotted line, of what is said with 70 % seven of ten come true. Click a point for its pictures."
    with parts.card("reliability", "Do the probabilities come true?", remark):
        chosen = parts.clickable_plot(
            evaluation_figures.reliability(table, view.theme),
            key="reliability",
            alt="Share that is there over the probability said",
            data=lambda: table,
        )
        parts.note(calibration_sentence(one))
    _curves(view, one, ALL, float(np.average(table["true"], weights=table["pairs"])))
    if chosen is not None and chosen in table.index:
        record = table.loc[chosen]
        places = of_bin(one.cases, int(record["bin"]), calibrated=bool(record["calibrated"]))
        title = f"Something is said with {record['low']:.2f} to {record['high']:.2f}"
        pictures(view, one, places, title, key="evaluation_bin")


def mistakes(view: View, one: Stored) -> None:
    """What is taken for what, and the worst pictures."""
    found = one.confusion
    cells = evaluation_figures.drawn_cells(found)
    remark = (
        "On the diagonal what is found. Beside it pictures where the row's concept was missed and the column's said "
        f"though it is not there; “{NOTHING}” where nothing wrong was said either. Click a square for its pictures."
    )
    if found.exclusive:
        remark = "Rows are what is there, columns what the model says. Click a square for its pictures."
    chosen = None
    with parts.card("confusion", "What is taken for what", remark):
        if cells.empty:
            parts.note("There is no true label of an exact concept here.")
        else:
            chosen = parts.clickable_plot(
                evaluation_figures.confusion(cells, found, view.theme),
                key="confusion",
                alt="What is there against what is said",
                data=lambda: _long(one),
            )
            if len(found.rows) > evaluation_figures.MOST:
                parts.note(
                    f"The {evaluation_figures.MOST} most frequent of {len(found.rows)} are drawn; the CSV holds all."
                )
    if chosen is not None and chosen < len(cells):
        row, column = str(cells["row"].iloc[chosen]), str(cells["column"].iloc[chosen])
        title = f"{row}: found" if row == column else f"{row} missed, {column} said"
        title = f"{row} missed, nothing wrong said" if column == NOTHING else title
        pictures(view, one, cell_regions(one.cases, row, column), title, key="evaluation_cell")
    pictures(view, one, worst_first(one.cases), "All, worst first", key="evaluation_all")


def _long(one: Stored) -> pd.DataFrame:
    import pandas as pd

    found = one.confusion
    rows, columns = np.nonzero(found.counts)
    return pd.DataFrame(
        {
            "there": [found.rows[row] for row in rows],
            "said": [found.columns[column] for column in columns],
            "pictures": found.counts[rows, columns],
        }
    )


def where(view: View, one: Stored) -> None:
    """The same figures by depth band, site, camera and level."""
    table = one.strata
    kinds = list(dict.fromkeys(table["stratum"]))
    present = [key for key in STRATUM_FIGURES if table[key].notna().any()]
    with parts.card("where", "Where does it hold?", "Click a dot for its pictures, worst first."):
        left, right = st.columns([1.3, 1], gap="medium")
        with left:
            kind = st.segmented_control("By", kinds, default=kinds[0], required=True, key="evaluation_by")
        with right:
            key = st.selectbox("Figure", present, key="evaluation_figure", format_func=lambda k: OVERALL[k].title)
        part = table[(table["stratum"] == kind) & table[key].notna()].reset_index(drop=True)
        named = part.assign(
            named=[f"{v} · {words.plural(int(n), 'group')}" for v, n in zip(part["value"], part["groups"], strict=True)]
        )
        chosen = parts.clickable_plot(
            evaluation_figures.dots(named, view.theme, value=key, title=OVERALL[key].title, name="named"),
            key=f"where_{parts.slug(kind)}_{key}",
            alt=f"{OVERALL[key].title} by {kind}",
            data=lambda: table,
        )
        parts.note(_thin(part))
        if kind != "level":
            lacking = one.counts.regions - int(part["regions"].sum())
            parts.note(f"{words.plural(lacking, 'region')} without a {kind} or figure are left out." if lacking else "")
    if chosen is None or chosen >= len(part):
        return
    value = str(part["value"].iloc[chosen])
    places = worst_first(one.cases) if kind == "level" else of_stratum(one.cases, kind, value)
    pictures(view, one, places, f"{value}: worst first", key="evaluation_stratum")


def _thin(part: pd.DataFrame) -> str:
    few = int((part["groups"] < 5).sum())
    return f"{words.count(few)} of these rest on fewer than five groups: read them as hints." if few else ""


def spoiled(view: View, one: Stored) -> None:
    """How the model bears worse pictures."""
    data = one.facts["stress"]
    table = evaluating.strain_table(data)
    remark = (
        f"{words.plural(int(data['regions']), 'region')} of {words.plural(int(data['groups']), 'group')}, spoiled in "
        "known ways and asked about again. Right of the dotted line is lost; the interval is of the difference itself. "
        "Choose a row for its pictures."
    )
    with parts.card("spoiled", "How does it bear worse pictures?", remark):
        names = list(dict.fromkeys(table["figure"]))
        name = st.selectbox("Figure", names, key="evaluation_strain")
        part = table[table["figure"] == name].reset_index(drop=True)
        parts.plot(
            evaluation_figures.dots(
                part, view.theme, value="loss", title=f"{name}: clean less spoiled", name="way", zero=True
            ),
            key=f"strain_{parts.slug(name)}",
            alt=f"Loss of {name} under each way of spoiling",
            data=lambda: table,
        )
        config = {n: st.column_config.NumberColumn(format="%.3f") for n in ("clean", "spoiled", "loss", "low", "high")}
        chosen = _row_chosen(part.drop(columns=["key", "figure"]), config, key="evaluation_strain_table")
    record = part.iloc[chosen]
    kept = one.spoiled(str(record["key"]))
    if kept is None:
        parts.note("What was said of each spoiled picture was not kept; evaluate again with --stress to see them.")
        return
    rows, again = kept
    places = worse_first(again, one.cases)
    title = f"{str(record['way']).capitalize()}: what suffers most"
    lines = evaluating.spoiled_captions(one, again, places, rows[places])
    remark = "The clean pictures; under each the truth, what is said of it, and what is said once it is spoiled."
    pictures(view, one, rows[places], title, key="evaluation_spoiled", remark=remark, lines=lines)


def _row_chosen(table: pd.DataFrame, config: dict[str, Any], *, key: str) -> int:
    """A table whose rows can be chosen; returns the place of the chosen one, the first before any is."""
    event: Any = st.dataframe(
        table,
        key=key,
        hide_index=True,
        column_config=config,
        height=min(560, evaluating.table_height(len(table))),
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event["selection"]["rows"]
    return int(chosen[0]) if chosen and chosen[0] < len(table) else 0


def side_by_side(view: View, first: Stored, second: Stored) -> None:
    """Two models on the same regions."""
    found = evaluating.compared(first, second)
    table = evaluating.difference_table(found)
    remark = (
        f"{first.title} less {second.title}, on the same {words.plural(found.regions, 'region')} of "
        f"{words.plural(found.groups, 'group')}; each draw is for both, so the interval is of the difference itself."
    )
    with parts.card("beside", "Which of the two is better?", remark):
        if found.left_out:
            parts.note(f"{words.plural(found.left_out, 'region')} that only one was asked about are left out.")
        kind = st.segmented_control(
            "Show", ["overall", "concept"], default="overall", required=True, key="evaluation_kind",
            format_func={"overall": "Figures", "concept": "Average precision by concept"}.__getitem__,
        )  # fmt: skip
        part = table[table["kind"] == kind].head(40).reset_index(drop=True)
        parts.plot(
            evaluation_figures.dots(part, view.theme, value="gain", title="first less second", name="what", zero=True),
            key=f"beside_{kind}",
            alt="Differences of two models with intervals",
            data=lambda: table,
        )
        config = {n: st.column_config.NumberColumn(format="%.3f") for n in ("first", "second", "gain", "low", "high")}
        chosen = _row_chosen(part.drop(columns="kind"), config, key=f"evaluation_beside_{kind}")
    concept = str(part["what"].iloc[chosen]) if kind == "concept" and len(part) else ""
    left, right = worse_first(first.cases, second.cases, concept), worse_first(second.cases, first.cases, concept)
    of = f", by {concept}" if concept else ""
    named = {"first": left, "second": right}
    worse = st.segmented_control(
        "Pictures",
        list(named),
        default="first",
        required=True,
        key="evaluation_worse",
        format_func=lambda name: f"the {name} is worse ({words.count(len(named[name]))})",
    )
    remark = "By how surprised each is by the truth, largest difference first."
    of_which = first if worse == "first" else second
    title = f"Where the {worse} is worse{of}"
    pictures(view, of_which, named[worse], title, key="evaluation_differ", remark=remark)
