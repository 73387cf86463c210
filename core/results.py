"""What a finished run leaves for its readers: its table, its manifest, and a word about how it went.

The contract: equal runs leave equal bytes; clock times stand in a file of their own.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.artefacts import canonical_json, write_atomically
from core.runs import JUDGED, RunInfo, flags
from core.settings import RunSettings
from core.stages import VERSIONS, Scores

if TYPE_CHECKING:
    import pandas as pd

    from core.embed.embedder import Embedder
    from core.embed.recalled import Recalled
    from core.workspace import Workspace


@dataclass(frozen=True)
class RunOutcome:
    """A finished run.

    Attributes:
        reused: Whether the same run was there already.
        timings: Seconds of each stage in this call; stages that were kept take next to none.
        sentence: What came of it, for people.
    """

    info: RunInfo
    reused: bool
    counts: Mapping[str, int]
    flag: Mapping[str, Any]
    k: int
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        again = " (made before; nothing had changed)" if self.reused else ""
        return f"run {self.info.id} {self.info.name}{again}: {self.counted}\n{self.flag['sentence']}"

    @property
    def counted(self) -> str:
        """The counts alone; flagged is of what is judged."""
        counts = self.counts
        return (
            f"{counts['regions']:,} regions, {counts['reference']:,} reference, {counts['target']:,} target, "
            f"{counts[JUDGED]:,} flagged, {counts['clusters']:,} clusters"
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "run": self.info.id,
            "name": self.info.name,
            "reused": self.reused,
            "counts": dict(self.counts),
            "k": self.k,
            "flag": dict(self.flag),
            "timings": {stage: round(seconds, 3) for stage, seconds in self.timings.items()},
        }


def write_results(
    workspace: Workspace,
    run_id: int,
    table: pd.DataFrame,
    *,
    settings: RunSettings,
    key: str,
    artefacts: Mapping[str, str],
    embedder: Embedder | Recalled,
    scores: Scores,
    lacking: Mapping[str, int],
    failures: list[list[Any]],
    timings: Mapping[str, float],
    detectors: Mapping[str, Mapping[str, Any]],
    cluster_tree: str,
) -> RunOutcome:
    """Write a run's table and manifest and note it as done.

    Args:
        detectors: The facts of those beside kNN, by name.
        cluster_tree: ``flat`` where the clusters' tree was found as that of a flat map; else empty.
    """
    from core.device import device_facts

    counts = _counts(table, failed=len(failures))
    folder = workspace.run_folder(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    write_atomically(folder / "regions.parquet", buffer.getvalue())
    rounded = {stage: round(seconds, 3) for stage, seconds in timings.items()}
    write_atomically(folder / "timings.json", canonical_json(rounded).encode())
    manifest = {
        "key": key,
        "settings": settings.to_json(),
        "artefacts": dict(artefacts),
        "versions": dict(VERSIONS),
        "embedder": {
            "name": embedder.name,
            "key": embedder.key,
            "dimension": embedder.dimension,
            "pooled": embedder.pooled,
            "precision": embedder.precision,
            "memory_format": "channels_last",
        },
        "device": device_facts(embedder.device),
        "counts": counts,
        "k": scores.k,
        "flag": scores.flag,
        "lacking": dict(lacking),
        "failures": failures,
    }
    if detectors:
        manifest |= {"detectors": {name: dict(facts) for name, facts in detectors.items()}}
    if cluster_tree:
        manifest |= {"cluster_tree": cluster_tree}
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / "manifest.json", text.encode())
    workspace.journal.finish(run_id, counts)
    return RunOutcome(workspace.journal.run(run_id), False, counts, scores.flag, scores.k, timings)


def _counts(table: pd.DataFrame, failed: int) -> dict[str, int]:
    sets = table["set"].value_counts()
    both = int(sets.get("both", 0))
    return {
        "regions": len(table),
        "images": int(table["image_id"].nunique()),
        "reference": int(sets.get("reference", 0)) + both,
        "target": int(sets.get("target", 0)) + both,
        "groups": int(table.loc[table["group"] != "", ["dataset", "group"]].drop_duplicates().shape[0]),
        "flagged": int(table["flagged"].sum()),
        JUDGED: int(flags(table).sum()),
        "clusters": int(table["cluster"].max()) + 1,
        "noise": int((table["cluster"] == -1).sum()),
        "failed": failed,
    }
