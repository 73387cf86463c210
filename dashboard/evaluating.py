"""What the Evaluate page reads: stored evaluations, their tables in words, and the pictures behind a number.

The contract: an evaluation never changes (but for strain that is added to it), so what is derived is kept by its key;
its regions are found in the open run by image and region, and those that are not there are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.assess.strain import WAYS
from core.evaluate.behind import said_lines, truth_lines
from core.evaluate.figures import CONCEPT, OVERALL
from dashboard import words

if TYPE_CHECKING:
    import pandas as pd

    from core.assess.storing import Stored
    from core.evaluate.cases import Cases
    from core.evaluate.evaluation import Compared
    from core.evaluate.intervals import Interval
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

CAPTIONED = 300
"""Pictures at the head of a gallery under which truth and prediction are written."""
TILES = ("map20", "sauc", "final", "ap_macro", "f1_micro", "accuracy", "ece")
"""Figures that open the page, where there are any."""


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(root: str, stamp: tuple[int, ...], _space: Workspace) -> list[Stored]:
    from core.assess.storing import list_evaluations

    return list_evaluations(_space)


def stored(space: Workspace) -> list[Stored]:
    """All evaluations, newest first; read again when one comes or changes."""
    root = space.root / "evaluations"
    if not root.is_dir():
        return []
    stamps = (path.stat().st_mtime_ns for path in sorted(root.glob("[0-9]*/evaluation.json")))
    return _kept(str(root), tuple(stamps), space)


@st.cache_resource(max_entries=8, show_spinner="Judging this head alone")
def _of_head(key: str, name: str, _stored: Stored) -> Stored:
    from core.assess.heads import of_head

    return of_head(_stored, name)


def of_head(one: Stored, name: str) -> Stored:
    """One head of an evaluation as an evaluation of its own; the whole where it has no such head."""
    return _of_head(one.key, name, one) if name in one.heads else one


@st.cache_resource(max_entries=16, show_spinner=False)
def _rows(run_key: str, evaluation_key: str, _run: Run, _stored: Stored) -> np.ndarray:
    return rows_in(_run.table, _stored.regions)


def run_rows(view: View, one: Stored) -> np.ndarray:
    """``[N]`` the row of the open run that shows each region of an evaluation, -1 where there is none."""
    return _rows(view.run.key, one.key, view.run, one)


def rows_in(table: pd.DataFrame, regions: pd.DataFrame) -> np.ndarray:
    """As `run_rows`; a region that the run does not have is shown by its image."""
    exact: dict[tuple[int, str], int] = {}
    whole: dict[int, int] = {}
    for row, (image, region) in enumerate(zip(table["image_id"], table["region"], strict=True)):
        exact.setdefault((int(image), str(region)), row)
        whole.setdefault(int(image), row)
    pairs = zip(regions["image_id"], regions["region"], strict=True)
    found = [exact.get((int(image), str(region)), whole.get(int(image), -1)) for image, region in pairs]
    return np.array(found, dtype=np.int64)


def captions(one: Stored, places: np.ndarray) -> list[str]:
    """Truth above, prediction below, for the first pictures of a list."""
    first = places[:CAPTIONED]
    both = zip(truth_lines(one.cases, first), said_lines(one.cases, first), strict=True)
    return [f"{truth}\n{said}" for truth, said in both]


def spoiled_captions(one: Stored, spoiled: Cases, places: np.ndarray, rows: np.ndarray) -> list[str]:
    """Truth, what is said of the clean picture and what of the spoiled one, for the first pictures of a list.

    Args:
        spoiled: What was said of the spoiled regions.
        places: ``[M]`` rows of `spoiled`.
        rows: ``[M]`` the same regions among those of the evaluation.
    """
    again = (line.replace("said: ", "spoiled: ", 1) for line in said_lines(spoiled, places[:CAPTIONED]))
    return [f"{clean}\n{then}" for clean, then in zip(captions(one, rows), again, strict=True)]


def figure_words(value: Interval, digits: int = 3) -> str:
    """``0.596 (0.520 to 0.671)``."""
    if not np.isfinite(value.value):
        return words.MISSING
    if not np.isfinite(value.low):
        return f"{value.value:.{digits}f}"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def tiles(one: Stored) -> list[tuple[str, str, str]]:
    """The figures that open the page: number, name, interval."""
    overall = one.overall
    facts = []
    for key in TILES:
        if key in overall and np.isfinite(overall[key].value):
            value = overall[key]
            remark = f"95 %: {value.low:.3f} to {value.high:.3f}" if np.isfinite(value.low) else ""
            facts.append((f"{value.value:.3f}", OVERALL[key].title, remark))
    return facts


def table_height(rows: int) -> int:
    """Pixels that a table of so many rows takes, head included."""
    return 38 + round(33.4 * max(1, rows))


def overall_table(one: Stored) -> pd.DataFrame:
    """One row a figure, in words."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for key, value in one.overall.items():
        meaning = OVERALL[key]
        better = "larger" if meaning.better > 0 else "smaller"
        rows.append((key, meaning.title, value.value, value.low, value.high, better, meaning.text))
    return pd.DataFrame(rows, columns=["key", "figure", "value", "low", "high", "better", "meaning"])


def concept_words(table: pd.DataFrame) -> pd.DataFrame:
    """`core.evaluate.evaluation.Evaluation.concepts` as the page shows it: intervals beside the figures."""
    import pandas as pd

    shown = pd.DataFrame(
        {
            "concept": table["concept"],
            "level": table["level"].where(table["known"], "not known to the model"),
            "there": table["there"],
            "groups": table["groups"],
            "said": table["said"],
            "hits": table["hits"],
            "misses": table["misses"],
            "false alarms": table["false_alarms"],
        }
    )
    for key, meaning in CONCEPT.items():
        if key != "auroc":
            shown[meaning.title] = table[key]
    shown["AP, 95 %"] = [_ends(low, high) for low, high in zip(table["ap_low"], table["ap_high"], strict=True)]
    return shown


def _ends(low: float, high: float) -> str:
    return words.MISSING if not (np.isfinite(low) and np.isfinite(high)) else f"{low:.2f} to {high:.2f}"


@st.cache_resource(max_entries=16, show_spinner="Comparing on the same draws")
def _compared(first: str, second: str, _first: Stored, _second: Stored) -> Compared:
    from core.evaluate.evaluation import compare

    return compare(_first.cases, _second.cases)


def compared(first: Stored, second: Stored) -> Compared:
    """Two evaluations on what they share; made once.

    Raises:
        SettingsError: they share nothing, or the truth was changed between them.
    """
    return _compared(first.key, second.key, first, second)


def difference_table(found: Compared) -> pd.DataFrame:
    """One row a figure or concept: ``what, kind, first, second, gain, low, high, better``."""
    import pandas as pd

    named = [(OVERALL[key].title, "overall", one, OVERALL[key].better) for key, one in found.overall.items()]
    each = sorted(found.concepts.items(), key=lambda item: -abs(item[1].gain.value))
    rows = [
        (
            what,
            kind,
            one.first.value,
            one.second.value,
            one.gain.value,
            one.gain.low,
            one.gain.high,
            verdict(one.gain, b),
        )
        for what, kind, one, b in [*named, *((name, "concept", one, 1) for name, one in each)]
    ]
    columns = ["what", "kind", "first", "second", "gain", "low", "high", "better"]
    return pd.DataFrame(rows, columns=columns)


def verdict(gain: Interval, better: int) -> str:
    """Which of two models is better by an interval that excludes zero."""
    if not (np.isfinite(gain.low) and np.isfinite(gain.high)) or gain.low <= 0 <= gain.high:
        return "cannot be told"
    return "first" if (gain.low > 0) == (better > 0) else "second"


def strain_table(data: dict[str, Any]) -> pd.DataFrame:
    """Strain as rows: ``key, way, figure, clean, spoiled, loss, low, high``; the loss is clean less spoiled."""
    import pandas as pd

    rows = []
    for name, way in ((name, data["ways"][name]) for name in WAYS if name in data["ways"]):
        for key in (key for key in OVERALL if key in way and way[key]["gain"]["value"] is not None):
            value, gain = way[key], way[key]["gain"]
            ends = [None if gain[end] is None else -gain[end] for end in ("high", "low")]
            figures = (value["second"]["value"], value["first"]["value"], -gain["value"], *ends)
            rows.append((name, way["way"], OVERALL[key].title, *figures))
    return pd.DataFrame(rows, columns=["key", "way", "figure", "clean", "spoiled", "loss", "low", "high"])
