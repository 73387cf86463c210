"""What a run will do, decided before the long work: settings made whole, regions chosen, networks opened.

The contract:
- everything that can be refused is refused here, in words;
- the same settings on the same regions by the same networks have the same key, wherever files lie;
- a run that needs no picture embedded anew needs no network: weights may be gone;
- a setting that came later leaves the keys of runs without it as they were.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from core.artefacts import array_digest, canonical_json, digest
from core.catalogue.regions import concept_descendants, dataset_ids, ensure_regions, region_table
from core.errors import ModelError, SettingsError, WorkspaceError
from core.review.knowing import check_joined, judged_known
from core.settings import RunSettings
from core.space.clusters import found_flat
from core.stages import DETECTOR_VERSION, VERSIONS, Regions, calibrating, resolve_regions

if TYPE_CHECKING:
    from core.embed.embedder import Embedder
    from core.embed.recalled import Recalled
    from core.learn.models import Model
    from core.workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """A run to be made.

    Attributes:
        settings: With the detectors' own names.
        regions: Chosen from the catalogue as it is now.
        embedder: Turns regions into embeddings; where its network cannot be opened, what an earlier run says of it.
        model: Whose logits some detectors read; ``None`` where none does.
    """

    settings: RunSettings
    regions: Regions
    embedder: Embedder | Recalled
    model: Model | None

    @property
    def recall(self) -> float | None:
        """The recall to reach where neighbours are searched approximately; ``None`` where every pair is compared."""
        search = self.settings.search
        approximate = search.approximate(len(self.regions.table), str(self.embedder.device))
        return search.recall if approximate else None

    @cached_property
    def regions_key(self) -> str:
        """A key of everything in the regions' table, wherever the workspace and the images happen to be."""
        buffer = io.BytesIO()
        self.regions.table.to_parquet(buffer, index=False, compression=None)
        masks = (self.regions.reference, self.regions.target, self.regions.groups)
        return digest("regions", str(VERSIONS["regions"]), buffer.getvalue(), *(array_digest(mask) for mask in masks))

    @cached_property
    def key(self) -> str:
        """The same plan is the same run."""
        settings = self.settings.to_json()
        settings["embed"].pop("weights")  # a file's place says nothing; its content is in the embedder's key
        if not settings["embed"]["steps"]:
            settings["embed"].pop("steps")
        settings["projection"] = self.settings.projection.keyed()
        search = settings.pop("search")
        if self.recall is not None:
            settings["recall"] = search["recall"]  # whether it was asked for or chosen is one to the result
        if found_flat(len(self.regions.table), self.settings.clusters):
            settings["clusters"]["tree"] = "flat"
        versions = dict(VERSIONS)
        if settings["ood"]["detectors"]:
            versions["detectors"] = DETECTOR_VERSION
        else:
            settings["ood"].pop("detectors")
        settings["ood"].pop("model")  # its name says nothing; its key does
        if settings["known"] is None:
            settings.pop("known")
        models = [] if self.model is None else [self.model.key]
        return digest(canonical_json([settings, self.regions_key, self.embedder.key, versions, *models]))


def plan_run(workspace: Workspace, settings: RunSettings) -> Plan:
    """Choose the regions, open the networks, and refuse what cannot be.

    Raises:
        CoreError: something in the settings or the data does not allow the run; the sentence says what.
    """
    from core.learn.models import find_model, load_model
    from core.neighbours.graph import largest_k
    from core.ood.knn import choose_k

    datasets = dataset_ids(workspace.database, settings.datasets)
    ensure_regions(workspace.database, datasets, settings.regions)
    table = region_table(workspace.database, datasets, settings.regions)
    if table.empty:
        raise WorkspaceError(_nothing(settings))
    judged = () if settings.known is None else judged_known(workspace.database, settings.known)
    regions = resolve_regions(table, settings, concept_descendants(workspace.database, datasets), judged)
    if settings.known is not None:
        check_joined(regions, settings.known)
    largest = largest_k(regions.groups, regions.reference)
    if largest and settings.ood.k:
        choose_k(settings.ood.k, largest)
    settings = _with_detectors(settings, regions)
    model = None if settings.ood.model is None else load_model(find_model(settings.ood.model, workspace))
    return Plan(settings, regions, _embedder(workspace, settings), model)


def _embedder(workspace: Workspace, settings: RunSettings) -> Embedder | Recalled:
    """The network, opened; where it cannot be (weights that are gone), as the newest run of the same settings knew it.

    Raises:
        ModelError: it cannot be opened, and no run was made with it.
    """
    from core.embed.load import load_embedder
    from core.embed.recalled import recalled

    try:
        return load_embedder(settings.embed)
    except ModelError as error:
        for info in workspace.runs():
            if info.state == "done" and info.settings.embed == settings.embed:
                return recalled(workspace.open_run(info.id).manifest["embedder"], settings.embed, error)
        raise


def _with_detectors(settings: RunSettings, regions: Regions) -> RunSettings:
    """The settings with the detectors' own names."""
    given = settings.ood.model is not None
    if not settings.ood.detectors and not given:
        return settings
    from core.ood.halves import half_of_groups
    from core.ood.registry import detectors_named, readers_of_logits

    named = detectors_named(settings.ood.detectors, logits=given)
    if given and not any(detector.needs_logits for detector in named):
        raise SettingsError(f"a model is read by {readers_of_logits()} alone; name one as a detector too, or no model")
    half_of_groups(regions.groups[calibrating(regions.table, regions.reference)])
    return settings.with_(ood=replace(settings.ood, detectors=tuple(detector.name for detector in named)))


def _nothing(settings: RunSettings) -> str:
    names = ", ".join(settings.datasets)
    if settings.regions.kind == "boxes":
        return f"no image of {names} has an annotated box; use --regions image or tiles:2x3"
    return f"{names} has no usable image; look at the import's report, or name the images' folder with --images"
