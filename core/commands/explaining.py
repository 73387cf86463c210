"""``benthoscope explain`` and ``benthoscope explain-check``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.commands.options import JsonOption, Opened, RunArgument, Told, WorkspaceOption
from core.console import Console

if TYPE_CHECKING:
    from core.workspace import Workspace


_Image = Annotated[
    str, typer.Option(metavar="PATH_OR_ID", help="An image of the run by its id or path, or any other file.")
]
_Out = Annotated[Path, typer.Option(metavar="DIR", help="Where map.npy, overlay.png, map.json and boxes.json go.")]
_Kind = Annotated[
    str, typer.Option(metavar="KIND", help="ood, ood-centred, ood-novel, ood-features, class, embedding or match.")
]
_Concept = Annotated[
    str | None, typer.Option(metavar="NAME", help="For class: which; the network's guess if left out.")
]
_Other = Annotated[
    str | None,
    typer.Option("--with", metavar="PATH_OR_ID", help="For match: the other image; else the nearest reference."),
]
_Grid = Annotated[str, typer.Option(metavar="NAME", help="usual, or finer: larger, dilated, tiles.")]
_Method = Annotated[str, typer.Option(metavar="NAME", help="For class: grad-cam++ or grad-cam.")]
_Detector = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Whose score: knn or another of the run's; if left out, the one that flagged."),
]
_Store = Annotated[bool, typer.Option("--store-boxes", help="Keep the boxes in the catalogue, as a model's.")]
_Truth = Annotated[
    Path | None, typer.Option(metavar="FILE", help="COCO file of what is where; else the catalogue's own annotations.")
]
_Images = Annotated[int, typer.Option(min=2, metavar="N", help="Annotated images to judge the maps by.")]
_Table = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where the table goes; explain-check-RUN.csv if left out.")
]


def add_explain(app: typer.Typer, default: Path, told: Told, opened: Opened) -> None:
    """Add both commands to `app`.

    Args:
        default: Workspace if none is named.
        told: Turns errors meant for people into sentences and exit codes.
        opened: Opens a workspace and closes it.
    """

    @app.command()
    def explain(
        run: RunArgument,
        image: _Image,
        out: _Out,
        kind: _Kind = "ood-centred",
        concept: _Concept = None,
        other: _Other = None,
        grid: _Grid = "usual",
        method: _Method = "grad-cam++",
        detector: _Detector = None,
        store_boxes: _Store = False,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Show why: a map of what makes an image strange, of a class, or of what it shares with another."""
        console = Console(as_json=as_json)
        wanted = {"kind": kind, "grid": grid, "concept": concept, "method": method}
        with told(console), opened(workspace, create=False) as there:
            _explain(console, there, run, image, wanted, out, other=other, detector=detector, store=store_boxes)

    @app.command("explain-check")
    def explain_check(
        run: RunArgument,
        images: _Images = 60,
        truth: _Truth = None,
        out: _Table = None,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Measure whether a run's maps can be believed, beside maps that know nothing of it."""
        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            _check(console, there, run, images, truth, out or Path(f"explain-check-{run}.csv"))


def _explain(
    console: Console, workspace: Workspace, run: int, image: str, wanted: dict[str, Any], out: Path, **more: Any
) -> None:
    from core.explain.export import explain_into
    from core.explain.maps import MapSettings

    facts = explain_into(workspace.open_run(run), workspace, image, MapSettings(**wanted), out, **more)
    console.result(facts, f"{facts['caption']}\n{facts['label']}\nwrote {', '.join(facts['files'])}")


def _check(console: Console, workspace: Workspace, run: int, images: int, truth: Path | None, path: Path) -> None:
    from core.explain.check import check_maps
    from core.explain.report import check_json, check_text, write_check

    progress = console.progress("explain-check", "steps")
    check = check_maps(workspace.open_run(run), workspace, limit=images, truth=truth, progress=progress)
    write_check(check, path)
    console.result(check_json(check) | {"file": str(path)}, f"{check_text(check)}\nwrote {path}")
