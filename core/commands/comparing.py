"""``benthoscope ood-compare``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands.options import JsonOption, Opened, RunArgument, Told, WorkspaceOption
from core.console import Console

if TYPE_CHECKING:
    pass


def add_compare(
    app: typer.Typer,
    default: Path,
    told: Told,
    opened: Opened,
) -> None:
    """Add the command to `app`; what it is given is told in `core.commands.options`."""

    @app.command("ood-compare")
    def ood_compare(
        run: RunArgument,
        truth: Annotated[
            list[str],
            typer.Option(metavar="CONDITION", help="What is truly unknown, e.g. 'camera=4:3'; repeated means and."),
        ],
        out: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Where the table goes; ood-compare-RUN.csv if left out.")
        ] = None,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Say how well each detector of a run tells what is truly unknown from the rest, with intervals by group."""
        from core.comparing import compare_detectors, comparison_json, comparison_text, write_comparison

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            comparison = compare_detectors(there.open_run(run), tuple(truth))
            path = out or Path(f"ood-compare-{run}.csv")
            write_comparison(comparison, path)
            text = f"{comparison_text(comparison)}\nwrote {path}"
            console.result(comparison_json(comparison) | {"file": str(path)}, text)
