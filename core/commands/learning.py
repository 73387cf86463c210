"""``benthoscope train`` and ``benthoscope predict``: parse, call, print."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from core.commands.options import (
    DatasetsArgument,
    DeviceOption,
    JsonOption,
    ModelArgument,
    Opened,
    PrepareOption,
    Told,
    WhereOption,
    WorkersOption,
    WorkspaceOption,
)
from core.console import Console


def add_learning(app: typer.Typer, default: Path, told: Told, opened: Opened) -> None:
    """Add both commands to `app`; what it is given is told in `core.commands.options`."""

    @app.command()
    def train(
        datasets: DatasetsArgument,
        name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the model.")],
        preset: Annotated[
            str, typer.Option(metavar="NAME", help="recommended, probe, fathomnet-2023 or seafloor-2021.")
        ] = "recommended",
        where: WhereOption = None,
        embedder: Annotated[str, typer.Option(metavar="NAME", help="demo, or a torchvision network.")] = "demo",
        weights: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Local .safetensors or weights-only .pth; else torchvision's hub."),
        ] = None,
        head: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=A,B", help="A head of these concepts; NAME:single=A,B if exactly one holds."),
        ] = None,
        rare: Annotated[str, typer.Option(metavar="HOW", help="Rare concepts: keep, merge or leave-out.")] = "merge",
        rare_images: Annotated[int, typer.Option(metavar="N", help="Rare below this many images.")] = 5,
        rare_groups: Annotated[int, typer.Option(metavar="N", help="Rare below this many groups.")] = 3,
        validation: Annotated[float, typer.Option(metavar="SHARE", help="Share of images to choose by.")] = 0.2,
        held_out: Annotated[float, typer.Option(metavar="SHARE", help="Share of images to judge by.")] = 0.2,
        thresholds: Annotated[
            str | None, typer.Option(metavar="RULE", help="best-f1, precision, global or study.")
        ] = None,
        precision: Annotated[float, typer.Option(metavar="P", help="For thresholds by precision.")] = 0.9,
        calibration: Annotated[str, typer.Option(metavar="HOW", help="auto, none, temperature or isotonic.")] = "auto",
        folds: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="N members, each without one fold of the groups; else the preset's."),
        ] = None,
        refit_all: Annotated[
            bool, typer.Option("--refit-all", help="After choosing, train again on all images.")
        ] = False,
        decisions: Annotated[
            bool,
            typer.Option("--decisions", help="Learn from what reviewers named in images without labels, too."),
        ] = False,
        short_side: Annotated[int | None, typer.Option(metavar="PIXELS", help="Shorter side of the input.")] = None,
        prepare: PrepareOption = None,
        init_from: Annotated[
            str | None, typer.Option(metavar="MODEL", help="Begin from this model, when a whole network is trained.")
        ] = None,
        epochs: Annotated[int | None, typer.Option(min=1, help="Most passes over the images, for networks.")] = None,
        rate: Annotated[
            float | None,
            typer.Option(metavar="RATE", help="Learning rate, for networks; else by a sweep."),
        ] = None,
        batch: Annotated[int | None, typer.Option(min=1, help="Images in one step, for networks.")] = None,
        track: Annotated[bool, typer.Option("--track", help="Note it in MLflow (an optional extra).")] = False,
        seed: Annotated[int, typer.Option(min=0, help="Of the split and of everything drawn.")] = 0,
        device: DeviceOption = "auto",
        workspace: WorkspaceOption = default,
        workers: WorkersOption = 0,
        as_json: JsonOption = False,
    ) -> None:
        """Train a model on labelled images, groups kept apart, with calibrated probabilities and thresholds."""
        from core.errors import SettingsError
        from core.learn.labels import RareRule
        from core.learn.models import find_model, load_model
        from core.learn.recipes import HeadWish, preset_settings
        from core.learn.training import train_model
        from core.settings import EmbedSettings

        console = Console(as_json=as_json)
        with told(console), opened(workspace, create=False) as there:
            network: dict[str, Any] = {"embedder": embedder, "device": device, "steps": tuple(prepare or ())}
            if weights is not None:
                network["weights"] = str(weights.expanduser().resolve())
            changes: dict[str, Any] = {
                "where": tuple(where or ()),
                "rare": RareRule(rare, rare_images, rare_groups),  # type: ignore[arg-type]  # it checks itself
                "heads": tuple(HeadWish.parse(text) for text in head or ()),
                "validation": validation,
                "held_out": held_out,
                "precision": precision,
                "calibration": calibration,
                "refit_all": refit_all,
                "decisions": decisions,
                "seed": seed,
            }
            if thresholds is not None:
                changes["thresholds"] = thresholds
            if folds is not None:
                changes["folds"] = folds
            settings = preset_settings(
                preset, tuple(datasets), EmbedSettings(**network), short_side=short_side, **changes
            )
            given = {"epochs": epochs, "rate": rate, "batch": batch}
            wished = {key: value for key, value in given.items() if value is not None}
            if wished and settings.method == "probe":
                raise SettingsError("--epochs, --rate and --batch are for presets that train whole networks")
            settings = settings.with_(network=replace(settings.network, **wished))  # type: ignore[arg-type]
            start = None if init_from is None else load_model(find_model(init_from, there), device=device)
            trained = train_model(
                there,
                settings,
                name,
                start=start,
                tracked=track,
                workers=workers or None,
                progress_for=console.progress,
            )
            console.result(trained.to_json(), trained.sentence)

    @app.command()
    def predict(
        model: ModelArgument,
        paths: Annotated[
            list[Path] | None, typer.Argument(metavar="PATH...", help="Image files, or folders of them.")
        ] = None,
        out: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Where to write, .csv or .json; not needed with --run.")
        ] = None,
        file_format: Annotated[
            str | None,
            typer.Option("--format", metavar="NAME", help="csv, json or fathomnet; else by the ending."),
        ] = None,
        run: Annotated[
            int | None,
            typer.Option(
                metavar="RUN",
                help="Predict the regions of this run, and store it with them; with files: how strange they are to it.",
            ),
        ] = None,
        dataset: Annotated[
            list[str] | None, typer.Option(metavar="NAME", help="Predict whole images of this dataset, and store it.")
        ] = None,
        threshold: Annotated[
            float | None, typer.Option(metavar="P", help="One threshold for all concepts instead of the model's.")
        ] = None,
        fallback: Annotated[
            bool, typer.Option("--fallback", help="Where nothing reaches its threshold, name the likeliest concept.")
        ] = False,
        device: DeviceOption = "auto",
        workspace: WorkspaceOption = default,
        workers: WorkersOption = 0,
        as_json: JsonOption = False,
    ) -> None:
        """Say what is in pictures: concepts with calibrated probabilities, of files or of a run's regions."""
        from core.assess.outsiders import file_scores
        from core.learn.command import PredictWish, predict_into
        from core.workspace import CATALOGUE

        console = Console(as_json=as_json)
        with told(console):
            wish = PredictWish(tuple(paths or ()), out, file_format, run, tuple(dataset or ()), threshold, fallback)
            # A model's folder and some files need no workspace.
            needed = run is not None or bool(dataset) or (workspace / CATALOGUE).is_file()
            with opened(workspace, create=False) if needed else nullcontext() as there:
                done = predict_into(
                    there,
                    model,
                    wish,
                    strangeness=partial(
                        file_scores, workers=workers or None, progress=console.progress("compare", "images")
                    ),
                    device=device,
                    workers=workers or None,
                    progress=console.progress("predict", "images"),
                )
            console.result(done.to_json(), done.sentence)
