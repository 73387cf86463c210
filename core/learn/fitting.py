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

from core.embed.embedder import Embedder
from core.errors import SettingsError
from core.learn.gathering import Examples
from core.learn.heads import LinearHeads
from core.learn.leaks import Leak
from core.learn.learners import Fit, Learner
from core.learn.pooling import Pooling
from core.learn.probing import stacked
from core.learn.recipes import TrainSettings
from core.learn.splits import folds
from core.progress import Progress

ProgressFor = Callable[[str, str], Progress]


@dataclass(frozen=True, eq=False)
class Member:
    """A body with its heads, as a model stores it.

    Attributes:
        body: With its own ending, before pooling.
        heads: One linear layer, or those of all folds where they share the body.
    """

    body: Embedder
    pooling: Pooling
    heads: LinearHeads


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a training or a training by folds leaves.

    Attributes:
        members: In the order of the folds; one for all where the body stayed as it was.
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
    logits = learner.logits(fit, rows)
    if everything is not None:
        again = learner.fit(everything, validation, progress_for("refit", "steps"), label="refit")
        fit = replace(again, facts=fit.facts | again.facts)
    return Learnt(_members([fit]), rows, logits, fit.facts, learner.leak(training, validation))


def learn_by_folds(
    learner: Learner, examples: Examples, pool: NDArray[np.bool_], settings: TrainSettings, progress_for: ProgressFor
) -> Learnt:
    """One training a fold, whole groups in one fold.

    Args:
        pool: ``[N]`` examples that may teach.

    Raises:
        SettingsError: there are fewer groups than folds.
    """
    rows, count = np.flatnonzero(pool), settings.folds
    there = len(np.unique(examples.groups[rows]))
    if count > there:
        raise SettingsError(f"{count} folds need as many groups, and {there} are not held out; ask for fewer --folds")
    fold = np.full(len(examples), -1, np.int64)
    fold[rows] = folds((examples.targets & examples.known)[rows], examples.groups[rows], count, seed=settings.seed)
    logits = np.zeros((len(rows), len(examples.tree)), np.float32)
    fits: list[Fit] = []
    leaks: list[Leak | None] = []
    for number in range(count):
        use, watch = pool & (fold != number), pool & (fold == number)
        if not watch.any():
            raise SettingsError(f"fold {number + 1} of {count} got no group; ask for fewer --folds")
        stage = f"training, fold {number + 1} of {count}"
        fits.append(learner.fit(use, watch, progress_for(stage, "steps"), label=f"fold-{number + 1}"))
        logits[fold[rows] == number] = learner.logits(fits[-1], np.flatnonzero(watch))
        leaks.append(learner.leak(use, watch))
    curves = [fit.facts["training_curve"] for fit in fits if "training_curve" in fit.facts]
    return Learnt(_members(fits), rows, logits, {"training_curves": curves} if curves else {}, _together(leaks))


def _members(fits: Sequence[Fit]) -> tuple[Member, ...]:
    first = fits[0]
    if all(fit.body is first.body for fit in fits):  # a frozen body is stored, and asked, once for all heads
        return (Member(first.body, first.pooling, stacked([fit.heads for fit in fits])),)
    return tuple(Member(fit.body, fit.pooling, fit.heads) for fit in fits)


def _together(leaks: Sequence[Leak | None]) -> Leak | None:
    """The leak over all folds."""
    known = [leak for leak in leaks if leak is not None]
    images = sum(leak.images for leak in known)
    return Leak(sum(leak.share * leak.images for leak in known) / images, images) if images else None
