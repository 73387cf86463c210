"""A dataset's card: counts, concepts with their depths, and its biases as checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.catalogue.describing import Description
from core.catalogue.editing import last_edit
from core.catalogue.overview import Check, checks, concept_table, image_table
from dashboard import mapping, parts, words
from dashboard.boundary import sentence
from dashboard.desk import Desk

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import Workspace


_OPTIONS = {
    "images": "images in",
    "metadata": "second table",
    "on": "joined by",
    "labels_key": "names of labels",
    "category_key": "names of labels",
    "group": "group",
    "group_pattern": "group from the name by",
    "time_pattern": "time from the name by",
    "nav": "navigation log",
    "clock_offset": "clock offset in seconds",
    "timezone": "time zone",
    "columns": "columns",
}
"""Option of an import that is worth telling → how it is told."""


def told_options(options: Mapping[str, Any]) -> str:
    """What an import was told beside its source, in words; options that said nothing are left out.

    Args:
        options: As `core.catalogue.describing.ImportEntry` has them.
    """
    found = []
    for name, title in _OPTIONS.items():
        value = options.get(name)
        if not value:
            continue
        if name in ("images", "metadata", "labels_key", "category_key", "nav"):
            value = str(value).rstrip("/").rpartition("/")[2]
        elif name == "columns":
            value = ", ".join(f"{column} as {mapping.ROLES.get(role, role)}" for column, role in value.items())
        elif name == "clock_offset":
            value = f"{value:g}"
        found.append(f"{title} {value}")
    return "; ".join(found + (["folders are labels"] if options.get("folder_labels") else []))


@st.cache_resource(max_entries=12, show_spinner=False)
def _facts(root: str, dataset: int, stamp: tuple[int, ...], _space: Workspace) -> tuple[pd.DataFrame, list[Check]]:
    table = image_table(_space.database, [dataset])
    return concept_table(table), checks(table)


def draw(desk: Desk, entry: Description) -> None:
    """Counts, checks, concepts."""
    counts = next((one for one in desk.workspace.datasets() if one.id == entry.id), None)
    if counts is None:
        return
    numbers = [(words.count(counts.images), "images", "")]
    numbers += [(words.count(counts.absent), "absent", "listed, but no such file")] if counts.absent else []
    numbers += [(words.count(counts.unusable), "unusable", "kept with their reason")] if counts.unusable else []
    stamp = (len(entry.imports), counts.images, last_edit(desk.workspace.database))
    concepts, found = _facts(str(desk.workspace.root), entry.id, stamp, desk.workspace)
    numbers += [(words.count(len(concepts)), "concepts", "")]
    parts.tiles(numbers)
    parts.facts(
        [
            ("licence", entry.licence or "not stated"),
            ("citation", entry.citation or "not stated"),
            ("identifier", entry.uid),
            ("folder", str(entry.root)),
            ("made", f"{words.when(entry.created_at)} by {entry.actor}"),
        ]
    )
    parts.section("What to keep in mind")
    for title, calm in (("Deserves a look:", False), ("Nothing stands out:", True)):
        named = [(one.title, sentence(one.sentence)) for one in found if one.calm == calm]
        if named:
            parts.note(title)
            parts.facts(named)
    if len(concepts):
        parts.section("Concepts")
        shown = concepts.assign(from_one=(100 * concepts["from_one"]).round(), depth=_depths(concepts))
        st.dataframe(
            shown[["concept", "images", "groups", "from_one", "depth"]],
            hide_index=True,
            height=220 if len(shown) > 5 else "content",
            key=f"concepts_{entry.id}",
            column_config={
                "images": st.column_config.ProgressColumn(
                    "images", format="%d", min_value=0, max_value=int(concepts["images"].max())
                ),
                "from_one": st.column_config.NumberColumn("% from one group", format="%d"),
            },
        )
        parts.csv_button(f"concepts-{entry.id}", lambda: concepts)


def _depths(concepts: pd.DataFrame) -> list[str]:
    pairs = zip(concepts["shallowest"], concepts["deepest"], strict=True)
    return [words.span(low, high) for low, high in pairs]
