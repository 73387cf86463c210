"""The demonstration, start to end: render, import, run, train. Repeating it reuses what is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.demo.collection import REFERENCE_CONDITIONS, render_collection
from core.errors import CoreError, WorkspaceError
from core.pipeline import ProgressFor, execute
from core.results import RunOutcome
from core.settings import ClusterSettings, OodSettings, RegionSettings, RunSettings
from core.workspace import CATALOGUE, Workspace, open_workspace

DATASET = "demo"
COLLECTION = "demo-collection"
MODEL = "demo"
"""The model trained on the demonstration's reference."""
_WHOLE = RunSettings(datasets=(DATASET,), reference=REFERENCE_CONDITIONS, ood=OodSettings(k=10))
RUNS: Mapping[str, RunSettings] = {
    "Tiles, six to a frame": replace(
        _WHOLE, regions=RegionSettings("tiles", rows=2, columns=3), clusters=ClusterSettings(method="leaf")
    ),
    "Whole frames": _WHOLE,
}
"""The demonstration's runs, the one shown first comes last: small animals stand out in tiles, the camera in both."""


def prepare_demo(
    folder: Path,
    *,
    frames: int,
    seed: int,
    reset: bool,
    workers: int,
    actor: str,
    say: Callable[[str], None],
    progress_for: ProgressFor,
) -> RunOutcome:
    """Make the demonstration's workspace ready to be served; returns its last run.

    Args:
        folder: The workspace; the rendered images lie in ``demo-collection`` beside its catalogue.
        reset: Remove an earlier demonstration first; only a folder that holds one is ever removed.
        say: Told what happens.

    Raises:
        CoreError: the folder holds something else, or a stage failed.
    """
    collection = folder / COLLECTION
    if reset and folder.exists():
        _remove(folder)
    fresh = not (folder / CATALOGUE).is_file()
    if fresh and folder.is_dir() and any(item.name != COLLECTION for item in folder.iterdir()):
        raise WorkspaceError(f"{folder} holds other files; name an empty folder with --workspace DIR")
    say(f"Preparing the demonstration in {folder} ({frames:,} rendered frames, seed {seed}) ...")
    render_collection(collection, seed=seed, frames=frames, workers=workers, progress=progress_for("render", "frames"))
    workspace = open_workspace(folder, adopt=COLLECTION)
    try:
        options = ReadOptions(
            images=collection / "images", group="dive", category_key=collection / "concepts.csv", labels_key=None
        )
        plan = plan_import(collection / "labels.csv", options)
        import_images(
            workspace,
            plan,
            dataset=DATASET,
            actor=actor,
            now=datetime.now(UTC),
            workers=workers,
            progress=progress_for("import", "images"),
        )
        for name, settings in RUNS.items():
            outcome = execute(workspace, settings, name=name, actor=actor, workers=workers, progress_for=progress_for)
            say(outcome.sentence)
        say(_teach(workspace, workers, progress_for))
        return outcome
    finally:
        workspace.close()


def _teach(workspace: Workspace, workers: int, progress_for: ProgressFor) -> str:
    """A model of what lives in the reference, and its predictions for the run that is shown first; made once."""
    from core.learn.models import load_model, model_folder
    from core.learn.predicting import predict_regions
    from core.learn.recipes import preset_settings
    from core.learn.training import train_model

    folder = model_folder(workspace, MODEL)
    sentence = f"model {MODEL}: made before"
    if not (folder / "model.json").is_file():
        settings = preset_settings("recommended", (DATASET,), where=REFERENCE_CONDITIONS)
        try:
            sentence = train_model(workspace, settings, MODEL, workers=workers, progress_for=progress_for).sentence
        except CoreError as error:  # a very small demonstration may hold too little to learn from
            return f"no model was trained: {error}"
    predict_regions(
        workspace,
        load_model(folder),
        run=workspace.open_run(workspace.runs()[0].id),
        workers=workers,
        progress=progress_for("predictions", "regions"),
    )
    return sentence


def _remove(folder: Path) -> None:
    """Remove a demonstration, and nothing that is not one."""
    inside = {item.name for item in folder.iterdir()}
    if inside and COLLECTION not in inside:
        raise WorkspaceError(
            f"{folder} holds no demonstration, so it is not removed; name another with --workspace DIR"
        )
    shutil.rmtree(folder)
