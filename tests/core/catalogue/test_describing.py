"""What an import was told is kept as JSON, and read from catalogues that kept it as Python wrote it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from core.catalogue.describing import descriptions
from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions, options_from_json
from core.catalogue.schema import Import
from core.workspace import open_workspace
from dashboard.dataset_card import told_options
from tests.small import make_collection

SAID = 'group dive; clock offset in seconds 7200; columns it\'s "deep" as depth, metres down; folders are labels'
EARLY = {
    "group": "dive",
    "max_gap": "10.0",
    "clock_offset": "7200.0",
    "folder_labels": "True",
    "columns": """{'it\\'s "deep"': 'depth'}""",
}


@pytest.fixture
def space(tmp_path):
    with closing(open_workspace(tmp_path / "workspace")) as found:
        yield found


def test_options_are_kept_as_json_and_early_ones_still_open(space, tmp_path):
    make_collection(tmp_path / "data", dives=1, frames=1)
    options = ReadOptions(group="dive", clock_offset=7200.0, folder_labels=True, columns={'it\'s "deep"': "depth"})
    plan = plan_import(tmp_path / "data" / "frames.csv", options)
    import_images(space, plan, dataset="d", actor="t", now=datetime(2024, 1, 1, tzinfo=UTC), workers=1)

    def kept():
        return descriptions(space.database)[0].imports[0].options

    assert options_from_json(kept()) == options
    assert told_options(kept()) == SAID
    for early, said in (
        (EARLY, SAID),
        (EARLY | {"columns": "__import__('os')"}, SAID.replace('columns it\'s "deep" as depth, metres down; ', "")),
        ({"folder_labels": "False", "clock_offset": "0.0", "columns": "{}"}, ""),
    ):
        with space.database.write() as session:
            session.execute(update(Import).values(options=early))
        assert told_options(kept()) == said
