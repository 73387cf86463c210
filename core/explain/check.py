"""Whether a run's maps can be believed, measured on the run's own images.

Every measure of the maps stands beside the same measure of maps that know nothing of the score (random, a blob in the
middle, the length of the features) and of plain Grad-CAM. Intervals are bootstrapped over groups.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from core.errors import GraphError, ModelError, SettingsError
from core.explain.baselines import activation_norm, centre_blob, random_map
from core.explain.boxes import find_boxes, overlap
from core.explain.classes import class_maps, top_classes
from core.explain.drawing import draw_cells
from core.explain.faithfulness import (
    area,
    completeness_error,
    deletion_curve,
    energy_inside,
    group_interval,
    pointing_game,
    ranking_auc,
    removal_effects,
    sign_agreement,
)
from core.explain.gradient import embedding_map
from core.explain.maps import MapSettings, WhyMap
from core.explain.networks import head_of, network_of
from core.explain.regions import explain_regions
from core.explain.subjects import Opened, open_subjects, subject_of_row, usual_geometry
from core.explain.truth import Truth, known_places, located_statements
from core.progress import Progress, silent
from core.runs import Run
from core.stages import group_codes
from core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

STAGE = "why-check"
VERSION = 3
MEASURES = {
    "pointing": "share of images whose highest place lies on an object",
    "energy": "share of the map's positive part that lies on objects",
    "ranking": "chance that a pixel on an object is higher than one beside",
    "sign": "share of cells whose sign is that of taking them away and scoring again",
    "completeness": "distance of the cells' sum from what it promises to be",
    "deletion": "mean score while the highest places are blurred first (lower is better), as a share of the score",
    "insertion": "mean score while the highest places are put back first (higher is better), as a share of the score",
    "boxes": "share of annotated boxes met by a box from the map with IoU >= 0.3",
}
LOWER_IS_BETTER = ("completeness", "deletion")
COLUMNS = (
    *("measure", "method", "concept", "mean", "low", "high", "images", "groups"),
    *("lead", "lead_low", "lead_high", "over"),
)
BASELINES = ("random", "centre blob", "activation norm", "activation norm, larger", "plain Grad-CAM")
_WAYS: tuple[tuple[str, MapSettings], ...] = (
    ("centred", MapSettings("ood-centred")),
    ("centred, larger", MapSettings("ood-centred", "larger")),
    ("novel", MapSettings("ood-novel")),
    ("novel, larger", MapSettings("ood-novel", "larger")),
    ("additive", MapSettings("ood")),
    ("features", MapSettings("ood-features")),
)
_ENOUGH = 0.3


@dataclass(frozen=True)
class Check:
    """The table, and what it was measured on.

    Attributes:
        table: One row a measure and method, `COLUMNS`. ``concept`` is empty but for boxes; ``lead`` is how much better
            a method is than the best baseline of its measure, region by region, in the direction that is better.
        sentence: Which annotations counted.
        skipped: Methods that this network cannot have, with the reason.
    """

    table: pd.DataFrame
    sentence: str
    skipped: list[str]


def kept_check(run: Run, workspace: Workspace, limit: int = 60, truth: Path | None = None) -> Check | None:
    """The check as it was made, or ``None``."""
    return largest_kept(run, workspace, (limit,), truth)


def largest_kept(run: Run, workspace: Workspace, limits: Sequence[int], truth: Path | None = None) -> Check | None:
    """Of the checks made with some limits the first one that is kept, or ``None``."""
    places = _places_key(run, workspace, truth)
    for limit in limits:
        key = _key(run, workspace, limit, places)
        if workspace.artefacts.has(STAGE, key):
            return workspace.artefacts.load(STAGE, key, Check)
    return None


def check_maps(
    run: Run, workspace: Workspace, *, limit: int = 60, truth: Path | None = None, progress: Progress = silent
) -> Check:
    """Measure a run's maps; the table is kept and not computed twice.

    Args:
        limit: Images judged by their masks, at least 2; a third of them by deletion and insertion.
        truth: A COCO file of places, see `core.explain.truth.known_places`.
        progress: Called with (steps done, steps in total).

    Raises:
        SettingsError: no target has an annotation with a place, or `limit` is too small.
        CoreError: the network or the images cannot be used.
    """
    if limit < 2:
        raise SettingsError(f"a check needs at least 2 images, got {limit}")
    kept = kept_check(run, workspace, limit, truth)
    if kept is not None:
        return kept
    truths, sentence = known_places(run, workspace, limit, truth)
    judged = _Judged(run, workspace, truths)
    steps = len(_WAYS) + 3
    for number, (name, settings) in enumerate(_WAYS):
        progress(number, steps)
        judged.add_maps(name, settings)
    progress(len(_WAYS), steps)
    judged.add_baselines()
    progress(len(_WAYS) + 1, steps)
    judged.judge_against_masks()
    judged.judge_cells()
    progress(len(_WAYS) + 2, steps)
    judged.judge_by_blurring(max(2, limit // 3))
    check = Check(judged.table(), sentence, judged.skipped)
    workspace.artefacts.save(STAGE, _key(run, workspace, limit, _places_key(run, workspace, truth)), check)
    progress(steps, steps)
    return check


def _key(run: Run, workspace: Workspace, limit: int, places: str) -> str:
    return workspace.artefacts.key(STAGE, VERSION, {"run": run.key, "places": places}, {"limit": limit})


def _places_key(run: Run, workspace: Workspace, truth: Path | None) -> str:
    from core.artefacts import canonical_json, digest

    return digest(
        canonical_json({str(image): notes for image, notes in located_statements(run, workspace, truth).items()})
    )


class _Judged:
    """Maps of the same regions by many ways, and the values measured on them."""

    def __init__(self, run: Run, workspace: Workspace, truths: Sequence[Truth]) -> None:
        self.run, self.workspace = run, workspace
        self.embedder = network_of(run)
        subjects = [subject_of_row(run, workspace, truth.row) for truth in truths]
        opened, failures = open_subjects(subjects, [[usual_geometry(self.embedder, one)] for one in subjects])
        self.truths = [truth for place, truth in enumerate(truths) if place not in failures]
        if not self.truths:
            raise SettingsError(f"none of the annotated images can be opened: {next(iter(failures.values()))}")
        self.opened: list[Opened] = opened
        self.maps: dict[str, list[WhyMap]] = {}
        self.skipped: list[str] = []
        self.values: dict[tuple[str, str, str], list[tuple[float, int]]] = defaultdict(list)
        self.rescore = _Rescorer(run)

    def add_maps(self, name: str, settings: MapSettings) -> None:
        """Maps by one way, if this network can make them for every region."""
        try:
            batch = explain_regions(self.run, self.workspace, [t.row for t in self.truths], settings=settings)
        except (SettingsError, GraphError, ModelError) as error:
            self.skipped.append(f"{name}: {error}")
            return
        if batch.failures:
            self.skipped.append(f"{name}: {next(iter(batch.failures.values()))}")
            return
        self.maps[name] = [one for one in batch.maps if one is not None]

    def add_baselines(self) -> None:
        """Maps that know nothing of the score, on the network's own grid; the length of features on the larger too."""
        made: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        for place, one in enumerate(self.opened):
            with torch.no_grad():
                activations = self.embedder.activations(self.embedder.normalise(one.pixels[None]))
            features = self.embedder.map_of(activations).float()
            shape = (int(features.shape[2]), int(features.shape[3]))
            made["random"].append(random_map(shape, place))
            made["centre blob"].append(centre_blob(shape))
            made["activation norm"].append(activation_norm(features)[0].cpu().numpy())
            made["plain Grad-CAM"].append(self._plain(activations)[0].cpu().numpy())
        model = self.maps.get("centred") or next(iter(self.maps.values()), [])
        for name, arrays in made.items():
            self.maps[name] = [
                replace(one, cells=cells, geometry=opened.geometry, exact=False, kind="embedding")
                for one, cells, opened in zip(model, arrays, self.opened, strict=True)
            ]
        self._add_larger_norm(model)

    def _add_larger_norm(self, model: Sequence[WhyMap]) -> None:
        """A finer grid points better whatever is drawn on it, so maps on it must beat this one."""
        name = "activation norm, larger"
        try:
            larger = network_of(self.run, "larger")
        except SettingsError as error:
            self.skipped.append(f"{name}: {error}")
            return
        subjects = [subject_of_row(self.run, self.workspace, truth.row) for truth in self.truths]
        opened, _ = open_subjects(subjects, [[usual_geometry(larger, one)] for one in subjects])
        maps = []
        for one, seen in zip(model, opened, strict=True):
            with torch.no_grad():
                features = larger.features(larger.normalise(seen.pixels[None])).float()
            cells = activation_norm(features)[0].cpu().numpy()
            maps.append(replace(one, cells=cells, geometry=seen.geometry, exact=False, kind="embedding", grid="larger"))
        self.maps[name] = maps

    def _plain(self, activations: Tensor) -> Tensor:
        """Grad-CAM of the class that the network would guess; of the embedding's sum where it has no head."""
        try:
            head = head_of(self.embedder)
        except ModelError:
            return embedding_map(self.embedder, activations)
        return class_maps(self.embedder, activations, head, top_classes(activations, head), method="grad-cam")

    def _note(self, measure: str, method: str, value: float, group: int, concept: str = "") -> None:
        self.values[measure, method, concept].append((value, group))

    def judge_against_masks(self) -> None:
        """Pointing game, energy, ranking, and boxes."""
        for name, maps in self.maps.items():
            for truth, one in zip(self.truths, maps, strict=True):
                pixels = draw_cells(one.cells, one.geometry, truth.size)
                self._note("pointing", name, float(pointing_game(pixels, truth.mask)), truth.group)
                self._note("energy", name, energy_inside(pixels, truth.mask), truth.group)
                self._note("ranking", name, ranking_auc(pixels, truth.mask), truth.group)
                boxes = [found.box for found in find_boxes(pixels)]
                for concept, box in truth.objects:
                    met = float(any(overlap(box, found) >= _ENOUGH for found in boxes))
                    self._note("boxes", name, met, truth.group)
                    self._note("boxes", name, met, truth.group, concept)

    def judge_cells(self) -> None:
        """Completeness of the exact maps, and every cell's sign against taking the cell away."""
        for name in ("centred", "additive", "centred, larger"):
            for truth, one in zip(self.truths, self.maps.get(name, []), strict=False):
                if one.exact and one.score is not None:
                    promised = one.score if one.kind == "ood" else 0.0
                    self._note("completeness", name, completeness_error(one.cells, promised), truth.group)
        if not self.embedder.pooled:
            self.skipped.append("sign: cells cannot be taken away where the network does not end in a plain pool")
            return
        for place, (truth, opened) in enumerate(zip(self.truths, self.opened, strict=True)):
            with torch.no_grad():
                features = self.embedder.features(self.embedder.normalise(opened.pixels[None]))[0].float().cpu()
            if features.shape[1] * features.shape[2] < 2:
                continue
            effects = removal_effects(features, partial(self.rescore, row=truth.row)).numpy()
            for name in ("centred", "additive", "novel", *BASELINES):
                if name in self.maps and self.maps[name][place].cells.shape == effects.shape:
                    cells = self.maps[name][place].cells
                    middle = float(np.median(cells)) if name in BASELINES else 0.0
                    self._note("sign", name, sign_agreement(cells - middle, effects), truth.group)

    def judge_by_blurring(self, most: int) -> None:
        """Deletion and insertion, against the picture blurred beyond recognition."""
        for truth, opened, place in list(zip(self.truths, self.opened, range(len(self.truths)), strict=True))[:most]:
            score = self._score_of(truth.row)
            ground = _blurred(opened.pixels)
            full = float(score(opened.pixels[None])[0])
            if full <= 0:
                continue
            for name, maps in self.maps.items():
                for measure in ("deletion", "insertion"):
                    curve = deletion_curve(
                        maps[place].cells, opened.pixels, ground, score, insertion=measure == "insertion"
                    )
                    self._note(measure, name, area(curve) / full, truth.group)

    def _score_of(self, row: int) -> Callable[[Tensor], Tensor]:
        def score(images: Tensor) -> Tensor:
            with torch.no_grad():
                embeddings = self.embedder.pool(self.embedder.activations(self.embedder.normalise(images)))
            return self.rescore(embeddings.cpu(), row)

        return score

    def table(self) -> pd.DataFrame:
        """Means with intervals, and each method's lead over the best baseline of its measure."""
        import pandas as pd

        lines: list[dict[str, Any]] = []
        order = list(MEASURES)
        for measure, method, concept in sorted(self.values, key=lambda key: (order.index(key[0]), key[2])):
            values = self.values[measure, method, concept]
            numbers, groups = np.array([v for v, _ in values]), np.array([g for _, g in values])
            mean, low, high = group_interval(numbers, groups)
            rival = self._rival(measure, concept)
            lead = (math.nan,) * 3
            if rival and len(self.values[measure, rival, concept]) == len(values):
                ahead = numbers - np.array([v for v, _ in self.values[measure, rival, concept]])
                lead = group_interval(-ahead if measure in LOWER_IS_BETTER else ahead, groups)
            facts = (measure, method, concept, mean, low, high, len(values), len(np.unique(groups)), *lead, rival)
            lines.append(dict(zip(COLUMNS, facts, strict=True)))
        return pd.DataFrame(lines, columns=list(COLUMNS))

    def _rival(self, measure: str, concept: str) -> str:
        """The baseline with the best mean; empty where none was measured."""
        sign = -1 if measure in LOWER_IS_BETTER else 1
        measured = [name for name in BASELINES if (measure, name, concept) in self.values]
        return max(
            measured,
            key=lambda name: sign * float(np.nanmean([v for v, _ in self.values[measure, name, concept]])),
            default="",
        )


class _Rescorer:
    """The run's score of any embedding, its region's own group left out."""

    def __init__(self, run: Run) -> None:
        rows = np.flatnonzero(run.table["set"].isin(["reference", "both"]).to_numpy())
        vectors = torch.from_numpy(np.array(run.embeddings[rows], np.float32))
        self.units = torch.nn.functional.normalize(vectors, dim=1)
        codes = group_codes(run.table)
        self.codes, self.groups = codes, torch.from_numpy(codes[rows])
        self.k = int(run.manifest["k"])

    def __call__(self, embeddings: Tensor, row: int) -> Tensor:
        similarity = torch.nn.functional.normalize(embeddings.float(), dim=1) @ self.units.T
        similarity[:, self.groups == int(self.codes[row])] = -2.0
        return 1 - similarity.topk(self.k, dim=1).values.mean(1)


def _blurred(pixels: Tensor) -> Tensor:
    picture = Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))
    radius = max(pixels.shape[1:]) / 12
    return torch.from_numpy(np.array(picture.filter(ImageFilter.GaussianBlur(radius)))).permute(2, 0, 1)
