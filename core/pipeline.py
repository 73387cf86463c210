"""The pipeline: orders the stages, keeps what they leave, goes on after a stop. The only module that knows them all.

The contract:
- each stage's result is kept under a key of its inputs, settings and version, so only what depends on a change is
  computed again, and a killed run goes on where it was;
- the same plan (settings, regions, network) is the same run: asked for twice, it is shown, not made twice;
- a written run never changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from core.artefacts import array_digest, digest
from core.catalogue.regions import box_of
from core.errors import Cancelled, CoreError
from core.planning import Plan, plan_run
from core.progress import Progress
from core.results import RunOutcome, write_results
from core.runs import RunInfo
from core.settings import RunSettings
from core.stages import (
    DETECTOR_VERSION,
    QUALITY_ROWS,
    QUALITY_VERSION,
    REFERENCE_COLUMNS,
    VERSIONS,
    Answers,
    Embeddings,
    GraphColumns,
    Projection,
    Scores,
    check_embedded,
    detect_regions,
    results_table,
    score_regions,
    unscored,
)

if TYPE_CHECKING:
    from core.embed.loop import RegionJob
    from core.embed.store import EmbeddingStore
    from core.ood.halves import Detected
    from core.workspace import Workspace

T = TypeVar("T")
ProgressFor = Callable[[str, str], Progress]
"""``progress_for(stage, unit)`` gives the progress callee of one stage."""


def execute(
    workspace: Workspace,
    settings: RunSettings,
    *,
    name: str | None,
    actor: str,
    workers: int,
    progress_for: ProgressFor,
    again: bool = False,
) -> RunOutcome:
    """Make a run, or go on with it, or show the one that is there.

    Args:
        name: Shown to people; the datasets' names if ``None``.
        workers: Threads that read images.
        again: Make a new run even when the same one exists.

    Raises:
        CoreError: something in the settings or the data does not allow it; the run is noted as failed.
        Cancelled: stopped on request; finished work is kept.
    """
    plan = plan_run(workspace, settings)
    found = None if again else workspace.journal.find(plan.key)
    if found is not None and found.state == "done":
        made = workspace.open_run(found.id)
        return RunOutcome(found, True, made.counts, made.manifest["flag"], made.manifest["k"])
    if found is None:
        found = workspace.journal.start(name or ", ".join(settings.datasets), plan.key, plan.settings, actor)
    else:
        workspace.journal.resume(found.id)
    try:
        return _Run(workspace, plan, found, workers, progress_for).run()
    except (Cancelled, KeyboardInterrupt):
        workspace.journal.fail(found.id, "cancelled", "stopped; run again with the same words to go on")
        raise
    except CoreError as error:
        workspace.journal.fail(found.id, "failed", str(error))
        raise


class _Run:
    """One execution: keys, artefacts and progress of its stages."""

    def __init__(
        self,
        workspace: Workspace,
        plan: Plan,
        info: RunInfo,
        workers: int,
        progress_for: ProgressFor,
    ) -> None:
        self.workspace, self.plan, self.info = workspace, plan, info
        self.regions, self.embedder, self.model, self.workers = plan.regions, plan.embedder, plan.model, workers
        self.settings = plan.settings
        self.progress_for = progress_for
        self.keys: dict[str, str] = {"regions": plan.regions_key}
        self.timings: dict[str, float] = {}
        self.position = 0
        self.largest_k = 0

    def run(self) -> RunOutcome:
        """All stages in their order."""
        from core.space.clusters import Clusters, found_flat

        self.workspace.artefacts.save("regions", self.keys["regions"], self.regions)
        embeddings = self._embeddings()
        check_embedded(embeddings)
        scores = self._scores(embeddings, self._graphs(embeddings))
        detected = self._detected(embeddings)
        projection = self._stage("projection", Projection, self._projection_inputs, lambda p: self._project(embeddings))
        self._believed(embeddings, projection)
        flat = found_flat(len(projection.xy), self.settings.clusters)
        inputs = self._cluster_inputs(flat)
        clusters = self._stage("clusters", Clusters, lambda: inputs, lambda p: self._cluster(projection))
        table = results_table(self.regions, embeddings, scores, projection.xy, clusters, detected)
        return write_results(
            self.workspace,
            self.info.id,
            table,
            settings=self.settings,
            key=self.plan.key,
            artefacts=self.keys,
            embedder=self.embedder,
            scores=scores,
            lacking=self.regions.lacking,
            failures=embeddings.failures,
            timings=self.timings,
            detectors={found.name: self._facts(found) for found in detected},
            cluster_tree="flat" if flat else "",
        )

    # --- one stage ----------------------------------------------------------------------------------------------------

    def _reporter(self, stage: str, unit: str = "") -> Progress:
        self.position += 1
        shown = self.progress_for(stage, unit)
        return self.workspace.journal.reporter(self.info.id, stage, self.position, shown)

    def _stage(
        self,
        stage: str,
        kind: type[T],
        inputs: Callable[[], tuple[dict[str, str], dict[str, Any]]],
        compute: Callable[[Progress], T],
    ) -> T:
        """The stage's artefact, from the store or computed now."""
        began = time.monotonic()
        key = self.workspace.artefacts.key(stage, VERSIONS[stage], *inputs())
        self.keys[stage] = key
        report = self._reporter(stage)
        if not self.workspace.artefacts.has(stage, key):
            report(0, 1)
            self.workspace.artefacts.save(stage, key, compute(report))
            report(1, 1)
        self.timings[stage] = time.monotonic() - began
        return self.workspace.artefacts.load(stage, key, kind)

    # --- embeddings ---------------------------------------------------------------------------------------------------

    def _embeddings(self) -> Embeddings:
        from core.embed.loop import embed_regions
        from core.embed.recalled import Recalled
        from core.embed.store import EmbeddingStore

        began = time.monotonic()
        inputs = {"regions": self.keys["regions"], "embedder": self.embedder.key}
        key = self.workspace.artefacts.key("embeddings", VERSIONS["embeddings"], inputs, {})
        self.keys["embeddings"] = key
        report = self._reporter("embeddings", "regions")
        if not self.workspace.artefacts.has("embeddings", key):
            if isinstance(self.embedder, Recalled):
                raise self.embedder.refusal
            jobs = self._jobs()
            keys = [job.key for job in jobs]
            folder = self.workspace.root / "embeddings"
            with EmbeddingStore(folder, self.embedder.key, self.embedder.dimension) as store:
                outcome = embed_regions(
                    jobs,
                    self.embedder,
                    on_batch=lambda batch: store.append([keys[i] for i in batch.indices], batch.vectors),
                    stored=set(keys) - set(store.missing(keys)),
                    workers=self.workers,
                    progress=report,
                )
                artefact = self._gather(store, keys, {failure.index: failure.reason for failure in outcome.failures})
            self.workspace.artefacts.save("embeddings", key, artefact)
        self.timings["embeddings"] = time.monotonic() - began
        return self.workspace.artefacts.load("embeddings", key, Embeddings)

    def _jobs(self) -> list[RegionJob]:
        """One job a region, in the table's order."""
        from core.embed.loop import RegionJob
        from core.embed.store import region_key

        roots = {dataset.name: dataset.root for dataset in self.workspace.datasets()}
        table = self.regions.table
        columns = [table[name].tolist() for name in ("dataset", "path", "content_hash", "width", "height", "region")]
        jobs = []
        for dataset, path, content_hash, width, height, region in zip(*columns, strict=True):
            box = None if region == "image" else box_of(region)
            jobs.append(RegionJob(region_key(content_hash, box), roots[dataset] / path, width, height, box))
        return jobs

    def _gather(self, store: EmbeddingStore, keys: list[str], failures: Mapping[int, str]) -> Embeddings:
        lacking = set(store.missing(keys))
        rows = np.array([row for row, key in enumerate(keys) if key not in lacking], dtype=np.int64)
        ids = self.regions.table["region_id"].to_numpy()
        failed = [[int(ids[row]), failures[row]] for row, key in enumerate(keys) if key in lacking]
        return Embeddings(store.read([keys[row] for row in rows]), rows, failed)

    # --- graphs and scores --------------------------------------------------------------------------------------------

    def _graphs(self, embeddings: Embeddings) -> GraphColumns | None:
        """Both neighbour graphs, in one pass where neither is kept; the reference graph, if there can be one."""
        from core.neighbours.finding import find_graphs
        from core.neighbours.graph import largest_k

        began = time.monotonic()
        store = self.workspace.artefacts
        rows = embeddings.rows
        reference, groups = self.regions.reference[rows], self.regions.groups[rows]
        self.largest_k = largest_k(groups, reference)
        wanted = min(self.largest_k, max(REFERENCE_COLUMNS, self.settings.ood.k or 0))
        inputs = {"embeddings": self.keys["embeddings"]}
        columns = min(self.settings.neighbours, len(rows))
        recall = self.plan.recall
        how = {} if recall is None else {"recall": recall}
        whole = store.key("graph_all", VERSIONS["graph_all"], inputs, {"columns": columns, **how})
        masks = {"reference": array_digest(reference), "groups": array_digest(groups)}
        known = store.key("graph_reference", VERSIONS["graph_reference"], inputs | masks, {"columns": wanted, **how})
        self.keys |= {"graph_all": whole, "graph_reference": known}
        report = self._reporter("neighbours", "blocks of pairs" if recall is None else "regions")
        kept = store.has("graph_all", whole)
        if not kept or not store.has("graph_reference", known):
            found = find_graphs(
                embeddings.vectors,
                reference=reference,
                groups=groups,
                k_all=0 if kept else columns,
                k_reference=wanted,
                recall=recall,
                device=self.embedder.device,
                progress=report,
            )
            graphs, held = found.graphs, found.recall
            if held is not None:
                store.save("recall_reference", known, held.reference)
                if not kept:
                    store.save("recall_all", whole, held.all)
            if not kept:
                store.save("graph_all", whole, GraphColumns(graphs.all.indices, graphs.all.distances))
            store.save("graph_reference", known, GraphColumns(graphs.reference.indices, graphs.reference.distances))
        if recall is not None:
            self.keys |= {"recall_all": whole, "recall_reference": known}
        self.timings["neighbours"] = time.monotonic() - began
        return store.load("graph_reference", known, GraphColumns) if wanted else None

    def _scores(self, embeddings: Embeddings, graph: GraphColumns | None) -> Scores:
        from core.ood.knn import choose_k

        if graph is None:
            self.keys["scores"] = self.keys["graph_reference"]
            return unscored(len(embeddings.rows), self.settings.ood.alpha, self._why_unscored(embeddings))
        k = choose_k(self.settings.ood.k, self.largest_k)
        inputs = {"graph_reference": self.keys["graph_reference"], "regions": self.keys["regions"]}
        return self._stage(
            "scores",
            Scores,
            lambda: (inputs, {"k": k, "alpha": self.settings.ood.alpha}),
            lambda p: score_regions(graph, self.regions, embeddings.rows, k, self.settings.ood.alpha),
        )

    def _detected(self, embeddings: Embeddings) -> list[Detected]:
        """What the detectors beside kNN say, each an artefact of its own."""
        names = self.settings.ood.detectors
        if not names:
            return []
        from core.ood.halves import Detected
        from core.ood.registry import DETECTORS

        answers = self._answers(embeddings)
        began = time.monotonic()
        store, alpha = self.workspace.artefacts, self.settings.ood.alpha
        inputs = {"embeddings": self.keys["embeddings"], "regions": self.keys["regions"]}
        report = self._reporter("detectors")
        found = []
        for done, name in enumerate(names):
            report(done, len(names))
            stage, read = f"detector_{name}", answers if DETECTORS[name].needs_logits else None
            of = inputs if read is None else inputs | {"model": read.key}
            self.keys[stage] = store.key(stage, DETECTOR_VERSION, of, {"alpha": alpha})
            if not store.has(stage, self.keys[stage]):
                store.save(stage, self.keys[stage], detect_regions(name, embeddings, self.regions, alpha, read))
            found.append(store.load(stage, self.keys[stage], Detected))
        report(len(names), len(names))
        self.timings["detectors"] = time.monotonic() - began
        return found

    def _facts(self, found: Detected) -> Mapping[str, Any]:
        """What the manifest says of a detector."""
        from core.ood.registry import DETECTORS

        if self.model is None or not DETECTORS[found.name].needs_logits:
            return found.facts
        return {**found.facts, "model": self.model.name, "model_key": self.model.key}

    def _answers(self, embeddings: Embeddings) -> Answers | None:
        """What the run's model says of every embedded region, from the workspace's stored predictions."""
        if self.model is None:
            return None
        from core.learn.apart import served
        from core.learn.predicting import predict_table

        began = time.monotonic()
        table = self.regions.table.iloc[embeddings.rows].reset_index(drop=True)
        source = {"kind": "run", "run": self.info.id, "name": self.info.name}
        report = self._reporter("predictions", "regions")
        stored = predict_table(self.workspace, self.model, table, source, workers=self.workers, progress=report)
        known = served(table, self.model.groups)
        self.timings["predictions"] = time.monotonic() - began
        return Answers(stored.logits, known, digest(self.model.key, array_digest(known)))

    def _why_unscored(self, embeddings: Embeddings) -> str:
        if len(embeddings.rows) == 1:
            return "nothing is scored: there is only one region, so there is nothing to compare it with"
        return (
            "nothing is scored: the whole reference is one group, so none of it can be compared with another group; "
            "name smaller groups at import or choose a wider reference"
        )

    # --- map and clusters ---------------------------------------------------------------------------------------------

    def _projection_inputs(self) -> tuple[dict[str, str], dict[str, Any]]:
        inputs = {"graph_all": self.keys["graph_all"], "embeddings": self.keys["embeddings"]}
        if self.settings.projection.method == "supervised":
            inputs["regions"] = self.keys["regions"]  # their labels
        return inputs, self.settings.projection.keyed()

    def _project(self, embeddings: Embeddings) -> Projection:
        from core.neighbours.graph import Graph
        from core.space.projection import project
        from core.space.supervised import label_codes

        labels = None
        if self.settings.projection.method == "supervised":
            concepts = self.regions.table["concepts"].iloc[embeddings.rows]
            labels = label_codes([() if names is None else tuple(names) for names in concepts])
        graph = self.workspace.artefacts.load("graph_all", self.keys["graph_all"], Graph)
        return Projection(project(graph, embeddings.vectors, self.settings.projection, labels))

    def _believed(self, embeddings: Embeddings, projection: Projection) -> None:
        """How far the map can be believed; beside the stages, so that keys of earlier runs stay as they are."""
        from core.space.quality import map_quality

        began = time.monotonic()
        store = self.workspace.artefacts
        inputs = {name: self.keys[name] for name in ("embeddings", "projection")}
        key = store.key("quality", QUALITY_VERSION, inputs, {"rows": QUALITY_ROWS})
        if not store.has("quality", key):
            store.save("quality", key, map_quality(embeddings.vectors, projection.xy, sample=QUALITY_ROWS))
        self.keys["quality"] = key
        self.timings["quality"] = time.monotonic() - began

    def _cluster_inputs(self, flat: bool) -> tuple[dict[str, str], dict[str, Any]]:
        how = asdict(self.settings.clusters) | ({"tree": "flat"} if flat else {})
        return {"projection": self.keys["projection"]}, how

    def _cluster(self, projection: Projection) -> Any:
        from core.space.clusters import cluster

        return cluster(projection.xy, self.settings.clusters)
