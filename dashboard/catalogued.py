"""The catalogue's images as one table for forms that build conditions: read once for all visitors until it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.conditions_built import Choices

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import Workspace


@st.cache_resource(max_entries=8, show_spinner=False)
def _choices(root: str, names: tuple[str, ...], stamp: tuple[object, ...], _space: Workspace) -> Choices:
    from core.catalogue.overview import image_table
    from core.catalogue.regions import dataset_ids

    return Choices(image_table(_space.database, dataset_ids(_space.database, names)))


def choices(space: Workspace, names: Sequence[str]) -> Choices:
    """The images of these datasets (never to be changed), and what conditions on them can be made of.

    Raises:
        WorkspaceError: a dataset is unknown.
    """
    from core.catalogue.describing import descriptions
    from core.catalogue.editing import last_edit

    counts = {entry.name: entry.images for entry in space.datasets()}
    imports = {entry.name: len(entry.imports) for entry in descriptions(space.database)}
    edits = last_edit(space.database)
    stamp = tuple((counts.get(name), imports.get(name), edits) for name in names)
    return _choices(str(space.root), tuple(names), stamp, space)


def images(space: Workspace, names: Sequence[str]) -> pd.DataFrame:
    """The images of `choices` alone.

    Raises:
        WorkspaceError: a dataset is unknown.
    """
    return choices(space, names).images
