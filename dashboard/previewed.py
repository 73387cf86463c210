"""What a source holds, before it is imported: counts, first rows, pictures, and what would be no good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import streamlit as st

from core.catalogue.records import PROBLEMS
from core.errors import CoreError
from dashboard import correcting, parts, words

if TYPE_CHECKING:
    import pandas as pd

    from core.catalogue.importing import ImportPlan
    from core.catalogue.trying import Tried

TOLD = "bring_told"
PICTURES = 12
_UNUSED = "kept as it is"
_FORMATS = {"latitude": "%.5f", "longitude": "%.5f", "depth, m": "%.1f", "height over ground, m": "%.1f"}
_FIELDS = {
    "--timezone says otherwise": "Time zone, above, says otherwise",
    "--group or --group-pattern says otherwise": "the fields of the group, above, say otherwise",
    "with --images": "above",
    "Check --images": "Check the folder of the images above",
    "with --category-key": "as names of labels, above",
}
"""What readers say of the command line → what there is on the page."""


def opened_sentence(tried: Tried) -> str:
    """How many files were opened for the preview, and how many of them are no good."""
    if not tried.total:
        return ""
    bad = len(tried.unusable)
    which = f"All {words.plural(tried.total, 'file')} were" if tried.whole else ""
    which = which or f"{words.count(tried.tried)} of {words.plural(tried.total, 'file')} were"
    which = "The one file was" if tried.total == 1 else which
    said = f"{words.count(bad)} cannot be used" if bad else "each can be used" if tried.total > 1 else "it can be used"
    return f"{which} opened: {said}{'' if tried.whole else '; the import opens all'}."


def said(kind: str) -> str:
    """A kind of problem as words."""
    return kind.replace("-", " ")


def here(note: str) -> str:
    """A reader's note with the page's fields where it names the command line's options."""
    for option, field in _FIELDS.items():
        note = note.replace(option, field)
    return note


def past(note: str) -> str:
    """A reader's note on what is done: without what could have been said otherwise."""
    return f"{note.partition('; --')[0].rstrip('.')}."


def draw(plan: ImportPlan, tried: Tried, mapped: Collection[str] = ()) -> None:
    """Counts, what was assumed, first rows, pictures, and what cannot be used.

    Args:
        mapped: Columns whose meaning stands on the page already.
    """
    reading = plan.reading
    told = _told(plan, tried)
    usual = ("rows", "images", "labelled", "absent", "annotations", "categories")
    counts = dict(reading.counts)
    if counts.get("rows") == counts.get("images"):
        counts.pop("rows", None)
    shown_as = {"categories": "concepts"}  # as everywhere else on the pages
    parts.tiles([(words.count(counts[name]), shown_as.get(name, name), "") for name in usual if counts.get(name)])
    for note in (*reading.notes, told.navigation, opened_sentence(tried)):
        parts.note(here(note))
    used = [(name, meaning) for name, meaning in reading.columns.items() if meaning != _UNUSED and name not in mapped]
    if used:
        parts.facts(used, "How the other columns are understood" if mapped else "How the columns are understood")
    if told.first is not None:
        parts.section("First rows")
        shown = {title: st.column_config.NumberColumn(format=form) for title, form in _FORMATS.items()}
        st.dataframe(told.first, hide_index=True, key="bring_rows", column_config=shown, placeholder="")
        _pictures(plan)
    if told.counted:
        parts.section("What cannot be used as it is", "Nothing is dropped in silence, and nothing stops the import.")
        parts.facts((f"{words.count(number)} × {said(kind)}", PROBLEMS[kind]) for kind, number in told.counted.items())
        st.dataframe(told.listed.head(500), hide_index=True, height=180, key="bring_problems")
        parts.csv_button("import-remarks", lambda: told.listed)


@dataclass(frozen=True)
class _Told:
    """What takes a while to tell of a large source, told once."""

    plan: ImportPlan
    tried: Tried
    navigation: str
    first: pd.DataFrame | None
    counted: Mapping[str, int]
    listed: pd.DataFrame


def _told(plan: ImportPlan, tried: Tried) -> _Told:
    import pandas as pd

    from core.catalogue.preview import first_rows, navigation_sentence

    kept = st.session_state.get(TOLD)
    if isinstance(kept, _Told) and kept.plan is plan and kept.tried is tried:
        return kept
    problems = (*plan.reading.problems, *tried.unusable)
    told = _Told(
        plan,
        tried,
        navigation_sentence(plan),
        _table(pd.DataFrame(first_rows(plan))) if plan.reading.records else None,
        Counter(problem.kind for problem in problems),
        pd.DataFrame([(said(one.kind), one.where, one.reason) for one in problems], columns=["kind", "where", "why"]),
    )
    st.session_state[TOLD] = told
    return told


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows["labels"] = [", ".join(map(str, labels)) or None for labels in rows["labels"]]
    rows["taken_at"] = pd.to_datetime(rows["taken_at"], utc=True, format="ISO8601").dt.tz_localize(None)
    known = rows.drop(columns="extra").dropna(axis=1, how="all")
    return known.rename(columns={**correcting.TITLES, "path": "file"})


def _pictures(plan: ImportPlan) -> None:
    """The first few pictures, opened as the import would."""
    from core.images.decode import open_image
    from core.images.files import within

    shown = []
    for record in islice((one for one in plan.reading.records if not one.absent), 3 * PICTURES):
        if len(shown) == PICTURES:
            break
        try:
            picture = open_image(within(plan.root, plan.root / record.path), longest=220)
        except CoreError:
            continue  # the import says why
        shown.append(picture)
    with st.container(horizontal=True, gap="small", key="bring_pictures"):
        for picture in shown:
            st.image(picture, width=150)
