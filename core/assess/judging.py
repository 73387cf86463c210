"""One model held against the labelled regions that it never served on: gather, predict, evaluate, keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from core.assess.fairness import Fair, fair_rows
from core.assess.gathering import cases_of, ood_of, outside_of
from core.assess.heads import head_facts
from core.assess.storing import Stored, keep
from core.errors import SelectionError, WorkspaceError
from core.evaluate.cases import Cases
from core.evaluate.evaluation import evaluate, judged_cases
from core.learn.gathering import Examples, gather
from core.learn.heads import raw_probabilities
from core.learn.models import Model
from core.learn.scoring import score_regions
from core.progress import Progress, silent
from core.runs import Run
from core.settings import RegionSettings
from core.workspace import Workspace


@dataclass(frozen=True)
class Question:
    """What a model is asked to show.

    Attributes:
        datasets: Names, at least one.
        where: Conditions that a region meets, all of them.
        outside: Conditions that a region truly unlike the reference meets; without them there is no sAUC.
        run: Number of the run whose OOD scores count; the newest finished one over these datasets if left out.
        regions: Which parts of the images.
        resamples: Draws of the bootstrap over groups.
    """

    datasets: tuple[str, ...]
    where: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    run: int | None = None
    regions: RegionSettings | None = None
    resamples: int = 1000


@dataclass(frozen=True)
class Judged:
    """The regions that count, and what the model says of them.

    Attributes:
        examples: Row for row those of `cases`.
        notes: What was left out and why.
    """

    examples: Examples
    cases: Cases
    fair: Fair
    run: int | None
    notes: tuple[str, ...]


def judge(
    workspace: Workspace,
    model: Model,
    question: Question,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> Judged:
    """Ask a model about the labelled regions that it may be judged on.

    Raises:
        WorkspaceError: a dataset is unknown or holds nothing labelled, or no picture could be opened.
        SettingsError: every group served the model.
        SelectionError: a condition cannot be understood or tells nothing apart.
    """
    found = gather(workspace, question.datasets, where=question.where, regions=question.regions, tree=model.tree)
    fair = fair_rows(found, model.groups, model.name)
    examples = found.only(fair.rows)
    scored = score_regions(
        model, examples.jobs, embeddings=workspace.root / "embeddings", workers=workers, progress=progress
    )
    good = np.isfinite(scored.probabilities).all(axis=1)
    if not good.any():
        raise WorkspaceError(
            f"none of the pictures could be opened: {next(iter(scored.reasons.values()), 'no reason')}"
        )
    notes = [
        note.replace("teach nothing", "judge nothing") for note in found.notes if "unknown to the model" not in note
    ]
    if not good.all():
        first = next(iter(scored.reasons.values()), "no reason")
        notes.append(f"{int((~good).sum()):,} pictures could not be opened and are left out: {first}.")
        examples = examples.only(np.flatnonzero(good))
    raw = model.tree.enforce(raw_probabilities(scored.logits[good], model.heads, model.tree))
    try:
        outside, run = outside_of(examples.table, question.outside), None
    except SelectionError as error:
        if good.all():
            raise
        raise SelectionError(f"{error}; {notes[-1]}") from error  # it may be those that the condition is about
    ood = None
    if outside is not None:
        run = _run(workspace, question)
        ood = ood_of(examples.table, run)
        silent_ones = int((~np.isfinite(ood)).sum())
        if silent_ones:
            notes.append(f"{silent_ones:,} regions have no OOD score in run {run.id}; they have no part in sAUC.")
    cases = cases_of(examples, model, scored.probabilities[good], raw, ood=ood, outside=outside)
    return Judged(examples, cases, fair, run.id if run else None, tuple(notes))


def evaluate_model(
    workspace: Workspace,
    model: Model,
    question: Question,
    *,
    actor: str,
    workers: int | None = None,
    progress: Progress = silent,
    step: Callable[[str], None] = lambda sentence: None,
) -> tuple[Stored, Judged]:
    """`judge`, compute every figure with its interval, and keep the whole.

    Args:
        actor: Who is noted with it.
        step: Told in a sentence what is done next.

    Raises:
        As `judge`; WorkspaceError as well where the evaluation cannot be stored.
    """
    judged = judge(workspace, model, question, workers=workers, progress=progress)
    step("figures with their intervals by group")
    cases = judged_cases(judged.cases)
    evaluation = evaluate(cases, resamples=question.resamples)
    labelled = np.isin(judged.cases.keys, cases.keys)
    regions = judged.examples.table.loc[labelled, ["image_id", "region", "path", "dataset", "group"]]
    facts = {
        "model": model.name,
        "model_key": model.key,
        "datasets": list(question.datasets),
        "where": list(question.where),
        "outside": list(question.outside),
        "run": judged.run,
        "resamples": question.resamples,
        "fair": judged.fair.sentence,
        "left_out": judged.fair.left_out,
        "notes": list(judged.notes),
        "heads": head_facts(model, cases, resamples=question.resamples),
        "beyond": [name for name, known in zip(cases.concepts, cases.known, strict=True) if not known],
        "data_hash": judged.examples.data_hash,
        "actor": actor,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return keep(workspace, cases, evaluation, regions, facts), judged


def _run(workspace: Workspace, question: Question) -> Run:
    if question.run is not None:
        return workspace.open_run(question.run)
    wanted = set(question.datasets)
    for info in workspace.runs():
        if info.state == "done" and wanted <= set(info.settings.datasets):
            return workspace.open_run(info.id)
    raise WorkspaceError(
        f"no finished run over {', '.join(question.datasets)} has OOD scores; start one with benthoscope run, "
        "or leave --outside away"
    )
