"""What commands have in common: options that mean the same everywhere, and what each command is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.console import Console

if TYPE_CHECKING:
    from core.workspace import Workspace

Told = Callable[[Console], AbstractContextManager[None]]
"""Turns expected errors into one sentence and an exit status."""
Opened = Callable[..., AbstractContextManager["Workspace"]]
"""Opens a workspace and closes it again."""
Actor = Callable[[], str]
"""Who is noted with what is written."""

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", metavar="DIR", envvar="BENTHOSCOPE_WORKSPACE", help="Folder that holds everything."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=0, help="Processes or threads that read images; 0 means one a core.")
]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")]
PrepareOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STEP",
        help="Change what the network is shown: crop:0.8, gray-world, restore, clahe:2 …; repeatable.",
    ),
]
RunArgument = Annotated[int, typer.Argument(metavar="RUN", help="Number of the run.")]
DatasetsArgument = Annotated[list[str], typer.Argument(metavar="DATASET...", help="Names given at import.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model of the workspace, or its folder.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Only these regions, e.g. 'depth_m<800'; repeated means and."),
]
