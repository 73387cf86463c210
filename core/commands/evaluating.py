"""``benthoscope evaluate``: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.commands.options import (
    Actor,
    DatasetsArgument,
    DeviceOption,
    JsonOption,
    ModelArgument,
    Opened,
    Told,
    WhereOption,
    WorkersOption,
    WorkspaceOption,
)
from core.console import Console

if TYPE_CHECKING:
    from core.workspace import Workspace


def add_evaluate(
    app: typer.Typer,
    default: Path,
    told: Told,
    opened: Opened,
    actor: Actor,
) -> None:
    """Add the command to `app`; what it is given is told in `core.commands.options`.

    Args:
        actor: Who is noted with what is written.
    """

    @app.command()
    def evaluate(
        model: ModelArgument,
        datasets: DatasetsArgument,
        where: WhereOption = None,
        outside: Annotated[
            list[str] | None,
            typer.Option(
                metavar="CONDITION", help="What is truly unlike the reference, e.g. 'depth_m>=800': needed for sAUC."
            ),
        ] = None,
        run: Annotated[
            int | None, typer.Option(metavar="RUN", help="Run with the OOD scores; the newest over the datasets.")
        ] = None,
        regions: Annotated[str, typer.Option(metavar="KIND", help="image, tiles:2x3 or boxes.")] = "image",
        against: Annotated[
            str | None,
            typer.Option(metavar="MODEL", help="A second model, compared on the same regions."),
        ] = None,
        stress: Annotated[
            bool, typer.Option("--stress", help="Also on spoiled pictures: resolution, JPEG, blur, light, crop.")
        ] = False,
        stress_regions: Annotated[
            int, typer.Option(min=1, metavar="N", help="Regions that are spoiled, evenly from the groups.")
        ] = 400,
        resamples: Annotated[int, typer.Option(min=50, max=20_000, metavar="N", help="Draws of the bootstrap.")] = 1000,
        out: Annotated[Path | None, typer.Option(metavar="DIR", help="Also write the tables as CSV and JSON.")] = None,
        device: DeviceOption = "auto",
        workers: WorkersOption = 0,
        workspace: WorkspaceOption = default,
        as_json: JsonOption = False,
    ) -> None:
        """Say how far a model can be trusted, on labelled images of groups that it never served on."""
        from core.assess.asking import evaluate_named
        from core.assess.judging import Question
        from core.assess.storing import Stored
        from core.assess.telling import (
            compared_json,
            compared_text,
            evaluation_json,
            evaluation_text,
            strain_text,
            write_tables,
        )
        from core.evaluate.evaluation import compare
        from core.settings import RegionSettings

        console = Console(as_json=as_json)
        threads = workers or None

        def one(there: Workspace, name: str, question: Question) -> Stored:
            return evaluate_named(
                there,
                name,
                question,
                actor=actor(),
                stress=stress_regions if stress else None,
                device=device,
                workers=threads,
                progress_for=console.progress,
            )

        with told(console), opened(workspace, create=False) as there:
            question = Question(
                tuple(datasets), tuple(where or ()), tuple(outside or ()), run, RegionSettings.parse(regions), resamples
            )
            first = one(there, model, question)
            data: dict[str, Any] = evaluation_json(first)
            lines = [evaluation_text(first)]
            if stress:
                lines.append(strain_text(first.facts["stress"]))
            if against is not None:
                second = one(there, against, question)
                both = compare(first.cases, second.cases, resamples=resamples)
                names = str(first.facts["model"]), str(second.facts["model"])
                data["against"] = compared_json(both, *names) | {"id": second.id}
                lines += [evaluation_text(second), compared_text(both, *names)]
            if out is not None:
                files = write_tables(first, out)
                data["files"] = [str(out / name) for name in files]
                lines.append(f"wrote {', '.join(files)} into {out}")
            console.result(data, "\n".join(lines))
