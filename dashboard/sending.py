"""Files that a visitor sends for an import: measured, opened whole, kept under harmless names in the workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.artefacts import write_atomically
from core.errors import ImageError
from dashboard.finding import TABLES
from dashboard.uploads import MAX_BYTES, received

if TYPE_CHECKING:
    from core.workspace import Workspace

FOLDER = "uploads"
MOST_FILES = 1000
LIMITS = (
    f"Up to {MOST_FILES:,} files, pictures and tables of up to {MAX_BYTES // 2**20} MB each. "
    "They are kept in the workspace; for more, use a folder."
)


class Named(Protocol):
    """What Streamlit's uploader gives."""

    name: str
    size: int

    def getvalue(self) -> bytes:
        """The whole content."""
        ...


def harmless(name: str, taken: set[str]) -> str:
    """A file name made of letters, digits, dots, lines and underscores, different from those taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).name).lstrip("._-")[-120:] or "file"
    stem, dot, ending = plain.rpartition(".")
    number = 2
    unique = plain
    while unique.lower() in taken:
        unique = f"{stem if dot else plain}_{number}{dot}{ending if dot else ''}"
        number += 1
    taken.add(unique.lower())
    return unique


def keep(space: Workspace, batch: str, sent: Sequence[Named]) -> tuple[Path, list[tuple[str, str]]]:
    """Keep what can be used.

    Args:
        batch: Made by the server; the folder's name.

    Returns:
        The folder, and ``(name, reason)`` of what was refused.
    """
    folder = space.root / FOLDER / batch
    folder.mkdir(parents=True, exist_ok=True)
    refused: list[tuple[str, str]] = [(one.name, "more files than are taken at once") for one in sent[MOST_FILES:]]
    taken: set[str] = set()
    for one in sent[:MOST_FILES]:
        name = harmless(one.name, taken)
        if Path(name).suffix.lower() in TABLES:
            if one.size > MAX_BYTES:
                refused.append((one.name, f"a table may have up to {MAX_BYTES // 2**20} MB here"))
                continue
        else:
            try:
                received(one)  # decoded whole: what cannot be opened is not kept
            except ImageError as error:
                refused.append((one.name, str(error)))
                continue
        write_atomically(folder / name, one.getvalue())
    return folder, refused


def source_of(folder: Path) -> Path:
    """What to read of a folder of uploads: its one table, else the folder."""
    tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
    return tables[0] if len(tables) == 1 else folder
