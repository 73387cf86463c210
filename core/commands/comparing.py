"""``benthoscope ood-compare``: parse, call, print."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.console import Console

if TYPE_CHECKING:
    from core.workspace import Workspace


def add_compare(
    app: typer.Typer,
    default: Path,
    told: Callable[[Console], AbstractContextManager[None]],
    opened: Callable[..., AbstractContextManager[Workspace]],
) -> None:
    """Add the command to `app`; the arguments are those of `core.commands.explaining.add_explain`."""

    @app.command("ood-compare")
    def ood_compare(
        run: Annotated[int, typer.Argument(metavar="RUN", help="Number of the run.")],
        truth: Annotated[
            list[str],
            typer.Option(metavar="CONDITION", help="What is truly unknown, e.g. 'camera=4:3'; repeated means and."),
        ],
        out: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Where the table goes; ood-compare-RUN.csv if left out.")
        ] = None,
        workspace: Annotated[
            Path,
            typer.Option(
                "--workspace", metavar="DIR", envvar="BENTHOSCOPE_WORKSPACE", help="Folder that holds everything."
            ),
        ] = default,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
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
