"""The catalogue's images as one table for forms that build conditions: read once for all visitors until it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    import pandas as pd

    from core.workspace import Workspace


@st.cache_resource(max_entries=8, show_spinner=False)
def _images(root: str, names: tuple[str, ...], stamp: tuple[object, ...], _space: Workspace) -> pd.DataFrame:
    from core.catalogue.overview import image_table
    from core.catalogue.regions import dataset_ids

    return image_table(_space.database, dataset_ids(_space.database, names))


def images(space: Workspace, names: Sequence[str]) -> pd.DataFrame:
    """`core.catalogue.overview.image_table` of these datasets; never to be changed.

    Raises:
        WorkspaceError: a dataset is unknown.
    """
    from core.catalogue.describing import descriptions
    from core.catalogue.editing import last_edit

    counts = {entry.name: entry.images for entry in space.datasets()}
    imports = {entry.name: len(entry.imports) for entry in descriptions(space.database)}
    edits = last_edit(space.database)
    stamp = tuple((counts.get(name), imports.get(name), edits) for name in names)
    return _images(str(space.root), tuple(names), stamp, space)
