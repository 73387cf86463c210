"""``benthoscope export`` and ``benthoscope verdicts``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands.options import JsonOption, Opened, RunArgument, Told, WorkspaceOption
from core.console import Console

if TYPE_CHECKING:
    pass


def add_export(
    app: typer.Typer,
    default: Path,
    told: Told,
    opened: Opened,
) -> None:
    """Add the commands to `app`; what it is given is told in `core.commands.options`."""

    @app.command()
    def export(
        run: RunArgument,
        out: Annotated[Path, typer.Option(metavar="PATH", help="File to write; a new folder for yolo.")],
        format_name: Annotated[
            str,
            typer.Option(
                "--format",
                metavar="NAME",
                help="csv, json, coco, ifdo, fathomnet, fathomnet-boxes, fathomnet-submission, biigle, viame, yolo "
                "or darwin-core.",
            ),
        ] = "csv",
        select: Annotated[
            list[str] | None,
            typer.Option(
                metavar="CONDITION",
                help="Only these regions, e.g. 'flagged=true' or 'verdict=new'; repeated means and.",
            ),
        ] = None,
        worms: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Dated table of names and AphiaIDs, for darwin-core."),
        ] = None,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Write a run's regions, labels and decisions for other programs."""
        from core.publish.writing import Options, make, rows_of, write

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            opened_run = there.open_run(run)
            rows = rows_of(there, opened_run, tuple(select or ()))
            written = make(there, opened_run, format_name, rows, Options(worms=worms))
            write(written, out)
            facts = {
                "file": str(out),
                "format": format_name,
                written.noun: written.count,
                "remarks": list(written.remarks),
            }
            lines = [f"wrote {written.count:,} {written.noun} to {out}", *written.remarks]
            console.result(facts, "\n".join(lines))

    @app.command()
    def verdicts(
        change: Annotated[
            Path | None,
            typer.Option("--set", metavar="FILE", help="Table with the columns key, name and meaning: the new list."),
        ] = None,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Show the verdicts that reviewers choose from, or change the list; decisions already taken keep theirs."""
        import getpass
        from datetime import UTC, datetime

        from core.review.verdicts import change_verdicts, read_verdicts
        from core.review.verdicts import verdicts as known

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            if change is not None:
                wanted = read_verdicts(change)
                change_verdicts(there.database, wanted, actor=getpass.getuser(), now=datetime.now(UTC))
            found = known(there.database)
            lines = [f"{at}  {one.key:<12} {one.name:<24} {one.meaning}" for at, one in enumerate(found, start=1)]
            console.result({"verdicts": [vars(one) for one in found]}, "\n".join(lines))
