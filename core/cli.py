"""The command line: parse, call, print. Nothing is computed here, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.commands.comparing import add_compare
from core.commands.evaluating import add_evaluate
from core.commands.explaining import add_explain
from core.commands.exporting import add_export
from core.commands.learning import add_learning
from core.commands.options import DeviceOption, JsonOption, PrepareOption, WorkersOption, WorkspaceOption
from core.commands.reporting import add_report
from core.commands.rerunning import add_rerun
from core.console import Console
from core.errors import Cancelled, CoreError

if TYPE_CHECKING:
    from core.workspace import Workspace

app = typer.Typer(
    name="benthoscope",
    help="Explore deep-sea image collections: what is there, what a model has never seen, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEFAULT_WORKSPACE = Path("benthoscope-workspace")
SHOWN_PROBLEMS = 20


def main() -> None:
    """The command ``benthoscope``: nobody is shown a traceback; what was not foreseen is kept in a file."""
    # Threads that wait by spinning take the cores from each other as soon as anything else runs on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app()
    except Exception:
        log = Path(tempfile.gettempdir()) / f"benthoscope-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
        log.write_text(traceback.format_exc(), encoding="utf-8")
        Console(as_json="--json" in sys.argv).error(f"something unforeseen went wrong; the details are in {log}")
        sys.exit(70)


@contextmanager
def _told(console: Console) -> Iterator[None]:
    """Errors meant for people become one sentence and exit code 1 (130 when stopped by hand)."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled):
        console.error("stopped; what was finished is kept, and the same command goes on from there")
        raise typer.Exit(130) from None
    except CoreError as error:
        console.error(str(error))
        raise typer.Exit(1) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None


@app.command()
def demo(
    workspace: WorkspaceOption = Path("demo-workspace"),
    serve_it: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the dashboard afterwards.")] = True,
    reset: Annotated[bool, typer.Option("--reset", help="Remove an earlier demonstration first.")] = False,
    frames: Annotated[int, typer.Option(min=120, max=20_000, help="Frames to render.")] = 1200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another collection.")] = 0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    workers: WorkersOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Render a demonstration collection, run the pipeline on it, and serve it."""
    from core.showcase import prepare_demo

    console = Console(as_json=as_json)
    with _told(console):
        outcome = prepare_demo(
            workspace,
            frames=frames,
            seed=seed,
            reset=reset,
            workers=_workers(workers),
            actor=_actor(),
            say=console.say,
            progress_for=console.progress,
        )
        console.result(outcome.to_json(), "")
        if serve_it:
            _serve(console, workspace, port)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of images, or a table or file of labels.")],
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="Name for the images in this workspace.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="folder, table, coco, fathomnet, ifdo, biigle, viame, yolo or darwin-core; guessed if left out.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the images, if not the source's.")
    ] = None,
    metadata: Annotated[Path | None, typer.Option(metavar="FILE", help="Second table, joined by --on.")] = None,
    on: Annotated[
        str | None, typer.Option(metavar="KEY", help="Column that both tables share, or OURS=THEIRS.")
    ] = None,
    labels_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table that gives names to label codes.")
    ] = None,
    category_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="FathomNet's category_key.csv: id, name, supercat.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the dive, transect or video: what is independent.")
    ] = None,
    group_pattern: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Take the group from the file name: the first bracketed part.")
    ] = None,
    nav: Annotated[Path | None, typer.Option(metavar="FILE", help="Navigation log, joined by time.")] = None,
    max_gap: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest gap in the log to interpolate over.")
    ] = 10.0,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of times that name none, e.g. Asia/Tokyo.")
    ] = None,
    clock_offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="Added to the camera's time to get the log's time.")
    ] = 0.0,
    time_pattern: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Time in the file name, e.g. %Y%m%d_%H%M%S.")
    ] = None,
    folder_labels: Annotated[bool, typer.Option("--folder-labels", help="Sub-folders are labels.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=ROLE", help="What a column is: file, time, depth, labels … or kept; repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be imported; write nothing.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    workers: WorkersOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Bring images and what is known of them into the workspace. Images are linked, never copied or changed."""
    from core.catalogue.formats.columns import roles_from
    from core.catalogue.importing import import_images, plan_import
    from core.catalogue.preview import preview_json, preview_text, report_json, report_text
    from core.catalogue.records import ReadOptions

    console = Console(as_json=as_json)
    with _told(console):
        options = ReadOptions(
            images=images,
            metadata=metadata,
            on=on,
            labels_key=labels_key,
            category_key=category_key,
            group=group,
            group_pattern=group_pattern,
            nav=nav,
            max_gap=max_gap,
            timezone=timezone,
            clock_offset=clock_offset,
            time_pattern=time_pattern,
            folder_labels=folder_labels,
            columns=roles_from(column or ()),
        )
        plan = plan_import(source, options, format_name)
        if dry_run:
            console.result(preview_json(plan), preview_text(plan, SHOWN_PROBLEMS))
            return
        with _opened(workspace, create=True) as opened:
            report = import_images(
                opened,
                plan,
                dataset=dataset,
                actor=_actor(),
                now=datetime.now(UTC),
                workers=_workers(workers),
                progress=console.progress("import", "images"),
            )
        console.result(report_json(report), report_text(report, SHOWN_PROBLEMS))


@app.command()
def run(
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="Names given at import.")],
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="What counts as known, e.g. 'depth_m<800'; repeated means and."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="What is judged; everything outside the reference if left out."),
    ] = None,
    embedder: Annotated[
        str, typer.Option(metavar="NAME", help="demo, or a torchvision network such as resnet50.")
    ] = "demo",
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Local .safetensors or weights-only .pth; else torchvision's hub."),
    ] = None,
    k: Annotated[
        int | None, typer.Option(metavar="N", help="Neighbours in the score; 100, or the largest allowed.")
    ] = None,
    alpha: Annotated[float, typer.Option(metavar="RATE", help="False-alarm rate of the flags.")] = 0.05,
    detector: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Score with this detector too, e.g. lof or root_residual; repeatable."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Trained model whose logits vim, energy and max_logit read."),
    ] = None,
    regions: Annotated[str, typer.Option(metavar="KIND", help="image, tiles:2x3 or boxes.")] = "image",
    short_side: Annotated[int, typer.Option(metavar="PIXELS", help="Shorter side of the network's input.")] = 224,
    prepare: PrepareOption = None,
    batch: Annotated[int, typer.Option(metavar="N", help="Regions in one forward pass.")] = 32,
    device: DeviceOption = "auto",
    precision: Annotated[str, typer.Option(metavar="NAME", help="auto, fp32 or bf16.")] = "auto",
    neighbors: Annotated[int, typer.Option(metavar="N", help="UMAP: neighbours of a point.")] = 15,
    min_dist: Annotated[float, typer.Option(metavar="DISTANCE", help="UMAP: smallest distance on the map.")] = 0.1,
    seed: Annotated[int, typer.Option(help="UMAP: seed of the layout.")] = 0,
    fast: Annotated[
        bool, typer.Option("--fast", help="A quicker layout of the map: like UMAP's, not the same to the point.")
    ] = False,
    projection: Annotated[
        str, typer.Option(metavar="NAME", help="The map: umap, supervised (labels pull too) or pca.")
    ] = "umap",
    min_cluster_size: Annotated[int | None, typer.Option(metavar="N", help="HDBSCAN: smallest cluster.")] = None,
    cluster_method: Annotated[str, typer.Option(metavar="NAME", help="HDBSCAN: eom or leaf.")] = "eom",
    search: Annotated[
        str, typer.Option(metavar="NAME", help="Neighbours: exact, approximate, or auto by the number of regions.")
    ] = "auto",
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name of the run.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Make a new run even if the same one exists.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    workers: WorkersOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Embed, score, map and cluster datasets. Stopped or killed, the same command goes on where it was."""
    from core.pipeline import execute
    from core.settings import (
        ClusterSettings,
        EmbedSettings,
        OodSettings,
        ProjectionSettings,
        RegionSettings,
        RunSettings,
        SearchSettings,
    )

    console = Console(as_json=as_json)
    with _told(console):
        settings = RunSettings(
            datasets=tuple(datasets),
            reference=tuple(reference or ()),
            target=tuple(target or ()),
            regions=RegionSettings.parse(regions),
            embed=EmbedSettings(
                embedder=embedder,
                weights=str(weights.expanduser().resolve()) if weights else None,
                short_side=short_side,
                steps=tuple(prepare or ()),
                batch=batch,
                device=device,
                precision=precision,  # type: ignore[arg-type]  # checked by the settings themselves
            ),
            ood=OodSettings(k=k, alpha=alpha, detectors=tuple(detector or ()), model=model),
            projection=ProjectionSettings(neighbors, min_dist, seed, fast, projection),  # type: ignore[arg-type]
            clusters=ClusterSettings(min_cluster_size=min_cluster_size, method=cluster_method),  # type: ignore[arg-type]
            search=SearchSettings(search),  # type: ignore[arg-type]
        )
        with _opened(workspace, create=False) as opened:
            outcome = execute(
                opened,
                settings,
                name=name,
                actor=_actor(),
                workers=_workers(workers),
                progress_for=console.progress,
                again=again,
            )
        console.result(outcome.to_json(), outcome.sentence)


@app.command()
def serve(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    images_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Pages may import from this folder; repeatable; else the current one."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the dashboard on 127.0.0.1, with workers that import and run what its pages ask for."""
    console = Console(as_json=as_json)
    with _told(console):
        with _opened(workspace, create=True):
            pass
        _serve(console, workspace, port, tuple(images_root or ()))


@app.command()
def doctor(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Check this installation, the machine, and the workspace if there is one."""
    from core.doctor import examine

    console = Console(as_json=as_json)
    with _told(console):
        report = examine(workspace)
        console.result(report.to_json(), report.text)
        if not report.healthy:
            raise typer.Exit(1)


@contextmanager
def _opened(path: Path, *, create: bool) -> Iterator[Workspace]:
    from core.workspace import open_workspace

    workspace = open_workspace(path, create=create)
    try:
        yield workspace
    finally:
        workspace.close()


def _serve(console: Console, workspace: Path, port: int, roots: tuple[Path, ...] = ()) -> None:
    from core.serving import serve_dashboard

    serve_dashboard(
        workspace,
        port,
        roots=roots,
        announce=lambda url: console.result({"url": url}, f"Benthoscope is at {url} (Ctrl-C ends it)"),
    )


def _workers(wished: int) -> int:
    return wished or os.cpu_count() or 1


def _actor() -> str:
    """Who is noted with what is written."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


add_explain(app, DEFAULT_WORKSPACE, _told, _opened)
add_export(app, DEFAULT_WORKSPACE, _told, _opened)
add_report(app, DEFAULT_WORKSPACE, _told, _opened)
add_compare(app, DEFAULT_WORKSPACE, _told, _opened)
add_evaluate(app, DEFAULT_WORKSPACE, _told, _opened, _actor)
add_learning(app, DEFAULT_WORKSPACE, _told, _opened)
add_rerun(app, DEFAULT_WORKSPACE, _told, _opened, _actor)

if __name__ == "__main__":
    main()
