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
class Fit:
    """What a fit leaves.

    Attributes:
        body: With its own ending, before pooling.
        facts: Curves and counts of the training, plain JSON.
    """

    body: Embedder
    pooling: Pooling
    heads: LinearHeads
    facts: dict[str, Any] = field(default_factory=dict)


class Learner(Protocol):
    """One way to learn."""

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        """Rows whose pictures can be opened, and the reasons of the others."""

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        """Learn; the masks are over all examples, `label` names the fit for what it keeps while it works."""

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """``[n, C]`` of some examples."""

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
        self._body = load_embedder(settings.embed)
        self._embedder = with_pooling(self._body, settings.probe.pooling)
        self._features = np.zeros((0, 0), np.float32)
        self._place: dict[int, int] = {}

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        features, rows, reasons = stored_features(
            self._folder, self._embedder, self._examples.jobs, workers=self._workers, progress=progress
        )
        self._features, self._place = features, {int(row): place for place, row in enumerate(rows)}
        return rows, reasons

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        rows = np.array([row for row in np.flatnonzero(use) if row in self._place], np.int64)
        probe = self._settings.probe
        heads = fit_probe(
            self._of(rows),
            self._examples.targets[rows],
            self._known[rows],
            self._heads,
            self._examples.tree,
            weights=group_balance(self._examples.groups[rows]) if probe.balance_groups else None,
            decay=probe.decay,
            progress=progress,
        )
        return Fit(self._body, probe.pooling, heads)

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        members, count = fit.heads.shape
        with torch.inference_mode():
            values = fit.heads.cpu()(torch.from_numpy(self._of(rows))).numpy()
        mean: NDArray[np.float32] = values.reshape(-1, members, count).mean(1)
        return mean

    def leak(self, use: NDArray[np.bool_], watch: NDArray[np.bool_]) -> Leak | None:
        return measure_leak(self._of(np.flatnonzero(use)), self._of(np.flatnonzero(watch)))

    def _of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._features[[self._place[int(row)] for row in rows]]


def group_balance(groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """``[N]`` weights under which a group counts as the square root of its size: long dives still weigh more."""
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / np.sqrt(counts[member])
    return weights
