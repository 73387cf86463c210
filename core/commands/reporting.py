"""``benthoscope report``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.commands.options import JsonOption, Opened, RunArgument, Told, WorkspaceOption
from core.console import Console


def add_report(app: typer.Typer, default: Path, told: Told, opened: Opened) -> None:
    """Add the command to `app`; what it is given is told in `core.commands.options`."""

    @app.command()
    def report(
        run: RunArgument,
        out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write.")],
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Write a run as one HTML file that opens anywhere, without a network."""
        from core.artefacts import write_atomically
        from core.errors import WorkspaceError
        from core.report.page import run_report

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            body = run_report(there, there.open_run(run), progress=console.progress("report", "parts")).encode()
            try:
                write_atomically(out.expanduser(), body)
            except OSError as error:
                raise WorkspaceError(f"{out} cannot be written ({error.strerror or error}); name another") from error
            console.result({"file": str(out), "bytes": len(body)}, f"wrote {out}, {len(body) / 1e6:.1f} MB")
