"""Where edits of clusters are kept: one file a run that only ever grows.

The contract:
- an edit is on the disk before it is acknowledged; a key that is there already adds nothing;
- a line that was cut off by a power failure is passed over, and the next edit begins a line of its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core.clusters.grouping import Edit
from core.clusters.lines import append_line
from core.errors import SelectionError

if TYPE_CHECKING:
    from core.runs import Run
    from core.workspace import Workspace


def log_path(space: Workspace, run: Run) -> Path:
    """The file of a run's edits, whether or not it exists."""
    return space.root / "clusters" / f"{run.info.uid}.jsonl"


def read_edits(space: Workspace, run: Run) -> list[Edit]:
    """All edits of a run, oldest first, undone ones and undos included."""
    path = log_path(space, run)
    if not path.is_file():
        return []
    return [edit for line in path.read_text(encoding="utf-8").split("\n") if (edit := _parsed(line)) is not None]


def _parsed(line: str) -> Edit | None:
    try:
        data = json.loads(line)
        data["clusters"], data["parts"] = tuple(data["clusters"]), tuple(data["parts"])
        return Edit(**data)
    except (ValueError, TypeError, KeyError, SelectionError):
        return None


def add_edit(space: Workspace, run: Run, edit: Edit) -> None:
    """Write an edit down.

    Raises:
        WorkspaceError: the disk refused.
    """
    if any(known.key == edit.key for known in read_edits(space, run)):
        return
    append_line(log_path(space, run), asdict(edit), "the edit")
