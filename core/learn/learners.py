"""The two ways to learn, behind one door: fit on some examples, say logits of any.

The contract: `fit` looks at the examples of `use` for learning and of `watch` for deciding when to stop, at no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.learn.features import stored_features
from core.learn.gathering import Examples
from core.learn.heads import HeadSpec, LinearHeads
from core.learn.leaks import Leak, measure_leak
from core.learn.pooling import Pooling, with_pooling
from core.learn.probing import fit_probe
from core.learn.recipes import TrainSettings
from core.progress import Progress


@dataclass(frozen=True, eq=False)
class Member:
    """A body with its heads, as a model stores it.

    Attributes:
        body: With its own ending, before pooling.
        heads: One linear layer, or several that share the body.
    """

    body: Embedder
    pooling: Pooling
    heads: LinearHeads


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit leaves.

    Attributes:
        members: One for each way of looking at pictures.
        facts: Curves and counts of the training, plain JSON.
    """

    members: tuple[Member, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class Learner(Protocol):
    """One way to learn."""

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        """Rows whose pictures can be opened, and the reasons of the others."""

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        """Learn; the masks are over all examples, `label` names the fit for what it keeps while it works."""

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """``[M, n, C]`` of some examples, member by member."""

    def leak(self, use: NDArray[np.bool_], watch: NDArray[np.bool_]) -> Leak | None:
        """Near copies of watched examples among those learnt from; ``None`` where nothing can tell."""


class FrozenLearner:
    """Features once, then probes."""

    def __init__(
        self, embeddings: Path, settings: TrainSettings, examples: Examples, heads: Sequence[HeadSpec],
        known: NDArray[np.bool_], workers: int | None,
    ) -> None:  # fmt: skip
        self._settings, self._examples, self._heads, self._known = settings, examples, heads, known
        self._folder, self._workers = embeddings, workers
        self._bodies = [load_embedder(view.embed(settings.embed)) for view in settings.probe.views]
        self._features: list[NDArray[np.float32]] = []
        self._place: dict[int, int] = {}

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        views, jobs = self._settings.probe.views, self._examples.jobs
        reasons: dict[int, str] = {}
        found = []
        for number, (body, view) in enumerate(zip(self._bodies, views, strict=True)):

            def told(done: int, total: int, before: int = number) -> None:
                progress(before * total + done, len(views) * total)

            features, rows, failed = stored_features(
                self._folder, with_pooling(body, view.pooling), jobs, workers=self._workers, progress=told
            )
            found.append((features, rows))
            reasons |= failed
        usable = np.array([row for row in range(len(jobs)) if row not in reasons], np.int64)
        self._features = [features[np.isin(rows, usable)] for features, rows in found]
        self._place = {int(row): place for place, row in enumerate(usable)}
        return usable, reasons

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        rows = np.array([row for row in np.flatnonzero(use) if row in self._place], np.int64)
        probe = self._settings.probe
        members = []
        for number, (body, view) in enumerate(zip(self._bodies, probe.views, strict=True)):

            def told(done: int, total: int, before: int = number) -> None:
                progress(before * total + done, len(probe.views) * total)

            heads = fit_probe(
                self._of(rows, number),
                self._examples.targets[rows],
                self._known[rows],
                self._heads,
                self._examples.tree,
                weights=group_balance(self._examples.groups[rows]) if probe.balance_groups else None,
                decay=probe.decay,
                progress=told,
            )
            members.append(Member(body, view.pooling, heads))
        return Fit(tuple(members))

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            each = [
                member.heads.cpu()(torch.from_numpy(self._of(rows, number))).numpy()
                for number, member in enumerate(fit.members)
            ]
        return np.stack(each)

    def leak(self, use: NDArray[np.bool_], watch: NDArray[np.bool_]) -> Leak | None:
        return measure_leak(self._of(np.flatnonzero(use), 0), self._of(np.flatnonzero(watch), 0))

    def _of(self, rows: NDArray[np.int64], view: int) -> NDArray[np.float32]:
        return self._features[view][[self._place[int(row)] for row in rows]]


def group_balance(groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """``[N]`` weights under which a group counts as the square root of its size: long dives still weigh more."""
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / np.sqrt(counts[member])
    return weights
