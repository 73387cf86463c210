"""``benthoscope explain`` and ``benthoscope explain-check``: parse, call, print."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.console import Console

if TYPE_CHECKING:
    from core.workspace import Workspace

Told = Callable[[Console], AbstractContextManager[None]]
Opened = Callable[..., AbstractContextManager["Workspace"]]

_Run = Annotated[int, typer.Argument(metavar="RUN", help="Number of the run.")]
_Workspace = Annotated[
    Path,
    typer.Option("--workspace", metavar="DIR", envvar="BENTHOSCOPE_WORKSPACE", help="Folder that holds everything."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def add_explain(app: typer.Typer, default: Path, told: Told, opened: Opened) -> None:
    """Add both commands to `app`.

    Args:
        default: Workspace if none is named.
        told: Turns errors meant for people into sentences and exit codes.
        opened: Opens a workspace and closes it.
    """

    @app.command()
    def explain(
        run: _Run,
        image: Annotated[
            str, typer.Option(metavar="PATH_OR_ID", help="An image of the run by its id or path, or any other file.")
        ],
        out: Annotated[Path, typer.Option(metavar="DIR", help="Where map.npy, overlay.png and boxes.json go.")],
        kind: Annotated[
            str,
            typer.Option(metavar="KIND", help="ood, ood-centred, ood-novel, ood-features, class, embedding or match."),
        ] = "ood-centred",
        concept: Annotated[
            str | None, typer.Option(metavar="NAME", help="For class: which; the network's guess if left out.")
        ] = None,
        other: Annotated[
            str | None,
            typer.Option(
                "--with", metavar="PATH_OR_ID", help="For match: the other image; else the nearest reference."
            ),
        ] = None,
        grid: Annotated[str, typer.Option(metavar="NAME", help="usual, or finer: larger, dilated, tiles.")] = "usual",
        method: Annotated[str, typer.Option(metavar="NAME", help="For class: grad-cam++ or grad-cam.")] = "grad-cam++",
        workspace: _Workspace = default,
        as_json: _Json = False,
    ) -> None:
        """Show why: a map of what makes an image strange, of a class, or of what it shares with another."""
        from core.explain.export import explain_into
        from core.explain.maps import MapSettings

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            chosen: Any = {"kind": kind, "grid": grid, "concept": concept, "method": method}
            facts = explain_into(there.open_run(run), there, image, MapSettings(**chosen), out, other=other)
            console.result(facts, f"{facts['caption']}\n{facts['label']}\nwrote {', '.join(facts['files'])}")

    @app.command("explain-check")
    def explain_check(
        run: _Run,
        images: Annotated[int, typer.Option(min=2, metavar="N", help="Annotated images to judge the maps by.")] = 60,
        out: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Where the table goes; explain-check-RUN.csv if left out.")
        ] = None,
        workspace: _Workspace = default,
        as_json: _Json = False,
    ) -> None:
        """Measure whether a run's maps can be believed, beside maps that know nothing of it."""
        from core.explain.check import check_maps
        from core.explain.report import check_json, check_text, write_check

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            check = check_maps(
                there.open_run(run), there, limit=images, progress=console.progress("explain-check", "steps")
            )
            path = out or Path(f"explain-check-{run}.csv")
            write_check(check, path)
            console.result(check_json(check) | {"file": str(path)}, f"{check_text(check)}\nwrote {path}")
