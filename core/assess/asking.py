"""An evaluation as commands and jobs ask for it: judged, spoiled pictures asked about too when wished, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.assess.judging import Question, evaluate_model
from core.assess.storing import Stored, add_strain
from core.assess.strain import REGIONS, strain
from core.assess.telling import strain_json
from core.learn.models import find_model, load_model
from core.progress import Progress

if TYPE_CHECKING:
    from core.workspace import Workspace


def evaluate_named(
    workspace: Workspace,
    name: str,
    question: Question,
    *,
    actor: str,
    stress: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress_for: Callable[[str, str], Progress],
) -> Stored:
    """Evaluate a model by its name or folder.

    Args:
        stress: Regions that are spoiled as well (`REGIONS` is a good number); none if left out.

    Raises:
        CoreError: as `evaluate_model` and `strain`; ModelError where there is no such model.
    """
    model = load_model(find_model(name, workspace), device=device)
    kept, judged = evaluate_model(
        workspace, model, question, actor=actor, workers=workers, progress=progress_for("predict", "regions")
    )
    if stress is None:
        return kept
    jobs = dict(zip(judged.cases.keys.tolist(), judged.examples.jobs, strict=True))
    found = strain(
        model,
        kept.cases,
        tuple(jobs[key] for key in kept.cases.keys.tolist()),
        regions=stress,
        resamples=question.resamples,
        workers=workers,
        progress=progress_for("stress", "regions"),
    )
    return add_strain(kept, strain_json(found), found)


__all__ = ["REGIONS", "evaluate_named"]
