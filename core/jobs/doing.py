"""What each kind of job does: plain arguments in, a plain result out. Everything heavy is imported when it begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import SettingsError, WorkspaceError
from core.progress import Progress
from core.workspace import Workspace

OUTPUTS = "outputs"
"""Folder of the workspace that exports and reports go to."""


@dataclass(frozen=True)
class Task:
    """One job at work.

    Attributes:
        progress_for: Gives the progress callee of a stage; the callee raises `Cancelled` when the job is to stop.
        say: Adds a line to the job's log.
    """

    space: Workspace
    number: int
    arguments: Mapping[str, Any]
    actor: str
    progress_for: Callable[[str, str], Progress]
    say: Callable[[str], None]

    @property
    def workers(self) -> int:
        """Threads or processes that read images."""
        return os.cpu_count() or 1


Doing = Callable[[Task], dict[str, Any]]


def import_(task: Task) -> dict[str, Any]:
    """Arguments: ``source``, ``dataset``, ``format`` (or nothing), ``options`` as text, ``licence``, ``citation``.

    With ``merge`` (names of datasets) instead of ``source`` they become one; with ``put_away`` they are archived then.
    """
    from core.catalogue.describing import archive_dataset, describe, descriptions
    from core.catalogue.importing import import_images, plan_import
    from core.catalogue.merging import merge_plan
    from core.catalogue.preview import report_text
    from core.catalogue.records import options_from_json

    given = task.arguments
    if given.get("merge"):
        plan = merge_plan(task.space.database, given["merge"])
    else:
        task.say(f"reading {given['source']}")
        options = options_from_json(given.get("options", {}))
        plan = plan_import(Path(given["source"]), options, given.get("format") or None)
    report = import_images(
        task.space,
        plan,
        dataset=given["dataset"],
        actor=task.actor,
        now=datetime.now(UTC),
        workers=task.workers,
        progress=task.progress_for("import", "images"),
    )
    licence, citation = given.get("licence", ""), given.get("citation", "")
    if given.get("merge"):
        merged = [one for one in descriptions(task.space.database) if one.name in given["merge"]]
        licence = licence or "; ".join(dict.fromkeys(one.licence for one in merged if one.licence))[:4000]
        citation = citation or "; ".join(dict.fromkeys(one.citation for one in merged if one.citation))[:4000]
    if licence or citation:
        describe(task.space.database, given["dataset"], licence, citation)
    came = ""
    if given.get("merge"):
        from core.review.carrying import carry_decisions

        carried = carry_decisions(task.space.database, given["merge"], given["dataset"])
        came = f"; {carried:,} decisions came along" if carried else ""
    if given.get("merge") and given.get("put_away"):
        put_away = [entry.id for entry in task.space.datasets() if entry.name in given["merge"]]
        for dataset in put_away:
            archive_dataset(task.space.database, dataset, now=datetime.now(UTC))
    task.say(report_text(report, 40))
    counts = report.counts
    sentence = f"{counts['images']:,} images are in {report.dataset}; {counts['problems']:,} remarks{came}"
    return {"dataset": report.dataset, "counts": dict(counts), "sentence": sentence}


def run(task: Task) -> dict[str, Any]:
    """Arguments: ``settings`` as `RunSettings.to_json` writes them, ``name`` (or nothing), ``again``."""
    from core.pipeline import execute
    from core.settings import RunSettings

    outcome = execute(
        task.space,
        RunSettings.from_json(dict(task.arguments["settings"])),
        name=task.arguments.get("name") or None,
        actor=task.actor,
        workers=task.workers,
        progress_for=task.progress_for,
        again=bool(task.arguments.get("again")),
    )
    task.say(outcome.sentence)
    made = "It was made before, and nothing had changed. " if outcome.reused else ""
    return {"run": outcome.info.id, "sentence": f"{made}{outcome.counted}"}


def export(task: Task) -> dict[str, Any]:
    """Arguments: ``run``, ``format``, ``conditions``."""
    from core.publish.writing import as_download, make, rows_of

    opened = task.space.open_run(int(task.arguments["run"]))
    report = task.progress_for("export", "files")
    report(0, 1)
    rows = rows_of(task.space, opened, tuple(task.arguments.get("conditions", ())))
    written = make(task.space, opened, task.arguments["format"], rows)
    name, body = as_download(written)
    path = _keep(task, f"run{opened.id}-{name}", body)
    report(1, 1)
    for remark in written.remarks:
        task.say(remark)
    return {"file": path.name, "run": opened.id, "sentence": f"{written.count:,} {written.noun} are in {path.name}"}


def report(task: Task) -> dict[str, Any]:
    """Arguments: ``run``, with ``regions`` (ids) and ``said`` of a selection of it; or ``evaluation``."""
    given = task.arguments
    told = task.progress_for("report", "parts")
    if "evaluation" in given:
        from core.assess.storing import open_evaluation
        from core.report.judged import evaluation_report

        stored = open_evaluation(task.space, int(given["evaluation"]))
        name, text = f"evaluation{stored.id}-report.html", evaluation_report(task.space, stored, progress=told)
        of: dict[str, Any] = {"evaluation": stored.id}
    else:
        from core.report.page import run_report

        opened = task.space.open_run(int(given["run"]))
        regions = [int(region) for region in given["regions"]] if "regions" in given else None
        text = run_report(task.space, opened, regions=regions, said=str(given.get("said", "")), progress=told)
        name = f"run{opened.id}-{'selection-' if regions is not None else ''}report.html"
        of = {"run": opened.id}
    path = _keep(task, name, text.encode("utf-8"))
    return {"file": path.name, **of, "sentence": f"the report is {path.name}"}


def train(task: Task) -> dict[str, Any]:
    """Arguments: ``datasets``, ``name``; as wished ``preset``, ``embedder``, ``where``, ``short_side``, ``epochs``,
    ``decisions``, ``steps`` of preprocessing."""
    from dataclasses import replace

    from core.learn.recipes import preset_settings
    from core.learn.training import train_model
    from core.settings import EmbedSettings

    given = task.arguments
    settings = preset_settings(
        given.get("preset", "recommended"),
        tuple(given["datasets"]),
        EmbedSettings(embedder=given.get("embedder", "demo"), steps=tuple(given.get("steps", ()))),
        short_side=given.get("short_side"),
        where=tuple(given.get("where", ())),
        decisions=bool(given.get("decisions")),
    )
    if given.get("epochs") and settings.method == "network":
        settings = settings.with_(network=replace(settings.network, epochs=int(given["epochs"])))
    trained = train_model(task.space, settings, given["name"], workers=task.workers, progress_for=task.progress_for)
    task.say(trained.sentence)
    return {"model": given["name"], "sentence": trained.sentence.splitlines()[0]}


def predict(task: Task) -> dict[str, Any]:
    """Arguments: ``model``, ``run``."""
    from core.assess.outsiders import file_scores
    from core.learn.command import PredictWish, predict_into

    wish = PredictWish((), None, None, int(task.arguments["run"]), (), None, False)
    done = predict_into(
        task.space,
        task.arguments["model"],
        wish,
        strangeness=file_scores,
        progress=task.progress_for("predict", "images"),
    )
    task.say(done.sentence)
    return {"run": task.arguments["run"], "sentence": done.sentence.splitlines()[0]}


def evaluate(task: Task) -> dict[str, Any]:
    """Arguments: ``model``, ``datasets``; as wished ``where`` and ``outside`` (conditions), ``stress``."""
    from core.assess.asking import REGIONS, evaluate_named
    from core.assess.judging import Question
    from core.assess.telling import evaluation_text

    given = task.arguments
    question = Question(tuple(given["datasets"]), tuple(given.get("where", ())), tuple(given.get("outside", ())))
    kept = evaluate_named(
        task.space,
        given["model"],
        question,
        actor=task.actor,
        stress=REGIONS if given.get("stress") else None,
        workers=task.workers,
        progress_for=task.progress_for,
    )
    task.say(evaluation_text(kept))
    return {"evaluation": kept.id, "sentence": f"evaluation {kept.id} of {given['model']} is done"}


KINDS: Mapping[str, Doing] = {
    "import": import_,
    "run": run,
    "export": export,
    "report": report,
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
}
"""Every kind of job (`core.jobs.lanes.LANE_OF`), and what does it."""


def perform(task: Task, kind: str) -> dict[str, Any]:
    """Do a job.

    Raises:
        CoreError: it cannot be done, in one sentence.
        Cancelled: it was asked to stop.
    """
    doing = KINDS.get(kind)
    if doing is None:
        raise SettingsError(f"this Benthoscope knows no job {kind!r}; update it, then retry")
    try:
        return doing(task)
    except KeyError as error:
        raise SettingsError(f"the job lacks {error}; ask for it anew") from error


def outputs_folder(root: Path) -> Path:
    """Where exports and reports of a workspace are."""
    return root / OUTPUTS


def _keep(task: Task, name: str, body: bytes) -> Path:
    from core.artefacts import write_atomically

    folder = outputs_folder(task.space.root)
    path = folder / f"{task.number:06d}-{name}"
    try:
        folder.mkdir(exist_ok=True)
        write_atomically(path, body)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror or error}); free some space") from error
    return path
