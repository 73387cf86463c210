"""``benthoscope rerun``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.commands.options import Actor, JsonOption, Opened, Told, WorkersOption, WorkspaceOption
from core.console import Console


def add_rerun(app: typer.Typer, default: Path, told: Told, opened: Opened, actor: Actor) -> None:
    """Add the command to `app`; what it is given is told in `core.commands.options`.

    Args:
        actor: Says who is noted with the run.
    """

    @app.command()
    def rerun(
        run: Annotated[int, typer.Argument(metavar="RUN", help="Number of the run that was reviewed.")],
        known: Annotated[
            list[str] | None,
            typer.Option(
                metavar="VERDICT", help="What means known; repeatable. Taxa, habitat, gear and empty water if left out."
            ),
        ] = None,
        name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name of the new run.")] = None,
        workspace: WorkspaceOption = default,
        workers: WorkersOption = 0,
        as_json: JsonOption = False,
    ) -> None:
        """Make a run again with what reviewers judged known in its reference, and say what that changed."""
        import os

        from core.pipeline import execute
        from core.relearning import change_json, change_of, change_text
        from core.review.knowing import joining, known_verdicts

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            before = there.open_run(run)
            wished = joining(there.database, before, known or known_verdicts(there.database))
            outcome = execute(
                there,
                wished.settings,
                name=name or f"{before.name}, reviewed",
                actor=actor(),
                workers=workers or os.cpu_count() or 1,
                progress_for=console.progress,
            )
            change = change_of(there.database, before, there.open_run(outcome.info.id))
            console.result(
                outcome.to_json() | {"change": change_json(change)}, f"{outcome.sentence}\n{change_text(change)}"
            )
