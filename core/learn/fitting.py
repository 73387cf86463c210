"""From examples to what was learnt: once, or once a fold, and logits of examples that taught none of it.

The contract:
- one training: the training side teaches, the validation side is asked;
- folds: all groups that are not held out teach, each member all folds but its own, and every example is asked of the
  one member that its group did not teach (out-of-fold predictions: Stone 1974, doi 10.1111/j.2517-6161.1974.tb00994.x);
- held-out examples are neither learnt from nor asked about here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingsError
from core.learn.choosing import average_precisions
from core.learn.gathering import Examples
from core.learn.leaks import Leak
from core.learn.learners import Fit, Learner, Member
from core.learn.probing import stacked
from core.learn.recipes import TrainSettings
from core.learn.splits import folds
from core.progress import Progress

ProgressFor = Callable[[str, str], Progress]


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a training or a training by folds leaves.

    Attributes:
        members: In the order of the folds; one a view, for all folds, where the bodies stayed as they were.
        rows: ``[V]`` examples that calibration and thresholds may look at.
        logits: ``[V, C]`` of those, none by a member that their groups taught.
        facts: Curves and counts, plain JSON.
        leak: Near copies of those examples among what taught; ``None`` where nothing can tell.
    """

    members: tuple[Member, ...]
    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    facts: dict[str, Any]
    leak: Leak | None


def learn_once(
    learner: Learner,
    training: NDArray[np.bool_],
    validation: NDArray[np.bool_],
    everything: NDArray[np.bool_] | None,
    progress_for: ProgressFor,
) -> Learnt:
    """One training.

    Args:
        training, validation: ``[N]`` masks.
        everything: Learn from these once more after the validation side was asked.

    Raises:
        SettingsError: there is no validation example.
    """
    if not validation.any():
        raise SettingsError("no image is left to choose thresholds by; name smaller groups, or import more")
    fit = learner.fit(training, validation, progress_for("training", "steps"), label="training")
    rows = np.flatnonzero(validation)
    logits = learner.logits(fit, rows).mean(0)
    if everything is not None:
        again = learner.fit(everything, validation, progress_for("refit", "steps"), label="refit")
        fit = replace(again, facts=fit.facts | again.facts)
    return Learnt(fit.members, rows, logits, fit.facts, learner.leak(training, validation))


def learn_by_folds(
    learner: Learner, examples: Examples, pool: NDArray[np.bool_], settings: TrainSettings, progress_for: ProgressFor
) -> Learnt:
    """One training a fold, whole groups in one fold; as many folds as there are groups, where those are fewer.

    Of several ways of looking at pictures the first is kept, and the others with it where that has the larger mean
    average precision out of fold.

    Args:
        pool: ``[N]`` examples that may teach.

    Raises:
        SettingsError: there are fewer than two groups.
    """
    rows = np.flatnonzero(pool)
    there = len(np.unique(examples.groups[rows]))
    if there < 2:
        raise SettingsError("folds need two groups that are not held out; name smaller groups, or import more")
    count = min(settings.folds, there)
    fold = np.full(len(examples), -1, np.int64)
    fold[rows] = folds((examples.targets & examples.known)[rows], examples.groups[rows], count, seed=settings.seed)
    each: list[NDArray[np.float32]] = []
    fits: list[Fit] = []
    leaks: list[Leak | None] = []
    for number in range(count):
        use, watch = pool & (fold != number), pool & (fold == number)
        if not watch.any():
            raise SettingsError(f"fold {number + 1} of {count} got no group; ask for fewer --folds")
        stage = f"training, fold {number + 1} of {count}"
        fits.append(learner.fit(use, watch, progress_for(stage, "steps"), label=f"fold-{number + 1}"))
        each.append(learner.logits(fits[-1], np.flatnonzero(watch)))
        leaks.append(learner.leak(use, watch))
    order = np.argsort(fold[rows], kind="stable")
    logits = np.empty((len(each[0]), *(len(rows), len(examples.tree))), np.float32)
    logits[:, order] = np.concatenate(each, axis=1)
    views, chosen = _views(logits, examples, rows)
    facts: dict[str, Any] = {"folds": count} | chosen
    curves = [fit.facts["training_curve"] for fit in fits if "training_curve" in fit.facts]
    if curves:
        facts["training_curves"] = curves
    return Learnt(_members(fits, views), rows, logits[:views].mean(0), facts, _together(leaks))


def _views(logits: NDArray[np.float32], examples: Examples, rows: NDArray[np.int64]) -> tuple[int, dict[str, Any]]:
    """How many views are kept, and the mean average precision of each choice.

    Args:
        logits: ``[M, V, C]`` out of fold, view by view.
    """
    if len(logits) < 2:
        return 1, {}
    targets, known = examples.targets[rows], examples.known[rows]
    stated = np.array(examples.tree.stated, bool)
    found = [
        float(np.nanmean(average_precisions(logits[:count].mean(0), targets, known)[stated]))
        for count in range(1, len(logits) + 1)
    ]
    kept = int(np.nanargmax(found)) + 1 if np.isfinite(found).any() else 1
    return kept, {"views": kept, "views_out_of_fold": [round(value, 4) for value in found if np.isfinite(value)]}


def _members(fits: Sequence[Fit], views: int) -> tuple[Member, ...]:
    first = fits[0].members[:views]
    if all(fit.members[0].body is first[0].body for fit in fits):  # frozen bodies are stored, and asked, once for all
        return tuple(
            replace(member, heads=stacked([fit.members[place].heads for fit in fits]))
            for place, member in enumerate(first)
        )
    return tuple(member for fit in fits for member in fit.members)


def _together(leaks: Sequence[Leak | None]) -> Leak | None:
    """The leak over all folds."""
    known = [leak for leak in leaks if leak is not None]
    images = sum(leak.images for leak in known)
    return Leak(sum(leak.share * leak.images for leak in known) / images, images) if images else None
