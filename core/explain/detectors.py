"""Maps explain the detector that flagged: a run's detectors fitted again, and their scores as torch sees them.

The contract:
- a region is explained by the fit that judged it: the one that saw nothing of its half of the groups
  (`core.ood.halves`); a picture from outside by the fit that judges new groups;
- Mahalanobis and PCA residual, on embeddings as they are, split exactly (`split_of`); every other detector is a score
  to differentiate (`score_of`), and its map an approximation;
- fits are kept in memory for a few runs and shared; fitting again gives what the run had, to rounding.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import SettingsError
from core.explain.exact import Split, residual_split, unit
from core.explain.gradient import Score
from core.ood.detector import Fitted
from core.ood.ensemble import FittedEnsemble
from core.ood.gaussian import FittedMahalanobis, FittedRelativeMahalanobis
from core.ood.halves import half_of_groups
from core.ood.local import FittedLof
from core.ood.mixture import FittedMixture
from core.ood.registry import DETECTORS
from core.ood.subspace import FittedSubspace
from core.runs import Run
from core.stages import group_codes

KNN = "knn"
EXACT = (KNN, "mahalanobis", "pca_residual")
"""Detectors whose scores are sums over cells and over features."""
_KEPT = 8
_lock = threading.Lock()
_fits: OrderedDict[tuple[str, str], Fits] = OrderedDict()


@dataclass(frozen=True)
class Fits:
    """A run's detector.

    Attributes:
        title: For people.
        judging: One or two fits.
        first: ``[N]`` bool, which rows of the run are judged by ``judging[0]``; all others, and pictures from outside,
            by the last.
    """

    title: str
    judging: tuple[Fitted, ...]
    first: NDArray[np.bool_]

    def of_row(self, row: int | None) -> Fitted:
        """The fit that judged a row; ``None`` is a picture from outside."""
        return self.judging[0] if row is not None and self.first[row] else self.judging[-1]


def detectors_of(run: Run) -> tuple[str, ...]:
    """Names of the detectors whose scores a run has, kNN first."""
    others = tuple(name for name in DETECTORS if name != KNN and f"{name}_score" in run.table)
    return ((KNN,) if int(run.manifest["k"]) > 0 else ()) + others


def flagging_detectors(run: Run, row: int) -> tuple[str, ...]:
    """Those of `detectors_of` that flagged a row."""
    columns = {name: "flagged" if name == KNN else f"{name}_flagged" for name in detectors_of(run)}
    return tuple(name for name, column in columns.items() if bool(run.table[column].iloc[row]))


def stored_score(run: Run, row: int | None, name: str) -> float | None:
    """What the run says of a row by one of its detectors; ``None`` where it says nothing."""
    if row is None:
        return None
    score = float(run.table["ood_score" if name == KNN else f"{name}_score"].iloc[row])
    return None if math.isnan(score) else score


def fits_of(run: Run, name: str) -> Fits:
    """A detector of a run, as it was fitted for it.

    Raises:
        SettingsError: the run was not scored by this detector, or it reads more than embeddings.
    """
    if name not in detectors_of(run):
        held = ", ".join(detectors_of(run)) or "none"
        raise SettingsError(f"run {run.id} was not scored by a detector {name!r}; it has: {held}")
    if DETECTORS[name].needs_logits:
        raise SettingsError(f"{DETECTORS[name].title} reads a classifier's logits; ask for the class map instead")
    key = (run.key, name)
    with _lock:
        kept = _fits.get(key)
        if kept is None:
            kept = _fits[key] = _fitted(run, name)
            while len(_fits) > _KEPT:
                _fits.popitem(last=False)
        _fits.move_to_end(key)
        return kept


def _fitted(run: Run, name: str) -> Fits:
    """As `core.ood.halves.detect` does."""
    detector = DETECTORS[name]
    codes = np.unique(group_codes(run.table), return_inverse=True)[1]
    reference = run.table["set"].isin(["reference", "both"]).to_numpy()
    if not detector.halved:
        fitted = detector.fit(np.asarray(run.embeddings[reference]), None, codes[reference])
        return Fits(detector.title, (fitted,), np.zeros(len(codes), bool))
    half = np.zeros(len(codes), bool)
    half[reference] = half_of_groups(codes[reference])
    first = np.isin(codes, codes[half])
    learnt = [
        detector.fit(np.asarray(run.embeddings[rows]), None, codes[rows])
        for rows in (reference & ~first, reference & first)
    ]
    return Fits(detector.title, tuple(learnt), first)


def split_of(fitted: Fitted, embeddings: Tensor) -> Split | None:
    """The exact split of a detector's score, ``None`` where it has none.

    Args:
        embeddings: ``[B, D]``, any length.
    """
    if isinstance(fitted, FittedMahalanobis) and fitted.power == 1.0:
        e = unit(embeddings)
        mean, axes, precisions = (_double(array, e) for array in (fitted.mean, fitted.axes, fitted.precisions))
        difference = e - mean
        along = difference @ axes
        weights = (along * (precisions - fitted.rest)) @ axes.T + fitted.rest * difference
        return Split((difference * weights).sum(1), weights, -(mean * weights).sum(1), 2 * weights, mean)
    if isinstance(fitted, FittedSubspace) and fitted.power == 1.0 and not fitted.virtual:
        mean, scale = _double(fitted.mean, embeddings), fitted.scale
        split = residual_split(embeddings, mean, _double(fitted.axes, embeddings))
        return Split(split.score * scale, split.weights * scale, split.offset * scale, split.gradient * scale, mean)
    return None


def score_of(fitted: Fitted) -> Score:
    """A detector's score as a function that torch can differentiate: ``[B, D]`` embeddings to ``[B]``.

    Neighbours (LOF) and the nearest cluster (relative Mahalanobis) are those at the point; the ensemble's mean rank,
    which is a stair, gets the mean slope of the tenth of the reference around the point.

    Raises:
        SettingsError: the detector reads more than embeddings.
    """
    if isinstance(fitted, FittedMahalanobis):
        gaussian = fitted
        return lambda f: _squared(
            _powered(f, gaussian.power), gaussian.mean, gaussian.axes, gaussian.precisions, gaussian.rest
        )
    if isinstance(fitted, FittedSubspace) and not fitted.virtual:
        return _residual_score(fitted)
    if isinstance(fitted, FittedRelativeMahalanobis):
        return _relative_score(fitted)
    if isinstance(fitted, FittedMixture):
        return _mixture_score(fitted)
    if isinstance(fitted, FittedLof):
        return _lof_score(fitted)
    if isinstance(fitted, FittedEnsemble):
        return _ensemble_score(fitted)
    raise SettingsError("this detector reads more than embeddings, so it has no map; ask for another detector's")


def _residual_score(fitted: FittedSubspace) -> Score:
    def score(embeddings: Tensor) -> Tensor:
        rows = _powered(embeddings, fitted.power)
        centred = rows - _double(fitted.mean, rows)
        axes = _double(fitted.axes, rows)
        residual = centred - (centred @ axes) @ axes.T
        length: Tensor = residual.norm(dim=1)
        return length * fitted.scale

    return score


def _relative_score(fitted: FittedRelativeMahalanobis) -> Score:
    def score(embeddings: Tensor) -> Tensor:
        rows = _powered(embeddings, 1.0)
        background = _squared(rows, fitted.mean, fitted.axes, fitted.precisions, fitted.rest)
        shape = (fitted.cluster_axes, fitted.cluster_precisions, fitted.cluster_rest)
        near: Tensor = torch.stack([_squared(rows, centre, *shape) for centre in fitted.centres]).amin(0)
        return near - background

    return score


def _mixture_score(fitted: FittedMixture) -> Score:
    def score(embeddings: Tensor) -> Tensor:
        rows = _powered(embeddings, 1.0)
        centred = rows - _double(fitted.mean, rows)
        along = centred @ _double(fitted.axes, rows)
        scaled = along * _double(fitted.scales, rows)
        parts = []
        for weight, centre, factor in zip(fitted.log_weights, fitted.centres, fitted.factors, strict=True):
            root = _double(factor, rows)
            distance = ((scaled - _double(centre, rows)) @ root).square().sum(1)
            parts.append(float(weight) + root.diagonal().log().sum() - 0.5 * distance)
        likelihood = torch.stack(parts).logsumexp(0) - 0.5 * len(fitted.scales) * math.log(2 * math.pi)
        if fitted.noise > 0:
            outside = (centred.square().sum(1) - along.square().sum(1)).clamp_min(0)
            likelihood = likelihood - 0.5 * outside / fitted.noise
        return -likelihood

    return score


def _lof_score(fitted: FittedLof) -> Score:
    from core.neighbours.search import search

    def score(embeddings: Tensor) -> Tensor:
        rows = _powered(embeddings, 1.0)
        found = search(embeddings.detach().float().cpu().numpy(), fitted.reference, fitted.k).indices
        near = _double(fitted.reference[found], rows)
        cosine = (1 - (near * rows[:, None]).sum(2)).clamp_min(1e-12)
        reached = torch.maximum((2 * cosine).sqrt(), _double(fitted.reach[found], rows))
        return _double(fitted.density[found], rows).mean(1) * (reached.mean(1) + 1e-10)

    return score


def _ensemble_score(fitted: FittedEnsemble) -> Score:
    def score(embeddings: Tensor) -> Tensor:
        ranks = []
        for table, member in zip(fitted.tables, fitted.members, strict=True):
            value = score_of(member)(embeddings)
            plain = value.detach().cpu().numpy()
            place, reach = np.searchsorted(table, plain), max(1, len(table) // 20)
            low = np.clip(place - reach, 0, max(0, len(table) - 1 - 2 * reach))
            high = np.minimum(low + 2 * reach, len(table) - 1)
            slope = (high - low) / np.maximum(table[high] - table[low], 1e-12) / (len(table) + 1)
            # The rank itself as the value, the slope around it as the derivative.
            rank = _double((place / (len(table) + 1)).astype(np.float64), value)
            ranks.append(rank + _double(slope, value) * (value - value.detach()))
        mean: Tensor = torch.stack(ranks).mean(0)
        return mean

    return score


def _double(array: NDArray[np.floating], like: Tensor) -> Tensor:
    """A copy, for torch must not alias read-only memory maps; in float64 where the device has it."""
    kind = torch.float32 if like.device.type == "mps" else torch.float64
    return torch.from_numpy(np.array(array)).to(like.device, kind)


def _powered(embeddings: Tensor, power: float) -> Tensor:
    """Unit vectors, their numbers raised to `power` with the sign kept, and again of length one.

    At 0, where the root has no slope, the slope is 0: a feature that is off stays off.
    """
    rows = embeddings if embeddings.device.type == "mps" else embeddings.double()
    units: Tensor = rows / rows.norm(dim=1, keepdim=True)
    if power == 1.0:
        return units
    raised = units.sign() * (units.abs() + 1e-12).pow(power)
    result: Tensor = raised / raised.norm(dim=1, keepdim=True)
    return result


def _squared(
    rows: Tensor,
    mean: NDArray[np.floating],
    axes: NDArray[np.floating],
    precisions: NDArray[np.floating],
    rest: float,
) -> Tensor:
    """``(e - mean)' P (e - mean)``, as `core.ood.gaussian` has P."""
    centred = rows - _double(mean, rows)
    along = (centred @ _double(axes, rows)).square()
    inside: Tensor = along @ _double(precisions, rows)
    if rest == 0.0:
        return inside
    outside: Tensor = (centred.square().sum(1) - along.sum(1)).clamp_min(0)
    return inside + outside * rest
