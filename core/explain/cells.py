"""From one batch of activations to the cells of its maps: which mathematics answers which kind.

The contract: float32, without gradients through the body; every row is that of its region alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.embed.embedder import Embedder
from core.errors import SettingsError
from core.explain.classes import class_maps, top_classes
from core.explain.detectors import score_of, split_of
from core.explain.exact import Split, additive_map, centred_map, knn_split, pooled, unit
from core.explain.features import feature_maps
from core.explain.gradient import embedding_map, gradient_map
from core.explain.maps import MapSettings
from core.explain.match import match_marginals
from core.explain.networks import head_of
from core.explain.novelty import CellBank, novelty_map
from core.explain.subjects import mean_of_units, neighbours_from_outside
from core.ood.detector import Fitted
from core.runs import Run

_APPROXIMATE = "approximate, by gradient: this network does not end in a plain average pool"
_NO_SPLIT = "approximate, by gradient: this detector's score is no sum over places"
_NOVEL = "not additive: positive cells are newer than 95 % of the cells that the reference shows"


@dataclass(frozen=True)
class Cells:
    """What one region's forward pass gave.

    Attributes:
        cells: ``[h, w]`` float32.
        score: What was explained, if it is a number.
        exact: Whether the cells add up as the kind promises.
        label: How they were made, for people.
        concept: The class, for class maps.
        top: Feature, contribution and map of the most important features.
    """

    cells: NDArray[np.float32]
    score: float | None
    exact: bool
    label: str
    concept: str | None = None
    top: tuple[tuple[int, float, NDArray[np.float32]], ...] = ()


def cells_of(
    run: Run,
    embedder: Embedder,
    pixels: Tensor,
    settings: MapSettings,
    targets: Sequence[Tensor | None],
    groups: Sequence[int],
    bank: CellBank | None,
    fits: Sequence[Fitted] | None = None,
) -> list[Cells]:
    """One forward pass, and what each of its regions' cells say.

    Args:
        pixels: ``[B, 3, H, W]`` uint8.
        targets: What each region is compared with, ``[D]`` float64; ``None``: to be looked up from its embedding.
        groups: Of each region, for the bank.
        bank: The reference's cells, for ``ood-novel``.
        fits: Of a detector other than kNN, the fit that judged each region.
    """
    with torch.no_grad():
        activations = embedder.activations(embedder.normalise(pixels))
    if settings.kind == "class":
        return _class_cells(embedder, activations, settings)
    if settings.kind == "embedding":
        label = "Grad-CAM of the sum of the embedding's values, scaled to [0, 1]"
        return [Cells(_array(one), None, False, label) for one in embedding_map(embedder, activations)]
    if fits is not None:
        return _detected(embedder, activations, settings, fits)
    target = _stacked(run, embedder, activations, targets)
    if bank is not None:
        with torch.no_grad():
            scores = 1 - (unit(embedder.pool(activations).cpu()) * target).sum(1)
        novel = novelty_map(embedder.map_of(activations).float(), groups, bank)
        return [Cells(_array(one), float(s), False, _NOVEL) for one, s in zip(novel, scores, strict=True)]
    if not embedder.pooled:
        return _gradient_cells(embedder, activations, settings, target)
    features = _features(embedder, activations)
    target = target.to(features.device)
    if settings.kind == "match":
        similarity = (unit(pooled(features)) * target).sum(1)
        label = "exact: the cells add up to the cosine similarity"
        marginals = match_marginals(features, target)
        return [Cells(_array(one), float(value), True, label) for one, value in zip(marginals, similarity, strict=True)]
    return _ood_cells(features, settings, knn_split(pooled(features), target))


def _features(embedder: Embedder, activations: Tensor) -> Tensor:
    """``[B, D, h, w]`` float32, where small sums can be made in float64."""
    features = embedder.map_of(activations).float()
    return features.cpu() if features.device.type == "mps" else features


def _detected(embedder: Embedder, activations: Tensor, settings: MapSettings, fits: Sequence[Fitted]) -> list[Cells]:
    """Of a detector other than kNN: exact where its score splits, else by gradient; each fit judges its own regions."""
    found: dict[int, Cells] = {}
    for fitted in {id(one): one for one in fits}.values():
        places = [place for place, one in enumerate(fits) if one is fitted]
        part = activations[places]
        features = _features(embedder, part)
        split = split_of(fitted, pooled(features)) if embedder.pooled else None
        if split is not None:
            made = _ood_cells(features, settings, split)
        elif settings.kind == "ood-features":
            raise SettingsError(
                f"the score of {settings.detector} is no sum over features, so they have no shares of it; "
                "ask for the kind ood-centred, or for another detector"
            )
        else:
            cells, scores = gradient_map(embedder, part, score_of(fitted))
            label = _NO_SPLIT if embedder.pooled else _APPROXIMATE
            made = [Cells(_array(one), float(value), False, label) for one, value in zip(cells, scores, strict=True)]
        found |= dict(zip(places, made, strict=True))
    return [found[place] for place in range(len(fits))]


def _stacked(run: Run, embedder: Embedder, activations: Tensor, targets: Sequence[Tensor | None]) -> Tensor:
    """``[B, D]`` float64, on the CPU, of what each region is compared with; looked up where it is not known yet."""
    unknown = [place for place, mean in enumerate(targets) if mean is None]
    known = dict(enumerate(targets))
    if unknown:
        with torch.no_grad():
            embeddings = embedder.pool(activations[unknown])
        for place, rows in zip(unknown, neighbours_from_outside(run, embeddings), strict=True):
            known[place] = mean_of_units(run, rows)
    return torch.stack([mean for mean in known.values() if mean is not None])


def _ood_cells(features: Tensor, settings: MapSettings, split: Split) -> list[Cells]:
    scores = [float(score) for score in split.score]
    if settings.kind == "ood":
        label = "exact: the cells add up to the score of this forward pass"
        cells = additive_map(features, split)
        return [Cells(_array(one), score, True, label) for one, score in zip(cells, scores, strict=True)]
    if settings.kind == "ood-centred":
        label = "exact: positive cells make it stranger, negative more familiar, the sum is 0"
        cells = centred_map(features, split)
        return [Cells(_array(one), score, True, label) for one, score in zip(cells, scores, strict=True)]
    found = feature_maps(features, split.contributions(unit(pooled(features))), settings.features)
    label = "Grad-CAM++ of every feature, scaled to [0, 1] and weighted by what it adds to the score; not additive"
    result = []
    for place, score in enumerate(scores):
        listed = tuple(
            (int(feature), float(found.contributions[place, feature]), _array(cells))
            for feature, cells in zip(found.top[place], found.top_maps[place], strict=True)
        )
        result.append(Cells(_array(found.combined[place]), score, False, label, top=listed))
    return result


def _gradient_cells(embedder: Embedder, activations: Tensor, settings: MapSettings, target: Tensor) -> list[Cells]:
    if settings.kind == "ood-features":
        raise SettingsError(
            f"{embedder.name} does not end in a plain average pool, so its features have no maps of their own; "
            "ask for the kind ood-centred"
        )
    vectors = target.float().to(activations.device)

    def similarity(embeddings: Tensor) -> Tensor:
        return (torch.nn.functional.normalize(embeddings, dim=1) * vectors).sum(1)

    score = similarity if settings.kind == "match" else lambda embeddings: 1 - similarity(embeddings)
    cells, scores = gradient_map(embedder, activations, score)
    return [Cells(_array(one), float(value), False, _APPROXIMATE) for one, value in zip(cells, scores, strict=True)]


def _class_cells(embedder: Embedder, activations: Tensor, settings: MapSettings) -> list[Cells]:
    head = head_of(embedder)
    if settings.concept is None:
        classes = top_classes(activations, head)
    else:
        classes = [head.index(settings.concept)] * len(activations)
    with torch.no_grad():
        logits = head.module(activations)
    cells = class_maps(embedder, activations, head, classes, method=settings.method)
    label = f"{settings.method} of the raw logit, scaled to [0, 1]"
    return [
        Cells(_array(one), float(logits[place, index]), False, label, head.names[index])
        for place, (one, index) in enumerate(zip(cells, classes, strict=True))
    ]


def _array(cells: Tensor) -> NDArray[np.float32]:
    result: NDArray[np.float32] = np.ascontiguousarray(cells.detach().float().cpu().numpy())
    return result
