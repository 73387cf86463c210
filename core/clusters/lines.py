"""Files that only ever grow, one line an act: how a line gets to the disk whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import WorkspaceError


def append_line(path: Path, act: Mapping[str, Any], what: str) -> None:
    """Add one JSON line; it is on the disk when this returns.

    A line that a power failure cut off before stays alone: the new one begins on a line of its own.

    Args:
        path: The file; it and its folder are made where they are missing.
        what: What it is, for the sentence of an error: ``the edit``.

    Raises:
        WorkspaceError: the disk refused.
    """
    line = json.dumps(act, sort_keys=True, allow_nan=False)  # in ASCII: no name can end a line, whatever it holds
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = not path.exists() or path.stat().st_size == 0 or path.read_bytes()[-1:] == b"\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (("" if whole else "\n") + line + "\n").encode("ascii"))  # one write, so lines never mix
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise WorkspaceError(
            f"{what} could not be kept ({error.strerror or error}); check free space and that the workspace can be "
            "written, then do it again"
        ) from error
